"""Small JSON files that envyard wrote, read as if anybody could have changed them since: typed, or refused.

Every getter raises `ValueError`, and nothing else, for what is not there or of another kind: whoever reads a record
catches that one. Refused are also what Python's JSON would let pass and what then fails far from here: numbers that are
no finite ones or too large for a clock or a file, nesting without end, texts that no path and no terminal can have.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

Kind = TypeVar("Kind")
_LAST_SECOND = 1e11  # no clock of a computer says more
_LARGEST = 2**63
_DIGITS = 20  # of a whole number; Python converts thousands of them slowly, or not at all
_DEEPEST = 64  # what Python reads, it cannot always print or write
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MISSING = object()


class JsonObject:
    """The object of a JSON text, with typed getters. `values` are as Python's JSON has them."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def text(self, key: str, default: object = _MISSING) -> str:
        return _of(str, self._get(key, default), key)

    def flag(self, key: str) -> bool:
        return _of(bool, self._get(key), key)

    def integer(self, key: str) -> int:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= _LARGEST:
            raise ValueError(f"`{key}` is no whole number")
        return value

    def amount(self, key: str) -> int:
        """A whole number that counts something."""
        value = self.integer(key)
        if value < 0:
            raise ValueError(f"`{key}` is less than nothing")
        return value

    def moment(self, key: str) -> float:
        """Seconds since the epoch."""
        return _seconds(self._get(key), key)

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(_of(str, one, key) for one in _of(list, self._get(key), key))

    def inner(self, key: str, default: object = _MISSING) -> JsonObject:
        return JsonObject(_of(dict, self._get(key, default), key))

    def inner_ones(self) -> dict[str, JsonObject]:
        """All that it holds, which must be objects."""
        return {key: self.inner(key) for key in self.values}

    def named_texts(self, key: str, default: object = _MISSING) -> dict[str, str]:
        """An object whose values are texts."""
        return {name: _of(str, one, key) for name, one in _of(dict, self._get(key, default), key).items()}

    def durations(self, key: str) -> dict[str, float]:
        """An object whose values are seconds."""
        return {name: _seconds(one, key) for name, one in _of(dict, self._get(key), key).items()}

    def _get(self, key: str, default: object = _MISSING) -> object:
        value = self.values.get(key, default)
        if value is _MISSING:
            raise ValueError(f"`{key}` is missing")
        return value


def json_object(text: bytes) -> JsonObject:
    """The object that a text is. Raises `ValueError`."""
    if _NUL.search(text):
        raise ValueError("a text in it has a null character")
    try:
        data = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
        if _SURROGATE.search(text):  # bytes of a file name are fine, half a character is not
            json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogateescape")
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if text.count(b"[") + text.count(b"{") > _DEEPEST and _depth(data) > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if not isinstance(data, dict):
        raise ValueError("it is no object")
    return JsonObject(data)


def _depth(data: object) -> int:
    depth, level = 0, [data]
    while level and depth <= _DEEPEST:
        depth += 1
        lists = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [child for one in lists for child in one]
    return depth


def _of(kind: type[Kind], value: object, key: str) -> Kind:
    if not isinstance(value, kind):
        raise ValueError(f"`{key}` is of another kind")
    return value


def _seconds(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LAST_SECOND:
        raise ValueError(f"`{key}` is no time")
    return float(value)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:_DIGITS]} is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"{text[:_DIGITS]}... is too large")
    return int(text)
