"""HTML that cannot be broken by what is put into it: text is escaped unless it came from here."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_VOID = frozenset({"br", "col", "hr", "meta"})
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")  # they would turn the text that follows them around


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | None
"""What may stand in an element: text, which is escaped; `Markup`, which is not; nothing."""


def element(name: str, /, *children: Child, **attributes: str | bool | None) -> Markup:
    """`<name attributes>children</name>`.

    `class_` is the attribute `class`, `data_label` is `data-label`. True is an attribute without a value; one that is
    False or None is left out.
    """
    head = "".join([name, *_attributes(attributes)])
    if name in _VOID:
        return Markup(f"<{head}>")
    return Markup(f"<{head}>{join(children)}</{name}>")


def join(children: Iterable[Child], between: Child = "") -> Markup:
    """Several children, one after the other."""
    return Markup(escape(between).join(escape(child) for child in children if child is not None))


def escape(text: Child) -> Markup:
    """Text as HTML, whatever is in it; `Markup` as it is."""
    if isinstance(text, Markup):
        return text
    clean = _TURNING.sub("", _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text or ""))
    return Markup(html.escape(clean, quote=True))


def _attributes(attributes: dict[str, str | bool | None]) -> Iterable[str]:
    for name, value in attributes.items():
        called = name.rstrip("_").replace("_", "-")
        if value is True:
            yield f" {called}"
        elif value is not False and value is not None:
            yield f' {called}="{escape(value)}"'
