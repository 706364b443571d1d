"""Can two environments be one, and if not exactly why: `envs.explain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from envyard.definition import Kind
from envyard.errors import ConfigurationInvalid, ProfileNotFound, UnknownEnvironment, UsageError
from envyard.events import Listener, ignore
from envyard.inquiry import Inquiry, Side, platforms_of, side_of
from envyard.needs import Needs, profile_needs, project_needs
from envyard.pinned import lockfile_on, pinned_on, pins_to_keep
from envyard.process import Cancellation
from envyard.profile import Profile, find_profile
from envyard.profilefile import load_profile, load_profiles
from envyard.project import Workspace
from envyard.requirements import lockfile_is_stale
from envyard.together import Sharing, share
from envyard.wording import shown
from envyard.workspace import select_projects


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What one of the two environments is now.

    `pins` are the versions in its lockfile on the platform of the answer, None without a lockfile that could be read;
    `stale`: the lockfile is older than the requirements.
    """

    key: str
    kind: Kind
    title: str
    lockfile: Path | None
    pins: Mapping[str, str] | None
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A package that both lockfiles pin, each at another version; `together` is the one that both would get, or ""."""

    package: str
    versions: Mapping[str, str]
    together: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whether `present[0]` and `present[1]` can share one environment.

    `sharing` is about their requirements. Versions, as `together` and in the lockfiles, are those on `platform`, ""
    where they have none in common.
    """

    present: tuple[Present, Present]
    sharing: Sharing
    platform: str

    @property
    def together(self) -> Mapping[str, str]:
        """What an environment of both would hold; empty when there can be none."""
        return next((pins for target, pins in self.sharing.pins.items() if target.platform == self.platform), {})

    @property
    def differences(self) -> tuple[Difference, ...] | None:
        """Where the lockfiles differ; None when there are no two to compare."""
        ours, theirs = (each.pins for each in self.present)
        if ours is None or theirs is None:
            return None
        first, second = (each.key for each in self.present)
        return tuple(
            Difference(
                package=package,
                versions={first: ours[package], second: theirs[package]},
                together=self.together.get(package, ""),
            )
            for package in sorted(ours.keys() & theirs.keys())
            if ours[package] != theirs[package]
        )

    def changes(self, present: Present) -> dict[str, tuple[str, str]]:
        """The pins of one lockfile that would change: package -> (now, together)."""
        return {
            package: (version, self.together[package])
            for package, version in (present.pins or {}).items()
            if self.together.get(package, version) != version
        }


def explain(
    workspace: Workspace,
    first: str,
    second: str,
    *,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> Explanation:
    """Whether the projects or profiles with these names can share one environment.

    Raises `UnknownEnvironment`, `UsageError` when both are the same, `RequirementsUnreadable`, and `NotAsked` when the
    resolver cannot be asked.
    """
    ours, theirs = find_needs(workspace, first), find_needs(workspace, second)
    if (ours.definition.kind, ours.key) == (theirs.definition.kind, theirs.key):
        called = f"`{ours.key}` is" if first == second else f"{shown(first)} and {shown(second)} are both `{ours.key}`,"
        raise UsageError(f"{called} one environment already", hint="name two different projects or profiles")
    sides = (side_of(ours), side_of(theirs))
    platform = next(iter(platforms_of(sides)), "")
    inquiry = Inquiry(
        workspace=workspace,
        preferences=pins_to_keep(sides),
        listener=listener,
        cancellation=cancellation or Cancellation(),
    )
    sharing = share(inquiry, sides)
    platform = sharing.targets[0].platform if sharing.targets else platform
    return Explanation(
        present=(_present(sides[0], platform), _present(sides[1], platform)), sharing=sharing, platform=platform
    )


def find_needs(workspace: Workspace, name: str) -> Needs:
    """What the project or profile with a name needs; of a project and a profile of one name the project counts."""
    try:
        (project,) = select_projects(workspace, [name])
    except UnknownEnvironment as unknown:
        try:
            return profile_needs(workspace, _find_profile(workspace, name))
        except ProfileNotFound as no_profile:
            raise UnknownEnvironment(
                f"no project or profile {shown(name)} in `{workspace.file}`",
                details=(*unknown.details, *no_profile.details),
                hint="name two projects or profiles",
            ) from None
    return project_needs(workspace, project)


def _find_profile(workspace: Workspace, name: str) -> Profile:
    """The profile with this env key or title; mistakes in the files of others do not matter."""
    try:
        return load_profile(workspace.root, name.strip().casefold())
    except ProfileNotFound as unknown:
        try:
            return find_profile(load_profiles(workspace.root), name)
        except ConfigurationInvalid:
            raise unknown from None


def _present(side: Side, platform: str) -> Present:
    definition = side.needs.definition
    return Present(
        key=definition.key,
        kind=definition.kind,
        title=definition.title,
        lockfile=lockfile_on(side.needs, platform),
        pins=pinned_on(side, platform),
        stale=lockfile_is_stale(definition),
    )
