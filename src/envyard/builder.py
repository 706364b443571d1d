"""Builds one generation: create, install, verify, commit. Nobody can see it before the commit file is there.

The caller holds the exclusive lock. A build is never resumed: whatever stops it, the generation goes to the trash, and
what even a kill left behind goes there when the next build of the same key begins.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from envyard.budget import check_before_download, check_installed
from envyard.definition import Definition
from envyard.driver import driver_identity
from envyard.environment import INODE_FILE, Environment, python_of
from envyard.errors import CommandFailed, EnvironmentIncomplete, EnvyardError, ProbeFailed
from envyard.events import Phase, PhaseStarted
from envyard.files import storage_errors
from envyard.fingerprint import Fingerprint, take_fingerprint
from envyard.installers.base import Installer, Plan, Work
from envyard.interpreter import Interpreter
from envyard.locks import ExclusiveLock, collect, read_holder
from envyard.pathlimit import PathLimit
from envyard.probe import Verdict, remember, subject_of, try_out
from envyard.process import child_environment
from envyard.restart import current_start
from envyard.seeds import ensure_seed, lines_file, options_file
from envyard.store import Store

RESOLVED_FILE = "requirements.txt"  # in a generation: what the requirements of an unlocked environment came to
_AUDIT_SECONDS = 1800.0
_virtualenv = threading.Lock()  # virtualenv's session is not meant for several threads


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What `audit.py` found: the first problems as (distribution folder, file, what), the packages with problems, and
    what is installed."""

    version: str
    prefix: str
    packages: dict[str, str]
    distributions: tuple[str, ...]
    problems: tuple[tuple[str, str, str], ...]
    problem_count: int
    damaged: tuple[str, ...]
    files: int
    apparent_bytes: int


