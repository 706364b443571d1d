"""The command line's edge: names and flags as Invoke parses them, values, errors and exit codes."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.program import Program
from invoke.tasks import task

import envyard
from envyard.errors import Cancelled, EnvyardError, ExitCode, UsageError
from envyard.report import started_as
from envyard.tasks import namespace
from envyard.tasks.inspect import after_dashes
from envyard.tasks.program import EnvyardProgram
from envyard.tasks.program import run as run_program
from envyard.tasks.task import Command, command
from envyard.tasks.values import parse_duration, parse_jobs, parse_size

Calls = list[dict[str, Any]]


def recording(calls: Calls) -> Collection:
    """`take NAME ... [--jobs N] [--only NAME]... [--yes]` and somebody else's task; both record their parameters."""

    @command(iterable=("only",), names="Names.", only="Only.")
    def take(
        context: Context, names: Sequence[str] = (), only: Sequence[str] = (), jobs: str = "", yes: bool = False
    ) -> int:
        """Take."""
        dry = bool(context.config.run.dry)
        calls.append({"names": [*names], "only": [*only], "jobs": jobs, "yes": yes, "dry": dry})
        return 0

    @task
    def other(_context: Context, word: str) -> None:
        calls.append({"word": word})

    return Collection(take, other)


def failing(error: BaseException) -> Collection:
    """`fail`, whose body raises `error`."""

    @command()
    def fail(_context: Context) -> int:
        """Fail."""
        raise error

    return Collection(fail)


def run(collection: Collection, *words: str, program: type[Program] = Program) -> int:
    """The exit code of a command line, run as by the stock `invoke`, which copies the namespace of a tasks.py."""
    module = types.ModuleType("tasks")
    module.ns = collection  # type: ignore[attr-defined]
    try:
        program(namespace=Collection.from_module(module), name="x", binary="x").run(["x", *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


# --- names


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("take", {}, id="none"),
        pytest.param("take model", {"names": ["model"]}, id="one"),
        pytest.param("take model config-load Client/Backend", {"names": ["model", "config-load", "Client/Backend"]}),
        pytest.param("take model config-load --jobs 2", {"names": ["model", "config-load"], "jobs": "2"}),
        pytest.param("take --jobs 2 model config-load", {"names": ["model", "config-load"], "jobs": "2"}),
        pytest.param("take model --jobs=2 config-load", {"names": ["model", "config-load"], "jobs": "2"}),
        pytest.param("take model -j 2 config-load", {"names": ["model", "config-load"], "jobs": "2"}),
        pytest.param("take model -j2 config-load", {"names": ["model", "config-load"], "jobs": "2"}),
        pytest.param("take 2 --jobs 2 2", {"names": ["2", "2"], "jobs": "2"}, id="names like the value of a flag"),
        pytest.param("take -y model", {"names": ["model"], "yes": True}, id="after a flag without value"),
        pytest.param("take other take", {"names": ["other", "take"]}, id="names of tasks"),
        pytest.param("take --only a --only a b", {"only": ["a", "a"], "names": ["b"]}, id="beside a list"),
        pytest.param("take model --dry sources", {"names": ["model", "sources"], "dry": True}, id="Invoke's own flag"),
    ],
)
def test_every_word_after_a_task_with_names_is_a_name(words: str, expected: dict[str, Any]) -> None:
    calls: Calls = []
    assert run(recording(calls), *words.split()) == 0
    assert calls == [{"names": [], "only": [], "jobs": "", "yes": False, "dry": False} | expected]


def test_tasks_of_others_are_parsed_as_ever() -> None:
    calls: Calls = []
    assert run(recording(calls), "other", "word", "take", "model") == 0
    assert [call.get("word") or call["names"] for call in calls] == ["word", ["model"]]


def test_an_unknown_flag_is_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    calls: Calls = []
    assert run(recording(calls), "take", "model", "--bogus") == 1
    assert not calls
    assert "No idea what '--bogus' is!" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["take model --jobs", "take --only", "take --only --yes", "take model --only"])
