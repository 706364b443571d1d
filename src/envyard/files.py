"""Write files so that whoever reads them sees the old content or the new one, and errors of the disk with a hint."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from envyard.errors import EnvironmentInUse, FileUnusable, StoreUnusable
from envyard.wording import shown

Result = TypeVar("Result")
TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}")  # what `replacing` makes


@contextlib.contextmanager
def replacing(path: Path, *, make_folder: bool = True) -> Iterator[Path]:
    """A temporary path beside `path`, unlike that of any other thread or process; it takes the place of `path` at
    the end, in one step, unless the block fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    with storage_errors(path):
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _insist(os.replace, temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def read_bytes(path: Path) -> bytes:
    """The content of a file that `replacing` may replace at this moment: Windows refuses to open it for that long."""
    return _insist(Path.read_bytes, path)


def write_json(path: Path, data: Mapping[str, object], *, durable: bool = True, make_folder: bool = True) -> None:
    """Replace a JSON file in one step: readers see the old content or the new one.

    With `durable` that holds after a power loss too, for a few milliseconds more.
    """
    with replacing(path, make_folder=make_folder) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(data, file, indent=1, sort_keys=True, default=str)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    if durable:
        _sync_folder(path.parent)


def write_bytes(path: Path, data: bytes, *, executable: bool = False) -> None:
    """Replace a file in one step, durable; a link stays a link, and permissions stay, with those to run it added."""
    path = path.resolve()
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mode = stat.S_IMODE((path if path.exists() else temporary).stat().st_mode)
        temporary.chmod(mode | ((mode & 0o444) >> 2 if executable else 0))
    _sync_folder(path.parent)


def read_regular(path: str | Path) -> bytes:
    """The content of a file that a person wrote. A pipe or device, which one would wait for, is an `OSError`."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "is no regular file", os.fspath(path))
    with open(path, "rb") as file:
        return file.read()


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's word about a full, read-only or forbidden disk into an error with a hint."""
    try:
        yield
    except OSError as error:
        known = {
            errno.ENOSPC: (
                "no space left on the device",
                "free some space: `invoke envs.prune` lists what can go",
            ),
            errno.EDQUOT: ("disk quota exceeded", "free some space: `invoke envs.prune` lists what can go"),
            errno.EROFS: ("read-only file system", "make it writable, or set `store` in workspace.toml"),
            errno.EACCES: ("permission denied", "make the folder writable for you"),
            errno.EPERM: ("operation not permitted", "make the folder writable for you"),
            errno.ENOTDIR: ("a file stands where a folder belongs", "move that file away"),
            errno.EEXIST: ("a file stands where a folder belongs", "move that file away"),
        }
        if error.errno not in known:
            raise
        what, hint = known[error.errno]
        raise StoreUnusable(f"cannot write {error.filename or path}: {what}", hint=hint) from error


def file_unusable(key: str, error: OSError | UnicodeDecodeError) -> FileUnusable:
    """What the operating system said about a file, as the error of the work on `key`."""
    said, place = str(error), ""
    if isinstance(error, OSError):
        said = (error.strerror or said)[:1].lower() + (error.strerror or said)[1:]
        place = f": {os.fsdecode(error.filename)}" if error.filename else ""
    hint = "look at that file or folder and its permissions, then run the same command again"
    return FileUnusable(f"`{key}` stopped at a file or folder{place}: {said}", hint=hint)


def path_unwritable(error: UnicodeEncodeError) -> FileUnusable:
    """What the locale, which Python asks how the names of files are written, has no letters for."""
    letters = shown(error.object[error.start : error.end])
    return FileUnusable(
        f"a path has the letters {letters}, which the locale of this shell cannot write ({error.encoding})",
        hint="set the variable PYTHONUTF8=1, or choose a locale with UTF-8, and run the same command again",
    )


def move(source: Path, target: Path) -> None:
    """`os.rename`. Raises `EnvironmentInUse` when somebody on Windows holds `source`, or a file in it, for too long."""
    try:
        _insist(os.rename, source, target)
    except PermissionError as error:
        if os.name != "nt":
            raise
        raise EnvironmentInUse(
            f"{source} cannot be moved: access is denied, most often because a program has a file in it open",
            hint="close that program, then run the same command again",
        ) from error


def _insist(function: Callable[..., Result], *paths: Path) -> Result:
    """Tried again while somebody else on Windows, a reader or a virus scanner, holds a file: for about two seconds."""
    pause, deadline = 0.001, time.monotonic() + 2.0
    while True:
        try:
            return function(*paths)
        except PermissionError:
            if os.name != "nt" or time.monotonic() > deadline:
                raise
            time.sleep(pause)
            pause = min(0.05, pause * 1.5)


def _sync_folder(path: Path) -> None:
    """Make a rename in a folder durable, where the system can."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
