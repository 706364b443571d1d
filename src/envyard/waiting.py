"""Somebody else's build: whether there is one, and waiting for it without building oneself."""

from __future__ import annotations

import os

from envyard.definition import Kind
from envyard.errors import EnvyardError
from envyard.events import Listener, Waiting
from envyard.locks import ExclusiveLock, Holder, read_holder
from envyard.process import Cancellation
from envyard.store import Store


def being_built(store: Store, kind: Kind, key: str) -> bool:
    """Whether a process, or the installer of one that was killed, holds the exclusive lock of the environment."""
    if not os.path.exists(store.locks / f"{kind}-{key}.lock"):
        return False
    lock = ExclusiveLock(store, kind, key)
    try:
        return not lock.try_acquire()
    except (EnvyardError, OSError):  # a store that cannot be written, where nobody builds
        return False
    finally:
        lock.release()


def builder_words(store: Store, kind: Kind, key: str) -> str:
    """Who builds it, in words."""
    holder = read_holder(store, kind, key)
    return "another process" if holder is None else f"process {holder.pid} on {holder.host} ({holder.phase})"


def waiting_event(key: str, holder: Holder | None, seconds: float) -> Waiting:
    """What to tell while waiting for the exclusive lock of `key` since `seconds`; `holder` may not be known yet."""
    return Waiting(
        key=key,
        holder_pid=holder.pid if holder else 0,
        holder_host=holder.host if holder else "",
        holder_phase=holder.phase if holder else "",
        holder_seconds=holder.seconds if holder else 0.0,
        holder_alive=holder.alive if holder else True,
        seconds=seconds,
    )


def wait_for_builder(store: Store, kind: Kind, key: str, listener: Listener, cancellation: Cancellation) -> None:
    """Return when nobody builds the environment any more; a killed builder is noticed at once. Raises `Cancelled`."""
    with ExclusiveLock(store, kind, key) as lock:
        lock.acquire(lambda holder, seconds: listener(waiting_event(key, holder, seconds)), cancellation)
