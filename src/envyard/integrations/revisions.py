"""What changed since a commit, asked of git, with its failures in plain words."""

from __future__ import annotations

import posixpath
import shutil
from pathlib import Path

from envyard.errors import CommandFailed, EnvyardError, UsageError
from envyard.process import Completed, run

_DEEPEN = "run `git fetch --unshallow`; in CI set `fetch-depth: 0` (GitHub) or `GIT_DEPTH: 0` (GitLab)"
_BY_HAND = "run that `git` command by hand in the workspace"
_SECONDS = 120.0  # for one question, on a monorepo with a cold disk


class HistoryUnknown(EnvyardError):
    """git cannot tell what changed: no repository, an unknown commit, a shallow clone."""


def is_no_commit(revision: str) -> bool:
    """Whether it is the name of nothing, forty zeros: what CI systems call the commit before the first push."""
    return len(revision) >= 40 and not revision.strip("0")


def repository_above(folder: Path) -> Path | None:
    """The top of the repository of which `folder` is only a part; None where it is the top itself, or in none.

    A home that is a repository (of settings) counts as none.
    """
    above = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)
    return None if above in (folder, Path.home()) else above


def changed_files(folder: Path, since: str) -> tuple[str, ...]:
    """The files of a repository that differ from where its branch left `since`, sorted.

    They are relative to `folder`, with `/`; those that are not below it begin with `../`. Committed, staged, unstaged
    and new files that git does not ignore; of a renamed one both names. Raises `HistoryUnknown`, and `UsageError` for a
    revision that cannot be one.
    """
    if not since.strip() or "\0" in since:
        raise UsageError(
            "`--changed-since` needs a commit, a branch or a tag", hint="for example `--changed-since origin/main`"
        )
    _refuse_no_repository(folder)
    commit = _commit(folder, since)
    base = _common_ancestor(folder, since, commit)
    options = ("--name-only", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", "--no-relative", "-z")
    tracked = _lines(folder, "diff", *options, base, "--")
    new = _lines(folder, "ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", ":/")
    here = _git(folder, "rev-parse", "--show-prefix").stdout.removesuffix("\n") or "."
    return tuple(sorted(posixpath.relpath(name, here) for name in {*tracked, *new}))


def _refuse_no_repository(folder: Path) -> None:
    if shutil.which("git") is None:
        raise HistoryUnknown(
            "what changed is asked of git, which is not on PATH", hint="install git, or leave out `--changed-since`"
        )
    said = _git(folder, "rev-parse", "--is-inside-work-tree")
    if "dubious ownership" in said.stderr:
        raise HistoryUnknown(
            f"git refuses to look into `{folder}`, which belongs to another user",
            hint=f"run `git config --global --add safe.directory {folder}`",
        )
    if said.returncode != 0 or said.stdout.strip() != "true":
        raise HistoryUnknown(
            f"`{folder}` is in no git repository, so nobody knows what changed",
            hint="leave out `--changed-since` to take all projects",
        )


def _commit(folder: Path, since: str) -> str:
    said = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{since}^{{commit}}")
    if said.returncode == 0:
        return said.stdout.strip()
    if _is_shallow(folder):
        raise HistoryUnknown(f"`{since}` is not in this clone, which is shallow", hint=_DEEPEN)
    known = _git(folder, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
    names = known.stdout.split()
    raise HistoryUnknown(
        f"this repository has no commit, branch or tag `{since}`",
        hint="fetch it first, or name another one",
        details=[f"it has {', '.join(names[:12])}{f' and {len(names) - 12} more' if len(names) > 12 else ''}"]
        if names
        else [],
    )


def _common_ancestor(folder: Path, since: str, commit: str) -> str:
    said = _git(folder, "merge-base", commit, "HEAD")
    if said.returncode == 0:
        return said.stdout.split()[0]
    if _is_shallow(folder):
        raise HistoryUnknown(f"where this branch left `{since}` is not in this clone, which is shallow", hint=_DEEPEN)
    raise HistoryUnknown(
        f"`{since}` and the commit that is checked out have no history in common", hint="name another commit"
    )


def _is_shallow(folder: Path) -> bool:
    return _git(folder, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"


def _lines(folder: Path, *arguments: str) -> list[str]:
    said = _git(folder, *arguments)
    if said.returncode != 0:
        problem = f"git cannot tell what changed: `git {arguments[0]}` failed"
        raise HistoryUnknown(problem, hint=_BY_HAND, details=said.stderr.splitlines()[-5:])
    return [name for name in said.stdout.split("\0") if name]


def _git(folder: Path, *arguments: str) -> Completed:
    try:
        return run(["git", *arguments], cwd=folder, timeout=_SECONDS)
    except CommandFailed as error:
        raise HistoryUnknown(error.message, hint=_BY_HAND, details=error.details) from error
