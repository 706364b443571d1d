"""The workspace that `workspace.toml` describes: found, read and checked; and the choice among its projects.

Loading is on the way of every command, so it looks at each path once and imports nothing heavy.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from envyard.configuration import Places, is_inside, read_toml
from envyard.errors import UnknownEnvironment, WorkspaceNotFound
from envyard.fields import Table, closest, listed, shown
from envyard.project import Project, Workspace

WORKSPACE_FILE = "workspace.toml"

PLATFORMS = (
    "linux-x86_64",
    "linux-aarch64",
    "macos-arm64",
    "macos-x86_64",
    "windows-x86_64",
    "windows-arm64",
)

RESERVED_KEYS = frozenset({"all", "lint", "projects", "tests", "types"})
"""The nox sessions of every workspace; no project may take their names."""


def find_workspace(start: Path) -> Path:
    """The folder with `workspace.toml`: the first from `start` upwards.

    The variable ENVYARD_WORKSPACE, the folder or the file, goes before it. Raises `WorkspaceNotFound`.
    """
    named = os.environ.get("ENVYARD_WORKSPACE", "")
    if named:
        folder = os.path.abspath(named)
        if os.path.basename(folder) == WORKSPACE_FILE and not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        if os.path.isfile(os.path.join(folder, WORKSPACE_FILE)):
            return Path(folder)
        raise WorkspaceNotFound(
            f"no `{WORKSPACE_FILE}` in `{folder}`, which the variable ENVYARD_WORKSPACE names",
            hint=f"correct ENVYARD_WORKSPACE, or unset it to search from this folder upwards; or {_CREATE}",
        )
    first = folder = os.path.abspath(start)
    while not os.path.isfile(os.path.join(folder, WORKSPACE_FILE)):
        above = os.path.dirname(folder)
        if above == folder:
            raise WorkspaceNotFound(
                f"no `{WORKSPACE_FILE}` in `{first}` or any folder above it",
                hint=f"go to a folder of the workspace, or {_CREATE}",
            )
        folder = above
    return Path(folder)


def load_workspace(root: Path) -> Workspace:
    """The workspace in the folder `root`, with absolute paths and every default filled in.

    Raises `ConfigurationInvalid` with all mistakes of the file at once, `WorkspaceNotFound` without a file.
    """
    folder = os.path.abspath(root)
    file = os.path.join(folder, WORKSPACE_FILE)
    try:
        top = read_toml(file, WORKSPACE_FILE, reference=_REFERENCE)
    except FileNotFoundError:
        raise WorkspaceNotFound(f"no `{WORKSPACE_FILE}` in `{folder}`", hint=_CREATE) from None
    places = Places(folder)
    settings = top.table("workspace")
    python = _python(settings, f"{sys.version_info.major}.{sys.version_info.minor}")
    members = [_member(key, table, places, python) for key, table in top.tables("projects", name="key")]
    store = _store(settings, places)
    workspace = Workspace(
        root=Path(folder),
        file=Path(file),
        name=settings.string("name", os.path.basename(folder), pattern=_LINE, expected=_LINE_WORDS),
        store=Path(store or folder),
        projects=tuple(member.project for member in members),
        installer=settings.choice("installer", ("auto", "uv", "pip"), "auto"),
        publish=settings.choice("publish", ("auto", "link", "copy"), "auto"),
        platforms=settings.strings("platforms", _DEFAULT_PLATFORMS, choices=PLATFORMS, required=True),
    )
    settings.finish()
    top.finish()
    _check_keys(top, members)
    _check_titles(members)
    _check_folders(members, places)
    environments = _environments(members, places)
    _check_environments(members, environments, places)
    _check_store(members, environments, settings, store, places)
    _check_lockfiles(members, places)
    top.problems.raise_if_any()
    return workspace


def select_projects(workspace: Workspace, names: Sequence[str], tags: Sequence[str] = ()) -> tuple[Project, ...]:
    """The projects with one of `names` and those with one of `tags`, in the order of the file.

    Without names and tags: all. A name is a key, a title or a path relative to the root, in upper or lower
    case. Raises `UnknownEnvironment`.
    """
    if not names and not tags:
        return workspace.projects
    by_name: dict[str, str] = {}
    for project in workspace.projects:  # where two projects answer to one name: key before title before path
        by_name.setdefault(_path_of(workspace, project), project.key)
    by_name |= {project.title.casefold(): project.key for project in workspace.projects}
    by_name |= {project.key: project.key for project in workspace.projects}
    by_tag: dict[str, set[str]] = {}
    for project in workspace.projects:
        for tag in project.tags:
            by_tag.setdefault(tag.casefold(), set()).add(project.key)
    unknown = [name for name in names if _key_for(name, by_name) is None]
    if unknown:
        raise _unknown("project", unknown, workspace, lambda name: by_name.get(closest(name, by_name), ""))
    unknown = [tag for tag in tags if tag.casefold() not in by_tag]
    if unknown:
        raise _unknown("tag", unknown, workspace, lambda tag: closest(tag, by_tag))
    chosen = {_key_for(name, by_name) for name in names}
    for tag in tags:
        chosen |= by_tag[tag.casefold()]
    return tuple(project for project in workspace.projects if project.key in chosen)


_REFERENCE = "docs/workspace-toml.md"
_CREATE = f"create `{WORKSPACE_FILE}` in the top folder of the monorepo, see `{_REFERENCE}`"
_DEFAULT_PLATFORMS = ("linux-x86_64", "macos-arm64", "windows-x86_64")
_DEFAULT_STORE = ".envs"
_DEFAULT_TEST_COMMAND = ("python", "-m", "pytest")

# Regular expressions are compiled when they are used first: few are used in a file without mistakes.
_VERSION = r"(?:(?:python|cpython|pypy|graalpy)-?)?3(?:\.\d{1,2}(?:\.\d{1,2})?)?t?(?:-(?:32|64))?"
_CLAUSE = r"(?:===?|!=|~=|<=?|>=?)\s*\d+(?:\.\d+)*(?:\.\*)?"
_PYTHON = rf"{_VERSION}|(?:(?:^|\s*,\s*){_CLAUSE})+|(?:/|[A-Za-z]:[\\/])[^\x00-\x1f]+"
_PYTHON_WORDS = "`3.11`, `>=3.10,<3.13` or an absolute path"
_LINE = r"(?!\s)[^\x00-\x1f\x7f]{1,200}"
_LINE_WORDS = "one line of text"
_KEY = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_KEY_WORDS = "lower-case letters, digits and dashes between them, at most 64"
_DEVICE = r"con|prn|aux|nul|com\d|lpt\d"  # file names that Windows keeps for devices
_TAG = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_TAG_WORDS = "letters and digits, with `-`, `_` or `.` between them"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE_WORDS = "the name of a variable: letters, digits and `_`"
_REQUIREMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*(?:[\[<>=!~;@(][^\x00-\x1f]*)?"
_REQUIREMENT_WORDS = "a requirement such as `pytest>=8`"
_TORCH_BACKEND = r"auto|cpu|xpu|cu\d{2,3}|rocm\d{1,2}(?:\.\d{1,2}){0,2}"
_TORCH_BACKEND_WORDS = "`auto`, `cpu`, `xpu`, a CUDA version such as `cu121` or a ROCm version such as `rocm6.2`"


# --- reading


class _Member(NamedTuple):
    """A project while it is checked; `path` and `lockfile` are "" when there is none that could be used."""

    project: Project
    table: Table
    path: str
    lockfile: str


def _member(key: str, table: Table, places: Places, python: str) -> _Member:
    path = _project_folder(key, table, places)
    requirements = _requirements(table, places, path)
    lockfile = _lockfile(table, places, requirements)
    folder = Path(path or places.root)
    project = Project(
        key=key,
        title=table.string("title", os.path.basename(path) or key, pattern=_LINE, expected=_LINE_WORDS),
        path=folder,
        description=table.string("description"),
        python=_python(table, python),
        requirements=tuple(Path(each) for each in requirements),
        lockfile=Path(lockfile) if lockfile else None,
        extras=_parts(table, "extras", requirements),
        groups=_parts(table, "groups", requirements),
        test_requirements=table.strings("test-requirements", pattern=_REQUIREMENT, expected=_REQUIREMENT_WORDS),
        editable=_editable(table, places, path),
        test_command=table.arguments("test-command", _DEFAULT_TEST_COMMAND),
        test_folder=_test_folder(table, places, path, folder),
        tags=table.strings("tags", pattern=_TAG, expected=_TAG_WORDS),
        environment=table.string_table("environment", names=_VARIABLE, expected=_VARIABLE_WORDS),
        torch_backend=table.string("torch-backend", pattern=_TORCH_BACKEND, expected=_TORCH_BACKEND_WORDS),
    )
    table.finish()
    return _Member(project, table, path, lockfile)


def _python(table: Table, default: str) -> str:
    return table.string("python", default, pattern=_PYTHON, expected=_PYTHON_WORDS)


def _store(settings: Table, places: Places) -> str:
    text = settings.string("store", _DEFAULT_STORE)
    place = places.find(text)
    if place.objection:
        _object(settings, "store", text, place.objection)
    elif place.kind not in ("folder", "missing"):
        settings.mistake("store", f"{shown(text)} is no folder", expected="a folder, or none yet")
    elif place.path == places.root:
        settings.mistake("store", "is the workspace itself", expected=f"a folder such as `{_DEFAULT_STORE}`")
    else:
        return place.path
    return ""


def _project_folder(key: str, table: Table, places: Places) -> str:
    text = table.string("path", key)
    place = places.find(text)
    if place.objection:
        _object(table, "path", text, place.objection)
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
            _object(table, "requirements", text, place.objection, table.position("requirements", text))
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
        _object(table, "lockfile", text, place.objection)
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


def _test_folder(table: Table, places: Places, path: str, folder: Path) -> Path:
    text = table.string("test-folder", ".")
    if text == "." or not path:
        return folder
    place = places.find(text, path)
    if place.objection:
        _object(table, "test-folder", text, place.objection, expected="a path relative to the project")
    elif place.kind != "folder":
        table.mistake("test-folder", f"the project has no folder {shown(text)}")
    return Path(place.path)


def _object(
    table: Table,
    key: str,
    text: str,
    objection: str,
    index: int | None = None,
    expected: str = "a path relative to the workspace",
) -> None:
    problem = f"{shown(text)} {objection}" if text.strip() else objection
    table.mistake(key, problem, index=index, expected=expected)


# --- checks of one project against the others


def _check_keys(top: Table, members: Iterable[_Member]) -> None:
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
        elif re.fullmatch(_DEVICE, key):
            top.problems.add(table.location, f"{shown(key)} is the name of a device on Windows")


def _check_titles(members: Sequence[_Member]) -> None:
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


def _check_folders(members: Iterable[_Member], places: Places) -> None:
    seen: dict[str, str] = {}
    for project, table, path, _lock in members:
        first = seen.setdefault(places.real(path).casefold(), project.key) if path else project.key
        if first != project.key:
            problem = f"{shown(places.shown(path))} is already the folder of `{first}`"
            table.mistake("path", problem, expected="a folder of its own")


def _check_environments(members: Iterable[_Member], environments: dict[str, str], places: Places) -> None:
    """Nothing that people keep may be in an environment: it is replaced without asking."""
    for _project, table, path, lockfile in members:
        for key, own in (("path", path), ("lockfile", lockfile)):
            owner = _owner(own, environments, places)
            if owner:
                problem = f"{shown(places.shown(own))} is inside the environment of `{owner}`"
                table.mistake(key, problem, expected="a place outside every environment")


def _check_store(
    members: Sequence[_Member], environments: dict[str, str], settings: Table, store: str, places: Places
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


def _environments(members: Iterable[_Member], places: Places) -> dict[str, str]:
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


def _check_lockfiles(members: Iterable[_Member], places: Places) -> None:
    seen: dict[str, str] = {}
    for project, table, _path, lockfile in members:
        first = seen.setdefault(places.real(lockfile).casefold(), project.key) if lockfile else project.key
        if first != project.key:
            problem = f"{shown(places.shown(lockfile))} is already the lockfile of `{first}`"
            table.mistake("lockfile", problem, expected="a lockfile of its own")


# --- choosing


def _path_of(workspace: Workspace, project: Project) -> str:
    relative = os.path.relpath(project.path, workspace.root)
    return relative.replace(os.sep, "/").casefold()


def _key_for(name: str, by_name: dict[str, str]) -> str | None:
    """The key that `name` means; `./projects/Model/`, as a shell completes it, means `projects/Model`."""
    folded = name.casefold()
    as_path = os.path.normpath(folded).replace(os.sep, "/")
    return by_name.get(folded) or by_name.get(as_path)


def _unknown(what: str, names: Sequence[str], workspace: Workspace, guess: Callable[[str], str]) -> UnknownEnvironment:
    known = [project.key for project in workspace.projects]
    if what == "tag":
        known = sorted({tag.casefold() for project in workspace.projects for tag in project.tags})
    guesses = [guess(name) for name in names]
    details = [f"{shown(name)}: did you mean `{meant}`?" for name, meant in zip(names, guesses, strict=True) if meant]
    shortened = known if len(known) <= 40 else [*known[:40], f"and {len(known) - 40} more"]
    details.append(f"known {what}s: {', '.join(shortened) or 'none'}")
    called = ", ".join(shown(name) for name in names)
    return UnknownEnvironment(
        f"no {what if len(names) == 1 else f'{what}s'} {called} in `{workspace.file}`",
        hint=f"name a known {what}, or none for all projects",
        details=details,
    )
