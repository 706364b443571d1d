"""Requirement lines loosened step by step."""

from __future__ import annotations

import pytest

from envyard.loosening import Level, around, can_loosen, exact_version, loosened, without_local_version


@pytest.mark.parametrize(
    ("line", "minor", "major", "whatever"),
    [
        pytest.param("torch==2.1.0", "torch==2.1.*", "torch==2.*", "torch", id="pin"),
        pytest.param("torch==2.1.0+cu121", "torch==2.1.*", "torch==2.*", "torch", id="pin of a local build"),
        pytest.param("x==1!2.3", "x==1!2.3.*", "x==1!2.*", "x", id="epoch"),
        pytest.param("x==2", "x==2.*", "x==2.*", "x", id="one number"),
        pytest.param("x===2.1.0", "x==2.1.*", "x==2.*", "x", id="identical"),
        pytest.param("x==2.1.*", "x==2.1.*", "x==2.*", "x", id="series"),
        pytest.param("x~=2.1", "x==2.*", "x==2.*", "x", id="compatible"),
        pytest.param("x>=1.2,<2", "x>=1.2", "x>=1.2", "x", id="range"),
        pytest.param("x<2", "x<2", "x", "x", id="upper bound"),
        pytest.param("x>=1", "x>=1", "x", "x", id="lower bound"),
        pytest.param(
            'x[a,b]==1.2.3; sys_platform == "linux"',
            'x[a,b]==1.2.* ; sys_platform == "linux"',
            'x[a,b]==1.* ; sys_platform == "linux"',
            'x[a,b] ; sys_platform == "linux"',
            id="extras and marker",
        ),
    ],
)
def test_line_is_loosened_step_by_step(line: str, minor: str, major: str, whatever: str) -> None:
    assert loosened(line, Level.AS_WRITTEN) == line
    assert loosened(line, Level.MINOR) == minor
    assert loosened(line, Level.MAJOR) == major
    assert loosened(line, Level.ANY) == whatever


@pytest.mark.parametrize("line", ["x", "x[a]", "x @ https://example.org/x-1-py3-none-any.whl", "no requirement at all"])
def test_what_says_nothing_about_versions_stays(line: str) -> None:
    assert not can_loosen(line)
    assert {loosened(line, level) for level in Level} == {line}


def test_line_is_written_around_a_version() -> None:
    assert around("x[a]", "1.2.3") == "x[a]==1.2.*"
    assert around("x", "2.0rc1") == "x==2.0rc1"


def test_local_version_is_taken_off() -> None:
    assert without_local_version("torch==2.1.0+cu121") == "torch==2.1.0"
    assert without_local_version("torch>=2,<3") == "torch>=2,<3"


def test_only_a_pin_has_an_exact_version() -> None:
    assert exact_version("x==1.2") == "1.2"
    assert exact_version("x>=1.2") == ""
    assert exact_version("x==1.2,!=1.3") == ""
