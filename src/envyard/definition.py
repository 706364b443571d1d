"""What an environment should be: the input of the engine, for projects and profiles alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from envyard.profile import Probe, Profile
from envyard.project import Project, Workspace


class Kind(StrEnum):
    """Whose environment it is."""

    PROJECT = "project"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Everything that decides the content of one environment. All paths are absolute.

    `lines` are PEP 508 requirements besides the files; with a `lockfile` only the lockfile is installed (plus the
    editable project), and `requirements` and `lines` are what the lockfile was made from. `probe` is tried in a new
    environment before anybody can see it; it is no part of the fingerprint. `preferred_python` is tried before
    `python`, or ""; `indexes` are addresses of package indexes besides those that the installer is set up with.
    """

    kind: Kind
    key: str
    title: str
    root: Path
    python: str
    requirements: tuple[Path, ...] = ()
    lines: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    lockfile: Path | None = None
    editable: Path | None = None
    torch_backend: str = ""
    indexes: tuple[str, ...] = ()
    preferred_python: str = ""
    installer: str = "auto"
    publish: str = "auto"
    link: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    probe: Probe | None = None

    @property
    def python_key(self) -> str:
        """Where people ask for another Python."""
        if self.kind == Kind.PROJECT:
            return "`python` in workspace.toml"
        return f"`requires` in profiles/{self.key}.toml, or in what that extends"

    @property
    def lock_command(self) -> str:
        """What writes the lockfile."""
        return f"invoke {'envs' if self.kind == Kind.PROJECT else 'profiles'}.lock {self.key}"


def project_definition(workspace: Workspace, project: Project) -> Definition:
    """The environment that `project` asks for."""
    return Definition(
        kind=Kind.PROJECT,
        key=project.key,
        title=project.title,
        root=workspace.root,
        python=project.python,
        requirements=project.requirements,
        lines=project.test_requirements,
        extras=project.extras,
        groups=project.groups,
        lockfile=project.lockfile,
        editable=project.path if project.editable else None,
        torch_backend=project.torch_backend,
        installer=workspace.installer,
        publish=workspace.publish,
        link=project.link,
        environment=project.environment,
    )


def profile_definition(workspace: Workspace, profile: Profile, platform: str) -> Definition:
    """The environment that `profile` asks for on a platform such as `linux-x86_64`; no folder of people links to it."""
    return Definition(
        kind=Kind.PROFILE,
        key=profile.key,
        title=profile.title,
        root=workspace.root,
        python=profile.python,
        preferred_python=profile.preferred_python,
        lines=profile.requirements,
        lockfile=profile.lockfiles.get(platform),
        torch_backend=profile.torch_backend,
        indexes=profile.indexes,
        installer=workspace.installer,
        publish=workspace.publish,
        environment=profile.environment,
        probe=profile.probe,
    )
