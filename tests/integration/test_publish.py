"""`<project>/venv`: what may stand there before, links and copies, and workspaces that are moved."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeWorkspace
from kit.audit import audit_environment, installed
from kit.disks import small_disk
from kit.engine import Engine, clear
from kit.index import LocalIndex
from kit.workspaces import ProjectPlan

from envyard.errors import EnvironmentMissing, ForeignEnvironment
from envyard.events import Warned
from envyard.health import Grade
from envyard.provision import Action
from envyard.publish import Published

# --- what stands there before


def _empty_folder(venv: Path) -> None:
    venv.mkdir()


def _dangling_link(venv: Path) -> None:
    venv.symlink_to("../nowhere/venv")


def _dangling_link_into_the_store(venv: Path) -> None:
    venv.symlink_to("../../.envs/g/01234567")


@pytest.mark.parametrize(
    "prepare",
    [_empty_folder, _dangling_link, _dangling_link_into_the_store],
    ids=["an empty folder", "a dangling link", "a dangling link into the store"],
)
def test_what_holds_nothing_is_replaced_without_a_question(
    workspace_kit: MakeWorkspace, prepare: Callable[[Path], None]
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    prepare(engine.kit.venv("alpha"))

    engine.build()

    assert engine.kit.venv("alpha").is_symlink()
    assert engine.sound("alpha") == {"demo": "1.0"}


def _foreign_environment(venv: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (venv / "precious.txt").write_text("a week of work", encoding="utf-8")


def _folder_with_a_file(venv: Path) -> None:
    venv.mkdir()
    (venv / "precious.txt").write_text("a week of work", encoding="utf-8")


def _file(venv: Path) -> None:
    venv.write_text("a week of work", encoding="utf-8")


def _link_elsewhere(venv: Path) -> None:
    target = venv.parent.parent / "elsewhere"
    target.mkdir()
    (target / "precious.txt").write_text("a week of work", encoding="utf-8")
    venv.symlink_to(target)


def _link_to_a_file(venv: Path) -> None:
    target = venv.parent.parent / "precious.txt"
    target.write_text("a week of work", encoding="utf-8")
    venv.symlink_to(target)


def _folder_with_a_commit_file_that_is_none(venv: Path) -> None:
    _folder_with_a_file(venv)
    (venv / "env.json").write_text('{"name": "my own file"}', encoding="utf-8")


FOREIGN = {
    "an environment of another tool": (_foreign_environment, "a folder"),
    "a folder": (_folder_with_a_file, "a folder"),
    "a file": (_file, "a file"),
    "a link to a folder": (_link_elsewhere, "a link to somewhere else"),
    "a link to a file": (_link_to_a_file, "a link to somewhere else"),
    "a folder with an env.json of its own": (_folder_with_a_commit_file_that_is_none, "a folder"),
}


def _precious(path: Path) -> str:
    """The text of the precious file in or at a path."""
    return (path / "precious.txt" if path.is_dir() else path).read_text(encoding="utf-8")


@pytest.mark.parametrize(("prepare", "what"), FOREIGN.values(), ids=FOREIGN)
def test_what_envyard_did_not_make_is_refused_and_set_aside_only_when_asked(
    workspace_kit: MakeWorkspace, prepare: Callable[[Path], None], what: str
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"]}))
    venv = engine.kit.venv("alpha")
    prepare(venv)

    alpha, beta = engine.setup().outcomes

    assert isinstance(alpha.error, ForeignEnvironment)
    assert f"{venv} is {what} that envyard did not make" in clear(alpha.error).message
    assert "invoke envs.setup alpha --yes" in alpha.error.hint
    assert beta.action == Action.BUILT
    assert _precious(venv) == "a week of work"
    assert engine.generations("alpha") == set(), "built for nothing"

    engine.build(replace_foreign=True)
    assert engine.sound("alpha") == {"demo": "1.0"}
    (aside,) = (engine.kit.store / "replaced").iterdir()
    assert aside.name.startswith("alpha-")
    assert _precious(aside) == "a week of work"
    assert any(isinstance(event, Warned) and str(aside) in event.message for event in engine.events)
    engine.build(force=True)
    engine.prune()
    engine.clean()
    assert _precious(aside) == "a week of work"


def test_a_link_that_became_a_folder_is_refused_and_the_environment_is_kept(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    before = engine.environment("alpha").generation
    venv = engine.kit.venv("alpha")
    venv.unlink()
    _folder_with_a_file(venv)

    error = engine.failure("alpha")

    assert isinstance(error, ForeignEnvironment)
    assert engine.show("alpha").published == Published.FOREIGN
    result = engine.clean()
    assert result.removals[0].error is None
    assert _precious(venv) == "a week of work"
    assert engine.generations() == set()
    assert before not in os.listdir(engine.store().generations)


def test_a_project_that_links_into_the_environment_of_another_gets_its_own(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"]}))
    engine.build("beta")
    engine.kit.venv("alpha").symlink_to(engine.environment("beta").path)

    assert engine.outcome("alpha").action == Action.BUILT
    assert engine.sound("alpha") == {"demo": "1.0"}
    assert engine.sound("beta") == {"demo": "2.0"}


def test_a_failed_publication_puts_back_what_it_set_aside(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    with small_disk(engine.kit.project("alpha")) as disk:
        venv = engine.kit.venv("alpha")
        _folder_with_a_file(venv)
        disk.take_inodes()

        error = engine.failure("alpha", replace_foreign=True)

        assert "no space left" in error.message
        assert _precious(venv) == "a week of work"
        disk.give_inodes()
        engine.build(replace_foreign=True)
        assert engine.sound("alpha") == {"demo": "1.0"}
        (aside,) = [path for path in engine.kit.project("alpha").iterdir() if "replaced" in path.name]
        assert _precious(aside) == "a week of work", "on another device it stays beside its place"


# --- links and copies


def test_the_link_is_relative_and_the_same_for_every_place_of_the_workspace(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ProjectPlan(requirements=["demo==1.0"], path="deep/er/alpha")}))

    engine.build()

    generation = engine.environment("alpha").generation
    assert os.readlink(engine.kit.venv("alpha")) == f"../../../.envs/g/{generation}"


def test_a_copy_is_complete_works_and_follows_every_update(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}, settings={"publish": "copy"}))
    engine.build()
    venv = engine.kit.venv("alpha")
    for version in ("1.0", "2.0"):
        engine.kit.pin("alpha", "demo", version)
        engine.build()

        assert not venv.is_symlink()
        assert audit_environment(venv) == []
        assert installed(venv)["demo"] == version
        done = engine.kit.run_python("alpha", "-c", "import demo, pip, sys; print(demo.__file__)")
        assert done.stdout.strip() == str(next(venv.glob("lib/python*/site-packages/demo/__init__.py")))
        script = subprocess.run([venv / "bin" / "demo"], capture_output=True, text=True, check=True)
        assert script.stdout.strip() == version
        assert engine.outcome("alpha").action == Action.KEPT
        assert engine.leftovers() == []


def test_a_copy_shares_its_files_with_the_generation(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}, settings={"publish": "copy"}))
    engine.build()
    (inside,) = engine.environment("alpha").path.glob("lib/python*/site-packages/demo/__init__.py")
    (copied,) = engine.kit.venv("alpha").glob("lib/python*/site-packages/demo/__init__.py")

    assert os.path.samefile(inside, copied)


@pytest.mark.parametrize("mode", ["auto", "copy", "link"])
def test_a_project_on_another_device_is_published_updated_and_taken_away(
    workspace_kit: MakeWorkspace, mode: str
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}, settings={"publish": mode}))
    with small_disk(engine.kit.project("alpha")):
        for version in ("1.0", "2.0"):
            engine.kit.pin("alpha", "demo", version)
            engine.build()
            assert audit_environment(engine.kit.venv("alpha")) == []
            assert installed(engine.kit.venv("alpha"))["demo"] == version
            assert engine.kit.venv("alpha").is_symlink() == (mode != "copy")
        engine.rollback("alpha")
        assert installed(engine.kit.venv("alpha"))["demo"] == "1.0"
        assert engine.leftovers() == []
        engine.clean()
        assert not os.path.lexists(engine.kit.venv("alpha"))


def test_the_form_follows_the_definition_without_a_build(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    before = engine.environment("alpha").generation
    for mode, linked in (("copy", False), ("auto", False), ("link", True), ("auto", True)):
        engine.kit.settings["publish"] = mode
        engine.kit.write_definition()

        engine.build()

        assert engine.kit.venv("alpha").is_symlink() == linked, mode
        assert audit_environment(engine.kit.venv("alpha")) == []
        assert engine.environment("alpha").generation == before
        assert engine.doctor().problems == ()


# --- moved workspaces


def test_a_moved_workspace_is_noticed_and_built_anew_from_the_cache_alone(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, tmp_path: Path
) -> None:
    plan = ProjectPlan(requirements=["demo==1.0"], editable=True)
    engine = Engine(workspace_kit({"alpha": plan, "beta": ["demo==2.0"]}))
    engine.build()
    old = engine.root
    local_index.forget()
    local_index.down()

    engine.move(tmp_path / "another place with spaces")
    rows = engine.rows()
    assert {row.grade for row in rows.values()} == {Grade.BROKEN}
    assert "the workspace was moved" in rows["alpha"].reasons[0]
    assert engine.kit.run("envs.run", "alpha", "--", "python", "--version").returncode == 1
    result = engine.build()

    assert [outcome.action for outcome in result.outcomes] == [Action.REBUILT, Action.REBUILT]
    assert local_index.requests == []
    assert engine.sound("alpha") == {"alpha": "0.1.0", "demo": "1.0"}
    for key, version in (("alpha", "1.0"), ("beta", "2.0")):
        venv = engine.kit.venv(key)
        assert venv.resolve().parent == engine.store().generations.resolve()
        script = subprocess.run([venv / "bin" / "demo"], capture_output=True, text=True, check=True)
        assert script.stdout.strip() == version
        for file in [*(venv / "bin").iterdir(), venv / "pyvenv.cfg"]:
            assert str(old).encode() not in file.read_bytes(), file
    assert engine.kit.run_python("alpha", "-c", "import alpha").returncode == 0
    with pytest.raises(EnvironmentMissing, match="no previous environment"):
        engine.rollback("alpha")
    assert engine.doctor().problems == ()


def test_a_copied_workspace_leaves_the_original_alone(workspace_kit: MakeWorkspace, tmp_path: Path) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    original = engine.root
    shutil.copytree(original, tmp_path / "copy", symlinks=True)

    engine.kit.root = tmp_path / "copy"
    assert engine.outcome("alpha").action == Action.REBUILT
    assert engine.sound("alpha") == {"demo": "1.0"}
    engine.kit.root = original
    assert engine.outcome("alpha").action == Action.KEPT
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_workspace_reached_through_a_link_was_not_moved(workspace_kit: MakeWorkspace, tmp_path: Path) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    (tmp_path / "shortcut").symlink_to(engine.root)

    engine.kit.root = tmp_path / "shortcut"

    assert engine.rows()["alpha"].grade == Grade.OK
    assert engine.outcome("alpha").action == Action.KEPT
    assert engine.doctor().problems == ()
    engine.build(force=True)
    engine.kit.root = (tmp_path / "shortcut").resolve()
    assert engine.outcome("alpha").action == Action.KEPT


def test_a_project_folder_that_was_moved_gets_its_link_again_without_a_build(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    before = engine.environment("alpha").generation
    (engine.root / "much" / "deeper").mkdir(parents=True)
    engine.kit.project("alpha").rename(engine.root / "much" / "deeper" / "alpha")
    engine.kit.change("alpha", path="much/deeper/alpha")

    assert engine.outcome("alpha").action == Action.LINKED
    assert engine.environment("alpha").generation == before
    assert engine.sound("alpha") == {"demo": "1.0"}
