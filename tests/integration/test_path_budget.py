"""Packages whose files have paths that Windows refuses: told before anything is downloaded, with the rules of Windows
on whatever machine this is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWorkspace
from kit.engine import Engine, clear, texts
from kit.index import LocalIndex
from kit.workspaces import ProjectPlan

from envyard.errors import EnvyardError, PathTooLong
from envyard.events import Warned
from envyard.pathlimit import LONGEST_KNOWN, PathLimit

NAME = "deep/" + "/".join(["folder" * 5] * 3) + "/module.py"  # 109 characters below site-packages


@pytest.fixture
def index(local_index: LocalIndex) -> LocalIndex:
    local_index.add("deep", "1.0", files={"deep/__init__.py": "", NAME: ""})
    local_index.add("flat", "1.0")
    return local_index


def engine_for(workspace_kit: MakeWorkspace, index: LocalIndex, *, locked: bool = True, **settings: Any) -> Engine:
    del index  # offers the packages
    plan = ProjectPlan(requirements=["deep==1.0", "flat==1.0"], locked=locked)
    return Engine(workspace_kit({"alpha": plan}, settings=settings))


def room(engine: Engine, extra: int, below: str = "") -> dict[str, Any]:
    """Options of a machine on which the deepest file just fits with `extra` 0, and not with -1."""
    root = below or str(engine.store().generations / ("0" * 8))
    length = len(f"{root}/lib/python3.11/site-packages/{NAME}") + _digits()
    return {"path_limit": partial(PathLimit, file=length + 1 + extra, folder=10_000)}


def _digits() -> int:
    """How much longer `python3.8` or `python3.13` is than `python3.11`."""
    from kit.values import MINOR

    return len(MINOR) - len("3.11")


def refused(engine: Engine, **options: Any) -> EnvyardError:
    error = engine.failure("alpha", **options)
    assert isinstance(error, PathTooLong)
    return clear(error)


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "not locked"])
def test_path_that_is_too_long_is_told_before_anything_is_downloaded(
    workspace_kit: MakeWorkspace, index: LocalIndex, locked: bool
) -> None:
    engine = engine_for(workspace_kit, index, locked=locked)
    error = refused(engine, **room(engine, -3))
    assert "a path in deep 1.0 is 3 characters too long for Windows" in error.message
    assert "nothing was downloaded" in error.message
    assert texts(error.details).endswith(NAME)
    assert "LongPathsEnabled" in error.hint
    assert "3 characters shorter" in error.hint
    wheels = [one for one in index.requests if one.name.endswith(".whl") and one.method == "GET"]
    assert wheels
    assert all(one.ranged for one in wheels), "a whole wheel was downloaded"
    assert engine.leftovers() == []


def test_path_that_just_fits_is_installed(workspace_kit: MakeWorkspace, index: LocalIndex) -> None:
    engine = engine_for(workspace_kit, index)
    engine.build("alpha", **room(engine, 0))
    assert engine.sound("alpha") == {"deep": "1.0", "flat": "1.0"}


def test_what_is_in_the_cache_is_looked_at_before_anybody_sees_it(
    workspace_kit: MakeWorkspace, index: LocalIndex
) -> None:
    engine = engine_for(workspace_kit, index)
    engine.build("alpha")
    before = engine.environment("alpha").generation
    index.down()
    error = refused(engine, force=True, **room(engine, -1))
    assert "1 character too long" in error.message
    assert "its new environment is not used" in error.message
    assert engine.environment("alpha").generation == before
    assert engine.leftovers() == []


def test_copy_that_people_see_counts_too(workspace_kit: MakeWorkspace, index: LocalIndex) -> None:
    engine = engine_for(workspace_kit, index, publish="copy")
    engine.kit.change("alpha", path="projects/" + "long-name-of-a-project/" * 3 + "alpha")
    venv = str(engine.kit.venv("alpha"))
    assert len(venv) > len(str(engine.store().generations / ("0" * 8)))
    assert venv in texts(refused(engine, **room(engine, -1, below=venv)).details)
    engine.build("alpha", **room(engine, 0, below=venv))


def test_what_nobody_can_know_before_is_a_warning_and_looked_at_when_it_is_installed(
    workspace_kit: MakeWorkspace, index: LocalIndex
) -> None:
    engine = engine_for(workspace_kit, index, installer="pip")
    error = refused(engine, **room(engine, -1))
    assert "its new environment is not used" in error.message
    said = [event.message for event in engine.events if isinstance(event, Warned)]
    assert any(f"need up to {LONGEST_KNOWN}; what was not looked at: pip does not tell" in line for line in said), said


def test_index_that_gives_no_parts_is_a_warning_where_there_is_little_room(
    workspace_kit: MakeWorkspace, index: LocalIndex
) -> None:
    engine = engine_for(workspace_kit, index)
    index.on("deep-1.0*.whl").fail_with(501, times=1)
    engine.build("alpha", **room(engine, 0))
    said = [event.message for event in engine.events if isinstance(event, Warned)]
    assert any("what was not looked at: deep 1.0: HTTP Error 501" in line for line in said), said
    engine.events.clear()
    index.on("deep-1.0*.whl").fail_with(501, times=1)
    engine.build("alpha", force=True, path_limit=partial(PathLimit, file=10_000, folder=10_000))
    assert not [event for event in engine.events if isinstance(event, Warned)]


def test_machine_without_a_limit_asks_nothing(workspace_kit: MakeWorkspace, index: LocalIndex, tmp_path: Path) -> None:
    del tmp_path
    engine = engine_for(workspace_kit, index)
    engine.build("alpha", path_limit=lambda: None)
    assert not [one for one in index.requests if one.ranged and one.name.endswith(".whl")]
