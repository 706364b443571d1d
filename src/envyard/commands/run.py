"""Run a command in an environment, with a lease on its generation: `envs.run`, and the nox sessions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from envyard.definition import Kind
from envyard.environment import SCRIPTS, Environment
from envyard.errors import EnvironmentMissing
from envyard.health import check_health
from envyard.locks import take_lease
from envyard.process import child_environment, run_foreground
from envyard.project import Project, Workspace
from envyard.store import Store


def run_in(workspace: Workspace, project: Project, command: Sequence[str], *, cwd: Path | None = None) -> int:
    """Run `command` on the caller's terminal in the environment of `project`; returns its exit code as a shell would.

    Raises `EnvironmentMissing` when there is no usable environment, `CommandFailed` when the command cannot be started.
    """
    store = Store(workspace.store)
    usable_environment(store, project)
    with take_lease(store, Kind.PROJECT, project.key) as lease:
        store.touch(Kind.PROJECT, project.key)
        environment = lease.environment
        variables = activated(environment, project.environment)
        return run_foreground(
            _resolved(command, environment), cwd=cwd, environment=variables, pass_fds=lease.descriptors
        )


def usable_environment(store: Store, project: Project) -> Environment:
    """The current environment of a project. Raises `EnvironmentMissing` with the command to type."""
    environment = store.current(Kind.PROJECT, project.key)
    health = check_health(environment, None)
    if environment is None or not health.grade.usable:
        why = f": {'; '.join(health.reasons)}" if environment is not None else ""
        raise EnvironmentMissing(
            f"`{project.title}` has no usable environment{why}", hint=f"run `invoke envs.setup {project.key}`"
        )
    return environment


def activated(environment: Environment, extra: Mapping[str, str]) -> dict[str, str]:
    """The variables of an activated environment, as its `activate` script would set them, plus the project's own."""
    variables = child_environment(extra)
    variables["VIRTUAL_ENV"] = str(environment.path)
    variables["VIRTUAL_ENV_PROMPT"] = environment.key
    variables["PATH"] = os.pathsep.join(filter(None, [str(environment.path / SCRIPTS), variables.get("PATH", "")]))
    return variables


def _resolved(command: Sequence[str], environment: Environment) -> list[str]:
    """The command with a program of the environment by its full path: the child's PATH does not find it on Windows."""
    program, *arguments = command
    if os.path.dirname(program) == "":
        for suffix in ("", ".exe", ".cmd", ".bat"):
            candidate = environment.path / SCRIPTS / f"{program}{suffix}"
            if candidate.is_file():
                return [str(candidate), *arguments]
    return [program, *arguments]
