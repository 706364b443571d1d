"""direnv: `direnv.setup`, `direnv.status`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from invoke.context import Context

from envyard.report import as_typed, complain, render_error, write
from envyard.report.text import Style, width_of
from envyard.tasks.task import command, is_dry, workspace_here
from envyard.workspace import select_projects


@command(
    metavar="[NAME ...]",
    names="Projects, each by its key, title or path; none: all.",
    allow="Let direnv load the files that are exactly what envyard writes, and no others.",
)
def setup(
    context: Context, names: Sequence[str] = (), allow: bool = False, dry_run: bool = False, json: bool = False
) -> int:
    """Write the `.envrc` of the projects NAME ..., or of all.

    It activates the environment of the project in every shell that direnv is
    hooked into. A file that envyard did not make is left alone: the lines to add
    are shown.
    """
    from envyard.commands.direnv import setup_direnv
    from envyard.report.direnv import envrc_data, envrc_text

    workspace = workspace_here()
    projects = select_projects(workspace, names)
    result = setup_direnv(workspace, projects, allowing=allow, dry_run=is_dry(context, dry_run))
    if json:
        from envyard.report.data import as_json

        write(as_json(envrc_data(result)))
    else:
        write(envrc_text(result, workspace.root, Style.of(sys.stdout), width_of(sys.stdout)))
        for outcome in result.outcomes:
            if outcome.error is not None:
                complain(f"\n{render_error(outcome.error)}")
    return result.exit_code


@command()
def status(_context: Context, json: bool = False) -> int:
    """Say whether direnv is installed, hooked, and loads each project.

    And whether the `.envrc` of a project is what the workspace asks for.
    """
    from envyard.commands.direnv import direnv_status
    from envyard.report.direnv import status_data, status_text

    workspace = workspace_here()
    found = direnv_status(workspace, workspace.projects)
    if json:
        from envyard.report.data import as_json

        write(as_json(status_data(found)))
    else:
        write(as_typed(status_text(found, workspace.root, Style.of(sys.stdout), width_of(sys.stdout))))
    return 0


COMMANDS = (setup, status)
