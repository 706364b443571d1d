"""What is wrong with an environment, as far as a look at it tells: nothing is started, no installed file is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from envyard.definition import Definition, Kind
from envyard.environment import Environment
from envyard.errors import RequirementsUnreadable
from envyard.health import Grade, Health
from envyard.pointer import PointerInvalid
from envyard.publish import Published, published
from envyard.requirements import load_text, lockfile_is_stale
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check of one environment (`key` "" is the workspace itself). `fix` is the command to type, or ""."""

    check: str
    key: str
    ok: bool
    message: str
    fix: str = ""
    fixed: bool = False


def check_environment(key: str, health: Health) -> Finding:
    """The grade of a project's environment."""
    good = health.grade == Grade.OK
    # what was made by hand, and what works although Python got a patch, is kept unless it is asked for
    rebuild = health.grade == Grade.DRIFTED or (health.grade == Grade.STALE and not health.outdated)
    return Finding(
        check="environment",
        key=key,
        ok=good,
        message=str(health.grade) if good else f"{health.grade}: {'; '.join(health.reasons)}",
        fix="" if good else setup_command(key, rebuild=rebuild),
    )


def check_lockfile(definition: Definition) -> Finding:
    """Whether the lockfile is there and newer than its requirements."""
    key = definition.key
    if definition.lockfile is None:
        return Finding(check="lockfile", key=key, ok=True, message="none declared: installs what the index has today")
    fix = f"invoke envs.lock {key}"
    try:
        load_text(definition.lockfile)
    except FileNotFoundError:
        return Finding(check="lockfile", key=key, ok=False, message=f"{definition.lockfile.name} is missing", fix=fix)
    except RequirementsUnreadable as error:
        return Finding(check="lockfile", key=key, ok=False, message=error.message, fix=fix)
    if lockfile_is_stale(definition):
        message = f"{definition.lockfile.name} is older than its requirements"
        return Finding(check="lockfile", key=key, ok=False, message=message, fix=fix)
    return Finding(check="lockfile", key=key, ok=True, message=f"{definition.lockfile.name} is up to date")


def check_pointer(store: Store, key: str) -> Finding:
    """Whether the pointer of a project's environment can be read and leads somewhere."""
    fix = setup_command(key)
    try:
        pointer = store.pointer(Kind.PROJECT, key)
    except PointerInvalid as error:
        return Finding(check="pointer", key=key, ok=False, message=str(error), fix=fix)
    if pointer is not None and store.load(pointer.current) is None:
        message = f"it leads to {pointer.current}, which is gone or has no sound commit file"
        return Finding(check="pointer", key=key, ok=False, message=message, fix=fix)
    return Finding(check="pointer", key=key, ok=True, message="readable")


def check_link(store: Store, definition: Definition, link: Path, environment: Environment) -> Finding:
    """Whether people and tools find the environment where they look for it."""
    state = published(store, link, environment, definition.publish)
    words = {
        Published.CURRENT: "leads to the environment",
        Published.NOTHING: "is missing",
        Published.OUTDATED: "leads to another generation, or to nothing",
        Published.FOREIGN: "was not made by envyard",
    }
    ok = state == Published.CURRENT
    fix = "" if ok else setup_command(definition.key) + (" --yes" if state == Published.FOREIGN else "")
    return Finding(check="link", key=definition.key, ok=ok, message=f"{link} {words[state]}", fix=fix)


def setup_command(key: str, *, rebuild: bool = False) -> str:
    """What to type to set one project up."""
    return f"invoke envs.setup {key}{' --rebuild' if rebuild else ''}"
