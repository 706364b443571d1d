"""Typed getters over a TOML table that gather every mistake of a file instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from envyard.errors import ConfigurationInvalid

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


class Table:
    """One table of a file. Each getter returns its default when the key is absent or its value a mistake.

    A key that no getter asked for is unknown: call `finish` after the last getter.
    """

    __slots__ = ("_asked", "_values", "location", "problems")

    def __init__(self, values: Mapping[str, object], problems: Problems, location: Location = ()) -> None:
        self.location = location
        self.problems = problems
        self._values = values
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def mistake(
        self, key: str, problem: str, *, index: int | None = None, expected: str = "", suggestion: str = ""
    ) -> None:
        """Remember a mistake in the value of `key`, or in its element number `index`."""
        location = (*self.location, key) if index is None else (*self.location, key, index)
        self.problems.add(location, problem, expected=expected, suggestion=suggestion)

    def string(self, key: str, default: str = "", *, pattern: str = "", expected: str = "") -> str:
        """Text that the regular expression `pattern`, which `expected` describes, matches as a whole."""
        value = self._take(key)
        if value is None:
            return default
        text = self._text(value, key, None, pattern, expected)
        return default if text is None else text

    def required_string(self, key: str, *, pattern: str = "", expected: str = "") -> str:
        """Like `string`, but its absence is a mistake."""
        if key not in self._values:
            self.mistake(key, "is missing", expected=expected or "text in quotes")
        return self.string(key, pattern=pattern, expected=expected)

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """One of `choices`."""
        value = self._take(key)
        text = None if value is None else self._text(value, key)
        if text is None:
            return default
        if text in choices:
            return text
        self.mistake(key, f"{shown(text)} is unknown", expected=listed(choices), suggestion=closest(text, choices))
        return default

    def strings(
        self,
        key: str,
        default: tuple[str, ...] = (),
        *,
        pattern: str = "",
        expected: str = "",
        choices: tuple[str, ...] = (),
        required: bool = False,
    ) -> tuple[str, ...]:
        """Text, none twice, each matching `pattern` or one of `choices`; not empty if `required`."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, list):
            suggestion = f'{key} = ["{value}"]' if isinstance(value, str) and '"' not in value else ""
            self.mistake(key, f"is {kind_of(value)}", expected="a list of text", suggestion=suggestion)
            return default
        if required and not value:
            self.mistake(key, "is empty", expected=listed(choices) or expected)
            return default
        texts: list[str] = []
        for index, element in enumerate(value):
            text = self._text(element, key, index, pattern, expected)
            if text is None:
                continue
            if text in texts:
                self.mistake(key, f"{shown(text)} is listed twice", index=index)
            elif choices and text not in choices:
                self.mistake(
                    key,
                    f"{shown(text)} is unknown",
                    index=index,
                    expected=listed(choices),
                    suggestion=closest(text, choices),
                )
            else:
                texts.append(text)
        return tuple(texts)

    def arguments(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A command: a list of arguments, or one text, split as a POSIX shell would; no shell runs it."""
        value = self._take(key)
        if value is None:
            return default
        arguments: list[str] = []
        if isinstance(value, str):
            import shlex  # only a command written as text needs it

            try:
                arguments = shlex.split(value)
            except ValueError as error:
                self.mistake(key, f"{shown(value)} cannot be split: {str(error).lower()}")
                return default
            for operator in _SHELL_OPERATORS.intersection(arguments):
                self.mistake(key, f"`{operator}` needs a shell, and commands run without one")
        elif isinstance(value, list):
            for index, element in enumerate(value):
                text = self._text(element, key, index)
                if text is None:
                    return default
                arguments.append(text)
        else:
            self.mistake(key, f"is {kind_of(value)}", expected="a list of arguments")
            return default
        if not arguments or not arguments[0].strip():
            self.mistake(key, "is empty", expected="a command, such as `python -m pytest`")
            return default
        return tuple(arguments)

    def position(self, key: str, text: str) -> int:
        """The index of `text` in the list below `key`, for a mistake that was found later."""
        value = self._values.get(key)
        return value.index(text) if isinstance(value, list) and text in value else 0

    def boolean(self, key: str, default: bool = False) -> bool:
        """`true` or `false`."""
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        meant = value.lower() if isinstance(value, str) else ""
        suggestion = f"{key} = {meant}" if meant in ("true", "false") else ""
        self.mistake(key, f"is {kind_of(value)}", expected="`true` or `false`", suggestion=suggestion)
        return default

    def integer(self, key: str, default: int = 0, *, minimum: int | None = None) -> int:
        """A whole number, not below `minimum`."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self.mistake(key, f"is {kind_of(value)}", expected="a whole number")
            return default
        if minimum is not None and value < minimum:
            self.mistake(key, f"{_written(value)} is too small", expected=f"{minimum} or more")
            return default
        return value

    def table(self, key: str) -> Table:
        """The table below `key`; an empty one when it is absent."""
        return self._table(key)

    def tables(self, key: str, *, name: str = "name") -> tuple[tuple[str, Table], ...]:
        """The tables below `key` with their names, in the order of the file; `name` says what a name is."""
        outer = self._table(key, f".<{name}>")
        return tuple((each, outer._table(each)) for each in outer._values)

    def string_table(self, key: str, *, names: str = "", expected: str = "") -> dict[str, str]:
        """A table of text whose keys match `names`, which `expected` describes."""
        inner = self.table(key)
        texts: dict[str, str] = {}
        for name, value in inner._values.items():
            if names and re.fullmatch(names, name) is None:
                inner.mistake(name, f"{shown(name)} is not valid", expected=expected)
                continue
            text = inner._text(value, name)
            if text is not None:
                texts[name] = text
        return texts

    def finish(self) -> None:
        """Report each key that no getter asked for."""
        for key in self._values:
            if key not in self._asked:
                suggestion = closest(key, self._asked)
                expected = "" if suggestion else f"one of {listed(sorted(self._asked))}"
                self.mistake(key, "unknown key", expected=expected, suggestion=suggestion)

    def _take(self, key: str) -> object | None:
        self._asked.add(key)
        return self._values.get(key)

    def _table(self, key: str, below: str = "") -> Table:
        value = self._take(key)
        location = (*self.location, key)
        if isinstance(value, dict):
            return Table(value, self.problems, location)
        if value is not None:
            expected = f"{'tables' if below else 'a table'} `[{dotted(location)}{below}]`"
            self.mistake(key, f"is {kind_of(value)}", expected=expected)
        return Table({}, self.problems, location)

    def _text(
        self,
        value: object,
        key: str,
        index: int | None = None,
        pattern: str = "",
        expected: str = "",
    ) -> str | None:
        if not isinstance(value, str):
            self._not_text(value, key, index)
            return None
        if "\0" in value:
            self.mistake(key, "holds a NUL character", index=index)
            return None
        if pattern and re.fullmatch(pattern, value) is None:
            problem = f"{shown(value)} is not valid" if value else "is empty"
            self.mistake(key, problem, index=index, expected=expected)
            return None
        return value

    def _not_text(self, value: object, key: str, index: int | None) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.mistake(key, f"is {kind_of(value)}", index=index, expected="text in quotes")
            return
        written = _written(value)
        suggestion = f'"{written}"' if index is not None else f'{key} = "{written}"'
        if isinstance(value, float) and written != str(value):
            problem = f"is a number; write it in quotes: TOML reads {written} as {value}"
            self.mistake(key, problem, index=index, suggestion=suggestion)
        else:
            problem = f"is {kind_of(value)}"
            self.mistake(key, problem, index=index, expected="text in quotes", suggestion=suggestion)


class WrittenFloat(float):
    """A number of a TOML file that remembers how it was written (give it to tomllib as `parse_float`)."""

    written: str

    def __new__(cls, written: str) -> WrittenFloat:
        """The number that `written` stands for."""
        number = super().__new__(cls, written)
        number.written = written
        return number


def invalid(file: str, details: list[str], *, reference: str = "") -> ConfigurationInvalid:
    """The error for a file with the mistakes `details`; `reference` is the page that describes its keys."""
    count = "1 mistake" if len(details) == 1 else f"{len(details)} mistakes"
    hint = f"correct {'it' if len(details) == 1 else 'them'} and run the command again"
    if reference:
        hint += f"; `{reference}` describes every key"
    return ConfigurationInvalid(f"`{file}` has {count}", hint=hint, details=details)


def dotted(location: Location) -> str:
    """A location as TOML writes it: `projects.model.tags[0]`."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{_escaped(part)}"'
            text += f".{key}" if text else key
    return text


def shown(text: str) -> str:
    """Text from a file within backticks, on one line and not too long."""
    text = _escaped(text)
    return f"`{text[:77]}...`" if len(text) > 80 else f"`{text}`"


def listed(words: Iterable[str]) -> str:
    """Words within backticks, as a choice: `a`, `b` or `c`."""
    quoted = [f"`{word}`" for word in words]
    return " or ".join(quoted) if len(quoted) < 3 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or ""."""
    import difflib  # only mistakes need it

    folded = {each.casefold(): each for each in known}
    matches = difflib.get_close_matches(word[:100].casefold(), folded, n=1)
    return folded[matches[0]] if matches else ""


def kind_of(value: object) -> str:
    """What a TOML value is, in words that follow "is"."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, int | float):
        return f"the number {_written(value)}"
    if isinstance(value, list):
        return "a list of tables" if value and isinstance(value[0], dict) else "a list"
    return "a table" if isinstance(value, dict) else "a date or time"


_SHELL_OPERATORS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<"})


def _line(location: Location, lines: Mapping[Location, int]) -> int:
    """The line of the nearest place that is written in the file: an absent key has the line of its table."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)


def _written(value: float) -> str:
    if isinstance(value, WrittenFloat):
        return value.written
    try:
        return str(value)
    except ValueError:  # Python refuses to print an integer of more than 4300 digits
        return hex(value)[:20] + "..." if isinstance(value, int) else repr(value)


def _escaped(text: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
