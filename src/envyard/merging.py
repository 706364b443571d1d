"""How much disk one environment takes that holds the packages of several, as far as they are installed somewhere."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.environment import Environment
from envyard.requirements import canonical_name
from envyard.sizes import inode_table


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedUse:
    """The files of one environment that is made from others: size in bytes by inode, with those of their links.

    `unknown` are the packages whose version is installed in none of them, and which are therefore not counted.
    """

    inodes: Mapping[int, int]
    apparent: int
    unknown: tuple[str, ...]


def merged_use(environments: Sequence[Environment], pins: Mapping[str, str]) -> MergedUse:
    """What an environment of `pins` takes, by the files of the environments that have these packages."""
    largest_first = sorted(environments, key=lambda each: -each.apparent_bytes)
    base = largest_first[0]
    everywhere = set.intersection(*(set(each.packages) for each in environments))  # pip, which no lockfile needs to pin
    wanted = {**{package: base.packages[package] for package in everywhere}, **pins}
    inodes = _rest(base)
    apparent = sum(inodes.values())
    unknown = []
    for package, version in sorted(wanted.items()):
        holder = next((each for each in largest_first if each.packages.get(package) == version), None)
        if holder is None:
            unknown.append(package)
            continue
        for inode, size in _files(holder, package):
            inodes[inode] = size
            apparent += size
    return MergedUse(inodes=inodes, apparent=apparent, unknown=tuple(unknown))


def _rest(environment: Environment) -> dict[int, int]:
    """The files of an environment that are of no package: launchers, settings."""
    table = dict(inode_table(environment))
    for package in environment.packages:
        for inode, _size in _files(environment, package):
            table.pop(inode, None)
    return table


def _files(environment: Environment, package: str) -> Iterator[tuple[int, int]]:
    """Inode and size of each file that the RECORD of a package lists."""
    folder = environment.path / environment.site_packages
    for name in environment.distributions:
        if canonical_name(name.removesuffix(".dist-info").rpartition("-")[0]) != package:
            continue
        for path in _listed(folder, name):
            try:
                status = os.lstat(os.path.join(folder, path))
            except OSError:
                continue  # byte code that was never made
            yield status.st_ino, status.st_size


def _listed(folder: Path, distribution: str) -> list[str]:
    try:
        with (folder / distribution / "RECORD").open(encoding="utf-8", newline="") as file:
            return list(dict.fromkeys(row[0] for row in csv.reader(file) if row))
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
