"""XML as the JetBrains editors keep it, edited in place: all that is not edited stays byte for byte.

Every edit takes the text and a node of it, as `parse` gave it, and returns the new text. Elements and attributes only:
what these files say is nowhere in text between tags. A document type is refused, so that no entity can expand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what no XML can hold

_START_TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=/>]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
_REST_OF_LINE = re.compile(rb"[ \t]*(?:<!--(?:(?!-->)[^\r\n])*-->[ \t]*)?(?=\r?\n)")
_UNIT = b"  "
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


class NotXml(Exception):
    """The text is no XML, or none of the kind that is expected; the message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """An element to be written."""

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Element, ...] = ()


@dataclass(slots=True)
class Node:
    """An element that is there, with its places in the bytes of the text: `<` at `start`, behind its start tag at
    `inside`, its end tag from `close` to `end` (`inside`, `close` and `end` are one for `<a />`)."""

    tag: str
    attributes: dict[str, str]
    start: int
    inside: int
    close: int = -1
    end: int = -1
    children: list[Node] = field(default_factory=list)

    def named(self, tag: str, **attributes: str) -> Iterator[Node]:
        """The children with this tag and these attributes."""
        for child in self.children:
            if child.tag == tag and all(child.attributes.get(name) == value for name, value in attributes.items()):
                yield child


def parse(text: str) -> Node:
    """The top element. Raises `NotXml`."""
    data = text.encode()
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    tops: list[Node] = []
    open_nodes: list[Node] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        place = parser.CurrentByteIndex
        found = _START_TAG.match(data, place)
        if found is None:  # expat took it, so this is ours to know
            raise NotXml(f"line {parser.CurrentLineNumber}: a tag that is not understood")
        node = Node(tag, attributes, place, found.end())
        (open_nodes[-1].children if open_nodes else tops).append(node)
        open_nodes.append(node)

    def end(_tag: str) -> None:
        node = open_nodes.pop()
        if data[node.inside - 2 : node.inside] == b"/>":
            node.close = node.end = node.inside
        else:
            node.close = parser.CurrentByteIndex
            node.end = data.index(b">", node.close) + 1

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.upper() not in ("UTF-8", "UTF8", "US-ASCII"):
            raise NotXml(f"line 1: expected UTF-8, found the encoding {encoding}")

    def document_type(*_arguments: object) -> None:
        raise NotXml(f"line {parser.CurrentLineNumber}: a document type is not accepted")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.XmlDeclHandler = declaration
    parser.StartDoctypeDeclHandler = document_type
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise NotXml(f"line {error.lineno}: {expat.ErrorString(error.code)}") from error
    return tops[0]


def insert(text: str, parent: Node, element: Element) -> str:
    """`element` inside `parent`: behind the last one with its tag, else as the last child."""
    data = text.encode()
    line_end = b"\r\n" if b"\r\n" in data else b"\n"
    outer = _indentation(data, parent.start)
    own_lines = [child for child in parent.children if _is_first_on_line(data, child.start)]
    indent = _indentation(data, own_lines[0].start) if own_lines else outer + _UNIT
    new = line_end + line_end.join(indent + line for line in _lines(element))
    if parent.close == parent.inside == parent.end:
        tag = data[parent.start : parent.inside].removesuffix(b"/>").rstrip() + b">"
        return _joined(data, parent.start, parent.end, tag + new + line_end + outer + f"</{parent.tag}>".encode())
    alike = [child for child in parent.children if child.tag == element.tag]
    if alike:
        rest = _REST_OF_LINE.match(data, alike[-1].end, parent.close)  # a comment behind it is about it
        at = rest.end() if rest else alike[-1].end
    else:
        at = parent.inside + len(data[parent.inside : parent.close].rstrip())
    if b"\n" not in data[at : parent.close]:
        new += line_end + outer
        return _joined(data, at, at if data[at : parent.close].strip() else parent.close, new)
    return _joined(data, at, at, new)


def change(text: str, node: Node, attributes: Mapping[str, str]) -> str:
    """`node` with these attributes; the others that it has stay."""
    data = text.encode()
    ending = b" />" if data[node.inside - 2 : node.inside] == b"/>" else b">"
    tag = _opened(node.tag, node.attributes | dict(attributes))
    return _joined(data, node.start, node.inside, tag.encode() + ending)


def remove(text: str, node: Node, parent: Node) -> str:
    """Without `node`, and without its line when nothing else is on it; `<parent />` when nothing is left in there."""
    data = text.encode()
    if not (data[parent.inside : node.start] + data[node.end : parent.close]).strip():
        tag = data[parent.start : parent.inside].removesuffix(b">").rstrip() + b" />"
        return _joined(data, parent.start, parent.end, tag)
    start, end = node.start, node.end
    line, after = data.rfind(b"\n", 0, start) + 1, data.find(b"\n", end) + 1 or len(data)
    if not data[line:start].strip() and not data[end:after].strip():
        start, end = line, after
    return _joined(data, start, end, b"")


def is_bare(text: str, node: Node) -> bool:
    """Whether nothing is in it, not even a comment."""
    return not text.encode()[node.inside : node.close].strip()


def document(element: Element, *, declared: bool = True) -> str:
    """A new file, without a line feed at its end, as these editors write it."""
    return (DECLARATION if declared else "") + "\n".join(line.decode() for line in _lines(element))


# --- writing


def _lines(element: Element) -> Iterator[bytes]:
    start = _opened(element.tag, element.attributes).encode()
    if not element.children:
        yield start + b" />"
        return
    yield start + b">"
    for child in element.children:
        yield from (_UNIT + line for line in _lines(child))
    yield f"</{element.tag}>".encode()


def _opened(tag: str, attributes: Mapping[str, str]) -> str:
    return f"<{tag}" + "".join(f' {name}="{_escaped(value)}"' for name, value in attributes.items())


def _escaped(value: str) -> str:
    return re.sub('[&<>"\n\r\t]', lambda found: _ESCAPES[found[0]], value)


def _indentation(data: bytes, at: int) -> bytes:
    line = data[data.rfind(b"\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(b" \t"))]


def _is_first_on_line(data: bytes, at: int) -> bool:
    return not data[data.rfind(b"\n", 0, at) + 1 : at].strip()


def _joined(data: bytes, start: int, end: int, new: bytes) -> str:
    return (data[:start] + new + data[end:]).decode()
