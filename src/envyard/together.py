"""Can several environments be one? Found by asking the resolver about all their requirements together.

A yes is a resolution on every platform that they have in common, with one Python. A no is a smallest set of lines that
cannot be installed together, for which lines are left out as long as the rest fails too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from envyard.contradictions import source_note, without_sources
from envyard.demands import Demand
from envyard.inquiry import Inquiry, Side, keys_of, platforms_of, pythons_of
from envyard.obstacles import Cause, Obstacle, backend_of, setting_obstacles
from envyard.platforms import this_platform
from envyard.reasons import reasons
from envyard.relaxation import Contradiction, find_contradiction
from envyard.resolver import Answer, NotAsked, Target, TooManyRuns

_OBSTACLES = 10  # that are searched for; further ones are found when these are gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Whether the environments `keys` can be one.

    - `targets`: what was asked about; `pins`: the versions that all would have, on each target.
    - `obstacles`: what stands in the way otherwise.
    - `notes`: what the answer does not cover; `runs`: how often the resolver ran.
    """

    keys: tuple[str, ...]
    possible: bool
    targets: tuple[Target, ...] = ()
    pins: Mapping[Target, Mapping[str, str]] = field(default_factory=dict)
    obstacles: tuple[Obstacle, ...] = ()
    notes: tuple[str, ...] = ()
    runs: int = 0


def share(inquiry: Inquiry, sides: Sequence[Side], *, explain: bool = True, remembered: bool = False) -> Sharing:
    """Whether the environments can be one; without `explain` a no has no reasons.

    With `remembered` what resolved in an earlier run is not asked again; such a yes has no pins.

    Raises `NotAsked` when the resolver cannot be asked.
    """
    obstacles = setting_obstacles([side.needs for side in sides])
    if obstacles:
        return Sharing(keys=keys_of(sides), possible=False, obstacles=obstacles)
    before = inquiry.runs
    try:
        found = _share(inquiry, sides, explain, remembered)
    except NotAsked as error:
        special = any(backend_of(side.needs) or side.needs.definition.indexes for side in sides)
        if inquiry.common or not special:
            raise
        inquiry.common = True
        try:
            found = _share(inquiry, sides, explain, remembered)
        finally:
            inquiry.common = False
        note = "the package index of one of them could not be asked, so this holds for the common index"
        found = replace(found, notes=(*found.notes, f"{note} ({error.message})"))
    return replace(found, runs=inquiry.runs - before)


def _share(inquiry: Inquiry, sides: Sequence[Side], explain: bool, remembered: bool) -> Sharing:
    if not platforms_of(sides):
        return _nowhere(inquiry, sides, pythons_of(sides)[0])
    for python in pythons_of(sides):
        answer = inquiry.ask(sides, python, remembered=remembered)
        if answer.resolves:
            return _result(inquiry, sides, python, possible=True, pins=answer.pins)
    python = pythons_of(sides)[0]
    obstacles, notes, own = _obstacles(inquiry, sides, python) if explain else ((), (), False)
    if own and not all(side.settled for side in sides):
        settled = [settle(inquiry, side, python, platforms_of(sides)) for side in sides]
        failures = tuple(side.failure for side in settled if side.failure is not None)
        if failures:
            return _result(inquiry, settled, python, possible=False, obstacles=failures)
        return _share(inquiry, settled, explain, remembered)
    return _result(inquiry, sides, python, possible=False, obstacles=obstacles, notes=notes)


def _result(
    inquiry: Inquiry,
    sides: Sequence[Side],
    python: str,
    *,
    possible: bool,
    pins: Mapping[Target, Mapping[str, str]] | None = None,
    obstacles: tuple[Obstacle, ...] = (),
    notes: tuple[str, ...] = (),
) -> Sharing:
    tried = () if possible else pythons_of(sides)[1:]
    others = (f"nor do they fit together with Python {' or '.join(tried)}",) if tried and obstacles else ()
    return Sharing(
        keys=keys_of(sides),
        possible=possible,
        targets=inquiry.question(sides, python).targets,
        pins=pins or {},
        obstacles=obstacles,
        notes=(*(note for side in sides for note in side.notes), *notes, *others),
    )


