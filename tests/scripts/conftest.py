"""Workspaces for the tests of `scripts/`; their paths have spaces, brackets and letters that are not ASCII."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.index import LocalIndex
from kit.wheels import make_wheel
from scripts.copies import WITNESS, ScriptsCopy, install_python

FOLDER = "wörk späce (1) 'q' & co"


@pytest.fixture(scope="session")
def tool_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nox 1.0, which needs rich; rich 1.0, 2.0, 3.0; envyard 1.0. Tiny, and named like the real tools."""
    folder = tmp_path_factory.mktemp("tool-wheels")
    files = {"nox/__init__.py": "", "nox/__main__.py": WITNESS}
    make_wheel(folder, "nox", "1.0", files=files, requires=["rich>=1"], scripts={"nox": "nox:main"})
    make_wheel(folder, "envyard", "1.0", files={"envyard/__init__.py": "", "envyard/__main__.py": WITNESS})
    for version in ("1.0", "2.0", "3.0"):
        make_wheel(folder, "rich", version, bulk_files=50, bulk_bytes=100)
    return folder


@pytest.fixture(scope="session")
def quick_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An interpreter whose pip starts quickly, see `install_python`."""
    home = tmp_path_factory.mktemp("python")
    yield install_python(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def copy(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, tool_wheels: Path, quick_python: Path
) -> Iterator[ScriptsCopy]:
    """A workspace that was never set up."""
    with LocalIndex(tmp_path_factory.mktemp("index"), tool_wheels) as index:
        yield ScriptsCopy(tmp_path / FOLDER, index, quick_python)


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory, tool_wheels: Path, quick_python: Path) -> Iterator[ScriptsCopy]:
    folder = tmp_path_factory.mktemp("shared")
    with LocalIndex(tmp_path_factory.mktemp("index"), tool_wheels) as index:
        yield ScriptsCopy(folder / FOLDER, index, quick_python)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def ready(_shared: ScriptsCopy) -> ScriptsCopy:
    """A workspace with a complete environment. Tests share it and may break it: setting it up repairs it."""
    _shared.index.up()
    _shared.index.clear()
    _shared.setup()
    _shared.index.forget()
    return _shared
