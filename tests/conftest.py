"""Fixtures of all tests; each lives in a home, caches and variables of its own (see `kit.isolation`)."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from kit.index import LocalIndex
from kit.isolation import environment, isolated_environment, network_environment
from kit.wheels import make_wheel, repack_wheel, seed_wheels
from kit.workspaces import ProjectPlan, WorkspaceKit, make_workspace

REAL_ENVIRONMENT = dict(os.environ)
tempfile.gettempdir()  # remembers the real folder now, not one that a test removes with itself

MakeWorkspace = Callable[..., WorkspaceKit]


# Modules of tests/unit that were seen to pass on a Windows Python (tests/windows/test_portable.py); others need
# what only POSIX has: signals, descriptors that are inherited, symbolic links, permissions.
PORTABLE = frozenset(
    f"test_{name}.py"
    for name in (
        *("affected", "bridge", "environment", "failures", "fields", "jsonc", "longpath", "loosening", "matching"),
        *("naming", "platforms", "profile", "profiletext", "reasons", "runner_files", "sizes", "workspace_file"),
    )
)


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.path.parent.name == "unit" and item.path.name in PORTABLE:
        item.add_marker("portable")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("windows") and sys.platform != "win32" and shutil.which("wine") is None:
        pytest.skip("runs a Windows CPython under Wine, and `wine` is not on PATH")


@pytest.fixture(scope="session", autouse=True)
def _session_isolation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures of the whole session do not see the real home either."""
    base = tmp_path_factory.mktemp("session")
    with environment(isolated_environment(base, REAL_ENVIRONMENT)):
        yield
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def network_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The caches that all tests marked `network` or `workspace` share, to download once."""
    folder = tmp_path_factory.mktemp("network-caches")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def home(
    _session_isolation: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The home folder of this test: empty, and the only one it can find.

    Tests marked `network` or `workspace` see the real index configuration, all others none.
    """
    base = tmp_path_factory.mktemp("isolated")
    if request.node.get_closest_marker("network") or request.node.get_closest_marker("workspace"):
        values = network_environment(base, REAL_ENVIRONMENT, request.getfixturevalue("network_caches"))
    else:
        values = isolated_environment(base, REAL_ENVIRONMENT)
    with environment(values):
        yield base / "home"
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def wheel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels for everybody; do not add to this folder, `local_index.add` has its own.

    - demo 1.0, 2.0: nothing but themselves, with the script `demo`
    - alpha 1.0, 2.0, 3.0; beta 1.0 (alpha>=1), 2.0 (alpha>=2); gamma 1.0 (beta<2), 2.0 (beta>=2, alpha<3)
    - bulky 1.0, 2.0: 1500 small files, so that an install takes long enough to be stopped in the middle
    - pip, the real one
    """
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        make_wheel(folder, "demo", version, scripts={"demo": "demo:main"})
        make_wheel(folder, "bulky", version, bulk_files=1500, bulk_bytes=200)
    for version in ("1.0", "2.0", "3.0"):
        make_wheel(folder, "alpha", version)
    make_wheel(folder, "beta", "1.0", requires=["alpha>=1"])
    make_wheel(folder, "beta", "2.0", requires=["alpha>=2"])
    make_wheel(folder, "gamma", "1.0", requires=["beta<2"])
    make_wheel(folder, "gamma", "2.0", requires=["beta>=2", "alpha<3"])
    seed_wheels(folder)
    return folder


@pytest.fixture(scope="session")
def wheels_of_pytest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real pytest and what it needs, for `LocalIndex(mine, wheel_folder, wheels_of_pytest)`."""
    folder = tmp_path_factory.mktemp("pytest-wheels")
    for name in ("pytest", "iniconfig", "packaging", "pluggy", "pygments"):
        repack_wheel(folder, name)
    return folder


@pytest.fixture
def local_index(tmp_path_factory: pytest.TempPathFactory, wheel_folder: Path) -> Iterator[LocalIndex]:
    """A running index with the wheels of `wheel_folder`; `add` more as the test goes."""
    with LocalIndex(tmp_path_factory.mktemp("index"), wheel_folder) as index:
        yield index


@pytest.fixture
def workspace_kit(tmp_path: Path, local_index: LocalIndex) -> Iterator[MakeWorkspace]:
    """Makes workspaces that install from `local_index`: `workspace_kit({"alpha": ["demo==1.0"]})`.

    `name` is the folder below `tmp_path`, `settings` are lines of the `[workspace]` table.
    """
    made: list[WorkspaceKit] = []

    def make(
        projects: Mapping[str, ProjectPlan | Sequence[str]],
        *,
        name: str = "workspace",
        settings: Mapping[str, Any] | None = None,
    ) -> WorkspaceKit:
        made.append(make_workspace(tmp_path / name, local_index, projects, settings))
        return made[-1]

    yield make
    for kit in made:
        kit.close()
