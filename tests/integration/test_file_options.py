"""What requirement files say besides requirements holds for what is installed: indexes, folders of wheels, hashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MakeWorkspace
from kit.engine import Engine
from kit.index import LocalIndex
from kit.wheels import backend_files, make_wheel
from kit.workspaces import ProjectPlan


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[LocalIndex]:
    """A further index: `ours` is nowhere else, and its demo is older than that of the common index."""
    with LocalIndex(tmp_path / "ours") as index:
        index.add("ours", "1.0")
        index.add("demo", "0.5")
        yield index


def _plan(text: str, *, locked: bool = False) -> ProjectPlan:
    settings: dict[str, object] = {"requirements": ["projects/app/requirements.txt"]}
    settings |= {"lockfile": "requirements/app.txt"} if locked else {}
    return ProjectPlan(locked=False, files={"requirements.txt": text}, settings=settings)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_further_index_of_a_requirement_file_is_used(
    workspace_kit: MakeWorkspace, ours: LocalIndex, installer: str
) -> None:
    """Also by the fetch that several projects share: one that does not name the index has nothing to do with it."""
    plan = _plan(f"--extra-index-url {ours.url}\n-r more.txt\n")
    plan = ProjectPlan(locked=False, files={**plan.files, "more.txt": "ours\ndemo\n"}, settings=plan.settings)
    kit = workspace_kit({"app": plan, "other": ["demo==1.0"]}, settings={"installer": installer})
    engine = Engine(kit)

    engine.build()

    assert engine.sound("app") == {"ours": "1.0", "demo": "2.0"}
    assert engine.sound("other") == {"demo": "1.0"}


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_a_further_index_has_can_be_locked_and_installed(
    workspace_kit: MakeWorkspace, ours: LocalIndex, installer: str
) -> None:
    plan = _plan(f"--extra-index-url {ours.url}\nours\ndemo\n", locked=True)
    engine = Engine(workspace_kit({"app": plan}, settings={"installer": installer}))
    outcome = engine.lock_one("app")
    assert outcome.error is None, outcome.error
    assert str(ours.port) not in engine.kit.lockfile("app").read_text(encoding="utf-8")

    engine.build()

    assert engine.sound("app") == {"ours": "1.0", "demo": "2.0"}


def test_the_index_of_a_requirement_file_takes_the_place_of_the_common_one(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, ours: LocalIndex
) -> None:
    """As it does for pip. (A variable of uv that the person set, goes before it.)"""
    engine = Engine(workspace_kit({"app": _plan(f"--index-url={ours.url}\ndemo\n")}))
    engine.kit.env["PIP_INDEX_URL"] = engine.kit.env.pop("UV_DEFAULT_INDEX")

    engine.build()

    assert engine.sound("app") == {"demo": "0.5"}
    assert local_index.requests == []


def test_a_folder_of_wheels_beside_the_requirement_file_is_used(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"app": _plan("-f wheels\n--no-index\nhome-made\n")})
    make_wheel(kit.project("app") / "wheels", "home-made", "1.0")
    engine = Engine(kit)

    engine.build()

    assert engine.sound("app") == {"home-made": "1.0"}


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_the_build_of_the_project_itself_requires_comes_from_there_too(
    workspace_kit: MakeWorkspace, ours: LocalIndex, installer: str
) -> None:
    ours.add("builder", "1.0")
    files = backend_files("app", "1.0")
    files["pyproject.toml"] = files["pyproject.toml"].replace("requires = []", 'requires = ["builder"]')
    plan = _plan(f"--index-url {ours.url}\nours\n", locked=True)
    plan = replace(plan, editable=True, files={**plan.files, **files})
    engine = Engine(workspace_kit({"app": plan}, settings={"installer": installer}))
    engine.kit.env["PIP_INDEX_URL"] = engine.kit.env.pop("UV_DEFAULT_INDEX")
    assert engine.lock_one("app").error is None

    engine.build()

    assert engine.sound("app") == {"app": "1.0", "ours": "1.0"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("--extra-index-url {url}\nours\ndemo>=1\n", id="the best version of all indexes"),
        pytest.param("-i {url}\nours\n", id="an index before that of pip's configuration"),
        pytest.param("-f 'my wheels'\nhome-made\n", id="a folder beside the file"),
    ],
)
def test_whoever_only_asks_the_resolver_finds_the_same(
    workspace_kit: MakeWorkspace, ours: LocalIndex, text: str
) -> None:
    kit = workspace_kit({"app": _plan(text.format(url=ours.url), locked=True), "other": ["alpha"]})
    kit.env["PIP_INDEX_URL"] = kit.env.pop("UV_DEFAULT_INDEX")
    make_wheel(kit.project("app") / "my wheels", "home-made", "1.0")
    assert Engine(kit).lock_one("app").error is None

    found = json.loads(kit.run("envs.plan", "--json", check=True).stdout)

    assert found["unusable"] == []


def test_a_hash_that_is_demanded_is_compared_without_a_lockfile_too(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    (right,) = (one.sha256 for one in local_index.distributions("demo") if str(one.version) == "1.0")
    lines = "demo==1.0 \\\n    --hash=sha256:{}\nalpha\n"
    engine = Engine(workspace_kit({"app": _plan(lines.format(right))}))
    engine.build()
    assert engine.sound("app") == {"alpha": "3.0", "demo": "1.0"}

    (engine.kit.project("app") / "requirements.txt").write_text(lines.format("0" * 64), encoding="utf-8")

    assert "does not have the hash" in engine.failure("app").message
    assert engine.sound("app") == {"alpha": "3.0", "demo": "1.0"}
