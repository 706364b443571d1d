"""Who may build, and who is using: exclusive locks per environment, leases per generation.

An exclusive lock lies beside the environment (`locks/<kind>-<key>.lock`) and is never deleted. Who holds it stands in
`locks/<kind>-<key>.json`, a file of its own, since a locked file may be unreadable on Windows. The installer child
inherits the lock's descriptor: if the builder is killed, the lock stays taken until the child has ended too.

A lease says "this generation is in use by a live process": a lock on a file below `leases/<generation>/`, freed by the
operating system when its process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from envyard.definition import Kind
from envyard.environment import Environment
from envyard.errors import EnvironmentMissing, LockTimeout
from envyard.files import read_bytes, storage_errors, write_json
from envyard.jsonobject import json_object
from envyard.pointer import generation_name
from envyard.process import Cancellation, process_alive
from envyard.store import PROCESSES_LOCK, Store

if TYPE_CHECKING:
    from filelock import BaseFileLock

POLL_SECONDS = 0.05
REPORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who builds, or built last: the file beside an exclusive lock. `since` is in seconds since the epoch."""

    pid: int
    host: str
    phase: str
    since: float
    generation: str = ""
    log: str = ""

    @property
    def seconds(self) -> float:
        return max(0.0, time.time() - self.since)

    @property
    def alive(self) -> bool:
        """Whether the holder itself lives; when not, a child of it may hold the lock. Other hosts count as alive."""
        return self.host != socket.gethostname() or process_alive(self.pid)


