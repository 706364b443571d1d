"""Plain text for people: sizes, times, aligned tables, a little colour that nothing depends on."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from envyard.process import environment_variable

GAP = 2
_SMALLEST_FOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Colours, or nothing where they are not wanted: NO_COLOR, FORCE_COLOR and TTY_COMPATIBLE count as rich counts them."""

    on: bool

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        if environment_variable("NO_COLOR"):
            return cls(on=False)
        if environment_variable("FORCE_COLOR"):
            return cls(on=True)
        windows_console = sys.platform == "win32" and not environment_variable("WT_SESSION")
        return cls(on=is_terminal(stream) and environment_variable("TERM") != "dumb" and not windows_console)

    def good(self, text: str) -> str:
        return self._paint("32", text)

    def bad(self, text: str) -> str:
        return self._paint("1;31", text)

    def warn(self, text: str) -> str:
        return self._paint("33", text)

    def strong(self, text: str) -> str:
        return self._paint("1", text)

    def faint(self, text: str) -> str:
        return self._paint("2", text)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text.strip() else text


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at `stream`; TTY_COMPATIBLE 1 or 0 decides for terminals that do not say so themselves."""
    said = environment_variable("TTY_COMPATIBLE")
    return said == "1" if said in ("0", "1") else stream.isatty()


def width_of(stream: TextIO) -> int | None:
    """The columns to keep to; None for a file or pipe, whose lines are for programs and may be long."""
    return shutil.get_terminal_size((80, 24)).columns if is_terminal(stream) else None


# --- values


def size(count: int) -> str:
    """Bytes in decimal units, three digits: `3.1 GB`, `592 MB`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """`0.3 s`, `12 s`, `2 min 05 s`, `3 h 10 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def moment(when: float | None) -> str:
    """A point in time, local: `2026-11-03 14:05`; a dash for never."""
    return "-" if when is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def count(number: int, what: str, many: str = "") -> str:
    """`1 package`, `2 packages`."""
    return f"{number} {what if number == 1 else many or what + 's'}"


# --- tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """`fold` is the one column whose text may go over several lines to keep to the width."""

    title: str
    right: bool = False
    fold: bool = False
    paint: Callable[[str], str] = str


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Aligned lines with a head; a column that is empty in every row is left out. `width` None: never folded."""
    kept = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    shown = [columns[place] for place in kept]
    cells = [[row[place] for place in kept] for row in rows]
    widths = [
        max(len(column.title), *(len(row[place]) for row in cells)) if cells else len(column.title)
        for place, column in enumerate(shown)
    ]
    if width is not None:
        for place, column in enumerate(shown):
            if column.fold:
                others = sum(widths) - widths[place] + GAP * (len(widths) - 1)
                widths[place] = min(widths[place], max(width - others, _SMALLEST_FOLD))
    lines = [_line([column.title for column in shown], shown, widths, painted=False)]
    for row in cells:
        folded = [
            fold(text, limit) if column.fold else [text] for text, column, limit in zip(row, shown, widths, strict=True)
        ]
        for number in range(max(map(len, folded))):
            parts = [lines_of[number] if number < len(lines_of) else "" for lines_of in folded]
            lines.append(_line(parts, shown, widths, painted=True))
    return lines


def fold(text: str, width: int) -> list[str]:
    """Lines of at most `width`, broken between words; a word longer than that stays whole."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _line(texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int], *, painted: bool) -> str:
    last = len(texts) - 1
    parts = []
    for place, (text, column, width) in enumerate(zip(texts, columns, widths, strict=True)):
        padding = " " * (width - len(text))
        shown = column.paint(text) if painted else text
        parts.append(padding + shown if column.right else shown if place == last else shown + padding)
    return (" " * GAP).join(parts).rstrip()
