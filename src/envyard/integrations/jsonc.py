"""JSON with comments (VS Code's settings), edited in place: all that is not edited stays byte for byte.

Every edit takes the text and returns the new one. A path is made of keys of objects; an element of an array is found by
what `is_it` says of its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Path = Sequence[str]
Test = Callable[[object], bool]

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null')
_DEEPEST = 100


class NotJson(Exception):
    """The text is not JSON with comments; the message says where."""


@dataclass(slots=True)
class Node:
    """A value with its place in the text; `entries` are those of an object or array, by key or index."""

    start: int
    end: int
    value: object
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """One entry: where it begins (its key, or its value), and the comma behind it, or -1."""

    key: str
    start: int
    node: Node
    comma: int = -1


def parse(text: str) -> Node:
    """The top value. Raises `NotJson`."""
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    node = _value(text, start, 0)
    if _skip(text, node.end) != len(text):
        raise _wrong(text, _skip(text, node.end), "the end of the file")
    return node


def find(text: str, path: Path) -> Node | None:
    """The node at a path, or None."""
    node: Node | None = parse(text)
    for key in path:
        entries = node.entries if node is not None and isinstance(node.value, dict) else []
        node = next((entry.node for entry in reversed(entries) if entry.key == key), None)
    return node


def element(text: str, path: Path, is_it: Test) -> Node | None:
    """The element of the array at a path that `is_it`, or None."""
    node = find(text, path)
    entries = node.entries if node is not None and isinstance(node.value, list) else []
    return next((entry.node for entry in entries if is_it(entry.node.value)), None)


def replace(text: str, node: Node, value: object) -> str:
    """`value` in the place of a node."""
    indent = re.match(r"[ \t]*", text[text.rfind("\n", 0, node.start) + 1 :])
    return text[: node.start] + _written(text, value, indent[0] if indent else "") + text[node.end :]


def insert(text: str, path: Path, value: object, *, array: bool = False) -> str:
    """`value` as a new last entry: of the object at `path[:-1]` with the key `path[-1]`, or of the array at `path`.

    What is missing on the way is made. Raises `NotJson` when something else stands there.
    """
    parent_path = path if array else path[:-1]
    parent = find(text, parent_path)
    if parent is None:
        return insert(text, parent_path, [value] if array else {path[-1]: value})
    if not isinstance(parent.value, list if array else dict):
        raise NotJson(f"`{'.'.join(parent_path)}` is no {'list' if array else 'object'}")
    key = "" if array else f"{json.dumps(path[-1], ensure_ascii=False)}: "
    end = parent.end - 1
    inside = text[parent.start + 1 : end]
    outer = re.match(r"[ \t]*", text[text.rfind("\n", 0, parent.start) + 1 :])
    indent = (outer[0] if outer else "") + _unit(text)
    if parent.entries:
        last = parent.entries[-1]
        first = text[text.rfind("\n", 0, parent.entries[0].start) + 1 : parent.entries[0].start]
        if "\n" not in inside:
            flat = key + json.dumps(value, ensure_ascii=False)
            at = last.node.end if last.comma < 0 else last.comma + 1
            return f"{text[:at]}{',' if last.comma < 0 else ''} {flat}{text[at:]}"
        indent = first if not first.strip() else indent
        if last.comma < 0:
            text = f"{text[: last.node.end]},{text[last.node.end :]}"
            end += 1
    at = parent.start + 1 + len(text[parent.start + 1 : end].rstrip())
    new = f"{_end_of_line(text)}{indent}{key}{_written(text, value, indent)}"
    if "\n" in text[at:end]:
        return text[:at] + new + text[at:]
    return f"{text[:at]}{new}{_end_of_line(text)}{outer[0] if outer else ''}{text[end:]}"


def remove(text: str, path: Path, is_it: Test | None = None) -> str:
    """Take out the entry at a path, or the element of the array at a path; its line too, when nothing else is on it."""
    parent = find(text, path[:-1] if is_it is None else path)
    if parent is None:
        return text
    entries = parent.entries
    found = [
        place
        for place, entry in enumerate(entries)
        if (is_it(entry.node.value) if is_it is not None else entry.key == path[-1])
    ]
    if not found:
        return text
    place, entry = found[0], entries[found[0]]
    start, end = entry.start, entry.node.end
    if entry.comma >= 0:
        end = entry.comma + 1 if not text[end : entry.comma].strip() else end
        cuts = [(start, end)] if end > entry.comma else [(start, end), (entry.comma, entry.comma + 1)]
    elif place:
        comma = entries[place - 1].comma
        cuts = [(comma, comma + 1), (start, end)]
    else:
        cuts = [(start, end)]
    for start, end in reversed(cuts):
        text = _cut(text, start, end)
    return text


# --- reading


def _value(text: str, at: int, depth: int) -> Node:
    if depth > _DEEPEST:
        raise _wrong(text, at, "fewer levels")
    opening = text[at : at + 1]
    if opening in ("{", "["):
        return _container(text, at, depth, "}" if opening == "{" else "]")
    found = _SCALAR.match(text, at)
    if found is None:
        raise _wrong(text, at, "a value")
    try:
        return Node(at, found.end(), json.loads(found[0]))
    except ValueError as error:
        raise _wrong(text, at, "a value") from error


def _container(text: str, start: int, depth: int, closing: str) -> Node:
    entries: list[Entry] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != closing:
        if entries and entries[-1].comma < 0:
            raise _wrong(text, at, f"`,` or `{closing}`")
        key, begin = "", at
        if closing == "}":
            name = _value(text, at, depth + 1) if text[at : at + 1] == '"' else None
            if name is None:
                raise _wrong(text, at, "a key in quotes")
            key, at = str(name.value), _skip(text, name.end)
            if text[at : at + 1] != ":":
                raise _wrong(text, at, "`:`")
            at = _skip(text, at + 1)
        node = _value(text, at, depth + 1)
        at = _skip(text, node.end)
        entries.append(Entry(key, begin, node, at if text[at : at + 1] == "," else -1))
        if entries[-1].comma >= 0:
            at = _skip(text, at + 1)
    if closing == "]":
        return Node(start, at + 1, [entry.node.value for entry in entries], entries)
    return Node(start, at + 1, {entry.key: entry.node.value for entry in entries}, entries)


def _skip(text: str, at: int) -> int:
    """Behind white space and comments."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _wrong(text: str, at: int, expected: str) -> NotJson:
    line = text.count("\n", 0, at) + 1
    return NotJson(f"line {line}: expected {expected}")


# --- writing


def _written(text: str, value: object, indent: str) -> str:
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return (_end_of_line(text) + indent).join(lines)


def _unit(text: str) -> str:
    """One step of indentation, as the text has it."""
    found = re.search(r"(?m)^([ \t]+)\S", text)
    return "\t" if found and found[1][0] == "\t" else found[1] if found else "    "


def _end_of_line(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _cut(text: str, start: int, end: int) -> str:
    """Without this part, and without its line when nothing else is left on it."""
    line, after = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    after = len(text) if after < 0 else after + 1
    if not text[line:start].strip() and not text[end:after].strip():
        return text[:line] + text[after:]
    return text[:start].rstrip(" \t") + text[end:] if text[start] != "," else text[:start] + text[end:]
