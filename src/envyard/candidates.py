"""How good an environment is for a model: the strict check of a shared one, the lenient check of an old one."""

from __future__ import annotations

from dataclasses import dataclass

from envyard.definition import Definition
from envyard.driver import driver_identity
from envyard.environment import Environment
from envyard.errors import CommandFailed
from envyard.events import ignore
from envyard.fingerprint import Fingerprint
from envyard.health import Grade, check_health
from envyard.legacy import LegacyEnvironment, listing_of
from envyard.probe import LENIENT, Subject, probed, subject_of
from envyard.process import Cancellation
from envyard.profile import Probe
from envyard.restart import remember_proof, unproven
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`starts`: whether its python runs at all; `probed`: whether it was the probe that found it broken."""

    grade: Grade
    reasons: tuple[str, ...] = ()
    version: str = ""
    starts: bool = True
    probed: bool = False

    @property
    def words(self) -> str:
        return ": ".join(filter(None, [str(self.grade), "; ".join(self.reasons)]))


def judge_generation(
    store: Store,
    environment: Environment,
    definition: Definition,
    fingerprint: Fingerprint | None,
    *,
    again: bool,
    cancellation: Cancellation,
) -> Judgement:
    """The strict check: what `envs.list` looks at, the files once after a restart of the machine, and the probe."""
    health = check_health(environment, fingerprint)
    version = environment.interpreter.version
    if not health.grade.usable:
        return Judgement(grade=health.grade, reasons=health.reasons, version=version, starts=False)
    if unproven(store, environment):
        damage = _damage(store, environment, cancellation)
        if damage:
            return Judgement(grade=Grade.BROKEN, reasons=(damage,), version=version, starts=False)
    if definition.probe is None:
        return Judgement(grade=health.grade, reasons=health.reasons, version=version)
    subject = subject_of(store, environment, definition.environment)
    verdict = probed(subject, definition.probe, driver=driver_identity(), again=again, cancellation=cancellation)
    if verdict.grade == Grade.OK:
        return Judgement(grade=health.grade, reasons=health.reasons, version=verdict.version or version)
    reasons = (*verdict.reasons, *health.reasons)
    return Judgement(grade=verdict.grade, reasons=reasons, version=version, starts=bool(verdict.version), probed=True)


def judge_legacy(
    store: Store, legacy: LegacyEnvironment, probe: Probe | None, *, again: bool, cancellation: Cancellation
) -> Judgement:
    """The lenient check of an old environment; `probe` is that of the profile that would serve the model."""
    if legacy.problem:
        return Judgement(grade=Grade.BROKEN, reasons=(legacy.problem,), starts=False)
    subject = legacy_subject(store, legacy)
    wanted = lenient(probe)
    verdict = probed(subject, wanted, driver=driver_identity(), again=again, cancellation=cancellation)
    return Judgement(
        grade=verdict.grade,
        reasons=verdict.reasons,
        version=verdict.version,
        starts=bool(verdict.version),
        probed=True,
    )


def lenient(probe: Probe | None) -> Probe:
    """What an old environment must be able to do: the four libraries, and CUDA where the profile demands it.

    Where the profile is not about torch at all (llama.cpp), what the profile itself imports.
    """
    if probe is None:
        return LENIENT
    about_torch = not probe.imports or "torch" in probe.imports
    return Probe(imports=LENIENT.imports if about_torch else probe.imports, cuda=probe.cuda)


def legacy_subject(store: Store, legacy: LegacyEnvironment) -> Subject:
    return Subject(
        identity=str(legacy.path),
        python=legacy.python,
        listing=listing_of(legacy.venv),
        file=store.root / "legacy" / f"{legacy.name}.json",
        environment={},
    )


def _damage(store: Store, environment: Environment, cancellation: Cancellation) -> str:
    """What a restart of the machine did to the files, in words; "" when all of them survived."""
    from envyard.builder import audit  # what builds takes long to import, and is needed once after a restart
    from envyard.installers.base import Work

    work = Work(key=environment.key, listener=ignore, cancellation=cancellation)
    try:
        count = audit(environment.path, environment.path / environment.site_packages, work).problem_count
    except CommandFailed as error:
        return error.message
    if count:
        return f"{count} of its files did not survive a restart of the machine"
    remember_proof(store, environment)
    return ""
