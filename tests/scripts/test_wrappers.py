"""`setup_all_envs.sh` and `run_tests.sh`: called from anywhere, by any shell, with whatever Python there is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from scripts.copies import ScriptsCopy, witness

TOOLS_OF_SH = ("sh", "dirname", "readlink", "cat")


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"`{name}` is not on PATH")
    return name


def test_arguments_and_exit_code_pass_through(shell: str, ready: ScriptsCopy) -> None:
    arguments = ["--only", "two words", "", "*", "$HOME", "quo'te", 'dou"ble', "-x", "--", "ä", "back\\slash"]
    done = ready.run(shell, ready.scripts / "setup_all_envs.sh", *arguments, env={"WITNESS_CODE": "42"})
    assert done.returncode == 42
    assert witness(done)["arguments"] == ["envs.setup-all", *arguments]


def test_the_tests_of_all_projects_run_without_arguments(ready: ScriptsCopy) -> None:
    seen = witness(ready.run(ready.scripts / "run_tests.sh"))
    assert seen["arguments"] == ["-f", f"{ready.root}/noxfile.py", "-t", "projects"]
    assert seen["folder"] == str(ready.root)


def test_arguments_of_run_tests_are_those_of_nox(ready: ScriptsCopy) -> None:
    arguments = ["-s", "classification", "--", "-k", "a b"]
    done = ready.run(ready.scripts / "run_tests.sh", *arguments, env={"WITNESS_CODE": "3"})
    assert done.returncode == 3
    assert witness(done)["arguments"] == ["-f", f"{ready.root}/noxfile.py", *arguments]


def test_it_runs_from_any_folder(shell: str, ready: ScriptsCopy) -> None:
    for folder, script in ((ready.scripts, "setup_all_envs.sh"), (ready.root, "scripts/setup_all_envs.sh")):
        seen = witness(ready.run(shell, script, "x", cwd=folder))
        assert seen["folder"] == str(ready.root)


def test_it_runs_through_links(shell: str, ready: ScriptsCopy, tmp_path: Path) -> None:
    absolute = tmp_path / "absolute link"
    absolute.symlink_to(ready.scripts / "setup_all_envs.sh")
    relative = tmp_path / "bin" / "relative link"
    relative.parent.mkdir()
    relative.symlink_to(Path("..") / absolute.name)
    folder = tmp_path / "the workspace"
    folder.symlink_to(ready.root)
    for script in (absolute, relative, folder / "scripts" / "setup_all_envs.sh"):
        done = ready.run(shell, script, "x")
        assert done.stderr == ""
        assert witness(done)["folder"] == str(ready.root)


def test_a_cdpath_of_the_user_does_not_matter(ready: ScriptsCopy) -> None:
    done = ready.run("sh", "scripts/setup_all_envs.sh", cwd=ready.root, env={"CDPATH": f"{ready.root}:/"})
    assert done.returncode == 0


# --- which Python


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder for PATH that has what a shell script needs, and no Python."""
    folder = tmp_path / "path with spaces"
    folder.mkdir()
    for name in TOOLS_OF_SH:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(os.path.realpath(found))
    return folder


def stub(path: Path, name: str, text: str) -> None:
    (path / name).write_text(f"#!/bin/sh\n{text}\n")
    (path / name).chmod(0o755)


OLD = 'if [ "$1" = -V ]; then echo "Python 3.8.10"; exit 0; fi; exit 1'
OLD_2 = 'if [ "$1" = -V ]; then echo "Python 2.7.18" >&2; exit 0; fi; echo "Unknown option: -I" >&2; exit 2'
SHIM = 'echo "pyenv: python3.12: command not found" >&2; exit 127'


def test_without_a_suitable_python_it_says_what_to_install(shell: str, path: Path, ready: ScriptsCopy) -> None:
    stub(path, "python3", OLD)
    stub(path, "python", OLD_2)
    stub(path, "python3.12", SHIM)
    program = shutil.which(shell)
    assert program is not None
    done = ready.run(program, ready.scripts / "setup_all_envs.sh", env={"PATH": str(path)})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[:4] == [
        "error: envyard needs Python 3.11 or newer, and there is none on PATH",
        "  python3: Python 3.8.10",
        "  python3.12: does not start",
        "  python: Python 2.7.18",
    ]
    for command in ("sudo apt install python3 python3-venv", "brew install python", "ENVYARD_PYTHON"):
        assert command in done.stderr


def test_without_any_python_it_says_so(path: Path, ready: ScriptsCopy) -> None:
    done = ready.run(ready.scripts / "run_tests.sh", env={"PATH": str(path)})
    assert done.returncode == 1
    assert "none on PATH\n  no python3 at all\n" in done.stderr


def test_a_shim_without_a_python_behind_it_is_passed_over(path: Path, ready: ScriptsCopy) -> None:
    stub(path, "python3", OLD)
    stub(path, "python3.14", SHIM)
    stub(path, "python3.13", "exit 0")  # says yes to everything and is no Python
    (path / "python3.12").symlink_to(path / "nowhere")
    (path / "python").symlink_to(ready.python)
    done = ready.run(ready.scripts / "setup_all_envs.sh", "x", env={"PATH": str(path)})
    assert witness(done)["arguments"] == ["envs.setup-all", "x"]


def test_the_python_of_the_user_comes_first_and_alone(path: Path, ready: ScriptsCopy) -> None:
    stub(path, "python3", OLD)
    mine = path / "mein pythön"
    mine.symlink_to(ready.python)
    for value in (str(mine), mine.name):
        done = ready.run(ready.scripts / "setup_all_envs.sh", env={"PATH": str(path), "ENVYARD_PYTHON": value})
        assert done.returncode == 0, done.stderr
    (path / "python3.12").symlink_to(ready.python)
    for value in (str(path / "python3"), "no-such-python", str(path)):
        done = ready.run(ready.scripts / "setup_all_envs.sh", env={"PATH": str(path), "ENVYARD_PYTHON": value})
        assert done.returncode == 1
        assert f"ENVYARD_PYTHON is `{value}`, which is not a working Python 3.11 or newer" in done.stderr
