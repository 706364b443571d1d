"""Named checks, each with its fix: `envs.doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from envyard.errors import ExitCode
from envyard.events import Listener, ignore
from envyard.process import Cancellation
from envyard.project import Project, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check of one environment (`key` "" is the workspace itself). `fix` is the command to type, or ""."""

    check: str
    key: str
    ok: bool
    message: str
    fix: str = ""
    fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorResult:
    """Every finding, also the good ones."""

    findings: tuple[Finding, ...]
    seconds: float

    @property
    def problems(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.ok and not finding.fixed)

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if self.problems else ExitCode.DONE


def doctor(
    workspace: Workspace,
    projects: Sequence[Project],
    *,
    deep: bool = False,
    fix: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> DoctorResult:
    """Run every check on `projects`; `deep` reads and hashes every installed file; `fix` repairs what it can."""
    raise NotImplementedError
