"""Files that a program holds while their environment is replaced or taken away: told, and gone once it has ended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.wheels import make_wheel
from windows.machine import Machine
from windows.small import SmallWorkspace

pytestmark = pytest.mark.windows

# Runs the commands while another process has a file open, deep in the environment, and the last one after it has ended.
WHILE_HELD = """
import json, os, subprocess, sys
from pathlib import Path
from envyard.longpath import extended
folder, commands = extended(Path(sys.argv[1])), json.loads(sys.argv[2])
for name in ["held", *["d" * 90] * 4]:
    folder = os.path.join(folder, name)
    os.mkdir(folder)
path = os.path.join(folder, "data.bin")
Path(path).write_bytes(b"data")
assert len(path) > 380
hold = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
# the first plain Python there is: not one of the environment
holder = subprocess.Popen([sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
holder.stdout.readline()
for number, command in enumerate(commands):
    if number == len(commands) - 1:
        holder.stdin.close()
        holder.wait()
    done = subprocess.run([sys.executable, "-m", "envyard", *command], capture_output=True, text=True)
    there = {
        "folder": os.path.exists(sys.argv[1]),
        "trash": len(os.listdir(".envs/trash")),
        "generations": len(os.listdir(".envs/g")),
    }
    print(json.dumps({"code": done.returncode, "said": done.stdout + done.stderr, **there}), flush=True)
"""


@pytest.fixture(scope="module")
def built(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of an area with one environment, published as a copy: made once, because that takes its time."""
    machine.empty()
    workspace = SmallWorkspace(machine, {"demo": ["demo==1.0"]}, publish="copy")
    make_wheel(workspace.wheels, "demo", "1.0")
    machine.envyard("envs.setup", "demo", env=workspace.environment)
    copy = tmp_path_factory.mktemp("built") / "area"
    shutil.copytree(machine.area, copy)
    yield copy
    shutil.rmtree(copy)


@pytest.fixture
def environment(windows: Machine, built: Path) -> str:
    """The generation in the area, as programs know it."""
    shutil.copytree(built, windows.area, dirs_exist_ok=True)
    (generation,) = (windows.area / ".envs" / "g").iterdir()
    return windows.path_of(generation)


def while_held(windows: Machine, folder: str, *commands: str, refuse: bool = True) -> list[dict[str, Any]]:
    """What each command said while something in `folder` was held, and the last one after that."""
    listed = json.dumps([command.split() for command in commands])
    variables = {"PIP_FIND_LINKS": f"{windows.folder}\\wheels"} | (windows.refuse() if refuse else {})
    said = windows.script(WHILE_HELD, folder, listed, env=variables, timeout=300)
    return [json.loads(line) for line in said.splitlines()]


def test_an_environment_with_a_held_file_is_left_whole_and_goes_with_a_later_prune(
    windows: Machine, environment: str
) -> None:
    cleaned, pruned, at_last = while_held(windows, environment, "envs.clean demo --yes", "envs.prune", "envs.prune")
    for one in (cleaned, pruned):
        assert one["code"] == 1, one
        assert "cannot be moved: access is denied, most often because a program has a file in it open" in one["said"]
        assert (one["folder"], one["generations"]) == (True, 1)
    assert at_last["code"] == 0, at_last
    assert "no pointer leads to it" in at_last["said"]
    assert (at_last["folder"], at_last["generations"], at_last["trash"]) == (False, 0, 0)


def test_what_stays_in_the_trash_is_named_and_goes_with_the_next_prune(windows: Machine, environment: str) -> None:
    if not windows.lenient:
        pytest.skip("Windows moves no folder in which a file is open, so it does not come into the trash")
    cleaned, at_last = while_held(windows, environment, "envs.clean demo --yes", "envs.prune", refuse=False)
    assert cleaned["code"] == 0
    assert "still in use, so it stays in the trash: 1 path" in cleaned["said"]
    assert "data.bin" in cleaned["said"]
    assert (cleaned["folder"], cleaned["trash"]) == (False, 1)
    assert (at_last["code"], at_last["trash"]) == (0, 0), at_last


def test_a_copy_with_a_held_file_stays_until_the_next_setup(windows: Machine, environment: str) -> None:
    copy = windows.area / "demo" / "venv"
    before = _commit(copy)
    failed, done = while_held(windows, windows.path_of(copy), "envs.setup demo --rebuild", "envs.setup demo --jobs 1")
    assert failed["code"] == 1
    assert "cannot be moved" in failed["said"]
    assert "1 linked" in done["said"], done
    after = _commit(copy)
    assert before["generation"] != after["generation"]


def test_an_environment_in_which_a_python_runs_is_left_alone(windows: Machine, environment: str) -> None:
    said = windows.script(
        """
import json, os, subprocess, sys
from pathlib import Path
python = Path(sys.argv[1]) / "Scripts" / "python.exe"
code = "print('runs', flush=True); input()"
running = subprocess.Popen([python, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
running.stdout.readline()
clean = [sys.executable, "-m", "envyard", "envs.clean", "demo", "--yes"]
first = subprocess.run(clean, capture_output=True, text=True)
running.communicate("\\n")
leases = os.listdir(Path(".envs/leases") / Path(sys.argv[1]).name)
second = subprocess.run(clean, capture_output=True, text=True)
print(json.dumps([first.returncode, first.stderr, leases, second.returncode, os.listdir(".envs/g")]))
""",
        environment,
        timeout=120,
    )
    first, why, leases, second, generations = json.loads(said)
    assert (first, second) == (1, 0)
    assert "`demo` is used by a running process, so it was left alone" in why
    assert leases == ["processes.lock"]  # its own file went with the process
    assert generations == []


def _commit(copy: Path) -> dict[str, Any]:
    return dict(json.loads((copy / "env.json").read_bytes()))
