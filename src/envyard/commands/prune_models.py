"""What `envs.prune` does about models: migrated environments, and notes about what is gone."""

from __future__ import annotations

import contextlib
import os
import time

from envyard.commands.removal import Removal
from envyard.definition import Kind
from envyard.errors import EnvyardError
from envyard.migrated import FOLDER, delete, list_put_away, size_of
from envyard.project import Workspace
from envyard.records import forget_failure, forget_model, load_failures, load_models
from envyard.sizes import Inode, Links, count_links
from envyard.store import Store

_KEPT_SECONDS = 7 * 86400.0  # notes about a model that is gone: its disk may only not be mounted today


def prune_models(workspace: Workspace, store: Store, dry_run: bool) -> tuple[list[Removal], dict[Inode, Links]]:
    """Give up what `envs.migrate` moved away, and forget models and failures that are no more.

    Returns the removals, and the files of those that were deleted at once: they lay on another device than the trash.
    """
    removals = []
    deleted: dict[Inode, Links] = {}
    for one in list_put_away(store):
        size, error = size_of(one.place), None
        if not dry_run:
            links = count_links([one.place])
            try:
                delete(store, one)
            except EnvyardError as problem:
                error = problem
            if not os.path.lexists(one.place) and one.place.parent != store.root / FOLDER:
                deleted |= links
        reason = f"{one.model or one.origin.name} was migrated to {one.key}"
        removals.append(
            Removal(
                key=one.origin.name,
                what="old environment",
                path=one.place,
                bytes=0 if error else size,
                reason=reason,
                error=error,
            )
        )
    if not dry_run:
        _forget(workspace, store)
    return removals, deleted


def with_models(store: Store, kind: Kind, key: str, reason: str) -> str:
    """The reason to remove an environment, with the models that it serves."""
    if kind != Kind.PROFILE:
        return reason
    models = [os.path.basename(one.model) for one in load_models(store) if one.key == key]
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    return f"{reason}; it serves {', '.join(models[:3])}{more}" if models else reason


def _forget(workspace: Workspace, store: Store) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for record in load_models(store):
        if os.path.isabs(record.model) and not os.path.exists(record.model) and record.used < oldest:
            forget_model(store, record.model)
    for failure in load_failures(store):
        if not oldest < failure.since <= time.time():
            forget_failure(store, failure.key)
    folder = store.root / "legacy"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if not os.path.lexists(workspace.environments / name.removesuffix(".json")):
                (folder / name).unlink()
