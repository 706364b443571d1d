"""What people and programs see of results: text, tables, JSON."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from envyard.commands.checks import Finding
from envyard.commands.doctor import DoctorResult
from envyard.commands.inspect import EnvironmentDetails, EnvironmentRow
from envyard.commands.lock import LockOutcome, LockResult
from envyard.commands.removal import Removal, RemovalResult
from envyard.commands.rollback import RollbackResult
from envyard.commands.setup import SetupResult
from envyard.definition import Definition, Kind
from envyard.environment import Environment
from envyard.errors import EnvyardError, InstallFailed
from envyard.events import Warned
from envyard.health import Grade
from envyard.interpreter import Interpreter
from envyard.outcome import Action, Outcome
from envyard.publish import Published
from envyard.report import as_typed, complain, render_error, started_as, tell, write
from envyard.report.data import doctor_data, list_data, lock_data, removal_data, rollback_data, setup_data, show_data
from envyard.report.findings import doctor_text, left_text, removal_table, rollback_text
from envyard.report.lines import LineReporter
from envyard.report.summary import lock_summary, setup_summary
from envyard.report.table import Column, table
from envyard.report.tables import list_table, show_text
from envyard.report.text import Style, age, count, duration, fold, hanging, is_live, size, width_of
from envyard.sizes import DiskUse

ROOT = Path("/work")
PLAIN = Style()
PYTHON = Interpreter(executable="/usr/bin/python3", version="3.11.7", implementation="cpython", size=1, mtime_ns=1)


def environment(key: str, generation: str = "0a1b2c3d", **changes: Any) -> Environment:
    path = ROOT / ".envs" / "g" / generation
    made = Environment(
        generation=generation,
        kind=Kind.PROJECT,
        key=key,
        title=key.title(),
        path=path,
        built_at=str(path),
        fingerprint="f" * 64,
        interpreter=PYTHON,
        installer="uv 1.0",
        site_packages="lib/python3.11/site-packages",
        created=0.0,
        packages={"numpy": "1.26.4"},
        files=12,
        apparent_bytes=3_100_000_000,
        seconds={"create": 0.5, "install": 2.0},
    )
    return replace(made, **changes)


def outcome(key: str, action: Action, **changes: Any) -> Outcome:
    definition = Definition(
        kind=Kind.PROJECT, key=key, title=key.title(), root=ROOT, python="3.11", link=ROOT / key / "venv"
    )
    return replace(Outcome(definition=definition, action=action, environment=environment(key)), **changes)


# --- values


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (3_140_000, "3.1 MB"),
        (38_400_000, "38 MB"),
        (999_600_000, "1.0 GB"),
        (18_240_000_000, "18.2 GB"),
        (123_400_000_000, "123 GB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_sizes_are_short(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0254, "25 ms"),
        (0.0996, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (11400, "3 h 10 min"),
    ],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("when", "text"),
    [(None, ""), (1000.0, "just now"), (1010.0, "just now"), (100.0, "15 min ago"), (-9000.0, "2 h ago")],
)
def test_ages_are_rough(when: float | None, text: str) -> None:
    assert age(when, now=1000.0) == text
    assert age(0.0, now=3.5 * 86400) == "3 d ago"


def test_counts_have_their_plural() -> None:
    assert [count(0, "check"), count(1, "check"), count(2, "check")] == ["0 checks", "1 check", "2 checks"]


def test_folding_breaks_no_word_and_no_command() -> None:
    text = "go on: run `invoke envs.setup model --rebuild` when extraordinarily-long-names-are-there"
    assert fold(text, 20) == [
        "go on: run",
        "`invoke envs.setup model --rebuild`",
        "when",
        "extraordinarily-long-names-are-there",
    ]
    assert hanging("why: ", "added a 1.0; removed b 2.0; c 1.0 -> 2.0", 27) == [
        "why: added a 1.0; removed b",
        "     2.0; c 1.0 -> 2.0",
    ]


@pytest.mark.parametrize(
    ("variables", "terminal", "on"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TTY_COMPATIBLE": "1"}, False, True),
        ({"TTY_COMPATIBLE": "0"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
    ids=str,
)
@pytest.mark.skipif(sys.platform == "win32", reason="old consoles of Windows get no colours")
def test_colours_are_where_they_are_wanted(
    variables: dict[str, str], terminal: bool, on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
    assert Style.of(stream).on == on
    assert Style.of(stream).good("ok") == ("\x1b[32mok\x1b[0m" if on else "ok")


@pytest.mark.parametrize(
    ("variables", "live"),
    [({}, True), ({"TERM": "dumb"}, False), ({"TTY_INTERACTIVE": "0"}, False), ({"TTY_COMPATIBLE": "0"}, False)],
    ids=str,
)
def test_a_display_is_live_only_where_lines_can_be_changed(
    variables: dict[str, str], live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert is_live(stream) == live
    monkeypatch.setenv("COLUMNS", "97")
    assert width_of(stream) == (None if variables.get("TTY_COMPATIBLE") == "0" else 97)


# --- tables


COLUMNS = (
    Column(title="name"),
    Column(title="empty"),
    Column(title="size", right=True, drop=1),
    Column(title="why", fold=True),
)
ROWS = (("alpha", "", "1 GB", "one two three four five six"), ("b", "", "20 MB", ""))


def test_a_table_is_aligned_and_leaves_empty_columns_out() -> None:
    assert table(COLUMNS, ROWS, None) == [
        "name    size  why",
        "alpha   1 GB  one two three four five six",
        "b      20 MB",
    ]


def test_a_table_folds_one_column_to_the_width() -> None:
    assert table(COLUMNS, ROWS, 36) == [
        "name    size  why",
        "alpha   1 GB  one two three four",
        "              five six",
        "b      20 MB",
    ]


def test_a_narrow_table_drops_columns() -> None:
    assert table(COLUMNS, ROWS, 28) == ["name   why", "alpha  one two three four", "       five six", "b"]


# --- set-up


FAILURE = InstallFailed("no such package", hint="look elsewhere", details=["line one"])
RESULT = SetupResult(
    outcomes=(
        outcome("alpha", Action.BUILT, reasons=("first build",), seconds=4.1),
        outcome("beta", Action.REBUILT, reasons=("numpy 1.26.3 -> 1.26.4", "added pandas 2.2.2"), seconds=125.0),
        outcome("gamma", Action.KEPT),
        outcome("delta", Action.FAILED, environment=None, error=FAILURE, seconds=1.0),
        outcome("epsilon", Action.FAILED, error=FAILURE, seconds=1.0),
    ),
    seconds=126.0,
    disk=DiskUse(apparent=18_200_000_000, actual=8_900_000_000, unique={}),
)


TOTAL = "1 built, 1 rebuilt, 1 kept, 2 failed in 2 min 06 s"


def test_the_summary_says_what_became_of_each_environment_and_why() -> None:
    assert setup_summary(RESULT, PLAIN, None).splitlines() == [
        "project  result         time  python    size  why",
        "Alpha    built         4.1 s  3.11.7  3.1 GB  first build",
        "Beta     rebuilt  2 min 05 s  3.11.7  3.1 GB  numpy 1.26.3 -> 1.26.4; added pandas 2.2.2",
        "Gamma    kept                 3.11.7  3.1 GB",
        "Delta    failed        1.0 s                  see below",
        "Epsilon  failed        1.0 s  3.11.7  3.1 GB  the one before stays in use",
        "",
        f"{TOTAL}; 18.2 GB of files in 8.9 GB on disk, 9.3 GB saved by sharing",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_summary_keeps_to_the_width(width: int) -> None:
    assert max(map(len, setup_summary(RESULT, PLAIN, width).splitlines())) <= width


def test_the_summary_of_nothing_to_do_says_so() -> None:
    result = SetupResult(outcomes=(outcome("alpha", Action.KEPT), outcome("beta", Action.KEPT)), seconds=0.012)
    assert setup_summary(result, PLAIN, None).splitlines()[-1] == "2 kept, nothing to do in 12 ms"


def test_a_dry_run_says_what_would_be_done() -> None:
    outcomes = (
        outcome("alpha", Action.PLANNED, environment=None, reasons=("first build",)),
        outcome("beta", Action.PLANNED, reasons=("numpy 1 -> 2",)),
        outcome("gamma", Action.KEPT),
    )
    lines = setup_summary(SetupResult(outcomes=outcomes, seconds=0.1, dry_run=True), PLAIN, None).splitlines()
    assert lines[1:] == [
        "Alpha    to build                    first build",
        "Beta     to rebuild  3.11.7  3.1 GB  numpy 1 -> 2",
        "Gamma    kept        3.11.7  3.1 GB",
        "",
        "dry run: 2 environments to build",
    ]


def test_colours_change_no_word_of_the_summary() -> None:
    painted = setup_summary(RESULT, Style(on=True), 80)
    plain = painted
    for code in ("\x1b[32m", "\x1b[1;31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"):
        assert code in painted
        plain = plain.replace(code, "")
    assert plain == setup_summary(RESULT, PLAIN, 80)


def test_set_up_as_json_has_every_outcome() -> None:
    data = setup_data(RESULT)
    assert json.loads(json.dumps(data)) == data
    assert {name: value for name, value in data.items() if name != "outcomes"} == {
        "disk": {"apparent": 18_200_000_000, "actual": 8_900_000_000, "saved": 9_300_000_000},
        "seconds": 126.0,
        "dry_run": False,
    }
    assert data["outcomes"][1] == {
        "key": "beta",
        "title": "Beta",
        "action": "rebuilt",
        "path": str(ROOT / "beta" / "venv"),
        "python": str(environment("beta").python),
        "generation": "0a1b2c3d",
        "reasons": ["numpy 1.26.3 -> 1.26.4", "added pandas 2.2.2"],
        "seconds": 125.0,
        "error": None,
    }
    assert data["outcomes"][3]["python"] is None
    assert data["outcomes"][3]["error"] == {
        "message": "no such package",
        "hint": "look elsewhere",
        "details": ["line one"],
    }


LOCKED = LockResult(
    outcomes=(
        LockOutcome(key="alpha", lockfile=ROOT / "a.txt", changed=True, changes=("added x 1.0",), seconds=1.0),
        LockOutcome(key="beta", lockfile=ROOT / "b.txt", changed=False, seconds=0.5),
        LockOutcome(key="gamma", lockfile=ROOT / "c.txt", changed=False, seconds=0.5, error=FAILURE),
    ),
    seconds=1.2,
)


def test_the_summary_of_locking_says_what_changed() -> None:
    assert lock_summary(LOCKED, PLAIN, None).splitlines() == [
        "project  lockfile    time  changes",
        "alpha    changed    1.0 s  added x 1.0",
        "beta     as it was  0.5 s",
        "gamma    failed     0.5 s",
        "",
        "1 of 3 lockfiles changed in 1.2 s",
    ]
    data = lock_data(LOCKED)
    assert [(one["key"], one["changed"], one["changes"]) for one in data["outcomes"]] == [
        ("alpha", True, ["added x 1.0"]),
        ("beta", False, []),
        ("gamma", False, []),
    ]
    assert setup_data(RESULT, LOCKED)["locked"] == data["outcomes"]


# --- errors


def test_an_error_has_its_evidence_and_its_hint() -> None:
    assert render_error(FAILURE) == "error: no such package\n  line one\n\nhint: look elsewhere"


def test_an_error_keeps_to_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    error = EnvyardError("one two three four five six seven", details=["a b c d e f g h i j k l m n o p q"])
    assert render_error(error).splitlines() == [
        "error: one two three four five",
        "       six seven",
        "  a b c d e f g h i j k l m n",
        "  o p q",
    ]


def test_what_an_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, expected in (("ascii", b"\\u2713 \\udcff\n"), ("utf-8", b"\xe2\x9c\x93 \\udcff\n")):
        raw = BytesIO()
        monkeypatch.setattr(sys, "stdout", TextIOWrapper(raw, encoding=encoding))
        write("\u2713 \udcff")
        sys.stdout.flush()
        assert raw.getvalue() == expected


def test_commands_in_messages_name_the_program_that_was_started(capsys: pytest.CaptureFixture[str]) -> None:
    hint = "run `invoke envs.lock model`"
    assert as_typed(hint) == hint
    try:
        started_as("envyard")
        assert as_typed(hint) == "run `envyard envs.lock model`"
        assert render_error(EnvyardError("x", hint=hint)).endswith("run `envyard envs.lock model`")
        tell(hint)
        LineReporter(complain)(Warned(key="model", message=hint))
        write(hint)  # a script, or the data of `--json`
        assert capsys.readouterr() == (
            f"run `envyard envs.lock model`\n{hint}\n",
            "[model] warning: run `envyard envs.lock model`\n",
        )
    finally:
        started_as("invoke")


# --- environments

ROW = EnvironmentRow(
    key="client-backend",
    kind=Kind.PROJECT,
    project="Client/Backend",
    path=ROOT / "projects" / "Client" / "Backend" / "venv",
    python_version="3.11.7",
    generation="0a1b2c3d",
    grade=Grade.STALE,
    reasons=("numpy 1.26.3 -> 1.26.4", "added pandas 2.2.2", "removed scipy 1.11.0"),
    packages=42,
    apparent_bytes=3_100_000_000,
    unique_bytes=20_000_000,
    created=0.0,
    last_used=None,
)
NOT_BUILT = replace(
    ROW,
    key="model",
    project="Model",
    python_version="",
    generation="",
    grade=Grade.MISSING,
    reasons=(),
    packages=0,
    apparent_bytes=0,
    unique_bytes=0,
    created=None,
)


def test_the_list_has_a_row_for_each_environment_built_or_not() -> None:
    head, built, missing = list_table((ROW, NOT_BUILT), ROOT, PLAIN, None).splitlines()
    assert head.split() == [
        *("key", "kind", "project", "path", "python", "generation", "health", "packages", "size", "own", "built")
    ]
    assert os.path.join("projects", "Client", "Backend", "venv") in built
    assert "stale: numpy 1.26.3 -> 1.26.4; added pandas 2.2.2; removed scipy 1.11.0" in built
    assert missing.split()[0] == "model"
    assert missing.split()[-1] == "missing"


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_list_keeps_to_the_width(width: int) -> None:
    lines = list_table((ROW, NOT_BUILT), ROOT, PLAIN, width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].split()[0] == "key"
    assert "health" in lines[0]


def test_the_list_as_json_has_every_column() -> None:
    (row,) = list_data((ROW,))["environments"]
    assert row == {
        "key": "client-backend",
        "kind": "project",
        "project": "Client/Backend",
        "path": str(ROW.path),
        "python_version": "3.11.7",
        "generation": "0a1b2c3d",
        "grade": "stale",
        "reasons": list(ROW.reasons),
        "packages": 42,
        "apparent_bytes": 3_100_000_000,
        "unique_bytes": 20_000_000,
        "created": 0.0,
        "last_used": None,
    }


DETAILS = EnvironmentDetails(
    row=ROW,
    environment=environment("client-backend"),
    previous=(environment("client-backend", "99999999"),),
    build_reasons=("first build",),
    published=Published.CURRENT,
    lockfile_stale=True,
    in_use=True,
    last_builder=None,
)


def test_show_tells_everything_in_words() -> None:
    lines = show_text(DETAILS, ROOT, PLAIN, 80).splitlines()
    assert "project:       Client/Backend (client-backend)" in lines
    assert "build time:    create 0.5 s, install 2.0 s" in lines
    assert "lockfile:      older than its requirements" in lines
    assert "in use:        yes" in lines
    assert lines[-2:] == ["1 package:", "  numpy 1.26.4"]
    assert max(map(len, lines)) <= 80


def test_show_of_what_is_not_built_is_short() -> None:
    details = replace(DETAILS, row=NOT_BUILT, environment=None, previous=(), build_reasons=(), in_use=False)
    text = show_text(replace(details, lockfile_stale=False), ROOT, PLAIN, None)
    assert [line.split(":")[0] for line in text.splitlines()] == ["project", "path", "health"]
    assert show_data(details)["environment"] is None


def test_show_as_json_has_the_packages_of_every_generation() -> None:
    data = show_data(DETAILS)
    assert data["environment"]["packages"] == {"numpy": "1.26.4"}
    assert [one["generation"] for one in data["previous"]] == ["99999999"]
    assert json.loads(json.dumps(data)) == data


# --- findings and removals

FINDINGS = DoctorResult(
    findings=(
        Finding(check="space", key="", ok=True, message="65 GB free"),
        Finding(check="lockfile", key="model", ok=False, message="is old", fix="invoke envs.lock model"),
        Finding(check="files", key="model", ok=False, message="3 files are missing", fixed=True),
    ),
    seconds=0.5,
)


def test_doctor_names_what_heals_a_problem() -> None:
    assert doctor_text(FINDINGS, PLAIN, 80).splitlines() == [
        "workspace",
        "  ok       space     65 GB free",
        "",
        "model",
        "  problem  lockfile  is old",
        "                     fix: `invoke envs.lock model`",
        "  fixed    files     3 files are missing",
        "",
        "1 problem, 1 problem fixed; 3 checks in 0.5 s",
    ]
    assert doctor_data(FINDINGS)["problems"] == 1


REMOVED = RemovalResult(
    removals=(
        Removal(key="model", what="environment", path=ROOT / "m" / "venv", bytes=13_000_000, reason="asked for"),
        Removal(key="sources", what="environment", path=ROOT / "s" / "venv", bytes=1, reason="x", error=FAILURE),
    ),
    freed=128_000,
)


def test_removals_say_what_went_and_what_that_freed() -> None:
    assert removal_table(REMOVED, ROOT, PLAIN, None).splitlines() == [
        "environment  what          size  path    why",
        f"model        environment  13 MB  {os.path.join('m', 'venv')}  asked for",
        "",
        "1 removed, 128 kB freed",
    ]
    dry = removal_table(replace(REMOVED, dry_run=True), ROOT, PLAIN, None)
    assert dry.splitlines()[-1] == "1 to remove, 128 kB to free"
    assert removal_table(RemovalResult(removals=(), freed=0), ROOT, PLAIN, None) == "nothing to remove"


def test_what_the_disk_does_not_get_back_is_told_with_the_command_that_frees_it() -> None:
    text = removal_table(replace(REMOVED, cached=1_400_000_000), ROOT, PLAIN, None)
    assert text.splitlines()[-2:] == [
        "1 removed, 128 kB freed",
        "1.4 GB more stay in uv's cache for the next build; `uv cache clean` empties it, and all is downloaded again",
    ]
    assert removal_data(replace(REMOVED, cached=1_400_000_000))["cached"] == 1_400_000_000


def test_what_stays_in_the_trash_is_named_up_to_a_handful() -> None:
    assert left_text(["C:\\trash\\a: used by another process"]).splitlines() == [
        "still in use, so it stays in the trash: 1 path",
        "  C:\\trash\\a: used by another process",
        "",
        "hint: close what uses it, then run `invoke envs.prune`",
    ]
    lines = left_text([str(number) for number in range(7)]).splitlines()
    assert lines[0] == "still in use, so it stays in the trash: 7 paths"
    assert lines[5:7] == ["  4", "  and 2 more"]
    assert [bool(one["error"]) for one in removal_data(REMOVED)["removals"]] == [False, True]


def test_a_rollback_says_what_is_different_now() -> None:
    before = environment("model", "bbbbbbbb", packages={"numpy": "2.0.0", "pandas": "2.2.2"})
    result = RollbackResult(key="model", before=before, now=environment("model", "aaaaaaaa"))
    lines = rollback_text(result, 80).splitlines()
    assert "generation aaaaaaaa again" in lines[0]
    assert lines[1] == "packages: removed pandas 2.2.2; numpy 2.0.0 -> 1.26.4"
    assert rollback_data(result)["before"] == "bbbbbbbb"
    assert "is gone" in rollback_text(replace(result, before=None), 80)
