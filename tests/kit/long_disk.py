"""A disk `C:` of a Windows without long paths, on any machine: real files, and the rules of Windows for paths."""

from __future__ import annotations

import errno
import ntpath
import os
import shutil
import threading
from pathlib import Path

from envyard.disk import Disk, Entry, _entry

MAX_FOLDER, MAX_PATH = 248, 260  # a plain path of this length is refused


class LongDisk(Disk):
    """`C:\\` is the folder `root`. Plain paths have a limit; extended ones have none and are not normalised.

    `read_only` and `held` are extended paths of files as Windows knows them: the former cannot be removed before they
    are made writable, the latter not at all, or not until `held[path]` tries were made.
    """

    windows = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read_only: set[str] = set()
        self.held: dict[str, int] = {}
        self.threads: set[int] = set()
        self.fail_copies = False
        self.devices_differ = False

    def absolute(self, path: str) -> str:
        return ntpath.normpath(ntpath.join("C:\\current", path))

    def entries(self, folder: str) -> list[Entry]:
        with os.scandir(self._real(folder)) as found:
            return [_entry(one) for one in found]

    def exists(self, path: str) -> bool:
        return os.path.lexists(self._real(path))

    def make_folder(self, path: str) -> None:
        os.mkdir(self._real(path, MAX_FOLDER))

    def remove_file(self, path: str) -> None:
        if path in self.read_only:
            raise PermissionError(errno.EACCES, "access is denied", path)
        if self.held.get(path, 0) > 0:
            self.held[path] -= 1
            raise PermissionError(errno.EACCES, "another process uses the file", path)
        os.unlink(self._real(path))

    def remove_folder(self, path: str) -> None:
        os.rmdir(self._real(path))

    def make_writable(self, path: str) -> None:
        self._real(path)
        self.read_only.discard(path)

    def copy_link(self, source: str, target: str) -> None:
        os.symlink(os.readlink(self._real(source)), self._real(target))

    def hard_link(self, source: str, target: str) -> None:
        self.threads.add(threading.get_ident())
        if self.devices_differ:
            raise OSError(errno.EXDEV, "another device", target)
        os.link(self._real(source), self._real(target))

    def copy_file(self, source: str, target: str) -> None:
        if self.fail_copies:
            raise OSError(errno.ENOSPC, "no space left", target)
        shutil.copy2(self._real(source), self._real(target))

    def _real(self, path: str, limit: int = MAX_PATH) -> str:
        if path.startswith("\\\\?\\"):
            rest = path.removeprefix("\\\\?\\")
            if "/" in rest or {".", ".."} & set(rest.split("\\")):
                raise FileNotFoundError(errno.ENOENT, "an extended path is not normalised", path)
        else:
            rest = self.absolute(path)
            if len(rest) >= limit:
                raise FileNotFoundError(errno.ENOENT, "the path is too long", path)
        assert rest.startswith("C:\\"), path
        real = os.path.join(self.root, *rest[3:].split("\\"))
        return f"\\\\?\\{real}" if os.name == "nt" else real
