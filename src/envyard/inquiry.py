"""Questions to the resolver about all the requirements of several environments together."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from envyard.contradictions import place_of
from envyard.demands import Demand
from envyard.errors import EnvyardError, InterpreterNotFound, RequirementsUnreadable
from envyard.events import Listener, ignore
from envyard.findings import Findings
from envyard.interpreter import find_preferred
from envyard.loosening import readable, without_local_version
from envyard.needs import Needs
from envyard.obstacles import Obstacle, backend_of
from envyard.platforms import this_platform
from envyard.process import Cancellation
from envyard.project import Workspace
from envyard.pythons import common_pythons
from envyard.relaxation import LIMIT, find_contradiction
from envyard.resolver import Answer, NotUnderstood, Question, Resolver, Target, TooManyRuns
from envyard.verdicts import Verdicts

_NAMED = 3  # environments of a group that progress names


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One environment, as the resolver is asked about it.

    `platforms` are those on which it can be installed, `left_out` the lines that cannot be asked about, and `notes` say
    so. `failure`: why it cannot be installed even by itself. `settled`: all this was found out.
    """

    needs: Needs
    platforms: tuple[str, ...]
    left_out: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    failure: Obstacle | None = None
    settled: bool = False


@dataclass(slots=True, kw_only=True)
class Inquiry:
    """Asks the resolver about environments of `workspace`; `runs` counts how often.

    `preferences` are pins to keep where they can be. `common`: the common index is asked in place of those that cannot
    be reached, which has the same versions without their local part (`+cu121`). With `findings` nothing is asked that
    follows from what was asked before, and a no is reduced to the lines that exclude each other.
    """

    workspace: Workspace
    preferences: str = ""
    listener: Listener = ignore
    cancellation: Cancellation = field(default_factory=Cancellation)
    common: bool = False
    findings: Findings | None = None
    runs: int = 0

    def ask(self, sides: Sequence[Side], python: str, *, remembered: bool = False) -> Answer:
        """Whether all the sides resolve together; with `remembered` an earlier yes counts, which has no pins."""
        question, lines = self.question(sides, python), tuple(self.lines(sides))
        verdicts = Verdicts(store=self.workspace.store, key=_called(sides))
        if remembered and verdicts.known(lines, question):
            return Answer(resolves=True)
        if self.refused(sides, python):
            return Answer(resolves=False)
        with self.resolver(sides, python) as resolver:
            try:
                answer = self._expected(resolver, lines)
                if answer is None:
                    answer = resolver.ask(lines)
                    self._learn(resolver, answer, lines)
            except NotUnderstood as error:
                raise _blaming(error, self.lines(sides), self.workspace.root) from error
            finally:
                self.runs += resolver.runs
        if answer.resolves:
            verdicts.remember(lines, question)
        return answer

    def refused(self, sides: Sequence[Side], python: str) -> bool:
        """Whether it follows from the findings that the sides do not resolve together with this Python."""
        if self.findings is None:
            return False
        question, lines = self.question(sides, python), self.lines(sides)
        return any(self.findings.verdict(question.context, target, lines) is False for target in question.targets)

    def _expected(self, resolver: Resolver, lines: Sequence[str]) -> Answer | None:
        """What excludes each other with another Python most often does so with this one: a small question."""
        parts = self.findings.failing_parts(resolver.question.context, lines) if self.findings else []
        for part in parts:
            answer = resolver.ask([line for line in lines if line in part], resolver.question.targets[0])
            if not answer.resolves:
                return answer
        return None

    def _learn(self, resolver: Resolver, answer: Answer, lines: Sequence[str]) -> None:
        """Which lines are to blame for a no: what holds for these holds for all who ask for them."""
        if self.findings is not None and not answer.resolves:
            with contextlib.suppress(TooManyRuns):
                find_contradiction(resolver, lines)

    def resolver(self, sides: Sequence[Side], python: str, *, doing: str = "asking the resolver") -> Resolver:
        return Resolver(
            self.question(sides, python),
            limit=LIMIT,
            key=_called(sides),
            doing=doing,
            findings=self.findings,
            listener=self.listener,
            cancellation=self.cancellation,
        )

    def lines(self, sides: Sequence[Side]) -> dict[str, tuple[Demand, ...]]:
        """What the resolver is asked about, each line with everybody who asks for it."""
        found: dict[str, tuple[Demand, ...]] = {}
        for side in sides:
            for demand in side.needs.requirements:
                line = without_local_version(demand.line) if self.common else demand.line
                if line not in side.left_out:
                    found[line] = (*found.get(line, ()), demand)
        return found

    def question(self, sides: Sequence[Side], python: str) -> Question:
        projects = [demand.package for side in sides for demand in side.needs.requirements if demand.package]
        options = [demand.line for side in sides for demand in side.needs.options]
        indexes = [] if self.common else [address for side in sides for address in side.needs.definition.indexes]
        backends = [] if self.common else [backend_of(side.needs) for side in sides]
        return Question(
            targets=tuple(Target(python=python, platform=name) for name in platforms_of(sides)),
            folder=self.workspace.root,
            indexes=tuple(dict.fromkeys(indexes)),
            torch_backend=next(filter(None, backends), ""),
            options=tuple(dict.fromkeys(options)),
            buildable=tuple(dict.fromkeys(projects)),
            preferences=self.preferences,
        )


def side_of(needs: Needs) -> Side:
    """An environment about which nothing was asked yet."""
    return Side(needs=needs, platforms=needs.platforms)


def platforms_of(sides: Sequence[Side]) -> tuple[str, ...]:
    """The platforms that all have in common, this one first."""
    common = [name for name in sides[0].platforms if all(name in side.platforms for side in sides)]
    return tuple(sorted(common, key=lambda name: name != this_platform()))


def pythons_of(sides: Sequence[Side]) -> tuple[str, ...]:
    """The Python versions that all allow: those that they are made from on this machine, then the newest."""
    common = common_pythons([python for side in sides for python, _demand in side.needs.pythons])
    preferred = []
    for side in sides:
        definition = side.needs.definition
        with contextlib.suppress(InterpreterNotFound):
            preferred.append(
                find_preferred(definition.preferred_python, definition.python, definition.python_key).minor
            )
    return tuple(sorted(common, key=lambda version: ".".join(version.split(".")[:2]) not in preferred))


def keys_of(sides: Sequence[Side]) -> tuple[str, ...]:
    """Their env keys."""
    return tuple(side.needs.key for side in sides)


def called(keys: Sequence[str]) -> str:
    """Several env keys in few words."""
    shown = keys if len(keys) <= _NAMED + 1 else [*keys[:_NAMED], f"{len(keys) - _NAMED} more"]
    return " + ".join(shown)


def _blaming(error: NotUnderstood, lines: Mapping[str, Sequence[Demand]], root: Path) -> EnvyardError:
    """The error with the place of the line, which the resolver had from a file of its own."""
    for line, demands in lines.items():
        if not line.startswith("-") and not readable(line):
            demand = demands[0]
            problem = f"`{demand.text}` is not understood"
            hint = "correct the line: `name==1.0`, `name[extra]>=1,<2`"
            where = place_of(demand.file, root, demand.number)
            return RequirementsUnreadable(f"{where}{problem}", hint=hint, details=error.details[1:2])
    return error


def _called(sides: Sequence[Side]) -> str:
    return called(keys_of(sides))