class ExclusiveLock:
    """The right to build one environment, held by this process until `release`."""

    def __init__(self, store: Store, kind: Kind, key: str) -> None:
        self.store, self.kind, self.key = store, kind, key
        self._path = store.locks / f"{kind}-{key}.lock"
        self._lock: BaseFileLock | None = None
        self._descriptors: list[int] = []
        self._holder = Holder(pid=os.getpid(), host=socket.gethostname(), phase="check", since=time.time())

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a child must inherit (`pass_fds`) so that the lock lives as long as the child."""
        return tuple(self._descriptors)

    def try_acquire(self) -> bool:
        """Take the lock if it is free."""
        import filelock  # 80 ms, and only needed to build

        if self._lock is None:
            with storage_errors(self._path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = filelock.FileLock(
                self._path,
                thread_local=False,  # taken in one thread, released in another
                preserve_lock_file=True,
                fallback_to_soft=False,  # a soft lock would outlive a killed holder
                on_acquired=self._descriptors.append,
            )
        try:
            with storage_errors(self._path):
                self._lock.acquire(timeout=0)
        except filelock.Timeout:
            return False
        return True

    def acquire(
        self,
        on_wait: Callable[[Holder | None, float], None],
        cancellation: Cancellation,
        timeout: float | None = None,
    ) -> None:
        """Wait for the lock. `on_wait(holder, seconds waited)` is called when waiting starts and when there is news.

        Raises `LockTimeout` after `timeout` seconds and `Cancelled`.
        """
        started, reported, last = time.monotonic(), float("-inf"), ""
        while not self.try_acquire():
            waited = time.monotonic() - started
            holder = read_holder(self.store, self.kind, self.key)
            phase = "" if holder is None else f"{holder.pid} {holder.phase} {holder.alive}"
            if phase != last or waited - reported >= REPORT_SECONDS:
                on_wait(holder, waited)
                reported, last = waited, phase
            if timeout is not None and waited > timeout:
                raise LockTimeout(
                    f"`{self.key}` is still being built by another process after {waited:.0f} s",
                    hint=f"it is process {holder.pid} on {holder.host}; its log: {holder.log}"
                    if holder
                    else "wait until it is done, then try again",
                )
            cancellation.wait(POLL_SECONDS)

    def write_intent(self, *, phase: str, generation: str = "", log: str = "") -> None:
        """Tell the others what this process does; the generation is named before its folder is made.

        Without one, that of the holder before stays named: what it may have left behind is still to be collected.
        """
        if not generation and not self._holder.generation:
            before = read_holder(self.store, self.kind, self.key)
            generation = "" if before is None else before.generation
        if generation:
            self._holder = replace(self._holder, generation=generation, log=log)
        self._holder = replace(self._holder, phase=phase)
        write_holder(self.store, self.kind, self.key, self._holder)

    def release(self) -> None:
        self._descriptors.clear()
        if self._lock is not None and self._lock.is_locked:
            self._lock.release()

    def __enter__(self) -> ExclusiveLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder_path(store: Store, kind: Kind, key: str) -> Path:
    return store.locks / f"{kind}-{key}.json"


def read_holder(store: Store, kind: Kind, key: str) -> Holder | None:
    """Who holds, or held last, the exclusive lock of an environment."""
    try:
        data = json_object(read_bytes(holder_path(store, kind, key)))
        generation = data.text("generation")
        return Holder(
            pid=_process_id(data.integer("pid")),
            host=data.text("host"),
            phase=data.text("phase"),
            since=data.moment("since"),
            generation=generation_name(generation) if generation else "",
            log=data.text("log"),
        )
    except (OSError, ValueError):
        return None


def _process_id(number: int) -> int:
    """`number`, if a system can have such a process. Raises `ValueError`."""
    if 0 < number < 2**31:
        return number
    raise ValueError(f"not the number of a process: {number}")


def write_holder(store: Store, kind: Kind, key: str, holder: Holder) -> None:
    write_json(
        holder_path(store, kind, key),
        {name: getattr(holder, name) for name in holder.__slots__},
        durable=False,
    )


# --- leases


class Lease:
    """Keeps a generation from being collected while this object (and a child that inherits it) lives."""

    def __init__(self, lock: BaseFileLock, descriptors: list[int], environment: Environment) -> None:
        self._lock = lock
        self.descriptors = tuple(descriptors)
        self.environment = environment

    def release(self) -> None:
        path = Path(self._lock.lock_file)
        self._lock.release()
        with contextlib.suppress(OSError):
            path.unlink()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def take_lease(store: Store, kind: Kind, key: str) -> Lease:
    """A lease on the generation that `key` has now. Raises `EnvironmentMissing`."""
    import filelock  # 80 ms, and only for commands that run something

    for _attempt in range(5):
        environment = store.current(kind, key)
        if environment is None:
            continue  # it may have been replaced and collected between a look at the pointer and one at the generation
        folder = store.root / "leases" / environment.generation
        with storage_errors(folder), _gate(store, environment.generation):
            folder.mkdir(parents=True, exist_ok=True)
            if store.load(environment.generation) is None:
                continue  # collected since the pointer was read
            descriptors: list[int] = []
            lock = filelock.FileLock(
                folder / f"{os.getpid()}-{os.urandom(4).hex()}.lock",
                thread_local=False,
                preserve_lock_file=True,
                fallback_to_soft=False,
                on_acquired=descriptors.append,
            )
            lock.acquire(timeout=30)  # `in_use` may test it at this very moment
        return Lease(lock, descriptors, environment)
    raise EnvironmentMissing(f"`{key}` has no environment", hint=f"run `invoke envs.setup {key}`")


def in_use(store: Store, generation: str, *, sweep: bool = False) -> bool:
    """Whether a live process holds a lease on the generation.

    `sweep` deletes the files of leases whose process is gone; only behind the gate, where no lease is being taken.
    """
    import filelock

    folder = store.root / "leases" / generation
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".lock")]
    except OSError:
        return False
    used = False
    for name in names:
        # preserved: its time tells the last use, and who starts now may have opened it already
        lock = filelock.FileLock(folder / name, fallback_to_soft=False, preserve_lock_file=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            used = True
            continue
        lock.release()
        if sweep and name != PROCESSES_LOCK:
            with contextlib.suppress(OSError):
                (folder / name).unlink()
    return used


def collect(store: Store, generation: str) -> bool:
    """Move an unused generation, finished or not, to the trash; False when a live process still uses it.

    Needs the exclusive lock of its env key. The gate keeps a lease from being taken between the check and the move.
    """
    with _gate(store, generation):
        if in_use(store, generation, sweep=True):
            return False
        store.discard(store.generation_path(generation))
        store.discard(store.root / "leases" / generation)
    return True


@contextlib.contextmanager
def _gate(store: Store, generation: str) -> Iterator[None]:
    """Held for moments only, by who takes a lease and by who collects the generation."""
    import filelock

    path = store.locks / f"gate-{generation[:2]}.lock"
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path, timeout=30, thread_local=False, fallback_to_soft=False):
        yield
