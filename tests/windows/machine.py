"""A Windows that tests run programs on: this machine itself, or (in `wine.py`) Wine on another."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from kit.isolation import SCRUBBED

ROOT = Path(__file__).resolve().parents[2]
LOCKFILES = ("requirements/tools.txt", "requirements/model.txt", "requirements/config-load.txt")


class WindowsUnavailable(Exception):
    """Why the tests of this tier cannot run on this machine."""


class Machine:
    """Owns the folder `area`, in which every program starts; programs know it as `folder`.

    - `python`: a Python 3.11 or newer; `tools`: one that has what envyard needs, and finds envyard itself.
    - `wheels`: everything that the lockfiles `LOCKFILES` name, for an installer without an index.
    - `lenient`: it takes what a Windows refuses, and `refusals.py` changes that.
    """

    lenient = False
    _before: tuple[str, ...] = ()  # what starts a program

    def __init__(
        self, area: Path, folder: str, *, python: str, tools: str, wheels: Path, variables: Mapping[str, str]
    ) -> None:
        self.area, self.folder, self.python, self.tools, self.wheels = area, folder, python, tools, wheels
        self.environment = dict(variables) | {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.path_of(wheels),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTHONPATH": self.path_of(ROOT / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
        }

    def path_of(self, path: Path) -> str:
        """A path of these tests as programs of this Windows know it."""
        return str(path)

    def search(self, *folders: str) -> dict[str, str]:
        """The variables with which a program is looked for in these folders, and in that of Windows itself."""
        system = os.path.join(self.environment["SYSTEMROOT"], "System32")
        return {"PATH": os.pathsep.join([*folders, system])}

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a program in the area; stdout and stderr come through one pipe."""
        return subprocess.Popen(
            [*self._before, *arguments],
            cwd=self.area,
            env=self.environment | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            process_group=None if sys.platform == "win32" else 0,
        )

    def run(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; `check` wants exit code 0."""
        child = self.start(*arguments, env=env)
        try:
            output, _ = child.communicate(timeout=timeout)
        except BaseException:
            if sys.platform == "win32":
                subprocess.run(["taskkill", "/T", "/F", "/PID", str(child.pid)], capture_output=True, timeout=60)
            else:
                os.killpg(child.pid, 9)
            child.communicate()
            raise
        done = subprocess.CompletedProcess(arguments, child.returncode, output, "")
        assert not check or done.returncode == 0, f"{arguments} ended with {done.returncode}\n{output}"
        return done

    def envyard(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run `envyard <arguments>` in the area."""
        return self.run(self.tools, "-m", "envyard", *arguments, env=env, timeout=timeout, check=check)

    def script(
        self,
        code: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        check: bool = True,
    ) -> str:
        """Run Python code with the tools; returns what it printed."""
        script = self.area / f"script-{hashlib.sha256(code.encode()).hexdigest()[:12]}.py"
        script.write_text(code, encoding="utf-8")
        return self.run(self.tools, self.path_of(script), *arguments, env=env, timeout=timeout, check=check).stdout

    def refuse(self) -> dict[str, str]:
        """The variables with which a Python refuses what Windows refuses: none where Windows does it."""
        if not self.lenient:
            return {}
        folder = self.area / "refusing"
        folder.mkdir(exist_ok=True)
        shutil.copyfile(Path(__file__).with_name("refusals.py"), folder / "refusals.py")
        (folder / "sitecustomize.py").write_text("import refusals\n\nrefusals.install()\n", encoding="utf-8")
        return {"PYTHONPATH": f"{self.path_of(folder)};{self.environment['PYTHONPATH']}"}

    def empty(self) -> None:
        """Nothing is left in the area."""
        shutil.rmtree(f"\\\\?\\{self.area}" if sys.platform == "win32" else self.area, ignore_errors=True)
        self.area.mkdir(parents=True, exist_ok=True)

    def end(self) -> None:
        """Nothing of these tests runs any more."""


def this_machine(scratch: Path, environment: Mapping[str, str]) -> Machine:
    """The Windows that runs these tests. Raises `WindowsUnavailable`."""
    base = Path(os.path.realpath(scratch))  # without short names
    wheels = base / "wheels"
    wheels.mkdir(parents=True)
    download(LOCKFILES, wheels, base, environment)
    variables = {name: value for name, value in environment.items() if not name.upper().startswith(tuple(SCRUBBED))}
    for name in ("APPDATA", "LOCALAPPDATA", "USERPROFILE"):
        variables[name] = str(base / "home")
    (base / "home").mkdir()
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    area = base / "area"
    return Machine(area, str(area), python=python, tools=sys.executable, wheels=wheels, variables=variables)


def download(
    lockfiles: Iterable[str], wheels: Path, scratch: Path, environment: Mapping[str, str], *options: str
) -> None:
    """Fetch what lockfiles name as wheels for Windows."""
    for name in lockfiles:
        # pip judges markers by the system that it runs on
        text = (ROOT / name).read_text(encoding="utf-8")
        file = scratch / Path(name).name
        file.write_text(re.sub(r" ; sys_platform == 'win32'", "", text), encoding="utf-8")
        pip_download(["--only-binary=:all:", *options, "--require-hashes", "-r", str(file)], wheels, environment)


def pip_download(arguments: Iterable[str], folder: Path, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), *arguments]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise WindowsUnavailable(f"what these tests install cannot be downloaded: {done.stderr[-300:]}")
