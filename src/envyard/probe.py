"""What an environment can really do: tier 2 of its health, tried in its own python and remembered.

A verdict is kept with all that it depends on: the environment, the executable of its interpreter, its distributions,
the driver of the graphics card where the probe asks for CUDA, and the probe itself. When one of them is another, it is
tried again; and what is not good is tried again after an hour, since the cause may be gone (memory, a device in use).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.environment import Environment, distribution_folders
from envyard.errors import CommandFailed, EnvyardError
from envyard.files import write_json
from envyard.health import Grade
from envyard.jsonobject import json_object
from envyard.process import Cancellation, child_environment, environment_variable, run
from envyard.profile import Probe
from envyard.store import Store
from envyard.trial import STEP

AGAIN_SECONDS = 3600.0
TIMEOUT_SECONDS = 300.0  # a cold import of torch from a slow disk takes about a minute
LENIENT = Probe(imports=("torch", "transformers", "peft", "accelerate"))
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`grade` is `ok`, `degraded` (no CUDA) or `broken`; `checked` when, in seconds since the epoch."""

    grade: Grade
    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    version: str = ""
    checked: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a verdict is about. `identity` names the environment, `file` is where its verdicts are kept."""

    identity: str
    python: Path
    listing: tuple[str, ...]
    file: Path
    environment: Mapping[str, str]


def subject_of(store: Store, environment: Environment, variables: Mapping[str, str]) -> Subject:
    """A generation, with the `variables` of its profile."""
    listing: tuple[str, ...] = ()
    with contextlib.suppress(OSError):
        listing = distribution_folders(environment.path / environment.site_packages)
    return Subject(
        identity=environment.generation,
        python=environment.python,
        listing=listing,
        file=store.root / "leases" / environment.generation / "probe.json",  # goes with the generation
        environment=variables,
    )


def probed(
    subject: Subject, probe: Probe, *, driver: str = "", again: bool = False, cancellation: Cancellation | None = None
) -> Verdict:
    """The verdict, remembered or tried now; with `again` a remembered one counts only when it is good."""
    known = remembered(subject, probe, driver=driver)
    if known is not None and not (again and known.grade != Grade.OK):
        return known
    verdict = try_out(subject.python, probe, subject.environment, cancellation=cancellation)
    remember(subject, probe, verdict, driver=driver)
    return verdict


def remembered(subject: Subject, probe: Probe, *, driver: str = "") -> Verdict | None:
    """The verdict of before, if nothing that it depends on is another now."""
    try:
        data = json_object(subject.file.read_bytes())
        if data.inner("depends").values != _depends(subject, probe, driver):
            return None
        verdict = Verdict(
            grade=Grade(data.text("grade")),
            reasons=data.texts("reasons"),
            evidence=data.texts("evidence"),
            version=data.text("version"),
            checked=data.moment("checked"),
        )
    except (OSError, ValueError):
        return None
    expired = not 0 <= time.time() - verdict.checked <= AGAIN_SECONDS  # also what comes from the future
    return None if expired and verdict.grade != Grade.OK else verdict


def remember(subject: Subject, probe: Probe, verdict: Verdict, *, driver: str = "") -> None:
    """Keep a verdict; in a store that cannot be written it is simply tried again next time."""
    with contextlib.suppress(EnvyardError, OSError):
        write_json(
            subject.file,
            {
                "depends": _depends(subject, probe, driver),
                "grade": verdict.grade,
                "reasons": verdict.reasons,
                "evidence": verdict.evidence,
                "version": verdict.version,
                "checked": verdict.checked,
            },
            durable=False,
        )


def try_out(
    python: Path,
    probe: Probe,
    variables: Mapping[str, str],
    *,
    timeout: float = TIMEOUT_SECONDS,
    cancellation: Cancellation | None = None,
    pass_fds: Sequence[int] = (),
    log: Path | None = None,
) -> Verdict:
    """Run the probe in the environment's own python, apart from the caller's PYTHONPATH. Raises `Cancelled`."""
    spec = json.dumps({"imports": probe.imports, "cuda": probe.cuda, "code": probe.code})
    command: list[str | Path] = [python, "-I", "-B", _script(), spec]
    steps: list[str] = []
    try:
        completed = run(
            command,
            cwd=Path(python.anchor),
            environment=child_environment(variables),
            on_line=lambda line: steps.append(line.removeprefix(STEP)) if line.startswith(STEP) else None,
            cancellation=cancellation,
            pass_fds=pass_fds,
            log=log,
            timeout=timeout,
        )
    except CommandFailed as error:
        slow = bool(steps) or "did not end" in error.message
        words = f"{steps[-1] if steps else 'its start'} did not end within {timeout:g} s"
        return _broken(words if slow else error.message, error.details)
    doing = steps[-1] if steps else "its start"
    try:
        answer = json.loads(completed.stdout)
        problems, lacks = _texts(answer["problems"]), _texts(answer["lacks"])
        evidence, version = _texts(answer["evidence"]), str(answer["version"])
    except (ValueError, KeyError, TypeError):
        how = f"signal {-completed.returncode}" if completed.returncode < 0 else f"exit code {completed.returncode}"
        said = [line for line in completed.stderr.splitlines() if not line.startswith(STEP)]
        return _broken(
            f"its python ended while {doing} ({how})" if steps else f"its python does not start ({how})", said
        )
    grade = Grade.BROKEN if problems else Grade.DEGRADED if lacks else Grade.OK
    return Verdict(grade=grade, reasons=problems or lacks, evidence=evidence, version=version, checked=time.time())


def digest_of(probe: Probe, variables: Mapping[str, str]) -> str:
    """The identity of what is tried, and with which variables."""
    hidden = environment_variable("CUDA_VISIBLE_DEVICES", "-") if probe.cuda else ""
    text = json.dumps([probe.imports, probe.cuda, probe.code, sorted(variables.items()), hidden])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _depends(subject: Subject, probe: Probe, driver: str) -> dict[str, object]:
    """What a verdict depends on, ready for JSON; each part by itself, so that a person can see which one changed."""
    return {
        "format": _FORMAT,
        "environment": subject.identity,
        "python": _executable(subject.python),
        "listing": hashlib.sha256("\n".join(subject.listing).encode("utf-8", "surrogateescape")).hexdigest(),
        "driver": driver if probe.cuda else "",
        "probe": digest_of(probe, subject.environment),
    }


def _executable(python: Path) -> list[object]:
    """Which file a python is in the end: a patch release of its interpreter is another one."""
    real = os.path.realpath(python)
    try:
        status = os.stat(real)
    except OSError:
        return [real]
    return [real, status.st_size, status.st_mtime_ns]


def _broken(reason: str, evidence: Sequence[str]) -> Verdict:
    return Verdict(grade=Grade.BROKEN, reasons=(reason,), evidence=tuple(evidence)[-6:], checked=time.time())


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(str, values))


@functools.cache
def _script() -> Path:
    return Path(__file__).with_name("trial.py")
