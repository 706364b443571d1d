"""Sorts texts into labels with a small BERT."""

from classification.classifier import Example, TextClassifier, UnknownLabel, Verdict
from classification.vocabulary import build_tokenizer, build_vocabulary

__all__ = ["Example", "TextClassifier", "UnknownLabel", "Verdict", "build_tokenizer", "build_vocabulary"]
