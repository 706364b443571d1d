"""The checks of `envs.doctor` on the environments of models, shared and old."""

from __future__ import annotations

import time
from dataclasses import replace

from envyard.builder import audit
from envyard.commands.checks import Finding
from envyard.commands.doctor import DoctorResult, record_finding
from envyard.commands.shared import definition_of, old_finding, shared_findings, shared_health
from envyard.definition import Kind, profile_definition
from envyard.environment import Environment
from envyard.errors import CommandFailed, EnvyardError
from envyard.events import Finished, Listener, Phase, PhaseStarted, ignore
from envyard.health import Grade
from envyard.installers.base import Work
from envyard.legacy import list_legacy
from envyard.outcome import Action, Options
from envyard.platforms import this_platform
from envyard.process import Cancellation
from envyard.profilefile import load_profile
from envyard.project import Workspace
from envyard.records import load_failures
from envyard.sharing import ensure_shared
from envyard.store import Store

_HEALED = ("environment", "files", "creation")


def doctor_models(
    workspace: Workspace,
    *,
    deep: bool = False,
    fix: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> DoctorResult:
    """Every check of the shared environments that were built or could not be, and of the old ones."""
    started = time.monotonic()
    store, cancellation = Store(workspace.store), cancellation or Cancellation()
    keys = {pointer.key for pointer in store.pointers() if pointer.kind == Kind.PROFILE}
    findings: list[Finding] = []
    for key in sorted(keys | {failure.key for failure in load_failures(store)}):
        work = Work(key=key, listener=listener, cancellation=cancellation)
        mine = _examine(workspace, store, key, work, deep)
        if fix and any(not one.ok and one.check in _HEALED for one in mine):
            mine = _repair(workspace, store, key, mine, listener, cancellation)
        findings += mine
    findings += _old_environments(workspace)
    return DoctorResult(findings=tuple(findings), seconds=time.monotonic() - started)


def _examine(workspace: Workspace, store: Store, key: str, work: Work, deep: bool) -> list[Finding]:
    environment = store.current(Kind.PROFILE, key)
    health = shared_health(store, definition_of(workspace, key), environment)
    first, *others = shared_findings(store, key, health)
    files = None
    if environment is not None and health.grade.usable:
        files = _check_files(environment, work, deep)
    if environment is not None:
        record_finding(store, environment, health, files, deep=deep)
    return [first, *([files] if files else []), *others]


def _check_files(environment: Environment, work: Work, deep: bool) -> Finding:
    key = work.key
    work.tell(PhaseStarted(key=key, phase=Phase.VERIFY, detail="every byte" if deep else "every size"))
    started = time.monotonic()
    try:
        report = audit(environment.path, environment.path / environment.site_packages, work, deep=deep)
    except CommandFailed as error:
        return Finding(check="files", key=key, ok=False, message=error.message, fix="invoke envs.doctor --fix")
    finally:
        work.tell(Finished(key=key, action="checked", seconds=time.monotonic() - started))
    if not report.problem_count:
        how = "with its content" if deep else "with its size"
        return Finding(check="files", key=key, ok=True, message=f"all {report.files} files are there, each {how}")
    examples = "; ".join(f"{file} {what}" for _name, file, what in report.problems[:3])
    message = f"{report.problem_count} files are missing or changed: {examples}"
    return Finding(check="files", key=key, ok=False, message=message, fix="invoke envs.doctor --fix")


def _repair(
    workspace: Workspace,
    store: Store,
    key: str,
    findings: list[Finding],
    listener: Listener,
    cancellation: Cancellation,
) -> list[Finding]:
    """Build anew; a finding is marked as fixed when that worked."""
    try:
        profile = load_profile(workspace.root, key)
    except EnvyardError:
        return findings
    definition = profile_definition(workspace, profile, this_platform())
    damaged = any(one.check == "files" and not one.ok for one in findings)
    health = shared_health(store, definition, store.current(Kind.PROFILE, key))
    force = damaged or health.grade in (Grade.DRIFTED, Grade.BROKEN)
    outcome = ensure_shared(
        store,
        profile,
        definition,
        options=Options(update=True, force=force),
        listener=listener,
        cancellation=cancellation,
    )
    if outcome.action in (Action.FAILED, Action.CANCELLED):
        return findings
    return [replace(one, fixed=True) if not one.ok and one.check in _HEALED else one for one in findings]


def _old_environments(workspace: Workspace) -> list[Finding]:
    """Old environments that cannot start, those without a model, and what the metadata get wrong."""
    return [old_finding(legacy) for legacy in list_legacy(workspace.environments)]
