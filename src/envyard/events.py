"""What the engine tells while it works: small typed values, turned into bars, lines or JSON by `report.py`.

Every event names the environment it is about by its env key; `""` means the workspace as a whole (for example the
common download of all wheels). Listeners are called from worker threads and must be quick and must not raise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """The steps of a build, in their order; `WAIT` is somebody else's build, `LOCK` writes a lockfile.

    `RESOLVE` is a question about requirements, for which nothing is built.
    """

    RESOLVE = "resolve"
    LOCK = "lock"
    CHECK = "check"
    WAIT = "wait"
    CREATE = "create"
    FETCH = "fetch"
    INSTALL = "install"
    VERIFY = "verify"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events; `key` is the env key."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted(Event):
    """A step of the build begins; `detail` is for people ("uv", "python 3.11.7")."""

    phase: Phase
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReasons(Event):
    """Why an environment is built or rebuilt: "first build", "added numpy 1.26.4", "python 3.11.7 -> 3.11.9"."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Event):
    """Another process holds the exclusive lock: told at first, at a new phase of the holder, and every few seconds.

    `seconds` is how long this process has waited; `holder_pid` is 0 while the holder has not written its name yet.
    """

    holder_pid: int
    holder_host: str
    holder_phase: str
    holder_seconds: float
    holder_alive: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadStarted(Event):
    """The installer downloads `package` (`size` in bytes, 0 when unknown)."""

    package: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadFinished(Event):
    """The installer has `package` on disk."""

    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLine(Event):
    """A line of a child's output that a person may want to see (source builds, warnings, `--verbose`)."""

    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """Something worth knowing that stops nothing: a copy across devices, a fallback to pip."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Event):
    """What was decided, in one sentence for people: which environment is used for a model, and why."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """Work on one environment ended. `action` is an `Action` value, or "locked", "checked", "fits", "apart"."""

    action: str
    seconds: float
    message: str = ""


Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """A listener for callers who do not want to hear anything."""