class Build:
    """One build under way; owns its generation folder until `commit` or `abandon`."""

    def __init__(
        self,
        *,
        store: Store,
        definition: Definition,
        fingerprint: Fingerprint,
        interpreter: Interpreter,
        installer: Installer,
        lock: ExclusiveLock,
        work: Work,
        reasons: tuple[str, ...],
        limit: PathLimit | None = None,
    ) -> None:
        self.limit = limit
        self.store, self.definition, self.fingerprint = store, definition, fingerprint
        self.interpreter, self.installer, self.lock, self.reasons = interpreter, installer, lock, reasons
        self.generation = store.new_generation()
        self.path = store.generation_path(self.generation)
        log = store.root / "logs" / f"{definition.kind}-{definition.key}-{self.generation}.log"
        self.work = replace(work, pass_fds=lock.descriptors, log=log)
        self.seconds: dict[str, float] = {}
        self.verdict: Verdict | None = None  # what the probe of a profile said

    def create(self) -> None:
        """Abandon what a killed build left, name the new generation, and make the bare environment."""
        before = read_holder(self.store, self.definition.kind, self.definition.key)
        if before is not None and before.generation:
            with contextlib.suppress(EnvyardError, OSError):
                if self.store.is_uncommitted(before.generation):
                    collect(self.store, before.generation)
        self.lock.write_intent(phase=Phase.CREATE, generation=self.generation, log=str(self.work.log))
        with self._phase(Phase.CREATE, f"python {self.interpreter.version}"), storage_errors(self.path):
            create_environment(self.path, self.interpreter, self.definition.key, self.store)

    def install(self, *, offline: bool, inherit: tuple[int, ...] = ()) -> None:
        """Fill the environment. With `offline`, raises `NotCached` while it is still empty.

        `inherit` are descriptors that the installer keeps open besides those of the exclusive lock.
        """
        self.lock.write_intent(phase=Phase.INSTALL)
        work = replace(self.work, pass_fds=(*self.work.pass_fds, *inherit))
        with self._phase(Phase.INSTALL, self.installer.name):
            self.installer.install(self._plan(), work, offline=offline)

    def check_paths(self) -> None:
        """Before a download: raise `PathTooLong` when it would bring a path that is too long for this machine."""
        if self.limit is not None:
            roots, plan = self._roots(), self._plan()
            check_before_download(roots, self._site_packages(), self.installer, plan, self.work, self.limit)

    def commit(self) -> Environment:
        """Verify the environment and make it exist. Raises `EnvironmentIncomplete`, and `EnvyardError` when what it was
        made from is not what its fingerprint says."""
        self.lock.write_intent(phase=Phase.VERIFY)
        with self._phase(Phase.VERIFY):
            if self.limit is not None:
                check_installed(self._roots(), self._site_packages(), self.work, self.limit)
            report = audit(self.path, self._site_packages(), self.work, inodes=self.path / INODE_FILE)
            self._check(report)
            if take_fingerprint(self.definition).digest != self.fingerprint.digest:
                raise EnvyardError(
                    f"the requirements of `{self.definition.key}` were changed while its environment was built",
                    hint="run the same command again",
                )
            self.verdict = self._try_out()
        self.work.cancellation.check()
        environment = Environment(
            generation=self.generation,
            kind=self.definition.kind,
            key=self.definition.key,
            title=self.definition.title,
            path=self.path,
            built_at=str(self.path),
            fingerprint=self.fingerprint.digest,
            interpreter=self.interpreter,
            installer=self.installer.describe(),
            site_packages=self._site_packages().relative_to(self.path).as_posix(),
            created=time.time(),
            inputs=self.fingerprint.inputs,
            pins=self.fingerprint.pins,
            packages=report.packages,
            distributions=report.distributions,
            files=report.files,
            apparent_bytes=report.apparent_bytes,
            seconds={phase: round(seconds, 3) for phase, seconds in self.seconds.items()},
            reasons=self.reasons,
            start=current_start(),
        )
        self.store.commit(environment)
        if self.verdict is not None:
            self._remember(environment, self.verdict)
        return environment

    def abandon(self) -> None:
        """Give the half-built generation to the trash; never raises, the next build tries again."""
        with contextlib.suppress(Exception):
            if self.store.is_uncommitted(self.generation):
                collect(self.store, self.generation)

    @property
    def pins_file(self) -> Path | None:
        """The file with the pins that this build installs; None when nothing was resolved (pip, without a lockfile)."""
        resolved = self.path / RESOLVED_FILE
        return self.definition.lockfile or (resolved if resolved.exists() else None)

    @contextlib.contextmanager
    def _phase(self, phase: Phase, detail: str = "") -> Iterator[None]:
        self.work.cancellation.check()
        self.work.tell(PhaseStarted(key=self.work.key, phase=phase, detail=detail))
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.monotonic() - started

    def _plan(self) -> Plan:
        seed = ensure_seed(self.store, self.interpreter.minor)
        return Plan(
            definition=self.definition,
            python=python_of(self.path),
            interpreter=Path(self.interpreter.executable),
            resolved=self.path / RESOLVED_FILE,
            seed=seed.requirements,
            seed_folder=seed.folder,
            fixed_folder=self.definition.root,
            lines=lines_file(self.store, self.definition),
            options=options_file(self.store, self.definition),
        )

    def _roots(self) -> tuple[Path, ...]:
        """Where its files are used: in the generation, and in the copy that people see."""
        link = self.definition.link if self.definition.publish == "copy" else None
        return (self.path, link) if link else (self.path,)

    def _site_packages(self) -> Path:
        return site_packages_of(self.path, self.interpreter)

    def _try_out(self) -> Verdict | None:
        """What a profile promises, tried before anybody can see the environment. Raises `ProbeFailed`."""
        probe = self.definition.probe
        if probe is None:
            return None
        verdict = try_out(
            python_of(self.path),
            probe,
            self.definition.environment,
            cancellation=self.work.cancellation,
            pass_fds=self.work.pass_fds,
            log=self.work.log,
        )
        if not verdict.grade.usable:
            raise ProbeFailed(
                f"the new environment of `{self.definition.key}` does not work: {'; '.join(verdict.reasons)}",
                details=verdict.evidence,
                hint=f"its requirements lack something or do not fit together; the log: {self.work.log}",
            )
        return verdict

    def _remember(self, environment: Environment, verdict: Verdict) -> None:
        """So that nobody has to try the same again."""
        assert self.definition.probe is not None
        subject = subject_of(self.store, environment, self.definition.environment)
        remember(subject, self.definition.probe, verdict, driver=driver_identity())

    def _check(self, report: AuditReport) -> None:
        if os.path.realpath(report.prefix) != os.path.realpath(self.path):
            raise CommandFailed(
                f"the new python believes it is in {report.prefix}, not in {self.path}",
                hint="install its base interpreter again, or change `python` in workspace.toml",
            )
        if report.problem_count:
            raise EnvironmentIncomplete(
                f"the new environment of `{self.definition.key}` is not complete: "
                f"{report.problem_count} files are missing or damaged",
                packages=report.damaged,
                details=[f"{name}: {file} {what}" for name, file, what in report.problems[:8]],
                hint="the installer's cache is damaged, or the disk is: run `uv cache clean`, then try again",
            )


