"""The text of `workspace.toml`: written for what was found, and changed without touching what people wrote."""

from __future__ import annotations

import os
import posixpath
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from envyard.configuration import read_toml
from envyard.discovery import FoundProject, is_there
from envyard.errors import ConfigurationInvalid
from envyard.naming import name_projects
from envyard.problems import invalid
from envyard.workspace import WORKSPACE_FILE
from envyard.workspace_edit import NESTED, edited, with_nested, without_projects
from envyard.workspace_entry import entry, is_in, quoted


class Status(StrEnum):
    """What became of a project since `workspace.toml` was written."""

    DECLARED = "declared"
    NEW = "new"
    MOVED = "moved"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """One project of the old or the new `workspace.toml`.

    `title` is "" where the last part of the path serves; `before` is the path of one that moved; `found` is what its
    files say, if anybody looked; `inside` is the key of an older project that holds a new one and would test it too,
    and `place` where in that it is.
    """

    status: Status
    key: str
    path: str
    title: str = ""
    before: str = ""
    found: FoundProject | None = None
    inside: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a `workspace.toml` says about where projects are: keys with paths and titles, and what is left out.

    `nested`: whether a folder inside a project is a project of its own where it could be one. `mark`: the byte order
    mark that some editors of Windows write, which is no part of `text`.
    """

    text: str
    paths: Mapping[str, str]
    titles: Mapping[str, str]
    exclude: tuple[str, ...]
    store: str = ".envs"
    nested: bool = False
    mark: str = ""


UNDECLARED = Declared(text="", paths={}, titles={}, exclude=())
"""A monorepo without `workspace.toml`."""


def read_declared(root: Path) -> Declared | None:
    """The projects of an existing file, also of one that `load_workspace` refuses because folders are gone.

    None when there is no file. Raises `ConfigurationInvalid` when it is no TOML.
    """
    file = root / WORKSPACE_FILE
    try:
        read_toml(str(file), WORKSPACE_FILE)
    except FileNotFoundError:
        return None
    with file.open(encoding="utf-8", newline="") as stream:
        text = stream.read()
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text[len(mark) :]
    values = tomllib.loads(text)
    tables = _table(values, "projects")
    paths, titles = {}, {}
    for key in tables:
        table = _table(tables, key)
        path = table.get("path", key)
        paths[key] = os.path.normpath(path).replace(os.sep, "/") if isinstance(path, str) and path else key
        titles[key] = str(table.get("title", paths[key].rsplit("/", 1)[-1]))
    settings = _table(values, "workspace")
    exclude = settings.get("exclude", [])
    return Declared(
        text=text,
        paths=paths,
        titles=titles,
        exclude=tuple(map(str, exclude)) if isinstance(exclude, list) else (),
        store=str(settings.get("store", ".envs")),
        nested=settings.get("nested") is True,
        mark=mark,
    )


def compare(root: Path, declared: Declared, found: Sequence[FoundProject]) -> tuple[ProjectChange, ...]:
    """What became of every project, those of the file first and in its order.

    A folder that is gone and a new one of the same name are one project that moved, where there is only one of each.
    """
    by_path = {project.path.casefold(): project for project in found}
    known = {path.casefold() for path in declared.paths.values()}
    is_known = known.__contains__ if declared.nested else lambda path: any(is_in(path, folder) for folder in known)
    new = [project for project in found if not is_known(project.path.casefold())]
    gone = [key for key, path in declared.paths.items() if not is_there(root / path)]
    moved = _pairs({key: declared.paths[key] for key in gone}, new)
    changes = []
    for key, path in declared.paths.items():
        if key in moved:
            change = ProjectChange(status=Status.MOVED, key=key, path=moved[key].path, before=path, found=moved[key])
        else:
            status = Status.GONE if key in gone else Status.DECLARED
            change = ProjectChange(status=status, key=key, path=path, found=by_path.get(path.casefold()))
        changes.append(change)
    new = [project for project in new if project not in moved.values()]
    titles = {change.key: declared.titles[change.key] for change in changes if change.status != Status.GONE}
    return (*changes, *named(new, titles, {change.key: change.path for change in changes if change.key in titles}))


def named(
    found: Sequence[FoundProject], titles: Mapping[str, str], paths: Mapping[str, str]
) -> tuple[ProjectChange, ...]:
    """Projects that are new, with keys and titles beside those that there are, whose titles and paths these are."""
    names = name_projects([project.path for project in found], titles)
    changes = []
    for project in found:
        key, title = names[project.path]
        change = ProjectChange(status=Status.NEW, key=key, title=title, path=project.path, found=project)
        outer = _outer(project, paths)
        if outer:
            change = replace(change, inside=outer, place=posixpath.relpath(project.path, paths[outer]))
        changes.append(change)
    return tuple(changes)


def new_text(name: str, changes: Sequence[ProjectChange], python: str, *, nested: bool = False) -> str:
    """The whole file for a monorepo that has none."""
    head = [
        "# The projects of this monorepo and their environments. `envyard init` wrote this file; it is yours now.",
        "# Run `envyard init` again after you added, moved or removed a project: it keeps what you change here.",
        "",
        "[workspace]",
        f"name = {quoted(name)}",
        f"python = {quoted(python)}  # of every project that names none",
        'exclude = []  # folders that `envyard init` leaves out, such as "archive/*"',
        *([NESTED] if nested else []),
    ]
    return "\n".join(head) + "\n" + "".join(entry(each.found, each.key, each.title) for each in changes if each.found)


def changed_text(declared: Declared, changes: Sequence[ProjectChange], root: Path) -> str:
    """The file with the changes made; every other byte stays as it is.

    Raises `ConfigurationInvalid` where the file is written in a way that cannot be added to.
    """
    text = declared.text
    if declared.nested:
        text = with_nested(text, root)
    text = without_projects(text, [change.key for change in changes if change.status == Status.GONE])
    moved = [change for change in changes if change.status == Status.MOVED]
    if moved:
        text = edited(text, lambda document: _move(document["projects"], moved))
    new = [change for change in changes if change.status == Status.NEW]
    added = "".join(entry(change.found, change.key, change.title) for change in new if change.found is not None)
    if added:
        end = "\r\n" if "\r\n" in text else "\n"
        text = text.rstrip() + end + added.replace("\n", end)
    _check(text, {change.key for change in changes if change.status != Status.GONE}, root)
    return declared.mark + text


def running_python() -> str:
    """The version that runs envyard, as the default of a new workspace."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


