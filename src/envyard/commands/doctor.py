"""Named checks, each with its fix: `envs.doctor`."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.builder import audit
from envyard.commands.checks import (
    Finding,
    check_environment,
    check_link,
    check_lockfile,
    check_pointer,
    setup_command,
)
from envyard.commands.inspect import project_health
from envyard.definition import Definition, Kind, project_definition
from envyard.environment import Environment
from envyard.errors import CommandFailed, EnvyardError, ExitCode
from envyard.events import Finished, Listener, Phase, PhaseStarted, ignore
from envyard.files import storage_errors
from envyard.health import Grade, Health
from envyard.history import Event, What, record_check
from envyard.installers.base import Work
from envyard.installers.cache import cache_device_warning
from envyard.installers.uv import find_uv
from envyard.interpreter import find_interpreter
from envyard.interrupts import each_in
from envyard.process import Cancellation
from envyard.project import Project, Workspace
from envyard.provision import Action, Options, ensure_all
from envyard.publish import Published, published
from envyard.store import Store

_AT_A_TIME = 4  # audits at a time; they wait for the disk
_LITTLE_SPACE = 5 * 10**9  # bytes; one AI environment with a cold cache needs about as much
_HEALED = ("environment", "link", "files", "pointer")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorResult:
    """Every finding, also the good ones."""

    findings: tuple[Finding, ...]
    seconds: float

    @property
    def problems(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.ok and not finding.fixed)

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if self.problems else ExitCode.DONE


def doctor(
    workspace: Workspace,
    projects: Sequence[Project],
    *,
    deep: bool = False,
    fix: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> DoctorResult:
    """Run every check on `projects`; `deep` reads and hashes every installed file; `fix` repairs what it can.

    A repair is a rebuild; files that were edited in place are first dropped from the installer's cache, because the
    edit is there too: the files are hard links.
    """
    started = time.monotonic()
    cancellation = cancellation or Cancellation()
    store = Store(workspace.store)
    findings = [*_check_store(store), *_check_uv(store)]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        try:
            examined = each_in(
                pool, lambda project: _examine(workspace, store, project, deep, listener, cancellation), projects
            )
        except BaseException:
            cancellation.cancel()
            raise
    findings += [finding for one in examined for finding in one.findings]
    if fix:
        findings = _repair(workspace, store, examined, findings, listener, cancellation)
    return DoctorResult(findings=tuple(findings), seconds=time.monotonic() - started)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examined:
    project: Project
    findings: tuple[Finding, ...]
    damaged: tuple[str, ...] = ()  # packages whose files differ from what was installed
    drifted: bool = False

    @property
    def failing(self) -> set[str]:
        """The checks that failed and that a build may heal."""
        return {finding.check for finding in self.findings if not finding.ok and finding.check in _HEALED}


def _check_store(store: Store) -> list[Finding]:
    findings = []
    try:
        store.prepare()
        probe = store.root / f".doctor-{os.getpid()}"
        with storage_errors(store.root):
            probe.write_text("", encoding="utf-8")
            probe.unlink()
        findings.append(Finding(check="store", key="", ok=True, message=f"{store.root} can be written"))
    except EnvyardError as error:
        findings.append(Finding(check="store", key="", ok=False, message=error.message, fix=error.hint))
        return findings
    free = shutil.disk_usage(store.root).free
    findings.append(
        Finding(
            check="space",
            key="",
            ok=free > _LITTLE_SPACE,
            message=f"{free / 1e9:.1f} GB free on the device of the store",
            fix="" if free > _LITTLE_SPACE else "invoke envs.prune --keep-size 20GB",
        )
    )
    return findings


def _check_uv(store: Store) -> list[Finding]:
    uv = find_uv()
    if uv is None:
        message = "uv is not installed: environments are built by pip, slowly and without sharing files"
        return [Finding(check="installer", key="", ok=False, message=message, fix="pip install uv")]
    warning = cache_device_warning(store.root)
    return [
        Finding(check="installer", key="", ok=True, message=uv.describe()),
        Finding(check="sharing", key="", ok=not warning, message=warning or "uv's cache and the store share a device"),
    ]


def _examine(
    workspace: Workspace,
    store: Store,
    project: Project,
    deep: bool,
    listener: Listener,
    cancellation: Cancellation,
) -> _Examined:
    """Every check of one project, cheapest first; the files are looked at only in an environment that can start."""
    definition = project_definition(workspace, project)
    environment = store.current(Kind.PROJECT, project.key)
    health = project_health(workspace, project, environment)
    findings = [
        check_lockfile(definition),
        _check_interpreter(definition),
        check_pointer(store, project.key),
        check_environment(project.key, health),
    ]
    if environment is not None:
        findings.append(check_link(store, definition, project.link, environment))
    damaged: list[str] = []
    if environment is not None and health.grade.usable:
        work = Work(key=project.key, listener=listener, cancellation=cancellation)
        listener(PhaseStarted(key=project.key, phase=Phase.VERIFY, detail="every byte" if deep else "every size"))
        copied = published(store, project.link, environment, "copy") == Published.CURRENT
        places = [environment.path, *([project.link] if copied else [])]
        started = time.monotonic()
        finding, damaged = _check_files(places, environment, work, deep)
        findings.append(finding)
        record_finding(store, environment, health, finding, deep=deep)
        listener(Finished(key=project.key, action="checked", seconds=time.monotonic() - started))
    elif environment is not None:
        record_finding(store, environment, health, None, deep=deep)
    drifted = health.grade == Grade.DRIFTED
    return _Examined(project=project, findings=tuple(findings), damaged=tuple(damaged), drifted=drifted)


def record_finding(
    store: Store, environment: Environment, health: Health, files: Finding | None, *, deep: bool
) -> None:
    """Remember the health of an environment and of its files, if that is news. Missing files make it broken."""
    grade, reasons = health.grade, health.reasons
    if files is not None and not files.ok:
        grade, reasons = Grade.BROKEN, (files.message, *reasons)
    event = Event(
        time=time.time(),
        what=What.CHECKED_DEEP if deep and files is not None else What.CHECKED,
        grade=grade,
        reasons=reasons,
        generation=environment.generation,
    )
    record_check(store, environment, event)


def _check_interpreter(definition: Definition) -> Finding:
    try:
        interpreter = find_interpreter(definition.python, definition.python_key)
    except EnvyardError as error:
        return Finding(check="interpreter", key=definition.key, ok=False, message=error.message, fix=error.hint)
    message = f"python {interpreter.version} ({interpreter.executable})"
    return Finding(check="interpreter", key=definition.key, ok=True, message=message)


def _check_files(places: Sequence[Path], environment: Environment, work: Work, deep: bool) -> tuple[Finding, list[str]]:
    """The files of the generation, and of its copy where it is published as one; and the packages that are damaged."""
    key = work.key
    try:
        reports = [audit(path, path / environment.site_packages, work, deep=deep) for path in places]
    except CommandFailed as error:
        return Finding(
            check="files", key=key, ok=False, message=error.message, fix=setup_command(key, rebuild=True)
        ), []
    count = sum(report.problem_count for report in reports)
    if not count:
        how = "with its content" if deep else "with its size"
        files = sum(report.files for report in reports)
        return Finding(check="files", key=key, ok=True, message=f"all {files} files are there, each {how}"), []
    problems = [problem for report in reports for problem in report.problems]
    examples = "; ".join(f"{file} {what}" for _name, file, what in problems[:3])
    packages = {package for report in reports for package in report.damaged}
    words = "1 file is" if count == 1 else f"{count} files are"
    message = f"{words} missing or changed: {examples}"
    fix = f"invoke envs.doctor {key} {'--deep ' if deep else ''}--fix"
    return Finding(check="files", key=key, ok=False, message=message, fix=fix), sorted(packages)


def _repair(
    workspace: Workspace,
    store: Store,
    examined: Sequence[_Examined],
    findings: Sequence[Finding],
    listener: Listener,
    cancellation: Cancellation,
) -> list[Finding]:
    """Rebuild what has a problem that a rebuild heals; a finding is marked as fixed when that worked."""
    ill = [one for one in examined if one.failing]
    damaged = sorted({package for one in ill for package in one.damaged})
    uv = find_uv()
    if damaged and uv is not None:
        uv.forget(damaged, Work(key="", listener=listener, cancellation=cancellation))
    healed: set[str] = set()
    for force in (False, True):  # what is damaged inside looks sound from outside, so only that is forced
        chosen = [one.project for one in ill if ("files" in one.failing or one.drifted) == force]
        definitions = [project_definition(workspace, project) for project in chosen]
        options = Options(update=True, force=force)
        outcomes = ensure_all(store, definitions, options=options, listener=listener, cancellation=cancellation)
        healed |= {outcome.key for outcome in outcomes if outcome.action not in (Action.FAILED, Action.CANCELLED)}
    return [
        replace(finding, fixed=True)
        if not finding.ok and finding.check in _HEALED and finding.key in healed
        else finding
        for finding in findings
    ]
