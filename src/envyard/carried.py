"""What a workspace needs to make its own tool environment: scripts, locked tools, and envyard itself as a wheel.

A monorepo carries envyard with it: a clone, a Python and a package index are enough, and everybody has the same one.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import envyard
from envyard.errors import EnvyardError

SCRIPTS = (
    "setup_all_envs.sh",
    "setup_all_envs.ps1",
    "setup_all_envs.bat",
    "run_tests.sh",
    "run_tests.ps1",
    "run_tests.bat",
    "activate_env.sh",
    "activate_env.ps1",
    "activate_env.bat",
    "bootstrap.sh",
    "bootstrap.ps1",
    "bootstrap.bat",
    "bootstrap.py",
    "tool_environment.py",
    "tool_build.py",
    "tool_lock.py",
    ".gitattributes",
)
"""The files of `scripts/` that run on a machine with nothing but Python."""

_PACKAGE = Path(envyard.__file__).resolve().parent
_CARRIED = "carried_files"  # the folder of the installed package where the build puts scripts and locked tools
_EPOCH = (1980, 1, 1, 0, 0, 0)
_INFO = f"envyard-{envyard.__version__}.dist-info"
_WHEEL = "Wheel-Version: 1.0\nGenerator: envyard init\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_ENTRY_POINTS = "[console_scripts]\nenvyard = envyard.cli:main\n"


def script(name: str) -> bytes:
    """The content of one of `SCRIPTS`."""
    return _carried(name, "scripts")


def locked_tools() -> bytes:
    """The requirement file with nox, Invoke, uv and the rest, pinned and hashed."""
    return _carried("tools.txt", "requirements")


def wheel_name() -> str:
    return f"envyard-{envyard.__version__}-py3-none-any.whl"


def own_wheel() -> bytes:
    """The envyard that runs, as a wheel: the same bytes whenever it is made from the same files."""
    entries = {f"envyard/{name}": data for name, data in _package_files().items()}
    entries[f"{_INFO}/METADATA"] = _metadata().encode()
    entries[f"{_INFO}/WHEEL"] = _WHEEL.encode()
    entries[f"{_INFO}/entry_points.txt"] = _ENTRY_POINTS.encode()
    record = [f"{name},{_digest(data)},{len(data)}" for name, data in sorted(entries.items())]
    entries[f"{_INFO}/RECORD"] = "\n".join([*record, f"{_INFO}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            member = zipfile.ZipInfo(name, date_time=_EPOCH)
            member.external_attr = 0o100644 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, data)
    return buffer.getvalue()


def same_wheel(one: bytes, other: bytes) -> bool:
    """Whether two wheels hold the same files; how they are compressed depends on the machine."""
    try:
        return _contents(one) == _contents(other)
    except (zipfile.BadZipFile, OSError):
        return False


def _contents(data: bytes) -> dict[str, int]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {member.filename: member.CRC for member in archive.infolist()}


def _carried(name: str, folder: str) -> bytes:
    """A file from the installed package, or from the source tree that envyard runs from."""
    for path in (_PACKAGE / _CARRIED / name, _PACKAGE.parents[1] / folder / name):
        if path.is_file():
            return path.read_bytes()
    raise EnvyardError(
        f"this envyard was installed without `{name}`",
        hint="install it from its wheel or from a clone of its repository",
    )


def _package_files() -> dict[str, bytes]:
    """Every file of the package, with the carried ones in their place also where they still are in the source tree."""
    files = {}
    for path in sorted(_PACKAGE.rglob("*")):
        relative = path.relative_to(_PACKAGE)
        if path.is_file() and "__pycache__" not in relative.parts and path.suffix != ".pyc":
            files[relative.as_posix()] = path.read_bytes()
    files |= {f"{_CARRIED}/{name}": script(name) for name in SCRIPTS}
    files[f"{_CARRIED}/tools.txt"] = locked_tools()
    return files


def _metadata() -> str:
    """That of the installed distribution; from a source tree, what an installer has to know."""
    try:
        distribution = metadata.distribution("envyard")
        text = distribution.read_text("METADATA")
        if text and Path(str(distribution.locate_file("envyard"))).resolve() == _PACKAGE:
            return text
    except metadata.PackageNotFoundError:
        pass
    project = tomllib.loads((_PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = ["Metadata-Version: 2.4", "Name: envyard", f"Version: {envyard.__version__}"]
    lines += [f"Summary: {project['description']}", f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in project["dependencies"]]
    return "\n".join([*lines, ""])


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
