"""The engine on a Windows Python: locks, files that others read, environments, and what a kill leaves."""

from __future__ import annotations

import json
import shutil

import pytest
from windows.wine import ROOT, TOOLS, Wine

pytestmark = pytest.mark.windows

HOLD = """
import sys
from pathlib import Path
from envyard.definition import Kind
from envyard.locks import ExclusiveLock
from envyard.store import Store
store = Store(Path("C:/area/.envs"))
store.prepare()
lock = ExclusiveLock(store, Kind.PROJECT, "demo")
print("got" if lock.try_acquire() else "busy", flush=True)
"""


def test_a_lock_excludes_another_process_until_its_holder_is_killed(wine: Wine) -> None:
    said = wine.python(
        HOLD
        + """
import subprocess
lock.release()
holder = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print("holder", holder.stdout.readline().strip())
print("while it lives", lock.try_acquire())
holder.kill()
holder.wait()
print("after", lock.try_acquire())
""",
        HOLD + "sys.stdin.read()\n",
    )
    assert said.splitlines() == ["got", "holder got", "while it lives False", "after True"]


def test_a_killed_builder_takes_its_installer_with_it(wine: Wine) -> None:
    said = wine.python(
        """
import subprocess, sys
from pathlib import Path
from envyard.process import process_alive
builder = '''
import sys
from envyard.process import run
child = "import os, sys, time; sys.stderr.write(str(os.getpid()) + chr(10)); sys.stderr.flush(); time.sleep(600)"
run([sys.executable, "-c", child], on_line=lambda line: print(line, flush=True))
'''
process = subprocess.Popen([sys.executable, "-c", builder], stdout=subprocess.PIPE, text=True)
child = int(process.stdout.readline())
print(process_alive(child))
process.kill()
process.wait()
import ctypes
handle = ctypes.WinDLL("kernel32").OpenProcess(0x00100000, False, child)
if handle:
    ctypes.WinDLL("kernel32").WaitForSingleObject(handle, 20000)
    ctypes.WinDLL("kernel32").CloseHandle(handle)
print(process_alive(child))
"""
    )
    assert said.splitlines() == ["True", "False"]


def test_a_file_is_replaced_while_another_process_reads_it(wine: Wine) -> None:
    said = wine.python(
        """
import json, subprocess, sys, threading
from pathlib import Path
from envyard.files import write_json
path = Path("C:/area/pointer.json")
write_json(path, {"n": 0})
reader = subprocess.Popen([sys.executable, "-c", '''
import json, threading
print("reads", flush=True)
n, pause = 0, threading.Event()
while n < 199:
    try:
        with open("C:/area/pointer.json", "rb") as file:
            n = json.loads(file.read())["n"]
    except PermissionError:
        pass
    pause.wait(0.001)
print("whole")
'''], stdout=subprocess.PIPE, text=True)
try:
    reader.stdout.readline()
    for n in range(1, 200):
        write_json(path, {"n": n}, durable=False)
    print(reader.stdout.read().strip(), [one.name for one in path.parent.glob(".pointer*")])
finally:
    reader.kill()
"""
    )
    assert said.splitlines() == ["whole []"]


def test_two_reference_projects_are_set_up_and_their_tests_pass(wine: Wine) -> None:
    area = wine.drive / "area"
    for name in ("projects/Model", "projects/ConfigLoad", "requirements"):
        ignored = shutil.ignore_patterns("venv", "__pycache__", ".pytest_cache")
        shutil.copytree(ROOT / name, area / name, ignore=ignored)
    text = '[workspace]\nname = "reference"\npython = "3.11"\ninstaller = "pip"\n'  # uv does not start under Wine 8
    for key, path in (("model", "projects/Model"), ("config-load", "projects/ConfigLoad")):
        text += f'\n[projects.{key}]\npath = "{path}"\nrequirements = ["requirements/{key}.in"]\n'
        text += f'lockfile = "requirements/{key}.txt"\n'
    (area / "workspace.toml").write_text(text, encoding="utf-8")
    envyard = (TOOLS, "-m", "envyard")
    first = wine.run(*envyard, "envs.setup", "model", "config-load", timeout=300)
    assert "2 built" in first.stdout
    again = wine.run(*envyard, "envs.setup", "model", "config-load", timeout=120)
    assert "kept" in again.stdout
    for project in ("Model", "ConfigLoad"):
        assert (area / "projects" / project / "venv" / "Scripts" / "python.exe").is_file()
    listed = json.loads(wine.run(*envyard, "envs.list", "--json").stdout)["environments"]
    assert [one["grade"] for one in listed] == ["ok", "ok"]
    # a launcher, through what was published
    assert "pytest 9" in wine.run("C:\\area\\projects\\Model\\venv\\Scripts\\pytest.exe", "--version").stdout
    shutil.copyfile(ROOT / "noxfile.py", area / "noxfile.py")
    for session in ("model", "config-load"):
        tested = wine.run(TOOLS, "-m", "nox", "-s", session, timeout=120)
        assert " passed" in tested.stdout
