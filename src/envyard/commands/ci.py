"""Continuous integration: `ci.matrix` and `ci.workflow`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from envyard.errors import EnvyardError, ExitCode
from envyard.files import replacing
from envyard.integrations import github, gitlab
from envyard.integrations.affected import affected_projects
from envyard.integrations.ci import Job, make_jobs
from envyard.integrations.revisions import changed_files, is_no_commit, repository_above
from envyard.project import Workspace

PROVIDERS = ("github", "gitlab")

_MARK = "written by envyard"
_PINNED = re.compile(r"(?m)(?<=uses: )([\w.-]+/[\w./-]+)@(\S+(?: +#.*)?)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The jobs to run. `since` is the commit they were chosen by, "" for all; `untouched` are the projects left out."""

    workspace: Workspace
    jobs: tuple[Job, ...]
    since: str = ""
    untouched: tuple[str, ...] = ()

    @property
    def why(self) -> dict[str, tuple[str, ...]]:
        """Key of each project that is tested -> reasons."""
        return {job.session: job.why for job in self.jobs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The workflow's text and place.

    `before`: "missing", "same" or "different"; `checked`: only compared; `unread`: the top of the repository, where the
    provider looks for the file instead, None for the workspace itself.
    """

    path: Path
    text: str
    before: str
    checked: bool
    unread: Path | None

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if self.checked and self.before != "same" else ExitCode.DONE


def matrix(workspace: Workspace, since: str | None = None) -> Matrix:
    """A job for each project and platform; only for the projects that changes since a commit affect, if it is given.

    Raises `HistoryUnknown` when git cannot tell what changed.
    """
    if since is None or is_no_commit(since):
        return Matrix(workspace=workspace, jobs=make_jobs(workspace))
    why = affected_projects(workspace, changed_files(workspace.root, since))
    untouched = tuple(project.key for project in workspace.projects if project.key not in why)
    return Matrix(workspace=workspace, jobs=make_jobs(workspace, why), since=since, untouched=untouched)


def workflow_text(workspace: Workspace, provider: str) -> str:
    """The whole workflow for `provider`, with the newer actions that its file names already."""
    return _text(workspace, provider, _read(workspace.root / _place(provider)))


def write_workflow(workspace: Workspace, provider: str, *, check: bool = False) -> Written:
    """Write the workflow where the provider looks for it, or with `check` only compare.

    A file that envyard did not write is never touched: raises `EnvyardError`.
    """
    if not (workspace.root / "noxfile.py").is_file():
        raise EnvyardError(
            "the workflow runs nox, and this workspace has no `noxfile.py`",
            hint="write the one of `docs/nox.md` of envyard, then run this again",
        )
    path = workspace.root / _place(provider)
    old = _read(path)
    if old is not None and _MARK not in old.partition("\n")[0]:
        raise EnvyardError(
            f"`{_place(provider)}` was not written by envyard, so it stays as it is",
            hint=f"take what you need from `invoke ci.workflow --provider {provider} --stdout`, or move the file away",
        )
    text = _text(workspace, provider, old)
    before = "missing" if old is None else "same" if old == text else "different"
    if not check and before != "same":
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    unread = repository_above(workspace.root)
    return Written(path=path, text=text, before=before, checked=check, unread=unread)


def _text(workspace: Workspace, provider: str, old: str | None) -> str:
    command = f"invoke ci.workflow --provider {provider}"
    head = f"# {_MARK}: change `[ci]` in workspace.toml and run `{command}`\n\n"
    if provider == "gitlab":
        return head + gitlab.workflow(workspace)
    pins = dict(_PINNED.findall(old or ""))  # a bot that updates actions is not undone
    return head + _PINNED.sub(lambda found: f"{found[1]}@{pins.get(found[1], found[2])}", github.workflow(workspace))


def _place(provider: str) -> str:
    return {"github": github.WORKFLOW, "gitlab": gitlab.WORKFLOW}[provider]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")  # with the line ends of any system
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise EnvyardError(f"`{path}` cannot be read: {error}", hint="move the file away") from error
