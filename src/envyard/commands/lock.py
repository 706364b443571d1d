"""Write lockfiles: `envs.lock`, `profiles.lock`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from envyard.definition import Definition, profile_definition, project_definition
from envyard.errors import Cancelled, EnvyardError, ExitCode, RequirementsUnreadable
from envyard.events import Finished, Listener, Phase, PhaseStarted, ignore
from envyard.files import file_unusable
from envyard.installers.base import Work
from envyard.installers.uv import Uv, find_uv
from envyard.interrupts import each_in
from envyard.lockfile import Renewal, write_lockfile
from envyard.process import Cancellation
from envyard.profile import Profile
from envyard.project import Project, Workspace
from envyard.requirements import changes, load_text, lockfile_is_stale, parse_lockfile, pin_versions
from envyard.store import Store

_AT_A_TIME = 4  # resolving waits for the index most of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOutcome:
    """What became of one lockfile: `changes` in words ("added x 1.0"), empty when it stayed as it was."""

    key: str
    lockfile: Path | None
    changed: bool
    changes: tuple[str, ...] = ()
    seconds: float = 0.0
    error: EnvyardError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """Outcomes in the order of the projects; a project without a `lockfile` in workspace.toml is left out."""

    outcomes: tuple[LockOutcome, ...]
    seconds: float

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if any(outcome.error for outcome in self.outcomes) else ExitCode.DONE


def lock(
    workspace: Workspace,
    projects: Sequence[Project],
    *,
    upgrade: bool = False,
    rehash: bool = False,
    stale_only: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> LockResult:
    """Resolve the requirements of each project into its lockfile.

    Pins stay where they can unless `upgrade`, and their hashes unless `rehash`.
    """
    definitions = [project_definition(workspace, project) for project in projects]
    wanted = [
        (one, workspace.platforms)
        for one in definitions
        if one.lockfile is not None and (not stale_only or _needs_lock(one))
    ]
    return _lock_all(workspace, wanted, Renewal(upgrade=upgrade, rehash=rehash), listener, cancellation)


def lock_profiles(
    workspace: Workspace,
    profiles: Sequence[Profile],
    *,
    upgrade: bool = False,
    rehash: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> LockResult:
    """The same for every lockfile that the profiles name, each for the platforms that share it."""
    wanted = []
    for profile in profiles:
        platforms: dict[Path, list[str]] = {}
        for platform, lockfile in profile.lockfiles.items():
            platforms.setdefault(lockfile, []).append(platform)
        wanted += [(profile_definition(workspace, profile, names[0]), names) for names in platforms.values()]
    return _lock_all(workspace, wanted, Renewal(upgrade=upgrade, rehash=rehash), listener, cancellation)


def _lock_all(
    workspace: Workspace,
    wanted: Sequence[tuple[Definition, Sequence[str]]],
    renewal: Renewal,
    listener: Listener,
    cancellation: Cancellation | None,
) -> LockResult:
    started = time.monotonic()
    cancellation = cancellation or Cancellation()
    store = Store(workspace.store)
    uv = find_uv()
    if uv is None:
        raise EnvyardError("lockfiles are written by uv, which is not installed", hint="run `pip install uv`")
    if not wanted:
        return LockResult(outcomes=(), seconds=time.monotonic() - started)
    store.prepare()

    def lock_one(each: tuple[Definition, Sequence[str]]) -> LockOutcome:
        return _lock_one(store, *each, uv, renewal, listener, cancellation)

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        try:
            outcomes = each_in(pool, lock_one, wanted)
        except BaseException:
            cancellation.cancel()
            raise
    return LockResult(outcomes=outcomes, seconds=time.monotonic() - started)


def _lock_one(
    store: Store,
    definition: Definition,
    platforms: Sequence[str],
    uv: Uv,
    renewal: Renewal,
    listener: Listener,
    cancellation: Cancellation,
) -> LockOutcome:
    started = time.monotonic()
    work = Work(key=definition.key, listener=listener, cancellation=cancellation)
    before = _pins(definition)
    listener(PhaseStarted(key=definition.key, phase=Phase.LOCK))
    changed, error = False, None
    try:
        changed = write_lockfile(store, definition, platforms, uv, work, renewal)
    except Cancelled:
        raise
    except EnvyardError as problem:
        error = problem
    except OSError as problem:
        error = file_unusable(definition.key, problem)
    seconds = time.monotonic() - started
    action = "failed" if error else "locked" if changed else "kept"
    listener(Finished(key=definition.key, action=action, seconds=seconds, message=error.message if error else ""))
    return LockOutcome(
        key=definition.key,
        lockfile=definition.lockfile,
        changed=changed,
        changes=tuple(changes(before, _pins(definition))),
        seconds=seconds,
        error=error,
    )


def _needs_lock(definition: Definition) -> bool:
    return definition.lockfile is not None and (not definition.lockfile.is_file() or lockfile_is_stale(definition))


def _pins(definition: Definition) -> dict[str, str]:
    if definition.lockfile is None:
        return {}
    try:
        return pin_versions(parse_lockfile(load_text(definition.lockfile)))
    except (OSError, RequirementsUnreadable):
        return {}  # locking writes it anew
