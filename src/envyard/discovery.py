"""Finds the projects of a monorepo that has no `workspace.toml`, or an old one.

A project is a top-most folder with a requirements.txt, a setup.py, or a pyproject.toml that says more than how to lint.
What is below a project belongs to it. Links are not followed, so that nothing is found twice and no loop has no end.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.errors import RequirementsUnreadable, UsageError
from envyard.manifest import MAIN_FILES, Manifest, has_setup_script, is_project_table, read_manifest
from envyard.places import Places
from envyard.requirements import load_text

SKIPPED = frozenset(
    {"venv", "env", "virtualenv", "node_modules", "site-packages", "__pycache__", "__pypackages__", "_meta"}
    | {"build", "dist", "bower_components"}
)
"""Folders that are never looked into, besides hidden ones and environments under any name."""

_LEFT = {"venv", "__pycache__", "node_modules"}  # what no version control takes along
_TEST_DEPTH = 8  # how deep below a project tests are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProject:
    """A folder that is a project. `path` is relative to the workspace, with `/`.

    - `tests`: the top-most folders with tests, relative to the project (`.`, `_meta/tests`, `../../_meta/tests/alpha`);
      empty when there are none.
    - `nested`: folders inside that would be projects by themselves, relative to the workspace.
    - `apart`: those of them that are projects by themselves and have tests, relative to the project. `tests` are
      without theirs.
    """

    path: str
    manifest: Manifest
    tests: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The projects in the order of their paths, and what people should know about the rest: `path: what`."""

    projects: tuple[FoundProject, ...]
    notes: tuple[str, ...] = ()


def discover(
    root: Path, *, exclude: Sequence[str] = (), skip: Sequence[str] = (), top: bool = True, nested: bool = False
) -> Discovery:
    """The projects below `root`. `exclude` are patterns of paths such as `archive/*`, `skip` folders such as the store.

    With `top` the top folder itself counts where it is the only one; else its files are those of the whole monorepo.
    With `nested` also those inside other projects, at every depth.
    """
    walk = _Walk(root, exclude, skip, nested)
    paths = walk.projects()
    if top and not paths and _is_marked(_entries(root, walk.notes, "."), root, walk.notes, "."):
        paths = ["."]
    projects = tuple(walk.found(path) for path in paths)
    return Discovery(projects=projects, notes=tuple(walk.notes))


def describe(root: Path, path: str) -> FoundProject:
    """What there is to know about the folder `path`, whatever it holds. Raises `UsageError` for a path of no use."""
    problem = unsafe(Places(str(root)), path)
    if problem:
        raise UsageError(f"`{path}` cannot be a project: it {problem}", hint="name a folder inside the workspace")
    return _Walk(root, (), ()).found(path)


def is_there(folder: Path) -> bool:
    """Whether a project still is in `folder`; an environment, caches and dot files alone are what git leaves of one."""
    for _path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT and not name.startswith(".")]
        if any(not name.startswith(".") for name in files):
            return True
    return False


