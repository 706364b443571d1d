"""The fewest groups, held against every partition there is."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

import pytest

from envyard.grouping import EXACT, Grouping, fewest_groups

Sets = Sequence[frozenset[str]]


def apart(*words: str) -> list[frozenset[str]]:
    return [frozenset(word) for word in words]


def grouped(members: str, misfits: Sets, known: Sets = ()) -> tuple[Grouping[str], list[str]]:
    """The grouping of one-letter members, and the sets that were tried."""
    tried: list[str] = []

    def fits(group: Sequence[str]) -> bool:
        tried.append("".join(group))
        return not any(one <= set(group) for one in misfits)

    return fewest_groups(list(members), fits, known), tried


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
    ],
)
def test_fewest_groups(members: str, misfits: Sets, expected: list[str]) -> None:
    found, _tried = grouped(members, misfits)
    assert words(found) == expected
    assert found.proven


@pytest.mark.parametrize("seed", range(60))
def test_no_partition_has_fewer_groups(seed: int) -> None:
    chance = random.Random(seed)
    members = "abcdefg"[: chance.randint(2, 7)]
    sets = [frozenset(one) for size in (2, 2, 3, 4) for one in itertools.combinations(members, size)]
    misfits = chance.sample(sets, min(len(sets), chance.randint(0, 12)))
    found, _tried = grouped(members, misfits)
    sound = [one for one in partitions(members) if not any(bad <= set(group) for bad in misfits for group in one)]
    assert found.proven
    assert len(found.groups) == min(map(len, sound))
    assert sorted("".join(words(found))) == sorted(members)
    assert not any(bad <= set(group) for bad in misfits for group in found.groups)


def test_every_group_was_tried_as_a_whole() -> None:
    found, tried = grouped("abcde", apart("ab", "cde"))
    assert all(group in tried or len(group) == 1 for group in words(found))


def test_sets_that_are_known_not_to_fit_are_not_tried() -> None:
    pairs = apart("ab", "ac")
    _found, tried = grouped("abc", pairs, known=pairs)
    assert tried == ["bc"]


def test_sets_apart_have_no_member_too_many() -> None:
    found, _tried = grouped("abcdef", apart("be"))
    assert found.apart == (frozenset("be"),)


# --- many members


MANY = "abcdefghijklmnop"


def test_beyond_the_limit_groups_are_filled_one_by_one() -> None:
    assert len(MANY) > EXACT
    found, tried = grouped(MANY, apart("ab", "bc"))
    assert words(found) == ["acdefghijklmnop", "b"]
    assert len(tried) < 2 * len(MANY)


def test_first_fit_that_reaches_the_lower_bound_is_proven() -> None:
    assert grouped(MANY, [])[0].proven
    assert grouped(MANY, apart("ab"))[0].proven
    three = grouped(MANY, apart("abc", "cd", "ad", "bd"))[0]
    assert (len(three.groups), three.proven) == (3, False)


def test_first_fit_may_need_more_groups_and_does_not_claim_otherwise() -> None:
    # a-b first: then c fits neither with a nor d with b
    found, _tried = grouped(MANY, apart("ac", "bd", "cd"))
    assert (words(found)[:2], len(found.groups), found.proven) == (["abefghijklmnop", "c"], 3, False)
    assert len(grouped("abcd", apart("ac", "bd", "cd"))[0].groups) == 2