def create_environment(path: Path, interpreter: Interpreter, prompt: str, store: Store) -> None:
    """Make a bare environment at its final path with virtualenv.

    `--no-seed` because a half-written app-data image once gave environments a broken pip; the installer puts pip in.
    """
    from virtualenv import cli_run  # 170 ms, and only for environments that are built

    arguments = [str(path), "--python", interpreter.executable, "--prompt", prompt]
    arguments += ["--no-seed", "--no-venv-redirect", "--no-vcs-ignore"]
    arguments += ["--app-data", str(store.root / "cache" / "virtualenv")]
    env = {name: value for name, value in child_environment().items() if not name.startswith("VIRTUALENV_")}
    try:
        with _virtualenv:
            cli_run(arguments, setup_logging=False, env=env)
    except (RuntimeError, SystemExit) as error:  # an interpreter that vanished, or that does not start any more
        raise CommandFailed(
            f"no environment can be made from {interpreter.executable}",
            details=str(error).splitlines()[-3:],
            hint="install that interpreter again, or ask for another Python",
        ) from error
    site_packages = site_packages_of(path, interpreter)
    for name in ("_envyard_site.py", "_envyard.pth"):
        source = resources.files("envyard").joinpath("site_hook", name)
        with resources.as_file(source) as file:
            shutil.copyfile(file, site_packages / name)


def site_packages_of(path: Path, interpreter: Interpreter) -> Path:
    """Where packages are installed in an environment made from `interpreter`."""
    if os.name == "nt":
        return path / "Lib" / "site-packages"
    name = "pypy" if interpreter.implementation == "pypy" else "python"
    return path / "lib" / f"{name}{interpreter.minor}" / "site-packages"


def audit(
    path: Path, site_packages: Path, work: Work, *, deep: bool = False, inodes: Path | None = None
) -> AuditReport:
    """Check every file of every RECORD in the environment's own python (size; with `deep` sha256 too).

    Raises `CommandFailed` when that python does not even start, `StoreUnusable` when `inodes` cannot be written.
    """
    command: list[str | Path] = [python_of(path), "-I", "-B", audit_script(), path, site_packages]
    command += ["--deep"] if deep else []
    command += ["--inodes", inodes] if inodes is not None else []
    completed = work.run(command, cwd=Path(path.anchor), timeout=_AUDIT_SECONDS)
    try:
        data = json.loads(completed.stdout)
    except ValueError as error:
        raise CommandFailed(
            f"the python of `{work.key}` does not work ({python_of(path)}, exit code {completed.returncode})",
            details=completed.stderr.splitlines()[-5:],
            hint=f"run `invoke envs.setup {work.key} --rebuild`, or install its base interpreter again",
        ) from error
    if data["unwritten"]:
        with storage_errors(path):
            raise OSError(data["unwritten"], os.strerror(data["unwritten"]), str(inodes))
    return AuditReport(
        version=data["version"],
        prefix=data["prefix"],
        packages=data["packages"],
        distributions=tuple(data["distributions"]),
        problems=tuple((name, file, what) for name, file, what in data["problems"]),
        problem_count=data["problem_count"],
        damaged=tuple(data["damaged"]),
        files=data["files"],
        apparent_bytes=data["apparent_bytes"],
    )


@functools.cache
def audit_script() -> Path:
    return Path(__file__).with_name("audit.py")