def unsafe(places: Places, path: str) -> str:
    """Why workspace.toml cannot name the folder `path`, or ""."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    place = places.find(path)
    return place.objection or ("" if place.kind == "folder" else "is no folder")


class _Walk:
    """One look at the tree; `notes` fills on the way."""

    def __init__(self, root: Path, exclude: Sequence[str], skip: Sequence[str], nested: bool = False) -> None:
        self.root = root
        self.nested = nested
        self.notes: list[str] = []
        self._exclude = [pattern.strip("/") for pattern in exclude]
        self._skip = set(skip)
        self._places = Places(str(root))

    def projects(self) -> list[str]:
        """The top-most projects below the root, sorted without regard to case."""
        found: dict[str, str] = {}
        for path in sorted(self._all("."), key=str.casefold):
            problem = unsafe(self._places, path)
            first = found.setdefault(path.casefold(), path)
            if problem or first != path:
                problem = problem or f"differs from `{first}` only in upper and lower case"
                self.notes.append(f"{_printable(path)}: left out, it {problem}")
                if first == path:
                    del found[path.casefold()]
        return list(found.values())

    def found(self, path: str) -> FoundProject:
        folder = self.root / path
        manifest = read_manifest(folder)
        self.notes += [f"{path}: {note}" for note in manifest.notes]
        nested = tuple(sorted(self._marked(path), key=str.casefold)) if path != "." else ()
        apart = {os.path.join(self.root, one): one[len(path) + 1 :] for one in nested} if self.nested else {}
        tests = tuple(_test_folders(folder, without=apart)) or tuple(self._outside_tests(path))
        with_tests = tuple(name for inside, name in apart.items() if next(_test_folders(Path(inside)), ""))
        return FoundProject(path=path, manifest=manifest, tests=tests, nested=nested, apart=with_tests)

    def _all(self, top: str) -> Iterator[str]:
        """The projects below `top`: the top-most, or with `nested` those inside them too."""
        for path in self._marked(top):
            yield path
            if self.nested:
                yield from self._all(path)

    def _marked(self, top: str) -> Iterator[str]:
        """The top-most projects below `top`, without `top` itself."""
        waiting = [top]
        while waiting:
            path = waiting.pop()
            entries = _entries(self.root / path, self.notes, path)
            if path != top and _is_marked(entries, self.root / path, self.notes, path):
                yield path
                continue
            for entry in entries:
                below = entry.name if path == "." else f"{path}/{entry.name}"
                if _is_walked(entry) and entry.name != "requirements" and not self._is_left_out(below):
                    waiting.append(below)

    def _is_left_out(self, path: str) -> bool:
        return path in self._skip or any(fnmatch.fnmatchcase(path, pattern) for pattern in self._exclude)

    def _outside_tests(self, path: str) -> Iterator[str]:
        """Tests of a project that stand beside the projects: `_meta/tests/<project>`, `tests/<path of the project>`."""
        folder = self.root / path
        for above in folder.parents:
            names = dict.fromkeys((folder.relative_to(above).as_posix(), folder.name))
            for name in [f"{tests}/{each}" for tests in ("_meta/tests", "tests") for each in names]:
                if (above / name).is_dir() and next(_test_folders(above / name), ""):
                    yield os.path.relpath(above / name, folder).replace(os.sep, "/")
                    return
            if above == self.root:
                return


def _entries(folder: Path, notes: list[str], path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        notes.append(f"{_printable(path)}: cannot be looked into: {(error.strerror or str(error)).lower()}")
        return []


def _is_walked(entry: os.DirEntry[str]) -> bool:
    """Whether a folder may hold projects."""
    if entry.name.startswith(".") or entry.name.casefold() in SKIPPED or entry.name.endswith(".egg-info"):
        return False
    try:
        if not entry.is_dir(follow_symlinks=False):
            return False
        if os.name == "nt" and getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) != 0:
            return False  # a junction
        return not os.path.lexists(os.path.join(entry.path, "pyvenv.cfg"))
    except OSError:
        return False


def _is_marked(entries: list[os.DirEntry[str]], folder: Path, notes: list[str], path: str) -> bool:
    names = {entry.name for entry in entries if _is_file(entry)}
    if "requirements.txt" in names or ("setup.py" in names and has_setup_script(folder)):
        return True
    if "requirements" in {entry.name for entry in entries} and any((folder / name).is_file() for name in MAIN_FILES):
        return True
    if "pyproject.toml" not in names:
        return False
    try:
        return is_project_table(load_text(folder / "pyproject.toml"))
    except (RequirementsUnreadable, OSError):
        notes.append(f"{_printable(path)}: its pyproject.toml cannot be read")
        return True


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _test_folders(folder: Path, below: str = ".", depth: int = 0, without: Container[str] = ()) -> Iterator[str]:
    """The top-most folders with test files as pytest names them; `without` are paths of folders to leave out."""
    entries = _entries(folder, [], below)
    if any(_is_test(entry.name) and _is_file(entry) for entry in entries):
        yield below
        return
    for entry in entries:
        inside = _is_walked(entry) or (entry.name == "_meta" and entry.is_dir(follow_symlinks=False))
        if inside and depth < _TEST_DEPTH and entry.path not in without:
            name = entry.name if below == "." else f"{below}/{entry.name}"
            yield from _test_folders(Path(entry.path), name, depth + 1, without)


def _is_test(name: str) -> bool:
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()
