"""Settings of editors: what `ide.vscode` and `ide.pycharm` have in common, and the first of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from envyard.errors import EnvyardError, ExitCode
from envyard.files import write_bytes, write_json
from envyard.integrations.jsonc import NotJson
from envyard.integrations.jsonwish import JsonWish
from envyard.integrations.merge import Merged, Wish, merge
from envyard.integrations.vscode import vscode_wishes
from envyard.integrations.xmltext import NotXml
from envyard.integrations.xmlwish import XmlWish
from envyard.jsonobject import JsonObject, json_object
from envyard.project import Workspace

_RECORD = "editors.json"
_OWN_FOLDERS = {".vscode", ".idea", "runConfigurations"}  # that go with the last file in them

Read = Callable[[Mapping[str, Any]], Wish]


class State(StrEnum):
    """What a file was, and is now unless it was only checked."""

    SAME = "same"
    MISSING = "missing"
    OUTDATED = "outdated"
    UNREADABLE = "unreadable"
    UNWRITABLE = "unwritable"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorFile:
    """One file of an editor.

    `kept` are places where the user has other values, which stay. `problem` says why a file is unreadable or
    unwritable; `suggestion` is what should be in an unreadable one. `backup`: a copy of what it was.
    """

    path: Path
    state: State
    kept: tuple[str, ...] = ()
    problem: str = ""
    suggestion: str = ""
    backup: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorResult:
    """The files, in the order they were looked at. `checked`: nothing was written; `removed`: all was taken out.

    `notes`: what people should know besides, a sentence each.
    """

    files: tuple[EditorFile, ...]
    checked: bool = False
    removed: bool = False
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        wrong = {State.UNREADABLE, State.UNWRITABLE, *({State.MISSING, State.OUTDATED} if self.checked else ())}
        return ExitCode.FAILED if any(file.state in wrong for file in self.files) else ExitCode.DONE


def vscode(workspace: Workspace, *, check: bool = False, remove: bool = False) -> EditorResult:
    """Write what VS Code should know into its files; `check` only compares; `remove` takes out what was written.

    A file that cannot be understood is left as it is.
    """
    record = read_record(workspace)
    before: dict[str, Any] = record.get("vscode", {})
    wishes = {} if remove else vscode_wishes(workspace)
    files, after = write_files(workspace, wishes, before, JsonWish.read, write=not check)
    if not check:
        write_record(workspace, record, {"vscode": after})
    return EditorResult(files=files, checked=check, removed=remove)


def write_files(
    workspace: Workspace, wishes: Mapping[Path, Sequence[Wish]], before: Mapping[str, Any], read: Read, *, write: bool
) -> tuple[tuple[EditorFile, ...], dict[str, Any]]:
    """Bring every file to what is wished for it, also those of which nothing is wished any more.

    `before` is the record of them by their names, the new one comes back.
    """
    wished = {_name(workspace, path): some for path, some in wishes.items()}
    after: dict[str, Any] = {}
    files = []
    for name in dict.fromkeys([*wished, *before]):
        file, ours = _one(workspace.root / name, wished.get(name, ()), before.get(name, {}), read, write=write)
        files.append(file)
        if ours:
            after[name] = ours
    return tuple(files), after


def read_text(path: Path) -> str | None:
    """A file with its own line endings; None when there is none. Raises `OSError` and `UnicodeDecodeError`."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None


def in_words(error: Exception) -> str:
    """What an error about a file says, without the file."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def read_record(workspace: Workspace) -> dict[str, Any]:
    """What was written, by editor, in the shape that each of them writes."""
    path = workspace.store / _RECORD
    try:
        data = json_object(path.read_bytes())
        _check_record(data)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EnvyardError(
            f"`{path}`, the record of what envyard wrote for editors, cannot be read: {error}",
            hint="remove it: values that differ from what envyard would write then count as yours",
        ) from error
    return dict(data.values)


def _check_record(data: JsonObject) -> None:
    """Raise `ValueError` for a record that no editor's command wrote."""
    readers: dict[str, Read] = {"vscode": JsonWish.read, "pycharm": XmlWish.read}
    for editor, read in readers.items():
        for wishes in data.inner(editor, {}).inner_ones().values():
            for one in wishes.inner_ones().values():
                read(one.values)
    sdks = data.inner("pycharm-sdks", {})
    for name in sdks.named_texts("names", {}).values():
        name.encode()  # it is written into files again
    tables = sdks.inner("tables", {})
    for table in tables.values:
        tables.named_texts(table)


def write_record(workspace: Workspace, record: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Keep `record` with `changes`, unless nothing changed."""
    after = {**record, **changes}
    if {name: data for name, data in after.items() if data} != record:
        write_json(workspace.store / _RECORD, after, durable=False)


def _one(
    path: Path, wishes: Sequence[Wish], before: Mapping[str, Any], read: Read, *, write: bool
) -> tuple[EditorFile, Mapping[str, Any]]:
    """One file, and the record of what is in it by us."""
    try:
        text = read_text(path)
        merged = merge(text or "", wishes, before, read)
    except (OSError, UnicodeDecodeError, NotJson, NotXml) as error:
        suggestion = merge("", wishes, {}, read).text.rstrip("\n") if wishes else ""
        file = EditorFile(path=path, state=State.UNREADABLE, problem=in_words(error), suggestion=suggestion)
        return file, before
    state = State.SAME if merged.text == (text or "") else State.MISSING if text is None else State.OUTDATED
    if write and state != State.SAME:
        try:
            _put(path, merged)
        except (OSError, EnvyardError) as error:  # the other files can be written all the same
            return EditorFile(path=path, state=State.UNWRITABLE, problem=in_words(error)), before
    return EditorFile(path=path, state=state, kept=merged.kept), merged.ours


def _put(path: Path, merged: Merged) -> None:
    if merged.text:
        write_bytes(path, merged.text.encode())
        return
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody's files are left in it
        for folder in path.parents:
            if folder.name not in _OWN_FOLDERS:
                break
            folder.rmdir()


def _name(workspace: Workspace, path: Path) -> str:
    return os.path.relpath(path, workspace.root).replace(os.sep, "/")
