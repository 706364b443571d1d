"""The benchmark's own folder: tools, caches and rounds, all in one place that is removed at the end."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from measure import remove_tree
from processes import Command, CommandFailed, read_output, run

MARKER = ".envyard-benchmark"
COPIED = ("workspace.toml", "pyproject.toml", "noxfile.py", "tasks.py", "requirements", "projects", "profiles")
NOT_COPIED = shutil.ignore_patterns("venv", ".envs", "__pycache__", "*.pyc", ".pytest_cache", ".nox", ".tox")

SHOWN_VERSIONS = ("uv", "nox", "tox", "tox-uv", "virtualenv", "invoke")

# What a person has set for daily work and would make two runs of one comparison differ.
SCRUBBED_PREFIXES = ("PIP_", "NOX_", "TOX_", "INVOKE_", "VIRTUALENV_", "ENVYARD_", "PYTEST_")
SCRUBBED = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "FORCE_COLOR", "CI")
SCRUBBED_UV = ("UV_CACHE_DIR", "UV_NO_CACHE", "UV_OFFLINE", "UV_PYTHON", "UV_LINK_MODE", "UV_COMPILE_BYTECODE")


class Unusable(Exception):
    """The benchmark cannot run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceProject:
    """A project of the reference workspace as its peers need it: `path` is relative to the workspace."""

    key: str
    path: str
    python: str
    lockfile: Path


@dataclass(slots=True, kw_only=True)
class Workplace:
    """Where everything of one benchmark run lives. `cache` is the uv cache that all warm scenarios share."""

    root: Path
    repository: Path
    lockfiles: Path
    cache: Path
    projects: tuple[ReferenceProject, ...]
    python_folder: str = ""
    reference: dict[str, Path] = field(default_factory=dict)

    @property
    def tool_python(self) -> str:
        """The python of envyard's own environment."""
        return str(self.root / "tool" / "bin" / "python")

    def peer(self, program: str) -> str:
        """Absolute path of `uv`, `nox` or `tox`."""
        return str(self.root / "peers" / "bin" / program)

    def environment(
        self, *, cache: Path | None = None, offline: bool = True, home: Path | None = None
    ) -> dict[str, str]:
        """The complete environment of a measured process; the same for envyard and for its peers.

        pip's configuration is switched off: uv does not read it, so a tool that does would use another index.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(SCRUBBED_PREFIXES) and name not in SCRUBBED and name not in SCRUBBED_UV
        }
        home = home or self.root / "home"
        kept |= {
            "PATH": self._path(),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": str(cache or self.cache),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_PYTHON_PREFERENCE": "only-system",
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_STATE_HOME": str(home / "state"),
            "NO_COLOR": "1",
        }
        if offline:
            kept["UV_OFFLINE"] = "1"
        return kept

    def pip_environment(self) -> dict[str, str]:
        """The user's own environment: its pip configuration may be the only way to an index."""
        kept = {name: value for name, value in os.environ.items() if name not in SCRUBBED}
        return kept | {"PATH": self._path()}

    def copy_workspace(self, folder: Path) -> None:
        """Copy the reference workspace, without anything built, into `folder`."""
        for name in COPIED:
            source = self.repository / name
            if source.is_dir():
                shutil.copytree(source, folder / name, symlinks=True, ignore=NOT_COPIED)
            elif source.is_file():
                shutil.copy2(source, folder / name)
        for project in self.projects:
            (folder / "requirements").mkdir(exist_ok=True)
            shutil.copy2(project.lockfile, folder / "requirements" / project.lockfile.name)

    def versions(self) -> dict[str, str]:
        """Versions of everything that is compared."""
        pins: dict[str, str] = {}
        for folder in (self.root / "peers", self.root / "tool"):
            listed = read_output((self.peer("uv"), "pip", "freeze", "--python", str(folder)))
            pins |= dict(line.split("==", 1) for line in listed.splitlines() if "==" in line)
        python = read_output((self.tool_python, "-V")).removeprefix("Python ")
        shown = {name: pins[name] for name in SHOWN_VERSIONS if name in pins}
        return {"envyard": self._envyard_version(), "python": python} | shown

    def _path(self) -> str:
        """The interpreter that all environments are made from comes first."""
        return os.pathsep.join(filter(None, (self.python_folder, os.environ.get("PATH", ""))))

    def _envyard_version(self) -> str:
        with (self.repository / "pyproject.toml").open("rb") as file:
            version: str = tomllib.load(file)["project"]["version"]
        commit = read_output(("git", "-C", str(self.repository), "describe", "--always", "--dirty"))
        return f"{version} ({commit})" if commit else version


