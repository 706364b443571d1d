"""One project's table of `workspace.toml`, read and checked by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from envyard.fields import Table
from envyard.places import Places
from envyard.project import Project
from envyard.wording import listed, shown

# Regular expressions are compiled when they are used first: few are used in a file without mistakes.
_VERSION = r"(?:(?:python|cpython|pypy|graalpy)-?)?3(?:\.\d{1,2}(?:\.\d{1,2})?)?t?(?:-(?:32|64))?"
_CLAUSE = r"(?:===?|!=|~=|<=?|>=?)\s*\d+(?:\.\d+)*(?:\.\*)?"
PYTHON = rf"{_VERSION}|(?:(?:^|\s*,\s*){_CLAUSE})+|(?:/|[A-Za-z]:[\\/])[^\x00-\x1f]+"
PYTHON_WORDS = "`3.11`, `>=3.10,<3.13` or an absolute path"
LINE = r"(?!\s)[^\x00-\x1f\x7f]{1,200}"
LINE_WORDS = "one line of text"
_TAG = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_TAG_WORDS = "letters and digits, with `-`, `_` or `.` between them"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
VARIABLE_WORDS = "the name of a variable: letters, digits and `_`"
REQUIREMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*(?:[\[<>=!~;@(][^\x00-\x1f]*)?"
REQUIREMENT_WORDS = "a requirement such as `pytest>=8`"
_TORCH_BACKEND = r"auto|cpu|xpu|cu\d{2,3}|rocm\d{1,2}(?:\.\d{1,2}){0,2}"
_TORCH_BACKEND_WORDS = "`auto`, `cpu`, `xpu`, a CUDA version such as `cu121` or a ROCm version such as `rocm6.2`"
_DEFAULT_TEST_COMMAND = ("python", "-m", "pytest")


class Member(NamedTuple):
    """A project while it is checked; `path` and `lockfile` are "" when there is none that could be used."""

    project: Project
    table: Table
    path: str
    lockfile: str


def read_member(key: str, table: Table, places: Places, python: str) -> Member:
    path = _project_folder(key, table, places)
    requirements = _requirements(table, places, path)
    lockfile = _lockfile(table, places, requirements)
    folder = Path(path or places.root)
    project = Project(
        key=key,
        title=table.string("title", os.path.basename(path) or key, pattern=LINE, expected=LINE_WORDS),
        path=folder,
        description=table.string("description"),
        python=read_python(table, python),
        requirements=tuple(Path(each) for each in requirements),
        lockfile=Path(lockfile) if lockfile else None,
        extras=_parts(table, "extras", requirements),
        groups=_parts(table, "groups", requirements),
        test_requirements=table.strings("test-requirements", pattern=REQUIREMENT, expected=REQUIREMENT_WORDS),
        editable=_editable(table, places, path),
        test_command=table.arguments("test-command", _DEFAULT_TEST_COMMAND),
        test_folder=_test_folder(table, places, path, folder),
        tags=table.strings("tags", pattern=_TAG, expected=_TAG_WORDS),
        environment=table.string_table("environment", names=VARIABLE, expected=VARIABLE_WORDS),
        torch_backend=table.string("torch-backend", pattern=_TORCH_BACKEND, expected=_TORCH_BACKEND_WORDS),
        depends_on=table.strings("depends-on"),
        profiles=_profiles(table, places),
    )
    table.finish()
    return Member(project, table, path, lockfile)


def read_python(table: Table, default: str) -> str:
    return table.string("python", default, pattern=PYTHON, expected=PYTHON_WORDS)


def _project_folder(key: str, table: Table, places: Places) -> str:
    text = table.string("path", key)
    place = places.find(text)
    if place.objection:
        object_to(table, "path", text, place.objection)
        return ""
    if place.kind != "folder":
        problem = f"there is no folder {shown(text)}" if place.kind == "missing" else f"{shown(text)} is no folder"
        similar = places.similar(place, "folder")
        table.mistake("path", problem, expected="the folder of the project", suggestion=similar)
        return ""
    return place.path


def _requirements(table: Table, places: Places, path: str) -> tuple[str, ...]:
    """The declared files, else those of the usual names in the project."""
    if "requirements" not in table:
        table.strings("requirements")
        usual = [places.find(name, path) for name in ("requirements.txt", "pyproject.toml")] if path else []
        return tuple(place.path for place in usual if place.kind == "file" and not place.objection)
    paths = []
    for text in table.strings("requirements"):
        place = places.find(text)
        if place.objection:
            object_to(table, "requirements", text, place.objection, table.position("requirements", text))
        elif place.kind == "file":
            paths.append(place.path)
        else:
            problem = f"there is no file {shown(text)}" if place.kind == "missing" else f"{shown(text)} is no file"
            beside = places.find(text, path) if path else place
            known = places.shown(beside.path) if beside.kind == "file" else places.similar(place, "file")
            expected = "a file, relative to the workspace"
            index = table.position("requirements", text)
            table.mistake("requirements", problem, index=index, expected=expected, suggestion=known)
    return tuple(paths)


def _lockfile(table: Table, places: Places, requirements: tuple[str, ...]) -> str:
    """The lockfile need not exist: locking writes it."""
    text = table.string("lockfile")
    if "lockfile" not in table:
        return ""
    place = places.find(text)
    if place.objection:
        object_to(table, "lockfile", text, place.objection)
    elif place.kind not in ("file", "missing"):
        table.mistake("lockfile", f"{shown(text)} is no file")
    elif place.path in requirements:
        table.mistake("lockfile", f"{shown(text)} is also one of the requirements it is made from")
    else:
        return place.path
    return ""


def _parts(table: Table, key: str, requirements: tuple[str, ...]) -> tuple[str, ...]:
    """Extras or groups, which only a `pyproject.toml` has."""
    names = table.strings(key, pattern=_TAG, expected=_TAG_WORDS)
    if names and not any(os.path.basename(path) == "pyproject.toml" for path in requirements):
        table.mistake(key, "have no meaning without a `pyproject.toml` among the requirements")
    return names


def _editable(table: Table, places: Places, path: str) -> bool:
    editable = table.boolean("editable")
    if editable and path and all(places.find(name, path).kind != "file" for name in _INSTALLABLE):
        table.mistake("editable", f"the project has no {listed(_INSTALLABLE)}, so it cannot be installed")
    return editable


_INSTALLABLE = ("pyproject.toml", "setup.py")


def _profiles(table: Table, places: Places) -> tuple[str, ...]:
    names = table.strings("profiles", pattern=_TAG, expected=_TAG_WORDS)
    for name in names:
        place = places.find(f"profiles/{name}.toml")
        if place.kind != "file":
            similar = places.similar(place, "file").removeprefix("profiles/").removesuffix(".toml")
            problem = f"there is no profile {shown(name)}"
            index = table.position("profiles", name)
            table.mistake("profiles", problem, index=index, expected="a file in `profiles/`", suggestion=similar)
    return names


def _test_folder(table: Table, places: Places, path: str, folder: Path) -> Path:
    text = table.string("test-folder", ".")
    if text == "." or not path:
        return folder
    place = places.find(text, path)
    if place.objection:
        object_to(table, "test-folder", text, place.objection, expected="a path relative to the project")
    elif place.kind != "folder":
        table.mistake("test-folder", f"the project has no folder {shown(text)}")
    return Path(place.path)


def object_to(
    table: Table,
    key: str,
    text: str,
    objection: str,
    index: int | None = None,
    expected: str = "a path relative to the workspace",
) -> None:
    problem = f"{shown(text)} {objection}" if text.strip() else objection
    table.mistake(key, problem, index=index, expected=expected)
