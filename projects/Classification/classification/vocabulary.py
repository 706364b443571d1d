"""A WordPiece vocabulary made from the texts themselves: nothing to download, and the same on every machine.

The library's own WordPiece trainer numbers its pieces in the order of a hash map, so two runs give two
vocabularies. Here the order is fixed: special tokens, single characters, then whole words by frequency.
Because every character is a piece, a word nobody saw before is still spelled out, not lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertTokenizerFast

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def build_vocabulary(texts: Iterable[str], *, size: int = 2000) -> dict[str, int]:
    """Piece -> id. Every character has a place; the most frequent words fill what is left of `size`."""
    normalizer, splitter = BertNormalizer(lowercase=True), BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    characters = sorted(set("".join(words)))
    pieces = [*SPECIAL_TOKENS, *characters, *(f"##{character}" for character in characters)]
    by_frequency = sorted((word for word in words if len(word) > 1), key=lambda word: (-words[word], word))
    pieces += by_frequency[: max(0, size - len(pieces))]
    return {piece: number for number, piece in enumerate(pieces)}


def build_tokenizer(texts: Iterable[str], *, max_length: int, size: int = 2000) -> BertTokenizerFast:
    """BERT's tokenizer over the vocabulary of `texts`; longer inputs are cut at `max_length` pieces."""
    vocabulary = build_vocabulary(texts, size=size)
    tokenizer = Tokenizer(WordPiece(vocab=vocabulary, unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.decoder = WordPieceDecoder()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length)
