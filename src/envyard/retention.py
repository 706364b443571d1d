"""Which generations of an environment stay: the current one, and what `envs.rollback` may need.

Kept is only what works. Generations that a killed build had committed, but had not pointed to yet, and those that a
killed command had no time to collect, go with the next build and with `envs.prune`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from envyard.environment import Environment
from envyard.errors import EnvyardError
from envyard.health import check_health
from envyard.locks import collect
from envyard.pointer import Pointer
from envyard.store import KEEP_PREVIOUS, Store


def retained(store: Store, pointer: Pointer, works: Callable[[Environment], bool] | None = None) -> tuple[str, ...]:
    """The newest `KEEP_PREVIOUS` of the pointer's previous generations that are usable and that `works` accepts."""
    previous = [environment for name in pointer.previous if (environment := store.load(name)) is not None]
    usable = [environment for environment in previous if check_health(environment, None).grade.usable]
    if works is not None:
        usable = [environment for environment in usable if works(environment)]
    return tuple(environment.generation for environment in usable[:KEEP_PREVIOUS])


def forget_old(store: Store, pointer: Pointer, works: Callable[[Environment], bool] | None = None) -> None:
    """Collect every generation of a key that is not retained, unless a live process still uses it.

    Needs the exclusive lock. What is in use stays among the pointer's previous ones.
    """
    kept = list(retained(store, pointer, works))
    for environment in list(store.committed()):
        if (environment.kind, environment.key) != (pointer.kind, pointer.key):
            continue
        if environment.generation in (pointer.current, *kept):
            continue
        try:
            collected = collect(store, environment.generation)
        except (EnvyardError, OSError):
            collected = False
        if not collected:
            kept.append(environment.generation)
    if tuple(kept) != pointer.previous:
        store.write_pointer(replace(pointer, previous=tuple(kept)))
