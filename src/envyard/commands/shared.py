"""The environments of models, shared and old, without changing them: their part of `envs.list` and `envs.doctor`."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.candidates import legacy_subject, lenient
from envyard.commands.checks import Finding
from envyard.commands.inspect import current_environments
from envyard.definition import Definition, Kind, profile_definition
from envyard.driver import driver_identity
from envyard.environment import Environment
from envyard.envspec import Source
from envyard.errors import EnvyardError
from envyard.fingerprint import take_fingerprint
from envyard.health import Grade, Health, check_health
from envyard.legacy import LegacyEnvironment, list_legacy
from envyard.platforms import this_platform
from envyard.probe import remembered, subject_of
from envyard.profilefile import load_profile
from envyard.project import Workspace
from envyard.records import Failure, ModelRecord, load_failure, load_failures, load_models
from envyard.sizes import disk_use
from envyard.store import Store

NEW, OLD, DEGRADED = "new", "old", "degraded"
LEGACY_KIND = "legacy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEnvironmentRow:
    """One line of `envs.list`. Times are seconds since the epoch, sizes bytes; 0 for the size of an old environment,
    which only `envs.migrate` measures.

    `kind` is `profile` or `legacy`; `source` is `new`, `old` or `degraded`: some of `models` have less than promised.
    """

    key: str
    kind: str
    title: str
    source: str
    path: Path
    grade: Grade
    reasons: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    python_version: str = ""
    generation: str = ""
    degraded_since: float | None = None
    apparent_bytes: int = 0
    unique_bytes: int = 0
    created: float | None = None
    last_used: float | None = None


def list_model_environments(workspace: Workspace) -> tuple[ModelEnvironmentRow, ...]:
    """A row for each shared environment that was built or could not be, then one for each old environment."""
    store = Store(workspace.store)
    records = load_models(store)
    pointers = {
        pointer.key: store.load(pointer.current) for pointer in store.pointers() if pointer.kind == Kind.PROFILE
    }
    keys = dict.fromkeys([*pointers, *(failure.key for failure in load_failures(store))])
    unique = disk_use(current_environments(store)).unique
    rows = [_shared_row(workspace, store, key, pointers.get(key), records, unique) for key in sorted(keys)]
    rows += [_old_row(store, legacy, records) for legacy in list_legacy(workspace.environments)]
    return tuple(rows)


def definition_of(workspace: Workspace, key: str) -> Definition | None:
    """What the profile of a key asks for now, None when there is no such profile any more, or one with mistakes."""
    try:
        return profile_definition(workspace, load_profile(workspace.root, key), this_platform())
    except EnvyardError:
        return None


def shared_health(store: Store, definition: Definition | None, environment: Environment | None) -> Health:
    """The grade by what can be read, and by the verdict of the probe that is remembered; nothing is started."""
    fingerprint = None
    note: tuple[str, ...] = () if definition is not None else ("its profile is gone, or has mistakes",)
    if definition is not None:
        try:
            fingerprint = take_fingerprint(definition)
        except EnvyardError as error:
            note = (error.message,)
    health = check_health(environment, fingerprint)
    if environment is not None and health.grade.usable and definition is not None and definition.probe is not None:
        subject = subject_of(store, environment, definition.environment)
        verdict = remembered(subject, definition.probe, driver=driver_identity())
        if verdict is not None and verdict.grade != Grade.OK:
            return Health(grade=verdict.grade, reasons=(*verdict.reasons, *health.reasons))
    grade = Grade.STALE if note and health.grade == Grade.OK else health.grade
    return Health(grade=grade, reasons=(*note, *health.reasons), outdated=health.outdated)


def shared_findings(store: Store, key: str, health: Health) -> list[Finding]:
    """The grade of a shared environment, whether its creation failed, and which models have less than they should."""
    good = health.grade == Grade.OK
    again = "--update" if health.grade == Grade.STALE else "--retry"
    findings = [
        Finding(
            check="environment",
            key=key,
            ok=good,
            message=": ".join(filter(None, [str(health.grade), "; ".join(health.reasons)])),
            fix="" if good else f"invoke envs.resolve --profile {key} {again}",
        )
    ]
    failure = load_failure(store, key)
    if failure is not None:
        fix = f"invoke envs.resolve --profile {key} --retry"
        findings.append(Finding(check="creation", key=key, ok=False, message=_failure_words(failure), fix=fix))
    for record in load_models(store):
        if record.key == key and record.degraded_since:
            hours = max(0.0, time.time() - record.degraded_since) / 3600
            message = f"{record.model} has had less than it should for {hours:.1f} h: {record.reason}"
            fix = f"invoke envs.resolve --model {shlex.quote(record.model)} --retry"
            findings.append(Finding(check="model", key=key, ok=False, message=message, fix=fix))
    return findings


def old_finding(legacy: LegacyEnvironment) -> Finding:
    """Whether an old environment can start, has its model, and what its metadata get wrong."""
    gone = os.path.isabs(legacy.model) and not os.path.exists(legacy.model)
    message = legacy.problem or ("its model is gone" if gone else "") or "can be started"
    if legacy.note and not legacy.problem:
        message += f" ({legacy.note})"
    lost = legacy.problem and legacy.model and not gone
    fix = f"invoke envs.migrate --model {shlex.quote(legacy.model)}" if lost else ""
    ok = not legacy.problem and not gone
    return Finding(check="old", key=legacy.name, ok=ok, message=message, fix=fix)


def _shared_row(
    workspace: Workspace,
    store: Store,
    key: str,
    environment: Environment | None,
    records: Sequence[ModelRecord],
    unique: dict[str, int],
) -> ModelEnvironmentRow:
    definition = definition_of(workspace, key)
    health = shared_health(store, definition, environment)
    failure = load_failure(store, key)
    mine = [record for record in records if record.key == key and record.source.startswith("shared")]
    waiting = [record for record in records if record.key == key and record.degraded_since]
    since = [record.degraded_since for record in waiting] + ([failure.since] if failure else [])
    reasons = () if health.reasons == ("first build",) else health.reasons
    if failure is not None:
        reasons = (*reasons, f"creating it failed: {failure.reason}")
    degraded = bool(since) or not health.grade.usable or health.grade == Grade.DEGRADED
    link = store.root / key
    return ModelEnvironmentRow(
        key=key,
        kind=str(Kind.PROFILE),
        title=definition.title if definition else key,
        source=DEGRADED if degraded else NEW,
        path=link if environment is None or os.path.lexists(link) else environment.path,
        grade=health.grade,
        reasons=reasons,
        models=tuple(record.model for record in mine),
        python_version=environment.interpreter.version if environment else "",
        generation=environment.generation if environment else "",
        degraded_since=min(since, default=None),
        apparent_bytes=environment.apparent_bytes if environment else 0,
        unique_bytes=unique.get(environment.generation, 0) if environment else 0,
        created=environment.created if environment else None,
        last_used=store.last_used(Kind.PROFILE, key),
    )


def _old_row(store: Store, legacy: LegacyEnvironment, records: Sequence[ModelRecord]) -> ModelEnvironmentRow:
    mine = [record for record in records if record.legacy == str(legacy.path)]
    models = dict.fromkeys([*(record.model for record in mine), *([legacy.model] if legacy.model else [])])
    fallback = [record for record in mine if record.source == Source.LEGACY_FALLBACK]
    since = [record.degraded_since for record in fallback if record.degraded_since]
    grade, reasons, version = _old_health(store, legacy)
    created = None
    with contextlib.suppress(OSError):
        created = os.stat(legacy.venv / "pyvenv.cfg").st_mtime
    return ModelEnvironmentRow(
        key=legacy.name,
        kind=LEGACY_KIND,
        title=legacy.name,
        source=DEGRADED if fallback else OLD,
        path=legacy.path,
        grade=grade,
        reasons=reasons,
        models=tuple(models),
        python_version=version,
        degraded_since=min(since, default=None),
        created=created,
        last_used=max((record.used for record in mine), default=None),
    )


def _old_health(store: Store, legacy: LegacyEnvironment) -> tuple[Grade, tuple[str, ...], str]:
    """By the verdict that is remembered; an old environment that nobody asked for is not started to be listed."""
    if legacy.problem:
        return Grade.BROKEN, (legacy.problem,), ""
    subject, driver = legacy_subject(store, legacy), driver_identity()
    tried = (remembered(subject, replace(lenient(None), cuda=cuda), driver=driver) for cuda in (False, True))
    verdict = next(filter(None, tried), None)
    note = (legacy.note,) if legacy.note else ()
    if verdict is None:
        return Grade.OK, (*note, "not tried yet"), ""
    return verdict.grade, (*verdict.reasons, *note), verdict.version


def _failure_words(failure: Failure) -> str:
    """A creation that failed, with its age."""
    minutes = max(0.0, time.time() - failure.since) / 60
    age = f"{minutes:.0f} min ago" if minutes < 120 else f"{minutes / 60:.0f} h ago"
    return f"creating it failed {age}: {failure.reason}"
