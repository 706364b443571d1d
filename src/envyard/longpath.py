r"""Trees of files on Windows and elsewhere: paths beyond 260 characters, read-only files, files that somebody holds.

Windows takes a plain path of at most 259 characters (247 for a new folder), and a longer one only in its extended form,
`\\?\C:\folder` or `\\?\UNC\server\share\folder`, which it does not normalise. What is here gives the disk that form.
Links are never followed, and nothing outside the tree is touched.
"""

from __future__ import annotations

import contextlib
import ntpath
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePath
from typing import Any

from envyard.disk import Disk, Entry

PREFIX = "\\\\?\\"
_UNC = "\\\\?\\UNC\\"
_RAW = (PREFIX, "\\??\\", "\\\\.\\")  # Windows takes these as they are
_WAIT = 0.05  # seconds between two tries to remove what somebody holds
_PATIENCE = 1.0  # seconds that one removal waits in all: a virus scanner lets go sooner, a running program does not
_AT_A_TIME = 8
_LOCAL = Disk()


def extended_form(path: str | PurePath) -> str:
    r"""The extended form of an absolute Windows path: `/`, `.` and `..` resolved, the prefix added at most once.

    Raises `ValueError` for a path that is not absolute: there is no telling where it leads.
    """
    text = str(path)
    if text.startswith(_RAW):
        return text
    normal = ntpath.normpath(text)
    drive, rest = ntpath.splitdrive(normal)
    if normal.startswith(_RAW):  # was written with slashes
        return normal
    if not drive or not rest.startswith("\\"):
        raise ValueError(f"not an absolute path of Windows: {text!r}")
    return _UNC + normal[2:] if normal.startswith("\\\\") else PREFIX + normal


def extended(path: str | Path, disk: Disk = _LOCAL) -> str:
    """`path` as calls to the disk take it whatever its length: the extended form on Windows, itself elsewhere."""
    text = os.fspath(path)
    if not disk.windows:
        return text
    return text if text.startswith(_RAW) else extended_form(disk.absolute(text))


def plain(path: str) -> str:
    """An extended path as people know it."""
    if path.startswith(_UNC):
        return "\\\\" + path[len(_UNC) :]
    return path.removeprefix(PREFIX)


# --- copying


def copy_tree(source: Path, target: Path, *, without: Collection[str] = (), disk: Disk = _LOCAL) -> None:
    """Copy what is in `source` into the empty folder `target`: hard links where the device allows, several at a time.

    `without` are names directly in `source` that stay out. The first error is raised, after every worker has ended;
    what was copied until then stays for the caller to remove.
    """
    from concurrent.futures import ThreadPoolExecutor  # 10 ms, and only to copy

    files: list[tuple[str, str]] = []
    join = disk.path.join
    folders = [(extended(source, disk), extended(target, disk), frozenset(without))]
    while folders:
        start, into, left_out = folders.pop()
        for entry in disk.entries(start):
            old, new = join(start, entry.name), join(into, entry.name)
            if entry.name in left_out:
                continue
            if entry.link:
                disk.copy_link(old, new)
            elif entry.folder:
                disk.make_folder(new)
                folders.append((old, new, frozenset()))
            else:
                files.append((old, new))
    with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="envyard-copy") as pool:
        parts = [pool.submit(_copy_files, files[number::_AT_A_TIME], disk) for number in range(_AT_A_TIME)]
    for part in parts:
        part.result()


def _copy_files(files: list[tuple[str, str]], disk: Disk) -> None:
    for old, new in files:
        try:
            disk.hard_link(old, new)
        except (OSError, NotImplementedError):
            disk.copy_file(old, new)


# --- walking


def files_below(path: Path, disk: Disk = _LOCAL) -> Iterator[str]:
    """Every file and link below a folder, in the form that calls to the disk take; none below a link."""
    root = extended(path, disk)
    parent, name = disk.path.split(root)
    try:
        folder = any(entry.folder for entry in disk.entries(parent) if entry.name == name)
    except OSError:
        return
    for start, entries in _walk(root, disk, []) if folder else ():
        yield from (disk.path.join(start, entry.name) for entry in entries if not entry.folder)


# --- removing


def remove_tree(path: Path, *, disk: Disk = _LOCAL) -> list[str]:
    """Delete a folder or file and all below it; links are removed, never followed.

    Read-only entries are made writable first; on Windows a file that somebody holds is tried again for a second.
    Returns what could not be deleted, one line each; nothing is raised for it, because the caller (the trash) tries
    again another time.
    """
    if disk.windows:
        return _remove_on_windows(path, disk)
    problems: list[str] = []
    if path.is_symlink() or not path.is_dir():
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
        return problems

    def retry(function: Any, name: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        with contextlib.suppress(OSError):
            parent = os.path.dirname(name)
            os.chmod(parent, os.stat(parent).st_mode | stat.S_IRWXU)
            if not os.path.islink(name):
                os.chmod(name, os.stat(name).st_mode | stat.S_IRWXU)
        if function in (os.unlink, os.rmdir, os.remove):
            try:
                function(name)
            except FileNotFoundError:
                return
            except OSError as second:
                problems.append(f"{name}: {second.strerror}")
        elif os.path.isdir(name) and not os.path.islink(name):
            problems.extend(remove_tree(Path(name)) if os.access(name, os.R_OK | os.X_OK) else [f"{name}: {error}"])

    _rmtree(path, retry)
    return problems


def _rmtree(path: Path, retry: Any) -> None:
    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=retry)
    else:
        shutil.rmtree(path, onerror=lambda function, name, info: retry(function, name, info[1]))


def _remove_on_windows(path: Path, disk: Disk) -> list[str]:
    """Folders are listed and removed through extended paths, without recursion: a tree may be deep."""
    root = extended(path, disk)
    parent, name = disk.path.split(root)
    problems: list[str] = []
    deadline = time.monotonic() + _PATIENCE

    def attempt(remove: Callable[[str], None], one: str) -> None:
        while True:
            try:
                return remove(one)
            except FileNotFoundError:
                return None
            except OSError as error:
                with contextlib.suppress(OSError):
                    disk.make_writable(one)
                last = error
            try:
                return remove(one)  # it was only read-only
            except FileNotFoundError:
                return None
            except OSError as error:
                last = error
            if not isinstance(last, PermissionError) or time.monotonic() > deadline:
                problems.append(f"{plain(one)}: {last.strerror or last}")
                return None
            time.sleep(_WAIT)

    try:
        found = [entry for entry in disk.entries(parent) if entry.name.casefold() == name.casefold()]
    except FileNotFoundError:
        return []
    if not found:
        return []
    if not found[0].folder:
        attempt(disk.remove_file, root)
        return problems
    folders = []
    for folder, entries in _walk(root, disk, problems):
        folders.append(folder)
        for entry in entries:
            if not entry.folder:
                attempt(disk.remove_file, disk.path.join(folder, entry.name))
    blocked = bool(problems)
    for folder in reversed(folders):
        if not blocked or not _holds_something(folder, disk):
            attempt(disk.remove_folder, folder)
    return problems


def _walk(root: str, disk: Disk, problems: list[str]) -> Iterator[tuple[str, list[Entry]]]:
    """Every folder of a tree with what is in it, a folder before those inside it."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            entries = disk.entries(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{plain(folder)}: {error.strerror or error}")
            continue
        yield folder, entries
        waiting += [disk.path.join(folder, entry.name) for entry in entries if entry.folder]


def _holds_something(folder: str, disk: Disk) -> bool:
    try:
        return bool(disk.entries(folder))
    except OSError:
        return True
