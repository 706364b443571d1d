"""Progress: as plain lines, as a board of lines, and drawn live on a terminal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from envyard.events import (
    BuildReasons,
    DownloadFinished,
    DownloadStarted,
    Event,
    Finished,
    OutputLine,
    Phase,
    PhaseStarted,
    Waiting,
    Warned,
)
from envyard.report.board import Board
from envyard.report.lines import LineReporter
from envyard.report.live import LiveReporter

WAITING = Waiting(
    key="model",
    holder_pid=1234,
    holder_host="host",
    holder_phase="install",
    holder_seconds=12.0,
    holder_alive=True,
    seconds=3.0,
)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (BuildReasons(key="model", reasons=("a", "b")), "[model] why: a; b"),
        (PhaseStarted(key="model", phase=Phase.INSTALL, detail="uv"), "[model] install: uv"),
        (PhaseStarted(key="model", phase=Phase.VERIFY), "[model] verify"),
        (PhaseStarted(key="model", phase=Phase.WAIT), ""),
        (WAITING, "[model] waiting for process 1234 on host (install, 12 s)"),
        (
            replace(WAITING, holder_alive=False),
            "[model] waiting for the installer of process 1234, which was killed",
        ),
        (replace(WAITING, holder_pid=0), "[model] waiting for another process that begins"),
        (DownloadStarted(key="", package="torch", size=592_000_000), "[all projects] downloading torch (592 MB)"),
        (DownloadStarted(key="", package="idna", size=60_000), ""),
        (DownloadFinished(key="", package="torch"), ""),
        (OutputLine(key="model", line=" + numpy==1.26.4"), ""),
        (OutputLine(key="model", line="   Building jax==1.0"), "[model] Building jax==1.0"),
        (OutputLine(key="model", line="warning: old"), "[model] warning: old"),
        (Warned(key="", message="full copies"), "[all projects] warning: full copies"),
        (Finished(key="model", action="built", seconds=3.1), "[model] built in 3.1 s"),
        (Finished(key="model", action="kept", seconds=0.0), ""),
        (Finished(key="model", action="failed", seconds=1.0, message="no space"), "[model] failed: no space"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else "",
)
def test_progress_as_lines(event: Event, line: str) -> None:
    said: list[str] = []
    LineReporter(said.append)(event)
    assert said == ([line] if line else [])


def test_waiting_is_said_once_until_something_changes() -> None:
    said: list[str] = []
    reporter = LineReporter(said.append)
    for event in (WAITING, replace(WAITING, seconds=8.0), replace(WAITING, holder_phase="verify")):
        reporter(event)
    assert [line.partition("(")[2] for line in said] == ["install, 12 s)", "verify, 12 s)"]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def board(*events: Event) -> tuple[Board, Clock]:
    clock = Clock()
    made = Board({"model": "Model", "config-load": "ConfigLoad"}, clock)
    for event in events:
        made.hear(event)
    return made, clock


def shown(made: Board, limit: int = 10) -> list[str]:
    return [f"{line.title}|{line.doing}|{line.detail}|{line.seconds:.0f}|{line.done}" for line in made.lines(limit)]


def test_the_board_shows_nothing_of_what_is_kept() -> None:
    made, _ = board(Finished(key="model", action="kept", seconds=0.0), BuildReasons(key="model", reasons=("x",)))
    assert made.empty
    assert shown(made) == []


def test_the_board_shows_each_environment_with_its_step_and_time() -> None:
    made, clock = board(
        PhaseStarted(key="model", phase=Phase.CREATE, detail="python 3.11.7"),
        PhaseStarted(key="config-load", phase=Phase.INSTALL, detail="uv"),
    )
    clock.now += 4
    made.hear(Finished(key="config-load", action="built", seconds=3.0))
    assert shown(made) == ["Model|create|python 3.11.7|4|None", "ConfigLoad|built||3|built"]


def test_the_board_lets_a_wait_grow() -> None:
    made, clock = board(PhaseStarted(key="model", phase=Phase.WAIT), WAITING)
    clock.now += 5
    assert shown(made) == ["Model|wait|for process 1234 on host (install, 17 s)|5|None"]


def test_the_board_has_a_line_for_the_common_fetch() -> None:
    made, _ = board(
        PhaseStarted(key="model", phase=Phase.FETCH),
        DownloadStarted(key="", package="torch", size=600_000_000),
        DownloadStarted(key="", package="numpy", size=18_000_000),
        DownloadStarted(key="", package="scipy", size=38_000_000),
    )
    assert shown(made) == [
        "all projects|fetch|0 B of 656 MB: torch (600 MB), scipy (38 MB), 1 more|0|None",
        "Model|fetch|needs wheels that are not in the cache|0|None",
    ]
    for package in ("torch", "numpy", "scipy"):
        made.hear(DownloadFinished(key="", package=package))
    assert shown(made)[0] == "all projects|fetch|656 MB of 656 MB, unpacking|0|None"
    made.hear(PhaseStarted(key="model", phase=Phase.INSTALL, detail="uv"))
    assert shown(made) == ["Model|install|uv|0|None"]


def test_the_board_says_when_a_package_is_built_from_source() -> None:
    made, _ = board(
        PhaseStarted(key="model", phase=Phase.INSTALL, detail="uv"), OutputLine(key="model", line="  Building jax==1.0")
    )
    assert shown(made) == ["Model|install|Building jax==1.0 from source|0|None"]


def test_a_board_that_is_too_small_shows_what_goes_on_first() -> None:
    made, _ = board(
        *(PhaseStarted(key=f"p{number}", phase=Phase.INSTALL) for number in range(5)),
        Finished(key="p0", action="built", seconds=1.0),
    )
    assert [line.split("|")[0] for line in shown(made, 3)] == ["p1", "p2", "and 3 more"]


Screen = pytest.CaptureFixture[str]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: Screen) -> Screen:
    """A terminal of 60 columns on stderr."""
    for name, value in {"TTY_COMPATIBLE": "1", "COLUMNS": "60", "LINES": "20", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    return capsys


def test_the_live_display_begins_with_the_first_work_and_is_cleared(screen: Screen) -> None:
    reporter = LiveReporter(Board({"model": "Model"}))
    reporter(Finished(key="config-load", action="kept", seconds=0.0))
    assert screen.readouterr().err == ""
    reporter(PhaseStarted(key="model", phase=Phase.INSTALL, detail="uv"))
    reporter(Warned(key="", message="full copies"))
    reporter.close()
    drawn = screen.readouterr().err
    assert "Model" in drawn
    assert "[all projects] warning: full copies" in drawn
    assert drawn.endswith("\x1b[2K")  # erased


def test_a_live_display_without_work_writes_only_warnings(screen: Screen) -> None:
    reporter = LiveReporter(Board({}))
    reporter(Warned(key="model", message="look out"))
    reporter.close()
    assert screen.readouterr().err == "[model] warning: look out\n"


def test_a_listener_is_callable_from_many_threads(screen: Screen) -> None:
    reporter = LiveReporter(Board({}))

    def work(number: int) -> None:
        key = f"p{number}"
        for phase in (Phase.CREATE, Phase.INSTALL, Phase.VERIFY):
            reporter(PhaseStarted(key=key, phase=phase))
            reporter(DownloadStarted(key=key, package="numpy", size=number))
        reporter(Finished(key=key, action="built", seconds=1.0))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    reporter.close()
    assert "and 23 more" in screen.readouterr().err


def test_only_the_live_display_imports_rich() -> None:
    source = Path(__file__).resolve().parents[2] / "src" / "envyard"
    texts = {path.name: path.read_text(encoding="utf-8") for path in source.rglob("*.py")}
    assert [name for name, text in texts.items() if "from rich" in text or "import rich" in text] == ["live.py"]
