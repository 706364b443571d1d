"""The fewest groups that hold all members, when some sets of members cannot be in one group.

That is the smallest cover of a graph by cliques, with one difference: members that fit in pairs need not fit all
together, so a set that cannot be in one group may have any size.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

STEPS = 50_000
"""Members that are put into a group, or taken out again, before the search for fewer groups is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping(Generic[T]):
    """Groups of members. `proven`: there cannot be fewer."""

    groups: tuple[tuple[T, ...], ...]
    proven: bool


def fewest_groups(members: Sequence[T], apart: Collection[frozenset[T]]) -> Grouping[T]:
    """The fewest groups without a set of `apart` within them, with earlier members in earlier groups.

    When the search takes too long, the groups are those that are found quickly, and maybe not the fewest.
    """
    search = _Search(members, apart)
    fewest = search.mutually_apart()
    try:
        while (found := search.in_groups(fewest)) is None:
            fewest += 1
    except _Endless:
        found = search.quickly()
    return Grouping(groups=search.named(found), proven=len(found) == fewest)


class _Endless(Exception):
    """The search takes more steps than it may."""


class _Search(Generic[T]):
    """Members by their place, sets of members as the bits of a number."""

    def __init__(self, members: Sequence[T], apart: Collection[frozenset[T]]) -> None:
        self.members = members
        self.steps = 0
        place = {member: number for number, member in enumerate(members)}
        self.pairs = [0] * len(members)  # with whom each member cannot be
        self.larger: list[list[int]] = [[] for _ in members]  # with which others together
        for one in apart:
            if not one <= place.keys():
                continue
            bits = sum(1 << place[member] for member in one)
            for member in one:
                others = bits & ~(1 << place[member])
                if len(one) == 2:
                    self.pairs[place[member]] |= others
                else:
                    self.larger[place[member]].append(others)

    def named(self, groups: Sequence[int]) -> tuple[tuple[T, ...], ...]:
        return tuple(tuple(one for at, one in enumerate(self.members) if group >> at & 1) for group in groups)

    def fits(self, member: int, group: int) -> bool:
        return not self.pairs[member] & group and all(others & ~group for others in self.larger[member])

    def mutually_apart(self) -> int:
        """How many members were found of which no two fit together: as many groups are needed."""
        order = sorted(range(len(self.members)), key=lambda member: -self.pairs[member].bit_count())
        most = min(len(order), 1)
        for first in order:
            found = 1 << first
            for member in order:
                if found & ~self.pairs[member] == 0:
                    found |= 1 << member
            most = max(most, found.bit_count())
        return most

    def quickly(self) -> list[int]:
        """Each member in the first group that it fits into, in their order or in another if that takes fewer groups."""
        in_order = self._first_fit(range(len(self.members)))
        tightest = self._first_fit(sorted(range(len(self.members)), key=lambda one: -self.pairs[one].bit_count()))
        fewest = min(in_order, tightest, key=len)
        return sorted(fewest, key=lambda group: group & -group)

    def _first_fit(self, order: Sequence[int]) -> list[int]:
        groups: list[int] = []
        for member in order:
            at = next((at for at, group in enumerate(groups) if self.fits(member, group)), len(groups))
            if at == len(groups):
                groups.append(0)
            groups[at] |= 1 << member
        return groups

    def in_groups(self, limit: int) -> list[int] | None:
        """A way to need no more groups, None if there is none. Raises `_Endless`."""
        groups: list[int] = []
        chosen: list[int] = []  # the group of each member so far
        at = 0  # the next one to try for the member after them
        while len(chosen) < len(self.members):
            member = len(chosen)
            if at == 0:
                self.steps += 1
                if self.steps > STEPS:
                    raise _Endless
            while at < len(groups) and not self.fits(member, groups[at]):
                at += 1
            if at == len(groups) < limit:
                groups.append(0)
            if at < len(groups):
                groups[at] |= 1 << member
                chosen.append(at)
                at = 0
            elif chosen:
                at = chosen.pop()
                groups[at] &= ~(1 << len(chosen))
                if not groups[at]:  # the last one: there is no other to try
                    groups.pop()
                at += 1
            else:
                return None
        return groups
