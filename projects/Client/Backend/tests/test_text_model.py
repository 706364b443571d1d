from __future__ import annotations

import pytest
import torch

from backend import TextModel
from backend.text_model import DIMENSIONS, MAX_WORDS

TEXTS = ["solar tiles on the roof", "a night train to Rome", "x"]


@pytest.fixture(scope="module")
def model() -> TextModel:
    return TextModel()


def test_vectors_have_length_one_whatever_the_text(model: TextModel) -> None:
    vectors = model.vectors([*TEXTS, "", "?!", "word " * 500])

    assert vectors.shape == (6, DIMENSIONS)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(6))


def test_the_company_of_longer_texts_does_not_change_a_vector(model: TextModel) -> None:
    together = model.vectors(TEXTS)

    for text, vector in zip(TEXTS, together, strict=True):
        torch.testing.assert_close(model.vectors([text])[0], vector, atol=1e-5, rtol=0)


def test_a_text_is_nearest_to_itself_then_to_texts_with_its_words(model: TextModel) -> None:
    same, shares, foreign = model.similarities(
        "Solar tiles on the roof", ["solar TILES, on the roof!", "a roof with solar tiles", TEXTS[1]]
    )

    assert same == pytest.approx(1, abs=1e-5)
    assert same > shares > foreign


def test_words_beyond_the_limit_are_not_read(model: TextModel) -> None:
    full = " ".join(f"word{number}" for number in range(MAX_WORDS - 1))

    assert torch.equal(model.vectors([full]), model.vectors([f"{full} and more"]))
    assert not torch.equal(model.vectors([full]), model.vectors([full.replace("word126", "end")]))


def test_the_seed_decides_the_vectors(model: TextModel) -> None:
    assert torch.equal(TextModel().vectors(TEXTS), model.vectors(TEXTS))
    assert not torch.equal(TextModel(seed=1).vectors(TEXTS), model.vectors(TEXTS))
