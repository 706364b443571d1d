"""Will every file of an environment have a path that Windows takes? Told before the download, and again before anybody
can see the environment.

Before: by the members of the wheels that would be installed (docs/decisions/0008-members-by-range.md). What cannot be
known then is a warning where it may matter, and is looked at exactly when it is installed.
"""

from __future__ import annotations

import csv
import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from envyard.environment import distribution_folders
from envyard.errors import EnvyardError, PathTooLong
from envyard.events import Phase, PhaseStarted, Warned
from envyard.installers.base import Installer, Plan, Work
from envyard.pathlimit import LONGEST_KNOWN, LongPath, PathLimit, longest_path
from envyard.wheelfile import installed_names, read_members

_LINES = 4  # of what nobody knows


def check_before_download(
    roots: Sequence[Path], site_packages: Path, installer: Installer, plan: Plan, work: Work, limit: PathLimit
) -> None:
    """Raise `PathTooLong` when a file of a wheel to download would be too deep below one of `roots`.

    `site_packages` is in the first of them. What nobody knows yet is a warning where there is little room.
    """
    work.tell(PhaseStarted(key=work.key, phase=Phase.CHECK, detail="lengths of paths"))
    unknown: list[str] = []
    try:
        wheels = installer.wheels(plan, work)
    except EnvyardError as error:
        wheels, unknown = [], [error.message]
    if not wheels and not unknown:
        unknown = [f"{installer.name} does not tell before it downloads"]
    work.cancellation.check()
    members: dict[str, Iterable[str]] = {}
    below = site_packages.relative_to(roots[0]).as_posix()
    for one in read_members(wheels):
        name = f"{one.wheel.package} {one.wheel.version}"
        if one.unknown:
            unknown.append(f"{name}: {one.unknown}")
        else:
            members[name] = tuple(installed_names(one.wheel, one.names, below))
    found = longest_path([str(root) for root in roots], members, limit)
    if found is not None:
        raise _too_long(work.key, found, "nothing was downloaded")
    room = limit.file - 2 - max(len(str(root)) for root in roots)
    if unknown and room < LONGEST_KNOWN:
        more = f"; and {len(unknown) - _LINES} more" if len(unknown) > _LINES else ""
        work.tell(
            Warned(
                key=work.key,
                message=f"below {max(map(str, roots), key=len)} paths may have {room} characters, and packages around "
                f"torch need up to {LONGEST_KNOWN}; what was not looked at: {'; '.join(unknown[:_LINES])}{more}",
            )
        )


def check_installed(roots: Sequence[Path], site_packages: Path, work: Work, limit: PathLimit) -> None:
    """Raise `PathTooLong` for what was installed into the first of `roots`, as its RECORD files have it."""
    members = _recorded(site_packages, site_packages.relative_to(roots[0]).as_posix())
    found = longest_path([str(root) for root in roots], members, limit)
    if found is not None:
        raise _too_long(work.key, found, "its new environment is not used")


def _recorded(site_packages: Path, below: str) -> Mapping[str, Iterable[str]]:
    """Package -> its files relative to the environment. A damaged RECORD is the audit's business."""
    members: dict[str, Iterable[str]] = {}
    for folder in distribution_folders(site_packages):
        try:
            with (site_packages / folder / "RECORD").open(encoding="utf-8", newline="") as file:
                names = [row[0] for row in csv.reader(file) if row and not os.path.isabs(row[0])]
        except (OSError, ValueError, csv.Error):
            continue
        package = folder.removesuffix(".dist-info").replace("-", " ", 1)
        members[package] = [posixpath.normpath(posixpath.join(below, name)) for name in names]
    return members


def _too_long(key: str, found: LongPath, outcome: str) -> PathTooLong:
    much = "1 character" if found.excess == 1 else f"{found.excess} characters"
    return PathTooLong(
        f"a path in {found.package} is {much} too long for Windows in the environment of `{key}`, so {outcome}",
        details=[found.path.replace("/", os.sep)],
        hint=f"move the workspace to a folder whose path is {much} shorter or more, or set `LongPathsEnabled` to 1 in "
        r"HKLM\SYSTEM\CurrentControlSet\Control\FileSystem and restart the machine",
    )
