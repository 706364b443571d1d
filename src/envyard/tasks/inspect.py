"""Look at environments and use them: `envs.list`, `envs.show`, `envs.run`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from invoke.context import Context

from envyard.errors import UsageError
from envyard.report import write
from envyard.report.text import Style, width_of
from envyard.tasks.task import command, workspace_here
from envyard.tasks.values import one_project


@command("list")
def list_(_context: Context, json: bool = False) -> int:
    """List the environments: health, python, size, age."""
    from envyard.commands.inspect import list_environments

    workspace = workspace_here()
    rows = list_environments(workspace, workspace.projects)
    if json:
        from envyard.report.data import as_json, list_data

        write(as_json(list_data(rows)))
    else:
        from envyard.report.tables import list_table

        write(list_table(rows, workspace.root, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


@command(metavar="NAME", names="The project: its key, title or path.")
def show(_context: Context, names: Sequence[str] = (), json: bool = False) -> int:
    """Show everything about the environment of the project NAME, and its packages."""
    from envyard.commands.inspect import show_environment

    workspace = workspace_here()
    details = show_environment(workspace, one_project(workspace, names, "envs.show"))
    if json:
        from envyard.report.data import as_json, show_data

        write(as_json(show_data(details)))
    else:
        from envyard.report.tables import show_text

        write(show_text(details, workspace.root, Style.of(sys.stdout)))
    return 0


@command(metavar="NAME -- COMMAND ...", names="The project: its key, title or path; then what to run.")
def run(context: Context, names: Sequence[str] = ()) -> int:
    """Run COMMAND in the environment of the project NAME: `envs.run model -- python -m this`.

    The command runs in the current folder, with the variables of an activated environment. Its exit code is passed on.
    """
    from envyard.commands.run import run_in

    workspace = workspace_here()
    project = one_project(workspace, names, "envs.run")
    arguments = after_dashes(context.remainder, sys.argv)
    if not arguments:
        raise UsageError(
            "`envs.run` needs a command", hint=f"write it after two dashes: `invoke envs.run {project.key} -- python`"
        )
    sys.stdout.flush()
    return run_in(workspace, project, arguments)


def after_dashes(remainder: str, argv: Sequence[str]) -> list[str]:
    """The words after `--`. Invoke joins them with spaces; this process's own arguments still have them apart."""
    words = list(argv[argv.index("--") + 1 :]) if "--" in argv else []
    return words if " ".join(words) == remainder else shlex.split(remainder)


COMMANDS = (list_, show, run)
