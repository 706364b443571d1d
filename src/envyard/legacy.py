"""The environments that AI applications used to make, one for each model: where they are, and what is known of them.

    environments/local_<first 12 hex digits of the md5 of the model's resolved path>/.venv
    environments/<organisation>__<name>/.venv                              for a hub id
    environments/<either>/environment_metadata.json                        written by many versions of many applications

They are found, asked and moved away as a whole; nothing inside is ever changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from envyard.model import is_hub_id

METADATA = "environment_metadata.json"
_NAME = re.compile(r"local_[0-9a-f]{12}|[A-Za-z0-9][\w.-]*?__[\w.-]+", re.ASCII)
_LARGEST_METADATA = 4_000_000  # bytes
_MODEL_FIELDS = ("model_path", "model_id", "model", "model_name", "model_name_or_path", "hf_model_id", "path")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyEnvironment:
    """One old environment, working or not.

    - `path` is its folder, `python` its executable (which may be missing).
    - `model`: the model it was made for, a path or a hub id; "" when nobody knows.
    - `problem`: why it cannot even be started, or "". `note`: what is odd about its metadata, or "".
    """

    name: str
    path: Path
    python: Path
    model: str = ""
    problem: str = ""
    note: str = ""

    @property
    def venv(self) -> Path:
        return self.path / ".venv"


def legacy_name(identity: str) -> str:
    """The folder name of the model's old environment; `identity` is its resolved path or its hub id."""
    if is_hub_id(identity) and not os.path.isabs(identity):
        organisation, _, name = identity.partition("/")
        return f"{organisation}__{name}"
    digest = hashlib.md5(identity.encode("utf-8", "surrogateescape"), usedforsecurity=False)
    return f"local_{digest.hexdigest()[:12]}"


def find_legacy(folder: Path, identity: str) -> LegacyEnvironment | None:
    """The old environment of one model in the folder `environments`, None when there is none."""
    path = folder / legacy_name(identity)
    return _describe(path, identity) if os.path.lexists(path) else None


def list_legacy(folder: Path) -> tuple[LegacyEnvironment, ...]:
    """Every old environment in the folder `environments`, by name; what is of another form is nobody's business."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return ()
    return tuple(_describe(folder / name, "") for name in names if _NAME.fullmatch(name))


def python_in(venv: Path) -> Path:
    """The python executable of an environment folder, be it there or not."""
    return venv / "Scripts" / "python.exe" if sys.platform == "win32" else venv / "bin" / "python"


def listing_of(venv: Path) -> tuple[str, ...]:
    """The folders of its distributions, of whatever Python version: they tell whether its packages changed."""
    found: list[str] = []
    for site_packages in [venv / "Lib" / "site-packages", *sorted((venv / "lib").glob("python*/site-packages"))]:
        with contextlib.suppress(OSError):
            names = os.listdir(site_packages)
            found += [name for name in names if name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth"))]
    return tuple(sorted(found))


def _describe(path: Path, identity: str) -> LegacyEnvironment:
    model, note = _read_metadata(path)
    if not identity and path.name.startswith("local_"):
        fits = model and legacy_name(_resolved(model)) == path.name
        note = note or ("" if fits or not model else f"its metadata names another model: {model}")
        identity = _resolved(model) if fits else ""
    elif not identity:
        hub_id = path.name.replace("__", "/", 1)
        identity = model if is_hub_id(model) and legacy_name(model) == path.name else hub_id
    python = python_in(path / ".venv")
    return LegacyEnvironment(
        name=path.name, path=path, python=python, model=identity, problem=_problem(path, python), note=note
    )


def _resolved(model: str) -> str:
    with contextlib.suppress(OSError, ValueError):
        return model if is_hub_id(model) and not os.path.exists(model) else os.path.realpath(model)
    return model


def _problem(path: Path, python: Path) -> str:
    """Why the environment cannot be started, as far as a look at it tells."""
    venv = path / ".venv"
    for each in (path, venv):
        if os.path.islink(each) and not os.path.exists(each):
            return f"{each} is a link that leads nowhere"
        if not os.path.isdir(each):
            return f"{each} is {'no folder' if os.path.lexists(each) else 'missing'}"
    if not os.path.lexists(python):
        return f"its python is missing: {python}"
    if not os.path.exists(python):
        return f"its base interpreter is gone: {os.path.realpath(python)}"
    if not os.path.isfile(python) or not os.access(python, os.X_OK):
        return f"its python cannot be executed: {python}"
    return ""


def _is_name(text: str) -> bool:
    """Whether a path can be so: no null character, and no half of one from an escape."""
    with contextlib.suppress(UnicodeEncodeError):
        return b"\0" not in text.encode("utf-8", "surrogateescape")
    return False


def _read_metadata(path: Path) -> tuple[str, str]:
    """The model that the metadata names, and what is odd about them. Nothing in them is believed unchecked."""
    file = path / METADATA
    try:
        status = os.stat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_METADATA:
            return "", f"{METADATA} is no metadata"
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return "", f"{METADATA} is missing"
    except (OSError, ValueError, RecursionError):
        return "", f"{METADATA} cannot be read"
    if not isinstance(data, dict):
        return "", f"{METADATA} is of another application"
    for field in _MODEL_FIELDS:
        value = data.get(field)
        if isinstance(value, str) and value.strip() and _is_name(value):
            return value, ""
    return "", f"{METADATA} names no model"
