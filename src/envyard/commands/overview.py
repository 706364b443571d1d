"""Everything about all environments at one moment, without changing them: `envs.report`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import envyard
from envyard.commands.checks import Finding, check_environment, check_link, check_lockfile, check_pointer
from envyard.commands.inspect import EnvironmentRow, current_environments, list_environments, project_health
from envyard.commands.matrix import Matrix, version_matrix
from envyard.commands.shared import (
    LEGACY_KIND,
    ModelEnvironmentRow,
    definition_of,
    list_model_environments,
    old_finding,
    shared_findings,
    shared_health,
)
from envyard.definition import Kind, project_definition
from envyard.environment import Environment
from envyard.health import Grade, check_health
from envyard.history import Event, What, load_history, with_builds
from envyard.legacy import list_legacy
from envyard.project import Project, Workspace
from envyard.records import ModelRecord, load_models
from envyard.sizes import disk_use
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentReport:
    """One environment of a project, a profile or (`kind` legacy) a single model. Times are seconds since the epoch,
    sizes bytes; `apparent_bytes` is 0 where nobody measured.

    `environment` is its current generation, None for what was never built, and for an old one of a single model.
    `problems` are what a look at it finds wrong, each with the command that heals it; `history` begins with the oldest
    event; `models` are those that use it, `degraded_since` when one of them first got less than it should.
    """

    key: str
    kind: str
    title: str
    path: Path
    grade: Grade
    reasons: tuple[str, ...] = ()
    problems: tuple[Finding, ...] = ()
    environment: Environment | None = None
    python_version: str = ""
    apparent_bytes: int = 0
    unique_bytes: int = 0
    created: float | None = None
    last_used: float | None = None
    models: tuple[str, ...] = ()
    degraded_since: float | None = None
    history: tuple[Event, ...] = ()

    @property
    def shared_bytes(self) -> int:
        """What at least one other environment has too, on disk only once."""
        return max(0, self.apparent_bytes - self.unique_bytes)

    @property
    def builds(self) -> tuple[Event, ...]:
        """The builds whose times are known, the newest first."""
        return tuple(event for event in reversed(self.history) if event.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes of the current environments: `apparent` is the sum of all files, `actual` counts every inode once.
    `previous` is what the generations kept for a rollback take besides."""

    apparent: int
    actual: int
    previous: int

    @property
    def saved(self) -> int:
        return self.apparent - self.actual


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A workspace at one moment (`taken`, seconds since the epoch). Projects come first, in their order."""

    name: str
    root: Path
    taken: float
    version: str
    environments: tuple[EnvironmentReport, ...]
    matrix: Matrix
    disk: Disk
    models: tuple[ModelRecord, ...] = ()

    @property
    def projects(self) -> tuple[EnvironmentReport, ...]:
        return tuple(one for one in self.environments if one.kind == Kind.PROJECT)

    @property
    def of_models(self) -> tuple[EnvironmentReport, ...]:
        return tuple(one for one in self.environments if one.kind != Kind.PROJECT)


def take_overview(workspace: Workspace) -> Overview:
    """Look at everything, and change nothing. No installed file is read, and no process is started, but for a base
    interpreter that was replaced: it is asked for its version."""
    store = Store(workspace.store)
    current = {(one.kind, one.key): one for one in current_environments(store)}
    committed = list(store.committed())
    use = disk_use(current.values())
    rows = list_environments(workspace, workspace.projects)
    projects = [
        _project(workspace, store, project, row, current.get((Kind.PROJECT, project.key)), committed)
        for project, row in zip(workspace.projects, rows, strict=True)
    ]
    old = {legacy.name: old_finding(legacy) for legacy in list_legacy(workspace.environments)}
    others = [
        _old(row, old[row.key])
        if row.kind == LEGACY_KIND
        else _shared(workspace, store, row, current.get((Kind.PROFILE, row.key)), committed)
        for row in list_model_environments(workspace)
    ]
    known = {project.key for project in workspace.projects}
    projects += [
        _forgotten(store, environment, use.unique, committed)
        for (kind, key), environment in current.items()
        if kind == Kind.PROJECT and key not in known
    ]
    return Overview(
        name=workspace.name,
        root=workspace.root,
        taken=time.time(),
        version=envyard.__version__,
        environments=(*projects, *others),
        matrix=version_matrix(workspace),
        disk=Disk(apparent=use.apparent, actual=use.actual, previous=disk_use(committed).actual - use.actual),
        models=load_models(store),
    )


def _project(
    workspace: Workspace,
    store: Store,
    project: Project,
    row: EnvironmentRow,
    environment: Environment | None,
    committed: Sequence[Environment],
) -> EnvironmentReport:
    definition = project_definition(workspace, project)
    findings = [
        check_environment(project.key, project_health(workspace, project, environment)),
        check_pointer(store, project.key),
        check_lockfile(definition),
    ]
    if environment is not None:
        findings.append(check_link(store, definition, project.link, environment))
    history = _history(store, Kind.PROJECT, project.key, committed)
    newest = _newest(history, row.grade, environment, f"invoke envs.doctor {project.key} --fix")
    problems = (*(one for one in findings if not one.ok), *newest)
    return replace(_of_row(row, project.title), problems=problems, environment=environment, history=history)


def _forgotten(
    store: Store, environment: Environment, unique: Mapping[str, int], committed: Sequence[Environment]
) -> EnvironmentReport:
    """The environment of a project that is none any more; it takes disk until somebody removes it."""
    health = check_health(environment, None)
    problem = Finding(
        check="environment",
        key=environment.key,
        ok=False,
        message="workspace.toml has no such project any more",
        fix="invoke envs.prune --unused-for 30d",
    )
    return EnvironmentReport(
        key=environment.key,
        kind=str(Kind.PROJECT),
        title=environment.title,
        path=environment.path,
        grade=health.grade,
        reasons=health.reasons,
        problems=(problem,),
        environment=environment,
        python_version=environment.interpreter.version,
        apparent_bytes=environment.apparent_bytes,
        unique_bytes=unique.get(environment.generation, 0),
        created=environment.created,
        last_used=store.last_used(environment.kind, environment.key),
        history=_history(store, environment.kind, environment.key, committed),
    )


def _shared(
    workspace: Workspace,
    store: Store,
    row: ModelEnvironmentRow,
    environment: Environment | None,
    committed: Sequence[Environment],
) -> EnvironmentReport:
    health = shared_health(store, definition_of(workspace, row.key), environment)
    findings = [one for one in shared_findings(store, row.key, health) if not one.ok]
    history = _history(store, Kind.PROFILE, row.key, committed)
    if not any(one.check == "creation" for one in findings):
        findings += _newest(history, row.grade, environment, "invoke envs.doctor --fix")
    return replace(_of_models(row), problems=tuple(findings), environment=environment, history=history)


def _old(row: ModelEnvironmentRow, finding: Finding) -> EnvironmentReport:
    return replace(_of_models(row), problems=() if finding.ok else (finding,))


def _of_models(row: ModelEnvironmentRow) -> EnvironmentReport:
    return replace(_of_row(row, row.title), models=row.models, degraded_since=row.degraded_since)


def _of_row(row: EnvironmentRow | ModelEnvironmentRow, title: str) -> EnvironmentReport:
    """What `envs.list` says of an environment, too."""
    return EnvironmentReport(
        key=row.key,
        kind=str(row.kind),
        title=title,
        path=row.path,
        grade=row.grade,
        reasons=row.reasons,
        python_version=row.python_version,
        apparent_bytes=row.apparent_bytes,
        unique_bytes=row.unique_bytes,
        created=row.created,
        last_used=row.last_used,
    )


def _history(store: Store, kind: Kind, key: str, committed: Sequence[Environment]) -> tuple[Event, ...]:
    mine = [environment for environment in committed if (environment.kind, environment.key) == (kind, key)]
    return with_builds(load_history(store, kind, key), mine)


def _newest(
    history: Sequence[Event], grade: Grade, environment: Environment | None, repair: str
) -> tuple[Finding, ...]:
    """What happened last, where it still matters and a look at the environment does not see it."""
    if not history:
        return ()
    last = history[-1]
    if last.what == What.FAILED and grade != Grade.OK:
        return (Finding(check="build", key="", ok=False, message=f"the last build failed: {'; '.join(last.reasons)}"),)
    unseen = environment is not None and last.generation == environment.generation and grade.usable
    if unseen and last.what in (What.CHECKED, What.CHECKED_DEEP) and last.grade == Grade.BROKEN:
        fix = repair.replace(" --fix", " --deep --fix") if last.what == What.CHECKED_DEEP else repair
        message = f"the last check found it broken: {'; '.join(last.reasons)}"
        return (Finding(check="files", key="", ok=False, message=message, fix=fix),)
    return ()
