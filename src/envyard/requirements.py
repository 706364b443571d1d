"""Requirement files and lockfiles as text: what they pin, what they include, and their digests.

Only the forms that pip and uv write or read are handled, by line; resolving is the installer's work.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envyard.definition import Definition
from envyard.errors import RequirementsUnreadable

INPUTS_PREFIX = "# envyard inputs: sha256 "
CONSTRAINT = "-c "
"""What begins a line that asks for nothing, but narrows the versions of a package."""

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*==\s*([^\s;\\]+)\s*(?:;\s*([^\\]*?))?\s*\\?$")
_INCLUDE = re.compile(r"^(?:-[rc]\s*=?\s*|--(?:requirement|constraint)[\s=]\s*)(\"[^\"]+\"|'[^']+'|\S+)")
_LOCAL = re.compile(
    r"^(?:-e|--editable)[\s=]*(?P<editable>[^\s;#]+)"
    r"|^(?:[\w.-]+(?:\[[^\]]*\])?\s*@\s*)?(?:file:(?://)?)?(?P<path>[\w.-]*/[^\s;#]*|\.{1,2})(?=\s|;|#|$)"
)
_LOCAL_METADATA = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One entry of a lockfile; `text` is the whole entry with its hashes, without the marker and comments."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def text(self) -> str:
        return " \\\n    ".join([f"{self.name}=={self.version}", *(f"--hash={value}" for value in self.hashes)])


def canonical_name(name: str) -> str:
    """The normalised name of a package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_lockfile(text: str) -> tuple[Pin, ...]:
    """The pins of a lockfile, in its order. Lines that are no `name==version` pin are left out."""
    pins = []
    for entry in _entries(text):
        head, *hashes = re.split(r"\s+--hash=", entry)
        match = _PIN.match(head.strip())
        if match:
            name, _extras, version, marker = match.groups()
            pins.append(
                Pin(
                    name=canonical_name(name),
                    version=version,
                    marker=marker or "",
                    hashes=tuple(map(str.strip, hashes)),
                )
            )
    return tuple(pins)


def pin_versions(pins: Iterable[Pin]) -> dict[str, str]:
    """Package name -> pinned version; several versions behind different markers are joined by ` | `."""
    versions: dict[str, list[str]] = {}
    for pin in pins:
        known = versions.setdefault(pin.name, [])
        if pin.version not in known:
            known.append(pin.version)
    return {name: " | ".join(known) for name, known in versions.items()}


def content_digest(text: str) -> str:
    """sha256 of the lines that mean something: comment lines, blank lines and line endings do not count.

    Called for every lockfile on every command, so no regular expression looks at the lines.
    """
    lines = (line.strip() for line in text.splitlines())
    return hashlib.sha256("\n".join(line for line in lines if line and line[0] != "#").encode()).hexdigest()


