"""Edits of the text of `workspace.toml` that touch nothing else: comments, order, spaces and line ends stay."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from envyard.configuration import TableLines, table_lines
from envyard.problems import invalid
from envyard.workspace import WORKSPACE_FILE

NESTED = "nested = true  # a project inside another one has an environment of its own too"


def edited(text: str, edit: Callable[[Any], None]) -> str:
    """`text` after `edit` changed values of its document."""
    import tomlkit  # 40 ms, and only where a file changes

    document = tomlkit.parse(text)
    edit(document)
    return tomlkit.dumps(document)


def without_projects(text: str, keys: Collection[str]) -> str:
    """`text` without the tables of these projects. Comments above and below them stay, those inside go.

    tomlkit counts the comments above a table to the table before, and would take those away.
    """
    values = tomllib.loads(text)
    expected = {
        **values,
        "projects": {key: each for key, each in values.get("projects", {}).items() if key not in keys},
    }
    lines = text.split("\n")
    for first, last in reversed(list(_parts(table_lines(text), keys))):
        before, rest = lines[: first - 1], lines[last:]
        if not before or not before[-1].strip():
            rest = list(itertools.dropwhile(lambda line: not line.strip(), rest))
        lines = before + rest
    changed = "\n".join(lines)
    try:
        if tomllib.loads(changed) | {"projects": tomllib.loads(changed).get("projects", {})} == expected:
            return changed
    except ValueError:
        pass
    return edited(text, lambda document: _delete(document["projects"], keys))  # no tables, but dotted or inline keys


def with_nested(text: str, root: Path) -> str:
    """`text` with that key in `[workspace]`, unless it is there."""
    values = tomllib.loads(text)
    settings = values.get("workspace", {})
    if settings.get("nested") is True:
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    if "nested" in settings:
        changed = edited(text, lambda document: document["workspace"].update({"nested": True}))
    elif header := _SETTINGS.search(text):
        before = header[0] if header[0].endswith("\n") else header[0] + end
        changed = text[: header.start()] + before + NESTED + end + text[header.end() :]
    else:
        changed = f"{text.rstrip()}{end * 2}[workspace]{end}{NESTED}{end}".lstrip()
    try:
        if tomllib.loads(changed) == values | {"workspace": {**settings, "nested": True}}:
            return changed
    except ValueError:
        pass
    problem = f"{WORKSPACE_FILE}: envyard cannot add to `workspace`; write `nested = true` into it yourself"
    raise invalid(str(root / WORKSPACE_FILE), [problem], reference="docs/workspace-toml.md")


_SETTINGS = re.compile(r"^[ \t]*\[[ \t]*workspace[ \t]*\][^\n]*(?:\n|\Z)", re.MULTILINE)


def _parts(tables: Sequence[TableLines], keys: Collection[str]) -> Iterator[tuple[int, int]]:
    """The first and the last line of each run of tables of one project."""
    for location, run in itertools.groupby(tables, lambda each: each.table[:2]):
        parts = list(run)
        if len(location) == 2 and location[0] == "projects" and location[1] in keys:
            yield parts[0].first, parts[-1].last


def _delete(projects: Any, keys: Collection[str]) -> None:
    for key in keys:
        del projects[key]