def test_a_flag_that_lacks_its_value_is_called_by_its_name(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that may be given several times: `--only` without a name must not mean all."""
    calls: Calls = []
    assert run(recording(calls), *words.split()) == 1
    assert not calls
    flag = "--jobs" if "--jobs" in words else "--only"
    assert f"Flag {flag} needed value" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[""], ["model", " "]])
def test_an_empty_name_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """`envs.setup "$PROJECT"`, where the variable is not set."""
    calls: Calls = []
    assert run(recording(calls), "take", *words) == ExitCode.USAGE
    assert not calls
    assert capsys.readouterr().err.startswith("error: a name is empty\n")


_OPTIONS_OF_TAKE = ["NAME ...", "--only=NAME", "-j, --jobs=N", "-y, --yes"]


@pytest.mark.parametrize("words", ["--help take", "take --help", "take model --help"])
def test_the_help_of_a_task_begins_with_its_names(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    calls: Calls = []
    collection = recording(calls)
    for _twice in range(2):  # Invoke forgets the texts after the first time
        assert run(collection, *words.split()) == 0
        options = capsys.readouterr().out.partition("Options:")[2].split("\n")
        assert [line[2:16].strip() for line in options if line[2:16].strip()] == _OPTIONS_OF_TAKE
    assert not calls


@pytest.mark.parametrize(
    ("remainder", "argv", "words"),
    [
        pytest.param("", ["invoke", "envs.run", "model"], [], id="nothing"),
        pytest.param("python -V", ["x", "envs.run", "model", "--", "python", "-V"], ["python", "-V"], id="plain"),
        pytest.param("python -c a b", ["x", "--", "python", "-c", "a b"], ["python", "-c", "a b"], id="a space kept"),
        pytest.param("a -- b", ["x", "--", "a", "--", "b"], ["a", "--", "b"], id="dashes of the command"),
        pytest.param("echo 'a b'", ["python", "-m", "pytest"], ["echo", "a b"], id="not our own arguments"),
    ],
)
def test_the_command_after_two_dashes_keeps_its_words(remainder: str, argv: list[str], words: list[str]) -> None:
    assert after_dashes(remainder, argv) == words


# --- values


def test_jobs_are_a_number_from_one() -> None:
    assert [parse_jobs(text) for text in ("", "1", "16")] == [0, 1, 16]


@pytest.mark.parametrize("text", ["x", "0", "-1", "2.5", "²", "1e3", " "])
def test_other_jobs_are_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not a number from 1"):
        parse_jobs(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), ("90s", 90), ("45m", 2700), ("12h", 43200), ("30d", 2592000), ("2w", 1209600), ("1.5 D", 129600)],
)
def test_durations_have_a_unit(text: str, seconds: float | None) -> None:
    assert parse_duration("unused-for", text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("", None), ("0B", 0), ("500MB", 500_000_000), ("50gb", 50 * 10**9), ("20GiB", 20 * 2**30), ("1.5 kb", 1500)],
)
def test_sizes_have_a_unit(text: str, count: int | None) -> None:
    assert parse_size("keep-size", text) == count


@pytest.mark.parametrize(
    ("parse", "text", "example"),
    [
        (parse_duration, "30", "`30d`"),
        (parse_duration, "a month", "`30d`"),
        (parse_duration, "30GB", "`30d`"),
        (parse_duration, "-3d", "`30d`"),
        (parse_size, "50", "`50GB`"),
        (parse_size, "3d", "`50GB`"),
        (parse_size, "GB", "`50GB`"),
    ],
)
def test_a_wrong_value_is_answered_with_examples(parse: Callable[[str, str], object], text: str, example: str) -> None:
    with pytest.raises(UsageError, match=f"`--option {text}` is not a ") as caught:
        parse("option", text)
    assert example in caught.value.hint


# --- ends


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (EnvyardError("no such thing", hint="look elsewhere"), 1, "error: no such thing\n\nhint: look elsewhere\n"),
        (UsageError("makes no sense"), 2, "error: makes no sense\n"),
        (Cancelled("stopped"), 130, "\nstopped\n"),
    ],
)
def test_an_expected_error_is_text_and_an_exit_code(
    error: EnvyardError, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(failing(error), "fail") == code
    assert capsys.readouterr() == ("", text)


def test_ctrl_c_ends_with_130_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(KeyboardInterrupt()), "fail") == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == f"\n{Cancelled().message}\n"


def test_a_bug_ends_with_3_and_its_traceback_is_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "workspace.toml").write_text("[workspace]\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(failing(ZeroDivisionError("in a test")), "fail") == ExitCode.BUG
    (log,) = (tmp_path / ".envs" / "logs").iterdir()
    err = capsys.readouterr().err
    assert "this is a bug of envyard: ZeroDivisionError: in a test" in err
    assert str(log) in err
    assert "Traceback" not in err
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_a_bug_outside_of_any_workspace_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert run(failing(RuntimeError("lost")), "fail") == ExitCode.BUG
    (log,) = tmp_path.iterdir()
    err = capsys.readouterr().err
    assert "bug of envyard: RuntimeError: lost" in err
    assert str(log) in err


def test_the_handlers_of_signals_are_as_before_when_a_task_is_done() -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    assert run(recording([]), "take") == 0
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before


def test_sigterm_is_heard_as_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    @command()
    def wait(_context: Context) -> int:
        """Wait."""
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
        return 0

    try:
        assert run(Collection(wait), "wait") == ExitCode.INTERRUPTED
        os.kill(os.getpid(), signal.SIGTERM)  # the next one does not hurt a process that is about to end
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert Cancelled().message in capsys.readouterr().err


# --- the program


@pytest.mark.parametrize("words", ["bogus", "envs.setup --bogus", "--help bogus", "envs.setup model --jobs"])
def test_envyard_ends_with_2_for_what_it_cannot_parse(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(namespace, *words.split(), program=EnvyardProgram) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "hint: run `envyard --help" in err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("envs.setupall", "envs.setup-all"),
        ("envs.setup_all", "envs.setup-all"),
        ("env.setup model", "envs.setup"),
        ("setup", "envs.setup"),
        ("run", "envs.run"),
        ("add", "projects.add"),
        ("envs.setup model --rebild", "--rebuild"),
        ("envs.setup model --dry_run", "--dry-run"),
    ],
)
def test_envyard_says_what_was_probably_meant(words: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(namespace, *words.split(), program=EnvyardProgram) == ExitCode.USAGE
    assert f"did you mean `{meant}`?" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["nonsense", "envs.setup model -x", "envs.setup-all model", ""])
def test_envyard_does_not_guess_at_random(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(namespace, *(words.split() or [""]), program=EnvyardProgram) == ExitCode.USAGE
    assert "did you mean" not in capsys.readouterr().err


def test_a_command_without_its_two_dashes_is_told_to_have_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(namespace, "envs.run", "model", "python", "-c", "1", program=EnvyardProgram) == ExitCode.USAGE
    assert "hint: write the command after two dashes" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["", "--help", "--list"])
def test_envyard_without_a_task_lists_them_all(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(namespace, *words.split(), program=EnvyardProgram) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in namespace.task_names)
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", sorted(namespace.task_names))
def test_every_task_explains_itself_within_80_columns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = namespace[name]
    assert isinstance(found, Command)
    assert name == name.lower().replace("_", "-")
    assert all(argument.help for argument in found.get_arguments())
    assert run(namespace, "--help", name, program=EnvyardProgram) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Usage: envyard {name} ")
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    "prefix", [Path(os.path.abspath(os.sep)), Path(os.path.abspath("/venv"))], ids=["top", "below"]
)
def test_an_environment_at_the_top_of_a_drive_can_hold_the_program(
    prefix: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "argv", ["envyard", "--version"])
    try:
        with pytest.raises(SystemExit) as ended:
            run_program()
    finally:
        started_as("invoke")
    assert not ended.value.code
    assert capsys.readouterr().out == f"envyard {envyard.__version__}\n"
