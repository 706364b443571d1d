"""Text as numbers without a vocabulary: one token per UTF-8 byte, and three that frame a text."""

from __future__ import annotations

from collections.abc import Iterable

BEGIN, END, PAD = 256, 257, 258
SIZE = 259


def encode(text: str, *, complete: bool = False) -> list[int]:
    """`BEGIN`, the bytes of `text` and, for a `complete` text, `END`."""
    return [BEGIN, *text.encode(), *([END] if complete else [])]


def decode(tokens: Iterable[int]) -> str:
    """The text up to `END`. Bytes that are not UTF-8 become U+FFFD: a model may stop inside a character."""
    data = bytearray()
    for token in tokens:
        if token == END:
            break
        if token < BEGIN:
            data.append(token)
    return data.decode(errors="replace")
