"""What people do to environments by hand, and what the doctor makes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeWorkspace
from kit.audit import audit_environment, site_packages
from kit.engine import Engine, texts
from kit.index import LocalIndex
from kit.workspaces import ProjectPlan

from envyard.commands.doctor import DoctorResult
from envyard.errors import ExitCode
from envyard.health import Grade
from envyard.installers.uv import find_uv
from envyard.provision import Action


def _problems(result: DoctorResult) -> set[tuple[str, str]]:
    return {(finding.key, finding.check) for finding in result.problems}


def _demo(engine: Engine, key: str = "alpha") -> Path:
    return site_packages(engine.environment(key).path) / "demo" / "__init__.py"


def _edit(file: Path) -> None:
    """Change a file in place, keeping its size, as an editor that does not replace files."""
    with file.open("r+b") as stream:
        first = stream.read(1)
        stream.seek(0)
        stream.write(b"#" if first != b"#" else b"_")


def test_a_sound_workspace_has_no_problem_and_every_check_is_told(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"]}))
    engine.build()

    for deep in (False, True):
        result = engine.doctor(deep=deep)
        assert result.problems == ()
        assert result.exit_code == ExitCode.DONE
        checks = [finding.check for finding in result.findings if finding.key == "alpha"]
        assert checks == ["lockfile", "interpreter", "pointer", "environment", "link", "files"]
        assert {finding.check for finding in result.findings if not finding.key} >= {"store", "space", "installer"}


def _delete(file: Path) -> None:
    file.unlink()


def _truncate(file: Path) -> None:
    os.truncate(file, 3)


def _grow(file: Path) -> None:
    with file.open("a") as stream:
        stream.write("\n")


def _delete_package(file: Path) -> None:
    shutil.rmtree(file.parent)


def _empty_record(file: Path) -> None:
    record = file.parent.parent / "demo-1.0.dist-info" / "RECORD"
    record.unlink()
    record.touch()


def _nonsense_record(file: Path) -> None:
    record = file.parent.parent / "demo-1.0.dist-info" / "RECORD"
    record.unlink()
    record.write_text("demo/__init__.py,sha256=x,many\n", encoding="utf-8")


SEEN_BY_SIZE = {
    "a file was deleted": (_delete, "demo/__init__.py is missing"),
    "a file is short": (_truncate, "demo/__init__.py has 3 bytes instead of"),
    "a file has grown": (_grow, "bytes instead of"),
    "a package was deleted": (_delete_package, "is missing"),
    "an empty RECORD": (_empty_record, "RECORD is empty"),
    "a nonsense RECORD": (_nonsense_record, "RECORD is damaged"),
}


def test_damaged_files_are_found_by_their_size_and_healed(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    for what, (damage, match) in SEEN_BY_SIZE.items():
        before = engine.environment("alpha").generation
        damage(_demo(engine))

        result = engine.doctor()
        assert _problems(result) == {("alpha", "files")}, what
        assert result.exit_code == ExitCode.FAILED, what
        (problem,) = result.problems
        assert match in problem.message, what
        assert problem.fix == "invoke envs.doctor alpha --fix", what
        assert engine.outcome("alpha").action == Action.KEPT, "tier 0 does not look at every file"
        healed = engine.doctor(fix=True)

        assert healed.problems == (), what
        assert [finding.check for finding in healed.findings if finding.fixed] == ["files"], what
        assert engine.environment("alpha").generation != before, what
        assert engine.sound("alpha") == {"demo": "1.0"}, what


def test_an_edit_that_keeps_the_size_is_found_only_by_deep_and_healed_though_it_is_in_the_cache_too(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==1.0"], "gamma": ["demo==2.0"]}))
    engine.build()
    gamma = engine.environment("gamma").generation
    local_index.forget()
    file = _demo(engine)
    original = file.read_bytes()
    assert file.stat().st_nlink >= 3, "not linked from the cache, so this test tests nothing"
    _edit(file)

    assert engine.doctor().problems == ()
    assert _problems(engine.doctor(deep=True)) == {("alpha", "files"), ("beta", "files")}
    assert engine.doctor(fix=True).problems == ()
    assert _demo(engine).read_bytes() != original, "healed without being asked"
    result = engine.doctor(deep=True, fix=True)

    assert result.problems == ()
    for key in ("alpha", "beta"):
        assert audit_environment(engine.kit.venv(key), deep=True) == []
        assert _demo(engine, key).read_bytes() == original
    assert engine.environment("gamma").generation == gamma, "a sound environment was built anew"
    assert local_index.fetches("demo-1.0-py3-none-any.whl") == 1
    assert local_index.fetches("demo-2.0-py3-none-any.whl") == 0
    assert engine.doctor(deep=True).problems == ()


def test_what_cannot_be_healed_now_stays_a_problem_and_the_environment_stays(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    before = engine.environment("alpha").generation
    _edit(_demo(engine))
    local_index.down()

    result = engine.doctor(deep=True, fix=True)

    assert _problems(result) == {("alpha", "files")}
    assert result.exit_code == ExitCode.FAILED
    assert engine.environment("alpha").generation == before
    local_index.up()
    assert engine.doctor(deep=True, fix=True).problems == ()
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_rebuild_from_a_damaged_cache_notices_and_fetches_anew(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    _truncate(_demo(engine))  # the same file as in the cache

    engine.build(force=True)

    assert engine.sound("alpha") == {"demo": "1.0"}
    assert local_index.fetches("demo-1.0-py3-none-any.whl") == 2


def _pip(engine: Engine, *arguments: str) -> None:
    done = engine.kit.run_python("alpha", "-m", "pip", *arguments)
    assert done.returncode == 0, done.stderr


def _uv_pip(engine: Engine, *arguments: str) -> None:
    """The same, ten times as fast."""
    uv = find_uv()
    assert uv is not None
    python = engine.kit.python("alpha")
    subprocess.run([uv.program, "pip", *arguments, "--quiet", "--python", python], check=True, env=engine.kit.env)


def test_a_package_installed_by_hand_is_drift_and_stays_until_somebody_asks(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    before = engine.environment("alpha").generation
    _pip(engine, "install", "alpha==2.0")

    row = engine.rows()["alpha"]
    assert (row.grade, row.reasons) == (Grade.DRIFTED, ("installed by hand: alpha 2.0",))
    kept = engine.outcome("alpha")
    assert (kept.action, kept.reasons) == (Action.KEPT, row.reasons)
    assert engine.outcome("alpha", update=True).action == Action.KEPT
    (problem,) = engine.doctor().problems
    assert problem.check == "environment"
    assert problem.fix == "invoke envs.setup alpha --rebuild"
    assert engine.doctor(fix=True).problems == ()

    assert engine.environment("alpha").generation != before
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_package_changed_or_removed_by_hand_is_drift(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0", "alpha==1.0"]}))
    engine.build()
    _uv_pip(engine, "install", "demo==2.0")
    _uv_pip(engine, "uninstall", "alpha")

    assert engine.rows()["alpha"].reasons == (
        "installed by hand: demo 2.0",
        "removed by hand: alpha 1.0",
        "removed by hand: demo 1.0",
    )
    engine.build(force=True)
    assert engine.sound("alpha") == {"alpha": "1.0", "demo": "1.0"}


def test_installing_by_hand_in_one_environment_changes_no_other(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==1.0"]}))
    engine.build()

    _uv_pip(engine, "install", "--reinstall", "demo==2.0")

    assert engine.sound("beta") == {"demo": "1.0"}
    assert engine.doctor("beta", deep=True).problems == ()


def _remove_python(path: Path) -> None:
    for name in ("python", "python3", f"python3.{sys.version_info.minor}"):
        (path / "bin" / name).unlink()


def _remove_packages(path: Path) -> None:
    shutil.rmtree(path / "lib")


def _remove_all(path: Path) -> None:
    shutil.rmtree(path)


@pytest.mark.parametrize(
    ("damage", "grade", "reason"),
    [
        (_remove_python, Grade.BROKEN, "its python is gone"),
        (_remove_packages, Grade.BROKEN, "its packages are gone"),
        (_remove_all, Grade.MISSING, ""),
    ],
    ids=["without python", "without packages", "deleted"],
)
def test_an_environment_of_which_a_part_is_gone_is_built_anew(
    workspace_kit: MakeWorkspace, damage: Callable[[Path], None], grade: Grade, reason: str
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    damage(engine.environment("alpha").path)

    row = engine.rows()["alpha"]
    assert row.grade == grade
    assert reason in texts(row.reasons)
    done = engine.kit.run("envs.run", "alpha", "--", "python", "--version")
    assert done.returncode == 1
    assert "envs.setup alpha" in done.stderr
    assert ("alpha", "environment") in _problems(engine.doctor())
    assert engine.doctor(fix=True).problems == ()
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_link_that_is_gone_is_found_and_made_again_without_a_build(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    before = engine.environment("alpha").generation
    engine.kit.venv("alpha").unlink()

    assert _problems(engine.doctor()) == {("alpha", "link")}
    result = engine.doctor(fix=True)

    assert result.problems == ()
    assert engine.environment("alpha").generation == before
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_folder_in_the_place_of_the_link_is_a_problem_that_fix_leaves_alone(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    venv = engine.kit.venv("alpha")
    venv.unlink()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)

    result = engine.doctor(fix=True)

    (problem,) = result.problems
    assert problem.check == "link"
    assert problem.fix == "invoke envs.setup alpha --yes"
    assert (venv / "pyvenv.cfg").is_file()


def test_a_copy_is_looked_into_as_well(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}, settings={"publish": "copy"}))
    engine.build()
    copied = site_packages(engine.kit.venv("alpha")) / "demo" / "__init__.py"
    copied.unlink()

    assert _problems(engine.doctor()) == {("alpha", "files")}
    assert engine.doctor(fix=True).problems == ()
    assert copied.is_file()
    assert audit_environment(engine.kit.venv("alpha")) == []


def test_every_project_is_examined_though_one_cannot_even_be_read(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ProjectPlan(requirements=["demo"], locked=False)}))
    engine.build()
    engine.kit.lockfile("alpha").unlink()
    engine.kit.requirements("beta").write_bytes(b"\xff\xfe\x00")

    result = engine.doctor()

    assert _problems(result) == {("alpha", "lockfile"), ("alpha", "environment"), ("beta", "environment")}
    assert all(finding.fix for finding in result.problems if finding.key == "alpha")


def test_a_cache_on_another_device_is_told(workspace_kit: MakeWorkspace) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == Path.cwd().stat().st_dev:
        pytest.skip("this machine has no second device to write to")
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.kit.env["UV_CACHE_DIR"] = str(other / "envyard-test-cache-that-nobody-makes")

    (problem,) = [finding for finding in engine.doctor().problems if finding.check == "sharing"]

    assert "UV_CACHE_DIR" in problem.message
    assert "full copy" in problem.message
