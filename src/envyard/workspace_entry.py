"""The table of one project in `workspace.toml`, written from what its own files say."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence

from envyard.discovery import FoundProject


def entry(project: FoundProject, key: str, title: str) -> str:
    """The table of one project, with a reason beside what is not plain."""
    manifest = project.manifest
    prefix = "" if project.path == "." else f"{project.path}/"
    lines = [f"path = {quoted(project.path)}"]
    if title:
        lines.insert(0, f"title = {quoted(title)}")
    description = manifest.description or ", ".join(manifest.stack)
    if description:
        lines.append(f"description = {quoted(description)}")
    if manifest.python:
        lines.append(f"python = {quoted(manifest.python)}  # {manifest.python_source}")
    if manifest.requirements:
        lines.append(f"requirements = {_listed([prefix + name for name in manifest.requirements])}")
    elif manifest.test_list and not manifest.editable:  # without the key it would be the pyproject.toml
        lines.append("requirements = []")
    if manifest.extras:
        lines.append(f"extras = {_listed(manifest.extras)}")
    if manifest.groups:
        lines.append(f"groups = {_listed(manifest.groups)}")
    if manifest.test_list:
        listed = _listed(manifest.test_list.requirements)
        lines.append(f"test-requirements = {listed}  # copied from {manifest.test_list.source}")
    elif not manifest.has_pytest:
        lines.append('test-requirements = ["pytest"]  # its requirements do not ask for it')
    if manifest.editable:
        lines.append("editable = true")
    arguments = [*(f"--ignore={folder}" for folder in tests_to_ignore(project)), *tests_to_name(project)]
    if arguments:
        lines.append(f"test-command = {_listed(['python', '-m', 'pytest', *arguments])}")
    lines += [f"# {note}" for note in manifest.notes]
    if not project.tests and not manifest.pytest_paths:
        lines.append("# no tests were found")
    return "\n".join(["", f"[projects.{key}]", *lines, ""])


def tests_to_name(project: FoundProject) -> tuple[str, ...]:
    """The folders that pytest has to be told: those where nobody would look, unless the project's own settings do."""
    if project.manifest.pytest_paths or not all(_is_odd(folder) for folder in project.tests):
        return ()
    return project.tests


def tests_to_ignore(project: FoundProject) -> tuple[str, ...]:
    """The projects inside it that pytest would test too, unless it is told not to."""
    if tests_to_name(project):
        return ()
    begin = [posixpath.normpath(folder) for folder in project.manifest.pytest_paths or (".",)]
    return tuple(each for each in project.apart if any(folder == "." or is_in(each, folder) for folder in begin))


def is_in(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or below it; both with `/` and relative to the same folder."""
    return path == folder or (folder != "." and path.startswith(f"{folder}/"))


def quoted(text: str) -> str:
    """`text` as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)


def _is_odd(folder: str) -> bool:
    return folder.startswith("../") or "_meta" in folder.split("/")


def _listed(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"
