"""The fast path: is the environment there, and what is asked for? No lock, no child process, nothing heavy imported."""

from __future__ import annotations

import time
from dataclasses import dataclass

from envyard.definition import Definition, Kind
from envyard.environment import Environment
from envyard.errors import EnvyardError, LockfileStale
from envyard.files import file_unusable
from envyard.fingerprint import Fingerprint, take_fingerprint
from envyard.health import Health, check_health
from envyard.outcome import Action, Options, Outcome
from envyard.publish import Published, published
from envyard.requirements import lockfile_is_stale
from envyard.restart import unproven
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A definition whose environment has to be built or published anew."""

    definition: Definition
    fingerprint: Fingerprint
    health: Health


def check(store: Store, definition: Definition, options: Options) -> Checked | Outcome:
    """The outcome, where nothing has to be done (or nothing can be done, or with a dry run), else what to build."""
    started = time.monotonic()
    try:
        return _check(store, definition, options, started)
    except EnvyardError as error:
        return _failed(store, definition, error, started)
    except (OSError, UnicodeDecodeError) as error:
        return _failed(store, definition, file_unusable(definition.key, error), started)


def recovered_environment(store: Store, kind: Kind, key: str) -> tuple[Environment | None, tuple[str, ...]]:
    """The environment a key has now, and what to tell about it where it is not the one that it had. Needs its lock.

    A pointer that is damaged, lost or leads nowhere is written anew from the generations on disk.
    """
    environment = store.current(kind, key)
    if environment is not None:
        return environment, ()
    pointer = store.recover_pointer(kind, key)
    environment = None if pointer is None else store.load(pointer.current)
    if environment is None:
        return None, ()
    return environment, (f"what it had is damaged or gone, the newest that is whole is {environment.generation}",)


def reasons_to_build(health: Health, options: Options) -> tuple[str, ...]:
    """Why an environment is built, for the commit file and for people."""
    if options.force and not health.needs_build(update=options.update):
        return (*health.reasons, "rebuild was asked for")
    return health.reasons


def _check(store: Store, definition: Definition, options: Options, started: float) -> Checked | Outcome:
    fingerprint = take_fingerprint(definition)
    if options.frozen and lockfile_is_stale(definition, strict=True):
        raise LockfileStale(
            f"the lockfile of `{definition.key}` is older than its requirements",
            hint=f"run `{definition.lock_command}` and commit the result",
        )
    environment = store.current(definition.kind, definition.key)
    health = check_health(environment, fingerprint)
    checked = Checked(definition=definition, fingerprint=fingerprint, health=health)
    action, reasons = Action.PLANNED, reasons_to_build(health, options)
    if not options.force and not health.needs_build(update=options.update):
        link = definition.link
        if environment is not None and unproven(store, environment):
            reasons = ("the machine was restarted: its files are checked once",)
        elif link is None or published(store, link, environment, definition.publish) == Published.CURRENT:
            action, reasons = Action.KEPT, health.reasons
        else:
            reasons = (f"{link.name} does not lead to the environment",)
    if action == Action.PLANNED and not options.dry_run:
        return checked
    return Outcome(
        definition=definition,
        action=action,
        environment=environment,
        health=health,
        reasons=reasons,
        seconds=time.monotonic() - started,
    )


def _failed(store: Store, definition: Definition, error: EnvyardError, started: float) -> Outcome:
    return Outcome(
        definition=definition,
        action=Action.FAILED,
        environment=store.current(definition.kind, definition.key),
        seconds=time.monotonic() - started,
        error=error,
    )
