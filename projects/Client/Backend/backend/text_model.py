"""A small DistilBERT that turns a text into a unit vector; near vectors mean texts with much in common."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import torch
from torch.nn.functional import normalize
from transformers import DistilBertConfig, DistilBertModel

DIMENSIONS = 64
MAX_WORDS = 128
_PAD, _BEGIN = 0, 1
_RESERVED = 2
_BUCKETS = 4096
_WORD = re.compile(r"\w+")


class TextModel:
    """Owns a model with random weights from `seed`. Threads may share it: nothing changes after the start."""

    def __init__(self, *, seed: int = 0) -> None:
        config = DistilBertConfig(
            vocab_size=_RESERVED + _BUCKETS,
            max_position_embeddings=MAX_WORDS,
            dim=DIMENSIONS,
            hidden_dim=2 * DIMENSIONS,
            n_layers=2,
            n_heads=4,
            pad_token_id=_PAD,
        )
        with torch.random.fork_rng(devices=[]):  # the caller's own random numbers stay as they were
            torch.manual_seed(seed)
            self._model = DistilBertModel(config).eval()

    @torch.inference_mode()
    def vectors(self, texts: Sequence[str]) -> torch.Tensor:
        """(texts, DIMENSIONS), each of length 1. Words beyond `MAX_WORDS` are not read."""
        rows = [_tokens(text) for text in texts]
        inputs = torch.full((len(rows), max(map(len, rows))), _PAD)
        for number, row in enumerate(rows):
            inputs[number, : len(row)] = torch.tensor(row)
        mask = inputs.ne(_PAD).long()
        states = self._model(input_ids=inputs, attention_mask=mask).last_hidden_state
        # The mean of a text's words: a model without training has nothing to tell at its first token.
        return normalize((states * mask.unsqueeze(-1)).sum(dim=1))

    def similarities(self, text: str, others: Sequence[str]) -> list[float]:
        """The cosine similarity of `text` to each of `others`."""
        first, *rest = self.vectors([text, *others])
        return [float(first @ other) for other in rest]


def _tokens(text: str) -> list[int]:
    # Hashed words need no vocabulary. Not hash(): Python salts it, so every process would read other words.
    words = _WORD.findall(text.casefold())[: MAX_WORDS - 1]
    return [_BEGIN, *(_RESERVED + zlib.crc32(word.encode()) % _BUCKETS for word in words)]
