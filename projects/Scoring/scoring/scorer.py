"""A small CLIP: texts and images become vectors of one space, and near means that they go together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from PIL import Image
from torch.nn.functional import normalize
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizerFast, CLIPVisionConfig

from scoring.images import SIZE, prepare
from scoring.spelling import build_tokenizer

MAX_TOKENS = 48
_WIDTH = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


class NothingToScore(ValueError):
    """A question without a text or without an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A text, its cosine similarity to the image (-1 to 1) and its share among the texts asked (0 to 1)."""

    text: str
    score: float
    share: float


class Scorer:
    """Owns a tokenizer and a model."""

    def __init__(self, tokenizer: CLIPTokenizerFast, model: CLIPModel) -> None:
        self.tokenizer = tokenizer
        self.model = model.eval()

    @classmethod
    def untrained(cls, *, seed: int = 0) -> Scorer:
        """A scorer with random weights from `seed`."""
        tokenizer = build_tokenizer(max_length=MAX_TOKENS)
        text = CLIPTextConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,  # where the model takes a text's vector from
            pad_token_id=tokenizer.pad_token_id,
            **_WIDTH,
        )
        vision = CLIPVisionConfig(image_size=SIZE, patch_size=8, **_WIDTH)
        with _seeded(seed):
            return cls(
                tokenizer, CLIPModel(CLIPConfig.from_text_vision_configs(text, vision, projection_dim=16))
            )

    @torch.inference_mode()
    def scores(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[list[float]]:
        """Cosine similarities, a row an image and a column a text. Raises `NothingToScore`."""
        if not images or not texts:
            raise NothingToScore(f"expected images and texts, found {len(images)} and {len(texts)}")
        seen = self.model.get_image_features(pixel_values=prepare(images))
        read = self.model.get_text_features(**self._encode(texts))
        table: list[list[float]] = (normalize(seen) @ normalize(read).T).tolist()
        return table

    def rank(self, image: Image.Image, texts: Sequence[str]) -> list[Match]:
        """The texts with the best one first. Raises `NothingToScore`."""
        (row,) = self.scores([image], texts)
        shares = (torch.tensor(row) * self.model.logit_scale.exp().item()).softmax(dim=0).tolist()
        matches = [
            Match(text=text, score=score, share=share)
            for text, score, share in zip(texts, row, shares, strict=True)
        ]
        return sorted(matches, key=lambda match: -match.score)

    def learn(
        self,
        pairs: Sequence[tuple[Image.Image, str]],
        *,
        steps: int = 60,
        learning_rate: float = 3e-3,
        seed: int = 0,
    ) -> list[float]:
        """Bring the two of each pair together and the others apart; returns the loss of each step."""
        inputs = {"pixel_values": prepare([image for image, _ in pairs])}
        inputs |= self._encode([text for _, text in pairs])
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=learning_rate)
        history = []
        self.model.train()
        try:
            with _seeded(seed):
                for _ in range(steps):
                    loss = self.model(**inputs, return_loss=True).loss
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    history.append(loss.item())
        finally:
            self.model.eval()
        return history

    def _encode(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        return dict(self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt"))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Random numbers from `seed` inside, and the caller's own stream untouched after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
