"""Values of the engine for tests that need one and do not care for most of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from envyard.definition import Definition, Kind
from envyard.environment import Environment, commit_data
from envyard.files import write_json
from envyard.interpreter import Interpreter, current_interpreter

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


def make_definition(root: Path, **changes: Any) -> Definition:
    """The definition of the project `alpha` in the workspace `root`; it asks for nothing."""
    values: dict[str, Any] = {"kind": Kind.PROJECT, "key": "alpha", "title": "Alpha", "root": root, "python": MINOR}
    return Definition(**{**values, **changes})


def make_environment(path: Path, **changes: Any) -> Environment:
    """A committed generation at `path`, on disk too: empty, but its python starts."""
    site_packages = f"lib/python{MINOR}/site-packages"
    values: dict[str, Any] = {
        "generation": path.name,
        "kind": Kind.PROJECT,
        "key": "alpha",
        "title": "Alpha",
        "path": path,
        "built_at": str(path),
        "fingerprint": "0" * 64,
        "interpreter": current_interpreter(),
        "installer": "uv 0.0",
        "site_packages": site_packages,
        "created": 1.0,
    }
    environment = Environment(**{**values, **changes})
    (path / site_packages).mkdir(parents=True)
    for name in environment.distributions:
        (path / site_packages / name).mkdir()
    (path / "bin").mkdir()
    (path / "bin" / "python").symlink_to(environment.interpreter.executable)
    write_json(path / "env.json", commit_data(environment))
    return environment


def make_interpreter(executable: Path, version: str = "3.11.7") -> Interpreter:
    """The interpreter that a file is now, whatever is in it."""
    status = os.stat(executable)
    return Interpreter(
        executable=str(executable),
        version=version,
        implementation="cpython",
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )
