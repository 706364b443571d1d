"""`envyard init`: make a monorepo a workspace, or bring an old `workspace.toml` up to what is there now."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from envyard import carried, runner_files
from envyard.discovery import Discovery, discover
from envyard.errors import UsageError
from envyard.files import write_bytes
from envyard.integrations.revisions import repository_above
from envyard.manifest import read_manifest
from envyard.workspace import WORKSPACE_FILE
from envyard.workspace_file import (
    UNDECLARED,
    Declared,
    ProjectChange,
    Status,
    changed_text,
    compare,
    new_text,
    read_declared,
    running_python,
)

TOOLS = "requirements/tools.txt"
"""The locked tools of the workspace; where the scripts look for them."""

_NEEDED = "bootstrap tool_ setup_all_envs tools.txt"  # beginnings of names; the set-up works without the others
_ASKS = re.compile(r"^(?!\./)(envyard\b.*?)\s*(?:\\?\n|\Z)", re.MULTILINE)


class FileAction(StrEnum):
    """What happens to one file. `KEPT` is one that differs from what envyard would write, and stays."""

    NEW = "new"
    CHANGED = "changed"
    REMOVED = "removed"
    KEPT = "kept"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file, by its path relative to the workspace. `old` and `new` are its content; None where there is none.

    `reason` says why it is kept, and `lines` are what to add to it by hand.
    """

    path: str
    action: FileAction
    old: bytes | None = None
    new: bytes | None = None
    executable: bool = False
    reason: str = ""
    lines: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitPlan:
    """Everything that `apply_init` will do, and nothing else. `first` is false where a `workspace.toml` was there."""

    root: Path
    first: bool
    projects: tuple[ProjectChange, ...]
    files: tuple[FileChange, ...]
    notes: tuple[str, ...]
    scripts: str

    @property
    def changes_anything(self) -> bool:
        return any(file.action not in (FileAction.KEPT, FileAction.SAME) for file in self.files)


def plan_init(root: Path, *, scripts: str = "", envyard: str = "", nested: bool = False) -> InitPlan:
    """What has to be written to make `root` a workspace, or to bring it up to date; nothing is touched.

    `scripts` is the name of the folder for the scripts; `envyard` a wheel, or a requirement with its hash, in place of
    the envyard that runs. With `nested` folders inside projects are projects too, from now on. Raises `UsageError`,
    and `ConfigurationInvalid` for a `workspace.toml` that is no TOML.
    """
    _refuse_homes(root)
    scripts = _scripts_folder(root, scripts)
    declared = read_declared(root)
    nested = nested or (declared is not None and declared.nested)
    skip = [scripts] if (root / scripts / "bootstrap.py").exists() else []
    found = discover(
        root,
        exclude=declared.exclude if declared else (),
        skip=[*skip, declared.store if declared else ".envs"],
        top=not (declared and declared.paths),
        nested=nested,
    )
    if declared is None and not found.projects:
        raise UsageError(
            f"there is no project in `{root}`: no folder with a requirements.txt, pyproject.toml or setup.py",
            hint="go to the top folder of the monorepo, then run this again",
            details=found.notes,
        )
    changes, workspace = _workspace_file(root, declared, found, nested)
    files = [
        _gitignore(root, scripts),
        workspace,
        _runner(root, "noxfile.py", runner_files.NOXFILE, scripts),
        _runner(root, "tasks.py", runner_files.TASKS, scripts),
    ]
    machinery, problems = _machinery(root, scripts, envyard)
    return InitPlan(
        root=root,
        first=declared is None,
        projects=changes,
        files=(*files, *machinery),
        notes=(*found.notes, *problems, *(_repository_above(root) if declared is None else ())),
        scripts=scripts,
    )


def apply_init(plan: InitPlan) -> None:
    """Write what the plan says, each file in one step: whatever stops this leaves every file old or new.

    Raises `StoreUnusable` for a disk that is full or cannot be written.
    """
    for file in plan.files:
        if file.action in (FileAction.NEW, FileAction.CHANGED):
            write_bytes(plan.root / file.path, file.new or b"", executable=file.executable)
    for file in plan.files:
        if file.action == FileAction.REMOVED:
            (plan.root / file.path).unlink(missing_ok=True)


