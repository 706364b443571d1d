"""What several requests for a Python have in common."""

from __future__ import annotations

import pytest

from envyard.pythons import PythonRequest, common_pythons, parse_request


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(["3.11", "3.11"], ("3.11",), id="the same version"),
        pytest.param(["3.11", "3.10"], (), id="two versions"),
        pytest.param(["3.11", "3.11.7"], ("3.11.7",), id="one patch release"),
        pytest.param(["3.11.7", "3.11.9"], (), id="two patch releases"),
        pytest.param([">=3.10,<3.13", "3.11"], ("3.11",), id="a range and a version"),
        pytest.param([">=3.9,<3.12", ">=3.11,<3.14"], ("3.11",), id="ranges that overlap"),
        pytest.param([">=3.9,<3.12", ">=3.10"], ("3.11", "3.10"), id="the newest first"),
        pytest.param([">=3.12", "<3.12"], (), id="ranges side by side"),
        pytest.param([">=3.11.4", "3.11"], ("3.11.4",), id="from a patch release on"),
        pytest.param(["!=3.11.*", ">=3.10,<3.13"], ("3.12", "3.10"), id="a hole"),
        pytest.param(["python3.11", "cpython-3.11"], ("3.11",), id="names of CPython"),
        pytest.param(["pypy3.10", "3.10"], (), id="another implementation"),
        pytest.param(["pypy3.10", "pypy3.10"], ("3.10",), id="the same other implementation"),
        pytest.param(["3.13t", "3.13"], (), id="a free-threaded build"),
        pytest.param(["", "3.12"], ("3.12",), id="no request"),
        pytest.param([">=3.12", ">=3.10", "<3.12"], (), id="three of which two exclude each other"),
    ],
)
def test_common_versions(texts: list[str], expected: tuple[str, ...]) -> None:
    assert common_pythons([parse_request(text) for text in texts]) == expected


def test_range_that_is_none_has_nothing_in_common() -> None:
    assert common_pythons([PythonRequest(versions=">=three"), parse_request("3.11")]) == ()
