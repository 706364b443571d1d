"""What a live display shows: every environment that is worked on, as a line of plain words. Knows nothing of rich."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from envyard.events import DownloadFinished, DownloadStarted, Event, Finished, OutputLine, Phase, PhaseStarted, Waiting
from envyard.report.lines import ALL, waiting_text, worth_saying
from envyard.report.text import count, size

DOING = {
    Phase.RESOLVE: "resolve",
    Phase.LOCK: "lock",
    Phase.CHECK: "check",
    Phase.WAIT: "wait",
    Phase.CREATE: "create",
    Phase.FETCH: "fetch",
    Phase.INSTALL: "install",
    Phase.VERIFY: "verify",
    Phase.PUBLISH: "publish",
}
_NAMED = 2  # downloads called by name on one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the display. `done` is None while the work goes on, else the action that ended it."""

    title: str
    doing: str
    detail: str
    seconds: float
    done: str | None = None


@dataclass(slots=True, kw_only=True)
class _Entry:
    started: float
    phase: Phase | None = None
    detail: str = ""
    waiting: Waiting | None = None
    heard: float = 0.0  # when `waiting` was
    running: dict[str, int] = field(default_factory=dict)  # package -> bytes, while it is downloaded
    sizes: dict[str, int] = field(default_factory=dict)  # of all downloads so far
    finished: Finished | None = None


class Board:
    """Hears events and says what to show. `titles` are the names for people by env key, in the order to show."""

    def __init__(self, titles: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._titles, self._clock = titles, clock
        self._order = {key: place for place, key in enumerate(titles)}
        self._entries: dict[str, _Entry] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing happened that is worth a display (what is kept is not)."""
        return not self._entries

    def title(self, key: str) -> str:
        return self._titles.get(key, key) or ALL

    def hear(self, event: Event) -> None:
        match event:
            case PhaseStarted():
                entry = self._entry(event.key)
                entry.phase, entry.detail = event.phase, event.detail
                entry.running.clear()
            case Waiting():
                entry = self._entry(event.key)
                entry.phase, entry.waiting, entry.heard = Phase.WAIT, event, self._clock()
            case DownloadStarted():
                entry = self._entry(event.key)
                entry.running[event.package] = entry.sizes[event.package] = event.size
            case DownloadFinished() if event.key in self._entries:
                self._entries[event.key].running.pop(event.package, None)
            case OutputLine() if event.key in self._entries and worth_saying(event.line).startswith("Building "):
                self._entries[event.key].detail = f"{worth_saying(event.line)} from source"
            case Finished() if event.key in self._entries:
                self._entries[event.key].finished = event
            case _:
                pass

    def lines(self, limit: int) -> list[Line]:
        """At most `limit` lines: the common work, what goes on, what ended last; the rest is counted."""
        now = self._clock()
        common = [self._line("", self._entries[""], now)] if "" in self._entries and self._fetching() else []
        keys = sorted(filter(None, self._entries), key=lambda key: self._order.get(key, len(self._order)))
        entries = [(key, self._entries[key]) for key in keys]
        going = [self._line(key, entry, now) for key, entry in entries if entry.finished is None]
        ended = [self._line(key, entry, now) for key, entry in entries if entry.finished is not None]
        lines = [*common, *going, *ended]
        if len(lines) <= limit:
            return lines
        hidden = len(lines) - max(limit - 1, 1)
        return [*lines[:-hidden], Line(title=f"and {hidden} more", doing="", detail="", seconds=0.0, done="")]

    def _entry(self, key: str) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(started=self._clock())
        entry.finished = None
        return entry

    def _fetching(self) -> bool:
        everyone = [entry for key, entry in self._entries.items() if key and entry.finished is None]
        return bool(self._entries[""].running) or any(entry.phase == Phase.FETCH for entry in everyone)

    def _line(self, key: str, entry: _Entry, now: float) -> Line:
        if entry.finished is not None:
            finished = entry.finished
            return Line(
                title=self.title(key),
                doing=finished.action,
                detail=finished.message,
                seconds=finished.seconds,
                done=finished.action,
            )
        phase = entry.phase or Phase.FETCH
        detail = _downloads(entry, common=not key) or entry.detail
        if phase == Phase.WAIT and entry.waiting is not None:
            holder_seconds = entry.waiting.holder_seconds + now - entry.heard
            detail = waiting_text(replace(entry.waiting, holder_seconds=holder_seconds)).removeprefix("waiting ")
        if key and phase == Phase.FETCH and not detail:
            detail = "needs wheels that are not in the cache"
        return Line(title=self.title(key), doing=DOING[phase], detail=detail, seconds=now - entry.started)


def _downloads(entry: _Entry, *, common: bool) -> str:
    """`56 MB of 663 MB: torch (592 MB), numpy`; "" when nothing is downloaded."""
    if not entry.running and not (common and entry.sizes):
        return ""
    total = sum(entry.sizes.values())
    done = total - sum(entry.running.values())
    largest = sorted(entry.running, key=lambda package: -entry.running[package])
    names = [f"{name} ({size(entry.running[name])})" if entry.running[name] else name for name in largest[:_NAMED]]
    more = [f"{len(largest) - _NAMED} more"] if len(largest) > _NAMED else []
    progress = f"{size(done)} of {size(total)}" if total else count(len(entry.sizes), "package")
    return f"{progress}: {', '.join(names + more)}" if names else f"{progress}, unpacking"
