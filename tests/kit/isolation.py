"""The variables that tests live in: nothing of this machine's user, everything below one folder."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Refuses at once: a test that forgot its index fails there instead of reaching the real one.
DEAD_INDEX = "http://127.0.0.1:9/simple/"

# Begin of a name -> why tests must not see the variable.
SCRUBBED = {
    "UV_": "configures uv",
    "PIP_": "configures pip",
    "VIRTUALENV_": "configures virtualenv",
    "VIRTUAL_ENV": "is the environment of whoever started the tests",
    "CONDA_": "uv takes it for an environment to install into",
    "PYTHON": "changes every interpreter that a test starts",
    "__PYVENV_": "makes a macOS framework build believe it is in another environment",
    "NOX": "configures nox",
    "INVOKE_": "configures invoke",
    "TOX_": "configures tox",
    "ENVYARD": "configures envyard",
    "DIRENV_": "belongs to the shell of whoever started the tests",
    "GIT_": "names another repository or the real configuration",
    "XDG_": "names folders of the real home",
    "APPDATA": "names folders of the real home",
    "LOCALAPPDATA": "names folders of the real home",
    "PYTEST_": "configures a pytest that a test starts",
    "COV_": "measures every interpreter that a test starts",
    "CI": "changes output",
    "GITHUB_": "changes output, and names the files of a real workflow",
    "GITLAB_": "changes output",
    "FORCE_COLOR": "changes output",
    "NO_COLOR": "changes output",
    "CLICOLOR": "changes output",
    "TTY_": "changes output",
    "COLUMNS": "changes output",
    "LINES": "changes output",
    "LC_": "changes output",
    "LANG": "changes output",
    "HTTP_PROXY": "leads to the real network",
    "HTTPS_PROXY": "leads to the real network",
    "ALL_PROXY": "leads to the real network",
    "CUDA_VISIBLE_DEVICES": "hides hardware",
}

_NO_INDEX = {
    "UV_NO_CONFIG": "1",
    "UV_DEFAULT_INDEX": DEAD_INDEX,
    "UV_HTTP_RETRIES": "0",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": DEAD_INDEX,
    "PIP_RETRIES": "0",
}

# What the tests marked `network` get back: how the index is reached, never where things are stored.
_REAL = ("UV_", "PIP_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_NEVER_REAL = (
    "UV_CACHE_DIR",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_TOOL",
    "PIP_CACHE_DIR",
    "PIP_PREFIX",
    "PIP_TARGET",
    "PIP_USER",
)
_CONFIGURATIONS = (".config/pip/pip.conf", ".pip/pip.conf", ".config/uv/uv.toml")


def isolated_environment(base: Path, real: Mapping[str, str]) -> dict[str, str]:
    """`real` without what `SCRUBBED` lists; every folder that a tool writes to is below `base`."""
    home = base / "home"
    temporary = base / "tmp"
    for folder in (home, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    scrubbed = tuple(SCRUBBED)
    values = {name: value for name, value in real.items() if not name.upper().startswith(scrubbed)}
    values.update(_NO_INDEX)
    values.update(
        {
            "HOME": str(home),
            "USERPROFILE": str(home),
            "APPDATA": str(home / "AppData" / "Roaming"),
            "LOCALAPPDATA": str(home / "AppData" / "Local"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CONFIG_DIRS": str(home / ".config-of-the-system"),
            "XDG_DATA_HOME": str(home / ".local" / "share"),
            "XDG_STATE_HOME": str(home / ".local" / "state"),
            "TMPDIR": str(temporary),
            "UV_CACHE_DIR": str(base / "uv-cache"),
            "UV_PYTHON_INSTALL_DIR": str(base / "uv-pythons"),
            "UV_TOOL_DIR": str(base / "uv-tools"),
            "UV_PYTHON_DOWNLOADS": "never",
            "PIP_CACHE_DIR": str(base / "pip-cache"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "VIRTUALENV_OVERRIDE_APP_DATA": str(base / "virtualenv"),
            "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",
            # The interpreter of the tests first: found without asking the wrappers of a version manager.
            "PATH": os.pathsep.join([os.path.dirname(_base_executable()), real.get("PATH", os.defpath)]),
        }
    )
    versions = Path(real.get("PYENV_ROOT") or os.path.join(real.get("HOME", "/"), ".pyenv"))
    if versions.is_dir():
        values["PYENV_ROOT"] = str(versions)  # interpreters are only read
    return values


def network_environment(base: Path, real: Mapping[str, str], caches: Path) -> dict[str, str]:
    """`isolated_environment` with the real index: its variables, copies of pip's and uv's configuration.

    The caches of uv and pip are below `caches`, which all tests of one run share.
    """
    values = isolated_environment(base, real)
    for name in _NO_INDEX:
        del values[name]
    values.update(
        {
            name: value
            for name, value in real.items()
            if name.upper().startswith(_REAL) and not name.startswith(_NEVER_REAL)
        }
    )
    values["UV_CACHE_DIR"] = str(caches / "uv-cache")
    values["PIP_CACHE_DIR"] = str(caches / "pip-cache")
    values.pop("XDG_CONFIG_DIRS")
    if "XDG_CONFIG_DIRS" in real:
        values["XDG_CONFIG_DIRS"] = real["XDG_CONFIG_DIRS"]
    for name in _CONFIGURATIONS:
        source = Path(real.get("HOME", "/"), name)
        if name.startswith(".config/") and "XDG_CONFIG_HOME" in real:
            source = Path(real["XDG_CONFIG_HOME"], name.removeprefix(".config/"))
        if source.is_file():
            target = base / "home" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return values


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Make `values` the whole environment of this process for a while (pytest's own variables stay)."""
    before = dict(os.environ)
    _replace(values)
    try:
        yield
    finally:
        _replace(before)


def _replace(values: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(values):
        if not name.startswith("PYTEST_"):
            del os.environ[name]
    os.environ.update({name: value for name, value in values.items() if not name.startswith("PYTEST_")})


def _base_executable() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))