# --- parts of the plan


def _refuse_homes(root: Path) -> None:
    if not root.is_dir():
        raise UsageError(f"there is no folder `{root}`", hint="name the top folder of the monorepo")
    if root == Path(root.anchor) or root == Path.home():
        raise UsageError(f"`{root}` is no monorepo", hint="go to the top folder of the monorepo, then run this again")


def _repository_above(root: Path) -> Iterator[str]:
    """A note where the current folder is only a part of a repository: most often somebody forgot to go up."""
    above = repository_above(root)
    if above is not None:
        yield f"{root.name}: is a part of the repository `{above}`; go there to make all of it a workspace"


def _workspace_file(
    root: Path, declared: Declared | None, found: Discovery, nested: bool
) -> tuple[tuple[ProjectChange, ...], FileChange]:
    if declared is None:
        changes = compare(root, UNDECLARED, found.projects)
        text = new_text(_name_of(root), changes, read_manifest(root).python or running_python(), nested=nested)
        return changes, _change(root, WORKSPACE_FILE, text.encode(), ours=True)
    asked = nested and not declared.nested
    declared = replace(declared, nested=nested)
    changes = compare(root, declared, found.projects)
    if not asked and all(change.status == Status.DECLARED for change in changes):
        return changes, _same(root, WORKSPACE_FILE)
    return changes, _change(root, WORKSPACE_FILE, changed_text(declared, changes, root).encode(), ours=True)


def _gitignore(root: Path, scripts: str) -> FileChange:
    old = _read(root / ".gitignore")
    text = (old or b"").decode("utf-8", "surrogateescape")
    new = runner_files.with_ignored(text, scripts)
    return _change(root, ".gitignore", new.encode("utf-8", "surrogateescape"), ours=True)


def _runner(root: Path, name: str, template: str, scripts: str) -> FileChange:
    """A runner file; where people have their own, the lines that it needs."""
    change = _change(root, name, runner_files.marked(name, template.replace("@scripts@", scripts).encode()))
    if change.action != FileAction.KEPT:
        return change
    text = (change.old or b"").decode("utf-8", "replace")
    if "register_sessions" in text or "envyard.tasks" in text:
        return replace(change, action=FileAction.SAME, reason="")
    if name == "noxfile.py":
        return replace(change, lines=runner_files.NOXFILE_LINES)
    has_namespace = re.search(r"^(?:ns|namespace)\s*[:=]", text, re.MULTILINE) is not None
    lines = runner_files.TASKS_LINES if has_namespace else runner_files.TASKS_WITHOUT_NAMESPACE_LINES
    return replace(change, lines=lines)


def _machinery(root: Path, scripts: str, envyard: str) -> tuple[list[FileChange], list[str]]:
    """The scripts, the locked tools and envyard's own wheel: all of them, or none where people have such files."""
    if (root / "src" / "envyard").is_dir():
        return [], []  # envyard's own repository, or one with envyard in its sources: its scripts are its own
    requirement, wheel = _envyard(root, scripts, envyard)
    tools = carried.locked_tools().decode().rstrip("\n") + f"\n\n# envyard itself\n{requirement}\n"
    files = [_change(root, TOOLS, runner_files.marked(TOOLS, tools.encode()))]
    for name in carried.SCRIPTS:
        content = runner_files.marked(name, carried.script(name))
        files.append(_change(root, f"{scripts}/{name}", content, executable=name.endswith(".sh")))
    needed = [file for file in files if file.path.rsplit("/", 1)[-1].startswith(tuple(_NEEDED.split()))]
    foreign = [file.path for file in needed if file.old is not None and runner_files.wrote(file.old) is None]
    if foreign:
        names = ", ".join(f"`{path}`" for path in foreign)
        said = f"{scripts}: no scripts were written, because {names} would be replaced"
        return [], [f"{said}; `--scripts NAME` chooses another folder for them"]
    return [*files, *wheel, *_old_wheels(root, scripts, wheel)], []


