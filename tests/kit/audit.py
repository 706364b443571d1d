"""An audit of an environment that shares no line with envyard, so that tests need not trust its word."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

# Start-up files of virtualenv and envyard, listed in no RECORD.
_OWNERLESS = ("_virtualenv.py", "_virtualenv.pth", "_envyard_site.py", "_envyard.pth")


def audit_environment(path: Path, deep: bool = True, *, allow: Sequence[str] = ()) -> list[str]:
    """Everything that is wrong with the environment, one line each; an empty list is a sound environment.

    Checked are the interpreter, that every file of every RECORD exists with its size (with `deep` also its
    sha256), that no package is there twice, that no file belongs to nobody, and that no script names a
    missing interpreter. `allow` holds names at the top of site-packages that may belong to nobody.
    """
    problems = _interpreter_problems(path)
    claimed: set[str] = set()
    seen: dict[str, str] = {}
    for info in _infos(path):
        name, _version = _identity(info)
        if name in seen:
            problems.append(f"{info.name}: second copy of {name}, beside {seen[name]}")
        seen[name] = info.name
        problems += _record_problems(info, deep, claimed)
    for site in _sites(path):
        problems += _orphans(site, claimed, (*_OWNERLESS, *allow))
    return [*problems, *_script_problems(path)]


def installed(path: Path) -> dict[str, str]:
    """Name and version of every distribution in the environment; names are normalised (`my-demo`)."""
    return dict(sorted(_identity(info) for info in _infos(path)))


def site_packages(path: Path) -> Path:
    """The site-packages folder of the environment."""
    sites = _sites(path)
    assert len(sites) == 1, f"{path} has {len(sites)} site-packages folders"
    return sites[0]


def _interpreter_problems(path: Path) -> list[str]:
    problems = []
    if not (path / "pyvenv.cfg").is_file():
        problems.append("pyvenv.cfg: missing")
    if not any((path / name).exists() for name in ("bin/python", "Scripts/python.exe")):
        problems.append("bin/python: missing or dangling")
    if not _sites(path):
        problems.append("site-packages: missing")
    return problems


def _record_problems(info: Path, deep: bool, claimed: set[str]) -> list[str]:
    record = info / "RECORD"
    needed = [f"{info.name}/METADATA", f"{info.name}/RECORD"]
    problems = [f"{name}: missing" for name in needed if not (info.parent / name).is_file()]
    if not record.is_file():
        return problems
    with record.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    if not rows:
        problems.append(f"{info.name}/RECORD: empty")
    for row in rows:
        if len(row) != 3:
            problems.append(f"{info.name}/RECORD: not a row of three: {row}")
            continue
        name, digest, size = row
        target = os.path.normpath(os.path.join(info.parent, name))
        claimed.add(target)
        # pip lists the byte code it compiled, virtualenv its folders; any Python may rewrite or remove them.
        if not name.endswith((".pyc", "/__pycache__")):
            problems += _file_problems(name, target, digest if deep else "", size)
    return problems


def _file_problems(name: str, target: str, digest: str, size: str) -> list[str]:
    try:
        status = os.lstat(target)
    except OSError:
        return [f"{name}: missing"]
    if not stat.S_ISREG(status.st_mode):
        return [f"{name}: not a regular file"]
    if size and status.st_size != int(size):
        return [f"{name}: {status.st_size} bytes instead of {size}"]
    if digest:
        algorithm, _, expected = digest.partition("=")
        with open(target, "rb") as stream:
            actual = base64.urlsafe_b64encode(hashlib.file_digest(stream, algorithm).digest())
        if actual.rstrip(b"=").decode() != expected:
            return [f"{name}: content differs from its RECORD"]
    return []


def _orphans(site: Path, claimed: set[str], allowed: Sequence[str]) -> Iterator[str]:
    for parent, folders, names in os.walk(site):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            target = os.path.join(parent, name)
            relative = os.path.relpath(target, site)
            if target in claimed or name.endswith(".pyc"):
                continue
            if relative.split(os.sep)[0] not in allowed:
                yield f"{relative}: belongs to no package"


def _script_problems(path: Path) -> Iterator[str]:
    for folder in (path / "bin", path / "Scripts"):
        for script in sorted(folder.iterdir()) if folder.is_dir() else ():
            if not script.is_file():
                yield f"{script.name}: dangling or not a file"
                continue
            with script.open("rb") as stream:
                first = stream.readline(4096)
            found = re.match(rb"#!\s*(/\S+)", first)
            if found and not os.path.exists(os.fsdecode(found.group(1))):
                yield f"{script.name}: its interpreter {os.fsdecode(found.group(1))} is missing"


def _infos(path: Path) -> list[Path]:
    return [info for site in _sites(path) for info in sorted(site.glob("*.dist-info"))]


def _sites(path: Path) -> list[Path]:
    return [
        folder
        for folder in [*sorted(path.glob("lib/python*/site-packages")), path / "Lib" / "site-packages"]
        if folder.is_dir()
    ]


def _identity(info: Path) -> tuple[str, str]:
    name, _, version = info.name.removesuffix(".dist-info").partition("-")
    return re.sub(r"[-_.]+", "-", name).lower(), version
