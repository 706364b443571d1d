"""Whether the files of an environment are known to have survived a restart of the machine.

A commit file is flushed to the disk at once. The thousands of files that it speaks of are not, because that would take
seconds; the system writes them within half a minute or so. A power loss in that time may leave them empty. So a
generation that was committed before the machine was last started counts as unproven until its files were audited once.
"""

from __future__ import annotations

import contextlib
import functools
import os

from envyard.environment import Environment
from envyard.store import Store

_PROOF = "survived-a-restart"


@functools.cache
def current_start() -> str:
    """An identity of the time since the machine was started (Linux); "" where there is none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def unproven(store: Store, environment: Environment) -> bool:
    """Whether the files have to be audited; never in a store that cannot be written, where nothing could be built."""
    if environment.start in ("", current_start()) or not current_start():
        return False
    folder = store.root / "leases" / environment.generation
    return not (folder / _PROOF).exists() and os.access(store.root, os.W_OK)


def remember_proof(store: Store, environment: Environment) -> None:
    """The files were audited and are whole: no need to do it again."""
    folder = store.root / "leases" / environment.generation
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _PROOF).touch()
