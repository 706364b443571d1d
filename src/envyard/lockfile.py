"""Resolves the requirements of one environment into its lockfile, for every platform of the workspace.

uv's universal resolution reads the metadata of one wheel of each version and takes it for all of them. torch 2.0.0 has
other dependencies in its Linux wheel than in the rest, so a universal lockfile would lack the CUDA libraries. So each
platform is resolved by itself too, and what the universal resolution lacks there is added to it, behind a marker.

The same for hashes: uv takes those of the index that it found the version in, or of the old lockfile. Where that had
the files of one platform only, such as a folder of wheels that somebody built, the rest gets a warning.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envyard.definition import Definition
from envyard.errors import EnvyardError, RequirementsConflict, RequirementsUnreadable
from envyard.events import Warned
from envyard.fileoptions import option_lines
from envyard.files import replacing, storage_errors
from envyard.folders import lock_folder, seen_from_root
from envyard.installers.base import Work
from envyard.installers.uv import Uv
from envyard.interpreter import find_preferred
from envyard.longpath import remove_tree
from envyard.platforms import PLATFORMS, Platform, this_platform
from envyard.requirements import (
    INPUTS_PREFIX,
    Pin,
    canonical_name,
    inputs_digest,
    load_text,
    parse_lockfile,
    refuse_invalid_toml,
    sources,
)
from envyard.store import Store

_HASH = re.compile(r"sha(?:256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})")
_VERSION = re.compile(r"(?:\d+!)?\d+(?:\.\d+)*[0-9a-z.+-]*", re.IGNORECASE)
_SCRATCH = "lock-"  # folders in the store's cache
_LONG = 86400.0  # seconds; no resolution takes so long
_SHOWN = 6  # pins in one warning
_ROUNDS = 3  # adding packages for one platform may pull in others; torch needs one round


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What of the old lockfile need not stay: the versions (`upgrade`), or only their hashes (`rehash`)."""

    upgrade: bool = False
    rehash: bool = False


@dataclass(frozen=True, kw_only=True)
class _Input:
    """What one resolution reads: arguments for uv, and the replacements that make its comments speak of sources."""

    definition: Definition
    minor: str
    scratch: Path

    def arguments(self, *extra_files: Path) -> list[str]:
        definition = self.definition
        arguments = [_relative(path, self.folder) for path in (*sources(definition), *extra_files)]
        for extra in definition.extras:
            arguments += ["--extra", extra]
        for path in definition.requirements:
            if path.name == "pyproject.toml":  # without a path uv would look for the group in the folder it runs in
                file = _relative(path, self.folder)
                arguments += [part for group in definition.groups for part in ("--group", f"{file}:{group}")]
        if definition.torch_backend:
            arguments += ["--torch-backend", definition.torch_backend]
        return [*arguments, "--python-version", self.minor, "--quiet"]

    @functools.cached_property
    def folder(self) -> Path:
        return lock_folder(self.definition)

    @property
    def lines(self) -> Path:
        return self.scratch / "lines.txt"

    @property
    def platform_lines(self) -> Path:
        return self.scratch / "platforms.txt"

    @property
    def output(self) -> Path:
        return self.scratch / "lock.txt"


