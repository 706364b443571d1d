"""Plain text for people: sizes, times, a little colour that nothing depends on."""

from __future__ import annotations

import os
import re
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from envyard.process import environment_variable

_COMMAND = re.compile(r"`[^`]+`")
_GLUE = "\x00"  # stands for a space where no line may end


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Colours, or nothing where they are not wanted; NO_COLOR, FORCE_COLOR, TTY_COMPATIBLE count as for rich."""

    on: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        if environment_variable("NO_COLOR"):
            return cls()
        if environment_variable("FORCE_COLOR"):
            return cls(on=True)
        # Only the newer terminals of Windows understand colours without being asked to.
        old_windows = sys.platform == "win32" and not environment_variable("WT_SESSION")
        return cls(on=is_terminal(stream) and environment_variable("TERM") != "dumb" and not old_windows)

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
    """Whether a person looks at `stream`; TTY_COMPATIBLE 1 or 0 decides for what does not say so itself."""
    said = environment_variable("TTY_COMPATIBLE")
    return said == "1" if said in ("0", "1") else stream.isatty()


def is_live(stream: TextIO) -> bool:
    """Whether lines already written can be changed: a terminal that is neither dumb nor the log of a CI job."""
    dumb = environment_variable("TERM") in ("dumb", "unknown")
    return is_terminal(stream) and not dumb and environment_variable("TTY_INTERACTIVE") != "0"


def width_of(stream: TextIO) -> int | None:
    """The columns to keep to; None for a file or a pipe: its lines are for programs and may be long."""
    if not is_terminal(stream):
        return None
    said = environment_variable("COLUMNS")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


# --- values


def size(number: int) -> str:
    """Bytes in decimal units: `18.2 GB`, `592 MB`, `3.1 kB`."""
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    exact = 99.95 if unit in ("GB", "TB") else 9.95
    return f"{value:.0f} {unit}" if unit == "B" or value >= exact else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """`25 ms`, `0.3 s`, `12 s`, `2 min 05 s`, `3 h 10 min`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def age(when: float | None, now: float | None = None) -> str:
    """How long ago: `just now`, `5 min ago`, `3 h ago`, `12 d ago`; "" for never."""
    if when is None:
        return ""
    seconds = (time.time() if now is None else now) - when
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"


def moment(when: float) -> str:
    """A point in time, local: `2026-11-03 14:05`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def count(number: int, what: str, many: str = "") -> str:
    """`1 package`, `2 packages`."""
    return f"{number} {what if number == 1 else many or what + 's'}"


def listing(names: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, end = names
    return f"{', '.join(most)} {last} {end}" if most else end


def fold(text: str, width: int | None) -> list[str]:
    """Lines of at most `width`, broken between words; a word or a command in backticks stays whole."""
    if width is None or len(text) <= width:
        return [text]
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _GLUE), text)
    lines = textwrap.wrap(whole, max(width, 1), break_long_words=False, break_on_hyphens=False)
    return [line.replace(_GLUE, " ") for line in lines]


def hanging(first: str, text: str, width: int | None) -> list[str]:
    """`first` and `text` behind it, folded so that every further line begins where `text` did."""
    lines = fold(text, None if width is None else max(width - len(first), 20))
    return [first + lines[0], *(" " * len(first) + line for line in lines[1:])]
