"""Take environments away, and get the previous one back: `envs.clean`, `envs.prune`, `envs.rollback`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.environment import Environment
from envyard.errors import EnvyardError, ExitCode
from envyard.project import Project, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One thing that was, or with a dry run would be, removed. `error` says why it stayed."""

    key: str
    what: str
    path: Path
    bytes: int
    reason: str
    error: EnvyardError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalResult:
    """`freed` is in bytes, counted by inode: what only the removed environments used."""

    removals: tuple[Removal, ...]
    freed: int
    dry_run: bool = False

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if any(removal.error for removal in self.removals) else ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackResult:
    """The environment before and the one that is current now."""

    key: str
    before: Environment
    now: Environment


def clean(workspace: Workspace, projects: Sequence[Project], *, dry_run: bool = False) -> RemovalResult:
    """Remove the environments of `projects`, all generations of them, unless a live process uses one."""
    raise NotImplementedError


def prune(
    workspace: Workspace,
    *,
    unused_for: float | None = None,
    keep_size: int | None = None,
    dry_run: bool = False,
) -> RemovalResult:
    """Remove what nobody needs: abandoned builds, generations without pointer, previous ones, the trash.

    With `unused_for` (seconds) environments not used for so long go too; with `keep_size` (bytes) the least recently
    used go until the rest fits. Nothing that a live process uses is touched.
    """
    raise NotImplementedError


def rollback(workspace: Workspace, project: Project) -> RollbackResult:
    """Make the previous generation the current one again; doing it twice is where you started."""
    raise NotImplementedError
