"""One finished environment as its commit file describes it.

`env.json` is written last into a generation. Its shape (format 1): `format`, `generation`, `kind`, `key`, `title`,
`path` (where it was built; launchers hold this path), `fingerprint`, `inputs` {name: value}, `pins` {package: version},
`interpreter` {executable, version, implementation, size, mtime_ns}, `installer`, `site_packages` (relative),
`packages` {name: version}, `distributions` [names of the `*.dist-info` folders], `files` (count), `apparent_bytes`,
`created` (seconds since the epoch), `seconds` {phase: seconds}, `reasons` [text], `start` (of the machine, see
`restart.py`).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath

from envyard.definition import Kind
from envyard.files import read_bytes
from envyard.interpreter import Interpreter
from envyard.jsonobject import json_object

COMMIT_FILE = "env.json"
INODE_FILE = "inodes.bin"
FORMAT = 1
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
PYTHON = "python.exe" if sys.platform == "win32" else "python"


class CommitFileInvalid(Exception):
    """The commit file is truncated, of another format, or not of this generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A committed generation. `path` is where it is now; `built_at` where it was built (equal unless moved)."""

    generation: str
    kind: Kind
    key: str
    title: str
    path: Path
    built_at: str
    fingerprint: str
    interpreter: Interpreter
    installer: str
    site_packages: str
    created: float
    inputs: Mapping[str, str] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    distributions: tuple[str, ...] = ()
    files: int = 0
    apparent_bytes: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    start: str = ""

    @property
    def python(self) -> Path:
        """The python inside the environment, by its resolved generation path."""
        return python_of(self.path)


def python_of(path: Path) -> Path:
    """The python executable of an environment folder."""
    return path / SCRIPTS / PYTHON


def load_environment(path: Path) -> Environment:
    """Read the commit file of the generation at `path`.

    Raises `FileNotFoundError` when there is none (the generation does not exist then) and `CommitFileInvalid`.
    """
    text = read_bytes(path / COMMIT_FILE)
    try:
        data = json_object(text)
        if data.integer("format") != FORMAT or data.text("generation") != path.name:
            raise CommitFileInvalid(f"{path / COMMIT_FILE} is of another format or generation")
        interpreter = data.inner("interpreter")
        return Environment(
            generation=data.text("generation"),
            kind=Kind(data.text("kind")),
            key=_file_name(data.text("key")),
            title=data.text("title"),
            path=path,
            built_at=data.text("path"),
            fingerprint=data.text("fingerprint"),
            interpreter=Interpreter(
                executable=interpreter.text("executable"),
                version=interpreter.text("version"),
                implementation=interpreter.text("implementation"),
                size=interpreter.integer("size"),
                mtime_ns=interpreter.integer("mtime_ns"),
            ),
            installer=data.text("installer"),
            site_packages=_inner_folder(data.text("site_packages")),
            created=data.moment("created"),
            inputs=data.named_texts("inputs"),
            pins=data.named_texts("pins"),
            packages=data.named_texts("packages"),
            distributions=data.texts("distributions"),
            files=data.amount("files"),
            apparent_bytes=data.amount("apparent_bytes"),
            seconds=data.durations("seconds"),
            reasons=data.texts("reasons"),
            start=data.text("start", ""),
        )
    except ValueError as error:
        raise CommitFileInvalid(f"{path / COMMIT_FILE} cannot be read: {error}") from error


def commit_data(environment: Environment) -> dict[str, object]:
    """The content of the commit file, ready for JSON."""
    data = {
        name: getattr(environment, name)
        for name in environment.__slots__
        if name not in ("path", "built_at", "interpreter")
    }
    return {
        "format": FORMAT,
        **data,
        "path": environment.built_at,
        "interpreter": asdict(environment.interpreter),
    }


def distribution_folders(site_packages: Path) -> tuple[str, ...]:
    """The names of the `*.dist-info` folders, sorted: a quick picture of what is installed."""
    return tuple(sorted(name for name in os.listdir(site_packages) if name.endswith(".dist-info")))


def _file_name(key: str) -> str:
    """A key from a file, if files can be named by it: names become paths. Raises `ValueError`."""
    if re.fullmatch(r"[\w-][\w.-]{0,199}", key) is None:
        raise ValueError(f"not the key of an environment: {key!r}")
    return key


def _inner_folder(name: str) -> str:
    """The relative path of a folder inside the generation. Raises `ValueError`."""
    path = PurePath(name)
    if path.anchor or ".." in path.parts:  # on Windows `/x` and `C:x` lead elsewhere, too
        raise ValueError(f"not inside the environment: {name!r}")
    return name
