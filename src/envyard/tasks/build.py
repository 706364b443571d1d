"""Make environments and lockfiles: `envs.setup-all`, `envs.setup`, `envs.update-all`, `envs.lock`.

The engine is imported by the task that runs, not by `invoke --list`.
"""

from __future__ import annotations

from collections.abc import Sequence

from invoke.context import Context

from envyard.errors import ExitCode, UsageError
from envyard.report import complain, render_error
from envyard.tasks.task import command, is_dry, workspace_here
from envyard.tasks.values import named_environments, parse_jobs
from envyard.workspace import select_projects


@command(
    iterable=("only", "tag"),
    only="Only this project; may be given several times.",
    tag="Only projects with this tag; may be given several times.",
    frozen="Fail where requirements changed after their lockfile was written (for CI).",
    upgrade="First lock the newest versions that the requirements allow.",
    direnv="Also write the `.envrc` files of the projects (default: where direnv is installed).",
    no_direnv="Write no `.envrc`.",
)
def setup_all(
    context: Context,
    only: Sequence[str] = (),
    tag: Sequence[str] = (),
    jobs: str = "",
    upgrade: bool = False,
    frozen: bool = False,
    direnv: bool = False,
    no_direnv: bool = False,
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Make the environment of every project.

    An environment is built when it is missing, broken, or its lockfile changed;
    what is good is kept. One that fails stops none of the others.
    """
    from envyard.integrations.direnv import direnv_installed
    from envyard.outcome import Options
    from envyard.tasks.work import Relock, set_up

    if upgrade and frozen:
        raise UsageError("`--upgrade` writes lockfiles and `--frozen` forbids it", hint="leave one of them out")
    if direnv and no_direnv:
        raise UsageError("`--direnv` and `--no-direnv` exclude each other", hint="leave one of them out")
    workspace = workspace_here()
    options = Options(jobs=parse_jobs(jobs), frozen=frozen, replace_foreign=yes, dry_run=is_dry(context, dry_run))
    relock = Relock.ALL if upgrade else Relock.NONE
    envrc = direnv or (not no_direnv and direnv_installed())
    projects = select_projects(workspace, only, tag)
    return set_up(workspace, projects, options, relock=relock, envrc=envrc, json=json)


@command(names="Projects, each by its key, title or path; profiles by their env key.")
def setup(
    context: Context,
    names: Sequence[str] = (),
    rebuild: bool = False,
    jobs: str = "",
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Make the environments of NAME ..., projects or profiles.

    Examples: `envs.setup model client-backend --rebuild`, or for what many models
    share `envs.setup torch-cpu-transformers`.
    """
    from envyard.outcome import Options
    from envyard.tasks.work import set_up

    workspace = workspace_here()
    options = Options(force=rebuild, jobs=parse_jobs(jobs), replace_foreign=yes, dry_run=is_dry(context, dry_run))
    projects, profiles = named_environments(workspace, names, "envs.setup")
    return set_up(workspace, projects, options, profiles=profiles, json=json)


@command(upgrade="Lock the newest versions that the requirements allow, also where a lockfile is up to date.")
def update_all(
    context: Context, upgrade: bool = False, jobs: str = "", dry_run: bool = False, json: bool = False
) -> int:
    """Rebuild every stale environment, and say why.

    First the lockfiles that are older than their requirements are written anew.
    Stale is also an environment that still works: its interpreter got a patch
    release, for example. What models share and was built before counts too.
    """
    from envyard.commands.setup import built_profiles
    from envyard.outcome import Options
    from envyard.tasks.work import Relock, set_up

    workspace = workspace_here()
    options = Options(update=True, jobs=parse_jobs(jobs), dry_run=is_dry(context, dry_run))
    relock = Relock.ALL if upgrade else Relock.STALE
    profiles, unreadable = built_profiles(workspace)
    code = set_up(workspace, workspace.projects, options, profiles=profiles, relock=relock, json=json)
    for error in unreadable:
        complain(f"\n{render_error(error)}")
    return max(code, ExitCode.FAILED) if unreadable else code


@command(
    metavar="[NAME ...]",
    names="Projects, each by its key, title or path; none: all.",
    upgrade="Take the newest versions that the requirements allow; else pins stay where they can.",
    rehash="Keep the versions, and take the hashes that the index has now.",
)
def lock(
    _context: Context, names: Sequence[str] = (), upgrade: bool = False, rehash: bool = False, json: bool = False
) -> int:
    """Write the lockfiles of the projects NAME ..., or of all.

    A lockfile holds the exact versions and hashes of all that the requirements
    ask for, on every platform of the workspace. Pins stay where they can.
    """
    from envyard.tasks.work import write_lockfiles

    workspace = workspace_here()
    projects = select_projects(workspace, names)
    for project in projects if names else ():
        if project.lockfile is None:
            raise UsageError(
                f"`{project.key}` has no `lockfile` in workspace.toml",
                hint=f'add for example `lockfile = "requirements/{project.key}.txt"` to its table',
            )
    return write_lockfiles(workspace, projects, upgrade=upgrade, rehash=rehash, json=json)


COMMANDS = (setup_all, setup, update_all, lock)
