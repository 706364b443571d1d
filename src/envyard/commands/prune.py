"""Take away what nobody needs: `envs.prune`."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

from envyard.commands.prune_models import prune_models, with_models
from envyard.commands.removal import Removal, RemovalResult, finish, locked_at_once, remove_environment
from envyard.definition import Kind
from envyard.environment import Environment
from envyard.errors import EnvironmentInUse, LockTimeout
from envyard.fetch import sweep_scratch
from envyard.history import forget_history, load_history, remembered
from envyard.locks import collect, in_use, read_holder
from envyard.pointer import PointerInvalid
from envyard.project import Workspace
from envyard.publish import REPLACED, replaced_at, sweep_beside
from envyard.retention import retained
from envyard.sizes import disk_use
from envyard.store import Store

_KEPT_DAYS = 7  # logs of failed builds, and what was set aside


def prune(
    workspace: Workspace,
    *,
    unused_for: float | None = None,
    keep_size: int | None = None,
    dry_run: bool = False,
) -> RemovalResult:
    """Remove what nobody needs: abandoned builds, generations without a pointer, forgotten logs, the trash, and the old
    environments of models that were migrated.

    With `unused_for` (seconds) environments not used for so long go too; with `keep_size` (bytes, every inode counted
    once) first the generations kept for a rollback and then the least recently used environments go, until the rest
    fits. Nothing that a live process uses is touched.
    """
    store = Store(workspace.store)
    before = list(store.committed())
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
        link = store.root / key if kind == Kind.PROFILE else links.get(key, store.root / key)
        why = with_models(store, kind, key, reason)
        removals.append(remove_environment(store, before, kind, key, link, why, dry_run))
    removals += _prune_replaced(store, dry_run)
    migrated, deleted = prune_models(workspace, store, dry_run)
    if not dry_run:
        _forget_logs(store)
        _forget_histories(store)
        _sweep_links(store, workspace)
        sweep_scratch(store)
        store.sweep()
    return finish(store, before, [*removals, *migrated], dry_run, deleted)


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
            with locked_at_once(store, kind, key) if key else contextlib.nullcontext():
                if store.is_uncommitted(name):
                    path = store.generation_path(name)
                    one = Removal(key=key, what="abandoned build", path=path, bytes=0, reason="never finished")
                    removals += _collected(store, name, one, dry_run)
        except LockTimeout:
            continue  # not abandoned: somebody builds it right now
    return removals


def _prune_unreferenced(store: Store, dry_run: bool) -> list[Removal]:
    """Generations that no pointer leads to, and previous ones that a killed command had no time to collect."""
    removals: list[Removal] = []
    for environment in list(store.committed()):
        with contextlib.suppress(LockTimeout), locked_at_once(store, environment.kind, environment.key):
            try:
                pointer = store.pointer(environment.kind, environment.key)
            except PointerInvalid:
                continue  # the next build recovers the pointer from these generations
            name, reason = environment.generation, "no pointer leads to it"
            if pointer is not None and name in pointer.previous:
                if name in retained(store, pointer):
                    continue
                reason = "older than what is kept for a rollback"
            elif pointer is not None and name == pointer.current:
                continue
            collected = _collect_one(store, environment, reason, dry_run)
            if pointer is not None and not dry_run and any(one.error is None for one in collected):
                previous = tuple(one for one in pointer.previous if one != name)
                if previous != pointer.previous:
                    store.write_pointer(replace(pointer, previous=previous))
            removals += collected
    return removals


def _prune_replaced(store: Store, dry_run: bool) -> list[Removal]:
    """What `--yes` took from the place of a link, a week after."""
    removals = []
    folder = store.root / REPLACED
    for path in sorted(folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ()):
        days = (time.time() - (replaced_at(path) or time.time())) / 86400
        if days > _KEPT_DAYS:
            reason = f"replaced {days:.0f} days ago"
            one = Removal(key="", what="replaced folder", path=path, bytes=0, reason=reason)
            try:
                if not dry_run:
                    store.move_to_trash(path)
            except EnvironmentInUse as error:
                one = replace(one, error=error)
            removals.append(one)
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
            with contextlib.suppress(LockTimeout), locked_at_once(store, pointer.kind, pointer.key):
                removals += _collect_one(store, environment, "only kept for a rollback", dry_run)
                gone.add(name)
    return removals


def _collect_one(store: Store, environment: Environment, reason: str, dry_run: bool) -> list[Removal]:
    """Collect a generation under its lock; empty when a live process uses it."""
    if dry_run and in_use(store, environment.generation):
        return []
    removal = Removal(
        key=environment.key,
        what="generation",
        path=environment.path,
        bytes=environment.apparent_bytes,
        reason=reason,
    )
    return _collected(store, environment.generation, removal, dry_run)


def _collected(store: Store, generation: str, removal: Removal, dry_run: bool) -> list[Removal]:
    """`removal` once it is done, or with why it cannot be; empty when a live process uses the generation."""
    try:
        return [removal] if dry_run or collect(store, generation) else []
    except EnvironmentInUse as error:
        return [replace(removal, error=error)]


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
        with contextlib.suppress(LockTimeout, OSError), locked_at_once(store, Kind.PROJECT, project.key):
            sweep_beside(store, project.link)


def _forget_logs(store: Store) -> None:
    """Logs of builds whose generation is gone, after a week: a failed build is still worth reading about."""
    for log in (store.root / "logs").glob("*.log"):
        generation = log.stem.rpartition("-")[2]
        with contextlib.suppress(OSError):
            if store.load(generation) is None and log.stat().st_mtime < time.time() - _KEPT_DAYS * 86400:
                log.unlink()


def _forget_histories(store: Store) -> None:
    """What failed for so long as a log is kept, and was never built after it or is gone since."""
    for kind, key in remembered(store):
        with contextlib.suppress(LockTimeout, OSError), locked_at_once(store, kind, key):
            newest = max((event.time for event in load_history(store, kind, key)), default=0.0)
            if not store.pointer_path(kind, key).exists() and newest < time.time() - _KEPT_DAYS * 86400:
                forget_history(store, kind, key)
