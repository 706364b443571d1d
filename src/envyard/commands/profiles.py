"""Look at profiles and at the hardware they are chosen for: `profiles.list`, `profiles.show`, `profiles.detect`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from envyard.definition import Kind, profile_definition
from envyard.environment import Environment
from envyard.errors import EnvyardError
from envyard.fingerprint import take_fingerprint
from envyard.hardware import Hardware, resolve_hardware
from envyard.health import MISSING, Grade, Health, check_health
from envyard.matching import Match, choose_profile, matches
from envyard.platforms import this_platform
from envyard.profile import Profile, find_profile
from envyard.profilefile import load_profile, load_profiles
from envyard.project import Workspace
from envyard.requirements import lockfile_is_stale
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """One profile: whether it fits this machine, and the health of its environment here (`missing`: not built)."""

    match: Match
    health: Health
    environment: Environment | None

    @property
    def profile(self) -> Profile:
        return self.match.profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """The profile that a model with this need gets here; `warnings` say in what it is less than one could wish."""

    backend: str
    quantization: str
    key: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileList:
    """Every profile of the workspace, on this machine."""

    hardware: Hardware
    platform: str
    rows: tuple[ProfileRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What this machine has, what that means for each profile, and what each need would get."""

    hardware: Hardware
    platform: str
    matches: tuple[Match, ...]
    preferences: tuple[Preference, ...]


def list_profiles(workspace: Workspace, hardware: str = "") -> ProfileList:
    """Every profile, by env key. `hardware` is what to look at in place of what this machine has, such as `cuda:8.9`.

    Raises `ConfigurationInvalid` with all mistakes of all files, `UsageError` for a `hardware` that says nothing.
    """
    found, platform = resolve_hardware(hardware, workspace.hardware), this_platform()
    rows = tuple(_row(workspace, profile, found, platform) for profile in load_profiles(workspace.root))
    return ProfileList(hardware=found, platform=platform, rows=rows)


def show_profile(workspace: Workspace, name: str, hardware: str = "") -> ProfileRow:
    """One profile by its env key or title. Mistakes in the files of others do not matter where the key is given.

    Raises `ProfileNotFound`, `ConfigurationInvalid`, `UsageError`.
    """
    try:
        profile = load_profile(workspace.root, name)
    except EnvyardError:
        profile = find_profile(load_profiles(workspace.root), name)
    return _row(workspace, profile, resolve_hardware(hardware, workspace.hardware), this_platform())


def detect(workspace: Workspace, hardware: str = "") -> Detection:
    """What this machine has, and why each profile fits it or not. Raises as `list_profiles`."""
    found, platform = resolve_hardware(hardware, workspace.hardware), this_platform()
    profiles = load_profiles(workspace.root)
    needs = sorted({(profile.serves.backend, profile.serves.quantization) for profile in profiles})
    preferences = []
    for backend, quantization in needs:
        try:
            choice = choose_profile(profiles, backend, quantization, found, platform)
            key, warnings = choice.profile.key, choice.warnings
        except EnvyardError:
            key, warnings = "", ()
        preferences.append(Preference(backend=backend, quantization=quantization, key=key, warnings=warnings))
    return Detection(
        hardware=found,
        platform=platform,
        matches=tuple(matches(profile, found, platform) for profile in profiles),
        preferences=tuple(preferences),
    )


def stale_lockfiles(workspace: Workspace) -> dict[str, tuple[Path, ...]]:
    """Env key -> lockfiles that are older than the requirements of the profile; none where profiles have mistakes."""
    try:
        profiles = load_profiles(workspace.root)
    except EnvyardError:
        return {}
    found: dict[str, tuple[Path, ...]] = {}
    for profile in profiles:
        definitions = [profile_definition(workspace, profile, platform) for platform in profile.lockfiles]
        stale = dict.fromkeys(one.lockfile for one in definitions if one.lockfile and lockfile_is_stale(one))
        found |= {profile.key: tuple(stale)} if stale else {}
    return found


def _row(workspace: Workspace, profile: Profile, hardware: Hardware, platform: str) -> ProfileRow:
    environment = Store(workspace.store).current(Kind.PROFILE, profile.key)
    return ProfileRow(
        match=matches(profile, hardware, platform),
        health=_health(workspace, profile, platform, environment),
        environment=environment,
    )


def _health(workspace: Workspace, profile: Profile, platform: str, environment: Environment | None) -> Health:
    """By tier 0; a definition that cannot be read, such as a lost lockfile, is a reason and no exception."""
    if environment is None:
        return MISSING
    try:
        return check_health(environment, take_fingerprint(profile_definition(workspace, profile, platform)))
    except EnvyardError as error:
        health = check_health(environment, None)
        grade = Grade.STALE if health.grade == Grade.OK else health.grade
        return Health(grade=grade, reasons=(error.message, *health.reasons))
