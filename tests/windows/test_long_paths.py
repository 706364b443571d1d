"""`longpath.py`, and the audit of an environment, on a Windows Python that refuses plain paths beyond MAX_PATH."""

from __future__ import annotations

import json

import pytest
from kit.wheels import make_wheel
from windows.machine import ROOT, Machine
from windows.small import SmallWorkspace

pytestmark = pytest.mark.windows

TREE = """
import os, stat
from pathlib import Path
from envyard.longpath import copy_tree, extended, plain, remove_tree
root, names = Path("tree").absolute(), ["a" * 90] * 4
folder = extended(root)
for name in ["", *names]:
    folder = os.path.join(folder, name) if name else folder
    os.mkdir(folder)
    with open(os.path.join(folder, "file.py"), "w") as file:
        file.write("x = 1")
deepest = os.path.join(folder, "file.py")
assert len(deepest) > 380
"""

# What a person sets in the registry: that programs like Python may take long paths.
LONG_PATHS = """
import sys, winreg
path = "SYSTEM\\\\CurrentControlSet\\\\Control\\\\FileSystem"
with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
    winreg.SetValueEx(key, "LongPathsEnabled", 0, winreg.REG_DWORD, int(sys.argv[1]))
"""

REFUSED = """
import os
path = os.path.join(os.getcwd(), *["b" * 90] * 3)
for what in (lambda: os.makedirs(path), lambda: open(path + ".txt", "w"), lambda: os.listdir(path)):
    try:
        what()
    except OSError as error:
        print("refused", error.winerror)
os.makedirs("\\\\\\\\?\\\\" + path)
print(os.listdir("\\\\\\\\?\\\\" + path))
"""

RENAMED = """
import os
from pathlib import Path
Path("folder/inside").mkdir(parents=True)
with open("folder/inside/file.txt", "w"):
    try:
        os.rename("folder", "moved")
    except OSError as error:
        print("refused", error.winerror)
    else:
        os.rename("moved", "folder")
os.rename("folder", "moved")
print("moved", Path("moved").exists())
"""


def test_the_simulation_refuses_what_windows_refuses(windows: Machine) -> None:
    if not windows.lenient:
        pytest.skip("nothing is simulated on a real Windows, which may have long paths switched on")
    refusing = windows.refuse()
    lines = windows.script(REFUSED, env=refusing).splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["refused"] * 3, lines
    assert lines[-1] == "[]"
    assert windows.script(RENAMED, env=refusing).splitlines() == ["refused 5", "moved True"]


def test_without_the_simulation_wine_takes_any_path_and_any_rename(windows: Machine) -> None:
    if not windows.lenient:
        pytest.skip("a real Windows refuses by itself")
    said = windows.script("import os\nos.makedirs(os.path.join(os.getcwd(), *['b' * 90] * 3))\nprint('made')\n")
    assert said.strip() == "made"
    assert windows.script(RENAMED).splitlines() == ["moved True"]


def test_a_tree_of_400_characters_is_copied_and_removed(windows: Machine) -> None:
    said = windows.script(
        TREE
        + """
copy = Path("copy").absolute()
copy.mkdir()
copy_tree(root, copy)
copied = deepest.replace("\\\\tree\\\\", "\\\\copy\\\\")
print(open(copied).read(), os.path.samefile(copied, deepest))
os.chmod(copied, stat.S_IREAD)
print(remove_tree(root), remove_tree(copy), root.exists(), copy.exists())
""",
        env=windows.refuse(),
    )
    assert said.splitlines() == ["x = 1 True", "[] [] False False"]


def test_a_file_that_another_process_holds_stays_and_is_named(windows: Machine) -> None:
    said = windows.script(
        TREE
        + """
import subprocess, sys
hold = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
holder = subprocess.Popen(
    [sys.executable, "-c", hold, deepest],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
holder.stdout.readline()
problems = remove_tree(root)
print(len(problems), plain(deepest) in problems[0], os.path.exists(deepest))
holder.stdin.close()
holder.wait()
print(remove_tree(root), root.exists())
""",
        env=windows.refuse(),
    )
    assert said.splitlines() == ["1 True True", "[] False"]


def test_a_file_that_is_let_go_in_time_is_removed(windows: Machine) -> None:
    said = windows.script(
        TREE
        + """
import subprocess, sys
hold = "import sys, time; file = open(sys.argv[1]); print('open', flush=True); time.sleep(0.3)"
holder = subprocess.Popen([sys.executable, "-c", hold, deepest], stdout=subprocess.PIPE, text=True)
holder.stdout.readline()
print(remove_tree(root), root.exists())
""",
        env=windows.refuse(),
    )
    assert said.strip() == "[] False"


def test_files_beyond_the_limit_are_refused_and_where_they_are_allowed_the_audit_sees_them(
    windows: Machine, request: pytest.FixtureRequest
) -> None:
    deep = "/".join(["deep", *["d" * 60] * 4, "module.py"])
    workspace = SmallWorkspace(windows, {"demo": ["deep==1.0"]})
    files = {"deep/__init__.py": "", deep: "x = 1\n"}
    if windows.lenient:  # the environment's own python, which no variable reaches, refuses too
        files["refusals.py"] = (ROOT / "tests" / "windows" / "refusals.py").read_text(encoding="utf-8")
        files["refusing.pth"] = "import refusals; refusals.install()\n"
    make_wheel(workspace.wheels, "deep", "1.0", files=files)
    built = windows.envyard("envs.setup", "demo", env=workspace.environment, check=False)
    if built.returncode:
        assert "characters too long for Windows in the environment of `demo`" in built.stdout
        if not windows.lenient:
            pytest.skip("long paths are switched off here")
        request.addfinalizer(lambda: windows.script(LONG_PATHS, "0"))
        windows.script(LONG_PATHS, "1")
        built = windows.envyard("envs.setup", "demo", env=workspace.environment)
    assert "1 built" in built.stdout, built.stdout
    path = json.loads(windows.envyard("envs.list", "--json").stdout)["environments"][0]["path"]
    said = windows.script(
        """
import os, sys
from pathlib import Path
from envyard.longpath import extended
environment, deep = Path(sys.argv[1]), sys.argv[2]
plainly = environment / "Lib" / "site-packages" / deep
import subprocess
check = "import os, sys; print(os.path.exists(sys.argv[1]))"
print(len(str(plainly)) > 260, flush=True)
subprocess.run([environment / "Scripts" / "python.exe", "-I", "-c", check, str(plainly)])
""",
        path,
        deep,
    )
    assert said.split() == ["True", "False" if windows.lenient else "True"]
    assert "no problems" in windows.envyard("envs.doctor", "demo", "--deep").stdout
    windows.script(
        """
import sys
from pathlib import Path
from envyard.longpath import extended
with open(extended(Path(sys.argv[1]) / "Lib" / "site-packages" / sys.argv[2]), "r+") as file:
    file.write("y = 2")
""",
        path,
        deep,
    )
    found = windows.envyard("envs.doctor", "demo", "--deep", check=False)
    assert found.returncode == 1
    assert "module.py" in found.stdout
