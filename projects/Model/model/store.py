"""Ideas in one SQLite file that several processes may use at the same time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from model.idea import Idea, State

# Entry N brings a file from version N to N + 1 (`PRAGMA user_version`). Add entries, never change one.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE idea (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            text TEXT NOT NULL,
            state TEXT NOT NULL,
            created TEXT NOT NULL
        )""",
        """CREATE TABLE tag (
            idea TEXT NOT NULL REFERENCES idea(id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            PRIMARY KEY (idea, name)
        ) WITHOUT ROWID""",
        "CREATE INDEX tag_by_name ON tag (name)",
    ),
    ("ALTER TABLE idea ADD COLUMN score REAL",),
)
_SELECT = (
    "SELECT id, title, text, state, score, created,"
    " (SELECT group_concat(name) FROM tag WHERE idea = id) AS tags FROM idea"
)


class IdeaNotFound(LookupError):
    """No idea has this id."""


class DuplicateIdea(ValueError):
    """An idea with this id is in the store already."""


class StoreTooNew(RuntimeError):
    """The file was written by a later version of this project."""


class IdeaStore:
    """An open store. Use it as a context manager, in one thread; other threads open their own."""

    def __init__(self, path: Path) -> None:
        # No isolation level: this class begins and ends its transactions itself, schema changes included.
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        try:
            self._db.execute("PRAGMA foreign_keys = ON")
            self._migrate(path)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add(self, *ideas: Idea) -> None:
        """Write new ideas: all of them, or none where one is refused with `DuplicateIdea`."""
        with self._transaction():
            for idea in ideas:
                try:
                    self._db.execute(
                        "INSERT INTO idea (id, title, text, state, score, created) VALUES (?, ?, ?, ?, ?, ?)",
                        (idea.id, idea.title, idea.text, idea.state, idea.score, idea.created.isoformat()),
                    )
                except sqlite3.IntegrityError as error:
                    raise DuplicateIdea(f"idea `{idea.id}` is in the store already") from error
                self._write_tags(idea)

    def get(self, id: str) -> Idea:  # noqa: A002 - the field's own name
        """The idea with this id. Raises `IdeaNotFound`."""
        for idea in self._select("WHERE id = ?", id):
            return idea
        raise IdeaNotFound(f"no idea has the id `{id}`")

    def update(self, idea: Idea) -> None:
        """Replace what is stored under the idea's id; its time of creation stays. Raises `IdeaNotFound`."""
        with self._transaction():
            changed = self._db.execute(
                "UPDATE idea SET title = ?, text = ?, state = ?, score = ? WHERE id = ?",
                (idea.title, idea.text, idea.state, idea.score, idea.id),
            )
            if changed.rowcount == 0:
                raise IdeaNotFound(f"no idea has the id `{idea.id}`")
            self._write_tags(idea)

    def remove(self, id: str) -> None:  # noqa: A002 - the field's own name
        """Forget an idea and its tags. Raises `IdeaNotFound`."""
        with self._transaction():
            if self._db.execute("DELETE FROM idea WHERE id = ?", (id,)).rowcount == 0:
                raise IdeaNotFound(f"no idea has the id `{id}`")

    def find(self, *, tag: str = "", state: State | None = None, containing: str = "") -> list[Idea]:
        """Ideas that meet every given condition, oldest first. `containing` looks in title and text."""
        pattern = containing.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return list(
            self._select(
                "WHERE (:tag = '' OR EXISTS (SELECT 1 FROM tag WHERE idea = id AND name = :tag))"
                " AND (:state IS NULL OR state = :state)"
                " AND (title || char(10) || text) LIKE '%' || :pattern || '%' ESCAPE '\\'"
                " ORDER BY created, id",
                tag=tag,
                state=state,
                pattern=pattern,
            )
        )

    def best(self, limit: int) -> list[Idea]:
        """The scored ideas with the highest scores, best first; equal scores with the older first."""
        return list(self._select("WHERE score IS NOT NULL ORDER BY score DESC, created, id LIMIT ?", limit))

    def _select(self, rest: str, *values: object, **named: object) -> Iterator[Idea]:
        for row in self._db.execute(f"{_SELECT} {rest}", named or values):
            yield Idea(
                id=row["id"],
                title=row["title"],
                text=row["text"],
                tags=tuple(row["tags"].split(",")) if row["tags"] else (),
                state=State(row["state"]),
                score=row["score"],
                created=datetime.fromisoformat(row["created"]),
            )

    def _write_tags(self, idea: Idea) -> None:
        self._db.execute("DELETE FROM tag WHERE idea = ?", (idea.id,))
        self._db.executemany(
            "INSERT INTO tag (idea, name) VALUES (?, ?)", [(idea.id, name) for name in idea.tags]
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE takes the write lock now: two writers wait for each other instead of failing halfway.
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _migrate(self, path: Path) -> None:
        if self._version() == len(MIGRATIONS):
            return
        with self._transaction():
            version = self._version()  # again, under the lock: another process may have just done it
            if version > len(MIGRATIONS):
                raise StoreTooNew(f"`{path}` has version {version}; this code knows {len(MIGRATIONS)}")
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])
