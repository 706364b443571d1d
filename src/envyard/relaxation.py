"""The smallest relaxation of a set of pins that really resolves, found by asking the resolver.

A *contradiction* is a set of lines that cannot be installed together, none of which can be left out: it is found by
leaving lines out and asking again. Every relaxation must loosen one line of each contradiction. So the smallest sets
that do so for all contradictions known are tried; one that does not resolve shows a further contradiction. The first
that resolves is a smallest one, whatever the packages are.

Of several smallest the one that changes least is taken: the same minor version before the same major before any; then
the lines further down, because what a stack is built on usually stands above. All of it is deterministic.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from envyard.loosening import Level, around, can_loosen, exact_version, loosened, says_enough
from envyard.profiledraft import package_of
from envyard.reasons import mentioned, reasons
from envyard.resolver import Answer, Resolver, Target, TooManyRuns

LIMIT = 250  # runs of uv; real profiles need 10 to 60
_FEW = 8  # lines that are left out one by one
_CANDIDATES = 24  # smallest sets that are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Lines that cannot be installed together on `target`, none of which can be left out, and why."""

    lines: tuple[str, ...]
    target: Target
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line to loosen: `before` becomes `after`, which resolves to `version` (several: one for each target)."""

    before: str
    after: str
    package: str
    version: str
    level: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """What to change so that everything resolves.

    - `changes` is empty when nothing has to be; `found` says whether there is a set of lines that resolves.
    - `smallest`: no smaller set does; False when the resolver had run too often to know.
    - `runs`: how often the resolver ran; `note`: why there is none.
    """

    changes: tuple[Change, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    found: bool = True
    smallest: bool = True
    runs: int = 0
    note: str = ""
    answer: Answer | None = field(default=None, repr=False)


def find_contradiction(resolver: Resolver, lines: Sequence[str]) -> Contradiction | None:
    """A smallest part of `lines` that does not resolve, or None when everything does. Raises `NotAsked`."""
    answer = resolver.ask(lines)
    return None if answer.resolves else _contradiction(resolver, lines, answer)


def find_relaxation(resolver: Resolver, lines: Sequence[str]) -> Relaxation:
    """The smallest set of lines to loosen, and how far. Raises `NotAsked` when the resolver cannot be asked."""
    known: list[Contradiction] = []
    try:
        chosen = _smallest_sets(resolver, lines, known)
        if not chosen:
            return _result(resolver, known, found=False, note=_no_way_out(known[-1]))
        changes, answer = _least_change(resolver, lines, chosen)
        return _result(resolver, known, changes=changes, answer=answer)
    except TooManyRuns as error:
        return _result(resolver, known, found=False, smallest=False, note=error.message)


def _result(
    resolver: Resolver,
    known: Sequence[Contradiction],
    *,
    changes: tuple[Change, ...] = (),
    found: bool = True,
    smallest: bool = True,
    note: str = "",
    answer: Answer | None = None,
) -> Relaxation:
    return Relaxation(
        changes=changes,
        contradictions=tuple(known),
        found=found,
        smallest=smallest,
        runs=resolver.runs,
        note=note,
        answer=answer,
    )


# --- contradictions


def _contradiction(resolver: Resolver, lines: Sequence[str], answer: Answer) -> Contradiction:
    """Leave lines out of a set that fails, as long as the rest fails too, on the target where it failed."""
    core = list(lines)
    hinted = mentioned(answer.words, lines, [package_of(line) for line in lines])
    if hinted and len(hinted) < len(core):
        narrower = resolver.ask(hinted, answer.target)
        if not narrower.resolves:
            core, answer = list(hinted), narrower
    core, answer = _without_spare(resolver, core, answer)
    assert answer.target is not None
    return Contradiction(lines=tuple(core), target=answer.target, reasons=reasons(answer.words, _exact_versions(core)))


def _without_spare(resolver: Resolver, lines: list[str], answer: Answer) -> tuple[list[str], Answer]:
    """The lines that are needed for the failure, and the failure of those alone.

    Whole parts are left out first and halved where that does not fail. The result is that of leaving out one line after
    the other, with fewer questions where many lines have nothing to do with it.
    """
    parts = [lines]
    if len(lines) <= _FEW:
        parts = [[line] for line in lines]
    core = list(lines)
    while parts:
        part = parts.pop(0)
        rest = [line for line in core if line not in part]
        without = resolver.ask(rest, answer.target)
        if not without.resolves:
            core, answer = rest, without
        elif len(part) > 1:
            middle = len(part) // 2
            parts[:0] = [part[:middle], part[middle:]]
    return core, answer


def _exact_versions(lines: Sequence[str]) -> dict[str, str]:
    """The version that the lines pin for each package, "" where they pin none or several."""
    found: dict[str, str] = {}
    for line in lines:
        package, version = package_of(line), exact_version(line)
        found[package] = version if found.get(package, version) == version else ""
    return found


# --- the smallest sets


def _smallest_sets(resolver: Resolver, lines: Sequence[str], known: list[Contradiction]) -> tuple[tuple[str, ...], ...]:
    """The smallest sets of lines that resolve once they allow any version; fills `known`.

    `((),)` when nothing has to be loosened, `()` when a contradiction has nothing that could be.
    """
    while True:
        tried = tuple(itertools.islice(_hitting_sets(lines, known), _CANDIDATES))
        if not tried:
            return ()
        good = []
        for chosen in tried:
            attempt = _apply(lines, chosen, lambda line: loosened(line, Level.ANY))
            answer = resolver.ask(attempt)
            if answer.resolves:
                good.append(chosen)
            elif not good:
                found = _contradiction(resolver, attempt, answer)
                known.append(found)
                if not any(can_loosen(line) for line in found.lines):
                    return ()
                break
        if good:
            return tuple(good)


def _hitting_sets(lines: Sequence[str], known: Sequence[Contradiction]) -> Iterator[tuple[str, ...]]:
    """The sets of fewest lines that have one of each contradiction, those further down in `lines` first."""
    open_ones = [[line for line in one.lines if can_loosen(line)] for one in known]
    pool = [line for line in reversed(lines) if any(line in one for one in open_ones)]
    for number in range(len(pool) + 1):
        fitting = [
            chosen
            for chosen in itertools.combinations(pool, number)
            if all(any(line in chosen for line in one) for one in open_ones)
        ]
        if fitting:
            yield from fitting
            return


def _least_change(
    resolver: Resolver, lines: Sequence[str], candidates: Sequence[tuple[str, ...]]
) -> tuple[tuple[Change, ...], Answer]:
    """Of the sets that resolve when they allow any version, the one that resolves with the least change."""
    for level in (Level.MINOR, Level.MAJOR, Level.ANY):
        for chosen in candidates:
            levels = dict.fromkeys(chosen, level)
            if _at(resolver, lines, levels).resolves:
                return _tightened(resolver, lines, levels)
    raise AssertionError("they resolved with any version before")


def _tightened(resolver: Resolver, lines: Sequence[str], levels: dict[str, Level]) -> tuple[tuple[Change, ...], Answer]:
    """Each line of the set back as far as the others let it, then written around what it resolves to."""
    for line in [one for one in lines if one in levels]:
        for level in Level:
            if Level.AS_WRITTEN < level < levels[line] and _at(resolver, lines, {**levels, line: level}).resolves:
                levels[line] = level
                break
    answer = _at(resolver, lines, levels)
    after = {line: loosened(line, level) for line, level in levels.items()}
    for line in levels:
        versions = _versions(answer, package_of(line))
        if len(versions) == 1 and not says_enough(after[line]):
            narrow = {**after, line: around(line, versions[0])}
            if resolver.ask(_apply(lines, levels, narrow.__getitem__)).resolves:
                after = narrow
    answer = resolver.ask(_apply(lines, levels, after.__getitem__))
    changes = tuple(
        Change(
            before=line,
            after=after[line],
            package=package_of(line),
            version=" | ".join(_versions(answer, package_of(line))),
            level=levels[line],
        )
        for line in lines
        if line in levels
    )
    return changes, answer


def _at(resolver: Resolver, lines: Sequence[str], levels: dict[str, Level]) -> Answer:
    return resolver.ask(_apply(lines, levels, lambda line: loosened(line, levels[line])))


def _apply(lines: Sequence[str], chosen: Sequence[str] | dict[str, Level], change: Callable[[str], str]) -> list[str]:
    return [change(line) if line in chosen else line for line in lines]


def _versions(answer: Answer, package: str) -> list[str]:
    return list(dict.fromkeys(pins[package] for pins in answer.pins.values() if package in pins))


def _no_way_out(last: Contradiction) -> str:
    what = " and ".join(f"`{line}`" for line in last.lines)
    return f"loosening versions does not help: {what} cannot be installed with {last.target}"
