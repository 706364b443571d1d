"""Settings of editors: `ide.vscode`."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from envyard.errors import EnvyardError, ExitCode
from envyard.files import replacing, write_json
from envyard.integrations.jsonc import NotJson
from envyard.integrations.merge import Wish, merge
from envyard.integrations.vscode import vscode_wishes
from envyard.project import Workspace

_RECORD = "editors.json"


class State(StrEnum):
    """What a file was, and is now unless it was only checked."""

    SAME = "same"
    MISSING = "missing"
    OUTDATED = "outdated"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorFile:
    """One file of an editor.

    `kept` are places where the user has other values, which stay. For an unreadable file, `problem` says why and
    `suggestion` is what should be in it.
    """

    path: Path
    state: State
    kept: tuple[str, ...] = ()
    problem: str = ""
    suggestion: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorResult:
    """The files, in the order they were looked at. `checked`: nothing was written; `removed`: all was taken out."""

    files: tuple[EditorFile, ...]
    checked: bool = False
    removed: bool = False

    @property
    def exit_code(self) -> ExitCode:
        wrong = {State.UNREADABLE, *({State.MISSING, State.OUTDATED} if self.checked else ())}
        return ExitCode.FAILED if any(file.state in wrong for file in self.files) else ExitCode.DONE


def vscode(workspace: Workspace, *, check: bool = False, remove: bool = False) -> EditorResult:
    """Write what VS Code should know into its files; `check` only compares; `remove` takes out what was written.

    A file that cannot be understood is left as it is.
    """
    record = _read_record(workspace)
    before: dict[str, Any] = record.get("vscode", {})
    wishes = {} if remove else {_name(workspace, path): some for path, some in vscode_wishes(workspace).items()}
    after: dict[str, Any] = {}
    files = []
    for name in dict.fromkeys([*wishes, *before]):  # also those of projects that are gone
        file, now = _one(workspace.root / name, wishes.get(name, ()), before.get(name, {}), write=not check)
        files.append(file)
        if now:
            after[name] = now
    if not check and after != before:
        record = {**record, "vscode": after}
        write_json(workspace.store / _RECORD, record, durable=False)
    return EditorResult(files=tuple(files), checked=check, removed=remove)


def _one(
    path: Path, wishes: Sequence[Wish], before: Mapping[str, Any], *, write: bool
) -> tuple[EditorFile, Mapping[str, Any]]:
    """One file, and the record of what is in it by us."""
    try:
        text = _read(path)
    except (OSError, UnicodeDecodeError) as error:
        return _unreadable(path, str(error), wishes), before
    try:
        merged = merge(text or "", wishes, before)
    except NotJson as error:
        return _unreadable(path, str(error), wishes), before
    new = merged.text
    state = State.SAME if new == (text or "") else State.MISSING if text is None else State.OUTDATED
    if write and state != State.SAME:
        if new:
            with replacing(path) as temporary:
                temporary.write_bytes(new.encode())
        else:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # somebody's files are left in it
                path.parent.rmdir()
    return EditorFile(path=path, state=state, kept=merged.kept), merged.ours


def _unreadable(path: Path, problem: str, wishes: Sequence[Wish]) -> EditorFile:
    suggestion = merge("", wishes, {}).text.rstrip("\n") if wishes else ""
    return EditorFile(path=path, state=State.UNREADABLE, problem=problem, suggestion=suggestion)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()  # with its own line endings
    except FileNotFoundError:
        return None


def _read_record(workspace: Workspace) -> dict[str, Any]:
    path = workspace.store / _RECORD
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EnvyardError(
            f"`{path}`, the record of what envyard wrote for editors, cannot be read: {error}",
            hint="remove it: values that differ from what envyard would write then count as yours",
        ) from error
    return data if isinstance(data, dict) else {}


def _name(workspace: Workspace, path: Path) -> str:
    return os.path.relpath(path, workspace.root).replace(os.sep, "/")
