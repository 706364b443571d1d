"""What `scripts/bootstrap.py` makes, when it makes it anew, and what it says when it cannot."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.audit import audit_environment, installed, site_packages
from scripts.copies import SCRIPTS, ScriptsCopy, install_python, witness

EXTRA = ["envyard.pth"]


def test_the_first_run_makes_a_complete_environment_and_hands_over(copy: ScriptsCopy) -> None:
    seen = witness(copy.setup("--jobs", "2", env={"ENVYARD_PYTHON": sys.executable}))
    assert copy.generations() == [copy.current]
    assert audit_environment(copy.current, allow=EXTRA) == []
    assert installed(copy.current) == {"nox": "1.0", "rich": "1.0"}
    assert seen["arguments"] == ["envs.setup-all", "--jobs", "2"]
    assert seen["folder"] == str(copy.root)
    assert seen["prefix"] == str(copy.current)
    assert seen["file"] == str(copy.root / "src" / "envyard" / "__main__.py")


def test_the_link_and_the_launcher_are_for_people(ready: ScriptsCopy) -> None:
    assert (ready.store / "tools").resolve() == ready.current
    seen = witness(ready.run(ready.store / "tools" / "bin" / "envyard", "envs.list", "two words", ""))
    assert seen["arguments"] == ["envs.list", "two words", ""]
    activated = ready.run("sh", "-c", '. "$1/bin/activate" && command -v nox', "sh", ready.store / "tools")
    assert activated.stdout.strip() == f"{ready.current}/bin/nox"


def test_the_library_is_found_in_the_c_locale(ready: ScriptsCopy) -> None:
    done = ready.run(
        ready.store / "tools" / "bin" / "python", "-I", "-m", "envyard", "x", env={"LC_ALL": "C", "LANG": "C"}
    )
    assert witness(done)["arguments"] == ["x"]


def test_tools_only_prints_the_python_and_nothing_else(ready: ScriptsCopy) -> None:
    done = ready.run(ready.python, ready.scripts / "bootstrap.py", "--tools-only")
    assert done.stdout == f"{ready.current}/bin/python\n"
    assert ready.run(done.stdout.strip(), "-c", "import nox, rich, envyard").returncode == 0


def test_a_second_run_does_nothing_and_needs_no_index(ready: ScriptsCopy) -> None:
    first = ready.current
    ready.index.down()
    resource = pytest.importorskip("resource", reason="Windows does not tell the time of children")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = ready.setup()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ready.current == first
    assert done.stderr == ""
    # Processor time, because other work on the machine does not change it; mostly three starts of Python.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.7


def test_a_workspace_without_sources_uses_the_envyard_of_its_lockfile(copy: ScriptsCopy) -> None:
    shutil.rmtree(copy.root / "src")
    copy.lock(envyard="1.0", nox="1.0", rich="1.0")
    seen = witness(copy.setup())
    assert seen["file"] == str(site_packages(copy.current) / "envyard" / "__main__.py")
    assert audit_environment(copy.current) == []


# --- when it is made anew


def change_lockfile(copy: ScriptsCopy) -> str:
    copy.lock(nox="1.0", rich="2.0" if installed(copy.current)["rich"] == "1.0" else "1.0")
    return "`requirements/tools.txt` changed"


def remove_package(copy: ScriptsCopy) -> str:
    shutil.rmtree(site_packages(copy.current) / "nox-1.0.dist-info")
    return "somebody removed nox-1.0.dist-info"


def remove_python(copy: ScriptsCopy) -> str:
    (copy.current / "bin" / "python").unlink()
    return "somebody removed its python"


def remove_commit_file(copy: ScriptsCopy) -> str:
    (copy.current / "tools.json").unlink()
    return "the current one is incomplete"


def damage_pointer(copy: ScriptsCopy) -> str:
    (copy.store / "tools.json").write_text('{"generation": "../../src"}')
    return "its pointer is damaged"


def empty_pointer(copy: ScriptsCopy) -> str:
    (copy.store / "tools.json").write_text("")
    return "its records are damaged"


def nest_pointer(copy: ScriptsCopy) -> str:
    (copy.store / "tools.json").write_text('{"generation": ' + "[" * 100_000 + "]" * 100_000 + "}")
    return "its records are damaged"


def move_workspace(copy: ScriptsCopy) -> str:
    copy.root = copy.root.rename(copy.root.with_name("elsewhere ü"))
    copy.scripts = copy.root / "scripts"
    return "the workspace was moved or copied"


def copy_workspace(copy: ScriptsCopy) -> str:
    target = copy.root.with_name("a copy")
    copy.root = shutil.copytree(copy.root, target, symlinks=True)
    copy.scripts = copy.root / "scripts"
    return "the workspace was moved or copied"


def note_another_version(copy: ScriptsCopy) -> str:
    """As if the interpreter had been updated in its place."""
    record = json.loads((copy.current / "tools.json").read_text())
    code = (
        "import sys; sys.path.append(sys.argv[1]); import tool_environment as tools\n"
        "print(tools.fingerprint(tools.read_lockfile(), '3.11.0', sys.argv[2]))"
    )
    printed = copy.run(copy.python, "-c", code, copy.scripts, copy.current).stdout
    record.update(version="3.11.0", fingerprint=printed.strip())
    (copy.current / "tools.json").write_text(json.dumps(record))
    return "was updated from 3.11.0 to"


@pytest.mark.parametrize(
    "change",
    [
        change_lockfile,
        remove_package,
        remove_python,
        remove_commit_file,
        damage_pointer,
        empty_pointer,
        nest_pointer,
        move_workspace,
        copy_workspace,
        note_another_version,
    ],
)
def test_it_is_made_anew_with_the_reason_after(change: Callable[[ScriptsCopy], str], ready: ScriptsCopy) -> None:
    first = ready.current
    reason = change(ready)
    done = ready.setup()
    assert reason in done.stderr.splitlines()[0]
    assert ready.current.name != first.name
    assert audit_environment(ready.current, allow=EXTRA) == []
    assert witness(done)["prefix"] == str(ready.current)


def test_a_link_that_somebody_removed_comes_back_without_a_build(ready: ScriptsCopy) -> None:
    (ready.store / "tools").unlink()
    ready.index.down()
    ready.setup()
    assert (ready.store / "tools").resolve() == ready.current


def test_a_real_folder_in_the_place_of_the_link_is_left_alone(copy: ScriptsCopy) -> None:
    mine = copy.store / "tools" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    copy.setup()
    assert mine.read_text() == "mine"
    assert sorted(path.name for path in copy.store.glob("tools*")) == ["tools", "tools-g", "tools.json"]


def test_only_the_previous_generation_stays_and_nothing_foreign_is_touched(copy: ScriptsCopy, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    folder = copy.store / "tools-g"
    (folder / "notes").mkdir(parents=True)
    (folder / "0123abcd").symlink_to(elsewhere)
    made = []
    for version in ("1.0", "2.0", "3.0"):
        copy.lock(nox="1.0", rich=version)
        copy.setup()
        made.append(copy.current)
    left = {path for path in copy.generations() if path.name not in ("notes", "0123abcd")}
    assert left == set(made[1:])
    assert (folder / "notes").is_dir()
    assert (elsewhere / "file").read_text() == "mine"


# --- which interpreter


@pytest.fixture
def second_interpreter(tmp_path: Path) -> Path:
    python = install_python(tmp_path / "a second python")
    if tmp_path not in python.parents:
        pytest.skip("this Python does not run from another folder")
    return python


def test_a_removed_base_interpreter_is_noticed(copy: ScriptsCopy, second_interpreter: Path) -> None:
    copy.setup(env={"ENVYARD_PYTHON": str(second_interpreter)})
    shutil.rmtree(second_interpreter.parents[1])
    done = copy.setup()
    assert f"its base interpreter `{second_interpreter}` is gone" in done.stderr
    assert audit_environment(copy.current, allow=EXTRA) == []


def test_another_suitable_interpreter_rebuilds_only_when_it_is_asked_for(
    ready: ScriptsCopy, second_interpreter: Path
) -> None:
    first = ready.current
    bootstrap = ready.scripts / "bootstrap.py"
    assert ready.run(second_interpreter, bootstrap, "--tools-only").stderr == ""
    assert ready.current == first
    done = ready.setup(env={"ENVYARD_PYTHON": str(second_interpreter)})
    assert f"ENVYARD_PYTHON asks for `{second_interpreter}`" in done.stderr
    assert ready.current != first
    assert ready.setup().stderr == ""


@pytest.mark.parametrize("module", ["ensurepip", "venv"])
def test_a_python_without_venv_says_which_package_brings_it(
    module: str, copy: ScriptsCopy, second_interpreter: Path, tmp_path: Path
) -> None:
    (second_interpreter.parents[1] / "lib" / second_interpreter.name / module).rename(tmp_path / module)
    done = copy.run(copy.scripts / "setup_all_envs.sh", env={"ENVYARD_PYTHON": str(second_interpreter)})
    assert done.returncode == 1
    assert f"sudo apt install {second_interpreter.name}-venv" in done.stderr
    assert copy.generations() == []


# --- what the user has set


def test_variables_that_lead_pip_astray_do_not_reach_it(copy: ScriptsCopy, tmp_path: Path) -> None:
    hostile = {
        "PYTHONHOME": "/nonexistent",
        "PYTHONPATH": str(tmp_path / "python-path"),
        "VIRTUAL_ENV": "/nonexistent",
        "PIP_TARGET": str(tmp_path / "target"),
        "PIP_PREFIX": str(tmp_path / "prefix"),
        "PIP_USER": "1",
        "PIP_DRY_RUN": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_CONSTRAINT": str(tmp_path / "no-such-file.txt"),
    }
    seen = witness(copy.setup(env=hostile))
    assert audit_environment(copy.current, allow=EXTRA) == []
    assert not (tmp_path / "target").exists()
    assert not (tmp_path / "prefix").exists()
    assert "PYTHONHOME" not in seen["variables"]
    assert "VIRTUAL_ENV" not in seen["variables"]
    assert seen["variables"]["PYTHONPATH"] == hostile["PYTHONPATH"]
    assert seen["variables"]["PIP_TARGET"] == hostile["PIP_TARGET"]  # the tools decide about that themselves


def test_nothing_is_added_to_the_variables_of_the_tools(ready: ScriptsCopy) -> None:
    before = {name for name in ready.environment() if name.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV"))}
    assert set(witness(ready.setup())["variables"]) == before


def test_the_pip_configuration_of_the_user_counts(copy: ScriptsCopy, tmp_path: Path) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text(f"[global]\nindex-url = {copy.index.url}\n[install]\nuser = true\n")
    copy.setup(env={"PIP_CONFIG_FILE": str(configuration), "PIP_INDEX_URL": ""})
    assert copy.index.fetches("nox-1.0-py3-none-any.whl") == 1


def test_a_file_of_the_workspace_does_not_shadow_a_tool(ready: ScriptsCopy) -> None:
    files = [ready.root / "nox.py", ready.root / "envyard.py", ready.scripts / "json.py"]
    for file in files:
        file.write_text("raise SystemExit('shadowed')")
    try:
        ready.setup()
        assert ready.run(ready.scripts / "run_tests.sh").returncode == 0
    finally:
        for file in files:
            file.unlink()


# --- what it says when it cannot


def refuse_connections(copy: ScriptsCopy) -> None:
    copy.index.on("*.whl").down()


def serve_wrong_bytes(copy: ScriptsCopy) -> None:
    copy.index.on("rich*.whl").wrong_bytes()


def hide_a_wheel(copy: ScriptsCopy) -> None:
    copy.index.on("rich").fail_with(404)


def remove_lockfile(copy: ScriptsCopy) -> None:
    copy.lockfile.unlink()


def block_the_store(copy: ScriptsCopy) -> None:
    copy.store.mkdir()
    (copy.store / "tools-g").write_text("a file where a folder should be")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (refuse_connections, "the package index does not answer"),
        (serve_wrong_bytes, "served a file that is not the locked one"),
        (hide_a_wheel, "lacks a tool that `requirements/tools.txt` asks for"),
        (remove_lockfile, "tools.txt` is missing"),
        (block_the_store, "can be written"),
    ],
)
def test_a_failure_is_one_clear_error_and_leaves_nothing(
    break_it: Callable[[ScriptsCopy], None], message: str, copy: ScriptsCopy
) -> None:
    break_it(copy)
    done = copy.run(copy.scripts / "setup_all_envs.sh")
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert "\n\nhint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert list(copy.store.glob("tools-g/*")) == []
    assert not copy.published


def test_a_failed_update_keeps_the_old_environment(copy: ScriptsCopy) -> None:
    copy.setup()
    first = copy.current
    copy.lock(nox="1.0", rich="2.0")
    copy.index.on("rich-2.0*").down()
    done = copy.run(copy.scripts / "setup_all_envs.sh")
    assert done.returncode == 1
    assert copy.current == first
    assert audit_environment(first, allow=EXTRA) == []
    copy.index.clear()
    copy.setup()
    assert installed(copy.current)["rich"] == "2.0"


@pytest.mark.parametrize("arguments", [[], ["build"], ["--help"]], ids=["nothing", "unknown", "help"])
def test_a_call_without_an_action_shows_the_usage(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, SCRIPTS / "bootstrap.py", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert "bootstrap.py --tools-only" in done.stderr
