"""The idea record and its SQLite store."""

from model.idea import ForbiddenMove, Idea, InvalidIdea, State
from model.store import DuplicateIdea, IdeaNotFound, IdeaStore, StoreTooNew

__all__ = [
    "DuplicateIdea",
    "ForbiddenMove",
    "Idea",
    "IdeaNotFound",
    "IdeaStore",
    "InvalidIdea",
    "State",
    "StoreTooNew",
]