def write_lockfile(
    store: Store,
    definition: Definition,
    platforms: Sequence[str],
    uv: Uv,
    work: Work,
    renewal: Renewal,
) -> bool:
    """Resolve and write `definition.lockfile`; True when its content changed. The old one stays on any failure.

    Raises `RequirementsConflict`, `RequirementsUnreadable`, `InstallFailed`, `InterpreterNotFound`.
    """
    lockfile = definition.lockfile
    if lockfile is None:
        raise EnvyardError(
            f"`{definition.key}` has no `lockfile` in workspace.toml",
            hint=f'add for example `lockfile = "requirements/{definition.key}.txt"` to its table',
        )
    refuse_invalid_toml(definition)
    minor = find_preferred(definition.preferred_python, definition.python, definition.python_key).minor
    digest = inputs_digest(definition)  # of the files as they are now; who changes them meanwhile locks again
    scratch = store.root / "cache" / f"{_SCRATCH}{os.urandom(4).hex()}"
    old = _old_text(lockfile)
    try:
        with storage_errors(scratch):
            scratch.mkdir(parents=True)
            given = _Input(definition=definition, minor=minor, scratch=scratch)
            given.lines.write_text("".join(f"{line}\n" for line in definition.lines), encoding="utf-8")
            given.platform_lines.write_text("", encoding="utf-8")
            if not renewal.upgrade:
                # uv keeps these pins where it can, and their hashes, so that no other file comes in behind a name
                given.output.write_text(preferences(old, hashes=not renewal.rehash), encoding="utf-8")
        text = _resolve(given, [PLATFORMS[name] for name in platforms], uv, work)
        text = _with_header(text, digest, given)
        if text == old:
            return False
        with replacing(lockfile) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        return True
    finally:
        _remove_scratch(store, scratch)


def _remove_scratch(store: Store, scratch: Path) -> None:
    """This scratch folder, and those of commands that were killed long ago."""
    with contextlib.suppress(OSError, EnvyardError):
        folders = [path for path in scratch.parent.glob(f"{_SCRATCH}*") if path.stat().st_mtime < time.time() - _LONG]
        for path in (*folders, scratch):
            discarded = store.discard(path)
            if discarded is not None:
                remove_tree(discarded)


def _old_text(lockfile: Path) -> str:
    """The lockfile as it is; one that cannot be read is as good as none, because it is written anew."""
    try:
        return load_text(lockfile)
    except (FileNotFoundError, RequirementsUnreadable):
        return ""


def preferences(text: str, *, hashes: bool = False) -> str:
    """The pins of a lockfile that are sound, for uv, which refuses a file with one line that is not.

    A merge conflict or a truncated last line must not stop the command that repairs them.
    """
    from packaging.markers import InvalidMarker, Marker  # 75 ms, and only to lock

    lines = []
    for pin in parse_lockfile(text):
        with contextlib.suppress(InvalidMarker):
            marker = f" ; {Marker(pin.marker)}" if pin.marker else ""
            kept = "".join(f" --hash={value}" for value in pin.hashes if hashes and _HASH.fullmatch(value))
            if _VERSION.fullmatch(pin.version):
                lines.append(f"{pin.name}=={pin.version}{marker}{kept}\n")
    return "".join(lines)


def _resolve(given: _Input, platforms: Sequence[Platform], uv: Uv, work: Work) -> str:
    """The text of a lockfile that holds on every platform."""
    added: dict[str, str] = {}
    for _round in range(_ROUNDS):
        universal = _universal(given, uv, work)
        pins = parse_lockfile(universal)
        alone = {platform.name: _alone(given, platform, pins, uv, work) for platform in platforms}
        missing = [line for each in platforms for line in _missing(given, each, pins, alone[each.name])]
        new = [line for line in missing if line not in added]
        if not new:
            _warn_of_hashes(given, pins, alone, work)
            return universal
        added.update(dict.fromkeys(new, ""))
        given.platform_lines.write_text("".join(f"{line}\n" for line in added), encoding="utf-8")
    return universal


def _universal(given: _Input, uv: Uv, work: Work) -> str:
    command = given.definition.lock_command
    arguments = given.arguments(given.lines, given.platform_lines)
    output = ["--output-file", _relative(given.output, given.folder)]
    uv.compile(
        [*arguments, "--universal", "--generate-hashes", "--custom-compile-command", command, *output],
        given.folder,
        work,
        given.definition.indexes,
        option_lines(given.definition),
    )
    return given.output.read_text(encoding="utf-8")


