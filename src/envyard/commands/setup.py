"""Set up environments: `envs.setup-all`, `envs.setup`, `envs.update-all`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from envyard.definition import Kind, profile_definition, project_definition
from envyard.errors import EnvyardError, ExitCode
from envyard.events import Listener, Warned, ignore
from envyard.platforms import this_platform
from envyard.process import Cancellation
from envyard.profile import Profile
from envyard.profilefile import load_profile
from envyard.project import Project, Workspace
from envyard.provision import Action, Options, Outcome, ensure_all
from envyard.sizes import DiskUse, disk_use
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupResult:
    """Outcomes of the projects, then of the profiles; `disk` is None for a dry run or when nothing was built."""

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
    profiles: Sequence[Profile] = (),
    options: Options | None = None,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> SetupResult:
    """Make the environments of `projects` and `profiles` so. Raises `Cancelled`; every other expected error is in the
    outcomes."""
    started = time.monotonic()
    options = options or Options()
    store = Store(workspace.store)
    definitions = [project_definition(workspace, project) for project in projects]
    outcomes = ensure_all(store, definitions, options=options, listener=listener, cancellation=cancellation)
    if profiles:
        from envyard.sharing import ensure_shared  # what models need, which a set-up of projects can spare
    for profile in profiles:  # one after the other: what they share is fetched by the first of them
        definition = profile_definition(workspace, profile, this_platform())
        outcome = ensure_shared(
            store, profile, definition, options=options, listener=listener, cancellation=cancellation
        )
        outcomes = (*outcomes, outcome)
    disk = None
    if any(outcome.action not in (Action.KEPT, Action.PLANNED) for outcome in outcomes):
        with contextlib.suppress(EnvyardError, OSError):  # a full disk, for one: what failed is in the outcomes
            store.sweep()
            left = store.empty_trash()
            if left:
                message = f"{len(left)} files of older environments are still in use; `invoke envs.prune` removes them"
                listener(Warned(key="", message=message))
    if any(outcome.action in (Action.BUILT, Action.REBUILT) for outcome in outcomes):
        disk = disk_use(outcome.environment for outcome in outcomes if outcome.environment is not None)
    return SetupResult(outcomes=outcomes, seconds=time.monotonic() - started, disk=disk, dry_run=options.dry_run)


def built_profiles(workspace: Workspace) -> tuple[tuple[Profile, ...], tuple[EnvyardError, ...]]:
    """The profiles that have an environment in the store, and why others that have one cannot be read any more."""
    profiles, errors = [], []
    for key in sorted(pointer.key for pointer in Store(workspace.store).pointers() if pointer.kind == Kind.PROFILE):
        try:
            profiles.append(load_profile(workspace.root, key))
        except EnvyardError as error:
            errors.append(error)
    return tuple(profiles), tuple(errors)
