"""Settings of PyCharm: `ide.pycharm`."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envyard.commands.ide import (
    EditorFile,
    EditorResult,
    State,
    in_words,
    read_record,
    read_text,
    write_files,
    write_record,
)
from envyard.environment import CommitFileInvalid, load_environment
from envyard.errors import EditorRuns, EnvyardError
from envyard.files import write_bytes
from envyard.integrations.modules import Modules, find_modules
from envyard.integrations.pycharm import pycharm_wishes, sdk_name
from envyard.integrations.pycharm_sdks import (
    Installation,
    Sdk,
    configuration_folder,
    expanded,
    find_installations,
    free_name,
    homes,
    same_home,
    sign_of_life,
    with_sdk,
    without_sdk,
)
from envyard.integrations.xmltext import NotXml
from envyard.integrations.xmlwish import XmlWish
from envyard.project import Project, Workspace


def pycharm(
    workspace: Workspace, *, check: bool = False, remove: bool = False, write_sdks: bool = False
) -> EditorResult:
    """Write what PyCharm should know into `.idea`; `check` only compares; `remove` takes out what was written.

    With `write_sdks` also the interpreters, into the table of each version of PyCharm that this person started once,
    after a copy of it. Raises `EditorRuns` when one of them runs, and `EnvyardError` when there is none.
    """
    record = read_record(workspace)
    before: dict[str, Any] = record.get("pycharm", {})
    sdks: dict[str, Any] = record.get("pycharm-sdks", {})
    tables = _tables(workspace, sdks, write=not check) if write_sdks else []
    names = _names(workspace, tables, sdks.get("names", {})) if write_sdks and not remove else sdks.get("names", {})
    modules = find_modules(workspace, made=_made(workspace, before))
    wishes = {} if remove else pycharm_wishes(workspace, modules, names)
    files, after = write_files(workspace, wishes, before, XmlWish.read, write=not check)
    if write_sdks:
        wanted = () if remove else _sdks(workspace, names)
        done = [_bring(table, wanted, write=not check) for table in tables]
        files += tuple(table.file for table in done)
        kept = {path: one for path, one in sdks.get("tables", {}).items() if path not in {str(t.path) for t in done}}
        written = kept | {str(table.path): table.ours for table in done if table.ours}
        sdks = {"names": names, "tables": written} if written else {}
    if not check:
        write_record(workspace, record, {"pycharm": after, "pycharm-sdks": sdks})
    notes = _notes(workspace, modules, sdks, write_sdks=write_sdks, remove=remove)
    return EditorResult(files=files, checked=check, removed=remove, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table of SDKs, and the record of what is in it by us (name -> executable). `problem`: why it cannot be
    understood.

    `mine` are those that are still as they were written and may be taken out. A copy of a workspace has the record of
    the first one, whose SDKs are in use.
    """

    path: Path
    text: str = ""
    problem: str = ""
    ours: Mapping[str, str]
    mine: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    path: Path
    file: EditorFile
    ours: Mapping[str, str]


def _tables(workspace: Workspace, sdks: Mapping[str, Any], *, write: bool) -> list[_Table]:
    installations = find_installations()
    if not installations:
        raise EnvyardError(
            f"no version of PyCharm has its configuration in `{configuration_folder()}`",
            hint="start PyCharm once and close it, then try again; without `--write-sdks` only `.idea` is written",
        )
    if write:
        for installation in installations:
            _refuse_running(installation)
    ours: Mapping[str, Mapping[str, str]] = sdks.get("tables", {})
    return [
        _read(workspace, installation.table, ours.get(str(installation.table), {})) for installation in installations
    ]


def _refuse_running(installation: Installation) -> None:
    sign = sign_of_life(installation)
    if sign:
        raise EditorRuns(
            f"{installation.name} is running ({sign}), and would write its table of interpreters over ours",
            hint="close it, then try again; without `--write-sdks` only `.idea` is written. "
            "If it is not running, that file is left over: remove it",
        )


def _read(workspace: Workspace, path: Path, ours: Mapping[str, str]) -> _Table:
    try:
        text = read_text(path) or ""
        there = homes(text)
    except (OSError, UnicodeDecodeError, NotXml) as error:
        return _Table(path=path, problem=in_words(error), ours=ours)
    mine = {
        name
        for name, home in ours.items()
        if name in there and same_home(there[name], home) and _is_free(workspace, home)
    }
    return _Table(path=path, text=text, ours=ours, mine=frozenset(mine))


