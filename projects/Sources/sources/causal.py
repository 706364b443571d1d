"""Causal language models that continue texts. GPT and Llama differ inside, not in how they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from sources import bytecode

CONTEXT = 128
_IGNORED = -100  # the label that the models leave out of their loss
_TOKENS = {
    "vocab_size": bytecode.SIZE,
    "bos_token_id": bytecode.BEGIN,
    "eos_token_id": bytecode.END,
    "pad_token_id": bytecode.PAD,
}


class UnknownModel(LookupError):
    """No model has this name."""


class GreedyHasOneText(ValueError):
    """Several continuations at temperature 0, where all of them would be the same."""


class TextTooLong(ValueError):
    """A text that has to be read whole is longer than the model's context."""


def gpt() -> PreTrainedModel:
    """GPT-2 in small: learned positions, layer norm, GELU."""
    return GPT2LMHeadModel(GPT2Config(n_positions=CONTEXT, n_embd=64, n_layer=2, n_head=4, **_TOKENS))


def llama() -> PreTrainedModel:
    """Llama in small: rotary positions, RMS norm, gated SiLU, two query heads to each key-value head."""
    return LlamaForCausalLM(
        LlamaConfig(
            max_position_embeddings=CONTEXT,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            **_TOKENS,
        )
    )


MODELS: dict[str, Callable[[], PreTrainedModel]] = {"gpt": gpt, "llama": llama}


def make_source(name: str, *, seed: int = 0) -> CausalSource:
    """A source over a model of `MODELS` with random weights from `seed`. Raises `UnknownModel`."""
    if name not in MODELS:
        raise UnknownModel(f"no model `{name}`; known: {', '.join(MODELS)}")
    with _seeded(seed):
        return CausalSource(MODELS[name]())


class CausalSource:
    """Owns a model. Continues texts, says how much a text surprises it, and learns texts."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model.eval()

    @torch.inference_mode()
    def continuations(
        self, prompt: str, *, count: int = 1, length: int = 40, temperature: float = 1.0, seed: int = 0
    ) -> list[str]:
        """`count` texts of at most `length` bytes that go on where `prompt` ends.

        Temperature 0 takes the likeliest byte each time, and so has one text (else `GreedyHasOneText`). Of a
        prompt that leaves no room in the model's context only the end is read.
        """
        if not 0 < length < CONTEXT:
            raise ValueError(f"length: expected 1 to {CONTEXT - 1} bytes, found {length}")
        if temperature == 0 and count != 1:
            raise GreedyHasOneText(f"temperature 0 gives one continuation, not {count}")
        sampling = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        tokens = bytecode.encode(prompt)[-(CONTEXT - length) :]
        inputs = torch.tensor([tokens])
        with _seeded(seed):
            rows = self.model.generate(
                inputs,
                attention_mask=torch.ones_like(inputs),
                max_new_tokens=length,
                num_return_sequences=count,
                # GPT-2 draws over all tokens, and only bytes and END mean anything in a text.
                suppress_tokens=[bytecode.BEGIN, bytecode.PAD],
                **sampling,
            )
        return [bytecode.decode(row[len(tokens) :]) for row in rows.tolist()]

    @torch.inference_mode()
    def surprise(self, text: str) -> float:
        """Nats per byte that the model pays for `text` and its end: log(259) where it expects nothing.

        Raises `TextTooLong`.
        """
        inputs = torch.tensor([_complete(text)])
        return float(self.model(inputs, labels=inputs).loss)

    def learn(
        self, texts: Sequence[str], *, epochs: int = 60, learning_rate: float = 3e-3, seed: int = 0
    ) -> None:
        """Fit the model to `texts`, all of them in every step. Raises `TextTooLong`."""
        inputs, mask = _padded([_complete(text) for text in texts])
        labels = inputs.masked_fill(mask == 0, _IGNORED)
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=learning_rate)
        self.model.train()
        try:
            with _seeded(seed):
                for _ in range(epochs):
                    loss = self.model(inputs, attention_mask=mask, labels=labels).loss
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        finally:
            self.model.eval()


def _complete(text: str) -> list[int]:
    tokens = bytecode.encode(text, complete=True)
    if len(tokens) > CONTEXT:
        raise TextTooLong(f"{len(tokens)} tokens do not fit into the model's {CONTEXT}: {text[:40]!r}...")
    return tokens


def _padded(rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of different lengths as one tensor, padded on the right, and its attention mask."""
    inputs = torch.full((len(rows), max(map(len, rows))), bytecode.PAD)
    mask = torch.zeros_like(inputs)
    for number, row in enumerate(rows):
        inputs[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    return inputs, mask


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Random numbers from `seed` inside, and the caller's own stream untouched after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
