from __future__ import annotations

import pytest

from sources.bytecode import BEGIN, END, PAD, SIZE, decode, encode


@pytest.mark.parametrize("text", ["", "plain", "Größe 東京 🦙", "two\nlines\0"])
def test_any_text_comes_back(text: str) -> None:
    tokens = encode(text, complete=True)

    assert decode(tokens) == text
    assert len(tokens) == len(text.encode()) + 2
    assert max(tokens) < SIZE


def test_decoding_stops_at_the_end_and_shows_a_cut_character() -> None:
    assert decode([BEGIN, *b"ab", PAD, END, *b"cd"]) == "ab"
    assert decode([*"aß".encode()[:-1]]) == "a\N{REPLACEMENT CHARACTER}"
