"""The fewest groups, held against every partition there is."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator, Sequence

import pytest

from envyard.grouping import STEPS, Grouping, fewest_groups

Sets = Sequence[frozenset[str]]


def apart(*words: str) -> list[frozenset[str]]:
    return [frozenset(word) for word in words]


def words(found: Grouping[str]) -> list[str]:
    return ["".join(group) for group in found.groups]


def partitions(members: Sequence[str]) -> Iterator[list[list[str]]]:
    if not members:
        yield []
        return
    first, *rest = members
    for others in partitions(rest):
        yield [[first], *others]
        for place in range(len(others)):
            yield [*others[:place], [first, *others[place]], *others[place + 1 :]]


def sound(groups: Sequence[Sequence[str]], misfits: Sets) -> bool:
    return not any(bad <= set(group) for bad in misfits for group in groups)


@pytest.mark.parametrize(
    ("members", "misfits", "expected"),
    [
        pytest.param("", [], [], id="nothing"),
        pytest.param("a", [], ["a"], id="one"),
        pytest.param("abc", [], ["abc"], id="all fit"),
        pytest.param("abc", apart("ab", "ac", "bc"), ["a", "b", "c"], id="none fit"),
        pytest.param("abcd", apart("ab", "cd"), ["ac", "bd"], id="two pairs"),
        pytest.param("abc", apart("abc"), ["ab", "c"], id="each two fit, all three do not"),
        pytest.param("abcd", apart("abc", "abd", "acd", "bcd"), ["ab", "cd"], id="no three fit"),
        pytest.param("abcd", apart("ac", "ad", "bc"), ["ab", "cd"], id="first fit happens to be right"),
        pytest.param("abcd", apart("ac", "bd", "cd"), ["ad", "bc"], id="first fit would need three"),
        pytest.param("abcde", apart("ab", "bc", "cd", "de", "ea"), ["ac", "bd", "e"], id="a ring of five"),
        pytest.param("ab", apart("ab", "ac", "cd"), ["a", "b"], id="sets with others say nothing"),
    ],
)
def test_fewest_groups(members: str, misfits: Sets, expected: list[str]) -> None:
    found = fewest_groups(list(members), misfits)
    assert words(found) == expected
    assert found.proven


@pytest.mark.parametrize("seed", range(60))
def test_no_partition_has_fewer_groups(seed: int) -> None:
    chance = random.Random(seed)
    members = "abcdefg"[: chance.randint(2, 7)]
    sets = [frozenset(one) for size in (2, 2, 3, 4) for one in itertools.combinations(members, size)]
    misfits = chance.sample(sets, min(len(sets), chance.randint(0, 12)))
    found = fewest_groups(list(members), misfits)
    assert found.proven
    assert len(found.groups) == min(len(one) for one in partitions(members) if sound(one, misfits))
    assert sorted("".join(words(found))) == sorted(members)
    assert sound(found.groups, misfits)


# --- many members


def test_hundred_members_of_some_kinds_are_grouped_by_kind() -> None:
    members = list(range(100))
    misfits = [frozenset(pair) for pair in itertools.combinations(members, 2) if pair[0] % 9 != pair[1] % 9]
    found = fewest_groups(members, misfits)
    assert found.groups == tuple(tuple(range(kind, 100, 9)) for kind in range(9))
    assert found.proven


def test_more_members_than_python_has_room_for_calls_within_calls() -> None:
    found = fewest_groups(range(sys.getrecursionlimit() + 100), [frozenset([0, 1])])
    assert len(found.groups) == 2
    assert found.proven


@pytest.mark.parametrize("seed", range(4))
def test_search_that_takes_too_long_gives_sound_groups_and_claims_no_proof(seed: int) -> None:
    chance = random.Random(seed)
    members = [f"{number}" for number in range(90)]
    misfits = [frozenset(pair) for pair in itertools.combinations(members, 2) if chance.random() < 0.5]
    found = fewest_groups(members, misfits)
    assert not found.proven, f"{STEPS} steps were enough: take more members"
    assert sorted(member for group in found.groups for member in group) == sorted(members)
    assert sound(found.groups, misfits)
