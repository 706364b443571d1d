"""A BERT sequence classifier that is made, trained, used and kept without any file from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from classification.vocabulary import build_tokenizer

MAX_PIECES = 64


class UnknownLabel(ValueError):
    """An example has a label that the classifier was not made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A text and the label it should get."""

    text: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The most probable label of a text, and the probability of every label (they sum to 1)."""

    label: str
    probabilities: Mapping[str, float]

    @property
    def confidence(self) -> float:
        """The probability of `label`."""
        return self.probabilities[self.label]


class TextClassifier:
    """Owns a tokenizer and a model. `labels` are in the order of the model's outputs."""

    def __init__(self, tokenizer: BertTokenizerFast, model: BertForSequenceClassification) -> None:
        self.tokenizer = tokenizer
        self.model = model.eval()
        self.labels = tuple(model.config.id2label[number] for number in range(model.config.num_labels))

    @classmethod
    def untrained(cls, texts: Sequence[str], labels: Sequence[str], *, seed: int = 0) -> TextClassifier:
        """A small BERT with random weights that knows the words of `texts`; a seed, a set of weights."""
        tokenizer = build_tokenizer(texts, max_length=MAX_PIECES)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=MAX_PIECES,
            initializer_range=0.1,  # BERT's 0.02 is meant for 768 dimensions; from there so few stand still
            pad_token_id=tokenizer.pad_token_id,
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
        )
        with _seeded(seed):
            return cls(tokenizer, BertForSequenceClassification(config))

    @classmethod
    def load(cls, folder: Path) -> TextClassifier:
        """What `save` wrote to `folder`."""
        tokenizer = BertTokenizerFast.from_pretrained(folder)
        return cls(tokenizer, BertForSequenceClassification.from_pretrained(folder))

    def save(self, folder: Path) -> None:
        """Write tokenizer, configuration and weights to `folder`."""
        self.tokenizer.save_pretrained(folder)
        self.model.save_pretrained(folder)

    def fit(
        self,
        examples: Sequence[Example],
        *,
        epochs: int = 40,
        batch_size: int = 8,
        learning_rate: float = 2e-3,
        seed: int = 0,
    ) -> list[float]:
        """Train on `examples` and return the mean loss of each epoch. Raises `UnknownLabel`."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        if unknown := sorted({example.label for example in examples} - numbers.keys()):
            raise UnknownLabel(f"no such label: {', '.join(unknown)}; known: {', '.join(self.labels)}")
        inputs = self._encode([example.text for example in examples])
        inputs["labels"] = torch.tensor([numbers[example.label] for example in examples])
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=learning_rate)
        history = []
        self.model.train()
        try:
            with _seeded(seed):
                for _ in range(epochs):
                    total = 0.0
                    for rows in torch.split(torch.randperm(len(examples)), batch_size):
                        loss = self.model(**{name: tensor[rows] for name, tensor in inputs.items()}).loss
                        optimizer.zero_grad()
                        loss.backward()
                        optimizer.step()
                        total += loss.item() * len(rows)
                    history.append(total / len(examples))
        finally:
            self.model.eval()
        return history

    @torch.inference_mode()
    def classify(self, texts: Sequence[str]) -> list[Verdict]:
        """A verdict for each text, in order."""
        if not texts:
            return []
        rows = self.model(**self._encode(texts)).logits.softmax(dim=-1).tolist()
        tables = [dict(zip(self.labels, row, strict=True)) for row in rows]
        return [Verdict(label=max(table, key=table.__getitem__), probabilities=table) for table in tables]

    def _encode(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        return dict(self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt"))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Random numbers from `seed` inside, and the caller's own stream untouched after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
