from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from model import ForbiddenMove, Idea, InvalidIdea, State


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"title": "  "}, "title", id="blank title"),
        pytest.param({"title": "x" * 121}, "1 to 120 characters", id="long title"),
        pytest.param({"title": "two\nlines"}, "on one line", id="two lines"),
        pytest.param({"title": "a", "tags": ("Upper",)}, "tags.*'Upper'", id="upper-case tag"),
        pytest.param({"title": "a", "tags": ("a,b",)}, "tags.*'a,b'", id="tag with a comma"),
        pytest.param({"title": "a", "score": 1.01}, "score.*1.01", id="score above one"),
        pytest.param({"title": "a", "score": float("nan")}, "score.*nan", id="score not a number"),
        pytest.param({"title": "a", "created": datetime(2024, 1, 1)}, "zone", id="no zone"),  # noqa: DTZ001
    ],
)
def test_a_field_that_breaks_its_rule_is_refused_by_name(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidIdea, match=message):
        Idea(**fields)  # type: ignore[arg-type]


def test_tags_and_time_take_their_one_form() -> None:
    noon_in_berlin = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=1)))

    idea = Idea(title="a", tags=("b", "a-1", "b"), created=noon_in_berlin)

    assert idea.tags == ("a-1", "b")
    assert idea.created.isoformat() == "2024-01-01T11:00:00+00:00"
    assert idea.created.tzinfo is UTC


def test_an_idea_moves_only_along_the_allowed_ways() -> None:
    draft = Idea(title="a")

    done = draft.moved_to(State.ACCEPTED).moved_to(State.DONE)

    assert (draft.state, done.state) == (State.DRAFT, State.DONE)
    assert done.id == draft.id
    with pytest.raises(ForbiddenMove, match="`a` is done and cannot become draft"):
        done.moved_to(State.DRAFT)
