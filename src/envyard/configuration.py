"""A TOML configuration file: its tables, and the line of each key."""

from __future__ import annotations

import contextlib
import re
import tomllib
from bisect import bisect_left, bisect_right
from functools import partial
from typing import NamedTuple

from envyard.fields import Table
from envyard.files import read_regular
from envyard.problems import Location, Problems, invalid
from envyard.wording import WrittenFloat


def read_toml(file: str, name: str, *, reference: str = "") -> Table:
    """The top table of `file`, which error messages call `name`; the page `reference` describes its keys.

    Call `problems.raise_if_any()` of the table after the last getter. Raises `ConfigurationInvalid` when the
    file cannot be read, is not UTF-8 or not TOML, and `FileNotFoundError` when it does not exist.
    """
    try:
        raw = read_regular(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise invalid(file, [f"{name}: cannot be read: {error.strerror}"]) from error
    try:
        text = raw.decode().removeprefix("\ufeff")  # the byte order mark that Windows editors like to write
    except UnicodeDecodeError as error:
        raise invalid(file, [_not_utf8(name, raw, error)]) from error
    try:
        values: dict[str, object] = tomllib.loads(text, parse_float=WrittenFloat)
    except (ValueError, RecursionError) as error:  # ValueError: also integers of more than 4300 digits
        raise invalid(file, [_not_toml(name, text, error)], reference=reference) from error
    return Table(values, Problems(file, name, partial(key_lines, text), reference=reference))


def key_lines(text: str) -> dict[Location, int]:
    """The line of each table, key and list element of a text that tomllib accepts (tomllib does not tell).

    Of a text that tomllib refuses, what could be found before the first surprise.
    """
    scanner = _Scanner(text)
    with contextlib.suppress(_UnexpectedError, RecursionError):
        scanner.scan()
    return scanner.found


class TableLines(NamedTuple):
    """Where a table stands: the line of its `[header]`, and the last line of its last value."""

    table: Location
    first: int
    last: int


def table_lines(text: str) -> list[TableLines]:
    """The tables with a `[header]` of a text that tomllib accepts, in its order."""
    scanner = _Scanner(text)
    with contextlib.suppress(_UnexpectedError, RecursionError):
        scanner.scan()
    return scanner.tables


# --- mistakes that tomllib finds


def _not_utf8(name: str, raw: bytes, error: UnicodeDecodeError) -> str:
    line = raw.count(b"\n", 0, error.start) + 1
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return f"{name}:1: is UTF-16, not UTF-8; save it as UTF-8"
    return f"{name}:{line}: byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"


_POSITION = r" \(at (?:line (\d+), column (\d+)|end of document)\)$"
_UNQUOTED = r"\s*([A-Za-z0-9_.-]+)\s*=\s*([A-Za-z0-9<>=~!/.^*][^\"'#\[\]{}]*?)\s*(?:#.*)?"


def _not_toml(name: str, text: str, error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return f"{name}:1:1: not valid TOML: values are nested too deeply"
    lines = text.replace("\r\n", "\n").split("\n")
    message, line, column = str(error), 0, 0
    position = re.search(_POSITION, message)
    if position is not None:
        message = message[: position.start()]
        line, column = int(position[1] or 0), int(position[2] or 0)
    if not line:
        line = max((number for number, each in enumerate(lines, 1) if each.strip()), default=1)
        column = len(lines[line - 1]) + 1
    problem = f"{name}:{line}:{column}: not valid TOML: {message[:1].lower()}{message[1:]}"
    unquoted = re.fullmatch(_UNQUOTED, lines[line - 1]) if line <= len(lines) else None
    if unquoted is not None and message.startswith(("Invalid value", "Expected newline")):
        problem += f'; expected text in quotes; did you mean `{unquoted[1]} = "{unquoted[2]}"`?'
    return problem


# --- the line of each key

_SPACE = r"(?:[ \t\r\n]|#[^\n]*)*"
_KEY = r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+'
_SCALAR = (
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|[^,\[\]{}\"'#\n]+"
)


class _UnexpectedError(Exception):
    """The text is not what tomllib would accept."""


class _Scanner:
    """Walks over the text once; `found` and `tables` fill on the way."""

    def __init__(self, text: str) -> None:
        self.found: dict[Location, int] = {}
        self.tables: list[TableLines] = []
        self._text = text
        self._at = 0
        self._space = re.compile(_SPACE)
        self._bare_or_quoted = re.compile(_KEY)
        self._scalar = re.compile(_SCALAR, re.DOTALL)
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._tables_in: dict[Location, int] = {}

    def scan(self) -> None:
        table: Location = ()
        while self._next():
            if self._skipped("["):
                line = self._line()
                is_list = self._skipped("[")
                table = self._header(is_list)
                self.found[table] = line
                self.tables.append(TableLines(table, line, line))
                for end in range(1, len(table)):
                    self.found.setdefault(table[:end], line)
                self._expect("]")
                if is_list:
                    self._expect("]")
            else:
                self._assignment(table)
                if self.tables:
                    self.tables[-1] = self.tables[-1]._replace(last=bisect_left(self._breaks, self._at) + 1)

    def _header(self, is_list: bool) -> Location:
        """The table that a header begins; `[[a]]` begins a new element, and `[a.b]` is in the last one."""
        keys = self._keys()
        table: Location = ()
        for number, key in enumerate(keys):
            table = (*table, key)
            if is_list and number == len(keys) - 1:
                self._tables_in[table] = self._tables_in.get(table, -1) + 1
            if table in self._tables_in:
                self.found.setdefault(table, self._line())
                table = (*table, self._tables_in[table])
        return table

    def _assignment(self, table: Location) -> None:
        line = self._line()
        location = table
        for key in self._keys():
            location = (*location, key)
            self.found.setdefault(location, line)
        self._expect("=")
        self._value(location)

    def _value(self, location: Location) -> None:
        self._next()
        if self._skipped("["):
            index = 0
            while not self._skipped("]"):
                self.found[(*location, index)] = self._line()
                self._value((*location, index))
                self._skipped(",")
                index += 1
        elif self._skipped("{"):
            while not self._skipped("}"):
                self._assignment(location)
                self._skipped(",")
        else:
            self._match(self._scalar)

    def _keys(self) -> list[str]:
        keys = [self._key()]
        while self._skipped("."):
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._next()
        key = self._match(self._bare_or_quoted)
        if key[0] == '"':
            return str(tomllib.loads(f"key = {key}")["key"])
        return key.strip("'")

    def _next(self) -> str:
        """The next character that is no space and in no comment; "" at the end."""
        space = self._space.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _skipped(self, character: str) -> bool:
        """Whether `character` came next; if so it is behind us."""
        if self._next() != character:
            return False
        self._at += 1
        return True

    def _expect(self, character: str) -> None:
        if not self._skipped(character):
            raise _UnexpectedError

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _UnexpectedError
        self._at = match.end()
        return match.group()

    def _line(self) -> int:
        return bisect_right(self._breaks, self._at) + 1
