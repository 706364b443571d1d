"""Sources of text: small GPT and Llama models behind one interface."""

from sources.causal import MODELS, CausalSource, GreedyHasOneText, TextTooLong, UnknownModel, make_source

__all__ = ["MODELS", "CausalSource", "GreedyHasOneText", "TextTooLong", "UnknownModel", "make_source"]
