"""Write lockfiles: `envs.lock`.

A lockfile must serve every platform of the workspace. uv's universal resolution reads the metadata of one wheel of each
version and takes it for all; torch 2.0.0 publishes other dependencies in its Linux wheel than in the rest, so the CUDA
libraries would be missing from the lockfile. Each platform is therefore resolved by itself too, and what the universal
resolution lacks is added, with a marker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.errors import EnvyardError, ExitCode
from envyard.events import Listener, ignore
from envyard.process import Cancellation
from envyard.project import Project, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOutcome:
    """What became of one lockfile: `changes` in words ("added x 1.0"), empty when it stayed as it was."""

    key: str
    lockfile: Path | None
    changed: bool
    changes: tuple[str, ...] = ()
    seconds: float = 0.0
    error: EnvyardError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """Outcomes in the order of the projects; a project without a `lockfile` in workspace.toml is left out."""

    outcomes: tuple[LockOutcome, ...]
    seconds: float

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if any(outcome.error for outcome in self.outcomes) else ExitCode.DONE


def lock(
    workspace: Workspace,
    projects: Sequence[Project],
    *,
    upgrade: bool = False,
    stale_only: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> LockResult:
    """Resolve the requirements of each project into its lockfile. Pins stay where they can unless `upgrade`."""
    raise NotImplementedError
