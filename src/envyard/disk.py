"""The calls to the operating system that trees are copied and removed with, so that tests can enforce MAX_PATH.

Every path given to a `Disk` is in the form of `longpath.extended`. A test's own that refuses plain paths of 260
characters makes a forgotten prefix fail on every machine, not only on Windows.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
import shutil
import stat
import sys
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in a folder. A link (a symbolic one, or a junction) is never a folder."""

    name: str
    folder: bool
    link: bool


class Disk:
    """The disks of this machine."""

    windows = sys.platform == "win32"

    @property
    def path(self) -> ModuleType:
        """The module that joins and splits its paths."""
        return ntpath if self.windows else posixpath

    def absolute(self, path: str) -> str:
        """An absolute path; a relative one starts from the current folder."""
        return os.path.abspath(path)

    def entries(self, folder: str) -> list[Entry]:
        with os.scandir(folder) as found:
            return [_entry(one) for one in found]

    def exists(self, path: str) -> bool:
        """Whether something stands there, be it a link to nothing."""
        return os.path.lexists(path)

    def make_folder(self, path: str) -> None:
        os.mkdir(path)

    def remove_file(self, path: str) -> None:
        """Remove a file or a link."""
        os.unlink(path)

    def remove_folder(self, path: str) -> None:
        os.rmdir(path)

    def make_writable(self, path: str) -> None:
        os.chmod(path, os.lstat(path).st_mode | stat.S_IRWXU)

    def copy_link(self, source: str, target: str) -> None:
        os.symlink(os.readlink(source), target)

    def hard_link(self, source: str, target: str) -> None:
        os.link(source, target, follow_symlinks=False)

    def copy_file(self, source: str, target: str) -> None:
        """With its permissions and times."""
        shutil.copy2(source, target, follow_symlinks=False)


def _entry(found: os.DirEntry[str]) -> Entry:
    link = found.is_symlink()
    if sys.platform == "win32" and not link:
        # a junction: `is_junction` is newer than the oldest Python served
        link = found.stat(follow_symlinks=False).st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return Entry(name=found.name, folder=not link and found.is_dir(follow_symlinks=False), link=link)
