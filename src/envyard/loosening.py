"""Requirement lines loosened step by step: the same minor version, the same major version, any version."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # 75 ms, and only to resolve
    from packaging.requirements import Requirement
    from packaging.version import Version


class Level(IntEnum):
    """How far a line is loosened. `MAJOR` of a range is the range without its upper bounds."""

    AS_WRITTEN = 0
    MINOR = 1
    MAJOR = 2
    ANY = 3


def readable(line: str) -> bool:
    """Whether the line is a requirement as PEP 508 has it."""
    return _parse(line) is not None


def can_loosen(line: str) -> bool:
    """Whether the line restricts versions; a direct reference to a file cannot be loosened."""
    requirement = _parse(line)
    return requirement is not None and requirement.url is None and bool(requirement.specifier)


def loosened(line: str, level: Level) -> str:
    """The line with the versions that `level` allows, extras and marker kept; the line itself if it cannot be."""
    requirement = _parse(line)
    if level == Level.AS_WRITTEN or requirement is None or not can_loosen(line):
        return line
    specifiers = list(requirement.specifier)
    if level == Level.ANY:
        return _with(requirement, "")
    exact = [one for one in specifiers if one.operator in ("==", "===", "~=")]
    if exact:
        version = _version(exact[0].version.removesuffix(".*"))
        if version is None:
            return _with(requirement, "")
        already = len(version.release) < (2 if exact[0].operator == "==" else 3)
        if level == Level.MINOR and exact[0].version.endswith(".*"):
            return line
        return _with(requirement, _series(version, level if not already else Level.MAJOR))
    lower = ",".join(sorted(str(one) for one in specifiers if one.operator in (">=", ">")))
    if not lower or len(lower.split(",")) == len(specifiers):
        return line if level == Level.MINOR else _with(requirement, "")
    return _with(requirement, lower)


def around(line: str, version: str) -> str:
    """The line for the minor series of `version`: what keeps a loosened pin where it was seen to work."""
    requirement, parsed = _parse(line), _version(version)
    if requirement is None or parsed is None:
        return line
    return _with(requirement, f"=={version}" if parsed.is_prerelease else _series(parsed, Level.MINOR))


def exact_version(line: str) -> str:
    """The version that the line pins, or ""."""
    requirement = _parse(line)
    specifiers = [] if requirement is None else list(requirement.specifier)
    return specifiers[0].version if len(specifiers) == 1 and specifiers[0].operator in ("==", "===") else ""


def says_enough(line: str) -> bool:
    """Whether the versions that a loosened line allows belong together: not any, and not all of 0.x."""
    requirement = _parse(line)
    return requirement is not None and bool(requirement.specifier) and str(requirement.specifier) != "==0.*"


def without_local_version(line: str) -> str:
    """`torch==2.5.1+cu121` as `torch==2.5.1`: the build that every index has."""
    requirement = _parse(line)
    if requirement is None or "+" not in str(requirement.specifier):
        return line
    return _with(requirement, ",".join(sorted(str(one).partition("+")[0] for one in requirement.specifier)))


def _parse(line: str) -> Requirement | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(line)
    except InvalidRequirement:
        return None


def _version(text: str) -> Version | None:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text)
    except InvalidVersion:
        return None


def _series(version: Version, level: Level) -> str:
    """All versions of the same minor or major: `==4.30.*`, `==4.*`."""
    epoch = f"{version.epoch}!" if version.epoch else ""
    parts = (*version.release, 0)[: 2 if level == Level.MINOR else 1]
    return f"=={epoch}{'.'.join(map(str, parts))}.*"


def _with(requirement: Requirement, specifier: str) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{specifier}{marker}"
