"""What can go wrong between an installer and its index, switchable while the index runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Self


class Hold:
    """Requests that stand still until `release()`; `reached` is set when the first has come that far."""

    def __init__(self, event: threading.Event | None = None, *, after: int = 0) -> None:
        self.released = event or threading.Event()
        self.reached = threading.Event()
        self.after = after

    def wait_reached(self, timeout: float = 30) -> None:
        """Return when a request stands here; fail after `timeout` seconds."""
        assert self.reached.wait(timeout), f"no request came within {timeout} s"

    def release(self) -> None:
        """Let every request go on, the ones that come later too."""
        self.released.set()

    def block(self, closing: threading.Event) -> None:
        """Called by the index: stand still until released, or until the index itself is `closing`."""
        self.reached.set()
        while not self.released.wait(0.02):
            if closing.is_set():
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one request is answered. The default is: faithfully."""

    refuse: bool = False
    status: int = 0
    cut_after: int | None = None
    bytes_per_second: int = 0
    altered: bool = False
    hold: Hold | None = None


class Rule:
    """The faults of all files that match `pattern`; they add up until `clear()`.

    `times` limits how many requests they happen to.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._plan = Plan()
        self._left: int | None = None
        self._guard = threading.Lock()

    def fail_with(self, status: int, *, times: int | None = None) -> Self:
        """Answer with this HTTP status."""
        return self._change(replace(self._plan, status=status), times)

    def cut_after(self, count: int, *, times: int | None = None) -> Self:
        """Close the connection after `count` bytes of the body."""
        return self._change(replace(self._plan, cut_after=count), times)

    def slow(self, bytes_per_second: int) -> Self:
        """Send the body no faster than this."""
        return self._change(replace(self._plan, bytes_per_second=bytes_per_second), None)

    def wrong_bytes(self, *, times: int | None = None) -> Self:
        """Change one byte that an archive does not miss: it still unpacks, only its hash is wrong."""
        return self._change(replace(self._plan, altered=True), times)

    def down(self, *, times: int | None = None) -> Self:
        """Close the connection without a word."""
        return self._change(replace(self._plan, refuse=True), times)

    def hold(self, event: threading.Event | None = None, *, after: int = 0) -> Hold:
        """Stand still until released, before the answer begins or after `after` bytes of its body."""
        hold = Hold(event, after=after)
        self._change(replace(self._plan, hold=hold), None)
        return hold

    def clear(self) -> None:
        """Answer faithfully again; whoever is held goes on."""
        with self._guard:
            if self._plan.hold is not None:
                self._plan.hold.release()
            self._plan, self._left = Plan(), None

    def matches(self, name: str) -> bool:
        return fnmatchcase(name, self.pattern)

    def take(self) -> Plan:
        """The plan for one request; counts down `times`."""
        with self._guard:
            if self._left is None:
                return self._plan
            if self._left == 0:
                return Plan()
            self._left -= 1
            return self._plan

    def _change(self, plan: Plan, times: int | None) -> Self:
        with self._guard:
            self._plan, self._left = plan, times
        return self


def alter(body: bytes) -> bytes:
    """`body` with one byte changed where zip and gzip keep a time stamp, so that only a hash can tell."""
    position = 10 if body[:2] == b"PK" else 4 if body[:2] == b"\x1f\x8b" else len(body) // 2
    return body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :] if body else b"\0"