# --- parts


def _outer(project: FoundProject, paths: Mapping[str, str]) -> str:
    """The innermost of the projects at `paths` whose pytest would find the tests of `project`, or ""."""
    if all(folder.startswith("../") for folder in project.tests):
        return ""
    around = [key for key, path in paths.items() if path == "." or is_in(project.path, path)]
    return max(around, key=lambda key: len(paths[key]), default="")


def _pairs(gone: Mapping[str, str], new: Sequence[FoundProject]) -> dict[str, FoundProject]:
    """Key of a project that is gone -> where it seems to be now."""

    def name(path: str) -> str:
        return path.rsplit("/", 1)[-1].casefold()

    names_gone = [name(path) for path in gone.values()]
    names_new = [name(project.path) for project in new]
    return {
        key: new[names_new.index(name(path))]
        for key, path in gone.items()
        if names_gone.count(name(path)) == names_new.count(name(path)) == 1
    }


def _move(projects: Any, changes: Sequence[ProjectChange]) -> None:
    """Write the new paths of what moved into the tables of a document."""
    for change in changes:
        table = projects[change.key]
        table["path"] = change.path
        for key in ("requirements", "lockfile"):
            value = table.get(key)
            if isinstance(value, str):
                table[key] = _moved(value, change)
            for number, each in enumerate(value if isinstance(value, list) else ()):
                if _moved(each, change) != each:
                    value[number] = _moved(each, change)
        words = table.get("test-command")
        for number, each in enumerate(words if isinstance(words, list) and "test-folder" not in table else ()):
            if each.startswith("../"):  # tests beside the projects, seen from the project
                words[number] = posixpath.relpath(posixpath.join(change.before, each), change.path)


def _moved(path: str, change: ProjectChange) -> str:
    return change.path + path[len(change.before) :] if path.startswith(f"{change.before}/") else path


def _check(text: str, keys: set[str], root: Path) -> None:
    """What was written is TOML with these projects; if not, it is better not written."""
    try:
        written = set(_table(tomllib.loads(text), "projects"))
    except ValueError as error:
        raise _cannot_change(root) from error
    if written != keys:
        raise _cannot_change(root)


def _cannot_change(root: Path) -> ConfigurationInvalid:
    problem = (
        f"{WORKSPACE_FILE}: `[projects]` is written in a way that envyard cannot add to; write each project as a table"
    )
    return invalid(str(root / WORKSPACE_FILE), [f"{problem} `[projects.<key>]`"], reference="docs/workspace-toml.md")


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}
