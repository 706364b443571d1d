"""Own entries in the file of somebody else, whatever kind of file it is: what is ours, what is theirs, what is left."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from envyard.integrations.jsonwish import JsonWish
from envyard.integrations.merge import Merged, Wish, merge
from envyard.integrations.xmlwish import Step, Wanted, XmlWish, xml_wishes

TOP = Step(tag="project")


def json_wish(value: str) -> JsonWish:
    return JsonWish(path=("outer", "name"), value=value)


def xml_wish(value: str) -> XmlWish:
    return XmlWish(path=(TOP, Step(tag="option", where={"name": ("x",)})), value={"name": "x", "value": value})


def merged(text: str, wishes: Sequence[Wish], before: Mapping[str, Any], wish: Wish) -> Merged:
    """With a record that was a file in between."""
    return merge(text, wishes, json.loads(json.dumps(before)), type(wish).read)  # type: ignore[attr-defined]


BOTH = pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        (json_wish, '// header\n{ "outer": { "name": "%s" } }\n'),
        (xml_wish, '<!-- header -->\n<project>\n  <option name="x" value="%s" />\n</project>'),
    ],
    ids=["json", "xml"],
)


@BOTH
def test_a_value_that_was_written_is_replaced_and_one_of_somebody_else_is_not(kind: Any, theirs: str) -> None:
    old, new = kind("old"), kind("new")
    ours = {old.slot: old.record}
    assert merged(theirs % "old", [new], ours, new).text == theirs % "new"
    kept = merged(theirs % "theirs", [new], ours, new)
    assert (kept.text, kept.kept, kept.ours) == (theirs % "theirs", (new.label,), {})


@BOTH
def test_what_was_there_before_is_never_ours_also_when_it_is_the_same(kind: Any, theirs: str) -> None:
    wish = kind("same")
    first = merged(theirs % "same", [wish], {}, wish)
    assert (first.ours, first.kept) == ({}, ())
    assert merged(first.text, [], first.ours, wish).text == theirs % "same"


@BOTH
def test_what_is_wished_no_more_is_taken_out_unless_somebody_changed_it(kind: Any, theirs: str) -> None:
    wish = kind("ours")
    assert "ours" not in merged(theirs % "ours", [], {wish.slot: wish.record}, wish).text
    assert merged(theirs % "changed", [], {wish.slot: wish.record}, wish).text == theirs % "changed"


@BOTH
def test_a_comment_outside_of_all_entries_is_somebodys_file(kind: Any, theirs: str) -> None:
    wish = kind("ours")
    assert "header" in merged(theirs % "ours", [], {wish.slot: wish.record}, wish).text


@pytest.mark.parametrize(
    "wishes",
    [
        (json_wish("a"), JsonWish(path=("list",), value=1, element=True)),
        xml_wishes(Wanted(tag="a", children=(Wanted(tag="b", children=(Wanted(tag="c"),)), Wanted(tag="d")))),
    ],
    ids=["json", "xml"],
)
def test_nothing_is_left_of_a_file_that_was_made(wishes: tuple[Wish, ...]) -> None:
    made = merged("", wishes, {}, wishes[0])
    assert made.text
    assert merged(made.text, wishes, made.ours, wishes[0]) == made
    assert merged(made.text, [], made.ours, wishes[0]).text == ""


def test_what_somebody_put_into_an_element_of_ours_stays_with_all_around_it() -> None:
    wishes = xml_wishes(Wanted(tag="a", children=(Wanted(tag="b"), Wanted(tag="c"))))
    made = merged("", wishes, {}, wishes[0])
    text = made.text.replace("<b />", "<b><theirs /></b>")
    assert merged(text, [], made.ours, wishes[0]).text == text.replace("  <c />\n", "")


def test_any_value_will_do_where_the_wish_says_so() -> None:
    top = Wanted(tag="a", attributes={"version": "4"}, any_will_do=True)
    theirs = '<a version="5" />'
    assert merged(theirs, xml_wishes(top), {}, xml_wishes(top)[0]) == Merged(text=theirs, ours={})
