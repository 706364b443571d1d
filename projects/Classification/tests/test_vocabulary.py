from __future__ import annotations

from classification import build_tokenizer, build_vocabulary


def test_words_are_numbered_by_frequency_after_special_tokens_and_characters() -> None:
    vocabulary = build_vocabulary(["Ba ab ba", "ab ba!"])

    assert list(vocabulary) == [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *("!", "a", "b", "##!", "##a", "##b"),
        *("ba", "ab"),
    ]
    assert list(vocabulary.values()) == list(range(len(vocabulary)))


def test_a_small_vocabulary_drops_rare_words_but_no_character() -> None:
    texts = ["common common rare"]

    vocabulary = build_vocabulary(texts, size=len(build_vocabulary(texts)) - 1)

    assert "common" in vocabulary
    assert "rare" not in vocabulary
    assert set("commonrare") < vocabulary.keys()


def test_an_unseen_word_is_spelled_and_only_unseen_characters_are_lost() -> None:
    tokenizer = build_tokenizer(["roof panel"], max_length=16)

    assert tokenizer.tokenize("roof Rope 東") == ["roof", "r", "##o", "##p", "##e", "[UNK]"]
    assert tokenizer.decode(tokenizer("Panel rope").input_ids) == "[CLS] panel rope [SEP]"


def test_long_texts_are_cut_at_the_models_limit() -> None:
    tokenizer = build_tokenizer(["roof"], max_length=8)

    pieces = tokenizer("roof " * 20, truncation=True).input_ids

    assert len(pieces) == 8
    assert pieces[-1] == tokenizer.sep_token_id
