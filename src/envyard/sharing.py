"""Makes the shared environment of one profile so, whoever asks: for a model, by its env key, or to repair it."""

from __future__ import annotations

import time

from envyard.check import Checked, check
from envyard.definition import Definition, Kind
from envyard.driver import driver_identity
from envyard.errors import Cancelled, EnvyardError
from envyard.events import Finished, Listener, ignore
from envyard.fingerprint import take_fingerprint
from envyard.outcome import Action, Options, Outcome
from envyard.process import Cancellation
from envyard.profile import Profile
from envyard.provision import ensure_all
from envyard.records import Failure, forget_failure, save_failure
from envyard.store import Store
from envyard.waiting import being_built


def ensure_shared(
    store: Store,
    profile: Profile,
    definition: Definition,
    *,
    model: str = "",
    options: Options | None = None,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> Outcome:
    """The outcome for `profile`, whose definition on this platform is `definition`, built if need be.

    Pins that contradict each other are refused before anything is downloaded. A failure is remembered, with the `model`
    it was for, so that no other model waits for the same; what works makes it forgotten. Raises `Cancelled`.
    """
    options, started = options or Options(), time.monotonic()
    try:
        if isinstance(check(store, definition, options), Checked):
            _refuse_contradictions(store, profile, definition, listener, cancellation)
    except Cancelled:
        raise
    except EnvyardError as error:
        seconds = time.monotonic() - started
        listener(Finished(key=definition.key, action=Action.FAILED, seconds=seconds, message=error.message))
        current = store.current(Kind.PROFILE, definition.key)
        outcome = Outcome(
            definition=definition, action=Action.FAILED, environment=current, seconds=seconds, error=error
        )
    else:
        (outcome,) = ensure_all(store, [definition], options=options, listener=listener, cancellation=cancellation)
    if options.dry_run:
        return outcome
    if outcome.error is None:
        forget_failure(store, definition.key)
    else:
        save_failure(store, _failure(definition, outcome.error, model))
    return outcome


def digest_of(definition: Definition) -> str:
    """The fingerprint as text, "" when the definition cannot be read: a lockfile is missing, say."""
    try:
        return take_fingerprint(definition).digest
    except EnvyardError:
        return ""


def _refuse_contradictions(
    store: Store,
    profile: Profile,
    definition: Definition,
    listener: Listener,
    cancellation: Cancellation | None,
) -> None:
    """Who waits for somebody else's build leaves it to them."""
    if being_built(store, Kind.PROFILE, definition.key):
        return
    from envyard.contradictions import refuse_contradictions  # the resolver, and only to build

    refuse_contradictions(profile, root=definition.root, store=store.root, listener=listener, cancellation=cancellation)


def _failure(definition: Definition, error: EnvyardError, model: str) -> Failure:
    return Failure(
        key=definition.key,
        since=time.time(),
        reason=error.message,
        hint=error.hint,
        fingerprint=digest_of(definition),
        driver=driver_identity(),
        model=model,
    )
