"""A JSON file for our typed getters: its values, and the line of each of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from envyard.errors import ConfigurationInvalid
from envyard.files import read_regular
from envyard.problems import Location, Problems, invalid
from envyard.wording import WrittenFloat

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_LARGEST = 10_000_000  # bytes; a profile has a few thousand


class Document(NamedTuple):
    """The top object of a file, where its mistakes are gathered, and its text."""

    values: dict[str, object]
    problems: Problems
    text: str


def read_json(file: Path, name: str, *, reference: str = "") -> Document:
    """What is in `file`, which messages call `name`. Numbers are the text they are written as: 3.10 is "3.10".

    `null` counts as absent. Raises `ConfigurationInvalid` for what is no JSON object.
    """
    text = _text(file, name)
    problems = Problems(str(file), name, partial(key_lines, text), reference=reference)

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        return {key: value for key, value in items if value is not None}

    try:
        values = json.loads(text, parse_float=WrittenFloat, parse_int=str, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise invalid(str(file), [f"{name}:{error.lineno}: is no JSON: {error.msg}"], reference=reference) from error
    except RecursionError as error:
        raise invalid(str(file), [f"{name}: is nested too deeply"], reference=reference) from error
    if not isinstance(values, dict):
        raise invalid(str(file), [f"{name}:1: is no object `{{...}}`"], reference=reference)
    seen: set[Location] = set()
    for location, _line in _places(text):
        if location in seen:
            problems.add(location, "is there twice, so one of the two would be lost")
        seen.add(location)
    return Document({key: _as_written(value) for key, value in values.items()}, problems, text)


def key_lines(text: str) -> dict[Location, int]:
    """The line of each key and list element of a valid JSON text; of a key that is there twice, the first."""
    found: dict[Location, int] = {}
    for location, line in _places(text):
        found.setdefault(location, line)
    return found


def _places(text: str) -> Iterator[tuple[Location, int]]:
    path: list[str | int] = []
    is_list: list[bool] = []
    key: str | None = None
    position, line = 0, 1
    for match in _PART.finditer(text):
        part = match[0]
        line += text.count("\n", position, match.start())
        position = match.start()
        if part in "}]":
            is_list.pop()
            path.pop()
        elif part == ",":
            if is_list and is_list[-1]:
                path[-1] = int(path[-1]) + 1
            key = None
        elif part != ":":
            is_key = bool(is_list) and not is_list[-1] and key is None
            if is_key:
                path[-1] = key = str(json.loads(part))
            if is_key or not is_list or is_list[-1]:
                yield tuple(path), line
            if part in "{[":
                is_list.append(part == "[")
                path.append(0 if part == "[" else "")
                key = None


def _text(file: Path, name: str) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise invalid(str(file), [f"{name}: is too large for a profile"])
        return read_regular(file).decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationInvalid(
            f"`{file}` cannot be read: {(error.strerror or str(error)).lower()}", hint="name an existing JSON file"
        ) from error
    except UnicodeDecodeError as error:
        raise invalid(str(file), [f"{name}: is not UTF-8"]) from error


def _as_written(value: object) -> object:
    """Numbers as text; what was `null` inside a list is left out."""
    if isinstance(value, dict):
        return {key: _as_written(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_written(each) for each in value if each is not None]
    return value.written if isinstance(value, WrittenFloat) else value
