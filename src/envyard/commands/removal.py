"""What `envs.clean` and `envs.prune` share: what was removed, and how one environment is taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.definition import Kind
from envyard.environment import Environment
from envyard.errors import EnvironmentInUse, EnvyardError, ExitCode, LockTimeout
from envyard.history import forget_history
from envyard.locks import ExclusiveLock, collect, in_use, read_holder
from envyard.publish import withdraw
from envyard.sizes import disk_use
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One thing that was, or with a dry run would be, removed. `error` says why it stayed."""

    key: str
    what: str
    path: Path
    bytes: int
    reason: str
    error: EnvyardError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalResult:
    """`freed` is in bytes, counted by inode: what only the removed environments used.

    `left` names what is in the trash and could not be deleted, one line each, because somebody has it open.
    """

    removals: tuple[Removal, ...]
    freed: int
    dry_run: bool = False
    left: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if any(removal.error for removal in self.removals) else ExitCode.DONE


def remove_environment(
    store: Store, before: Sequence[Environment], kind: Kind, key: str, link: Path, reason: str, dry_run: bool
) -> Removal:
    size = sum(env.apparent_bytes for env in before if env.kind == kind and env.key == key)
    removal = Removal(key=key, what="environment", path=link, bytes=size, reason=reason)
    try:
        _remove(store, kind, key, link, dry_run=dry_run)
    except EnvyardError as error:
        return replace(removal, error=error)
    return removal


@contextlib.contextmanager
def locked_at_once(store: Store, kind: Kind, key: str) -> Iterator[None]:
    """The exclusive lock, at once or not at all: who takes away does not wait for who builds."""
    with ExclusiveLock(store, kind, key) as lock:
        if not lock.try_acquire():
            holder = read_holder(store, kind, key)
            who = f" by process {holder.pid} ({holder.phase})" if holder else ""
            raise LockTimeout(f"`{key}` is being built{who}", hint="wait until it is done, then try again")
        yield


def everything(store: Store) -> tuple[list[Environment], int]:
    """Every generation, and the bytes that they take now: their tables of inodes go with them."""
    environments = list(store.committed())
    return environments, disk_use(environments).actual


def finish(
    store: Store, before: Sequence[Environment], used: int, removals: Sequence[Removal], dry_run: bool
) -> RemovalResult:
    """`freed`: what only the removed generations used; `used` is what all of `before` took together."""
    left: list[str] = []
    if dry_run:
        done = [removal for removal in removals if not removal.error]
        generations = {removal.path.name for removal in done if removal.what == "generation"}
        keys = {removal.key for removal in done if removal.what == "environment"}
        after = [env for env in before if env.generation not in generations and env.key not in keys]
    else:
        left = store.empty_trash()
        after = list(store.committed())
    freed = used - disk_use(after).actual
    return RemovalResult(removals=tuple(removals), freed=freed, dry_run=dry_run, left=tuple(left))


def _remove(store: Store, kind: Kind, key: str, link: Path, *, dry_run: bool) -> None:
    """All generations of a key, its link and its pointer. Raises `EnvironmentInUse`, `LockTimeout`."""
    with locked_at_once(store, kind, key):
        mine = [environment for environment in store.committed() if environment.kind == kind and environment.key == key]
        if any(in_use(store, environment.generation) for environment in mine):
            raise EnvironmentInUse(
                f"`{key}` is used by a running process, so it was left alone", hint="end that process, then try again"
            )
        if dry_run:
            return
        withdraw(store, link)
        store.remove_pointer(kind, key)
        forget_history(store, kind, key)
        for environment in mine:
            collect(store, environment.generation)
