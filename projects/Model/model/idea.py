"""The idea: what the other projects write, score, classify and show. An immutable, always valid value."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

MAX_TITLE = 120
_TAG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class InvalidIdea(ValueError):
    """A field holds what no idea may hold."""


class ForbiddenMove(ValueError):
    """An idea cannot go from its state to the one asked for."""


class State(StrEnum):
    """Where an idea stands."""

    DRAFT = "draft"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DONE = "done"


MOVES: dict[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.ACCEPTED, State.REJECTED}),
    State.ACCEPTED: frozenset({State.DONE, State.REJECTED}),
    State.REJECTED: frozenset({State.DRAFT}),
    State.DONE: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """One idea.

    - `title`: one line of at most `MAX_TITLE` characters.
    - `tags`: lower-case words joined by dashes; kept sorted and without repetition.
    - `score`: between 0 and 1, or None while nobody scored it.
    - `created`: with a time zone; kept in UTC.

    Raises `InvalidIdea` where a field breaks its rule.
    """

    title: str
    text: str = ""
    tags: tuple[str, ...] = ()
    state: State = State.DRAFT
    score: float | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        if not self.title.strip() or len(self.title) > MAX_TITLE or len(self.title.splitlines()) != 1:
            raise InvalidIdea(
                f"title: expected 1 to {MAX_TITLE} characters on one line, found {self.title!r}"
            )
        for tag in self.tags:
            if not _TAG.fullmatch(tag):
                raise InvalidIdea(f"tags: expected lower-case words joined by dashes, found {tag!r}")
        if self.score is not None and not 0 <= self.score <= 1:
            raise InvalidIdea(f"score: expected 0 to 1, found {self.score!r}")
        if self.created.tzinfo is None:
            raise InvalidIdea(f"created: expected a time with a zone, found {self.created.isoformat()}")
        # A frozen dataclass has no other way to bring its own fields into their one form.
        object.__setattr__(self, "tags", tuple(sorted(set(self.tags))))
        object.__setattr__(self, "created", self.created.astimezone(UTC))

    def moved_to(self, state: State) -> Idea:
        """The same idea in `state`. Raises `ForbiddenMove` where `MOVES` has no such way."""
        if state not in MOVES[self.state]:
            raise ForbiddenMove(f"idea `{self.title}` is {self.state} and cannot become {state}")
        return replace(self, state=state)
