"""Own entries in somebody's JSON with comments: added, kept up to date and taken out, and nothing else is touched.

An entry is ours as long as its value is the one that we wrote, which a record says. What somebody else wrote is theirs,
also when it is what we would have written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from envyard.integrations import jsonc


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A value that should be in a file: at `path`, or as an element of the array at `path`.

    The element is found by its value of the key `named_by`; "" compares whole elements.
    """

    path: tuple[str, ...]
    value: Any
    element: bool = False
    named_by: str = ""

    @property
    def slot(self) -> str:
        """What tells this wish from the others of a file."""
        name = _name(self.value, self.named_by) if self.element else None
        return json.dumps([*self.path, self.named_by, name] if self.element else list(self.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The new text; `ours` is the record of what is in it by us; `kept` are places with values of the user."""

    text: str
    ours: Mapping[str, Any]
    kept: tuple[str, ...] = ()


def merge(text: str, wishes: Sequence[Wish], before: Mapping[str, Any]) -> Merged:
    """The text with every wish, unless the user has another value there, and without what was wished before only.

    `before` is the record of the last time. "" when nothing is left. Raises `jsonc.NotJson`.
    """
    if not text.strip():
        if not wishes:
            return Merged(text=text, ours={})
        text = "{}\n"
    text = _without(text, (wish for wish in _recorded(before) if wish.slot not in {one.slot for one in wishes}))
    ours: dict[str, Any] = {}
    kept: list[str] = []
    for wish in wishes:
        node = _current(text, wish)
        wrote = wish.slot in before and node is not None and node.value == before[wish.slot]["value"]
        if node is None:
            text = jsonc.insert(text, wish.path, wish.value, array=wish.element)
        elif not wrote:
            if node.value != wish.value:
                kept.append(".".join(wish.path) + (f" {_name(wish.value, wish.named_by)}" if wish.element else ""))
            continue
        elif node.value != wish.value:
            text = jsonc.replace(text, node, wish.value)
        ours[wish.slot] = {
            "path": [*wish.path],
            "value": wish.value,
            "element": wish.element,
            "named_by": wish.named_by,
        }
    if before and not wishes and _is_bare(text, ()):
        text = ""
    return Merged(text=text, ours=ours, kept=tuple(kept))


def _recorded(before: Mapping[str, Any]) -> Iterable[Wish]:
    for one in before.values():
        yield Wish(path=tuple(one["path"]), value=one["value"], element=one["element"], named_by=one["named_by"])


def _without(text: str, wishes: Iterable[Wish]) -> str:
    for wish in wishes:
        node = _current(text, wish)
        if node is None or node.value != wish.value:
            continue
        text = jsonc.remove(text, wish.path, _is(wish)) if wish.element else jsonc.remove(text, wish.path)
        path = wish.path if wish.element else wish.path[:-1]
        while path and _is_bare(text, path):
            text = jsonc.remove(text, path)
            path = path[:-1]
    return text


def _is_bare(text: str, path: Sequence[str]) -> bool:
    """Whether an empty object or list is there, without a comment in it."""
    node = jsonc.find(text, path)
    return node is not None and node.value in ({}, []) and not text[node.start + 1 : node.end - 1].strip()


def _current(text: str, wish: Wish) -> jsonc.Node | None:
    return jsonc.element(text, wish.path, _is(wish)) if wish.element else jsonc.find(text, wish.path)


def _is(wish: Wish) -> jsonc.Test:
    name = _name(wish.value, wish.named_by)
    return lambda value: _name(value, wish.named_by) == name


def _name(value: object, named_by: str) -> object:
    if not named_by:
        return value
    return value.get(named_by) if isinstance(value, dict) else None
