"""Finding an interpreter. What is found depends on PATH, which these tests fill themselves."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.values import make_interpreter

from envyard import interpreter
from envyard.errors import InterpreterNotFound
from envyard.interpreter import current_interpreter, describe_interpreter, find_interpreter, unchanged

HERE = platform.python_version()
MINOR = ".".join(HERE.split(".")[:2])


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    find_interpreter.cache_clear()
    yield
    find_interpreter.cache_clear()


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH: empty. No version manager either."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return folder


@pytest.mark.parametrize("request_", ["", "3", MINOR, HERE], ids=["any", "major", "minor", "exact"])
def test_the_python_that_runs_envyard_is_taken_when_it_fits(bare_path: Path, request_: str) -> None:
    assert find_interpreter(request_) == current_interpreter()


def test_the_base_is_taken_and_never_an_environment() -> None:
    executable = Path(current_interpreter().executable)

    assert executable == Path(getattr(sys, "_base_executable", sys.executable))
    assert not (executable.parent.parent / "pyvenv.cfg").exists()


@pytest.mark.parametrize("request_", [f">={MINOR}", f">=3.0,<{sys.version_info.major}.{sys.version_info.minor + 1}"])
def test_a_range_is_satisfied_by_this_python(bare_path: Path, request_: str) -> None:
    assert find_interpreter(request_).version == HERE


def test_an_absolute_path_is_taken_as_it_is(bare_path: Path) -> None:
    executable = current_interpreter().executable

    found = find_interpreter(executable)

    assert (found.version, found.minor, found.implementation) == (HERE, MINOR, "cpython")
    assert os.path.samefile(found.executable, executable)


@pytest.mark.parametrize("request_", ["3.99", "4", ">=3.98", "pypy3.99"])
def test_what_is_nowhere_is_not_found_and_the_hint_says_how_to_get_it(bare_path: Path, request_: str) -> None:
    with pytest.raises(InterpreterNotFound, match=r"no Python `.*` on this machine") as caught:
        find_interpreter(request_)

    assert request_ in caught.value.message
    typed = re.search(r"`(uv python install .*?)`", caught.value.hint)  # a shell must not take `>` for its own
    assert typed is not None
    assert shlex.split(typed[1])[3:] == [request_]
    assert (">" in typed[1]) == ('"' in typed[1])
    assert "workspace.toml" in caught.value.hint


def test_a_path_to_nothing_and_a_path_to_nonsense_are_told_apart(bare_path: Path) -> None:
    nonsense = bare_path / "python3"
    with pytest.raises(InterpreterNotFound, match="is not there"):
        find_interpreter(str(nonsense))
    nonsense.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    nonsense.chmod(0o755)
    with pytest.raises(InterpreterNotFound, match="does not start") as caught:
        find_interpreter(str(nonsense))
    assert "uv python install" not in caught.value.hint


def test_broken_pythons_on_the_path_are_passed_over(bare_path: Path) -> None:
    for name in ("python", "python3", "python3.99"):
        (bare_path / name).write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
        (bare_path / name).chmod(0o755)

    with pytest.raises(InterpreterNotFound):
        find_interpreter("3.99")


def test_a_broken_python_of_a_version_manager_is_passed_over(
    bare_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home" / ".local" / "share" / "mise" / "installs" / "python" / "3.98.1" / "bin"
    folder.mkdir(parents=True)
    (folder / "python3").write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    (folder / "python3").chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    with pytest.raises(InterpreterNotFound):
        find_interpreter("3.98")


def test_hint_names_the_place_of_the_request(bare_path: Path) -> None:
    with pytest.raises(InterpreterNotFound, match=r"or change `requires` in profiles/x\.toml"):
        find_interpreter("3.98", "`requires` in profiles/x.toml")


def test_discovery_asks_interpreters_without_a_console_window(bare_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library has no option for it, so its own name for `Popen` is replaced: does it still start them by that?"""
    seen: list[dict[str, Any]] = []

    def start(*arguments: Any, **options: Any) -> Any:
        seen.append(options)
        return subprocess.Popen(*arguments, **options)

    monkeypatch.setattr("python_discovery._cached_py_info.Popen", start)
    monkeypatch.setattr("envyard.interpreter._NO_WINDOW", 0)  # nothing else is allowed on other systems
    interpreter._hide_windows.__wrapped__()
    python = bare_path / "python3.98"
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)

    with pytest.raises(InterpreterNotFound):
        find_interpreter(str(python))

    assert seen
    assert all("creationflags" in options for options in seen)


def test_what_was_found_is_remembered_for_the_process(bare_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_interpreter(f">={MINOR}")
    monkeypatch.setenv("PATH", "/nowhere")

    assert find_interpreter(f">={MINOR}") is found


def test_many_threads_find_the_same(bare_path: Path) -> None:
    found = []
    threads = [threading.Thread(target=lambda: found.append(find_interpreter(f">={MINOR}"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert {each.executable for each in found} == {found[0].executable}


def test_a_replaced_executable_is_noticed_by_size_and_time(tmp_path: Path) -> None:
    executable = tmp_path / "python"
    shutil.copy(current_interpreter().executable, executable)
    interpreter = describe_interpreter(str(executable), HERE, "cpython")
    assert interpreter == make_interpreter(executable, HERE)
    assert unchanged(interpreter) is True

    os.utime(executable, (1, 1))
    assert unchanged(interpreter) is False
    os.utime(executable, ns=(0, interpreter.mtime_ns))
    assert unchanged(interpreter) is True
    with executable.open("ab") as file:
        file.write(b"x")
    os.utime(executable, ns=(0, interpreter.mtime_ns))
    assert unchanged(interpreter) is False
    executable.unlink()
    assert unchanged(interpreter) is None
