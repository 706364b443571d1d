"""A workspace and its projects as plain values. `workspace.py` reads them from `workspace.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A member of the workspace with its own environment and test suite. All paths are absolute.

    - `key`: the env key and nox session: lower-case letters, digits and dashes (`client-backend`).
    - `title`: how people call it (`Client/Backend`); command lines accept it in place of the key.
    - `python`: an interpreter request: `3.11`, `>=3.10,<3.13` or an absolute path.
    - `requirements`: requirement files and `pyproject.toml` files; the input of the lockfile, and installed directly
      when `lockfile` is None.
    - `extras`, `groups`: of the `pyproject.toml` among `requirements`.
    - `test_requirements`: PEP 508 lines that only the test suite needs; part of the lockfile's input.
    - `editable`: install the project itself (`pip install -e`).
    - `test_command`: run in `test_folder` with the environment's python; a leading `python` is replaced by its path.
    - `environment`: variables set for the tests, `envs.run` and direnv.
    - `torch_backend`: uv's `--torch-backend` value, or "".
    - `depends_on`: keys of the projects whose files its tests use; `profiles`: env keys of the profiles they use. Only
      `ci.matrix` reads these two, to know whom a change affects.
    """

    key: str
    title: str
    path: Path
    description: str = ""
    python: str = ""
    requirements: tuple[Path, ...] = ()
    lockfile: Path | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    test_requirements: tuple[str, ...] = ()
    editable: bool = False
    test_command: tuple[str, ...] = ("python", "-m", "pytest")
    test_folder: Path = Path()
    tags: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    torch_backend: str = ""
    depends_on: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    @property
    def link(self) -> Path:
        """`<project>/venv`, the link (or, published by copy, the folder) that people and tools use."""
        return self.path / "venv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuousIntegration:
    """What the workflow of `ci.workflow` does besides one job for each project.

    - `platforms`: where the projects are tested, as in `Workspace.platforms`.
    - `sessions`: further nox sessions, run on each of these platforms; `checks` run on the first one only.
    - `branches`: a push to one of them tests everything.
    - `runners`: platform -> the runner's label (GitHub) or tag (GitLab), where the usual one does not fit.
    """

    platforms: tuple[str, ...]
    sessions: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    branches: tuple[str, ...] = ("main",)
    runners: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The monorepo: the folder with `workspace.toml`, its projects in the order of the file, its settings.

    - `store`: where environments are kept, `.envs` below the root unless set.
    - `environments`: the folder of old per-model environments, `environments` below the root unless set.
    - `installer`: "auto" (uv where it can serve, else pip), "uv" or "pip".
    - `publish`: "auto" (link, else copy), "link" or "copy".
    - `hardware`: what profiles are chosen for, such as `cuda:8.9`, in place of what is detected; or "".
    - `platforms`: what a lockfile must serve, as `<os>-<machine>`: `linux-x86_64`, `macos-arm64`, `windows-x86_64`.
    """

    root: Path
    file: Path
    name: str
    store: Path
    environments: Path
    projects: tuple[Project, ...]
    installer: str = "auto"
    publish: str = "auto"
    platforms: tuple[str, ...] = ("linux-x86_64", "macos-arm64", "windows-x86_64")
    hardware: str = ""
    ci: ContinuousIntegration = ContinuousIntegration(platforms=("linux-x86_64", "macos-arm64", "windows-x86_64"))
