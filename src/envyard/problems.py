"""The mistakes of a file, gathered and told at once, each with line, key, what was expected and what was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from envyard.errors import ConfigurationInvalid
from envyard.wording import escaped

Location = tuple[str | int, ...]
"""Where in a file: keys and list indexes from the top, such as `("projects", "model", "tags", 0)`."""


class Problem(NamedTuple):
    """One mistake: `expected` and `suggestion` continue "expected …" and "did you mean …?"."""

    location: Location
    problem: str
    expected: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        parts = [self.problem]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.suggestion:
            parts.append(f"did you mean `{self.suggestion}`?")
        return f"{dotted(self.location)}: {'; '.join(parts)}"


class Problems:
    """The mistakes found so far in one file.

    `file` is what the message calls it, `name` what begins each line. `lines` finds the line of each location
    and is called only when there is something to report.
    """

    def __init__(
        self, file: str, name: str, lines: Callable[[], Mapping[Location, int]] = dict, *, reference: str = ""
    ) -> None:
        self.file = file
        self.name = name
        self.reference = reference
        self._lines = lines
        self._found: list[Problem] = []

    def add(self, location: Location, problem: str, *, expected: str = "", suggestion: str = "") -> None:
        """Remember a mistake."""
        self._found.append(Problem(location, problem, expected, suggestion))

    def raise_if_any(self) -> None:
        """Raise `ConfigurationInvalid` with every mistake, in the order of the file."""
        if not self._found:
            return
        lines = self._lines()
        placed = [(_line(problem.location, lines), problem) for problem in self._found]
        placed.sort(key=lambda each: each[0])
        raise invalid(
            self.file,
            [f"{self.name}:{line}: {problem}" for line, problem in placed],
            reference=self.reference,
        )


def invalid(file: str, details: list[str], *, reference: str = "") -> ConfigurationInvalid:
    """The error for a file with the mistakes `details`; `reference` is the page that describes its keys."""
    count = "1 mistake" if len(details) == 1 else f"{len(details)} mistakes"
    more = f"; `{reference}` of envyard describes every key" if reference else ""
    hint = f"correct {'it' if len(details) == 1 else 'them'} and run the command again{more}"
    return ConfigurationInvalid(f"`{file}` has {count}", hint=hint, details=details)


def dotted(location: Location) -> str:
    """A location as TOML writes it: `projects.model.tags[0]`."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{escaped(part)}"'
            text += f".{key}" if text else key
    return text


def _line(location: Location, lines: Mapping[Location, int]) -> int:
    """The line of the nearest place that is written in the file: an absent key has the line of its table."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)
