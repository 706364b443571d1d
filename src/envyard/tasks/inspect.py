"""Look at environments and use them: `envs.list`, `envs.show`, `envs.matrix`, `envs.report`, `envs.doctor`,
`envs.run`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from invoke.context import Context

from envyard.errors import UsageError
from envyard.process import Cancellation
from envyard.report import flush, tell, write
from envyard.report.text import Style, width_of
from envyard.tasks.task import command, workspace_here
from envyard.tasks.values import one_project
from envyard.workspace import select_projects


@command("list")
def list_(_context: Context, environments: str = "", json: bool = False) -> int:
    """List the environments: health, python, size, age.

    `size` counts all files of an environment, `own` those that it shares with no
    other. The environments of models follow, new (shared), old (one a model) or
    degraded. A narrow terminal shows fewer columns; `--json` has them all.
    """
    from envyard.commands.inspect import list_environments
    from envyard.commands.shared import list_model_environments

    workspace = workspace_here(environments)
    rows = list_environments(workspace, workspace.projects)
    others = list_model_environments(workspace)
    if json:
        from envyard.report.data import as_json, list_data
        from envyard.report.models import models_data

        data = list_data(rows)
        write(as_json({"environments": [*data["environments"], *models_data(others)]}))
    else:
        from envyard.report.models import models_table
        from envyard.report.tables import list_table

        style, width = Style.of(sys.stdout), width_of(sys.stdout)
        if rows or not others:
            tell(list_table(rows, workspace.root, style, width))
        if others:
            tell(("\n" if rows else "") + models_table(others, workspace.root, style, width))
    return 0


@command(metavar="NAME", names="The project: its key, title or path.")
def show(_context: Context, names: Sequence[str] = (), json: bool = False) -> int:
    """Show all about one environment, and its packages."""
    from envyard.commands.inspect import show_environment

    workspace = workspace_here()
    details = show_environment(workspace, one_project(workspace, names, "envs.show"))
    if json:
        from envyard.report.data import as_json, show_data

        write(as_json(show_data(details)))
    else:
        from envyard.report.tables import show_text

        tell(show_text(details, workspace.root, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


@command(metavar="[PACKAGE ...]", names="Packages; none: all that two projects or more have.")
def matrix(_context: Context, names: Sequence[str] = (), json: bool = False) -> int:
    """Compare the versions of packages in the projects.

    Versions that differ are marked: with them the projects cannot share an
    environment. A project without an environment counts by its lockfile.
    """
    from envyard.commands.matrix import version_matrix

    found = version_matrix(workspace_here(), names)
    if json:
        from envyard.report.data import as_json
        from envyard.report.matrix import matrix_data

        write(as_json(matrix_data(found)))
    else:
        from envyard.report.matrix import matrix_text

        tell(matrix_text(found, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


@command(
    html="Write a page for the browser to FILE; it needs no network.",
    overwrite="Replace FILE also when envyard did not write it.",
)
def report(_context: Context, html: str = "", overwrite: bool = False, json: bool = False) -> int:
    """Write one page about all environments, to look at or to pass on.

    Health and what heals it, versions, disk use, build times, and what happened
    to each environment. `--json` prints the same data. Nothing is changed.
    """
    from envyard.commands.overview import take_overview
    from envyard.report.overview import overview_data, overview_line

    if not html and not json:
        hint = "write `invoke envs.report --html report.html`; on a terminal `invoke envs.list` shows the most of it"
        raise UsageError("`envs.report` needs a file to write: `--html FILE`", hint=hint)
    overview = take_overview(workspace_here())
    path = Path(html).expanduser() if html else None
    if path is not None:
        from envyard.commands.page import save_page
        from envyard.report.page import page_text

        save_page(path, page_text(overview), overwrite=overwrite)
    if json:
        from envyard.report.data import as_json

        write(as_json(overview_data(overview, path)))
    elif path is not None:
        tell(overview_line(overview, path))
    return 0


@command(
    metavar="[NAME ...]",
    names="Projects, each by its key, title or path; none: all.",
    deep="Read every installed file and compare it with the checksum of its package.",
    fix="Repair what can be repaired, by building anew.",
)
def doctor(
    _context: Context, names: Sequence[str] = (), deep: bool = False, fix: bool = False, json: bool = False
) -> int:
    """Check the environments, and name what heals each problem.

    It looks at the store, lockfiles, interpreters, links, and whether every
    installed file is there with its size; with `--deep` also at its content.
    Without names also at the environments of models, and what is degraded.
    """
    from envyard.commands.doctor import doctor as examine
    from envyard.commands.doctor_models import doctor_models as examine_models
    from envyard.report.progress import progress

    workspace = workspace_here()
    projects = select_projects(workspace, names)
    with progress(workspace, quiet=json) as listener:
        cancellation = Cancellation()
        result = examine(workspace, projects, deep=deep, fix=fix, listener=listener, cancellation=cancellation)
        if not names:
            models = examine_models(workspace, deep=deep, fix=fix, listener=listener, cancellation=cancellation)
            seconds = result.seconds + models.seconds
            result = replace(result, findings=(*result.findings, *models.findings), seconds=seconds)
    if json:
        from envyard.report.data import as_json, doctor_data

        write(as_json(doctor_data(result)))
    else:
        from envyard.report.findings import doctor_text

        tell(doctor_text(result, Style.of(sys.stdout), width_of(sys.stdout)))
    return result.exit_code


@command(metavar="NAME -- COMMAND ...", names="The project: its key, title or path; then what to run.")
def run(context: Context, names: Sequence[str] = ()) -> int:
    """Run COMMAND in the environment of the project NAME.

    It runs in the current folder with the variables of an activated environment,
    and its exit code is passed on. Example: `envs.run model -- python -m pytest`.
    """
    from envyard.commands.run import run_in

    workspace = workspace_here()
    arguments = after_dashes(context.remainder, sys.argv)
    if len(names) > 1:
        meant = f"`invoke envs.run {names[0]} -- {shlex.join([*names[1:], *arguments])}`"
        raise UsageError("`envs.run` takes one name before the command", hint=f"write it after two dashes: {meant}")
    project = one_project(workspace, names, "envs.run")
    if not arguments:
        hint = f"write it after two dashes: `invoke envs.run {project.key} -- python`"
        raise UsageError("`envs.run` needs a command", hint=hint)
    flush()
    return run_in(workspace, project, arguments)


def after_dashes(remainder: str, argv: Sequence[str]) -> list[str]:
    """The words after `--`. Invoke joins them with spaces; the arguments of this process still have them apart."""
    words = list(argv[argv.index("--") + 1 :]) if "--" in argv else []
    return words if " ".join(words) == remainder else shlex.split(remainder)


COMMANDS = (list_, show, matrix, report, doctor, run)
