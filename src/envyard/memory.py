"""Answers that are remembered in this process while nothing that they were made from changes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.definition import Kind
from envyard.envspec import EnvSpec
from envyard.store import Store

_AGAIN_SECONDS = 60.0  # for answers that are less than good: so often their cause is looked at again
_AT_MOST = 10_000  # answers; an application that asks for more models than that begins anew

Signature = tuple[int, int, int] | None
Signatures = tuple[tuple[str, Signature], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    spec: EnvSpec
    witnesses: Signatures
    machine: tuple[str, ...]
    until: float
    store: Store


class Memory:
    """Owns the answers of one registry; safe to use from any thread. `machine` tells what no file does."""

    def __init__(self, machine: Callable[[], tuple[str, ...]]) -> None:
        self._machine = machine
        self._mutex = threading.Lock()
        self._known: dict[object, _Known] = {}

    def recall(self, question: object) -> EnvSpec | None:
        """The answer of before, if nothing that it was made from is another now; no child process, no reading."""
        with self._mutex:
            known = self._known.get(question)
        if known is None or time.monotonic() > known.until or known.machine != self._machine():
            return None
        for path, before in known.witnesses:
            if _signature(path) != before:
                return None
        if known.spec.metadata["generation"]:
            known.store.touch(Kind.PROFILE, known.spec.key)
        return own_copy(known.spec)

    def keep(self, question: object, spec: EnvSpec, witnesses: Signatures, store: Store) -> None:
        """Remember an answer; one that comes with a warning for a minute only."""
        if not os.path.exists(spec.python_executable):
            return
        until = time.monotonic() + (_AGAIN_SECONDS if spec.metadata["warning"] else float("inf"))
        known = _Known(spec=own_copy(spec), witnesses=witnesses, machine=self._machine(), until=until, store=store)
        with self._mutex:
            if len(self._known) >= _AT_MOST:
                self._known.clear()
            self._known[question] = known


def signatures(paths: Iterable[str | Path]) -> Signatures:
    """What files and folders are now; a changed one, or one that comes or goes, has another signature."""
    return tuple((name, _signature(name)) for name in dict.fromkeys(str(path) for path in paths))


def own_copy(spec: EnvSpec) -> EnvSpec:
    """An answer of the caller's own: whoever changes its metadata changes nobody else's."""
    data = spec.metadata
    return replace(spec, metadata={**data, "reasons": [*data["reasons"]], "environment": {**data["environment"]}})


def _signature(path: str) -> Signature:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)
