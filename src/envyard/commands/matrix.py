"""Which version of each package every project has, and where they differ: `envs.matrix`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envyard.definition import Kind
from envyard.errors import EnvyardError, UsageError
from envyard.fetch import applicable
from envyard.interpreter import current_interpreter
from envyard.project import Project, Workspace
from envyard.requirements import canonical_name, load_text, parse_lockfile, pin_versions
from envyard.store import Store
from envyard.wording import closest


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """One package: its version by project key; projects that do not have it are not in `versions`."""

    package: str
    versions: Mapping[str, str]

    @property
    def conflict(self) -> bool:
        """Whether two projects have different versions of it, and so cannot share an environment as they are."""
        return len(set(self.versions.values())) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """`projects` are the keys in the order of the workspace; `locked` those whose versions are their lockfile's pins,
    since they have no environment; `unknown` those with neither."""

    projects: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    locked: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def version_matrix(workspace: Workspace, packages: Sequence[str] = ()) -> Matrix:
    """The versions of `packages` in every project; without packages of all that two projects or more have.

    Conflicts come first, then by name; named packages keep their order. Raises `UsageError` for a package that no
    project has.
    """
    store = Store(workspace.store)
    found: dict[str, Mapping[str, str]] = {}
    locked: list[str] = []
    unknown: list[str] = []
    for project in workspace.projects:
        environment = store.current(Kind.PROJECT, project.key)
        if environment is not None:
            found[project.key] = environment.packages
            continue
        found[project.key] = pins = _pins(project)
        (locked if pins else unknown).append(project.key)
    known = sorted({package for versions in found.values() for package in versions})
    wanted = list(dict.fromkeys(map(canonical_name, packages)))
    for package in wanted:
        if package not in known:
            guess = closest(package, known)
            raise UsageError(
                f"no project has the package `{package}`",
                hint=f"did you mean `{guess}`?" if guess else "run `invoke envs.matrix`, which shows what there is",
            )
    rows = [
        MatrixRow(package=package, versions={key: have[package] for key, have in found.items() if package in have})
        for package in wanted or known
    ]
    if not wanted:
        rows = sorted((row for row in rows if len(row.versions) > 1), key=lambda row: (not row.conflict, row.package))
    return Matrix(projects=tuple(found), rows=tuple(rows), locked=tuple(locked), unknown=tuple(unknown))


def _pins(project: Project) -> dict[str, str]:
    """What the lockfile of a project pins for this platform; empty without a readable one."""
    if project.lockfile is None:
        return {}
    try:
        pins = parse_lockfile(load_text(project.lockfile))
    except (EnvyardError, OSError):
        return {}
    return pin_versions(applicable(pins, current_interpreter()))
