"""The answer to "which Python runs this model?", as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypedDict


class Source(StrEnum):
    """Where an environment comes from, best first."""

    SHARED = "shared"
    SHARED_PREVIOUS = "shared-previous"
    LEGACY = "legacy-per-model"
    LEGACY_FALLBACK = "legacy-per-model-fallback"


class EnvMetadata(TypedDict):
    """All that is known of an answer. Texts are "" and times 0.0 where there is nothing to say.

    - `env_key`: the env key of a shared environment, the folder name of an old one.
    - `status`: `OK`, `STALE` (works, its profile asks for something newer), `DRIFTED` (works, changed by hand) or
      `DEGRADED` (works, less than its profile promises); `reasons` why.
    - `source`: a value of `Source`. `profile`, `title`: the profile that serves the model.
    - `migration_target`: the env key that would replace an old environment; `legacy_path`: the folder of the old one.
    - `warning`: one sentence to show to a person, when something is less than good.
    - `path`, `generation`, `python_version`: of the environment; `environment`: variables to set for its processes.
    - `model`: the resolved path or hub id; `degraded_since`: seconds since the epoch.
    """

    env_key: str
    status: str
    source: str
    profile: str
    title: str
    migration_target: str
    legacy_path: str
    warning: str
    reasons: list[str]
    path: str
    generation: str
    python_version: str
    environment: dict[str, str]
    model: str
    degraded_since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSpec:
    """One environment to use: start `python_executable`, which an update never takes away from running processes."""

    key: str
    python_executable: Path
    metadata: EnvMetadata

    @property
    def source(self) -> Source:
        return Source(self.metadata["source"])

    @property
    def degraded(self) -> bool:
        return self.metadata["status"] == "DEGRADED"
