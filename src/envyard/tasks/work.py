"""Setting up and locking: progress while it runs, then what became of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from envyard.commands.setup import SetupResult, setup
from envyard.definition import Kind, project_definition
from envyard.errors import EnvyardError, ExitCode
from envyard.outcome import Action, Options
from envyard.process import Cancellation
from envyard.profile import Profile
from envyard.project import Project, Workspace
from envyard.report import complain, render_error, tell, write
from envyard.report.progress import progress
from envyard.report.summary import lock_summary, retry_text, setup_summary
from envyard.report.text import Style, width_of
from envyard.requirements import lockfile_is_stale

if TYPE_CHECKING:  # imported by those who need them
    from envyard.commands.direnv import DirenvSetupResult
    from envyard.commands.lock import LockResult


class Relock(Enum):
    """Which lockfiles are written before environments are set up."""

    NONE = "none"
    STALE = "those older than their requirements"
    ALL = "all, with the newest versions"


def set_up(
    workspace: Workspace,
    projects: Sequence[Project],
    options: Options,
    *,
    profiles: Sequence[Profile] = (),
    relock: Relock = Relock.NONE,
    envrc: bool = False,
    json: bool = False,
) -> int:
    """Make the environments of `projects` and `profiles` so, and say what was done; with `envrc` also files for direnv.

    Returns the exit code.
    """
    locked = None
    if relock != Relock.NONE and options.dry_run:
        _tell_planned_locks(workspace, projects, relock)
    elif relock != Relock.NONE:
        locked = _lock(workspace, projects, relock, json)
        if not json and locked.outcomes:
            tell(lock_summary(locked, Style.of(sys.stdout), width_of(sys.stdout)) + "\n")
    with progress(workspace, quiet=json) as listener:
        cancellation = Cancellation()
        result = setup(
            workspace, projects, profiles=profiles, options=options, listener=listener, cancellation=cancellation
        )
    files = _for_shells(workspace, projects, envrc=envrc, dry_run=options.dry_run)
    if json:
        from envyard.report.data import as_json, setup_data

        data = setup_data(result, locked)
        if files is not None:
            from envyard.report.direnv import envrc_data

            data["direnv"] = envrc_data(files)
        write(as_json(data))
    else:
        tell(setup_summary(result, Style.of(sys.stdout), width_of(sys.stdout)))
        _tell_errors(outcome.error for outcome in (locked.outcomes if locked else ()))
        _tell_failures(result)
        _tell_stale_lockfiles(result)
        if files is not None:
            _tell_envrc(files)
    return max(result.exit_code, *(one.exit_code for one in (locked, files) if one is not None), ExitCode.DONE)


def _for_shells(
    workspace: Workspace, projects: Sequence[Project], *, envrc: bool, dry_run: bool
) -> DirenvSetupResult | None:
    """What makes shells use the environments: the index that `shell.hook` reads and, with `envrc`, files for direnv."""
    from envyard.integrations.shells import remember

    if not dry_run:
        remember(workspace)
    if not envrc:
        return None
    from envyard.commands.direnv import setup_direnv

    return setup_direnv(workspace, projects, dry_run=dry_run)


def write_lockfiles(
    workspace: Workspace, projects: Sequence[Project], *, upgrade: bool, rehash: bool, json: bool
) -> int:
    """Resolve the requirements of `projects` into their lockfiles, and say what changed. Returns the exit code."""
    from envyard.commands.lock import lock

    with progress(workspace, quiet=json) as listener:
        options = {"upgrade": upgrade, "rehash": rehash}
        result = lock(workspace, projects, **options, listener=listener, cancellation=Cancellation())
    if json:
        from envyard.report.data import as_json, lock_data

        write(as_json(lock_data(result)))
    else:
        tell(lock_summary(result, Style.of(sys.stdout), width_of(sys.stdout)))
        _tell_errors(outcome.error for outcome in result.outcomes)
    return result.exit_code


def _lock(workspace: Workspace, projects: Sequence[Project], relock: Relock, quiet: bool) -> LockResult:
    from envyard.commands.lock import lock

    with progress(workspace, quiet=quiet) as listener:
        return lock(
            workspace,
            projects,
            upgrade=relock == Relock.ALL,
            stale_only=relock == Relock.STALE,
            listener=listener,
            cancellation=Cancellation(),
        )


def _tell_planned_locks(workspace: Workspace, projects: Sequence[Project], relock: Relock) -> None:
    """A dry run writes no lockfile, so what it says of the environments is by the lockfiles of today."""
    for project in projects:
        if project.lockfile is None:
            continue
        if relock == Relock.ALL:
            complain(f"dry run: {project.lockfile.name} would be locked with the newest versions first")
        elif not project.lockfile.is_file() or lockfile_is_stale(project_definition(workspace, project)):
            complain(f"dry run: {project.lockfile.name} would be locked first")


def _tell_errors(errors: Iterable[EnvyardError | None]) -> None:
    for error in errors:
        if error is not None:
            complain(f"\n{render_error(error)}")


def _tell_envrc(files: DirenvSetupResult) -> None:
    from envyard.report.direnv import envrc_notice

    notice = envrc_notice(files)
    if notice:
        complain(f"\n{notice}")
    _tell_errors(outcome.error for outcome in files.outcomes)


def _tell_failures(result: SetupResult) -> None:
    _tell_errors(outcome.error for outcome in result.failed)
    if result.failed:
        complain(f"\n{retry_text(result.failed)}")


def _tell_stale_lockfiles(result: SetupResult) -> None:
    """Locked versions were installed, which is right; but they are not what the requirements ask for any more."""
    good = [outcome.definition for outcome in result.outcomes if outcome.action != Action.FAILED]
    stale = [definition for definition in good if lockfile_is_stale(definition)]
    if not stale:
        return
    names = ", ".join(f"`{definition.key}`" for definition in stale)
    complain(f"\nwarning: the requirements of {names} changed after their lockfile was written")
    mine = [definition.key for definition in stale if definition.kind == Kind.PROJECT]
    if mine:
        complain(f"\nhint: run `invoke envs.lock {' '.join(mine)}`, or `invoke envs.update-all` for both steps")
    shared = [definition.key for definition in stale if definition.kind == Kind.PROFILE]
    if shared:
        keys = " ".join(shared)
        complain(f"\nhint: run `invoke profiles.lock {keys}`, then `invoke envs.setup {keys}`")
