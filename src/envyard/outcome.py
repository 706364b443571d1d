"""What setting up may be asked for, and what became of each environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from envyard.definition import Definition
from envyard.environment import Environment
from envyard.errors import EnvyardError
from envyard.health import Health
from envyard.pathlimit import PathLimit, path_limit


class Action(StrEnum):
    """What setting up did to an environment."""

    KEPT = "kept"
    BUILT = "built"
    REBUILT = "rebuilt"
    LINKED = "linked"
    PLANNED = "planned"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`update` also rebuilds what works but is stale; `force` rebuilds all; `frozen` refuses a stale lockfile;

    `replace_foreign` sets a folder that envyard did not make aside; `dry_run` only says what would be done;
    `jobs` builds at a time (0: as many as there are environments, at most eight); `path_limit` is asked for each build.
    """

    update: bool = False
    force: bool = False
    frozen: bool = False
    replace_foreign: bool = False
    dry_run: bool = False
    jobs: int = 0
    path_limit: Callable[[], PathLimit | None] = path_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one environment. `environment` is the one to use, also after a failure when an old one is left."""

    definition: Definition
    action: Action
    environment: Environment | None = None
    health: Health | None = None
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0
    error: EnvyardError | None = None

    @property
    def key(self) -> str:
        return self.definition.key
