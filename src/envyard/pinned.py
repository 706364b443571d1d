"""What the lockfiles of environments pin now, for those who ask what would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from envyard.errors import RequirementsUnreadable
from envyard.inquiry import Side, platforms_of, pythons_of
from envyard.lockfile import holds_on, preferences
from envyard.needs import Needs
from envyard.platforms import PLATFORMS
from envyard.requirements import load_text, parse_lockfile, pin_versions


def lockfile_on(needs: Needs, platform: str) -> Path | None:
    """The lockfile of an environment; a profile may have another for each platform."""
    return needs.lockfiles.get(platform) if needs.lockfiles else needs.definition.lockfile


def pinned_on(side: Side, platform: str) -> Mapping[str, str] | None:
    """The versions that the lockfile pins on a platform; None without a lockfile that could be read."""
    text = _text(lockfile_on(side.needs, platform))
    python = next(iter(pythons_of([side])), "")
    if not text or not platform or not python:
        return None
    minor = ".".join(python.split(".")[:2])
    sound = parse_lockfile(preferences(text))
    return pin_versions(pin for pin in sound if holds_on(pin.marker, PLATFORMS[platform], minor))


def pins_to_keep(sides: Sequence[Side]) -> str:
    """The pins of all lockfiles together, for the resolver to keep where it can."""
    platform = next(iter(platforms_of(sides)), "")
    return "".join(preferences(_text(lockfile_on(side.needs, platform))) for side in sides)


def _text(lockfile: Path | None) -> str:
    try:
        return load_text(lockfile) if lockfile else ""
    except (OSError, RequirementsUnreadable):
        return ""  # never written, or as good as that
