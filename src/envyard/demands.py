"""What the requirement files of an environment ask for, each demand with the file and line where a person wrote it.

The files are read as the resolver reads them: with all that they include, a `pyproject.toml` with extras and groups.
What only a build could tell, such as the dependencies in a `setup.py`, is one demand: the project.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.configuration import key_lines
from envyard.definition import Definition
from envyard.errors import RequirementsUnreadable
from envyard.fileoptions import option
from envyard.folders import lock_folder
from envyard.pyproject import Listed, group_requirements, is_static, project_dependencies, table_of
from envyard.requirements import (
    CONSTRAINT,
    canonical_name,
    load_text,
    load_toml,
    numbered_entries,
    requirement_files,
    sources,
)

_INCLUDE = re.compile(r"(?P<what>-r|-c|--requirement|--constraint)[\s=]*(?P<file>\"[^\"]+\"|'[^']+'|\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]*(?P<what>.+)")
_PLAIN_FOLDER = re.compile(r"(?P<path>[^\s;\[:]+)(?P<extras>\[[^\]]*\])?")
_LOCAL = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]*\s*(?P<before>\[[^\]]*\])?\s*@\s*)?(?:file:(?://)?)?"
    r"(?P<path>\.{0,2}/[^\s;\[]*|\.{1,2}(?=[\s\[;]|$))(?P<after>\[[^\]]*\])?(?P<marker>\s*;.*)?"
)
_PASSWORD = re.compile(r"//[^/@\s]+@")
_OPTIONS = re.compile(r"\s--[a-z][a-z-]*[\s=].*$")  # of one requirement, such as its hashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One demand of the environment `key`.

    `line` is how the resolver is told, "" for a setting; `text` is how it stands in line `number` of `file` (0: the
    demand is the file as a whole), without a password. `package` is the name of the local project that it is about, as
    far as its files say it: it may have to be built to know what it depends on.
    """

    key: str
    text: str
    file: Path
    number: int = 0
    line: str = ""
    package: str = ""


def file_demands(definition: Definition) -> tuple[tuple[Demand, ...], tuple[Demand, ...]]:
    """The requirements in the files of a definition, and their options such as `--extra-index-url`.

    Raises `RequirementsUnreadable` for a file that is missing or cannot be read.
    """
    reader = _Reader(definition)
    found = tuple(reader.read())
    return found, tuple(reader.options)


def asking(demand: Demand) -> Demand:
    """A demand whose text is a requirement."""
    return replace(demand, line=_OPTIONS.sub("", demand.text))


def folder_demand(demand: Demand, folder: Path, extras: tuple[str, ...] = ()) -> Demand:
    """A demand for whatever the project in `folder` depends on, which uv finds out."""
    line = _editable(folder, f"[{','.join(extras)}]" if extras else "")
    return replace(demand, line=line, package=package_name(folder))


def package_name(folder: Path) -> str:
    """The name that a project gives itself in a file that needs not be run; "" where there is none."""
    with contextlib.suppress(OSError, RequirementsUnreadable):
        tables = load_toml(folder / "pyproject.toml")
        for table in (table_of(tables, "project"), table_of(tables, "tool", "poetry")):
            if isinstance(table.get("name"), str):
                return canonical_name(table["name"])
    with contextlib.suppress(OSError, configparser.Error, UnicodeDecodeError):
        setup = configparser.ConfigParser(interpolation=None)
        setup.read(folder / "setup.cfg", encoding="utf-8")
        return canonical_name(setup.get("metadata", "name", fallback=""))
    return ""


class _Reader:
    """Reads the files of one definition; `options` fills on the way."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.options: list[Demand] = []
        # Where the lines of hand-written files lead: from where the resolver or the installer runs.
        unlocked = definition.lockfile is None and definition.link is not None
        self._base = definition.link.parent if unlocked and definition.link else lock_folder(definition)
        self._texts: Mapping[Path, str] = requirement_files(definition.requirements)
        self._seen: set[tuple[Path, str]] = set()

    def read(self) -> Iterator[Demand]:
        for path in sources(self.definition):
            if path.suffix == ".toml":
                yield from self._pyproject(path)
            elif path.suffix in (".py", ".cfg"):
                yield folder_demand(self._whole(path), path.parent)
            else:
                yield from self._lines(path, "")
        for path in self.definition.requirements:
            if path.name == "pyproject.toml" and self.definition.groups:
                yield from self._listed(path, group_requirements(load_toml(path), path, self.definition.groups))

    def _pyproject(self, path: Path) -> Iterator[Demand]:
        tables = load_toml(path)
        if is_static(tables):
            yield from self._listed(path, project_dependencies(tables, path, self.definition.extras))
        else:
            yield folder_demand(self._whole(path), path.parent, self.definition.extras)

    def _listed(self, path: Path, listed: Listed) -> Iterator[Demand]:
        lines = key_lines(load_text(path))
        for location, text in listed:
            yield asking(replace(self._whole(path), text=text, number=lines.get(location, 0)))

    def _lines(self, path: Path, prefix: str) -> Iterator[Demand]:
        """The demands of a requirement file, or with a prefix of a constraint file, and of all that it includes."""
        if (path, prefix) in self._seen:
            return
        self._seen.add((path, prefix))
        for number, entry in numbered_entries(self._texts[path]):
            demand = replace(self._whole(path), text=_PASSWORD.sub("//***@", entry), number=number)
            include = _INCLUDE.match(entry)
            if include and "://" not in include["file"]:
                inner = CONSTRAINT if include["what"] in ("-c", "--constraint") else prefix
                file = os.path.normpath(path.parent / include["file"].strip("\"'"))
                yield from self._lines(Path(file), inner)
            elif include or (entry.startswith("-") and not _EDITABLE.match(entry)):
                self.options.append(replace(demand, line=option(entry, path, self.definition) or entry))
            else:
                yield self._requirement(demand, _OPTIONS.sub("", entry), prefix)

    def _requirement(self, demand: Demand, text: str, prefix: str) -> Demand:
        editable = _EDITABLE.match(text)
        folder = _PLAIN_FOLDER.fullmatch(editable["what"]) if editable else None
        if folder is not None:
            return self._folder(demand, folder["path"], folder["extras"])
        local = _LOCAL.fullmatch(editable["what"] if editable else text)
        if local is None:
            return replace(demand, line=prefix + text)
        path = self._absolute(local["path"])
        if editable or path.is_dir():
            return self._folder(demand, local["path"], local["before"] or local["after"])
        return replace(demand, line=f"{path.as_uri()}{local['marker'] or ''}")

    def _folder(self, demand: Demand, path: str, extras: str | None) -> Demand:
        """Also where it is not installed as editable: uv may look into such a folder even where it builds nothing."""
        folder = self._absolute(path)
        return replace(demand, line=_editable(folder, extras or ""), package=package_name(folder))

    def _absolute(self, path: str) -> Path:
        return Path(os.path.normpath(self._base / path))

    def _whole(self, path: Path) -> Demand:
        return Demand(key=self.definition.key, text=path.name, file=path)


def _editable(folder: Path, extras: str) -> str:
    return f"-e {folder.as_uri()}{extras}"
