"""One finished environment as its commit file describes it.

`env.json` is written last into a generation. Its shape (format 1): `format`, `generation`, `kind`, `key`, `title`,
`path` (where it was built; launchers hold this path), `fingerprint`, `inputs` {name: value}, `pins` {package: version},
`interpreter` {executable, version, implementation, size, mtime_ns}, `installer`, `site_packages` (relative),
`packages` {name: version}, `distributions` [names of the `*.dist-info` folders], `files` (count), `apparent_bytes`,
`created` (seconds since the epoch), `seconds` {phase: seconds}, `reasons` [text], `start` (of the machine, see
`restart.py`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from envyard.definition import Kind
from envyard.files import read_bytes
from envyard.interpreter import Interpreter

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
        data = json.loads(text)
        if data["format"] != FORMAT or data["generation"] != path.name:
            raise CommitFileInvalid(f"{path / COMMIT_FILE} is of another format or generation")
        interpreter = data["interpreter"]
        return Environment(
            generation=str(data["generation"]),
            kind=Kind(data["kind"]),
            key=str(data["key"]),
            title=str(data["title"]),
            path=path,
            built_at=str(data["path"]),
            fingerprint=str(data["fingerprint"]),
            interpreter=Interpreter(
                executable=str(interpreter["executable"]),
                version=str(interpreter["version"]),
                implementation=str(interpreter["implementation"]),
                size=int(interpreter["size"]),
                mtime_ns=int(interpreter["mtime_ns"]),
            ),
            installer=str(data["installer"]),
            site_packages=str(data["site_packages"]),
            created=float(data["created"]),
            inputs=_texts(data["inputs"]),
            pins=_texts(data["pins"]),
            packages=_texts(data["packages"]),
            distributions=tuple(map(str, data["distributions"])),
            files=int(data["files"]),
            apparent_bytes=int(data["apparent_bytes"]),
            seconds={str(phase): float(value) for phase, value in data["seconds"].items()},
            reasons=tuple(map(str, data["reasons"])),
            start=str(data.get("start", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
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


def _texts(value: Mapping[object, object]) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()}
