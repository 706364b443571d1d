"""Take environments away, and get the previous one back: `envs.clean`, `envs.prune`, `envs.rollback`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.builder import audit
from envyard.definition import Kind
from envyard.environment import Environment
from envyard.errors import (
    CommandFailed,
    EnvironmentInUse,
    EnvironmentMissing,
    EnvyardError,
    ExitCode,
    LockTimeout,
)
from envyard.events import ignore
from envyard.fetch import sweep_scratch
from envyard.health import check_health
from envyard.installers.base import Work
from envyard.locks import ExclusiveLock, collect, in_use, read_holder
from envyard.process import Cancellation
from envyard.project import Project, Workspace
from envyard.publish import REPLACED, publish, refuse_foreign, replaced_at, sweep_beside, withdraw
from envyard.sizes import disk_use
from envyard.store import Pointer, PointerInvalid, Store

_KEPT_DAYS = 7  # logs of failed builds, and what was set aside


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
    """`freed` is in bytes, counted by inode: what only the removed environments used."""

    removals: tuple[Removal, ...]
    freed: int
    dry_run: bool = False

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if any(removal.error for removal in self.removals) else ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackResult:
    """The environment before (None: it was gone) and the one that is current now."""

    key: str
    before: Environment | None
    now: Environment


def clean(workspace: Workspace, projects: Sequence[Project], *, dry_run: bool = False) -> RemovalResult:
    """Remove the environments of `projects`, all generations of them, unless a live process uses one."""
    store = Store(workspace.store)
    before, used = _everything(store)
    removals = []
    for project in projects:
        mine = [env for env in before if env.kind == Kind.PROJECT and env.key == project.key]
        if not mine and not os.path.lexists(store.pointer_path(Kind.PROJECT, project.key)):
            continue
        removal = Removal(
            key=project.key,
            what="environment",
            path=project.link,
            bytes=sum(environment.apparent_bytes for environment in mine),
            reason="asked for",
        )
        try:
            _remove_environment(store, Kind.PROJECT, project.key, project.link, dry_run=dry_run)
        except EnvyardError as error:
            removal = replace(removal, error=error)
        removals.append(removal)
    return _finish(store, before, used, removals, dry_run)


def prune(
    workspace: Workspace,
    *,
    unused_for: float | None = None,
    keep_size: int | None = None,
    dry_run: bool = False,
) -> RemovalResult:
    """Remove what nobody needs: abandoned builds, generations without a pointer, forgotten logs, the trash.

    With `unused_for` (seconds) environments not used for so long go too; with `keep_size` (bytes, every inode counted
    once) first the generations kept for a rollback and then the least recently used environments go, until the rest
    fits. Nothing that a live process uses is touched.
    """
    store = Store(workspace.store)
    before, used = _everything(store)
    links = {project.key: project.link for project in workspace.projects}
    removals = [*_prune_abandoned(store, dry_run), *_prune_unreferenced(store, dry_run)]
    chosen: dict[tuple[Kind, str], str] = {}
    if unused_for is not None:
        for pointer in store.pointers():
            age = time.time() - (store.last_used(pointer.kind, pointer.key) or pointer.updated)
            if age > unused_for:
                chosen[pointer.kind, pointer.key] = f"not used for {age / 86400:.0f} days"
    if keep_size is not None:
        removals += _prune_previous(store, keep_size, dry_run)
        chosen |= _over_size(store, keep_size, set(chosen))
    for (kind, key), reason in chosen.items():
        removals.append(_removal_of(store, before, kind, key, links.get(key, store.root / key), reason, dry_run))
    removals += _prune_replaced(store, dry_run)
    if not dry_run:
        _forget_logs(store)
        _sweep_links(store, workspace)
        sweep_scratch(store)
        store.sweep()
        store.empty_trash()
    return _finish(store, before, used, removals, dry_run)


def rollback(workspace: Workspace, project: Project) -> RollbackResult:
    """Make the previous generation the current one again; doing it twice is where you started.

    Raises `EnvironmentMissing` when there is no previous generation that works, and `ForeignEnvironment`.
    """
    store = Store(workspace.store)
    kind, key = Kind.PROJECT, project.key
    with _locked(store, kind, key):
        try:
            pointer = store.pointer(kind, key)
        except PointerInvalid:
            pointer = store.recover_pointer(kind, key)
        now = _previous_environment(store, key, () if pointer is None else pointer.previous)
        assert pointer is not None
        refuse_foreign(store, project.link, key)
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
        publish(store, project.link, now, workspace.publish, replace_foreign=False)
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


def _removal_of(
    store: Store, before: Sequence[Environment], kind: Kind, key: str, link: Path, reason: str, dry_run: bool
) -> Removal:
    size = sum(env.apparent_bytes for env in before if env.kind == kind and env.key == key)
    removal = Removal(key=key, what="environment", path=link, bytes=size, reason=reason)
    try:
        _remove_environment(store, kind, key, link, dry_run=dry_run)
    except EnvyardError as error:
        return replace(removal, error=error)
    return removal


def _remove_environment(store: Store, kind: Kind, key: str, link: Path, *, dry_run: bool) -> None:
    """All generations of a key, its link and its pointer. Raises `EnvironmentInUse`, `LockTimeout`."""
    with _locked(store, kind, key):
        mine = [environment for environment in store.committed() if environment.kind == kind and environment.key == key]
        if any(in_use(store, environment.generation) for environment in mine):
            raise EnvironmentInUse(
                f"`{key}` is used by a running process, so it was left alone", hint="end that process, then try again"
            )
        if dry_run:
            return
        withdraw(store, link)
        store.remove_pointer(kind, key)
        for environment in mine:
            collect(store, environment.generation)


@contextlib.contextmanager
def _locked(store: Store, kind: Kind, key: str) -> Iterator[None]:
    """The exclusive lock, at once or not at all: who takes away does not wait for who builds."""
    with ExclusiveLock(store, kind, key) as lock:
        if not lock.try_acquire():
            holder = read_holder(store, kind, key)
            who = f" by process {holder.pid} ({holder.phase})" if holder else ""
            raise LockTimeout(f"`{key}` is being built{who}", hint="wait until it is done, then try again")
        yield


def _prune_abandoned(store: Store, dry_run: bool) -> list[Removal]:
    """Builds that a kill or a power loss left behind. Order matters: first the folders, then who names them."""
    names = store.uncommitted()
    builders = {}
    for kind in Kind:
        for path in store.locks.glob(f"{kind}-*.json"):
            key = path.stem.removeprefix(f"{kind}-")
            holder = read_holder(store, kind, key)
            if holder is not None:
                builders[holder.generation] = (kind, key)
    removals = []
    for name in names:
        kind, key = builders.get(name, (Kind.PROJECT, ""))
        try:
            with _locked(store, kind, key) if key else contextlib.nullcontext():
                if store.is_uncommitted(name) and (dry_run or collect(store, name)):
                    path = store.generation_path(name)
                    removals.append(
                        Removal(key=key, what="abandoned build", path=path, bytes=0, reason="never finished")
                    )
        except LockTimeout:
            continue  # not abandoned: somebody builds it right now
    return removals


def _prune_unreferenced(store: Store, dry_run: bool) -> list[Removal]:
    removals = []
    for environment in list(store.committed()):
        with contextlib.suppress(LockTimeout), _locked(store, environment.kind, environment.key):
            try:
                pointer = store.pointer(environment.kind, environment.key)
            except PointerInvalid:
                continue  # the next build recovers the pointer from these generations
            if pointer is not None and environment.generation in (pointer.current, *pointer.previous):
                continue
            removals += _collect_one(store, environment, "no pointer leads to it", dry_run)
    return removals


def _prune_replaced(store: Store, dry_run: bool) -> list[Removal]:
    """What `--yes` took from the place of a link, a week after."""
    removals = []
    folder = store.root / REPLACED
    for path in sorted(folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ()):
        days = (time.time() - (replaced_at(path) or time.time())) / 86400
        if days > _KEPT_DAYS:
            reason = f"replaced {days:.0f} days ago"
            removals.append(Removal(key="", what="replaced folder", path=path, bytes=0, reason=reason))
            if not dry_run:
                store.move_to_trash(path)
    return removals


def _prune_previous(store: Store, keep_size: int, dry_run: bool) -> list[Removal]:
    """Give up what is kept for a rollback while everything together is too large, least recently used first."""
    removals: list[Removal] = []
    gone: set[str] = set()
    for pointer in sorted(store.pointers(), key=lambda one: store.last_used(one.kind, one.key) or 0.0):
        for name in pointer.previous:
            left = [environment for environment in store.committed() if environment.generation not in gone]
            if disk_use(left).actual <= keep_size:
                return removals
            environment = store.load(name)
            if environment is None:
                continue
            with contextlib.suppress(LockTimeout), _locked(store, pointer.kind, pointer.key):
                removals += _collect_one(store, environment, "only kept for a rollback", dry_run)
                gone.add(name)
    return removals


def _collect_one(store: Store, environment: Environment, reason: str, dry_run: bool) -> list[Removal]:
    """Collect a generation under its lock; empty when a live process uses it."""
    if in_use(store, environment.generation) if dry_run else not collect(store, environment.generation):
        return []
    return [
        Removal(
            key=environment.key,
            what="generation",
            path=environment.path,
            bytes=environment.apparent_bytes,
            reason=reason,
        )
    ]


def _over_size(store: Store, keep_size: int, gone: set[tuple[Kind, str]]) -> dict[tuple[Kind, str], str]:
    """Which current environments go, least recently used first, until the rest is at most `keep_size` bytes."""
    pointers = [pointer for pointer in store.pointers() if (pointer.kind, pointer.key) not in gone]
    pointers.sort(key=lambda one: store.last_used(one.kind, one.key) or one.updated)
    chosen: dict[tuple[Kind, str], str] = {}
    while pointers:
        left = [environment for pointer in pointers if (environment := store.load(pointer.current)) is not None]
        if disk_use(left).actual <= keep_size:
            break
        oldest = pointers.pop(0)
        chosen[oldest.kind, oldest.key] = "least recently used, to keep within the size"
    return chosen


def _sweep_links(store: Store, workspace: Workspace) -> None:
    for project in workspace.projects if store.locks.is_dir() else ():
        with contextlib.suppress(LockTimeout, OSError), _locked(store, Kind.PROJECT, project.key):
            sweep_beside(store, project.link)


def _forget_logs(store: Store) -> None:
    """Logs of builds whose generation is gone, after a week: a failed build is still worth reading about."""
    for log in (store.root / "logs").glob("*.log"):
        generation = log.stem.rpartition("-")[2]
        with contextlib.suppress(OSError):
            if store.load(generation) is None and log.stat().st_mtime < time.time() - _KEPT_DAYS * 86400:
                log.unlink()


def _everything(store: Store) -> tuple[list[Environment], int]:
    """Every generation, and the bytes that they take now: their tables of inodes go with them."""
    environments = list(store.committed())
    return environments, disk_use(environments).actual


def _finish(
    store: Store, before: Sequence[Environment], used: int, removals: Sequence[Removal], dry_run: bool
) -> RemovalResult:
    """`freed`: what only the removed generations used; `used` is what all of `before` took together."""
    if dry_run:
        done = [removal for removal in removals if not removal.error]
        generations = {removal.path.name for removal in done if removal.what == "generation"}
        keys = {removal.key for removal in done if removal.what == "environment"}
        after = [env for env in before if env.generation not in generations and env.key not in keys]
    else:
        store.empty_trash()
        after = list(store.committed())
    return RemovalResult(removals=tuple(removals), freed=used - disk_use(after).actual, dry_run=dry_run)
