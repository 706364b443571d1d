"""Asks uv's resolver whether requirements can be installed together, on every target, without installing anything.

The answer comes from uv's exit code: 0 resolved, 1 no solution, anything else "could not be asked". uv's prose is kept
for people; nothing is decided by it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from envyard.errors import EnvyardError, UsageError
from envyard.events import Listener, Phase, PhaseStarted, ignore
from envyard.findings import Findings
from envyard.installers.base import Work
from envyard.installers.failures import STORAGE
from envyard.installers.uv import Uv, explain_failure, find_uv, not_understood
from envyard.platforms import PLATFORMS
from envyard.process import Cancellation, Completed
from envyard.requirements import CONSTRAINT, parse_lockfile

_NO_SOLUTION = 1
_IMPATIENT = {"UV_HTTP_RETRIES": "1"}  # a question need not wait as long as an installation

_TELL_EVERY = 10  # runs; somebody waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the requirements shall hold: `python` is `3.11`, `platform` a name of `PLATFORMS`."""

    python: str
    platform: str

    def __str__(self) -> str:
        return f"Python {self.python} on {self.platform}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All of a question but the requirements themselves: the same for every attempt to find a set that resolves.

    - `indexes`: package indexes that go before the configured one; `torch_backend`: uv's `--torch-backend`, or "".
    - `folder`: where uv runs; its configuration there counts.
    - `options`: lines of requirement files that ask for nothing, such as `--extra-index-url`; they always hold.
    - `buildable`: names of local projects, behind `-e`, that may be built to read what they depend on.
    - `preferences`: pins, as in a lockfile, that are kept wherever they can be.
    """

    targets: tuple[Target, ...]
    folder: Path
    indexes: tuple[str, ...] = ()
    torch_backend: str = ""
    options: tuple[str, ...] = ()
    buildable: tuple[str, ...] = ()
    preferences: str = field(default="", repr=False)

    @property
    def context(self) -> tuple[object, ...]:
        """What an answer depends on besides the lines and the target."""
        return self.indexes, self.torch_backend, self.options


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether the requirements resolve on every target.

    `pins` are the versions on each target when they do; else `target` is the first where they do not, and `words`
    are uv's own.
    """

    resolves: bool
    pins: Mapping[Target, Mapping[str, str]] = field(default_factory=dict)
    target: Target | None = None
    words: str = ""


class NotAsked(EnvyardError):
    """The resolver could not answer: the index cannot be reached, refuses access, or uv does not understand a line."""


class NotUnderstood(NotAsked):
    """uv cannot read one of the lines."""


class TooManyRuns(EnvyardError):
    """The resolver ran as often as it may, without an end in sight."""


