"""The suite runs in the project's own environment, and nothing of the other projects shows through."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def test_the_interpreter_is_the_projects_own_environment() -> None:
    assert sys.prefix != sys.base_prefix, "not a virtual environment"
    assert Path(pytest.__file__).is_relative_to(sys.prefix)
    link = PROJECT / "venv"
    if link.exists():  # absent where somebody tries the suite in an environment of their own
        commits = [(folder / "env.json").read_bytes() for folder in (link, Path(sys.prefix))]  # it may be a copy
        assert commits[0] == commits[1], f"{sys.executable} is not of {link}"


@pytest.mark.parametrize("foreign", ["torch", "transformers", "fastapi", "dotenv"])
def test_packages_of_other_projects_cannot_be_imported(foreign: str) -> None:
    assert importlib.util.find_spec(foreign) is None
