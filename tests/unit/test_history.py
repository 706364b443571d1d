"""What is remembered of an environment: appended, bounded, and never in the way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from kit.values import make_environment

from envyard.definition import Kind
from envyard.environment import Environment
from envyard.health import Grade
from envyard.history import (
    Event,
    What,
    forget_history,
    history_path,
    load_history,
    record,
    record_check,
    remembered,
    with_builds,
)
from envyard.locks import ExclusiveLock
from envyard.store import Store

KIND, KEY = Kind.PROJECT, "alpha"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / ".envs")
    store.prepare()
    return store


@pytest.fixture
def environment(store: Store) -> Environment:
    return make_environment(store.generation_path("0a1b2c3d"), reasons=("first build",), seconds={"install": 2.0})


def event(time: float = 1.0, **changes: Any) -> Event:
    values: dict[str, Any] = {"what": What.BUILT, "grade": Grade.OK, "generation": "0a1b2c3d"}
    return Event(time=time, **{**values, **changes})


def check(grade: Grade, *reasons: str, what: What = What.CHECKED) -> Event:
    return event(2.0, what=what, grade=grade, reasons=reasons)


def append(store: Store, data: bytes) -> None:
    path = history_path(store, KIND, KEY)
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(data)


# --- record


def test_events_come_back_in_the_order_in_which_they_happened(store: Store) -> None:
    events = (
        event(5.0, reasons=("first build",), seconds={"create": 0.25, "install": 3.0}),
        event(4.0, what=What.FAILED, grade=Grade.STALE, reasons=("no such `package`", "é\udc80\n")),
    )
    for one in events:
        record(store, KIND, KEY, one)
    assert load_history(store, KIND, KEY) == events
    assert load_history(store, Kind.PROFILE, KEY) == ()
    assert remembered(store) == ((KIND, KEY),)


def test_a_line_that_a_kill_tore_is_left_out_and_spoils_no_other(store: Store) -> None:
    record(store, KIND, KEY, event(1.0))
    append(store, b'{"time": 2.0, "what": "bui')
    assert load_history(store, KIND, KEY) == (event(1.0),)
    record(store, KIND, KEY, event(3.0))
    assert load_history(store, KIND, KEY) == (event(1.0), event(3.0))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0\0\0\0", id="zeros after a power loss"),
        pytest.param(b"[1, 2]", id="no object"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param({"what": "painted"}, id="unknown event"),
        pytest.param({"grade": "fine"}, id="unknown grade"),
        pytest.param({"time": float("nan")}, id="no time"),
        pytest.param({"time": 10**400}, id="endless time"),
        pytest.param({"time": 1e300}, id="no clock's time"),
        pytest.param({"seconds": {"install": -1}}, id="negative duration"),
        pytest.param({"seconds": {"install": float("inf")}}, id="endless duration"),
        pytest.param({"seconds": []}, id="durations of another form"),
        pytest.param({"reasons": None}, id="no reasons"),
    ],
)
def test_a_line_that_is_no_event_is_left_out(store: Store, line: bytes | dict[str, object]) -> None:
    whole = {"time": 2.0, "what": "built", "grade": "ok", "reasons": [], "generation": "", "seconds": {}}
    append(store, (json.dumps(whole | line).encode() if isinstance(line, dict) else line) + b"\n")
    record(store, KIND, KEY, event(3.0))
    assert load_history(store, KIND, KEY) == (event(3.0),)


def test_the_oldest_events_go_when_there_are_too_many(store: Store) -> None:
    for number in range(1200):
        record(store, KIND, KEY, event(float(number), reasons=("x" * 90,)))
        assert history_path(store, KIND, KEY).stat().st_size <= 64_000
    times = [one.time for one in load_history(store, KIND, KEY)]
    assert times == [float(number) for number in range(1200 - len(times), 1200)]
    assert len(times) > 100
    assert os.listdir(history_path(store, KIND, KEY).parent) == [f"{KIND}-{KEY}.jsonl"]


def test_an_event_with_endless_reasons_is_cut_short(store: Store) -> None:
    record(store, KIND, KEY, event(reasons=("y" * 100_000,) * 50))
    (found,) = load_history(store, KIND, KEY)
    assert [len(reason) for reason in found.reasons] == [400] * 8


def test_what_cannot_be_written_is_not_remembered_and_stops_nothing(store: Store, environment: Environment) -> None:
    (store.root / "history").write_text("a file where the folder belongs")
    record(store, KIND, KEY, event())
    record_check(store, environment, check(Grade.BROKEN, "gone"))
    forget_history(store, KIND, KEY)
    assert load_history(store, KIND, KEY) == ()
    assert remembered(store) == ()


def test_files_of_others_in_the_folder_are_nobodys_history(store: Store) -> None:
    record(store, KIND, KEY, event())
    for name in ("notes.txt", "legacy-x.jsonl", "project.jsonl"):
        (store.root / "history" / name).write_text("")
    assert remembered(store) == ((KIND, KEY),)
    forget_history(store, KIND, KEY)
    assert remembered(store) == ()


# --- checks


BUILT = event(1.0)
DRIFTED = check(Grade.DRIFTED, "installed by hand: demo")
DEEP = check(Grade.BROKEN, "1 file is changed", what=What.CHECKED_DEEP)


@pytest.mark.parametrize(
    ("before", "found", "news"),
    [
        pytest.param([], check(Grade.OK), False, id="good, as it was built"),
        pytest.param([BUILT], check(Grade.OK), False, id="still good"),
        pytest.param([BUILT], DRIFTED, True, id="worse"),
        pytest.param([], DRIFTED, True, id="bad, of an older envyard"),
        pytest.param([BUILT, DRIFTED], DRIFTED, False, id="as bad as before"),
        pytest.param([BUILT, DRIFTED], check(Grade.DRIFTED, "removed by hand: pip"), True, id="bad in another way"),
        pytest.param([BUILT, DRIFTED], check(Grade.OK), True, id="good again"),
        pytest.param([BUILT, DEEP], check(Grade.OK), False, id="a change of content that sizes do not show"),
        pytest.param([BUILT, DEEP], check(Grade.OK, what=What.CHECKED_DEEP), True, id="a content that is good again"),
        pytest.param([event(generation="11111111")], check(Grade.OK), False, id="good, after another generation"),
    ],
)
def test_a_check_is_remembered_when_it_is_news(
    store: Store, environment: Environment, before: list[Event], found: Event, news: bool
) -> None:
    for one in before:
        record(store, KIND, KEY, one)
    record_check(store, environment, found)
    assert load_history(store, KIND, KEY) == (*before, *([found] if news else []))


def test_a_check_without_news_touches_nothing(store: Store, environment: Environment) -> None:
    record(store, KIND, KEY, BUILT)
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    record_check(store, environment, check(Grade.OK))
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before


def test_a_check_does_not_wait_for_who_builds(store: Store, environment: Environment) -> None:
    with ExclusiveLock(store, KIND, KEY) as lock:
        assert lock.try_acquire()
        record_check(store, environment, DRIFTED)
        assert load_history(store, KIND, KEY) == ()
    record_check(store, environment, DRIFTED)
    assert load_history(store, KIND, KEY) == (DRIFTED,)


# --- builds that nobody recorded


def test_generations_of_an_older_envyard_are_told_from_their_commit_files(environment: Environment) -> None:
    failed = event(2.0, what=What.FAILED, generation="")
    told = with_builds([failed], [environment])
    assert told == (event(environment.created, reasons=("first build",), seconds={"install": 2.0}), failed)


def test_a_build_is_told_once(environment: Environment) -> None:
    rebuilt = event(7.0, what=What.REBUILT)
    assert with_builds([rebuilt], [environment]) == (rebuilt,)
