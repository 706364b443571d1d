"""Which interpreter an environment is made from."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import platform
import re
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from envyard.errors import InterpreterNotFound
from envyard.process import environment_variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A base interpreter; `size` (bytes) and `mtime_ns` of its executable tell whether it was replaced since."""

    executable: str
    version: str
    implementation: str
    size: int
    mtime_ns: int

    @property
    def minor(self) -> str:
        """`3.11` of `3.11.7`."""
        return ".".join(self.version.split(".")[:2])


_discovery = threading.Lock()


@functools.cache
def find_interpreter(request: str, where: str = "`python` in workspace.toml") -> Interpreter:
    """The interpreter for a request: a version (`3.11`), a range (`>=3.10,<3.13`) or an absolute path.

    `where` the request stands is told to who has to change it.

    The interpreter that runs envyard is taken when it satisfies the request, else the first on PATH, the `py`
    launcher or a version manager (discovery and the checks are virtualenv's). Raises `InterpreterNotFound`.
    """
    if request == "" or _current_satisfies(request):
        return current_interpreter()
    with _discovery:
        return _discover(request, where)


def find_preferred(preferred: str, request: str, where: str) -> Interpreter:
    """The interpreter for `preferred`, unless it is "" or not on this machine; else the one for `request`."""
    if preferred:
        with contextlib.suppress(InterpreterNotFound):
            return find_interpreter(preferred)
    return find_interpreter(request, where)


def current_interpreter() -> Interpreter:
    """The base interpreter of this process."""
    executable = getattr(sys, "_base_executable", None) or sys.executable
    return describe_interpreter(executable, platform.python_version(), sys.implementation.name)


def describe_interpreter(executable: str, version: str, implementation: str) -> Interpreter:
    """An `Interpreter` with the identity of its executable as it is now."""
    status = os.stat(executable)
    return Interpreter(
        executable=executable,
        version=version,
        implementation=implementation,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )


def unchanged(interpreter: Interpreter) -> bool | None:
    """Whether the executable is still the very same file: True, False (replaced), None (gone)."""
    try:
        status = os.stat(interpreter.executable)
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) == (interpreter.size, interpreter.mtime_ns)


def _current_satisfies(request: str) -> bool:
    if sys.implementation.name != "cpython" or not re.fullmatch(r"\d+(\.\d+){0,2}", request):
        return False
    wanted = request.split(".")
    return platform.python_version_tuple()[: len(wanted)] == tuple(wanted)


def _discover(request: str, where: str) -> Interpreter:
    from python_discovery import get_interpreter  # 40 ms, and only for environments that are built

    if sys.platform == "win32":
        _hide_windows()
    try:
        found = get_interpreter(request, [getattr(sys, "_base_executable", sys.executable)])
        if found is None:  # the shims of a version manager serve only versions that are switched on
            found = get_interpreter(request, _version_manager_pythons(request))
    except RuntimeError:  # a file that does not tell its version
        found = None
    if found is None or found.system_executable is None:
        if os.path.isabs(request):
            problem = "does not start" if os.path.exists(request) else "is not there"
            hint = f'install it again, or change {where}, for example to "3.11"'
            raise InterpreterNotFound(f"the interpreter `{request}` {problem}", hint=hint)
        quoted = request if re.fullmatch(r"[\w.-]+", request) else f'"{request}"'  # a shell would redirect or match
        raise InterpreterNotFound(
            f"no Python `{request}` on this machine",
            hint=f"install Python {request} (for example `uv python install {quoted}`), or change {where}",
        )
    version = ".".join(map(str, found.version_info[:3]))
    return describe_interpreter(found.system_executable, version, found.implementation.lower())


_NO_WINDOW = 0x08000000  # CREATE_NO_WINDOW of Windows


@functools.cache
def _hide_windows() -> None:
    """The discovery starts interpreters by itself; each would open a console window over a desktop application."""
    queries = importlib.import_module("python_discovery._cached_py_info")
    queries.Popen = functools.partial(queries.Popen, creationflags=_NO_WINDOW)  # type: ignore[attr-defined]


def _version_manager_pythons(request: str) -> list[str]:
    """Pythons that pyenv, asdf and mise have installed, newest first, those of a plain version request only."""
    home = Path.home()
    folders = [
        Path(environment_variable("PYENV_ROOT") or home / ".pyenv") / "versions",
        home / ".asdf" / "installs" / "python",
        home / ".local" / "share" / "mise" / "installs" / "python",
    ]
    found: list[tuple[tuple[int, ...], str]] = []
    for folder in folders:
        for python in [*folder.glob("*/bin/python3"), *folder.glob("*/python.exe")]:
            version = python.relative_to(folder).parts[0]
            plain = re.fullmatch(r"\d+(\.\d+)*", request) is not None
            if re.fullmatch(r"\d+(\.\d+)+", version) and (not plain or f"{version}.".startswith(f"{request}.")):
                found.append((tuple(map(int, version.split("."))), str(python)))
    return [python for _version, python in sorted(found, reverse=True)]
