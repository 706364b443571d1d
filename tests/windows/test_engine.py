"""The engine on a Windows Python: locks, files that others read, environments, and what a kill leaves."""

from __future__ import annotations

import pytest
from windows.machine import Machine

pytestmark = pytest.mark.windows

HOLD = """
import sys
from pathlib import Path
from envyard.definition import Kind
from envyard.locks import ExclusiveLock
from envyard.store import Store
store = Store(Path(".envs").absolute())
store.prepare()
lock = ExclusiveLock(store, Kind.PROJECT, "demo")
print("got" if lock.try_acquire() else "busy", flush=True)
"""


def test_a_lock_excludes_another_process_until_its_holder_is_killed(windows: Machine) -> None:
    said = windows.script(
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


def test_a_killed_builder_takes_its_installer_with_it(windows: Machine) -> None:
    said = windows.script(
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


def test_a_pointer_is_replaced_once_its_reader_lets_go(windows: Machine) -> None:
    said = windows.script(
        """
import os, subprocess, sys, threading
from pathlib import Path
from envyard.definition import Kind
from envyard.pointer import Pointer
from envyard.store import Store
store = Store(Path(".envs").absolute())
store.prepare()
one, two = (Pointer(kind=Kind.PROJECT, key="demo", current=name * 8) for name in "ab")
store.write_pointer(one)
path = store.pointer_path(Kind.PROJECT, "demo")
hold = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
reader = subprocess.Popen([sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
reader.stdout.readline()
Path("new").touch()
try:
    os.replace("new", path)
except PermissionError as error:
    print("refused", error.winerror in (5, 32))
threading.Timer(0.3, reader.stdin.close).start()
store.write_pointer(two)
print(store.pointer(Kind.PROJECT, "demo").current, os.listdir(path.parent))
reader.wait()
"""
    )
    assert said.splitlines() == ["refused True", "bbbbbbbb ['demo.json']"]


def test_pointers_are_whole_and_never_missing_while_another_process_replaces_them(windows: Machine) -> None:
    said = windows.script(
        """
import subprocess, sys
from pathlib import Path
from envyard.definition import Kind
from envyard.pointer import Pointer
from envyard.store import Store
store = Store(Path(".envs").absolute())
store.prepare()
names = [f"{number:08x}" for number in range(200)]
point = lambda name: store.write_pointer(Pointer(kind=Kind.PROJECT, key="demo", current=name))
point(names[0])
reader = subprocess.Popen([sys.executable, "-c", '''
import sys, threading
from pathlib import Path
from envyard.definition import Kind
from envyard.store import Store
store, last = Store(Path(".envs").absolute()), sys.argv[1]
print("reads", flush=True)
pause = threading.Event()
while (pointer := store.pointer(Kind.PROJECT, "demo")) is not None and pointer.current != last:
    pause.wait(0.001)
print("whole" if pointer else "missing")
''', names[-1]], stdout=subprocess.PIPE, text=True)
try:
    reader.stdout.readline()
    for name in names[1:]:
        point(name)
    print(reader.stdout.read().strip())
finally:
    reader.kill()
"""
    )
    assert said.strip() == "whole"


def test_a_file_is_replaced_while_another_process_reads_it(windows: Machine) -> None:
    said = windows.script(
        """
import json, subprocess, sys, threading
from pathlib import Path
from envyard.files import write_json
path = Path("pointer.json").absolute()
write_json(path, {"n": 0})
reader = subprocess.Popen([sys.executable, "-c", '''
import json, threading
print("reads", flush=True)
n, pause = 0, threading.Event()
while n < 199:
    try:
        with open("pointer.json", "rb") as file:
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