class Resolver:
    """Asks one `Question` with different requirements; the same requirements are asked once only.

        with Resolver(question, limit=200) as resolver:
            answer = resolver.ask(["torch==2.1.0", "torchvision==0.15.2"])

    A line is what a requirement file may hold, and `-c numpy<2` a constraint. `limit` is how often uv may run; `runs`
    how often it did; `doing` is what progress calls it; `findings` get every answer. Wheels only: what has none counts
    as not there, because a source distribution would have to be run to tell its requirements.
    """

    def __init__(
        self,
        question: Question,
        *,
        limit: int,
        key: str = "",
        doing: str = "asking the resolver",
        findings: Findings | None = None,
        listener: Listener = ignore,
        cancellation: Cancellation | None = None,
    ) -> None:
        uv = find_uv()
        if uv is None:
            raise NotAsked("requirements are resolved by uv, which is not installed", hint="run `pip install uv`")
        unknown = [target.platform for target in question.targets if target.platform not in PLATFORMS]
        if unknown:
            raise UsageError(f"`{unknown[0]}` is no platform", hint=f"known are {', '.join(PLATFORMS)}")
        self.question = question
        self.runs = 0
        self._uv: Uv = uv
        self._limit = limit
        self._doing = doing
        self._findings = findings
        self._work = Work(key=key, listener=listener, cancellation=cancellation or Cancellation())
        self._answers: dict[tuple[tuple[str, ...], tuple[Target, ...]], Answer] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="envyard-resolve-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._scratch is not None
        self._scratch.cleanup()

    def ask(self, lines: Sequence[str], on: Target | None = None) -> Answer:
        """Whether these requirements resolve together, on every target or on one of them.

        On one of them what follows from the findings is not asked; then a yes has no pins, and a no has no words.
        Raises `NotAsked`, `TooManyRuns`, `Cancelled`.
        """
        asked = tuple(line for line in lines if line), (self.question.targets if on is None else (on,))
        if asked not in self._answers:
            known = None if on is None else self._found(asked[0], on)
            self._answers[asked] = known or self._ask(*asked)
        return self._answers[asked]

    def has_source(self, line: str) -> bool:
        """Whether the index has what one requirement asks for, be it as a source distribution only."""
        return all(self._run([line], target, ["--no-deps"]).returncode == 0 for target in self.question.targets)

    def _ask(self, lines: tuple[str, ...], targets: tuple[Target, ...]) -> Answer:
        pins: dict[Target, Mapping[str, str]] = {}
        for target in targets:
            done = self._run(lines, target, self._builds)
            words = done.stderr.strip()
            if done.returncode == _NO_SOLUTION and not any(one.search(words) for one in STORAGE.values()):
                self._note(lines, target, resolves=False)
                return Answer(resolves=False, target=target, words=words)
            if done.returncode:
                failure = explain_failure(self._work, done, offline=False)
                problem = NotUnderstood if not_understood(done) else NotAsked
                raise problem(failure.message, hint=failure.hint, details=failure.details)
            pins[target] = {pin.name: pin.version for pin in parse_lockfile(self._output.read_text("utf-8"))}
            self._note(lines, target, resolves=True)
        return Answer(resolves=True, pins=pins)

    def _found(self, lines: tuple[str, ...], target: Target) -> Answer | None:
        if self._findings is None:
            return None
        resolves = self._findings.verdict(self.question.context, target, lines)
        return None if resolves is None else Answer(resolves=resolves, target=None if resolves else target)

    def _note(self, lines: tuple[str, ...], target: Target, *, resolves: bool) -> None:
        if self._findings is not None:
            self._findings.note(self.question.context, target, lines, resolves=resolves)

    def _run(self, lines: Sequence[str], target: Target, options: Sequence[str]) -> Completed:
        assert self._scratch is not None, "use it in a `with` block"
        if self.runs >= self._limit:
            raise TooManyRuns(f"no end after {self.runs} runs of the resolver")
        if self.runs % _TELL_EVERY == 0:
            so_far = f" ({self.runs} times so far)" if self.runs else ""
            self._work.tell(PhaseStarted(key=self._work.key, phase=Phase.RESOLVE, detail=f"{self._doing}{so_far}"))
        self.runs += 1
        folder = Path(self._scratch.name)
        file, constraints = folder / "requirements.in", folder / "constraints.in"
        narrowing = [line.removeprefix(CONSTRAINT) for line in lines if line.startswith(CONSTRAINT)]
        asking = [line for line in lines if not line.startswith(CONSTRAINT)]
        file.write_text("".join(f"{line}\n" for line in (*self.question.options, *asking)), encoding="utf-8")
        constraints.write_text("".join(f"{line}\n" for line in narrowing), encoding="utf-8")
        self._output.write_text(self.question.preferences, encoding="utf-8")
        given = [str(file), "--constraint", str(constraints), "--output-file", str(self._output)]
        arguments = [*given, *self._arguments(target), *options]
        question = self.question
        return self._uv.try_compile(arguments, question.folder, self._work, _IMPATIENT, question.options)

    @property
    def _builds(self) -> list[str]:
        """Nothing is built, or nothing but some."""
        if not self.question.buildable:
            return ["--no-build"]
        return ["--only-binary", ":all:", *(part for name in self.question.buildable for part in ("--no-binary", name))]

    @property
    def _output(self) -> Path:
        assert self._scratch is not None, "use it in a `with` block"
        return Path(self._scratch.name) / "pins.txt"

    def _arguments(self, target: Target) -> list[str]:
        question = self.question
        arguments = ["--python-version", target.python, "--python-platform", PLATFORMS[target.platform].uv]
        for address in question.indexes:
            arguments += ["--index", address]
        if question.torch_backend:
            arguments += ["--torch-backend", question.torch_backend]
        # Any Python will do, since nothing is built; without one named uv looks for one, which takes 100 to 700 ms.
        arguments += ["--python", sys.executable]
        return [*arguments, "--no-header", "--no-annotate", "--quiet"]
