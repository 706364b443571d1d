"""Ctrl-C and Ctrl-Break while an environment is built: it ends at once, and leaves nothing half-made."""

from __future__ import annotations

import json

import pytest
from kit.wheels import make_sdist
from windows.machine import Machine
from windows.small import SmallWorkspace

pytestmark = pytest.mark.windows

BUILDING = """
import os, pathlib, time
folder = pathlib.Path(os.environ["TEST_FOLDER"])
if not (folder / "begun.txt").exists():
    (folder / "new.txt").write_text(str(os.getpid()))
    (folder / "new.txt").rename(folder / "begun.txt")
    while True:
        time.sleep(60)
"""

# Runs `envyard` on a console that it shares with nobody else, and presses the keys once the build has begun.
PRESS = """
import ctypes, json, subprocess, sys, time
from pathlib import Path

key, child = sys.argv[1], sys.argv[2:]
if key.startswith("new console "):
    again = [sys.executable, __file__, key.removeprefix("new console "), *child]
    done = subprocess.run(again, capture_output=True, creationflags=subprocess.CREATE_NO_WINDOW)
    sys.stdout.buffer.write(done.stdout + done.stderr)
    sys.exit(done.returncode)
kernel = ctypes.WinDLL("kernel32", use_last_error=True)
group = subprocess.CREATE_NEW_PROCESS_GROUP if key == "Ctrl-Break" else 0
process = subprocess.Popen(child, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, creationflags=group)
while not Path("begun.txt").exists():
    if process.poll() is not None:
        sys.exit(process.stdout.read())
    time.sleep(0.02)
if key == "Ctrl-C":
    kernel.SetConsoleCtrlHandler(None, True)  # it goes to everybody on the console, and is not for us
    if not kernel.GenerateConsoleCtrlEvent(0, 0):
        sys.exit(f"no Ctrl-C: {ctypes.get_last_error()}")
elif key == "Ctrl-Break":
    if not kernel.GenerateConsoleCtrlEvent(1, process.pid):
        sys.exit(f"no Ctrl-Break: {ctypes.get_last_error()}")
else:
    Path("raise.txt").touch()
said, _ = process.communicate(timeout=60)
print(json.dumps({"code": process.returncode, "said": said, "builder": int(Path("begun.txt").read_text())}))
"""

# What Ctrl-Break is for Python: SIGBREAK, raised in a thread of the process.
BREAKS_ITSELF = """
import os, runpy, signal, sys, threading, time

def wait():
    while not os.path.exists("raise.txt"):
        time.sleep(0.02)
    signal.raise_signal(signal.SIGBREAK)

threading.Thread(target=wait, daemon=True).start()
sys.argv = ["envyard", *sys.argv[1:]]
runpy.run_module("envyard", run_name="__main__", alter_sys=True)
"""

LEFT = """
import json, sys
from pathlib import Path
from envyard.definition import Kind
from envyard.locks import ExclusiveLock
from envyard.process import process_alive
from envyard.store import Store
store = Store(Path(".envs").absolute())
print(json.dumps({
    "builder runs": process_alive(int(sys.argv[1])),
    "generations": [one.name for one in store.generations.iterdir()],
    "pointers": [str(one) for one in store.pointers()],
    "locked": not ExclusiveLock(store, Kind.PROJECT, "slow").try_acquire(),
    "project": sorted(one.name for one in Path("slow").iterdir()),
}))
"""


@pytest.mark.parametrize("key", ["Ctrl-C", "Ctrl-Break"])
def test_the_build_ends_at_once_and_leaves_nothing_half_made(windows: Machine, key: str) -> None:
    workspace = SmallWorkspace(windows, {"slow": ["slow==1.0"]})
    make_sdist(workspace.wheels, "slow", "1.0", while_building=BUILDING)
    variables = {**workspace.environment, "TEST_FOLDER": windows.folder}
    how, command = key, ["-m", "envyard"]
    if key == "Ctrl-Break" and windows.lenient:
        # Wine 8 sends no Ctrl-Break to a group, and its C library knows none: only the signal itself can be had
        (windows.area / "breaks_itself.py").write_text(BREAKS_ITSELF, encoding="utf-8")
        how, command = "signal", ["breaks_itself.py"]
    said = windows.script(
        PRESS, f"new console {how}", windows.tools, *command, "envs.setup", "slow", env=variables, timeout=180
    )
    ended = json.loads(said.splitlines()[-1])
    assert ended["code"] == 130, ended["said"]
    assert "stopped" in ended["said"]
    assert "Traceback" not in ended["said"]
    left = json.loads(windows.script(LEFT, str(ended["builder"])))
    assert left == {
        "builder runs": False,
        "generations": [],
        "pointers": [],
        "locked": False,
        "project": ["requirements.in"],
    }
    if key == "Ctrl-C":  # nobody has to clean up before the next one
        assert "1 built" in windows.envyard("envs.setup", "slow", env=variables).stdout