def _alone(given: _Input, platform: Platform, pins: Sequence[Pin], uv: Uv, work: Work) -> list[Pin]:
    """What `platform` needs by itself, at the versions of `pins`, with the hashes of the files that fit it."""
    constraints = given.scratch / f"{platform.name}.txt"
    constraints.write_text(
        "".join(f"{pin.name}=={pin.version}{f' ; {pin.marker}' if pin.marker else ''}\n" for pin in pins),
        encoding="utf-8",
    )
    arguments = given.arguments(given.lines)
    arguments += ["--constraint", _relative(constraints, given.folder), "--python-platform", platform.uv]
    try:
        definition = given.definition
        # only this format tells files apart; it names addresses, so it is read here and never written
        arguments += ["--format", "pylock.toml"]
        text = uv.compile(arguments, given.folder, work, definition.indexes, option_lines(definition))
        return [_pin(package) for package in tomllib.loads(text).get("packages", ()) if "version" in package]
    except RequirementsConflict as error:
        if platform.name == this_platform():
            raise
        reason = error.details[-1] if error.details else error.message
        work.tell(Warned(key=work.key, message=f"cannot be installed on {platform.name}: {reason}"))
        return []


def _pin(package: Mapping[str, Any]) -> Pin:
    """One entry of a pylock.toml."""
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    hashes = [f"{kind}:{value}" for file in files for kind, value in file.get("hashes", {}).items()]
    return Pin(name=canonical_name(package["name"]), version=package["version"], marker="", hashes=tuple(hashes))


def _missing(given: _Input, platform: Platform, pins: Sequence[Pin], alone: Sequence[Pin]) -> list[str]:
    """Requirement lines, with a marker, for what `platform` needs by itself and the universal pins lack there."""
    there = {pin.name for pin in pins if holds_on(pin.marker, platform, given.minor)}
    return [f"{pin.name}=={pin.version} ; {platform.marker}" for pin in alone if pin.name not in there]


def _warn_of_hashes(given: _Input, pins: Sequence[Pin], alone: Mapping[str, Sequence[Pin]], work: Work) -> None:
    """Say which pins have no hash of a file for a platform, where nobody could install them."""
    locked = {(pin.name, pin.version): set(pin.hashes) for pin in pins}
    fitting: dict[str, list[str]] = {}
    lacking: dict[str, list[str]] = {}
    for platform, packages in alone.items():
        for pin in packages:
            hashes = locked.get((pin.name, pin.version))
            if hashes and pin.hashes:
                found = lacking if hashes.isdisjoint(pin.hashes) else fitting
                found.setdefault(f"{pin.name} {pin.version}", []).append(platform)
    command = f"`{given.definition.lock_command} --rehash`"
    for platforms in dict.fromkeys(tuple(each) for name, each in lacking.items() if name in fitting):
        names = [name for name, each in lacking.items() if name in fitting and tuple(each) == platforms]
        what = (
            f"{_some(names)}: no hash fits {', '.join(platforms)}; the index that comes first here, or came first when "
        )
        what += "they were locked, has files for other platforms only"
        work.tell(Warned(key=work.key, message=f"{what}; run {command} where the first index has them all"))
    changed = [name for name in lacking if name not in fitting]
    if changed:
        other = f"{_some(changed)}: the index has other files than those that were locked"
        work.tell(Warned(key=work.key, message=f"{other}; if that is as it should be, run {command}"))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def holds_on(marker: str, platform: Platform, minor: str) -> bool:
    """Whether the marker of a pin holds on a platform with Python `minor`, such as `3.11`."""
    if not marker:
        return True
    from packaging.markers import Marker  # 75 ms, and only to lock

    full = f"{minor}.0"
    variables = {**platform.variables, "python_version": minor, "python_full_version": full}
    common = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    return Marker(marker).evaluate({**common, **variables, "extra": "", "platform_release": "", "platform_version": ""})


def _with_header(text: str, digest: str, given: _Input) -> str:
    """The lockfile's text: the digest of its inputs below uv's header, and no name of a scratch file."""
    sources = {given.platform_lines: "what single platforms need", given.lines: "test-requirements in workspace.toml"}
    for path, words in sources.items():
        text = text.replace(f"-r {_relative(path, given.folder)}", f"({words})")
    text = seen_from_root(text, given.folder, given.definition.root)
    command, rest = re.split(r"(?m)^(?!#)", text, maxsplit=1)
    return f"{command}{INPUTS_PREFIX}{digest}\n{rest}"


def _relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return str(path)
