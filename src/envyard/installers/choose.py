"""Which installer serves an environment."""

from __future__ import annotations

from envyard.errors import EnvyardError
from envyard.installers.base import Installer
from envyard.installers.pip import Pip
from envyard.installers.uv import find_uv
from envyard.interpreter import Interpreter

_UV_OLDEST = (3, 8)  # uv refuses to install into older interpreters


def choose_installer(name: str, interpreter: Interpreter) -> Installer:
    """The installer for `installer = "auto" | "uv" | "pip"`; "auto" is uv where it is there and can serve the Python.

    Raises `EnvyardError` when uv is asked for and is not there.
    """
    if name == "pip":
        return Pip()
    uv = find_uv()
    if name == "uv":
        if uv is None:
            raise EnvyardError('uv is not installed, but `installer = "uv"` asks for it', hint="run `pip install uv`")
        return uv
    version = tuple(int(part) for part in interpreter.minor.split("."))
    return uv if uv is not None and version >= _UV_OLDEST else Pip()
