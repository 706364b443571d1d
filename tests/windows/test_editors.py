"""PyCharm's table of interpreters on a Windows Python: where it is, how it names a python, and who holds it."""

from __future__ import annotations

import pytest
from windows.machine import Machine

pytestmark = pytest.mark.windows


def test_the_table_names_the_pythons_of_windows_and_is_not_written_while_its_process_lives(windows: Machine) -> None:
    said = windows.script(
        """
import os
from pathlib import Path
from envyard.commands.pycharm import pycharm
from envyard.errors import EditorRuns
from envyard.integrations.pycharm_sdks import homes
from envyard.workspace import load_workspace

area = os.getcwd()
root, roaming = Path(area, "ws"), Path(area, "roaming")
os.environ |= {"USERPROFILE": area, "APPDATA": str(roaming), "LOCALAPPDATA": os.path.join(area, "local")}
(root / "alpha").mkdir(parents=True)
(root / "r.in").touch()
text = '[workspace]\\nname = "ws"\\n[projects.alpha]\\npath = "alpha"\\nrequirements = ["r.in"]\\n'
(root / "workspace.toml").write_text(text, encoding="utf-8")
configuration = roaming / "JetBrains" / "PyCharm2024.3"
configuration.mkdir(parents=True)
table = configuration / "options" / "jdk.table.xml"

(configuration / ".lock").write_text(str(os.getpid()), encoding="utf-8")
try:
    pycharm(load_workspace(root), write_sdks=True)
except EditorRuns as error:
    print("runs", table.exists())
(configuration / ".lock").write_text("4294967", encoding="utf-8")
print([str(file.state) for file in pycharm(load_workspace(root), write_sdks=True).files])
print(homes(table.read_text(encoding="utf-8")))
typed = table.read_text(encoding="utf-8").replace("$USER_HOME$/ws/alpha/venv", f"{area.upper()}\\\\ws\\\\alpha\\\\venv")
table.write_text(typed, encoding="utf-8")
print({str(file.state) for file in pycharm(load_workspace(root), write_sdks=True).files})
pycharm(load_workspace(root), remove=True, write_sdks=True)
print(homes(table.read_text(encoding="utf-8")), (root / ".idea").exists())
"""
    )
    assert said.splitlines() == [
        "runs False",
        str(["missing"] * 6),
        "{'alpha (ws)': '$USER_HOME$/ws/alpha/venv/Scripts/python.exe'}",
        "{'same'}",
        "{} False",
    ]
