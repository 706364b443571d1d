from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model import DuplicateIdea, Idea, IdeaNotFound, IdeaStore, State, StoreTooNew
from model.store import MIGRATIONS

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ideas.db"


def test_what_was_added_is_there_after_reopening(path: Path) -> None:
    bare = Idea(title="Bare")
    full = Idea(title="Größe 50%", text="two\nlines", tags=("b", "a"), state=State.ACCEPTED, score=0.25)
    with IdeaStore(path) as store:
        store.add(bare, full)

    with IdeaStore(path) as store:
        assert store.get(bare.id) == bare
        assert store.get(full.id) == full


def test_a_refused_idea_takes_the_whole_batch_back(path: Path) -> None:
    first, second = Idea(title="first", tags=("kept",)), Idea(title="second")
    with IdeaStore(path) as store:
        store.add(first)

        with pytest.raises(DuplicateIdea, match=first.id):
            store.add(second, first)

        assert store.find() == [first]


def test_update_and_remove_change_what_other_connections_read(path: Path) -> None:
    idea = Idea(title="old", tags=("old",))
    with IdeaStore(path) as store, IdeaStore(path) as other:
        store.add(idea)
        changed = replace(idea.moved_to(State.ACCEPTED), title="new", tags=("new",), score=1.0)
        store.update(changed)

        assert other.get(idea.id) == changed
        assert other.find(tag="old") == []

        other.remove(idea.id)
        assert store.find(tag="new") == []
        with pytest.raises(IdeaNotFound, match=idea.id):
            store.get(idea.id)
        with pytest.raises(IdeaNotFound, match=idea.id):
            store.update(idea)
        with pytest.raises(IdeaNotFound, match=idea.id):
            store.remove(idea.id)


def test_a_removed_idea_leaves_no_tags_behind(path: Path) -> None:
    idea = Idea(title="a", tags=("x", "y"))
    with IdeaStore(path) as store:
        store.add(idea)
        store.remove(idea.id)

    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM tag").fetchone() == (0,)


def test_find_meets_every_condition_and_takes_wildcards_literally(path: Path) -> None:
    percent = Idea(title="Save 50% of heat", tags=("energy",), created=START)
    number = Idea(title="Save 500 litres", tags=("energy",), created=START - timedelta(days=1))
    accepted = Idea(title="Roof", text="save rain", tags=("water",), state=State.ACCEPTED, created=START)
    with IdeaStore(path) as store:
        store.add(percent, number, accepted)

        assert store.find(tag="energy") == [number, percent]
        assert store.find(containing="50%") == [percent]
        assert store.find(containing="SAVE", state=State.ACCEPTED) == [accepted]
        assert store.find(tag="water", state=State.DRAFT) == []


def test_best_leaves_out_the_unscored_and_puts_the_older_first_at_a_tie(path: Path) -> None:
    ideas = [
        Idea(title=title, score=score, created=START + timedelta(days=day))
        for day, (title, score) in enumerate({"none": None, "low": 0.1, "tie 1": 0.9, "tie 2": 0.9}.items())
    ]
    with IdeaStore(path) as store:
        store.add(*reversed(ideas))

        assert [idea.title for idea in store.best(2)] == ["tie 1", "tie 2"]
        assert [idea.title for idea in store.best(10)] == ["tie 1", "tie 2", "low"]


def test_a_file_of_the_first_version_keeps_its_ideas(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old:
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute("INSERT INTO idea VALUES ('1', 'old', '', 'done', '2024-01-01T00:00:00+00:00')")
        old.execute("PRAGMA user_version = 1")
        old.commit()

    with IdeaStore(path) as store:
        assert store.find() == [Idea(id="1", title="old", state=State.DONE, created=START)]


def test_a_file_of_a_later_version_is_refused_and_left_as_it_was(path: Path) -> None:
    with closing(sqlite3.connect(path)) as later:
        later.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(StoreTooNew, match="version 99"):
        IdeaStore(path)

    assert path.read_bytes() == before


def test_many_writers_at_once_create_the_file_once_and_lose_nothing(path: Path) -> None:
    def write(number: int) -> None:
        with IdeaStore(path) as store:
            store.add(Idea(title=f"idea {number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))

    with IdeaStore(path) as store:
        assert len(store.find()) == 24
