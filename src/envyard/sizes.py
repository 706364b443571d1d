"""How much disk environments take, counted by (device, inode), since most of their files are hard links.

Each generation has a table of its files' inodes and sizes from the audit of its build (`inodes.bin`: pairs of unsigned
64-bit integers in the byte order of the machine), so that no tree has to be walked again.
"""

from __future__ import annotations

import array
from collections.abc import Iterable
from dataclasses import dataclass

from envyard.environment import INODE_FILE, Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse:
    """Bytes. `apparent` is the sum over all files; `actual` counts every inode once; `unique` is, by generation, what
    no other of these environments shares."""

    apparent: int
    actual: int
    unique: dict[str, int]

    @property
    def saved(self) -> int:
        """What sharing between these environments saves."""
        return self.apparent - self.actual


def disk_use(environments: Iterable[Environment]) -> DiskUse:
    """The disk use of environments of one store, as measured when they were built."""
    tables = {environment.generation: inode_table(environment) for environment in environments}
    seen: set[int] = set()
    shared: set[int] = set()
    for table in tables.values():
        shared |= seen & table.keys()
        seen |= table.keys()
    unique = {
        generation: sum(size for inode, size in table.items() if inode not in shared)
        for generation, table in tables.items()
    }
    everything: dict[int, int] = {}
    for table in tables.values():
        everything.update(table)
    apparent = sum(sum(table.values()) for table in tables.values())
    return DiskUse(apparent=apparent, actual=sum(everything.values()), unique=unique)


def inode_table(environment: Environment) -> dict[int, int]:
    """inode -> size in bytes, as measured when it was built; empty when the table is missing or damaged."""
    table = array.array("Q")
    try:
        data = (environment.path / INODE_FILE).read_bytes()
        table.frombytes(data)
    except (OSError, ValueError):
        return {}
    return dict(zip(table[0::2], table[1::2], strict=False))