@contextmanager
def open_workplace(
    root: Path, repository: Path, lockfiles: Path, cache: Path | None, *, keep: bool
) -> Iterator[Workplace]:
    """The work folder, created if missing, removed at the end, after Ctrl-C and SIGTERM too.

    With `keep` the tools, the cache and the reference environments stay for the next run.
    """
    root = root.resolve()
    _claim(root)
    cache = cache.resolve() if cache else root / "cache"
    place = Workplace(
        root=root,
        repository=repository,
        lockfiles=lockfiles,
        cache=cache,
        projects=_load_projects(repository, lockfiles),
    )
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if cache.exists() and cache.stat().st_dev != root.stat().st_dev:
            raise Unusable("the cache and the work folder are on two devices: nothing could be hard-linked")
        yield place
    finally:
        signal.signal(signal.SIGTERM, previous)
        _remove(root / "rounds" if keep else root)


def require_free_space(folder: Path, needed: int) -> None:
    """Raise `Unusable` unless `needed` bytes are free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Unusable(
            f"{needed / 1e9:.0f} GB must be free, {free / 1e9:.0f} GB are; "
            "use `--work FOLDER` on another disk, or `--only NAME`"
        )


def install_tools(place: Workplace) -> None:
    """Install the peers and envyard's dependencies into two environments of their own, byte-compiled both."""
    log = place.root / "tools.log"
    pins = place.repository / "benchmarks" / "peers.txt"
    here = dict(os.environ)  # pip may need the user's index configuration to reach any index
    if not Path(place.peer("tox")).exists():
        _run((sys.executable, "-m", "venv", "--clear", str(place.root / "peers")), place, here, log)
        pip = (place.peer("python"), "-m", "pip", "install", "--quiet", "-r", str(pins))
        _run(pip, place, here, log)
    uv, tool = place.peer("uv"), place.root / "tool"
    uv_environment = place.environment(offline=False)
    _run((uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(tool)), place, uv_environment, log)
    install = (uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(tool))
    _run((*install, "-c", str(pins), "-r", str(place.repository / "pyproject.toml")), place, uv_environment, log)
    for packages in tool.glob("lib/python3.*/site-packages"):
        (packages / "envyard-source.pth").write_text(f"{place.repository / 'src'}\n", encoding="utf-8")
    request = place.projects[0].python
    found = read_output((uv, "python", "find", "--no-project", "--system", request), uv_environment)
    if not found:
        raise Unusable(f"the reference projects need python {request}, which was not found")
    place.python_folder = str(Path(found).resolve().parent)


def _run(arguments: tuple[str, ...], place: Workplace, environment: dict[str, str], log: Path) -> None:
    try:
        run(Command(arguments=arguments, folder=place.root, environment=environment, log=log))
    except CommandFailed as error:
        raise Unusable(str(error)) from error


def _claim(root: Path) -> None:
    """Only a folder that was empty, or that an earlier run has marked, may be emptied at the end."""
    if root.exists() and any(root.iterdir()) and not (root / MARKER).exists():
        raise Unusable(f"`{root}` is not empty and not a benchmark folder; choose another with `--work`")
    root.mkdir(parents=True, exist_ok=True)
    (root / MARKER).touch()


def _remove(folder: Path) -> None:
    """Remove `folder`; a second Ctrl-C must not leave gigabytes behind."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        remove_tree(folder)
    finally:
        signal.signal(signal.SIGINT, previous)


def _load_projects(repository: Path, lockfiles: Path) -> tuple[ReferenceProject, ...]:
    with (repository / "workspace.toml").open("rb") as file:
        document = tomllib.load(file)
    projects = tuple(
        ReferenceProject(
            key=key,
            path=table["path"],
            python=table.get("python", document["workspace"]["python"]),
            lockfile=lockfiles / Path(table["lockfile"]).name,
        )
        for key, table in document["projects"].items()
    )
    missing = [project.lockfile.name for project in projects if not project.lockfile.is_file()]
    if missing:
        raise Unusable(f"lockfiles are missing: {', '.join(missing)}; make them with `invoke envs.lock`")
    return projects
