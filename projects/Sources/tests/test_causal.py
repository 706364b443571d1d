from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from sources import MODELS, CausalSource, GreedyHasOneText, TextTooLong, UnknownModel, make_source
from sources.bytecode import BEGIN, END, PAD, SIZE, encode
from sources.causal import CONTEXT

TEXTS = ["Roof: solar panels", "Garden: a barrel for the rain", "Street: more trees, fewer cars"]


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def trained() -> dict[str, CausalSource]:
    sources = {name: make_source(name) for name in MODELS}
    for source in sources.values():
        source.learn(TEXTS)
    return sources


def test_the_same_seed_gives_the_same_texts_and_another_seed_others(name: str) -> None:
    source = make_source(name)

    texts = source.continuations("Roof", count=3, length=12, seed=1)

    assert len(set(texts)) == 3
    assert make_source(name).continuations("Roof", count=3, length=12, seed=1) == texts
    assert source.continuations("Roof", count=3, length=12, seed=2) != texts
    assert make_source(name, seed=1).continuations("Roof", count=3, length=12, seed=1) != texts


def test_an_untrained_source_expects_every_byte_alike(name: str) -> None:
    assert make_source(name).surprise(TEXTS[0]) == pytest.approx(math.log(SIZE), abs=0.3)


def test_surprise_is_the_mean_of_what_each_token_costs(name: str) -> None:
    source, tokens = make_source(name), encode(TEXTS[0], complete=True)

    with torch.inference_mode():
        scores = source.model(torch.tensor([tokens[:-1]])).logits[0].log_softmax(dim=-1)
    costs = [-scores[place, token].item() for place, token in enumerate(tokens[1:])]

    assert source.surprise(TEXTS[0]) == pytest.approx(sum(costs) / len(costs), rel=1e-4)


def test_a_learned_text_is_continued_to_its_end(name: str, trained: dict[str, CausalSource]) -> None:
    source = trained[name]

    assert source.continuations("Roof", temperature=0) == [": solar panels"]
    assert source.continuations("Garden: a", temperature=0) == [" barrel for the rain"]
    assert source.surprise(TEXTS[0]) < 0.5 < 2 < source.surprise("Xylophone quartz!")


def test_the_padding_of_short_texts_is_not_learned(name: str, trained: dict[str, CausalSource]) -> None:
    shortest = min(TEXTS, key=len)

    with torch.inference_mode():
        after_end = trained[name].model(torch.tensor([encode(shortest, complete=True)])).logits[0, -1]

    assert after_end.softmax(dim=-1)[PAD] < 0.01


def test_a_prompt_longer_than_the_context_is_read_from_its_end(
    name: str, trained: dict[str, CausalSource]
) -> None:
    end = "x" * (CONTEXT - 10)

    near, far = (trained[name].continuations(start + end, length=10) for start in ("a", "b" * 500))

    assert near == far
    with pytest.raises(ValueError, match=f"length: expected 1 to {CONTEXT - 1} bytes, found {CONTEXT}"):
        trained[name].continuations("a", length=CONTEXT)


def test_the_key_value_cache_changes_the_speed_and_not_the_text(
    name: str, trained: dict[str, CausalSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = trained[name].continuations("Str", count=2, length=20)
    monkeypatch.setattr(trained[name].model.generation_config, "use_cache", False)

    assert trained[name].continuations("Str", count=2, length=20) == cached


def test_every_sampled_token_before_the_end_is_a_byte(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_source(name)
    rows: list[list[int]] = []

    def recorded(*arguments: Any, **options: Any) -> torch.Tensor:
        output: torch.Tensor = generate(*arguments, **options)
        rows.extend(output.tolist())
        return output

    generate = source.model.generate
    monkeypatch.setattr(source.model, "generate", recorded)

    source.continuations("", count=16, length=60, temperature=50.0)

    texts = [row[1 : row.index(END) if END in row else None] for row in rows]
    assert sum(map(len, texts)) > 500
    assert max(map(max, filter(None, texts))) < BEGIN


def test_llama_shares_each_key_value_head_between_two_query_heads() -> None:
    model = make_source("llama").model

    keys, _ = model(torch.tensor([encode("a")]), use_cache=True).past_key_values[0]

    assert (keys.shape[1], model.config.num_attention_heads) == (2, 4)


def test_impossible_requests_are_refused_with_what_is_possible(name: str) -> None:
    with pytest.raises(GreedyHasOneText, match="one continuation, not 2"):
        make_source(name).continuations("a", count=2, temperature=0)
    with pytest.raises(UnknownModel, match="no model `bert`; known: gpt, llama"):
        make_source("bert")
    with pytest.raises(TextTooLong, match=f"{CONTEXT + 1} tokens do not fit"):
        make_source(name).surprise("x" * (CONTEXT - 1))
