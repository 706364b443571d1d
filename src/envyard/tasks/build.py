"""Make environments: `envs.setup-all`, `envs.setup`."""

from __future__ import annotations

from collections.abc import Sequence

from invoke.context import Context

from envyard.tasks.task import command, is_dry, workspace_here
from envyard.tasks.values import named_projects, parse_jobs
from envyard.workspace import select_projects


@command(
    iterable=("only", "tag"),
    only="Only the environment of this project (may be given several times).",
    tag="Only projects with this tag (may be given several times).",
    frozen="Fail where a lockfile is older than its requirements.",
    upgrade="First lock the newest versions that the requirements allow.",
)
def setup_all(
    context: Context,
    only: Sequence[str] = (),
    tag: Sequence[str] = (),
    jobs: str = "",
    upgrade: bool = False,
    json: bool = False,
    dry_run: bool = False,
    frozen: bool = False,
    yes: bool = False,
) -> int:
    """Make the environment of every project, all at once. What is already there is kept."""
    from envyard.provision import Options
    from envyard.tasks.work import set_up

    workspace = workspace_here()
    options = Options(jobs=parse_jobs(jobs), frozen=frozen, replace_foreign=yes, dry_run=is_dry(context, dry_run))
    return set_up(workspace, select_projects(workspace, only, tag), options, json=json)


@command(names="The projects: keys, titles or paths.")
def setup(
    context: Context,
    names: Sequence[str] = (),
    rebuild: bool = False,
    jobs: str = "",
    yes: bool = False,
    json: bool = False,
    dry_run: bool = False,
) -> int:
    """Make the environments of the projects NAME ..., with `--rebuild` from nothing."""
    from envyard.provision import Options
    from envyard.tasks.work import set_up

    workspace = workspace_here()
    options = Options(force=rebuild, jobs=parse_jobs(jobs), replace_foreign=yes, dry_run=is_dry(context, dry_run))
    return set_up(workspace, named_projects(workspace, names, "envs.setup"), options, json=json)


COMMANDS = (setup_all, setup)
