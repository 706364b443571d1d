"""An element that should be in an XML file, for `merge`: its attributes are its value, and each element is an own wish.

So what PyCharm or a person puts inside an element of ours stays, and an element that was there before is never ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from envyard.integrations import xmltext
from envyard.integrations.xmltext import Element, Node, NotXml
from envyard.jsonobject import JsonObject

Where = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One element on a path: its tag, and which values of which attributes tell it from its siblings."""

    tag: str
    where: Where = field(default_factory=dict)

    def is_it(self, node: Node) -> bool:
        return node.tag == self.tag and all(node.attributes.get(name) in some for name, some in self.where.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(Element):
    """An element with what is wanted in it. `where` finds it among its siblings; by default the tag does.

    `label`: its name for people. `any_will_do`: another value is as good, and not worth a word.
    """

    where: Where = field(default_factory=dict)
    children: tuple[Wanted, ...] = ()
    label: str = ""
    any_will_do: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlWish:
    """The element at `path`, whose last step is its own, with these attributes; others that it has do not matter.

    `declared`: a file that is made for the top element begins with an XML declaration. `name` and `any_will_do` are
    those of `Wanted`.
    """

    path: tuple[Step, ...]
    value: Mapping[str, str]
    declared: bool = True
    name: str = ""
    any_will_do: bool = False

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> XmlWish:
        """The wish of a record. Raises `ValueError`."""
        path = data.get("path")
        if not isinstance(path, list) or not path:
            raise ValueError("an entry of it has no place")
        return cls(path=tuple(map(_step, path)), value=JsonObject(data).named_texts("value"))

    @property
    def slot(self) -> str:
        return json.dumps(self._path)

    @property
    def label(self) -> str:
        values = [some[0] for some in self.path[-1].where.values()]
        return self.name or " ".join([self.path[-1].tag, *values])

    @property
    def depth(self) -> int:
        return len(self.path)

    @property
    def record(self) -> Mapping[str, Any]:
        return {"path": self._path, "value": dict(self.value)}

    def look(self, text: str) -> bool | None:
        nodes = self._nodes(text)
        return None if len(nodes) < len(self.path) else self.any_will_do or self._is_so(nodes[-1])

    def added(self, text: str) -> str:
        element = Element(tag=self.path[-1].tag, attributes=self.value)
        nodes = self._nodes(text)
        if not nodes:
            return xmltext.document(element, declared=self.declared)
        if len(nodes) != len(self.path) - 1:
            raise NotXml(f"`<{self.path[len(nodes)].tag}>` is not in `<{nodes[-1].tag}>`")
        return xmltext.insert(text, nodes[-1], element)

    def replaced(self, text: str) -> str:
        return xmltext.change(text, self._nodes(text)[-1], self.value)

    def removed(self, text: str) -> str:
        """The text without it, unless something else was put into it."""
        *parents, node = self._nodes(text)
        if not xmltext.is_bare(text, node):
            return text
        if parents:
            return xmltext.remove(text, node, parents[-1])
        data = text.encode()
        outside = (data[: node.start] + data[node.end :]).decode()
        return "" if outside.strip("\ufeff \t\r\n") in ("", xmltext.DECLARATION.strip()) else text

    @property
    def _path(self) -> list[list[Any]]:
        return [[step.tag, {name: [*some] for name, some in step.where.items()}] for step in self.path]

    def _is_so(self, node: Node) -> bool:
        return all(node.attributes.get(name) == value for name, value in self.value.items())

    def _nodes(self, text: str) -> list[Node]:
        """The elements of the path as far as they are there. Raises `NotXml`."""
        if not text.strip():
            return []
        node = xmltext.parse(text)
        if not self.path[0].is_it(node):
            raise NotXml(f"the top element is `<{node.tag}>`, not `<{self.path[0].tag}>`")
        nodes = [node]
        for step in self.path[1:]:
            found = next((child for child in nodes[-1].children if step.is_it(child)), None)
            if found is None:
                break
            nodes.append(found)
        return nodes


def _step(data: object) -> Step:
    """One step of a record. Raises `ValueError`."""
    match data:
        case [str(tag), dict(where)]:
            known = JsonObject(where)
            found = {name: known.texts(name) for name in where}
            if all(found.values()):
                return Step(tag=tag, where=found)
    raise ValueError("a step to an entry of it is none")


def xml_wishes(top: Wanted, *, declared: bool = True) -> tuple[XmlWish, ...]:
    """A wish for each element of a document, those that hold others before them."""
    return tuple(_wishes(top, (), declared))


def _wishes(wanted: Wanted, above: tuple[Step, ...], declared: bool) -> Iterator[XmlWish]:
    path = (*above, Step(tag=wanted.tag, where=wanted.where))
    yield XmlWish(
        path=path,
        value=wanted.attributes,
        declared=declared,
        name=wanted.label,
        any_will_do=wanted.any_will_do,
    )
    for child in wanted.children:
        yield from _wishes(child, path, declared)
