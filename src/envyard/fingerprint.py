"""The digest of everything a build depends on, and what changed between two of them, in words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from envyard.definition import Definition
from envyard.environment import Environment
from envyard.errors import LockfileMissing
from envyard.fileoptions import options_digest
from envyard.requirements import (
    canonical_name,
    changes,
    content_digest,
    load_text,
    numbered_entries,
    parse_lockfile,
    pin_versions,
    project_metadata,
    requirement_files,
)

FORMAT = "1"  # raised when the engine builds something different from the same inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """`digest` identifies `inputs` (name -> value or digest) of `definition`."""

    digest: str
    inputs: Mapping[str, str]
    definition: Definition

    @property
    def pins(self) -> dict[str, str]:
        """The packages asked for: name -> version, or without a lockfile requirement line -> "".

        Read only when needed, to build or to explain: parsing large lockfiles would cost every call.
        """
        return _pins(self.definition)


def take_fingerprint(definition: Definition) -> Fingerprint:
    """The fingerprint of an environment as it is defined now.

    With a lockfile, only the options of the requirement files count: what else they changed matters once it is locked.
    The exact patch version of the interpreter does not count; health grades it. Raises `LockfileMissing` and
    `RequirementsUnreadable`.
    """
    inputs = {
        "format": FORMAT,
        "python": definition.python,
        "installer": definition.installer,
        "torch-backend": definition.torch_backend,
    }
    # only where there are any, so that other environments keep their fingerprint
    inputs |= {"indexes": " ".join(definition.indexes)} if definition.indexes else {}
    inputs |= {"preferred python": definition.preferred_python} if definition.preferred_python else {}
    if definition.lockfile is not None:
        inputs[f"lockfile {_name(definition.lockfile, definition)}"] = content_digest(_read_lockfile(definition))
        options = options_digest(definition)
        inputs |= {"options of the requirement files": options} if options else {}
    else:
        for path, text in requirement_files(definition.requirements).items():
            inputs[f"file {_name(path, definition)}"] = content_digest(text)
        inputs["extras"] = ",".join(definition.extras)
        inputs["groups"] = ",".join(definition.groups)
        inputs["lines"] = "\n".join(definition.lines)
    if definition.editable is not None:
        inputs["editable"] = _name(definition.editable, definition)
        for path, text in project_metadata(definition.editable).items():
            inputs[f"metadata {_name(path, definition)}"] = hashlib.sha256(text.encode()).hexdigest()
    digest = hashlib.sha256("\n".join(f"{name}={inputs[name]}" for name in sorted(inputs)).encode()).hexdigest()
    return Fingerprint(digest=digest, inputs=inputs, definition=definition)


def explain_change(old: Environment, new: Fingerprint) -> tuple[str, ...]:
    """Why `old` no longer is what is asked for, the most telling lines first; empty when nothing changed."""
    if old.fingerprint == new.digest:
        return ()
    before, after = old.inputs, new.inputs
    was, now = _lockfile_name(before), _lockfile_name(after)
    settings = ["preferred python", "installer", "torch-backend", "indexes"]
    if bool(was) == bool(now):
        lines = changes(old.pins, new.pins)
        settings += ["extras", "groups"]
    else:  # names with versions on one side, what people wrote on the other
        lines = _locked_now(old, new.definition, now) if now else [f"no longer locked by {was}"]
    if before.get("python") != after["python"]:
        lines.append(f"python {before.get('python') or 'any'} -> {after['python'] or 'any'}")
    for name in settings:
        if before.get(name, "") != after.get(name, ""):
            lines.append(f"{name} {before.get(name) or 'none'} -> {after.get(name) or 'none'}")
    if before.get("format") != after["format"]:
        lines.append("made by another version of envyard")
    if not lines:
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        lines = [f"changed {name}" for name in changed]
    return tuple(lines)


def _locked_now(old: Environment, definition: Definition, lockfile: str) -> list[str]:
    """What a first lockfile changes in what is installed; what it has for other platforms only is not installed."""
    pins = parse_lockfile(_read_lockfile(definition))
    locked = pin_versions(pins)
    installed = {canonical_name(name): version for name, version in old.packages.items()}
    asked = {canonical_name(match[0]) for line in old.pins if (match := re.match(r"[\w.-]+", line))}
    same = {name for name in locked if installed.get(name) in locked[name].split(" | ")}
    marked = {pin.name for pin in pins if pin.marker} - installed.keys()
    here = {name: version for name, version in locked.items() if name not in same | marked}
    differences = changes(
        {name: version for name, version in installed.items() if name in here or name in asked - locked.keys()}, here
    )
    first = f"locked by {lockfile} now"
    return [first, *differences] if differences else [f"{first}, in the same versions"]


def _lockfile_name(inputs: Mapping[str, str]) -> str:
    return next((name.removeprefix("lockfile ") for name in inputs if name.startswith("lockfile ")), "")


def _pins(definition: Definition) -> dict[str, str]:
    if definition.lockfile is not None:
        return pin_versions(parse_lockfile(_read_lockfile(definition)))
    pins: dict[str, str] = {}
    for path, text in requirement_files(definition.requirements).items():
        if path.suffix not in (".toml", ".py", ".cfg"):
            pins.update(_requirement_lines(text))
    pins.update(dict.fromkeys(definition.lines, ""))
    return pins


def _read_lockfile(definition: Definition) -> str:
    assert definition.lockfile is not None
    try:
        return load_text(definition.lockfile)
    except FileNotFoundError as error:
        raise LockfileMissing(
            f"`{definition.title}` has no lockfile: {_name(definition.lockfile, definition)} is missing",
            hint=f"run `{definition.lock_command}`",
        ) from error


def _requirement_lines(text: str) -> dict[str, str]:
    """What is asked for, as people wrote it, without options and hashes."""
    entries = (re.sub(r"\s--\w.*", "", entry) for _number, entry in numbered_entries(text))
    return {entry: "" for entry in entries if not entry.startswith("-")}


def _name(path: Path, definition: Definition) -> str:
    try:
        return path.relative_to(definition.root).as_posix()
    except ValueError:
        return path.as_posix()
