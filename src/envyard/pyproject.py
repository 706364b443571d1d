"""What a `pyproject.toml` says without being built: dependencies, extras and dependency groups, with their places."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envyard.errors import RequirementsUnreadable
from envyard.requirements import canonical_name

Location = tuple[str | int, ...]
"""Keys and positions from the top of a TOML file: `("project", "dependencies", 0)`."""

Listed = tuple[tuple[Location, str], ...]
"""Requirement lines with the place of each."""

_SELF = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*\[([^\]]*)\]\s*")


def table_of(tables: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The table behind some keys; empty where there is none."""
    found: Any = tables
    for key in keys:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}


def source_folders(tables: Mapping[str, Any]) -> list[str]:
    """The folders and files in `[tool.uv.sources]`, as written: where uv takes a package from in place of an index."""
    sources = table_of(tables, "tool", "uv", "sources").values()
    entries = [one for source in sources for one in (source if isinstance(source, list) else [source])]
    return [one["path"] for one in entries if isinstance(one, dict) and isinstance(one.get("path"), str)]


def is_static(tables: Mapping[str, Any]) -> bool:
    """Whether the dependencies stand in the file, and only there: nothing has to be built or looked up for them."""
    dynamic = table_of(tables, "project").get("dynamic", [])
    return "project" in tables and "dependencies" not in dynamic and "sources" not in table_of(tables, "tool", "uv")


def project_dependencies(tables: Mapping[str, Any], path: Path, extras: Sequence[str]) -> Listed:
    """The dependencies of the project, and those of `extras`, also of extras that an extra asks for.

    Raises `RequirementsUnreadable` for an extra that is not there.
    """
    project = table_of(tables, "project")
    found = _texts(("project", "dependencies"), project.get("dependencies", []))
    own = canonical_name(str(project.get("name", "")))
    queue, seen = list(extras), set()
    while queue:
        extra = queue.pop(0)
        if canonical_name(extra) in seen:
            continue
        seen.add(canonical_name(extra))
        key, lines = _named("extra", extra, table_of(project, "optional-dependencies"), path)
        for location, line in _texts(("project", "optional-dependencies", key), lines):
            itself = _SELF.fullmatch(line)
            if itself and canonical_name(itself[1]) == own:
                queue += [part.strip() for part in itself[2].split(",") if part.strip()]
            else:
                found += ((location, line),)
    return found


def group_requirements(tables: Mapping[str, Any], path: Path, groups: Sequence[str]) -> Listed:
    """The requirements of dependency groups and of the groups that they include (PEP 735).

    Raises `RequirementsUnreadable` for a group that is not there or includes itself.
    """
    known = table_of(tables, "dependency-groups")
    return tuple(each for group in groups for each in _group(group, known, path, ()))


def _group(name: str, groups: Mapping[str, Any], path: Path, above: tuple[str, ...]) -> Listed:
    if canonical_name(name) in above:
        raise RequirementsUnreadable(f"the dependency group `{name}` of {path} includes itself", hint=_CORRECT)
    key, entries = _named("dependency group", name, groups, path)
    found: Listed = ()
    for number, entry in enumerate(entries):
        if isinstance(entry, str):
            found += ((("dependency-groups", key, number), entry),)
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
            found += _group(entry["include-group"], groups, path, (*above, canonical_name(name)))
    return found


def _named(what: str, name: str, tables: Mapping[str, Any], path: Path) -> tuple[str, list[Any]]:
    """The key as it is spelt there, and the list that stands under it."""
    for key, lines in tables.items():
        if canonical_name(key) == canonical_name(name) and isinstance(lines, list):
            return key, lines
    raise RequirementsUnreadable(f"{path} has no {what} `{name}`", hint=_CORRECT)


def _texts(location: Location, lines: Sequence[Any]) -> Listed:
    return tuple(((*location, number), line) for number, line in enumerate(lines) if isinstance(line, str))


_CORRECT = "correct it, or `extras` and `groups` in workspace.toml"
