"""envyard as a wheel that a monorepo carries with it."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import tomllib
import zipfile
from pathlib import Path

import pytest

from envyard import __version__, carried
from envyard.errors import EnvyardError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(carried.own_wheel()))


def test_the_record_of_the_wheel_is_complete_and_right(wheel: zipfile.ZipFile) -> None:
    info = f"envyard-{__version__}.dist-info"
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(wheel.read(f"{info}/RECORD").decode()))}
    assert set(rows) == set(wheel.namelist())
    for name, (digest, size) in rows.items():
        if name != f"{info}/RECORD":
            data = wheel.read(name)
            expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={expected}", str(len(data))), name


def test_the_wheel_holds_the_package_the_scripts_and_the_tools_and_no_byte_code(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {
        "envyard/cli.py",
        "envyard/py.typed",
        "envyard/site_hook/_envyard.pth",
        "envyard/report/page/style.css",
    } <= names
    assert {f"envyard/carried_files/{name}" for name in (*carried.SCRIPTS, "tools.txt")} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_metadata_names_what_the_project_depends_on(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"envyard-{__version__}.dist-info/METADATA").decode()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Version: {project['version']}" in text
    assert all(f"Requires-Dist: {each}" in text for each in project["dependencies"])


def test_the_locked_tools_hold_everything_that_envyard_depends_on() -> None:
    pinned = {line.split("==")[0] for line in carried.locked_tools().decode().splitlines() if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {each.split(">")[0] for each in project["dependencies"]} <= pinned


def test_the_build_puts_every_carried_file_into_the_package() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    included = build["targets"]["wheel"]["force-include"]
    expected = {f"scripts/{name}": f"envyard/carried_files/{name}" for name in carried.SCRIPTS}
    assert included == {**expected, "requirements/tools.txt": "envyard/carried_files/tools.txt"}
    needed = {path.name for path in (ROOT / "scripts").iterdir() if path.is_file()}
    assert needed == set(carried.SCRIPTS), "every file of scripts/ is carried"


def test_wheels_are_the_same_however_they_are_packed() -> None:
    one = carried.own_wheel()
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(one)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert packed.getvalue() != one
    assert carried.same_wheel(one, packed.getvalue())
    assert not carried.same_wheel(one, b"no wheel")


def test_a_missing_carried_file_is_an_error_with_a_hint() -> None:
    with pytest.raises(EnvyardError, match=r"installed without `x\.py`"):
        carried._carried("x.py", "scripts")
