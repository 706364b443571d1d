"""Brings every distinct wheel of several environments into the installer's cache, once.

Parallel installers with a cold cache download the same wheel several times and keep several copies of it on disk. So
the pins of all lockfiles that wait for something are put together, split into batches with at most one version of each
package, and fetched side by side; no two batches share a wheel. One fetch runs at a time in a store.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envyard.definition import Definition
from envyard.files import storage_errors
from envyard.installers.base import ANCESTORS, FetchPlan, Installer, Work
from envyard.interpreter import Interpreter
from envyard.process import environment_variable
from envyard.requirements import Pin, parse_lockfile
from envyard.seeds import ensure_seed, options_file
from envyard.store import Store

if TYPE_CHECKING:
    from filelock import BaseFileLock

_SCRATCH = "fetch-"  # folders in the store's cache


def fetch(
    store: Store,
    interpreter: Interpreter,
    definition: Definition,
    lockfiles: Sequence[Path],
    installer: Installer,
    work: Work,
) -> None:
    """Fetch what `lockfiles` pin for `interpreter`, with the torch backend, indexes and folder of `definition`, and
    the options of its files. Needs `fetch_lock`.
    """
    pins = [pin for file in lockfiles for pin in parse_lockfile(file.read_text(encoding="utf-8"))]
    batches = split_batches(applicable(pins, interpreter))
    scratch = store.root / "cache" / f"{_SCRATCH}{os.urandom(4).hex()}"
    try:
        with storage_errors(scratch):
            scratch.mkdir(parents=True)
        plan = FetchPlan(
            interpreter=Path(interpreter.executable),
            batches=tuple("".join(f"{pin.text}\n" for pin in batch) for batch in batches),
            torch_backend=definition.torch_backend,
            indexes=definition.indexes,
            options=options_file(store, definition),
            scratch=scratch,
            seed_folder=ensure_seed(store, interpreter.minor).folder,
            fixed_folder=definition.root,
        )
        installer.fetch(plan, work)
    finally:
        with contextlib.suppress(Exception):
            store.discard(scratch)


@contextlib.contextmanager
def fetch_lock(store: Store, work: Work) -> Iterator[tuple[int, ...]]:
    """One fetch at a time in a store; yields the descriptors that the installer must inherit.

    Not so within the build of another environment, which may hold the lock and waits for this process.
    """
    if environment_variable(ANCESTORS):
        yield ()
        return
    with storage_errors(store.locks):
        store.locks.mkdir(parents=True, exist_ok=True)
    lock, descriptors = _make_lock(store)
    while not _try(lock):
        work.cancellation.wait(0.05)
    try:
        _discard_scratch(store)
        yield tuple(descriptors)
    finally:
        lock.release()


def sweep_scratch(store: Store) -> None:
    """Discard what killed fetches left, unless somebody fetches just now."""
    lock, _descriptors = _make_lock(store)
    if store.locks.is_dir() and _try(lock):
        try:
            _discard_scratch(store)
        finally:
            lock.release()


def applicable(pins: Sequence[Pin], interpreter: Interpreter) -> list[Pin]:
    """The pins whose marker holds for the interpreter on this machine, each (package, version) once."""
    from packaging.markers import Marker, default_environment  # 75 ms, and only with a cold cache

    environment: dict[str, str] = {**default_environment()}  # type: ignore[dict-item]
    environment.update(python_version=interpreter.minor, python_full_version=interpreter.version)
    chosen: dict[tuple[str, str], Pin] = {}
    for pin in pins:
        if not pin.marker or Marker(pin.marker).evaluate(environment):
            chosen.setdefault((pin.name, pin.version), pin)
    return list(chosen.values())


def split_batches(pins: Sequence[Pin]) -> list[list[Pin]]:
    """Batches with at most one version of each package; as many as the most versions of one package."""
    batches: list[list[Pin]] = []
    versions: dict[str, int] = {}
    for pin in pins:
        index = versions.get(pin.name, 0)
        versions[pin.name] = index + 1
        if index == len(batches):
            batches.append([])
        batches[index].append(pin)
    return batches


def _make_lock(store: Store) -> tuple[BaseFileLock, list[int]]:
    """The lock of the fetch, not taken yet, and the list that will hold its descriptor."""
    import filelock  # 80 ms, and only needed to build

    descriptors: list[int] = []
    path = store.locks / "fetch.lock"
    return (
        filelock.FileLock(path, thread_local=False, fallback_to_soft=False, on_acquired=descriptors.append),
        descriptors,
    )


def _try(lock: BaseFileLock) -> bool:
    import filelock

    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    return True


def _discard_scratch(store: Store) -> None:
    """Under the lock of the fetch, which says that no fetch, nor an orphaned child of one, still runs."""
    with contextlib.suppress(OSError):
        for name in os.listdir(store.root / "cache"):
            if name.startswith(_SCRATCH):
                store.discard(store.root / "cache" / name)
