"""What `envs.clean` and `envs.prune` share: what was removed, and how one environment is taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.definition import Kind
from envyard.environment import Environment
from envyard.errors import EnvironmentInUse, EnvyardError, ExitCode, LockTimeout
from envyard.history import forget_history
from envyard.locks import ExclusiveLock, collect, in_use, read_holder
from envyard.publish import Published, published, withdraw
from envyard.sizes import Inode, Links, count_links, inode_table, released
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One thing that was, or with a dry run would be, removed.

    `error` says why it stayed; an environment has a `kind`.
    """

    key: str
    what: str
    path: Path
    bytes: int
    reason: str
    error: EnvyardError | None = None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalResult:
    """`freed` is what the disk gets back, in bytes; `cached` what no environment has any more, and something outside of
    the store still links: uv's cache, where uv is the installer.

    `left` names what is in the trash and could not be deleted, one line each, because somebody has it open.
    """

    removals: tuple[Removal, ...]
    freed: int
    cached: int = 0
    dry_run: bool = False
    left: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if any(removal.error for removal in self.removals) else ExitCode.DONE


def remove_environment(
    store: Store, before: Sequence[Environment], kind: Kind, key: str, link: Path, reason: str, dry_run: bool
) -> Removal:
    size = sum(env.apparent_bytes for env in before if env.kind == kind and env.key == key)
    removal = Removal(key=key, what="environment", path=link, bytes=size, reason=reason, kind=kind)
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


def finish(
    store: Store,
    before: Sequence[Environment],
    removals: Sequence[Removal],
    dry_run: bool,
    deleted: Mapping[Inode, Links] | None = None,
) -> RemovalResult:
    """Empty the trash, and count what that frees; `deleted` is what was never in it. `before` are all generations."""
    left: list[str] = []
    if dry_run:
        done = [removal for removal in removals if not removal.error]
        generations = {removal.path.name for removal in done if removal.what == "generation"}
        keys = {(removal.kind, removal.key) for removal in done if removal.what == "environment"}
        after = [env for env in before if env.generation not in generations and (env.kind, env.key) not in keys]
        links = count_links(dict.fromkeys([store.trash, *_folders(store, before, done)]))
    else:
        links = count_links([store.trash])
        left = store.empty_trash()
        links = links if not left else {inode: links[inode] for inode in links.keys() - count_links([store.trash])}
        after = list(store.committed())
    stay = {inode for environment in after for inode in inode_table(environment)}
    freed, cached = released({**(deleted or {}), **links}, stay=stay)
    return RemovalResult(removals=tuple(removals), freed=freed, cached=cached, dry_run=dry_run, left=tuple(left))


def _folders(store: Store, before: Sequence[Environment], removals: Sequence[Removal]) -> Iterator[Path]:
    """What would move to the trash; a generation may go for two reasons."""
    for removal in removals:
        whole = removal.what == "environment"
        names = [removal.path.name]
        if whole:
            names = [env.generation for env in before if (env.kind, env.key) == (removal.kind, removal.key)]
        yield from (store.root / "leases" / name for name in names)
        yield from (store.generation_path(name) for name in names if whole)
        if not whole or published(store, removal.path, None) == Published.OUTDATED:  # a copy that is ours
            yield removal.path


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
