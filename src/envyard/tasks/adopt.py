"""Make a monorepo a workspace: `init`, `projects.list`, `projects.add`. None of them needs a `workspace.toml`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from invoke.context import Context

from envyard.errors import UsageError, WorkspaceNotFound
from envyard.process import environment_variable
from envyard.report import write
from envyard.report.text import Style, width_of
from envyard.tasks.task import command, is_dry
from envyard.workspace import current_folder, find_workspace, load_workspace


@command(
    metavar="[FOLDER]",
    names="The top folder of the monorepo (default: the workspace you are in, else the current folder).",
    scripts="Folder for the scripts that set a new machine up (default: `scripts`).",
    envyard="What to install as envyard there: a wheel, or a requirement with its hash (default: the one that runs).",
    nested="Folders inside projects are projects too, now and in later runs (`nested` in workspace.toml).",
)
def init(
    context: Context,
    names: Sequence[str] = (),
    scripts: str = "",
    envyard: str = "",
    nested: bool = False,
    dry_run: bool = False,
) -> int:
    """Make a monorepo a workspace, or bring workspace.toml up to date.

    It looks for projects and writes workspace.toml, noxfile.py, tasks.py, lines
    of .gitignore and the set-up scripts. Nothing inside the projects is changed,
    and no file of your own is replaced. Run it again when projects came or went.
    """
    from envyard.commands.init import apply_init, plan_init
    from envyard.report.onboarding import init_text

    if len(names) > 1:
        raise UsageError(f"`init` takes one folder, not {len(names)}", hint="name the top folder of the monorepo")
    root = Path(names[0]).resolve() if names else _root_here()
    dry = is_dry(context, dry_run)
    plan = plan_init(root, scripts=scripts, envyard=envyard, nested=nested)
    if not dry:
        apply_init(plan)
    write(init_text(plan, Style.of(sys.stdout), width_of(sys.stdout), dry_run=dry))
    if not dry:
        load_workspace(root)  # says what else is wrong with a workspace.toml that was there before
    return 0


@command("list")
def list_(_context: Context, json: bool = False) -> int:
    """List the projects, also those that workspace.toml lacks.

    Works before `envyard init` too: then it shows what that would find.
    """
    from envyard.commands.projects import list_projects

    result = list_projects(_root_here())
    if json:
        from envyard.report.data import as_json
        from envyard.report.onboarding import projects_data

        write(as_json(projects_data(result)))
    else:
        from envyard.report.onboarding import list_text

        write(list_text(result, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


@command(metavar="PATH", names="The folder of the project; it may be inside another project.")
def add(_context: Context, names: Sequence[str] = (), json: bool = False) -> int:
    """Add the project in the folder PATH to workspace.toml.

    For what `envyard init` does not take for a project by itself, such as a
    folder inside another project that should have an environment of its own.
    """
    from envyard.commands.projects import add_project
    from envyard.report.onboarding import added_text

    if len(names) != 1:
        raise UsageError(
            "`projects.add` takes the folder of one project", hint="run for example `invoke projects.add tools/x`"
        )
    change = add_project(find_workspace(), Path(names[0]).absolute())
    if json:
        from envyard.report.data import as_json
        from envyard.report.onboarding import project_data

        write(as_json(project_data(change)))
    else:
        write(added_text(change, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


def _root_here() -> Path:
    """The workspace around the current folder, else the current folder."""
    try:
        return find_workspace()
    except WorkspaceNotFound:
        if environment_variable("ENVYARD_WORKSPACE"):
            raise
        return current_folder()


COMMANDS = (list_, add)
