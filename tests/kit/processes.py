"""Watching and ending real processes, without a sleep that only hopes."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(predicate: Callable[[], Found], timeout: float = 30, *, what: str = "") -> Found:
    """The first truthy value of `predicate`, asked every few milliseconds; fails after `timeout` seconds.

    For what no event tells: files that another process writes, processes that end.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = predicate()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what or repr(predicate)}")
        time.sleep(0.003)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    state = _status(pid)
    return state is not None and state[0] not in "ZX"


def children_of(pid: int, *, recursive: bool = True) -> list[int]:
    """The living children of a process, with `recursive` also theirs: parents before children."""
    parents: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            status = _status(int(entry.name))
            if status is not None and status[0] not in "ZX":
                parents.setdefault(status[1], []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = parents.get(waiting.pop(0), [])
        found += children
        if recursive:
            waiting += children
    return found


def command_of(pid: int) -> list[str]:
    """The command line of a process; empty when it has ended."""
    try:
        return [os.fsdecode(part) for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]]
    except OSError:
        return []


def kill_tree(pid: int, *, timeout: float = 10) -> list[int]:
    """End a process and everything below it; returns who was ended, once they are gone.

    All are stopped before any is killed, so none can start another meanwhile.
    """
    stopped: list[int] = []
    while True:
        new = [one for one in [pid, *children_of(pid)] if one not in stopped and alive(one)]
        if not new:
            break
        for one in new:
            _send(one, signal.SIGSTOP)
        stopped += new
    for one in stopped:
        _send(one, signal.SIGKILL)
    wait_for(lambda: not any(alive(one) for one in stopped), timeout, what=f"the end of {stopped}")
    return stopped


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _status(pid: int) -> tuple[str, int] | None:
    """State letter and parent; read from the last bracket, the name may hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[1])