def _envyard(root: Path, scripts: str, asked: str) -> tuple[str, list[FileChange]]:
    """The requirement line for envyard, and its wheel where the workspace carries one."""
    if not asked:
        before = _ASKS.search((_read(root / TOOLS) or b"").decode("utf-8", "replace"))
        if before is not None and "--hash" in before[1]:
            return before[1], []  # somebody chose it with `--envyard`
    if asked and not asked.endswith(".whl"):
        if not re.search(r"(?:--hash=sha256:|#sha256=)[0-9a-f]{64}\b", asked) or "\n" in asked:
            raise UsageError(
                f"`--envyard {asked}` has no hash, and the tool environment installs nothing without one",
                hint="name a wheel file, or add ` --hash=sha256:...` to the requirement",
            )
        return asked.strip(), []
    if asked and ("://" in asked or not Path(asked).is_file() or not Path(asked).name.startswith("envyard-")):
        hint = "name a file that is here and begins with `envyard-`, or a requirement with ` --hash=sha256:...`"
        raise UsageError(f"there is no wheel of envyard at `{asked}`", hint=hint)
    name = os.path.basename(asked) if asked else carried.wheel_name()
    wanted = Path(asked).read_bytes() if asked else carried.own_wheel()
    old = _read(root / scripts / name)
    if old is not None and carried.same_wheel(old, wanted):
        wanted = old
    digest = hashlib.sha256(wanted).hexdigest()
    line = f"./{scripts}/{name} --hash=sha256:{digest}"
    return line, [_change(root, f"{scripts}/{name}", wanted, ours=True)]


def _old_wheels(root: Path, scripts: str, wheel: Sequence[FileChange]) -> Iterator[FileChange]:
    """Wheels of other versions, which nothing names any more."""
    for path in sorted((root / scripts).glob("envyard-*-py3-none-any.whl")):
        name = f"{scripts}/{path.name}"
        if name not in {file.path for file in wheel}:
            yield FileChange(path=name, action=FileAction.REMOVED, old=_read(path))


def _scripts_folder(root: Path, asked: str) -> str:
    """The folder that was asked for, or where the scripts are already, or `scripts`."""
    if asked:
        if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", asked) is None:
            raise UsageError(
                f"`--scripts {asked}` is not the name of a folder", hint="write for example `--scripts dev`"
            )
        return asked
    for path in sorted(root.glob("*/bootstrap.py")):
        if runner_files.wrote(_read(path) or b"") is not None:
            return path.parent.name
    return "scripts"


# --- files


def _change(root: Path, path: str, new: bytes, *, ours: bool = False, executable: bool = False) -> FileChange:
    """What writing `new` would mean. A file is replaced only when it is `ours`, or just as envyard wrote it."""
    full = root / path
    old = _read(full)
    if old is None and os.path.lexists(full):
        return FileChange(path=path, action=FileAction.KEPT, new=new, reason="it is no file that can be read")
    if old is None:
        return FileChange(path=path, action=FileAction.NEW, new=new, executable=executable)
    if old.replace(b"\r\n", b"\n") == new.replace(b"\r\n", b"\n"):
        return FileChange(path=path, action=FileAction.SAME, old=old, new=old)
    whose = True if ours else runner_files.wrote(old)
    if whose:
        return FileChange(path=path, action=FileAction.CHANGED, old=old, new=new, executable=executable)
    reason = "it is your own" if whose is None else "you changed it"
    return FileChange(path=path, action=FileAction.KEPT, old=old, new=new, reason=reason)


def _same(root: Path, path: str) -> FileChange:
    old = _read(root / path)
    return FileChange(path=path, action=FileAction.SAME, old=old, new=old)


def _read(path: Path) -> bytes | None:
    """The content of a regular file; None for anything else."""
    try:
        return path.read_bytes() if stat.S_ISREG(path.stat().st_mode) else None
    except OSError:
        return None


def _name_of(root: Path) -> str:
    name = root.name.encode("utf-8", "replace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", " ", name).strip()[:200] or "monorepo"
