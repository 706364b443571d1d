"""How good an environment is: a grade with reasons, not a yes or no.

Tier 0 (`check_health`) reads the commit file and a few directory entries on every call, without a child process. Tier 1
(`audit`, by size) and tier 3 (`deep`, by sha256) are `builder.audit`; `doctor` runs them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

from envyard.environment import Environment, distribution_folders
from envyard.errors import CommandFailed
from envyard.fingerprint import Fingerprint, explain_change
from envyard.interpreter import unchanged
from envyard.process import run

_START_SECONDS = 60.0  # for a python that only prints its version


class Grade(StrEnum):
    """From good to nothing. Everything before `BROKEN` is usable."""

    OK = "ok"
    STALE = "stale"
    DRIFTED = "drifted"
    DEGRADED = "degraded"
    BROKEN = "broken"
    MISSING = "missing"

    @property
    def usable(self) -> bool:
        return self not in (Grade.BROKEN, Grade.MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`reasons` say why the grade is not `ok`; `outdated` that the definition asks for something else now."""

    grade: Grade
    reasons: tuple[str, ...] = ()
    outdated: bool = False

    def needs_build(self, *, update: bool) -> bool:
        """Whether setting up builds anew: what still works stays, unless its definition changed, or to `update`."""
        return not self.grade.usable or self.outdated or (update and self.grade == Grade.STALE)


MISSING = Health(grade=Grade.MISSING, reasons=("first build",))


def check_health(environment: Environment | None, fingerprint: Fingerprint | None) -> Health:
    """The grade by tier 0: commit file, place, interpreter, inputs, list of distributions.

    `fingerprint` is what the definition asks for now; None leaves that question out.
    """
    if environment is None:
        return MISSING
    version = _version_now(environment)
    broken = _why_broken(environment, version)
    if broken:
        return Health(grade=Grade.BROKEN, reasons=(broken,))
    changed = () if fingerprint is None else explain_change(environment, fingerprint)
    if changed:
        return Health(grade=Grade.STALE, reasons=changed, outdated=True)
    if version != environment.interpreter.version:
        return Health(grade=Grade.STALE, reasons=(f"python {environment.interpreter.version} -> {version}",))
    drift = _drift(environment)
    if drift:
        return Health(grade=Grade.DRIFTED, reasons=drift)
    return Health(grade=Grade.OK)


def _why_broken(environment: Environment, version: str) -> str:
    if environment.built_at != str(environment.path) and not _same_place(environment):
        return f"the workspace was moved: the environment was built at {environment.built_at}"
    if unchanged(environment.interpreter) is None:
        return f"its base interpreter is gone: {environment.interpreter.executable}"
    if not os.path.exists(environment.python):
        return f"its python is gone: {environment.python}"
    if not os.path.isdir(environment.path / environment.site_packages):
        return f"its packages are gone: {environment.path / environment.site_packages}"
    if not version:
        return f"its base interpreter was replaced, and does not start: {environment.interpreter.executable}"
    before = environment.interpreter.version
    if version.split(".")[:2] != before.split(".")[:2]:  # it looks for packages in another folder
        return f"its base interpreter was replaced: python {before} -> {version}"
    return ""


def _same_place(environment: Environment) -> bool:
    """Whether the workspace is only reached by another path, through a link; then the launchers still work."""
    try:
        return os.path.samefile(environment.built_at, environment.path)
    except OSError:
        return False


def _version_now(environment: Environment) -> str:
    """The version of the environment's python; it is started only when its base interpreter was replaced in place.

    "" for one that does not start.
    """
    if unchanged(environment.interpreter) is not False:
        return environment.interpreter.version
    try:
        code = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
        return run([environment.python, "-I", "-S", "-c", code], timeout=_START_SECONDS).stdout.strip()
    except CommandFailed:
        return ""


def _drift(environment: Environment) -> tuple[str, ...]:
    """What was installed or removed by hand since the build."""
    try:
        now = set(distribution_folders(environment.path / environment.site_packages))
    except OSError:
        return ("its packages cannot be listed",)
    built = set(environment.distributions)
    added = [f"installed by hand: {_words(name)}" for name in sorted(now - built)]
    return (*added, *(f"removed by hand: {_words(name)}" for name in sorted(built - now)))


def _words(distribution: str) -> str:
    return distribution.removesuffix(".dist-info").replace("-", " ", 1)
