"""Checks of `workspace.toml` that need more than one project: names, folders, environments, lockfiles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence

from envyard.fields import Table
from envyard.members import Member
from envyard.places import Places, is_inside
from envyard.wording import closest, shown

RESERVED_KEYS = frozenset({"all", "lint", "projects", "tests", "types"})
"""The nox sessions of every workspace; no project may take their names."""

_KEY = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_KEY_WORDS = "lower-case letters, digits and dashes between them, at most 64"
DEVICE = r"con|prn|aux|nul|com\d|lpt\d"  # file names that Windows keeps for devices


def check_projects(top: Table, members: Sequence[Member], settings: Table, store: str, places: Places) -> None:
    """Every mistake between projects, and between projects and the store, into the problems of the file."""
    _check_keys(top, members)
    _check_titles(members)
    _check_folders(members, places)
    environments = _environments(members, places)
    _check_environments(members, environments, places)
    _check_store(members, environments, settings, store, places)
    _check_lockfiles(members, places)
    _check_dependencies(members)


def _check_keys(top: Table, members: Iterable[Member]) -> None:
    seen: dict[str, str] = {}
    for project, table, _path, _lock in members:
        key = project.key
        first = seen.setdefault(key.casefold(), key)
        if first != key:
            problem = f"the key differs from {shown(first)} only in upper and lower case"
            top.problems.add(table.location, problem, expected="different keys")
        elif re.fullmatch(_KEY, key) is None or len(key) > 64:
            dashed = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "-", key).strip("-").lower()[:64].strip("-")
            suggestion = f"[projects.{dashed}]" if dashed else ""
            problem = f"{shown(key)} cannot be the key of a project"
            top.problems.add(table.location, problem, expected=_KEY_WORDS, suggestion=suggestion)
        elif key in RESERVED_KEYS:
            top.problems.add(table.location, f"{shown(key)} is already the name of a nox session")
        elif re.fullmatch(DEVICE, key):
            top.problems.add(table.location, f"{shown(key)} is the name of a device on Windows")


def _check_titles(members: Sequence[Member]) -> None:
    keys = {project.key.casefold() for project, _table, _path, _lock in members}
    seen: dict[str, str] = {}
    for project, table, path, _lock in members:
        if "title" not in table and not path:
            continue  # the title comes from the path, and that is a mistake already
        title = project.title.casefold()
        first = seen.setdefault(title, project.key)
        origin = "" if "title" in table else ", the last part of `path`,"
        if first != project.key:
            table.mistake("title", f"{shown(project.title)}{origin} is also the title of `{first}`")
        elif title in keys and title != project.key.casefold():
            table.mistake("title", f"{shown(project.title)}{origin} is the key of another project")


def _check_folders(members: Iterable[Member], places: Places) -> None:
    seen: dict[str, str] = {}
    for project, table, path, _lock in members:
        first = seen.setdefault(places.real(path).casefold(), project.key) if path else project.key
        if first != project.key:
            problem = f"{shown(places.shown(path))} is already the folder of `{first}`"
            table.mistake("path", problem, expected="a folder of its own")


def _check_environments(members: Iterable[Member], environments: dict[str, str], places: Places) -> None:
    """Nothing that people keep may be in an environment: it is replaced without asking."""
    for _project, table, path, lockfile in members:
        for key, own in (("path", path), ("lockfile", lockfile)):
            owner = _owner(own, environments, places)
            if owner:
                problem = f"{shown(places.shown(own))} is inside the environment of `{owner}`"
                table.mistake(key, problem, expected="a place outside every environment")


def _check_store(
    members: Sequence[Member], environments: dict[str, str], settings: Table, store: str, places: Places
) -> None:
    """The store is in no environment, and holds nothing but environments."""
    owner = _owner(store, environments, places)
    if owner:
        settings.mistake("store", f"{shown(places.shown(store))} is inside the environment of `{owner}`")
    held = [member for member in members if _holds(store, member.path, places)]
    if held and "store" in settings:  # otherwise it is the project that should move
        keys = ", ".join(f"`{member.project.key}`" for member in held)
        problem = f"{shown(places.shown(store))} holds the {'project' if len(held) == 1 else 'projects'} {keys}"
        settings.mistake("store", problem, expected="a folder of its own")
        held = []
    for _project, table, path, lockfile in members:
        for key, own in (("path", path if held else ""), ("lockfile", lockfile)):
            if _holds(store, own, places):
                table.mistake(key, f"{shown(places.shown(own))} is inside the store `{places.shown(store)}`")


def _environments(members: Iterable[Member], places: Places) -> dict[str, str]:
    """Every path of an environment, in lower case, with the key of its project."""
    environments: dict[str, str] = {}
    for project, _table, path, _lock in members:
        if path:
            environments[(path + _VENV).casefold()] = project.key
            environments[(places.real(path) + _VENV).casefold()] = project.key
    return environments


_VENV = f"{os.sep}venv"


def _owner(path: str, environments: dict[str, str], places: Places) -> str:
    """The project in whose environment `path` is, or ""."""
    for each in {path, places.real(path)} if path else ():
        folded = each.casefold()
        while _VENV in folded:
            if folded in environments:
                return environments[folded]
            folded = os.path.dirname(folded)
    return ""


def _holds(store: str, path: str, places: Places) -> bool:
    if not store or not path:
        return False
    return is_inside(path.casefold(), store.casefold()) or is_inside(places.real(path), places.real(store))


def _check_lockfiles(members: Iterable[Member], places: Places) -> None:
    seen: dict[str, str] = {}
    for project, table, _path, lockfile in members:
        first = seen.setdefault(places.real(lockfile).casefold(), project.key) if lockfile else project.key
        if first != project.key:
            problem = f"{shown(places.shown(lockfile))} is already the lockfile of `{first}`"
            table.mistake("lockfile", problem, expected="a lockfile of its own")


def _check_dependencies(members: Sequence[Member]) -> None:
    """`depends-on` names other projects, and leads back to none."""
    known = {project.key: project.depends_on for project, _table, _path, _lock in members}
    for project, table, _path, _lock in members:
        for name in project.depends_on:
            index = table.position("depends-on", name)
            if name == project.key:
                table.mistake("depends-on", "a project does not depend on itself", index=index)
            elif name not in known:
                similar = closest(name, known)
                expected = "the key of a project"
                problem = f"there is no project {shown(name)}"
                table.mistake("depends-on", problem, index=index, expected=expected, suggestion=similar)
    for project, table, _path, _lock in members:
        cycle = _cycle(project.key, known)
        if cycle and project.key == min(cycle):  # tell each cycle once
            table.mistake("depends-on", f"goes round in a circle: {' -> '.join((*cycle, project.key))}")


def _cycle(start: str, depends_on: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The shortest way from `start` back to itself, or () when there is none; itself alone is told elsewhere."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while ways:
        way = ways.pop(0)
        for name in depends_on.get(way[-1], ()):
            if name == start and len(way) > 1:
                return way
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()
