"""The batch files in `cmd`: which Python they find, what they pass on, which exit code arrives; and once for real."""

from __future__ import annotations

import importlib.resources
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest
from windows.machine import LOCKFILES, ROOT, Machine

pytestmark = pytest.mark.windows

SAYS_AND_FAILS = "import sys\nprint(sys.argv[1:])\nsys.exit(7)\n"

# What the launcher of Windows does with `-3`, and nothing else of it. It says that it was asked.
LAUNCHER = """
import os, subprocess, sys
with open(os.path.join(os.path.dirname(sys.argv[0]), "asked.txt"), "a") as file:
    file.write(" ".join(sys.argv[1:3]) + "\\n")
if sys.argv[1] != "-3":
    sys.exit(103)
sys.exit(subprocess.call([sys.executable, *sys.argv[2:]]))
"""


def start(windows: Machine, *arguments: str, script: str = "setup_all_envs.bat") -> str:
    """A batch file that runs one from the folder `a b`: in a file, because Wine takes nested quotes apart."""
    line = f'@"{windows.folder}\\a b\\scripts\\{script}" {" ".join(arguments)}\r\n'
    (windows.area / "start.bat").write_text(line, encoding="utf-8", newline="")
    return f"{windows.folder}\\start.bat"


def launcher(windows: Machine) -> str:
    """A folder with a `py.exe`: a launcher of distlib, which runs what is in the archive behind it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("__main__.py", LAUNCHER)
    program = importlib.resources.files("distlib").joinpath("t64.exe").read_bytes()
    (windows.area / "launcher").mkdir()
    (windows.area / "launcher" / "py.exe").write_bytes(program + f"#!{windows.python}\n".encode() + packed.getvalue())
    return f"{windows.folder}\\launcher"


@pytest.fixture
def reporting(windows: Machine) -> Machine:
    """The folder `a b` with the batch files, and a bootstrap that only says what it got, and fails."""
    folder = windows.area / "a b" / "scripts"
    folder.mkdir(parents=True)
    for name in ("setup_all_envs.bat", "bootstrap.bat"):
        shutil.copyfile(ROOT / "scripts" / name, folder / name)
    (folder / "bootstrap.py").write_text(SAYS_AND_FAILS, encoding="utf-8")
    return windows


@pytest.mark.parametrize("how", ["python on PATH", "ENVYARD_PYTHON", "py -3"])
def test_a_python_gets_every_argument_and_its_exit_code_arrives(reporting: Machine, how: str) -> None:
    windows = reporting
    folder = windows.python.rpartition("\\")[0]
    variables = {
        "python on PATH": windows.search(folder),
        "ENVYARD_PYTHON": windows.search() | {"ENVYARD_PYTHON": windows.python},
        "py -3": {},
    }[how] or windows.search(launcher(windows))
    done = windows.run("cmd", "/c", start(windows, "one", '"two words"'), env=variables, check=False)
    assert done.stdout.strip() == "['setup-all', 'one', 'two words']"
    assert done.returncode == 7
    if how == "py -3":
        asked = (windows.area / "launcher" / "asked.txt").read_text(encoding="utf-8").splitlines()
        assert asked == ["-3 -I", "-3 -I"]  # once to try it, once to run it


def test_without_a_python_it_says_what_to_install(reporting: Machine) -> None:
    done = reporting.run("cmd", "/c", start(reporting), env=reporting.search(), check=False)
    assert "error: envyard needs Python 3.11 or newer, and there is none on PATH" in done.stdout
    assert "hint:" in done.stdout
    assert done.returncode == 1


def test_from_a_python_alone_to_projects_whose_tests_pass(windows: Machine) -> None:
    """What a person does first: the real tools from their lockfile, two reference projects, their tests, again."""
    workspace = windows.area / "a b"
    _reference(workspace)
    variables = windows.search(launcher(windows))
    first = windows.run("cmd", "/c", start(windows), env=variables, timeout=480)
    assert "making the tool environment" in first.stdout
    assert "2 built" in first.stdout
    again = windows.run("cmd", "/c", start(windows), env=variables, timeout=120)
    assert "making the tool environment" not in again.stdout
    assert "2 kept" in again.stdout
    wrong = windows.run("cmd", "/c", start(windows, "--only", "nothing"), env=variables, timeout=120, check=False)
    assert (wrong.returncode, "nothing" in wrong.stdout) == (2, True)

    (tools,) = (workspace / ".envs" / "tools-g").glob("*/Scripts/envyard.cmd")  # `.envs/tools` would be a link to it
    (windows.area / "list.bat").write_text(
        f'@cd "a b"\r\n@"{windows.path_of(tools)}" envs.list --json\r\n', encoding="utf-8", newline=""
    )
    listed = json.loads(windows.run("cmd", "/c", f"{windows.folder}\\list.bat").stdout)["environments"]
    assert [(one["key"], one["grade"]) for one in listed] == [("model", "ok"), ("config-load", "ok")]
    # a launcher, through what was published, and in spite of the space
    pytest_exe = workspace / "projects" / "Model" / "venv" / "Scripts" / "pytest.exe"
    assert "pytest 9" in windows.run(windows.path_of(pytest_exe), "--version").stdout

    tests = start(windows, "-s", "model", "config-load", script="run_tests.bat")
    tested = windows.run("cmd", "/c", tests, env=variables, timeout=240)
    assert tested.stdout.count(" passed") == 2


def _reference(workspace: Path) -> None:
    ignored = shutil.ignore_patterns("venv", "__pycache__", ".pytest_cache")
    for name in ("projects/Model", "projects/ConfigLoad", "requirements", "scripts", "src"):
        shutil.copytree(ROOT / name, workspace / name, ignore=ignored)
    shutil.copyfile(ROOT / "noxfile.py", workspace / "noxfile.py")
    text = '[workspace]\nname = "reference"\npython = "3.11"\ninstaller = "pip"\n'  # uv does not start under Wine 8
    for key, path in (("model", "projects/Model"), ("config-load", "projects/ConfigLoad")):
        text += f'\n[projects.{key}]\npath = "{path}"\nrequirements = ["requirements/{key}.in"]\n'
        text += f'lockfile = "requirements/{key}.txt"\n'
        assert f"requirements/{key}.txt" in LOCKFILES
    (workspace / "workspace.toml").write_text(text, encoding="utf-8")
    assert os.path.exists(workspace / "scripts" / "setup_all_envs.bat")
