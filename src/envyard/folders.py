"""Folders of the workspace that requirement files and lockfiles install: from where they are seen, apart from pins."""

from __future__ import annotations

import os
import re
from pathlib import Path

from envyard.definition import Definition
from envyard.errors import RequirementsUnreadable
from envyard.pyproject import source_folders
from envyard.requirements import load_toml, local_paths, requirement_files

_SOURCE = re.compile(
    r"(?P<before>\s*#\s+(?:via )?(?:-[rc] |(?!via \()[\w.-]+(?:\[[^\]]*\])? \())(?P<path>[^()]+)(?P<closed>\)?)"
)
_FOLDER = re.compile(
    r"(?P<before>(?:-e|--editable)[\s=]+|[\w.-]+(?:\[[^\]]*\])?\s*@\s*)?(?P<path>\.{1,2}(?:/[^\s;#\[]*)?)(?P<after>.*)"
)


def lock_folder(definition: Definition) -> Path:
    """Where the paths in the hand-written files of a lockfile start.

    The workspace; or the project, as without a lockfile, where only from there they lead to something.
    """
    if definition.link is None:
        return definition.root
    project = definition.link.parent
    by_hand = [path for path in definition.requirements if path.suffix != ".toml"]
    texts = requirement_files(by_hand, lenient=True).values()
    named = [*local_paths(line for text in texts for line in text.splitlines())]
    for file in definition.requirements:
        named += _uv_sources(file) if file.suffix == ".toml" else []
    for path in named:
        if (project / path).exists() and not (definition.root / path).exists():
            return project
    return definition.root


def _uv_sources(file: Path) -> list[str]:
    """What uv writes into a lockfile as it stands in `[tool.uv.sources]`."""
    try:
        return source_folders(load_toml(file))
    except (OSError, RequirementsUnreadable):
        return []  # whoever reads it next says what is wrong with it


def seen_from_root(text: str, folder: Path, root: Path) -> str:
    """A lockfile that was resolved in `folder`, with its paths as they are seen from `root`."""
    if folder == root:
        return text
    return "".join(_seen_from_root(line, folder, root) for line in text.splitlines(keepends=True))


def without_folders(text: str) -> tuple[str, str]:
    """The pins of a lockfile, and what it installs from here without a hash, which hashed pins demand of all."""
    pins, folders, entry = "", "", ""
    for line in text.splitlines(keepends=True):
        entry += line
        if line.rstrip().endswith("\\"):
            continue
        if "--hash=" not in entry and next(local_paths([entry]), ""):
            folders += entry
        else:
            pins += entry
        entry = ""
    return pins + entry, folders


def _seen_from_root(line: str, folder: Path, root: Path) -> str:
    found = _SOURCE.fullmatch(line.rstrip("\n")) or _FOLDER.fullmatch(line.rstrip("\n"))
    if found is None:
        return line
    parts = found.groupdict()
    path = os.path.normpath(os.path.join(folder, parts["path"]))
    shown = os.path.relpath(path, root).replace(os.sep, "/")
    if "after" in parts and not shown.startswith("."):
        shown = f"./{shown}"  # without it `libs` alone would be the name of a package
    return f"{parts['before'] or ''}{shown}{parts.get('after', '') or parts.get('closed', '')}\n"
