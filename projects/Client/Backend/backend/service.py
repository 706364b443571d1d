"""The service: `python -m uvicorn --factory backend:create_app` serves it with a model of its own."""

from __future__ import annotations

from typing import Annotated

import torch
import transformers
from fastapi import FastAPI
from pydantic import BaseModel, Field

from backend.text_model import TextModel

MAX_CANDIDATES = 100

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Health(BaseModel):
    """That the service answers, and what it runs on."""

    status: str
    torch: str
    transformers: str


class SimilarRequest(BaseModel):
    """Which of `candidates` are nearest to `text`?"""

    text: Text
    candidates: Annotated[list[Text], Field(min_length=1, max_length=MAX_CANDIDATES)]
    limit: Annotated[int, Field(ge=1)] = 10


class Similar(BaseModel):
    """A candidate and its cosine similarity, -1 to 1."""

    text: str
    score: float


def create_app(model: TextModel | None = None) -> FastAPI:
    """The application over `model`, or over a new one."""
    model = model or TextModel()
    app = FastAPI(title="Ideas")

    @app.get("/health")
    def health() -> Health:
        return Health(status="ok", torch=torch.__version__, transformers=transformers.__version__)

    # Plain functions: FastAPI runs them in threads, so a long computation does not stop the event loop.
    @app.post("/similar")
    def similar(request: SimilarRequest) -> list[Similar]:
        scores = model.similarities(request.text, request.candidates)
        ranked = sorted(zip(request.candidates, scores, strict=True), key=lambda pair: -pair[1])
        return [Similar(text=text, score=score) for text, score in ranked[: request.limit]]

    return app