def load_text(path: Path) -> str:
    """The text of a requirement file or lockfile.

    Raises `FileNotFoundError` for a file that is not there, `RequirementsUnreadable` for one that is no UTF-8 text.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        problem = f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        raise RequirementsUnreadable(problem, hint="requirement files and lockfiles are text files") from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        what = f"has a byte in line {data.count(10, 0, error.start) + 1} that is not UTF-8"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # `pip freeze > requirements.txt` in Windows PowerShell
            what = "is UTF-16, not UTF-8"
        raise RequirementsUnreadable(f"{path} {what}", hint="save the file as UTF-8") from error


def load_toml(path: Path) -> dict[str, Any]:
    """The tables of a `pyproject.toml`.

    Raises `FileNotFoundError` for a file that is not there, `RequirementsUnreadable` for one that is no TOML.
    """
    try:
        return tomllib.loads(load_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problem = f"{path} is not valid TOML: {str(error)[:1].lower()}{str(error)[1:]}"
        raise RequirementsUnreadable(problem, hint="correct the file, then run the same command again") from error


def refuse_invalid_toml(definition: Definition) -> None:
    """Raise `RequirementsUnreadable` for a `pyproject.toml` that is no TOML, of the project or of what it installs from
    a folder. Installers tell the mistake but not in which file it is, and call it a failed build."""
    files = requirement_files(definition.requirements)
    suspects = [path for path in files if path.suffix == ".toml"]
    folders = [] if definition.editable is None else [definition.editable]
    for path, text in files.items():
        if path.suffix not in (".toml", ".py", ".cfg"):
            for named in local_paths(text.splitlines()):
                folders += [path.parent / named, definition.root / named]
    for path in [*suspects, *(folder / "pyproject.toml" for folder in folders)]:
        if path.is_file():  # whoever needs one that is not there says so
            load_toml(Path(os.path.normpath(path)))


def local_paths(lines: Iterable[str]) -> Iterator[str]:
    """What requirement lines install from a folder, as written: `-e ../Model`, `./Model`, `model @ file:../Model`."""
    for line in lines:
        match = _LOCAL.match(line.strip())
        if match is not None:
            named = match["editable"] or match["path"]
            yield re.sub(r"\[[^\]]*\]$", "", named.removeprefix("file://").removeprefix("file:"))


def requirement_files(files: Sequence[Path], *, lenient: bool = False) -> dict[Path, str]:
    """The text of each file and of every file it includes with `-r` or `-c`, by absolute path.

    Raises `RequirementsUnreadable` for a file that is not there or is no UTF-8 text; with `lenient` it counts as empty.
    """
    texts: dict[Path, str] = {}
    queue = [(path, "") for path in files]
    while queue:
        path, origin = queue.pop(0)
        if path in texts:
            continue
        try:
            texts[path] = text = load_text(path)
        except (FileNotFoundError, RequirementsUnreadable) as error:
            if lenient:
                texts[path] = ""
                continue
            if isinstance(error, RequirementsUnreadable):
                raise
            problem = f"the requirement file {path} is missing{origin}"
            raise RequirementsUnreadable(problem, hint="restore the file, or take out what asks for it") from error
        if path.suffix not in (".toml", ".py", ".cfg"):
            for entry in _entries(text):
                match = _INCLUDE.match(entry)
                if match and "://" not in match.group(1):
                    # normalised, or two files that include each other by `../` would never end
                    included = os.path.normpath(path.parent / match.group(1).strip("\"'"))
                    queue.append((Path(included), f", which {path.name} includes"))
    return texts


def sources(definition: Definition) -> list[Path]:
    """The requirement files that an installer is given: without a `pyproject.toml` of nothing but dependency groups.

    Those are asked for by name; an installer that got the file would try to build a package from it, and fail.
    """
    return [path for path in definition.requirements if not (definition.groups and _has_only_groups(path))]


def project_metadata(folder: Path) -> dict[Path, str]:
    """The files that decide what an editable install of `folder` depends on."""
    paths = [folder / name for name in _LOCAL_METADATA]
    return {path: path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()}


def inputs_digest(definition: Definition) -> str:
    """sha256 of all that a lockfile is made from; written into the lockfile to know whether it is up to date."""
    digest = hashlib.sha256()
    files = requirement_files(definition.requirements)
    for path in sorted(files, key=str):
        digest.update(f"{_relative(path, definition.root)}\0{content_digest(files[path])}\n".encode())
    for part in (
        definition.lines,
        definition.extras,
        definition.groups,
        (definition.python,),
        (definition.torch_backend,),
        *([definition.indexes] if definition.indexes else []),
    ):
        digest.update(("\0".join(part) + "\n").encode())
    return digest.hexdigest()


def recorded_inputs(lockfile_text: str) -> str:
    """The digest a lockfile says it was made from, or "" for a lockfile made by hand or by another tool."""
    for line in lockfile_text.splitlines()[:20]:
        if line.startswith(INPUTS_PREFIX):
            return line.removeprefix(INPUTS_PREFIX).strip()
    return ""


def lockfile_is_stale(definition: Definition, *, strict: bool = False) -> bool:
    """Whether the requirements changed after their lockfile was written.

    When that cannot be known, because a file is missing or unreadable, the answer is False; with `strict` it is
    `RequirementsUnreadable`.
    """
    if definition.lockfile is None:
        return False
    try:
        recorded = recorded_inputs(load_text(definition.lockfile))
        return bool(recorded) and recorded != inputs_digest(definition)
    except (OSError, RequirementsUnreadable):
        if strict:
            raise
        return False  # whoever needs these files says what is wrong with them


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What became of a set of pins, in words: `added x 1.0`, `removed y 2.0`, `z 1.0 -> 1.1`."""
    lines = [f"added {name} {new[name]}".rstrip() for name in sorted(new.keys() - old.keys())]
    lines += [f"removed {name} {old[name]}".rstrip() for name in sorted(old.keys() - new.keys())]
    lines += [
        f"{name} {old[name]} -> {new[name]}" for name in sorted(old.keys() & new.keys()) if old[name] != new[name]
    ]
    return lines


def numbered_entries(text: str) -> list[tuple[int, str]]:
    """Logical lines, each with the number of its first: continued lines joined, comments and blank lines dropped."""
    found: list[tuple[int, str]] = []
    parts: list[str] = []
    first = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        first = first if parts else number
        kept = "" if line.lstrip(" \t").startswith("#") else line.rstrip(" \t")  # also within a continued line
        parts.append(kept.removesuffix("\\"))
        if not kept.endswith("\\"):
            folded = " ".join(re.sub(r"(^|\s)#.*$", "", " ".join(parts)).split())
            parts.clear()
            if folded:
                found.append((first, folded))
    return found


def _entries(text: str) -> list[str]:
    return [entry for _number, entry in numbered_entries(text)]


def _has_only_groups(path: Path) -> bool:
    if path.name != "pyproject.toml" or (path.parent / "setup.py").exists():
        return False
    try:
        tables = load_toml(path)
    except (OSError, RequirementsUnreadable):
        return False  # whoever is given the file says what is wrong with it
    return "dependency-groups" in tables and not {"project", "build-system"} & tables.keys()


def _relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()
