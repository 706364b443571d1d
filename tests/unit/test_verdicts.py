"""What the resolver said yes to is remembered, and only that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envyard.resolver import Question, Target
from envyard.verdicts import Verdicts

LINES = ("demo==1.0", "beta")


@pytest.fixture
def verdicts(tmp_path: Path) -> Verdicts:
    return Verdicts(store=tmp_path / ".envs", key="alpha")


@pytest.fixture
def question(tmp_path: Path) -> Question:
    return Question(targets=(Target(python="3.11", platform="linux-x86_64"),), folder=tmp_path)


def test_yes_is_remembered_in_any_order_of_the_lines(verdicts: Verdicts, question: Question) -> None:
    assert not verdicts.known(LINES, question)
    verdicts.remember(LINES, question)
    assert verdicts.known(LINES[::-1], question)
    assert verdicts.known(LINES, replace(question, preferences="demo==1.0\n"))  # changes no yes


@pytest.mark.parametrize(
    "change",
    [
        {"targets": (Target(python="3.12", platform="linux-x86_64"),)},
        {"indexes": ("https://example.org/simple",)},
        {"torch_backend": "cpu"},
        {"options": ("--extra-index-url https://example.org/simple",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_question_has_another_answer(verdicts: Verdicts, question: Question, change: dict[str, Any]) -> None:
    verdicts.remember(LINES, question)
    assert not verdicts.known(LINES, replace(question, **change))


def test_other_lines_have_another_answer(verdicts: Verdicts, question: Question) -> None:
    verdicts.remember(LINES, question)
    assert not verdicts.known((*LINES, "gamma"), question)


@pytest.mark.parametrize("line", ["-e file:///srv/app", "-r https://example.org/more.in"])
def test_line_that_stands_for_a_file_is_asked_about_every_time(
    verdicts: Verdicts, question: Question, line: str
) -> None:
    verdicts.remember((*LINES, line), question)
    assert not verdicts.known((*LINES, line), question)


def test_store_that_cannot_be_written_only_costs_time(verdicts: Verdicts, question: Question) -> None:
    verdicts.store.write_text("no folder", encoding="utf-8")
    verdicts.remember(LINES, question)
    assert not verdicts.known(LINES, question)
