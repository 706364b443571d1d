"""What several sections of the page are made of: badges, times, commands, bars, tables."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.health import Grade
from envyard.report import as_typed
from envyard.report.page.markup import Child, Markup, element, join

_CODE = re.compile(r"`([^`\n]+)`")
_LEAST = 0.4  # percent of a bar: what is there is seen

ICONS = {
    "ok": "M3 8.5l3.2 3.2L13 5",
    "stale": "M8 2.5a5.5 5.5 0 1 0 5.5 5.5M8 4.8V8l2.4 1.6M13.5 2.6v3.2h-3.2",
    "drifted": "M3 6h10M3 10h10M10.5 2.5l-5 11",
    "degraded": "M8 3v9M4 8.5L8 12.5l4-4",
    "broken": "M4 4l8 8M12 4l-8 8",
    "missing": "M4 8h8",
    "failed": "M8 3v6M8 12.2v.6",
    "back": "M6.5 3.5L3 7l3.5 3.5M3.5 7H10a3 3 0 0 1 0 6H8",
}
"""Strokes on a field of 16 by 16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a bar: the class of its colour, its share of the whole bar (0 to 1), and what it is."""

    colour: str
    share: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A column: its title, and whether its cells are numbers. Without a label cards show the cell without its title."""

    title: str
    number: bool = False
    label: bool = True


def section(name: str, title: str, *children: Child, note: Child = None) -> Markup:
    heading = element("h2", title, id=f"{name}-title")
    said = element("p", note, class_="note") if note else None
    return element("section", heading, said, *children, id=name, aria_labelledby=f"{name}-title")


def icon(name: str) -> Markup:
    return element(
        "svg",
        element("use", href=f"#i-{name}"),
        class_="icon",
        viewBox="0 0 16 16",
        aria_hidden="true",
        focusable="false",
    )


def icon_shapes() -> Markup:
    """What `icon` refers to; once in a page."""
    shapes = [
        element("symbol", element("path", d=path), id=f"i-{name}", viewBox="0 0 16 16") for name, path in ICONS.items()
    ]
    hatch = element(
        "pattern",
        element("rect", class_="hatch-ground", width="6", height="6"),
        element("path", class_="hatch-line", d="M-1 1l2-2M0 6l6-6M5 7l2-2"),
        id="hatch",
        width="6",
        height="6",
        patternUnits="userSpaceOnUse",
    )
    return element("svg", element("defs", *shapes, hatch), class_="shapes", width="0", height="0", aria_hidden="true")


def badge(grade: Grade, words: str = "") -> Markup:
    """A grade by its word, its shape and its colour."""
    return element("span", icon(grade), words or str(grade), class_=f"badge {grade}")


def prose(text: str, root: Path | None = None) -> Markup:
    """A sentence; what stands in backticks is code, and paths are as seen from `root`."""
    if root is not None:
        text = re.sub(rf"(?<![\w./\\-]){re.escape(str(root))}[/\\]", "", text)
    pieces = _CODE.split(as_typed(text))
    return join(element("code", piece) if number % 2 else piece for number, piece in enumerate(pieces))


def command(text: str) -> Markup | None:
    return element("code", as_typed(text), class_="command") if text else None


def when(moment: float | None, otherwise: str = "") -> Markup | str:
    """A point in time, local."""
    try:
        local = time.localtime(moment) if moment is not None else None
    except (ValueError, OverflowError, OSError):  # a clock, or a file, that says nonsense
        local = None
    if local is None:
        return otherwise
    return element("time", time.strftime("%Y-%m-%d %H:%M", local), datetime=time.strftime("%Y-%m-%dT%H:%M:%S%z", local))


def bar(parts: Sequence[Part], label: str, *, thin: bool = False) -> Markup:
    """Parts side by side, from the left; what they leave of the whole stays empty. `label` says it in words."""
    drawn, left = [], 0.0
    for part in parts:
        width = min(max(part.share * 100, _LEAST if part.share > 0 else 0.0), 100 - left)
        if width > 0:
            title = element("title", part.title)
            drawn.append(
                element(
                    "rect", title, class_=part.colour, x=f"{left:.2f}%", y="0", width=f"{width:.2f}%", height="100%"
                )
            )
            left += width
    return element("svg", *drawn, class_="bar thin" if thin else "bar", role="img", aria_label=label)


def legend(entries: Iterable[tuple[str, Child]]) -> Markup:
    """What the colours of bars mean."""
    return element(
        "ul",
        *(
            element(
                "li",
                element(
                    "svg",
                    element("rect", class_=colour, width="100%", height="100%"),
                    class_="swatch",
                    aria_hidden="true",
                ),
                words,
            )
            for colour, words in entries
        ),
        class_="legend",
    )


def table(heads: Sequence[Head], rows: Iterable[Sequence[Child]], *, caption: str) -> Markup:
    """A table whose rows are cards where the window is narrow; the first cell of a row is its header.

    The roles say again what the elements say, since a narrow window draws them as blocks.
    """
    head = element(
        "tr",
        *(
            element("th", one.title, scope="col", role="columnheader", class_="number" if one.number else None)
            for one in heads
        ),
        role="row",
    )
    body = [element("tr", *map(_cell, heads, row, range(len(heads))), role="row") for row in rows]
    return element(
        "div",
        element(
            "table",
            element("caption", caption, class_="unseen"),
            element("thead", head, role="rowgroup"),
            element("tbody", *body, role="rowgroup"),
            class_="cards",
            role="table",
        ),
        class_="scroll",
    )


def _cell(head: Head, content: Child, number: int) -> Markup:
    if number == 0:
        return element("th", content, scope="row", role="rowheader")
    label = head.title if head.label else None
    empty = " empty" if not content else ""
    return element(
        "td", content, role="cell", data_label=label, class_=("number" if head.number else "") + empty or None
    )
