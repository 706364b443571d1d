"""Requirement lines that have no version in common, as far as the lines alone say it: `demo==1.0` and `demo>=2`.

In doubt two lines do not clash: what has a marker, a direct reference or an arbitrary equality is for the resolver.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envyard.requirements import CONSTRAINT, canonical_name

if TYPE_CHECKING:  # 75 ms, and only to compare requirements
    from packaging.specifiers import Specifier
    from packaging.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """The versions of one line. A bound is the version and whether it is itself excluded."""

    line: str
    specifiers: tuple[Specifier, ...]
    lower: tuple[Version, bool] | None
    upper: tuple[Version, bool] | None

    @property
    def asks(self) -> bool:
        """A constraint alone does not bring the package in."""
        return not self.line.startswith(CONSTRAINT)


def clashing(lines: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """The pairs of lines without a common version, by the normalised name of their package."""
    wishes: dict[str, list[_Wish]] = {}
    for line in dict.fromkeys(lines):
        package, wish = _wish(line)
        if wish is not None:
            wishes.setdefault(package, []).append(wish)
    found = {
        package: [
            (one.line, other.line)
            for one, other in itertools.combinations(each, 2)
            if (one.asks or other.asks) and _apart(one, other)
        ]
        for package, each in wishes.items()
    }
    return {package: pairs for package, pairs in found.items() if pairs}


def _wish(line: str) -> tuple[str, _Wish | None]:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line.removeprefix(CONSTRAINT))
    except InvalidRequirement:
        return "", None
    specifiers = tuple(requirement.specifier)
    arbitrary = any(one.operator == "===" for one in specifiers)
    if requirement.url is not None or requirement.marker is not None or arbitrary or not specifiers:
        return "", None
    lower = [bound for bound in map(_lower, specifiers) if bound is not None]
    upper = [bound for bound in map(_upper, specifiers) if bound is not None]
    wish = _Wish(
        line=line,
        specifiers=specifiers,
        lower=max(lower, default=None),  # of two equal ones that which excludes the version
        upper=min(upper, key=lambda bound: (bound[0], not bound[1]), default=None),
    )
    return canonical_name(requirement.name), wish


def _apart(one: _Wish, other: _Wish) -> bool:
    for wish, each in ((one, other), (other, one)):
        if any(not _allows(specifier, pin) for pin in _pins(wish) for specifier in each.specifiers):
            return True
        if wish.upper is not None and each.lower is not None and _ends_before(wish.upper, each.lower):
            return True
    return False


def _pins(wish: _Wish) -> list[Version]:
    from packaging.version import Version

    exact = [one for one in wish.specifiers if one.operator == "==" and not one.version.endswith(".*")]
    return [Version(one.version) for one in exact]


def _allows(specifier: Specifier, pin: Version) -> bool:
    """Whether a pinned version, or a build of it (`+cu121`) where the pin names none, is among those of a specifier."""
    from packaging.version import Version

    if specifier.operator == "==" and "+" in specifier.version and pin.local is None:
        return Version(Version(specifier.version).public) == pin
    return any(specifier.contains(one, prereleases=True) for one in (pin, Version(pin.public)))


def _ends_before(upper: tuple[Version, bool], lower: tuple[Version, bool]) -> bool:
    return upper[0] < lower[0] or (upper[0] == lower[0] and (upper[1] or lower[1]))


def _lower(specifier: Specifier) -> tuple[Version, bool] | None:
    from packaging.version import Version

    version = specifier.version.removesuffix(".*")
    match specifier.operator:
        case ">=" | "~=":
            return Version(version), False
        case ">":
            return Version(version), True
        case "==" if specifier.version.endswith(".*"):
            return Version(f"{version}.dev0"), False
        case _:
            return None


def _upper(specifier: Specifier) -> tuple[Version, bool] | None:
    from packaging.version import Version

    version = Version(specifier.version.removesuffix(".*"))
    match specifier.operator:
        case "<":
            return version, True
        case "<=":
            return version, False
        case "~=":
            return _next(version, len(version.release) - 1), True
        case "==" if specifier.version.endswith(".*"):
            return _next(version, len(version.release)), True
        case _:
            return None


def _next(version: Version, parts: int) -> Version:
    """The first version behind the series of so many parts."""
    from packaging.version import Version

    release = [*version.release[: parts - 1], version.release[parts - 1] + 1]
    return Version(f"{version.epoch}!{'.'.join(map(str, release))}.dev0")
