"""Files of `envyard init` are told from those of people, and `.gitignore` only grows."""

from __future__ import annotations

import pytest

from envyard.runner_files import marked, with_ignored, wrote


@pytest.mark.parametrize("name", ["a.py", "a.sh", "a.bat", "a.ps1", "tools.txt"])
@pytest.mark.parametrize("content", [b"one\ntwo\n", b"one\r\ntwo\r\n", b"no line break", b""])
def test_what_was_written_is_recognised_until_it_is_changed(name: str, content: bytes) -> None:
    written = marked(name, content)
    assert wrote(written) is True
    assert wrote(written.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) is True, "git may change line endings"
    assert wrote(b"more\n" + written) is False
    assert wrote(content) is None


def test_what_follows_the_mark_is_a_change() -> None:
    assert wrote(marked("a.py", b"x\n") + b"more\n") is not True


@pytest.mark.parametrize(
    ("before", "added"),
    [
        pytest.param("", ["venv", ".envs", ".nox"], id="none"),
        pytest.param("*.log\n", ["venv", ".envs", ".nox"], id="others"),
        pytest.param("venv/\n.envs/\n.nox/", ["venv"], id="a slash does not match a link"),
        pytest.param("  venv  \n.envs\n/.nox\n", [".nox"], id="spaces"),
        pytest.param("venv\n.envs\n.nox\n", [], id="all there"),
        pytest.param("venv\n.envs\n.nox\n*.whl\n", ["!/scripts/envyard-*.whl"], id="wheels are ignored"),
    ],
)
def test_gitignore_gets_what_is_missing(before: str, added: list[str]) -> None:
    after = with_ignored(before)
    assert after.startswith(before)
    lines = [line for line in after.removeprefix(before).splitlines() if line and not line.startswith("#")]
    assert lines == added
    assert with_ignored(after) == after


def test_gitignore_of_windows_keeps_its_line_endings() -> None:
    after = with_ignored("a\r\n")
    assert "\n" not in after.replace("\r\n", "")
