"""The paths that a configuration file names: below one root, and the same on every system."""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

from envyard.wording import closest, shown


class Place(NamedTuple):
    """A path that a configuration file names.

    `path` is absolute, `real` has no links in it, `kind` is "file", "folder", "other" or "missing". With an
    `objection` it may not be used, and the rest says nothing.
    """

    path: str
    real: str = ""
    kind: str = "missing"
    objection: str = ""


class Places:
    """Finds the paths below one root, and objects to those that lead out of it, be it through a link.

    Each file and folder is looked up once; `Path.resolve` would look at every parent again.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.real_root = os.path.realpath(root)
        self._seen = {root: (self.real_root, "folder")}
        self._seen[root.rstrip(os.sep)] = self._seen[root]  # differs only for the root of a drive

    def find(self, text: str, below: str | None = None) -> Place:
        """The place that `text` names, relative to the root or to the folder `below`."""
        below = self.root if below is None else below
        if _PLAIN.fullmatch(text) is not None:  # nearly every path, and nothing to check in its text
            path = _slashed(below) + (text if os.sep == "/" else text.replace("/", os.sep))
        else:
            objection = _objection(text)
            if objection:
                return Place("", objection=objection)
            path = os.path.normpath(os.path.join(below, text))
            if not is_inside(path, self.root):
                return Place("", objection="leads out of the workspace")
        real, kind = self._look(path)
        if not is_inside(real, self.real_root):
            return Place("", objection="leads out of the workspace through a link")
        return Place(path, real, kind)

    def real(self, path: str) -> str:
        """An absolute path below the root without links."""
        return self._look(path)[0]

    def shown(self, path: str) -> str:
        """An absolute path below the root as the file would write it: relative, with `/`."""
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def similar(self, place: Place, kind: str) -> str:
        """What stands in the folder of a missing place under nearly its name, as the file would write it, or ""."""
        folder, name = os.path.split(place.path)
        exists = os.path.isdir if kind == "folder" else os.path.isfile
        try:
            found = [each for each in os.listdir(folder) if exists(os.path.join(folder, each))]
        except OSError:
            return ""
        similar = closest(name, found)
        return self.shown(os.path.join(folder, similar)) if similar else ""

    def _look(self, path: str) -> tuple[str, str]:
        """The path without links, and what is there."""
        unseen = []
        rest = path
        while rest not in self._seen:
            rest, _, name = rest.rpartition(os.sep)
            unseen.append(name)
        found = self._seen[rest]
        while unseen:
            name = unseen.pop()
            rest = f"{rest}{os.sep}{name}"
            found = self._seen[rest] = _step(*found, name)
        return found


def is_inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or below it; both absolute and normalised."""
    return path == folder or path.startswith(_slashed(folder))


def _slashed(folder: str) -> str:
    return folder if folder.endswith(os.sep) else folder + os.sep


_UNPORTABLE = r'[\x00-\x1f\x7f\\<>:"|?*]'
_PLAIN = re.compile(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*", re.ASCII)


def _objection(text: str) -> str:
    """Why `text` is no relative path for every system, or ""."""
    if not text or text.isspace():
        return "is empty"
    if text[0] in "/\\" or text[1:2] == ":":
        return "is absolute, which fits only one machine"
    unportable = re.search(_UNPORTABLE, text)
    if unportable is None:
        return ""
    if unportable[0] == "\\":
        return "holds a backslash; write `/`, which works on every system"
    return f"holds {shown(unportable[0])}, which Windows does not allow in a path"


def _step(parent: str, kind: str, name: str) -> tuple[str, str]:
    """`_look` for one name in a parent that was looked at."""
    real = _slashed(parent) + name
    if kind != "folder":
        return real, "missing"
    try:
        status = os.lstat(real)
        if stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) != 0:  # junctions
            real = os.path.realpath(real)
            status = os.stat(real)
    except OSError:
        return real, "missing"
    if stat.S_ISDIR(status.st_mode):
        return real, "folder"
    return real, "file" if stat.S_ISREG(status.st_mode) else "other"
