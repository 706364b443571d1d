"""An HTTP service that finds texts near a text."""

from backend.service import create_app
from backend.text_model import TextModel

__all__ = ["TextModel", "create_app"]
