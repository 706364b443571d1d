from __future__ import annotations

from pathlib import Path

import pytest
import torch

from classification import Example, TextClassifier, UnknownLabel

LABELS = ("energy", "health", "transport")
TEXTS = {
    "energy": ["solar panels on the roof", "store wind power at night", "heat the house with solar power"],
    "health": ["remind patients of their medicine", "a sleep diary for doctors", "medicine for every doctor"],
    "transport": ["share a bicycle at the station", "plan the night train", "a bus to every train station"],
}
EXAMPLES = [Example(text=text, label=label) for label, texts in TEXTS.items() for text in texts]
ALL_TEXTS = [example.text for example in EXAMPLES]


@pytest.fixture(scope="module")
def trained() -> TextClassifier:
    classifier = TextClassifier.untrained(ALL_TEXTS, LABELS)
    classifier.fit(EXAMPLES)
    return classifier


def test_training_lowers_the_loss_and_separates_the_examples(trained: TextClassifier) -> None:
    losses = TextClassifier.untrained(ALL_TEXTS, LABELS).fit(EXAMPLES)

    assert len(losses) == 40
    assert losses[-1] < 0.4 < losses[0]
    for example, verdict in zip(EXAMPLES, trained.classify(ALL_TEXTS), strict=True):
        assert verdict.label == example.label


@pytest.mark.parametrize(
    ("text", "label"),
    [("Solar heat", "energy"), ("medicine and sleep", "health"), ("A bicycle on the train", "transport")],
)
def test_new_texts_get_the_label_of_the_words_they_share(
    trained: TextClassifier, text: str, label: str
) -> None:
    assert trained.classify([text])[0].label == label


def test_probabilities_sum_to_one_and_the_label_is_the_most_probable(trained: TextClassifier) -> None:
    for verdict in trained.classify([*ALL_TEXTS, "", "???"]):
        assert tuple(verdict.probabilities) == LABELS
        assert sum(verdict.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert verdict.confidence == max(verdict.probabilities.values())


def test_the_company_of_longer_texts_does_not_change_a_verdict(trained: TextClassifier) -> None:
    alone = trained.classify(["solar"])[0]
    padded = trained.classify(["solar", "a bus to every train station " * 4])[0]

    assert padded.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert trained.classify([]) == []


def test_a_saved_classifier_gives_the_same_verdicts(trained: TextClassifier, tmp_path: Path) -> None:
    trained.save(tmp_path)

    loaded = TextClassifier.load(tmp_path)

    assert loaded.labels == LABELS
    assert loaded.tokenizer.model_max_length == trained.tokenizer.model_max_length
    assert loaded.classify(ALL_TEXTS) == trained.classify(ALL_TEXTS)


def test_the_seed_decides_the_weights_and_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)

    first, again, other = (TextClassifier.untrained(ALL_TEXTS, LABELS, seed=seed) for seed in (1, 1, 2))
    histories = [classifier.fit(EXAMPLES, epochs=2) for classifier in (first, again, other)]

    assert histories[0] == histories[1] != histories[2]
    assert torch.equal(torch.rand(3), expected)


def test_an_unknown_label_is_named_and_nothing_is_trained() -> None:
    classifier = TextClassifier.untrained(ALL_TEXTS, LABELS)
    before = classifier.classify(["solar"])

    with pytest.raises(UnknownLabel, match="no such label: sport; known: energy, health, transport"):
        classifier.fit([*EXAMPLES, Example(text="run", label="sport")])

    assert classifier.classify(["solar"]) == before
