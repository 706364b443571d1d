"""Set up environments: `envs.setup-all`, `envs.setup`, `envs.update-all`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from envyard.definition import project_definition
from envyard.errors import EnvyardError, ExitCode
from envyard.events import Listener, ignore
from envyard.process import Cancellation
from envyard.project import Project, Workspace
from envyard.provision import Action, Options, Outcome, ensure_all
from envyard.sizes import DiskUse, disk_use
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupResult:
    """Outcomes in the order of the projects; `disk` is None for a dry run or when nothing was built."""

    outcomes: tuple[Outcome, ...]
    seconds: float
    disk: DiskUse | None = None
    dry_run: bool = False

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.action == Action.FAILED)

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if self.failed else ExitCode.DONE


def setup(
    workspace: Workspace,
    projects: Sequence[Project],
    *,
    options: Options | None = None,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> SetupResult:
    """Make the environments of `projects` so. Raises `Cancelled`; every other expected error is in the outcomes."""
    started = time.monotonic()
    options = options or Options()
    store = Store(workspace.store)
    definitions = [project_definition(workspace, project) for project in projects]
    outcomes = ensure_all(store, definitions, options=options, listener=listener, cancellation=cancellation)
    disk = None
    if any(outcome.action not in (Action.KEPT, Action.PLANNED) for outcome in outcomes):
        with contextlib.suppress(EnvyardError, OSError):  # a full disk, for one: what failed is in the outcomes
            store.sweep()
            store.empty_trash()
    if any(outcome.action in (Action.BUILT, Action.REBUILT) for outcome in outcomes):
        disk = disk_use(outcome.environment for outcome in outcomes if outcome.environment is not None)
    return SetupResult(outcomes=outcomes, seconds=time.monotonic() - started, disk=disk, dry_run=options.dry_run)