# --- one environment by itself


def settle(inquiry: Inquiry, side: Side, python: str, platforms: Sequence[str] = ()) -> Side:
    """What can be asked about one environment: where it can be installed at all, and without what only a build tells.

    As for its lockfile, a platform on which it cannot be installed does not count, unless it is this one.
    """
    possible = tuple(name for name in side.platforms if not platforms or name in platforms)
    side = replace(side, platforms=possible, settled=True)
    if inquiry.ask([side], python, remembered=True).resolves:
        return side
    while True:
        lines = inquiry.lines([side])
        with inquiry.resolver([side], python) as resolver:
            try:
                answer = resolver.ask(tuple(lines))
                if answer.resolves:
                    return side
                assert answer.target is not None
                where = answer.target.platform
                if where != this_platform() and len(side.platforms) > 1:
                    note = f"`{side.needs.key}` cannot be installed on {where}, so that platform does not count"
                    rest = tuple(name for name in side.platforms if name != where)
                    side = replace(side, platforms=rest, notes=(*side.notes, note))
                    continue
                _rest, found, sources = without_sources(resolver, tuple(lines))
            except TooManyRuns:
                found, sources = _unreduced(lines, answer), ()
            finally:
                inquiry.runs += resolver.runs
        side = replace(side, left_out=side.left_out | set(sources))
        if sources:
            side = replace(side, notes=(*side.notes, f"`{side.needs.key}`: {source_note(sources)}"))
        if found is not None:
            side = replace(side, failure=_obstacle(found, lines, alone=side.needs.key))
        return side


def _nowhere(inquiry: Inquiry, sides: Sequence[Side], python: str) -> Sharing:
    obstacle = Obstacle(
        cause=Cause.PLATFORMS,
        demands=tuple(side.needs.settings["platforms"] for side in sides),
        reasons=("there is no platform on which all of them can be installed",),
    )
    return _result(inquiry, sides, python, possible=False, obstacles=(obstacle,))


# --- why not


def _obstacles(
    inquiry: Inquiry, sides: Sequence[Side], python: str
) -> tuple[tuple[Obstacle, ...], tuple[str, ...], bool]:
    """The contradictions between two sides, what else is to be said, and whether one fails by itself.

    After each one the lines in it that only the first side asks for are left out, until the rest resolves. What the
    first side would have to give up is therefore complete.
    """
    lines = inquiry.lines(sides)
    first = sides[0].needs.key
    obstacles: list[Obstacle] = []
    notes: tuple[str, ...] = ()
    rest, own = list(lines), False
    with inquiry.resolver(sides, python, doing="looking for the lines that exclude each other") as resolver:
        answer = resolver.ask(rest)
        good = resolver.question.targets[: resolver.question.targets.index(answer.target)] if answer.target else ()
        if good:
            notes = (f"they do fit together on {' and '.join(target.platform for target in good)}",)
        try:
            while not own and len(obstacles) < _OBSTACLES and (found := find_contradiction(resolver, rest)) is not None:
                askers = [{demand.key for demand in lines[line]} for line in found.lines]
                own = bool(set.intersection(*askers))
                obstacles.append(_obstacle(found, lines))
                rest = [line for line in rest if line not in found.lines or {one.key for one in lines[line]} != {first}]
        except TooManyRuns as error:
            obstacles = obstacles or [_obstacle(_unreduced(lines, answer), lines)]
            notes += (f"there may be fewer lines to change than these: {error.message}",)
        inquiry.runs += resolver.runs
    return tuple(obstacles), notes, own


def _unreduced(lines: Mapping[str, Sequence[Demand]], answer: Answer) -> Contradiction:
    assert answer.target is not None
    return Contradiction(lines=tuple(lines), target=answer.target, reasons=reasons(answer.words, {}))


def _obstacle(found: Contradiction, lines: Mapping[str, Sequence[Demand]], *, alone: str = "") -> Obstacle:
    demands = tuple(demand for line in found.lines for demand in lines[line])
    return Obstacle(cause=Cause.REQUIREMENTS, demands=demands, reasons=found.reasons, target=found.target, alone=alone)
