"""Aligned tables of plain text that keep to the width of a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from envyard.report.text import fold

_GAP = 2
_SMALLEST_FOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. Its text may go over several lines to keep to the width when it is the one with `fold`.

    What has `drop` is left out where the width is too small, the highest number first. `paint` gets each text of it.
    """

    title: str
    right: bool = False
    fold: bool = False
    drop: int = 0
    paint: Callable[[str], str] = str


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The head and the rows. A column that is empty in every row is left out. `width` None: as wide as it gets."""
    kept = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    while width is not None and _width(columns, rows, kept, narrow=True) > width:
        droppable = [place for place in kept if columns[place].drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda place: columns[place].drop))
    shown = [columns[place] for place in kept]
    widths = [_natural(columns, rows, place) for place in kept]
    if width is not None:
        excess = _width(columns, rows, kept) - width
        widths = [
            max(natural - max(excess, 0), min(natural, _SMALLEST_FOLD)) if column.fold else natural
            for natural, column in zip(widths, shown, strict=True)
        ]
    lines = [_line([column.title for column in shown], shown, widths, painted=False)]
    for row in rows:
        lines += _row([row[place] for place in kept], shown, widths)
    return lines


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[str]], place: int) -> int:
    return max(len(columns[place].title), *(len(row[place]) for row in rows))


def _width(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int], *, narrow: bool = False
) -> int:
    """The width of a whole line, with `narrow` after all folding that is possible."""
    widths = [_natural(columns, rows, place) for place in kept]
    if narrow:
        widths = [min(w, _SMALLEST_FOLD) if columns[p].fold else w for w, p in zip(widths, kept, strict=True)]
    return sum(widths) + _GAP * (len(widths) - 1)


def _row(texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> list[str]:
    folded = [fold(text, w if column.fold else None) for text, column, w in zip(texts, columns, widths, strict=True)]
    lines = []
    for number in range(max(map(len, folded))):
        parts = [cell[number] if number < len(cell) else "" for cell in folded]
        lines.append(_line(parts, columns, widths, painted=True))
    return lines


def _line(texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int], *, painted: bool) -> str:
    parts = []
    for place, (text, column, width) in enumerate(zip(texts, columns, widths, strict=True)):
        padding = " " * (width - len(text))
        shown = column.paint(text) if painted else text
        last = place == len(texts) - 1
        parts.append(padding + shown if column.right else shown if last else shown + padding)
    return (" " * _GAP).join(parts).rstrip()
