"""Why environments cannot be one, as far as their settings say it: no resolver has to be asked for that."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from envyard.demands import Demand
from envyard.needs import Needs
from envyard.pythons import common_pythons
from envyard.resolver import Target

_INDEX = re.compile(r"(?:-i|--index-url)[\s=]")


class Cause(StrEnum):
    """What stands in the way."""

    PYTHON = "python"
    PLATFORMS = "platforms"
    TORCH_BACKEND = "torch-backend"
    INDEX = "index"
    PACKAGE = "package"
    REQUIREMENTS = "requirements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One reason why environments cannot be one.

    `demands` are the lines that exclude each other, none of which could be left out; `reasons` say why, in words.
    `target` is where the resolver found no solution. `alone` is the env key whose requirements cannot be installed by
    themselves, or "".
    """

    cause: Cause
    demands: tuple[Demand, ...]
    reasons: tuple[str, ...]
    target: Target | None = None
    alone: str = ""


def backend_of(needs: Needs) -> str:
    """The torch backend that is asked for, or "": `auto` asks for whatever the machine has."""
    backend = needs.definition.torch_backend
    return "" if backend == "auto" else backend


def setting_obstacles(group: Sequence[Needs]) -> tuple[Obstacle, ...]:
    """What the settings of environments have against each other."""
    found = [_python(group), _platforms(group), *_pairs(group, _torch_backend)]
    return tuple(one for one in [*found, *_pairs(group, _index), *_pairs(group, _package)] if one is not None)


def _python(group: Sequence[Needs]) -> Obstacle | None:
    requests = [request for needs in group for request in needs.pythons]
    if common_pythons([python for python, _demand in requests]):
        return None
    pairs = (pair for pair in itertools.combinations(requests, 2) if not common_pythons([one[0] for one in pair]))
    shown = next(pairs, requests)
    demands = tuple(demand for _python, demand in shown)
    return Obstacle(cause=Cause.PYTHON, demands=demands, reasons=("no Python version satisfies all of these",))


def _platforms(group: Sequence[Needs]) -> Obstacle | None:
    if set.intersection(*(set(needs.platforms) for needs in group)):
        return None
    demands = tuple(needs.settings["platforms"] for needs in group)
    return Obstacle(cause=Cause.PLATFORMS, demands=demands, reasons=("there is no platform that all of them serve",))


def _torch_backend(one: Needs, other: Needs) -> Obstacle | None:
    if "" in (backend_of(one), backend_of(other)) or backend_of(one) == backend_of(other):
        return None
    return Obstacle(
        cause=Cause.TORCH_BACKEND,
        demands=(one.settings["torch-backend"], other.settings["torch-backend"]),
        reasons=("one environment holds one build of torch",),
    )


def _index(one: Needs, other: Needs) -> Obstacle | None:
    ours, theirs = ([each for each in needs.options if _INDEX.match(each.line)] for needs in (one, other))
    if not ours or not theirs or ours[-1].line == theirs[-1].line:
        return None
    reason = "one environment is installed from one package index; others may only be added to it"
    return Obstacle(cause=Cause.INDEX, demands=(ours[-1], theirs[-1]), reasons=(reason,))


def _package(one: Needs, other: Needs) -> Obstacle | None:
    if not one.package or one.package != other.package or one.definition.editable == other.definition.editable:
        return None
    return Obstacle(
        cause=Cause.PACKAGE,
        demands=(one.settings["editable"], other.settings["editable"]),
        reasons=(f"both install themselves as a package `{one.package}`, and one environment holds only one",),
    )


def _pairs(group: Sequence[Needs], look: Callable[[Needs, Needs], Obstacle | None]) -> Iterator[Obstacle | None]:
    return itertools.starmap(look, itertools.combinations(group, 2))
