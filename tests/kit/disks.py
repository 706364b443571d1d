"""Small disks of memory that fill up or become read-only on demand. Only root may mount; others skip the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """A file system of its own at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def used(self) -> int:
        """Bytes that are taken."""
        status = os.statvfs(self.path)
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def size_of(self, folder: Path) -> int:
        """Bytes that the files of a folder take here: whole pages."""
        sizes = [os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(folder) for name in names]
        return sum(-(-size // 4096) * 4096 for size in sizes)

    def resize(self, size: int) -> None:
        """Make it `size` bytes large; not less than what is used."""
        self._remount(f"size={size}")

    def leave(self, free: int) -> None:
        """Let `free` bytes be free."""
        self.resize(self.used + free)

    def read_only(self, read_only: bool = True) -> None:
        self._remount("ro" if read_only else "rw")

    def take_inodes(self) -> None:
        """Take every inode that is free: nothing can be created any more, not even a link."""
        status = os.statvfs(self.path)
        self._remount(f"nr_inodes={status.f_files - status.f_ffree}")

    def give_inodes(self) -> None:
        self._remount("nr_inodes=100000")

    def _remount(self, option: str) -> None:
        _mount("-o", f"remount,{option}", str(self.path))


@contextmanager
def small_disk(path: Path, size: int = 200_000_000) -> Iterator[Disk]:
    """A disk at `path` while the block runs; what was in the folder is on it too."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk")
    path.mkdir(parents=True, exist_ok=True)
    before = path.with_name(f"{path.name}-before")
    shutil.copytree(path, before, symlinks=True)
    try:
        _mount("-t", "tmpfs", "-o", f"size={size}", "envyard-test", str(path))
    except subprocess.CalledProcessError:
        pytest.skip("this machine allows no mounts")
    try:
        shutil.copytree(before, path, symlinks=True, dirs_exist_ok=True)
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
