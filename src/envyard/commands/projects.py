"""The projects of a workspace, or of a monorepo that could become one: listed, and added one by one."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.discovery import FoundProject, describe, discover
from envyard.errors import ConfigurationInvalid, UsageError, WorkspaceNotFound
from envyard.files import write_bytes
from envyard.project import Project
from envyard.workspace import WORKSPACE_FILE, load_workspace
from envyard.workspace_file import (
    UNDECLARED,
    Declared,
    ProjectChange,
    Status,
    changed_text,
    compare,
    named,
    read_declared,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectList:
    """What `workspace.toml` declares and what was found, and what people should know about the rest."""

    root: Path
    declared: bool
    projects: tuple[ProjectChange, ...]
    notes: tuple[str, ...]


def list_projects(root: Path) -> ProjectList:
    """Every project: those of `workspace.toml` first, as it declares them, then what else was found."""
    declared = read_declared(root)
    before = declared or UNDECLARED
    found = discover(root, exclude=before.exclude, skip=[before.store], top=not before.paths, nested=before.nested)
    known = {project.path.casefold() for project in found.projects}
    more = [path for path in before.paths.values() if path.casefold() not in known and (root / path).is_dir()]
    described = [describe(root, path) for path in more]  # nested ones, and those that only a person knew to be one
    changes = _as_declared(root, compare(root, before, [*found.projects, *described]))
    return ProjectList(root=root, declared=declared is not None, projects=changes, notes=found.notes)


def add_project(root: Path, folder: Path) -> ProjectChange:
    """Write a table for `folder` at the end of `workspace.toml`: also for one that is inside another project.

    Raises `UsageError` for what is no folder of the workspace, or a project already.
    """
    declared = read_declared(root)
    if declared is None:
        raise WorkspaceNotFound(f"there is no `workspace.toml` in `{root}`", hint="run `envyard init` first")
    path = os.path.relpath(folder, root).replace(os.sep, "/")
    for key, known in declared.paths.items():
        if known.casefold() == path.casefold():
            raise UsageError(
                f"`{path}` is the project `{key}` already", hint=f"edit `[projects.{key}]` in workspace.toml"
            )
    (change,) = named([describe(root, path)], declared.titles, declared.paths)
    text = changed_text(declared, [*_as_they_are(declared), change], root)
    write_bytes(root / WORKSPACE_FILE, text.encode())
    load_workspace(root)  # says what is wrong with the rest of the file
    return change


def _as_declared(root: Path, changes: tuple[ProjectChange, ...]) -> tuple[ProjectChange, ...]:
    """What `workspace.toml` says goes before what was found; as found where it has mistakes, such as folders that are
    gone."""
    try:
        projects = {project.key: project for project in load_workspace(root).projects}
    except (ConfigurationInvalid, WorkspaceNotFound):
        return changes
    return tuple(
        replace(change, title=projects[change.key].title, found=_declared(change.found, projects[change.key]))
        if change.found is not None and change.key in projects
        else change
        for change in changes
    )


def _declared(found: FoundProject, project: Project) -> FoundProject:
    manifest = replace(
        found.manifest,
        python=project.python,
        python_source=WORKSPACE_FILE,
        requirements=tuple(os.path.relpath(path, project.path).replace(os.sep, "/") for path in project.requirements),
        extras=project.extras,
        groups=project.groups,
        editable=project.editable,
    )
    return replace(found, manifest=manifest)


def _as_they_are(declared: Declared) -> list[ProjectChange]:
    return [ProjectChange(status=Status.DECLARED, key=key, path=path) for key, path in declared.paths.items()]
