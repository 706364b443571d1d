"""What follows from the answers of the resolver."""

from __future__ import annotations

import pytest

from envyard.findings import Findings


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        pytest.param("ab", False, id="what was asked"),
        pytest.param("abz", False, id="what contains it"),
        pytest.param("a", None, id="a part of what fails"),
        pytest.param("cde", True, id="what resolved"),
        pytest.param("ce", True, id="a part of it"),
        pytest.param("cdef", None, id="more than resolved"),
        pytest.param("xcy", False, id="lines that exclude each other"),
        pytest.param("z", None, id="nothing known"),
    ],
)
def test_verdict_is_given_only_where_it_follows(lines: str, verdict: bool | None) -> None:
    findings = Findings()
    findings.note("context", "linux", "ab", resolves=False)
    findings.note("context", "linux", "cde", resolves=True)
    findings.exclude("x", "y")
    assert findings.verdict("context", "linux", lines) is verdict


def test_answer_holds_in_its_own_context_and_on_its_own_target() -> None:
    findings = Findings()
    findings.note("context", "linux", "ab", resolves=False)
    assert findings.verdict("context", "windows", "ab") is None
    assert findings.verdict("another index", "linux", "ab") is None
    assert findings.failing_parts("context", "abc") == [frozenset("ab")]
    assert findings.failing_parts("another index", "abc") == []


def test_only_the_smallest_sets_that_fail_are_kept() -> None:
    findings = Findings()
    for lines in ("abc", "ab", "abcd", "cd"):
        findings.note("context", "linux", lines, resolves=False)
    assert findings.failing() == [frozenset("ab"), frozenset("cd")]
