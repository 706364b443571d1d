"""Environments published by a junction. Wine 8 makes none, so that there these tests are skipped with its own words."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.wheels import make_wheel
from windows.machine import Machine
from windows.small import SmallWorkspace

pytestmark = pytest.mark.windows

TRY = """
import _winapi, os
os.mkdir("there")
try:
    _winapi.CreateJunction(os.path.abspath("there"), os.path.abspath("junction"))
except OSError as error:
    print(error)
else:
    print("made, leads to", os.path.basename(os.readlink("junction")))
    os.rmdir("junction")
os.rmdir("there")
"""
MAKE = "import _winapi, os, sys; _winapi.CreateJunction(*map(os.path.abspath, sys.argv[1:]))"
# Where the junction of the environment leads, and what the python behind it imports.
LOOK = r"""
import os, subprocess, sys
link = os.path.abspath("demo\\venv")
generation = os.path.basename(os.readlink(link))
print("generation", generation in os.listdir(".envs\\g"))
code = "import demo, os, sys; print(demo.__file__.lower().startswith(sys.prefix.lower()))"
print(subprocess.run([link + "\\Scripts\\python.exe", "-c", code], capture_output=True, text=True).stdout.strip())
print(generation)
"""


@pytest.fixture
def linked(windows: Machine) -> SmallWorkspace:
    """A workspace whose one environment was published by a junction."""
    said = windows.script(TRY).strip()
    if not said.startswith("made"):
        pytest.skip(f"no junctions here: {said}")
    assert said == "made, leads to there"
    workspace = SmallWorkspace(windows, {"demo": ["demo==1.0"]}, publish="link")
    for version in ("1.0", "2.0"):
        make_wheel(workspace.wheels, "demo", version)
    windows.envyard("envs.setup", "demo", env=workspace.environment)
    return workspace


def test_an_update_moves_the_junction_and_both_generations_stay(windows: Machine, linked: SmallWorkspace) -> None:
    first = windows.script(LOOK).split()
    (windows.area / "demo" / "requirements.in").write_text("demo==2.0\n", encoding="utf-8")
    windows.envyard("envs.setup", "demo", env=linked.environment)
    second = windows.script(LOOK).split()
    assert first[:3] == second[:3] == ["generation", "True", "True"]
    assert first[3] != second[3]
    windows.envyard("envs.rollback", "demo", env=linked.environment)
    assert windows.script(LOOK).split() == first


def test_a_junction_to_what_is_not_ours_is_left_alone_and_nothing_behind_it_goes(
    windows: Machine, linked: SmallWorkspace
) -> None:
    windows.envyard("envs.clean", "demo", "--yes", env=linked.environment)
    mine = Path(windows.area) / "mine"
    mine.mkdir()
    (mine / "data.txt").write_text("mine", encoding="utf-8")
    windows.script(MAKE, "mine", "demo/venv")
    refused = windows.envyard("envs.setup", "demo", env=linked.environment, check=False)
    assert refused.returncode == 1, refused.stdout
    windows.envyard("envs.setup", "demo", "--yes", env=linked.environment)
    windows.envyard("envs.clean", "demo", "--yes", env=linked.environment)
    assert (mine / "data.txt").read_text("utf-8") == "mine"
