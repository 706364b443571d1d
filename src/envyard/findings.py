"""What the resolver said about sets of lines in one run of a command, and what follows from it without a question.

What contains a set that does not resolve does not resolve; what is contained in one that does, does.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Hashable


class Findings:
    """Sets of lines that were asked about; safe to use from any thread.

    `context` stands for all of a question but its lines and its target: an answer holds in its own only.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._resolving: dict[tuple[Hashable, Hashable], list[frozenset[str]]] = {}
        self._failing: dict[tuple[Hashable, Hashable], list[frozenset[str]]] = {}
        self._excluding: dict[str, set[str]] = {}

    def exclude(self, one: str, other: str) -> None:
        """Two lines exclude each other, whatever the context and the target."""
        with self._guard:
            self._excluding.setdefault(one, set()).add(other)
            self._excluding.setdefault(other, set()).add(one)

    def note(self, context: Hashable, target: Hashable, lines: Collection[str], *, resolves: bool) -> None:
        """The resolver's answer; what follows from it is forgotten."""
        found = frozenset(lines)
        with self._guard:
            if resolves:
                sets = self._resolving.setdefault((context, target), [])
                sets[:] = [*(one for one in sets if not one <= found), found]
            else:
                sets = self._failing.setdefault((context, target), [])
                sets[:] = [*(one for one in sets if not found <= one), found]

    def verdict(self, context: Hashable, target: Hashable, lines: Collection[str]) -> bool | None:
        """Whether the lines resolve; None where that does not follow from what was asked."""
        asked = frozenset(lines)
        with self._guard:
            if any(not asked.isdisjoint(self._excluding.get(line, ())) for line in asked):
                return False
            if any(one <= asked for one in self._failing.get((context, target), ())):
                return False
            return True if any(asked <= one for one in self._resolving.get((context, target), ())) else None

    def failing_parts(self, context: Hashable, lines: Collection[str]) -> list[frozenset[str]]:
        """Parts of the lines that do not resolve on some target."""
        asked = frozenset(lines)
        with self._guard:
            failing = [sets for place, sets in self._failing.items() if place[0] == context]
            return list(dict.fromkeys(one for sets in failing for one in sets if one < asked))

    def failing(self) -> list[frozenset[str]]:
        """Every set that was seen not to resolve, without those that contain another."""
        with self._guard:
            return list(dict.fromkeys(one for sets in self._failing.values() for one in sets))
