"""Typed getters over a TOML table that gather every mistake of a file instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envyard.problems import Location, Problems, dotted
from envyard.wording import closest, kind_of, listed, shown, written_form

_SHELL_OPERATORS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<"})


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
            self.mistake(key, f"{written_form(value)} is too small", expected=f"{minimum} or more")
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
        written = written_form(value)
        suggestion = f'"{written}"' if index is not None else f'{key} = "{written}"'
        if isinstance(value, float) and written != str(value):
            problem = f"is a number; write it in quotes: TOML reads {written} as {value}"
            self.mistake(key, problem, index=index, suggestion=suggestion)
        else:
            problem = f"is {kind_of(value)}"
            self.mistake(key, problem, index=index, expected="text in quotes", suggestion=suggestion)
