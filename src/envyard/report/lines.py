"""Progress as plain lines on stderr, for logs and pipes: `[client-backend] install: uv`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from envyard.events import (
    BuildReasons,
    DownloadStarted,
    Event,
    Finished,
    OutputLine,
    Phase,
    PhaseStarted,
    Told,
    Waiting,
    Warned,
)
from envyard.report.text import duration, size

ALL = "all projects"  # how the events of the workspace as a whole are called
_LARGE_DOWNLOAD = 5_000_000
_WAITING_AGAIN = 30.0  # seconds between two lines about the same wait


class LineReporter:
    """A listener that writes what is worth a line, each of them once; safe to call from any thread."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._mutex = threading.Lock()
        self._waits: dict[str, tuple[str, float]] = {}

    def __call__(self, event: Event) -> None:
        with self._mutex:
            text = self._text(event)
            if text:
                self._say(f"[{event.key or ALL}] {text}")

    def _text(self, event: Event) -> str:
        if isinstance(event, Waiting):
            return self._waiting(event)
        return line_of(event)

    def _waiting(self, event: Waiting) -> str:
        state = f"{event.holder_pid} {event.holder_phase} {event.holder_alive}"
        before, when = self._waits.get(event.key, ("", 0.0))
        if state == before and time.monotonic() - when < _WAITING_AGAIN:
            return ""
        self._waits[event.key] = (state, time.monotonic())
        return waiting_text(event)


def line_of(event: Event) -> str:
    """An event in words; "" for what is not worth a line."""
    match event:
        case BuildReasons():
            return f"why: {'; '.join(event.reasons)}"
        case PhaseStarted(phase=Phase.WAIT):
            return ""  # the event that says for whom follows
        case PhaseStarted():
            return f"{event.phase}: {event.detail}" if event.detail else str(event.phase)
        case Waiting():
            return waiting_text(event)
        case DownloadStarted() if event.size >= _LARGE_DOWNLOAD:
            return f"downloading {event.package} ({size(event.size)})"
        case OutputLine():
            return worth_saying(event.line)
        case Warned():
            return f"warning: {event.message}"
        case Told():
            return event.message
        case Finished(action="failed"):
            return f"failed: {event.message}"
        case Finished(action="kept" | "planned"):
            return ""
        case Finished():
            return f"{event.action} in {duration(event.seconds)}"
        case _:
            return ""


def waiting_text(event: Waiting) -> str:
    """Whom one waits for, what they do, for how long."""
    if not event.holder_pid:
        return "waiting for another process that begins"
    if not event.holder_alive:
        return f"waiting for the installer of process {event.holder_pid}, which was killed"
    doing = f"{event.holder_phase}, {duration(event.holder_seconds)}"
    return f"waiting for process {event.holder_pid} on {event.holder_host} ({doing})"


def worth_saying(line: str) -> str:
    """An installer's line that a person should see: a build from source, a warning; else ""."""
    text = line.strip()
    return text if text.startswith(("Building ", "warning:", "WARNING:")) else ""
