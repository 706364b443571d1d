"""A value that should be in a JSON file with comments, for `merge`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from envyard.integrations import jsonc
from envyard.jsonobject import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonWish:
    """The value at `path`, or an element of the array at `path`.

    The element is found by its value of the key `named_by`; "" compares whole elements.
    """

    path: tuple[str, ...]
    value: Any
    element: bool = False
    named_by: str = ""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> JsonWish:
        """The wish of a record. Raises `ValueError`."""
        known = JsonObject(data)
        path = known.texts("path")
        if not path or "value" not in data:
            raise ValueError("an entry of it has no place or no value")
        return cls(path=path, value=data["value"], element=known.flag("element"), named_by=known.text("named_by"))

    @property
    def slot(self) -> str:
        return json.dumps([*self.path, self.named_by, self._name(self.value)] if self.element else list(self.path))

    @property
    def label(self) -> str:
        return ".".join(self.path) + (f" {self._name(self.value)}" if self.element else "")

    @property
    def depth(self) -> int:
        return len(self.path)

    @property
    def record(self) -> Mapping[str, Any]:
        return {"path": [*self.path], "value": self.value, "element": self.element, "named_by": self.named_by}

    def look(self, text: str) -> bool | None:
        node = self._node(_or_object(text))
        return None if node is None else node.value == self.value

    def added(self, text: str) -> str:
        return jsonc.insert(_or_object(text), self.path, self.value, array=self.element)

    def replaced(self, text: str) -> str:
        node = self._node(text)
        return text if node is None else jsonc.replace(text, node, self.value)

    def removed(self, text: str) -> str:
        text = jsonc.remove(text, self.path, self._is_it) if self.element else jsonc.remove(text, self.path)
        path = self.path if self.element else self.path[:-1]
        while path and _is_bare(text, path):
            text = jsonc.remove(text, path)
            path = path[:-1]
        top = jsonc.parse(text)
        outside = text[: top.start] + text[top.end :]
        return "" if _is_bare(text, ()) and not outside.strip("\ufeff \t\r\n") else text

    def _node(self, text: str) -> jsonc.Node | None:
        return jsonc.element(text, self.path, self._is_it) if self.element else jsonc.find(text, self.path)

    def _is_it(self, value: object) -> bool:
        return self._name(value) == self._name(self.value)

    def _name(self, value: object) -> object:
        if not self.named_by:
            return value
        return value.get(self.named_by) if isinstance(value, dict) else None


def _or_object(text: str) -> str:
    return text if text.strip() else "{}\n"


def _is_bare(text: str, path: Sequence[str]) -> bool:
    """Whether an empty object or list is there, without a comment in it."""
    node = jsonc.find(text, path)
    return node is not None and node.value in ({}, []) and not text[node.start + 1 : node.end - 1].strip()
