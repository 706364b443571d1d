"""Look at environments without changing them: `envs.list`, `envs.show`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.definition import Kind, project_definition
from envyard.environment import Environment
from envyard.errors import EnvyardError
from envyard.fingerprint import take_fingerprint
from envyard.health import Grade, Health, check_health
from envyard.locks import Holder, in_use, read_holder
from envyard.project import Project, Workspace
from envyard.publish import Published, published
from envyard.requirements import lockfile_is_stale
from envyard.sizes import disk_use
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRow:
    """One line of `envs.list`. Times are seconds since the epoch, sizes bytes; `path` is what people use."""

    key: str
    kind: Kind
    project: str
    path: Path
    python_version: str
    generation: str
    grade: Grade
    reasons: tuple[str, ...]
    packages: int
    apparent_bytes: int
    unique_bytes: int
    created: float | None
    last_used: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDetails:
    """All that is known of one environment, for `envs.show`."""

    row: EnvironmentRow
    environment: Environment | None
    previous: tuple[Environment, ...]
    build_reasons: tuple[str, ...]
    published: Published
    lockfile_stale: bool
    in_use: bool
    last_builder: Holder | None


def list_environments(workspace: Workspace, projects: Sequence[Project]) -> tuple[EnvironmentRow, ...]:
    """A row for each project, in the order of the workspace, built or not."""
    store = Store(workspace.store)
    found = [(project, store.current(Kind.PROJECT, project.key)) for project in projects]
    unique = disk_use(current_environments(store)).unique
    return tuple(
        _row(store, workspace, project, environment, unique.get(environment.generation, 0) if environment else 0)
        for project, environment in found
    )


def show_environment(workspace: Workspace, project: Project) -> EnvironmentDetails:
    """Everything about the environment of one project."""
    store = Store(workspace.store)
    (row,) = list_environments(workspace, [project])
    environment = store.current(Kind.PROJECT, project.key)
    pointer = store.pointer(Kind.PROJECT, project.key) if environment is not None else None
    previous = [store.load(name) for name in (pointer.previous if pointer else ())]
    return EnvironmentDetails(
        row=row,
        environment=environment,
        previous=tuple(env for env in previous if env is not None),
        build_reasons=pointer.reasons if pointer else (),
        published=published(store, project.link, environment),
        lockfile_stale=lockfile_is_stale(project_definition(workspace, project)),
        in_use=environment is not None and in_use(store, environment.generation),
        last_builder=read_holder(store, Kind.PROJECT, project.key),
    )


def current_environments(store: Store) -> list[Environment]:
    """What every env key has now. Among these is counted what an environment shares with no other."""
    found = (store.load(pointer.current) for pointer in store.pointers())
    return [environment for environment in found if environment is not None]


def project_health(workspace: Workspace, project: Project, environment: Environment | None) -> Health:
    """The grade of a project's environment; a definition that cannot be read is a reason, not an exception."""
    try:
        return check_health(environment, take_fingerprint(project_definition(workspace, project)))
    except EnvyardError as error:
        health = check_health(environment, None)
        grade = Grade.STALE if health.grade == Grade.OK else health.grade
        # nobody knows what it asks for now, but what is there is not it
        return Health(grade=grade, reasons=(error.message, *health.reasons), outdated=True)


def _row(
    store: Store, workspace: Workspace, project: Project, environment: Environment | None, unique: int
) -> EnvironmentRow:
    health = project_health(workspace, project, environment)
    return EnvironmentRow(
        key=project.key,
        kind=Kind.PROJECT,
        project=project.title,
        path=project.link,
        python_version=environment.interpreter.version if environment else "",
        generation=environment.generation if environment else "",
        grade=health.grade,
        reasons=() if environment is None and health.reasons == ("first build",) else health.reasons,
        packages=len(environment.packages) if environment else 0,
        apparent_bytes=environment.apparent_bytes if environment else 0,
        unique_bytes=unique,
        created=environment.created if environment else None,
        last_used=store.last_used(Kind.PROJECT, project.key),
    )
