"""How much disk environments take, counted by (device, inode), since most of their files are hard links.

Each generation has a table of its files' inodes and sizes from the audit of its build (`inodes.bin`: pairs of unsigned
64-bit integers in the byte order of the machine), so that no tree has to be walked again. Only what the disk gets back
when a tree goes is asked of the disk: uv's cache has links to most of these files, and may lose them at any time.
"""

from __future__ import annotations

import array
import os
import stat
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from envyard.environment import INODE_FILE, Environment
from envyard.longpath import files_below


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """A file with all its names: its size in bytes, how many of its links are `here`, and how many there are."""

    size: int
    here: int
    everywhere: int


Inode = tuple[int, int]  # of a device


def count_links(folders: Iterable[Path]) -> dict[Inode, Links]:
    """Every file below `folders` once, by its inode. Links are not followed; what cannot be read is left out."""
    found: dict[Inode, Links] = {}
    for folder in folders:
        for name in files_below(folder):
            try:
                status = os.lstat(name)
            except OSError:
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            inode = status.st_dev, status.st_ino
            here = found[inode].here + 1 if inode in found else 1
            found[inode] = Links(size=status.st_size, here=here, everywhere=status.st_nlink)
    return found


def released(links: Mapping[Inode, Links], *, stay: Container[int] = ()) -> tuple[int, int]:
    """What the disk gets back when all that was counted is deleted, and what only loses some of its links, in bytes.

    The second does not count the inodes `stay`: those of the environments that stay.
    """
    freed = sum(each.size for each in links.values() if each.here >= each.everywhere)
    rest = sum(each.size for (_, inode), each in links.items() if each.here < each.everywhere and inode not in stay)
    return freed, rest
