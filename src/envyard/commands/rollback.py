"""Get the previous environment back: `envs.rollback`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.builder import audit
from envyard.commands.removal import locked_at_once
from envyard.definition import Kind
from envyard.environment import Environment
from envyard.errors import CommandFailed, EnvironmentMissing
from envyard.events import ignore
from envyard.health import check_health
from envyard.history import Event, What, record
from envyard.installers.base import Work
from envyard.pointer import Pointer, PointerInvalid
from envyard.process import Cancellation
from envyard.project import Project, Workspace
from envyard.publish import link_for_people, publish, refuse_foreign
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackResult:
    """The environment before (None: it was gone) and the one that is current now."""

    key: str
    before: Environment | None
    now: Environment


def rollback(workspace: Workspace, project: Project) -> RollbackResult:
    """Make the previous generation the current one again; doing it twice is where you started.

    Raises `EnvironmentMissing` when there is no previous generation that works, and `ForeignEnvironment`.
    """
    return _roll_back(Store(workspace.store), Kind.PROJECT, project.key, project.link, workspace.publish)


def rollback_profile(workspace: Workspace, key: str) -> RollbackResult:
    """The same for the environment that models share by the profile `key`. Raises `EnvironmentMissing`."""
    return _roll_back(Store(workspace.store), Kind.PROFILE, key, None, workspace.publish)


def _roll_back(store: Store, kind: Kind, key: str, link: Path | None, mode: str) -> RollbackResult:
    with locked_at_once(store, kind, key):
        try:
            pointer = store.pointer(kind, key)
        except PointerInvalid:
            pointer = store.recover_pointer(kind, key)
        now = _previous_environment(store, key, () if pointer is None else pointer.previous)
        assert pointer is not None
        if link is not None:
            refuse_foreign(store, link, key)
        before = store.load(pointer.current)
        rest = tuple(name for name in pointer.previous if name != now.generation)
        store.write_pointer(
            Pointer(
                kind=kind,
                key=key,
                current=now.generation,
                previous=(pointer.current, *rest) if before is not None else rest,
                reasons=("rollback",),
                updated=time.time(),
            )
        )
        health = check_health(now, None)
        record(
            store,
            kind,
            key,
            Event(
                time=time.time(),
                what=What.ROLLED_BACK,
                grade=health.grade,
                reasons=health.reasons,
                generation=now.generation,
            ),
        )
        if link is not None:
            publish(store, link, now, mode, replace_foreign=False)
        else:
            link_for_people(store, now)
        store.touch(kind, key)
    return RollbackResult(key=key, before=before, now=now)


def _previous_environment(store: Store, key: str, previous: Sequence[str]) -> Environment:
    """The newest of `previous` that is sound; nobody looked at it for long, so the size of every file is checked."""
    why = f"`{key}` has no previous environment to go back to"
    for name in previous:
        environment = store.load(name)
        health = check_health(environment, None)
        if environment is None or not health.grade.usable:
            why = f"the previous environment of `{key}` is {health.grade}: {'; '.join(health.reasons) or name}"
            continue
        work = Work(key=key, listener=ignore, cancellation=Cancellation())
        try:
            count = audit(environment.path, environment.path / environment.site_packages, work).problem_count
        except CommandFailed as error:
            why = error.message
            continue
        if not count:
            return environment
        why = f"the previous environment of `{key}` is damaged: {count} of its files are missing or changed"
    raise EnvironmentMissing(why, hint=f"run `invoke envs.setup {key}`, which makes a new one when that is needed")
