"""What setting up and locking did, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from envyard.commands.setup import SetupResult
from envyard.definition import Kind
from envyard.errors import ForeignEnvironment
from envyard.outcome import Action, Outcome
from envyard.report.table import Column, table
from envyard.report.text import Style, count, duration, size

if TYPE_CHECKING:  # the resolver's modules cost as much as all the rest, and a set-up without news needs none of them
    from envyard.commands.lock import LockOutcome, LockResult

_ORDER = (Action.BUILT, Action.REBUILT, Action.LINKED, Action.PLANNED, Action.KEPT, Action.CANCELLED, Action.FAILED)


def setup_summary(result: SetupResult, style: Style, width: int | None) -> str:
    """The table of all outcomes and one line of totals."""
    if not result.outcomes:
        return "the workspace has no projects"
    projects = all(outcome.definition.kind == Kind.PROJECT for outcome in result.outcomes)
    columns = (
        Column(title="project" if projects else "environment"),
        Column(title="result", paint=lambda text: _paint(text, style)),
        Column(title="time", right=True),
        Column(title="python", drop=2),
        Column(title="size", right=True, drop=1),
        Column(title="why", fold=True),
    )
    lines = table(columns, [_row(outcome) for outcome in result.outcomes], width)
    lines[0] = style.strong(lines[0])
    total = _total(result)
    if width is not None and len(total) > width:
        total = total.replace("; ", ";\n")
    return "\n".join([*lines, "", total])


def lock_summary(result: LockResult, style: Style, width: int | None) -> str:
    """One line a lockfile, with what changed in it."""
    if not result.outcomes:
        return "no project has a lockfile"
    columns = (
        Column(title="project"),
        Column(title="lockfile", paint=lambda text: _paint(text, style)),
        Column(title="time", right=True),
        Column(title="changes", fold=True),
    )
    rows = [
        (outcome.key, _lock_word(outcome), duration(outcome.seconds), _changes(outcome)) for outcome in result.outcomes
    ]
    lines = table(columns, rows, width)
    lines[0] = style.strong(lines[0])
    changed = sum(outcome.changed for outcome in result.outcomes)
    total = f"{changed} of {count(len(result.outcomes), 'lockfile')} changed in {duration(result.seconds)}"
    return "\n".join([*lines, "", total])


def result_word(outcome: Outcome) -> str:
    """The action as people read it."""
    if outcome.action == Action.PLANNED:
        return "to build" if outcome.environment is None else "to rebuild"
    return str(outcome.action)


def retry_text(failed: Sequence[Outcome]) -> str:
    """What to type when the causes are gone, and what it does besides to a `venv` that envyard did not make."""
    command = f"invoke envs.setup {' '.join(outcome.key for outcome in failed)}"
    foreign = [f"`{outcome.key}`" for outcome in failed if isinstance(outcome.error, ForeignEnvironment)]
    if not foreign:
        return f"then run `{command}`"
    return f"then run `{command} --yes`, which sets the `venv` of {', '.join(foreign)} aside if it is still there"


def _row(outcome: Outcome) -> tuple[str, ...]:
    environment = outcome.environment
    worked = outcome.action not in (Action.KEPT, Action.PLANNED)
    why = "; ".join(outcome.reasons)
    if outcome.action == Action.FAILED:
        why = "the one before stays in use" if environment is not None else "see below"
    definition = outcome.definition
    return (
        definition.title if definition.kind == Kind.PROJECT else definition.key,
        result_word(outcome),
        duration(outcome.seconds) if worked else "",
        environment.interpreter.version if environment else "",
        size(environment.apparent_bytes) if environment else "",
        why,
    )


def _total(result: SetupResult) -> str:
    actions = Counter(outcome.action for outcome in result.outcomes)
    planned = actions[Action.PLANNED]
    if result.dry_run:
        return f"dry run: {count(planned, 'environment')} to build" if planned else "dry run: nothing to do"
    words = ", ".join(f"{actions[action]} {action}" for action in _ORDER if actions[action])
    if set(actions) == {Action.KEPT}:
        words += ", nothing to do"
    text = f"{words} in {duration(result.seconds)}"
    if result.disk is not None and result.disk.apparent:
        disk = result.disk
        text += f"; {size(disk.apparent)} of files in {size(disk.actual)} on disk"
        text += f", {size(disk.saved)} saved by sharing" if disk.saved else ""
    return text


def _changes(outcome: LockOutcome) -> str:
    return "; ".join(outcome.changes) or ("the same versions" if outcome.changed else "")


def _lock_word(outcome: LockOutcome) -> str:
    return "failed" if outcome.error else "changed" if outcome.changed else "as it was"


def _paint(text: str, style: Style) -> str:
    if text == "failed":
        return style.bad(text)
    return style.faint(text) if text in ("kept", "as it was") else style.good(text)
