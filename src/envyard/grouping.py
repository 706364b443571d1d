"""The fewest groups that hold all members, when some sets of members cannot be in one group.

That is the smallest cover of a graph by cliques, with one difference: members that fit in pairs need not fit all
together, so every group has to be tried as a whole. What does not fit does not fit in a larger group either.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

EXACT = 12
"""Members for which the smallest number of groups is searched for; beyond, groups are filled one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping(Generic[T]):
    """Groups of members that were all tried as a whole.

    `apart` are smallest sets that were seen not to fit; `proven`: they rule out fewer groups.
    """

    groups: tuple[tuple[T, ...], ...]
    apart: tuple[frozenset[T], ...]
    proven: bool


def fewest_groups(
    members: Sequence[T], fits: Callable[[Sequence[T]], bool], apart: Collection[frozenset[T]] = ()
) -> Grouping[T]:
    """The fewest groups, exactly for at most `EXACT` members, with earlier members in earlier groups.

    `fits` says whether several members fit in one group (one always does); `apart` are sets known not to.
    """
    known = list(apart)
    tried: dict[frozenset[T], bool] = {}

    def try_all(group: Sequence[T]) -> bool:
        together = frozenset(group)
        if len(together) < 2:
            return True
        if any(one <= together for one in known):
            return False
        if together not in tried:
            tried[together] = fits(group)
        return tried[together]

    if len(members) > EXACT:
        groups = _first_fit(members, try_all, known)
        needed = max(len(_mutually_apart(members, known)), 1)
        return Grouping(groups=groups, apart=tuple(known), proven=len(groups) <= needed)
    while True:
        groups = _smallest_partition(members, known)
        wrong = next((group for group in groups if not try_all(group)), None)
        if wrong is None:
            return Grouping(groups=groups, apart=tuple(known), proven=True)
        known.append(_smallest_misfit(wrong, try_all))


def _smallest_misfit(group: Sequence[T], try_all: Callable[[Sequence[T]], bool]) -> frozenset[T]:
    """Members are left out of a group that does not fit as long as the rest does not fit either."""
    rest = list(group)
    for member in group:
        without = [one for one in rest if one != member]
        if not try_all(without):
            rest = without
    return frozenset(rest)


def _first_fit(
    members: Sequence[T], try_all: Callable[[Sequence[T]], bool], known: list[frozenset[T]]
) -> tuple[tuple[T, ...], ...]:
    """Each member in the first group that it fits into; what it does not fit to is added to `known`."""
    groups: list[list[T]] = []
    for member in members:
        for group in groups:
            if try_all([*group, member]):
                group.append(member)
                break
            if len(group) == 1:
                known.append(frozenset([*group, member]))
        else:
            groups.append([member])
    return tuple(map(tuple, groups))


def _smallest_partition(members: Sequence[T], apart: Collection[frozenset[T]]) -> tuple[tuple[T, ...], ...]:
    """A partition into the fewest groups that have no set of `apart` within them."""
    by_member = {member: [one - {member} for one in apart if member in one] for member in members}
    groups: list[list[T]] = []

    def place(position: int, limit: int) -> bool:
        if position == len(members):
            return True
        member = members[position]
        for group in groups:
            if not any(others <= set(group) for others in by_member[member]):
                group.append(member)
                if place(position + 1, limit):
                    return True
                group.pop()
        if len(groups) < limit:
            groups.append([member])
            if place(position + 1, limit):
                return True
            groups.pop()
        return False

    fewest = len(_mutually_apart(members, apart))
    next(limit for limit in itertools.count(fewest) if place(0, limit))
    return tuple(map(tuple, groups))


def _mutually_apart(members: Sequence[T], apart: Collection[frozenset[T]]) -> list[T]:
    """Members of which no two fit together, as many as are found quickly: as many groups are needed."""
    pairs = {one for one in apart if len(one) == 2}
    degree = {member: sum(member in pair for pair in pairs) for member in members}
    found: list[T] = []
    for member in sorted(members, key=lambda member: -degree[member]):
        if all(frozenset([member, other]) in pairs for other in found):
            found.append(member)
    return found
