"""The numbers of a run: samples, ratios taken round by round, and whether a target was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One timed run: wall clock, user + system time of all its processes, bytes on disk (0: not counted)."""

    seconds: float
    cpu_seconds: float
    disk: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median, smallest and largest of the rounds."""

    median: float
    low: float
    high: float


@dataclass(slots=True, kw_only=True)
class Result:
    """What one alternative did in all rounds, `units` environments a run; `failure` says why it was given up."""

    name: str
    units: int = 1
    samples: list[Sample] = field(default_factory=list)
    failure: str = ""

    @property
    def measured(self) -> bool:
        return bool(self.samples) and not self.failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A promise: `subject` compared with `against` stays at or below `limit`.

    - `ratio`: subject / against, in seconds or bytes of disk.
    - `difference`: subject - against, in seconds.
    - `value`: seconds of the subject alone.
    - `unit ratio`: seconds for each environment, subject / against.
    """

    subject: str
    limit: float
    against: str = ""
    comparison: Literal["ratio", "difference", "value", "unit ratio"] = "ratio"
    quantity: Literal["seconds", "disk"] = "seconds"

    def __str__(self) -> str:
        what = "disk of " if self.quantity == "disk" else ""
        match self.comparison:
            case "ratio":
                return f"{what}{self.subject} <= {self.limit:g} x {self.against}"
            case "difference":
                return f"{self.subject} minus {self.against} <= {self.limit:g} s"
            case "unit ratio":
                return f"seconds for each of {self.subject} <= {self.limit:g} x for each of {self.against}"
            case _:
                return f"{self.subject} <= {self.limit:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A target and what was measured; `value` is None when one side has no samples."""

    target: Target
    value: Spread | None

    @property
    def reached(self) -> bool:
        return self.value is not None and self.value.median <= self.target.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """A measured scenario. `subject` is the row that the ratios are taken for, "" for none."""

    name: str
    title: str
    notes: tuple[str, ...]
    subject: str
    results: tuple[Result, ...]
    targets: tuple[Target, ...]
    load_before: float

    def find(self, name: str) -> Result | None:
        """The result of that alternative, when it has samples."""
        return next((result for result in self.results if result.name == name and result.measured), None)

    def scored(self) -> tuple[Scored, ...]:
        """Every target with its measured value."""
        return tuple(Scored(target=target, value=self._value(target)) for target in self.targets)

    def _value(self, target: Target) -> Spread | None:
        subject = self.find(target.subject)
        if subject is None:
            return None
        if target.comparison == "value":
            return seconds(subject)
        against = self.find(target.against)
        if against is None:
            return None
        if target.comparison == "difference":
            return paired(subject, against, lambda one, other: one.seconds - other.seconds)
        if target.comparison == "unit ratio":
            scale = against.units / subject.units
            return paired(subject, against, lambda one, other: one.seconds / other.seconds * scale)
        return ratio(subject, against, target.quantity)


def spread(values: list[float]) -> Spread:
    """Median, low, high of at least one value."""
    return Spread(median=median(values), low=min(values), high=max(values))


def seconds(result: Result) -> Spread:
    """Wall-clock seconds over the rounds."""
    return spread([sample.seconds for sample in result.samples])


def ratio(subject: Result, against: Result, quantity: Literal["seconds", "disk"] = "seconds") -> Spread | None:
    """Subject / against, one ratio a round: neighbours in time share what else the machine was doing."""
    if quantity == "disk":
        if not all(sample.disk for sample in against.samples):
            return None
        return paired(subject, against, lambda one, other: one.disk / other.disk)
    return paired(subject, against, lambda one, other: one.seconds / other.seconds)


def paired(subject: Result, against: Result, compare: Callable[[Sample, Sample], float]) -> Spread:
    """`compare` applied to the samples of the same round."""
    pairs = zip(subject.samples, against.samples, strict=True)
    return spread([compare(one, other) for one, other in pairs])
