from __future__ import annotations

import pytest
import torch
import torchvision
from PIL import Image, ImageDraw

from scoring import NothingToScore, Scorer, prepare
from scoring.scorer import MAX_TOKENS

COLOURS = ("red", "lime", "blue", "black")
TEXTS = [f"a {colour} circle" for colour in COLOURS]


def circle(colour: str, *, size: int = 64, radius: int = 24) -> Image.Image:
    image = Image.new("RGB", (size, size), "white")
    middle = size // 2
    box = (middle - radius, middle - radius, middle + radius, middle + radius)
    ImageDraw.Draw(image).ellipse(box, fill=colour)
    return image


@pytest.fixture(scope="module")
def trained() -> Scorer:
    scorer = Scorer.untrained()
    losses = scorer.learn([(circle(colour), text) for colour, text in zip(COLOURS, TEXTS, strict=True)])
    assert losses[-1] < 0.1 < 1 < losses[0]
    return scorer


@pytest.mark.parametrize("colour", COLOURS)
def test_a_learned_colour_is_recognised_in_a_picture_of_another_size(trained: Scorer, colour: str) -> None:
    matches = trained.rank(circle(colour, size=100, radius=34), TEXTS)

    assert matches[0].text == f"a {colour} circle"
    assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)
    assert sum(match.share for match in matches) == pytest.approx(1, abs=1e-5)
    assert matches[0].share > 0.5


def test_scores_are_cosines_with_a_row_an_image_and_a_column_a_text(trained: Scorer) -> None:
    images = [circle(colour) for colour in COLOURS[:3]]

    table = torch.tensor(trained.scores(images, TEXTS))

    assert table.shape == (3, 4)
    assert table.abs().max() <= 1 + 1e-5
    assert table.argmax(dim=1).tolist() == [0, 1, 2]


def test_scores_are_those_of_the_models_own_forward_pass(trained: Scorer) -> None:
    images, texts = [circle("red"), circle("blue")], ["a red circle", "blue"]

    inputs = trained.tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        output = trained.model(**inputs, pixel_values=prepare(images))
        expected = output.logits_per_image / trained.model.logit_scale.exp()

    torch.testing.assert_close(torch.tensor(trained.scores(images, texts)), expected, atol=1e-5, rtol=0)


def test_the_company_of_longer_texts_does_not_change_a_score(trained: Scorer) -> None:
    ((alone,),) = trained.scores([circle("red")], ["red"])
    ((padded, _),) = trained.scores([circle("red")], ["red", "a circle as red as a rose in June"])

    assert padded == pytest.approx(alone, abs=1e-5)


def test_a_text_is_spelled_in_bytes_and_cut_at_the_models_limit(trained: Scorer) -> None:
    tokenizer = trained.tokenizer

    assert tokenizer.decode(tokenizer("Größe 東!").input_ids, skip_special_tokens=True) == "größe 東!"
    assert tokenizer.unk_token_id not in tokenizer("Größe 東!").input_ids[:-1]
    assert tokenizer.tokenize("art arts") == ["a", "r", "t</w>", "a", "r", "t", "s</w>"]
    long = tokenizer("x" * 1000, truncation=True).input_ids
    assert (len(long), long[-1]) == (MAX_TOKENS, tokenizer.eos_token_id)


def test_the_seed_decides_the_scores() -> None:
    question = [circle("red")], TEXTS

    first, again, other = (Scorer.untrained(seed=seed).scores(*question) for seed in (1, 1, 2))

    assert first == again != other


def test_a_question_without_images_or_texts_is_refused(trained: Scorer) -> None:
    with pytest.raises(NothingToScore, match="found 0 and 1"):
        trained.scores([], ["a"])
    with pytest.raises(NothingToScore, match="found 1 and 0"):
        trained.rank(circle("red"), [])


def test_the_compiled_part_of_torchvision_fits_this_torch() -> None:
    # Its operators are built against one torch; under another they are silently not registered.
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])

    kept = torchvision.ops.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), iou_threshold=0.5)

    assert kept.tolist() == [1, 2]
