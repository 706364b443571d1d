"""Makes environments so: the door to the engine for one environment or many."""

from __future__ import annotations

from collections.abc import Sequence

from envyard.check import Checked, check
from envyard.definition import Definition
from envyard.environment import Environment
from envyard.events import Finished, Listener, Warned, ignore
from envyard.outcome import Action, Options, Outcome
from envyard.process import Cancellation
from envyard.requirements import lockfile_is_stale
from envyard.store import Store

__all__ = ["Action", "Options", "Outcome", "ensure", "ensure_all"]


def ensure(
    store: Store,
    definition: Definition,
    *,
    options: Options | None = None,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> Environment:
    """One environment, built if need be. Raises the error of a failed build."""
    (outcome,) = ensure_all(store, [definition], options=options, listener=listener, cancellation=cancellation)
    if outcome.error is not None:
        raise outcome.error
    assert outcome.environment is not None
    return outcome.environment


def ensure_all(
    store: Store,
    definitions: Sequence[Definition],
    *,
    options: Options | None = None,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> tuple[Outcome, ...]:
    """Every environment of `definitions`, in their order, built where need be, several at a time.

    Expected errors are in the outcomes. `Cancelled` is raised when the work was stopped, after every child has ended.
    """
    options = options or Options()
    cancellation = cancellation or Cancellation()
    found: dict[int, Outcome] = {}
    to_build: dict[int, Checked] = {}
    for number, definition in enumerate(definitions):
        cancellation.check()
        result = check(store, definition, options)
        if not options.frozen and lockfile_is_stale(definition):
            message = f"its lockfile is older than its requirements: run `{definition.lock_command}`"
            listener(Warned(key=definition.key, message=message))
        if isinstance(result, Checked):
            to_build[number] = result
        else:
            found[number] = result
            listener(_finished(result))
    if to_build:
        from envyard.schedule import build_all  # everything that builds: 100 ms that a look at what is there can spare

        outcomes = build_all(store, list(to_build.values()), options, listener, cancellation)
        found |= dict(zip(to_build, outcomes, strict=True))
    return tuple(found[number] for number in range(len(definitions)))


def _finished(outcome: Outcome) -> Finished:
    message = outcome.error.message if outcome.error else "; ".join(outcome.reasons)
    return Finished(key=outcome.key, action=outcome.action, seconds=outcome.seconds, message=message)
