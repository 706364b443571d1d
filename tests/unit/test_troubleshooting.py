"""docs/troubleshooting.md knows every error message, check and reason of the program, and none that is not there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from kit import messages
from kit.messages import Raised, Text

from envyard.health import Grade

PAGE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"
REASONS = (("health.py", "_why_broken"), ("health.py", "_drift"), ("requirements.py", "changes"))
_LEAST = 5  # letters of a message without its holes; "is not" and "has no" can be searched for with a name beside them


@cache
def lines(begin: str) -> tuple[str, ...]:
    """The lines of the examples of the page that begin so, without it."""
    blocks = re.findall(r"^```text\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return tuple(line.removeprefix(begin) for block in blocks for line in block.splitlines() if line.startswith(begin))


@cache
def rows(title: str) -> tuple[tuple[str, ...], ...]:
    """The rows of all tables whose first column has this title."""
    found, inside = [], False
    for line in PAGE.read_text("utf-8").splitlines():
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|")) if line.startswith("|") else ()
        inside = bool(cells) and (inside or cells[0] == title)
        if inside and cells[0] != title and not cells[0].startswith("|---") and set(line) - set("|- "):
            found.append(cells)
    return tuple(found)


def shown() -> list[str]:
    return [*lines("error: "), *(row[0] for row in rows("you see"))]


def unlike(texts: tuple[Text, ...], examples: list[str]) -> list[str]:
    """Those of the examples that no text of the program can be."""
    return [one for one in examples if not any(text.pattern.fullmatch(one) for text in texts)]


def test_every_error_message_has_an_entry() -> None:
    assert messages.not_matched(messages.messages(), shown()) == [], "write an entry in docs/troubleshooting.md"


def test_no_entry_is_about_a_message_that_the_program_does_not_have() -> None:
    assert unlike(messages.messages(), shown()) == []


def test_hints_on_the_page_are_those_of_the_program() -> None:
    assert unlike(messages.hints(), list(lines("hint: "))) == []


def test_every_warning_has_an_entry_and_every_entry_a_warning() -> None:
    entries = [row[0] for row in rows("warning")]

    assert messages.not_matched(messages.warnings(), entries) == []
    assert unlike(messages.warnings(), entries) == []


def test_entries_say_what_to_do() -> None:
    assert [row for row in [*rows("you see"), *rows("warning")] if len(row) != 2 or len(row[1]) < 4] == []


@pytest.mark.parametrize("one", messages.raised(), ids=lambda one: one.place)
def test_an_error_can_be_searched_for_and_says_what_to_do_next(one: Raised) -> None:
    assert one.messages or one.passed_on, "write the message where it is raised, or in a variable of that function"
    assert [text for text in one.messages if sum(map(str.isalpha, text.template)) < _LEAST] == []
    assert one.hints or one.name == "Cancelled", "a hint is missing"


def test_every_check_of_the_doctor_has_an_entry() -> None:
    assert {row[0].strip("`") for row in rows("check")} == messages.keyword_values("Finding", "check")


def test_every_grade_and_reason_has_an_entry() -> None:
    table = rows("grade")
    reasons = [text for place in REASONS for text in messages.texts_in(*place)]

    assert {row[0].strip("`") for row in table} == set(Grade)
    assert messages.not_matched(reasons, [row[2] for row in table]) == []
