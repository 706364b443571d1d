"""Editors: `ide.vscode`."""

from __future__ import annotations

from invoke.context import Context

from envyard.errors import UsageError
from envyard.report import as_typed, complain, write
from envyard.tasks.task import command, workspace_here


@command(
    check="Write nothing; fail when a file is not as it would be written.",
    remove="Take out what was written.",
)
def vscode(_context: Context, check: bool = False, remove: bool = False) -> int:
    """Write the settings of VS Code, for the workspace and each project.

    Comments, order and your own values stay; only values that envyard wrote
    before are replaced. A file that cannot be understood is left alone.
    """
    from envyard.commands.ide import State
    from envyard.commands.ide import vscode as write_settings

    if check and remove:
        raise UsageError("`--check` changes nothing and `--remove` does", hint="leave one of them out")
    workspace = workspace_here()
    result = write_settings(workspace, check=check, remove=remove)
    words = {
        State.SAME: "as it should be",
        State.MISSING: "missing" if check else "written",
        State.OUTDATED: "not as it should be" if check else "entries taken out" if remove else "updated",
        State.UNREADABLE: "left alone",
    }
    for file in result.files:
        name = file.path.relative_to(workspace.root).as_posix()
        if not (remove and file.state == State.SAME):
            kept = f" (yours stays: {', '.join(file.kept)})" if file.kept else ""
            write(f"{name}: {words[file.state]}{kept}")
        if file.state == State.UNREADABLE:
            hint = f"\n\nhint: it should hold\n{file.suggestion}" if file.suggestion else ""
            complain(f"\nerror: `{name}` cannot be understood: {file.problem}{hint}")
    if check and result.exit_code:
        complain(as_typed("\nhint: run `invoke ide.vscode`"))
    return result.exit_code


COMMANDS = (vscode,)
