"""The engine in this process, on a workspace of the kit: real commands, whose results a test can look into."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envyard.commands.clean import clean
from envyard.commands.doctor import DoctorResult, doctor
from envyard.commands.inspect import EnvironmentDetails, EnvironmentRow, list_environments, show_environment
from envyard.commands.lock import LockOutcome, LockResult, lock
from envyard.commands.prune import prune
from envyard.commands.removal import RemovalResult
from envyard.commands.rollback import RollbackResult, rollback
from envyard.commands.setup import SetupResult, setup
from envyard.definition import Definition, Kind, project_definition
from envyard.environment import Environment
from envyard.errors import EnvyardError
from envyard.events import Event
from envyard.installers.base import Work
from envyard.interpreter import find_interpreter
from envyard.process import Cancellation
from envyard.project import Project, Workspace
from envyard.provision import Options, Outcome
from envyard.store import Store
from envyard.workspace import load_workspace, select_projects
from kit.audit import audit_environment, installed
from kit.isolation import environment as variables
from kit.workspaces import WorkspaceKit

_LASTING = ("seed", "virtualenv", "lines-", "options-")  # in the cache of a store


class Engine:
    """Runs commands of envyard on `kit.root` with the variables of the kit; `events` hears everything.

    Nothing is remembered between two calls: the workspace is read anew, and interpreters are looked for anew.
    """

    def __init__(self, kit: WorkspaceKit) -> None:
        self.kit = kit
        self.events: list[Event] = []

    # --- what there is

    @property
    def root(self) -> Path:
        return self.kit.root

    def move(self, target: Path) -> None:
        """Give the workspace another place or name."""
        os.rename(self.root, target)
        self.kit.root = target

    def workspace(self) -> Workspace:
        find_interpreter.cache_clear()
        return load_workspace(self.root)

    def project(self, key: str) -> Project:
        (project,) = select_projects(self.workspace(), [key])
        return project

    def definition(self, key: str) -> Definition:
        return project_definition(self.workspace(), self.project(key))

    def store(self) -> Store:
        return Store(self.workspace().store)

    def environment(self, key: str) -> Environment:
        """The current environment of a project, which has to be there."""
        found = self.store().current(Kind.PROJECT, key)
        assert found is not None, f"{key} has no environment"
        return found

    def generations(self, key: str = "") -> set[str]:
        """The committed generations, of one project or of all."""
        return {each.generation for each in self.store().committed() if key in ("", each.key)}

    def sound(self, key: str) -> dict[str, str]:
        """The packages of an environment that people see: fail unless it is complete and its python starts."""
        problems = audit_environment(self.kit.venv(key))
        assert not problems, problems
        done = self.kit.run_python(key, "-c", "import pip, sys; print(sys.prefix)")
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.strip()).parent == self.store().generations.resolve(), done.stdout
        return {name: version for name, version in installed(self.kit.venv(key)).items() if name != "pip"}

    def leftovers(self) -> list[str]:
        """What an ended command should not have left in the store or beside the links."""
        store = self.store()
        found = [f"g/{name}" for name in store.uncommitted()]
        for folder in (store.trash, store.root / "cache"):
            if folder.is_dir():
                found += [f"{folder.name}/{name}" for name in os.listdir(folder) if not name.startswith(_LASTING)]
        for project in self.workspace().projects:
            found += [str(path) for path in project.path.glob(".venv-*")]
        return found

    # --- commands

    def setup(self, *keys: str, **options: Any) -> SetupResult:
        workspace = self.workspace()
        with variables(self.kit.env):
            return setup(
                workspace, select_projects(workspace, keys), options=Options(**options), listener=self.events.append
            )

    def build(self, *keys: str, **options: Any) -> SetupResult:
        """Set up, and fail the test when that fails."""
        result = self.setup(*keys, **options)
        assert not result.failed, "\n".join(str(outcome.error) for outcome in result.failed)
        return result

    def outcome(self, key: str, **options: Any) -> Outcome:
        """What setting up one project makes of it."""
        (outcome,) = self.setup(key, **options).outcomes
        return outcome

    def failure(self, key: str, **options: Any) -> EnvyardError:
        """The one clear error with which setting up `key` has to fail."""
        error = self.outcome(key, **options).error
        assert error is not None, f"setting up {key} worked"
        return clear(error)

    def doctor(self, *keys: str, **options: Any) -> DoctorResult:
        workspace = self.workspace()
        with variables(self.kit.env):
            return doctor(workspace, select_projects(workspace, keys), listener=self.events.append, **options)

    def lock(self, *keys: str, **options: Any) -> LockResult:
        workspace = self.workspace()
        with variables(self.kit.env):
            return lock(workspace, select_projects(workspace, keys), listener=self.events.append, **options)

    def lock_one(self, key: str, **options: Any) -> LockOutcome:
        (outcome,) = self.lock(key, **options).outcomes
        return outcome

    def clean(self, *keys: str, **options: Any) -> RemovalResult:
        workspace = self.workspace()
        return clean(workspace, select_projects(workspace, keys), **options)

    def prune(self, **options: Any) -> RemovalResult:
        return prune(self.workspace(), **options)

    def rollback(self, key: str) -> RollbackResult:
        workspace = self.workspace()
        with variables(self.kit.env):
            return rollback(workspace, self.project(key))

    def rows(self, *keys: str) -> dict[str, EnvironmentRow]:
        workspace = self.workspace()
        return {row.key: row for row in list_environments(workspace, select_projects(workspace, keys))}

    def show(self, key: str) -> EnvironmentDetails:
        return show_environment(self.workspace(), self.project(key))

    def work(self, key: str, log: Path | None = None) -> Work:
        """What an installer or audit called without a build needs."""
        return Work(key=key, listener=self.events.append, cancellation=Cancellation(), log=log)


def clear(error: EnvyardError) -> EnvyardError:
    """Fail unless the error is one that a person can act on: one line, a hint, nothing of Python's inside."""
    assert error.message, repr(error)
    assert "\n" not in error.message, error.message
    assert len(error.message) < 250, error.message
    assert error.hint, f"no hint: {error}"
    for word in ("Traceback", "Errno", "Error(", "Exception", "None"):
        assert word not in error.message, error.message
    return error


def texts(details: Sequence[str]) -> str:
    """Lines of evidence as one line, to search in."""
    return " ".join(" ".join(details).split())
