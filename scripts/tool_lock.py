"""The exclusive lock of the tool environment, and the small files that only its holder writes.

The lock file is never deleted. On POSIX the lock belongs to the open file: children that inherit the descriptor
keep it, so that after a kill -9 nobody builds, or cleans up, beside a pip that is still writing.
"""

import contextlib
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator

import tool_environment as tools

LOCK = os.path.join(tools.STORE, "locks", "tools.lock")
HOLDER = os.path.join(tools.STORE, "locks", "tools.json")


@contextlib.contextmanager
def exclusive_lock() -> Iterator[int]:
    """Hold the lock, after waiting for whoever has it; gives its descriptor."""
    os.makedirs(os.path.dirname(LOCK), exist_ok=True)
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        next_report = started = time.monotonic()
        while not try_lock(descriptor):
            if time.monotonic() >= next_report:
                tools.say(f"waiting for {holder()}; waited {time.monotonic() - started:.0f} s")
                next_report += 10
            time.sleep(0.1)
        write_json(HOLDER, {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()})
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Windows is vague about the reason, and nothing else can go wrong with one byte of an open file.
        if sys.platform != "win32" and error.errno not in (errno.EACCES, errno.EAGAIN):
            raise
        return False
    return True


def holder() -> str:
    try:
        with open(HOLDER, encoding="utf-8") as file:
            facts = json.load(file)
        seconds = time.time() - facts["since"]
        return (
            f"process {facts['pid']} on {facts['host']}, which has been making the tool environment for {seconds:.0f} s"
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return "another process, which is making the tool environment"


def write_json(path: str, facts: object) -> None:
    """Write all or nothing, also across a power loss. The lock makes us the only writer: one name is enough."""
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    for attempt in range(50):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:  # Windows: somebody reads it at this moment
            if not tools.WINDOWS or attempt == 49:
                raise
            time.sleep(0.02)
