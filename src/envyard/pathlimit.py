r"""How long a path may be for the programs of this machine, and which of many paths is too long.

Windows refuses a plain path of 260 characters, and of 248 for a folder, unless `LongPathsEnabled` is set (Microsoft's
"Maximum Path Length Limitation"). Python's own program has declared since 3.6 that it can do more, so the setting
alone decides. An installer may well write longer paths, by their extended form; Python then cannot open the files.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LONGEST_KNOWN = 191
"""Characters below an environment that the longest path takes in packages around torch: measured on six real stacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathLimit:
    """A path of `file` characters, or of `folder` for a folder, is refused; one less is not."""

    file: int = 260
    folder: int = 248


@dataclass(frozen=True, slots=True, kw_only=True)
class LongPath:
    """One path that is too long: `member` of `package`, and how many characters (`excess`) it has too many."""

    package: str
    member: str
    path: str
    excess: int


def path_limit() -> PathLimit | None:
    """The limit for plain paths on this machine, None where there is none."""
    return PathLimit() if sys.platform == "win32" and not _long_paths_enabled() else None


def longest_path(roots: Sequence[str], members: Mapping[str, Iterable[str]], limit: PathLimit) -> LongPath | None:
    """The worst of the paths that are too long, None when all fit.

    `members` are, for each package, its files relative to a root, with `/`. A folder is refused earlier than a file, so
    the folder of a file may be what is too long.
    """
    worst: LongPath | None = None
    for root in roots:
        for package, names in members.items():
            for name in names:
                excess = _excess(len(root) + 1, name, limit)
                if excess > (worst.excess if worst else 0):
                    worst = LongPath(package=package, member=name, path=f"{root}/{name}", excess=excess)
    return worst


def _excess(above: int, name: str, limit: PathLimit) -> int:
    """How many characters a file has too many below a folder whose path takes `above` with its separator."""
    folder = max(name.rfind("/"), 0)
    return max(above + len(name) - (limit.file - 1), above + folder - (limit.folder - 1))


def _long_paths_enabled() -> bool:
    winreg = importlib.import_module("winreg")  # only there
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False
