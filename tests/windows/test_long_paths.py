"""`longpath.py` on a Windows Python that refuses plain paths beyond MAX_PATH."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from windows.wine import Wine

pytestmark = pytest.mark.windows

SHIM = "import max_path; max_path.install()\n"
TREE = """
import os, stat
from pathlib import Path
from envyard.longpath import copy_tree, extended, plain, remove_tree
root, names = Path("C:/area/tree"), ["a" * 90] * 4
folder = extended(root)
for name in ["", *names]:
    folder = os.path.join(folder, name) if name else folder
    os.mkdir(folder)
    with open(os.path.join(folder, "file.py"), "w") as file:
        file.write("x = 1")
deepest = os.path.join(folder, "file.py")
assert len(deepest) > 380
"""


@pytest.fixture(autouse=True)
def shim(wine: Wine) -> None:
    shutil.copyfile(Path(__file__).with_name("max_path.py"), wine.drive / "area" / "max_path.py")


def test_the_shim_bites(wine: Wine) -> None:
    said = wine.python(
        SHIM
        + "import os\n"
        + "path = 'C:\\\\area\\\\' + '\\\\'.join(['b' * 90] * 3)\n"
        + "for what in (lambda: os.makedirs(path), lambda: open(path + '.txt', 'w'), lambda: os.listdir(path)):\n"
        + "    try:\n        what()\n    except OSError as error:\n        print('refused', error.winerror)\n"
        + "os.makedirs('\\\\\\\\?\\\\' + path)\nprint(os.listdir('\\\\\\\\?\\\\' + path))\n"
    )
    lines = said.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["refused"] * 3, said
    assert lines[-1] == "[]"


def test_without_the_shim_wine_takes_any_path(wine: Wine) -> None:
    said = wine.python("import os\nos.makedirs('C:\\\\area\\\\' + '\\\\'.join(['b' * 90] * 3))\nprint('made')\n")
    assert said.strip() == "made"


def test_a_tree_of_400_characters_is_copied_and_removed(wine: Wine) -> None:
    said = wine.python(
        SHIM
        + TREE
        + """
copy = Path("C:/area/copy")
copy.mkdir()
copy_tree(root, copy)
copied = deepest.replace("\\\\tree\\\\", "\\\\copy\\\\")
print(open(copied).read())
os.chmod(copied, stat.S_IREAD)
print(remove_tree(root), remove_tree(copy), sorted(os.listdir("C:/area")))
"""
    )
    first, second = said.splitlines()
    assert first == "x = 1"
    assert second.startswith("[] [] ")
    assert "tree" not in second
    assert "copy" not in second


def test_a_file_that_another_process_holds_stays_and_is_named(wine: Wine) -> None:
    said = wine.python(
        SHIM
        + TREE
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
"""
    )
    assert said.splitlines() == ["1 True True", "[] False"]
