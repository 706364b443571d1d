"""Scores how well texts and images go together, with a small CLIP."""

from scoring.images import SIZE, prepare, to_pixels
from scoring.scorer import Match, NothingToScore, Scorer
from scoring.spelling import build_tokenizer

__all__ = ["SIZE", "Match", "NothingToScore", "Scorer", "build_tokenizer", "prepare", "to_pixels"]
