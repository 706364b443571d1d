"""Folders of the workspace that requirement files and lockfiles install: from where they are seen, apart from pins."""

from __future__ import annotations

import os
import re
from pathlib import Path

from envyard.definition import Definition
from envyard.requirements import local_paths, requirement_files

_SOURCE = re.compile(r"(?P<before>\s*#\s+(?:via )?-[rc] )(?P<path>.+)")
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
    texts = requirement_files([path for path in definition.requirements if path.suffix != ".toml"], lenient=True)
    for path in local_paths(line for text in texts.values() for line in text.splitlines()):
        if (project / path).exists() and not (definition.root / path).exists():
            return project
    return definition.root


def seen_from_root(text: str, folder: Path, root: Path) -> str:
    """A lockfile that was resolved in `folder`, with its paths as they are seen from `root`."""
    if folder == root:
        return text
    return "".join(_seen_from_root(line, folder, root) for line in text.splitlines(keepends=True))


def without_folders(text: str) -> tuple[str, str]:
    """The pins of a lockfile, and the folders that it installs: these have no hash, which hashed pins demand of all."""
    lines = text.splitlines(keepends=True)
    folders = [line for line in lines if next(local_paths([line]), "")]
    return "".join(line for line in lines if line not in folders), "".join(folders)


def _seen_from_root(line: str, folder: Path, root: Path) -> str:
    found = _SOURCE.fullmatch(line.rstrip("\n")) or _FOLDER.fullmatch(line.rstrip("\n"))
    if found is None:
        return line
    parts = found.groupdict()
    path = os.path.normpath(os.path.join(folder, parts["path"]))
    shown = os.path.relpath(path, root).replace(os.sep, "/")
    if "after" in parts and not shown.startswith("."):
        shown = f"./{shown}"  # without it `libs` alone would be the name of a package
    return f"{parts['before'] or ''}{shown}{parts.get('after', '')}\n"
