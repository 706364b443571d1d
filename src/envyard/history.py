"""What became of an environment over time, for people: built, failed, rolled back, found ill.

    history/<kind>-<key>.jsonl    one JSON object a line, the oldest first

A line is `time` (seconds since the epoch), `what`, `grade` (of the environment from then on), `reasons` [text],
`generation` and `seconds` {phase: seconds}. It is written when something happened, under the exclusive lock of the
environment, and never when nothing changed. It is a hint and never the truth: a line that was torn by a kill, or that
cannot be read, counts as none, and what cannot be written is not remembered. At `_MOST_BYTES` the older half goes.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from envyard.definition import Kind
from envyard.environment import Environment
from envyard.errors import EnvyardError
from envyard.files import replacing
from envyard.health import Grade
from envyard.jsonobject import json_object
from envyard.locks import ExclusiveLock
from envyard.store import Store

_FOLDER = "history"
_MOST_BYTES = 64_000  # about 250 events; an environment that is built daily remembers most of a year
_MOST_REASONS, _LONGEST_REASON = 8, 400


class What(StrEnum):
    """What happened."""

    BUILT = "built"
    REBUILT = "rebuilt"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"
    CHECKED = "checked"
    CHECKED_DEEP = "checked every byte"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to an environment; `grade` is what it was from then on, `reasons` say why."""

    time: float
    what: What
    grade: Grade
    reasons: tuple[str, ...] = ()
    generation: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)


def record(store: Store, kind: Kind, key: str, event: Event) -> None:
    """Remember an event. Needs the exclusive lock; never fails."""
    path = history_path(store, kind, key)
    line = json.dumps(asdict(event) | {"reasons": _short(event.reasons)}).encode() + b"\n"
    with contextlib.suppress(EnvyardError, OSError):
        path.parent.mkdir(exist_ok=True)
        with path.open("ab+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line  # whoever wrote last was killed
            file.write(line)
            size = file.tell()
        if size > _MOST_BYTES:
            _forget_older(path)


def record_check(store: Store, environment: Environment, event: Event) -> None:
    """Remember what a check of the current generation found, if that is news. Never fails.

    It takes the exclusive lock only if it is free: who builds just now will have better news.
    """
    kind, key = environment.kind, environment.key
    if not _is_news(event, load_history(store, kind, key)):
        return
    with contextlib.suppress(EnvyardError, OSError), ExclusiveLock(store, kind, key) as lock:
        if lock.try_acquire():
            record(store, kind, key, event)


def load_history(store: Store, kind: Kind, key: str) -> tuple[Event, ...]:
    """What is remembered of an environment, the oldest first."""
    try:
        with history_path(store, kind, key).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2 * _MOST_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return ()
    return tuple(event for line in lines if (event := _event(line)) is not None)


def with_builds(events: Iterable[Event], environments: Iterable[Environment]) -> tuple[Event, ...]:
    """The events and, where they do not tell it, that each of `environments` was built; the oldest first."""
    found = list(events)
    told = {event.generation for event in found if event.what in (What.BUILT, What.REBUILT)}
    found += (
        Event(
            time=environment.created,
            what=What.BUILT,
            grade=Grade.OK,
            reasons=environment.reasons,
            generation=environment.generation,
            seconds=environment.seconds,
        )
        for environment in environments
        if environment.generation not in told
    )
    return tuple(sorted(found, key=lambda event: event.time))


def forget_history(store: Store, kind: Kind, key: str) -> None:
    """Forget all about an environment that is gone. Needs the exclusive lock."""
    with contextlib.suppress(OSError):
        history_path(store, kind, key).unlink()


def remembered(store: Store) -> tuple[tuple[Kind, str], ...]:
    """The kind and key of every environment with a history."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted((store.root / _FOLDER).iterdir()):
            kind, dash, key = path.stem.partition("-")
            if path.suffix == ".jsonl" and dash and kind in set(Kind):
                found.append((Kind(kind), key))
    return tuple(found)


def history_path(store: Store, kind: Kind, key: str) -> Path:
    return store.root / _FOLDER / f"{kind}-{key}.jsonl"


def _is_news(event: Event, known: Sequence[Event]) -> bool:
    last = known[-1] if known else None
    if last is None or last.generation != event.generation:
        return event.grade != Grade.OK  # what was built is good until somebody finds something
    if event.grade == Grade.OK:
        # that all files have their size does not take back that the content of one is another
        return last.grade != Grade.OK and (last.what, event.what) != (What.CHECKED_DEEP, What.CHECKED)
    return (last.grade, last.reasons) != (event.grade, _short(event.reasons))


def _short(reasons: Sequence[str]) -> tuple[str, ...]:
    return tuple(reason[:_LONGEST_REASON] for reason in reasons[:_MOST_REASONS])


def _forget_older(path: Path) -> None:
    kept: list[bytes] = []
    room = _MOST_BYTES // 2
    for line in reversed(path.read_bytes().splitlines(keepends=True)):
        room -= len(line)
        if room < 0:
            break
        kept.insert(0, line)
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(kept))


def _event(line: bytes) -> Event | None:
    """An event, or None for a line that is none."""
    try:
        data = json_object(line)
        return Event(
            time=data.moment("time"),
            what=What(data.text("what")),
            grade=Grade(data.text("grade")),
            reasons=data.texts("reasons"),
            generation=data.text("generation"),
            seconds=data.durations("seconds"),
        )
    except ValueError:
        return None
