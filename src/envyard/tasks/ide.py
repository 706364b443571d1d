"""Editors: `ide.vscode`, `ide.pycharm`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from envyard.errors import UsageError
from envyard.report import complain, write
from envyard.tasks.task import command, workspace_here

if TYPE_CHECKING:
    from envyard.commands.ide import EditorFile, EditorResult

_CHECK = "Write nothing; fail when a file is not as it would be written."
_REMOVE = "Take out what was written."


@command(check=_CHECK, remove=_REMOVE)
def vscode(_context: Context, check: bool = False, remove: bool = False) -> int:
    """Write the settings of VS Code, for the workspace and each project.

    Comments, order and your own values stay; only values that envyard wrote
    before are replaced. A file that cannot be understood is left alone.
    """
    from envyard.commands.ide import vscode as write_settings

    _not_both(check, remove)
    workspace = workspace_here()
    return _show(write_settings(workspace, check=check, remove=remove), workspace.root, "ide.vscode")


@command(
    check=_CHECK,
    remove=_REMOVE,
    write_sdks="Also write the interpreters into PyCharm's own table, after a copy of it; close PyCharm first.",
)
def pycharm(_context: Context, check: bool = False, remove: bool = False, write_sdks: bool = False) -> int:
    """Write the modules and run configurations of PyCharm into `.idea`.

    A module for each project, with its interpreter's name, sources and tests.
    Order and your own values stay; only values that envyard wrote before are
    replaced. A file that cannot be understood is left alone.
    """
    from envyard.commands.pycharm import pycharm as write_settings

    _not_both(check, remove)
    workspace = workspace_here()
    result = write_settings(workspace, check=check, remove=remove, write_sdks=write_sdks)
    return _show(result, workspace.root, "ide.pycharm" + (" --write-sdks" if write_sdks else ""))


def _not_both(check: bool, remove: bool) -> None:
    if check and remove:
        raise UsageError("`--check` changes nothing and `--remove` does", hint="leave one of them out")


def _show(result: EditorResult, root: Path, typed: str) -> int:
    from envyard.commands.ide import State

    words = {
        State.SAME: "as it should be",
        State.MISSING: "missing" if result.checked else "written",
        State.OUTDATED: "not as it should be"
        if result.checked
        else "entries taken out"
        if result.removed
        else "updated",
        State.UNREADABLE: "left alone",
        State.UNWRITABLE: "not written",
    }
    for file in result.files:
        name = _name(file, root)
        if not (result.removed and file.state == State.SAME):
            kept = f" (yours stays: {', '.join(file.kept)})" if file.kept else ""
            backup = f" (before: {file.backup.name})" if file.backup else ""
            write(f"{name}: {words[file.state]}{kept}{backup}")
        if file.state == State.UNREADABLE:
            hint = f"\n\nhint: it should hold\n{file.suggestion}" if file.suggestion else ""
            complain(f"\nerror: `{name}` cannot be understood: {file.problem}{hint}")
        elif file.state == State.UNWRITABLE:
            complain(f"\nerror: `{name}` cannot be written: {file.problem}")
    for note in result.notes:
        complain(f"\nnote: {note}")
    if result.checked and any(file.state in (State.MISSING, State.OUTDATED) for file in result.files):
        complain(f"\nhint: run `invoke {typed}`")
    return result.exit_code


def _name(file: EditorFile, root: Path) -> str:
    """As one would type it: in the workspace relative to it, elsewhere from the home."""
    if file.path.is_relative_to(root):
        return file.path.relative_to(root).as_posix()
    home = os.path.expanduser("~")
    return f"~{os.sep}{file.path.relative_to(home)}" if file.path.is_relative_to(home) else str(file.path)


COMMANDS = (vscode, pycharm)
