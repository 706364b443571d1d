"""CLIP's tokenizer over an alphabet, not a learned vocabulary: a byte is a token, so no file is needed."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizerFast

BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def build_tokenizer(*, max_length: int) -> CLIPTokenizerFast:
    """A token a byte, the last one of a word marked as CLIP does it: `art` is not how `arts` begins."""
    letters = sorted(ByteLevel.alphabet())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), BEGIN, END]
    with TemporaryDirectory() as folder:  # the tokenizer takes its tables from files only
        vocabulary, merges = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        vocabulary.write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}), "utf-8")
        merges.write_text("#version: 0.2\n", "utf-8")
        return CLIPTokenizerFast(str(vocabulary), str(merges), model_max_length=max_length)
