"""The suite runs on exactly the stack this project pins, in the project's own environment."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PINS = {"torch": "2.1.0", "transformers": "4.35.0"}


@pytest.mark.parametrize(("name", "version"), PINS.items(), ids=PINS)
def test_the_pinned_version_is_installed_and_imported(name: str, version: str) -> None:
    # `+cu121` and the like name the build, not the version.
    assert importlib.metadata.version(name).partition("+")[0] == version
    assert importlib.import_module(name).__version__.partition("+")[0] == version


def test_numpy_is_of_the_generation_that_torch_was_built_for() -> None:
    assert importlib.metadata.version("numpy").partition(".")[0] == "1"


def test_the_interpreter_is_the_projects_own_environment() -> None:
    assert sys.prefix != sys.base_prefix, "not a virtual environment"
    link = PROJECT / "venv"
    if link.exists():  # absent where somebody tries the suite in an environment of their own
        commits = [(folder / "env.json").read_bytes() for folder in (link, Path(sys.prefix))]  # it may be a copy
        assert commits[0] == commits[1], f"{sys.executable} is not of {link}"


@pytest.mark.parametrize("name", [*PINS, "numpy", "pytest"])
def test_packages_come_from_this_environment_alone(name: str) -> None:
    assert Path(str(importlib.import_module(name).__file__)).is_relative_to(sys.prefix)


def test_no_other_environment_is_on_the_import_path() -> None:
    strangers = [
        entry
        for entry in sys.path
        if Path(entry).name in {"site-packages", "dist-packages"}
        and not Path(entry).is_relative_to(sys.prefix)
    ]
    assert strangers == []