def _is_free(workspace: Workspace, home: str) -> bool:
    """Whether nobody else can want an executable: it is of this workspace, or gone."""
    path = expanded(home)
    return Path(path).is_relative_to(os.path.normcase(workspace.root)) or not os.path.lexists(path)


def _names(workspace: Workspace, tables: Sequence[_Table], before: Mapping[str, str]) -> dict[str, str]:
    """The name of each project's SDK, by env key: the same in all tables, and nobody else's in any."""
    known = [
        {name: home for name, home in homes(table.text).items() if name not in table.mine}
        for table in tables
        if not table.problem
    ]
    names: dict[str, str] = {}
    for project in workspace.projects:
        wanted = sdk_name(workspace, project)
        sdk = Sdk(name=wanted, project=project)
        name = before.get(project.key, "")
        if not name.startswith(wanted) or free_name(name, sdk, known) != name:
            name = free_name(wanted, sdk, known)
        names[project.key] = name
    return names


def _sdks(workspace: Workspace, names: Mapping[str, str]) -> tuple[Sdk, ...]:
    return tuple(
        Sdk(name=names[project.key], project=project, version=_version(project)) for project in workspace.projects
    )


def _version(project: Project) -> str:
    with contextlib.suppress(OSError, CommitFileInvalid):
        return load_environment(project.link.resolve()).interpreter.version
    return ""


def _bring(table: _Table, wanted: Sequence[Sdk], *, write: bool) -> _Done:
    """One table, with the SDKs that are wanted and without those that were."""
    if table.problem:
        suggestion = _with_all("", wanted) if wanted else ""
        file = EditorFile(path=table.path, state=State.UNREADABLE, problem=table.problem, suggestion=suggestion)
        return _Done(path=table.path, file=file, ours=table.ours)
    there = homes(table.text)
    text = table.text
    names = {sdk.name for sdk in wanted}
    for name in table.mine - names:
        text = without_sdk(text, name)
    text = _with_all(text, [sdk for sdk in wanted if not same_home(there.get(sdk.name, ""), sdk.home)])
    ours = {sdk.name: sdk.home for sdk in wanted if sdk.name not in there or sdk.name in table.mine}
    state = State.SAME if text == table.text else State.OUTDATED if table.path.exists() else State.MISSING
    backup = None
    if write and state != State.SAME:
        try:
            backup = _back_up(table.path) if state == State.OUTDATED else None
            write_bytes(table.path, text.encode())
        except (OSError, EnvyardError) as error:
            file = EditorFile(path=table.path, state=State.UNWRITABLE, problem=in_words(error))
            return _Done(path=table.path, file=file, ours=table.ours)
    return _Done(path=table.path, file=EditorFile(path=table.path, state=state, backup=backup), ours=ours)


def _with_all(text: str, sdks: Sequence[Sdk]) -> str:
    for sdk in sdks:
        text = with_sdk(text, sdk)
    return text


def _back_up(path: Path) -> Path:
    """A copy beside the file, under a name that PyCharm does not read."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    copy, number = path.with_name(f"{path.name}.{stamp}.bak"), 1
    while copy.exists():
        number += 1
        copy = path.with_name(f"{path.name}.{stamp}-{number}.bak")
    shutil.copy2(path, copy)
    return copy


def _made(workspace: Workspace, before: Mapping[str, Any]) -> set[Path]:
    """The files that envyard made: their top element is its own."""
    return {
        workspace.root / name
        for name, wishes in before.items()
        if any(len(wish["path"]) == 1 for wish in wishes.values())
    }


def _notes(
    workspace: Workspace, modules: Modules, sdks: Mapping[str, Any], *, write_sdks: bool, remove: bool
) -> tuple[str, ...]:
    if remove:
        left = sdks.get("tables") and not write_sdks
        words = (
            "the interpreters in PyCharm's own table stay: `invoke ide.pycharm --remove --write-sdks` takes them out"
        )
        return (words,) if left else ()
    notes = [
        f"`{key}` is part of the module `{name}`, which has another folder too, and gets no interpreter of its own"
        for key, name in modules.shared.items()
    ]
    missing = [project.key for project in workspace.projects if not project.link.exists()]
    if write_sdks and missing:
        notes.append(f"no environment yet: run `invoke envs.setup {' '.join(missing)}`")
    return tuple(notes)
