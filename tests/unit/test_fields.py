"""Typed getters give a value or its default, remember every mistake, and know the line of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from envyard.configuration import key_lines, read_toml
from envyard.errors import ConfigurationInvalid
from envyard.fields import Table
from envyard.places import Place, Places
from envyard.problems import Problems, dotted
from envyard.wording import WrittenFloat, closest, listed, shown


def read(tmp_path: Path, text: str) -> Table:
    file = tmp_path / "profile.toml"
    file.write_text(text, encoding="utf-8")
    return read_toml(str(file), "profiles/profile.toml", reference="docs/profiles.md")


def mistakes(table: Table) -> tuple[str, ...]:
    """What comes after `profiles/profile.toml:` of each mistake."""
    with pytest.raises(ConfigurationInvalid, match="mistake") as caught:
        table.problems.raise_if_any()
    return tuple(detail.removeprefix("profiles/profile.toml:") for detail in caught.value.details)


# --- getters


def test_values_come_with_their_type(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        """
        text = "a"
        words = ["a", "b"]
        yes = true
        count = 3
        kind = "two"
        command = "run 'a b'"
        [inner]
        text = "c"
        [many.one]
        [many.two]
        [map]
        A = "b"
        """,
    )

    assert table.string("text") == "a"
    assert table.required_string("text") == "a"
    assert table.strings("words") == ("a", "b")
    assert table.boolean("yes") is True
    assert table.integer("count", minimum=3) == 3
    assert table.choice("kind", ("one", "two"), "one") == "two"
    assert table.arguments("command", ()) == ("run", "a b")
    assert table.table("inner").string("text") == "c"
    assert [name for name, _ in table.tables("many")] == ["one", "two"]
    assert table.string_table("map") == {"A": "b"}
    table.finish()
    table.problems.raise_if_any()


def test_an_absent_key_has_its_default() -> None:
    table = Table({}, Problems("f", "f"))

    assert table.string("a", "x") == "x"
    assert table.strings("a", ("x",)) == ("x",)
    assert table.boolean("a", True) is True
    assert table.integer("a", 7) == 7
    assert table.choice("a", ("x", "y"), "y") == "y"
    assert table.arguments("a", ("x",)) == ("x",)
    assert table.table("a").string("b", "x") == "x"
    assert table.tables("a") == ()
    assert table.string_table("a") == {}
    assert "a" not in table
    table.finish()
    table.problems.raise_if_any()


def test_a_mistake_leaves_the_default_and_the_reading_goes_on(tmp_path: Path) -> None:
    table = read(tmp_path, "a = 1\nb = 2\nc = 'x'\nd = 'x'\ne = 'z'\nf = []\n")

    assert table.string("a", "x") == "x"
    assert table.strings("b", ("x",)) == ("x",)
    assert table.boolean("c", True) is True
    assert table.integer("d", 7) == 7
    assert table.choice("e", ("x", "y"), "y") == "y"
    assert table.arguments("f", ("x",)) == ("x",)
    assert [each.partition(":")[0] for each in mistakes(table)] == ["1", "2", "3", "4", "5", "6"]


def test_good_elements_stay_when_others_are_mistakes(tmp_path: Path) -> None:
    table = read(tmp_path, 'a = ["ok", 1, "", "ok", "fine"]')

    assert table.strings("a", pattern=r"\w+", expected="a word") == ("ok", "fine")
    assert mistakes(table) == (
        '1: a[1]: is the number 1; expected text in quotes; did you mean `"1"`?',
        "1: a[2]: is empty; expected a word",
        "1: a[3]: `ok` is listed twice",
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("true", "1: a: is `true`; expected a whole number"),
        ("1.0", "1: a: is the number 1.0; expected a whole number"),
        ('"1"', "1: a: is the text `1`; expected a whole number"),
        ("-1", "1: a: -1 is too small; expected 0 or more"),
    ],
)
def test_an_integer_is_nothing_else(tmp_path: Path, value: str, message: str) -> None:
    table = read(tmp_path, f"a = {value}")

    assert table.integer("a", 5, minimum=0) == 5
    assert mistakes(table) == (message,)


def test_a_required_key_that_is_missing_is_reported_at_its_table(tmp_path: Path) -> None:
    table = read(tmp_path, "\n[inner]\nother = 1\n")
    inner = table.table("inner")
    inner.integer("other")

    inner.required_string("name", expected="the name of the profile")

    assert mistakes(table) == ("2: inner.name: is missing; expected the name of the profile",)


def test_a_list_that_must_not_be_empty(tmp_path: Path) -> None:
    table = read(tmp_path, "a = []\n")

    assert table.strings("a", ("x",), expected="a word", required=True) == ("x",)
    assert mistakes(table) == ("1: a: is empty; expected a word",)


def test_a_position_counts_the_elements_of_the_file(tmp_path: Path) -> None:
    table = read(tmp_path, 'a = [1, "b", "c"]')

    assert (table.position("a", "c"), table.position("a", "none"), table.position("x", "c")) == (2, 0, 0)


def test_the_hint_names_the_page_that_describes_the_keys(tmp_path: Path) -> None:
    table = read(tmp_path, "a = 1")
    table.finish()

    with pytest.raises(ConfigurationInvalid, match="has 1 mistake") as caught:
        table.problems.raise_if_any()

    words = "correct it and run the command again; `docs/profiles.md` of envyard describes every key"
    assert caught.value.hint == words


def test_a_missing_file_is_for_the_caller_to_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape("none.toml")):
        read_toml(str(tmp_path / "none.toml"), "none.toml")


# --- lines

TRICKY = r'''
# [no.table]
top = "[no.table]"  # 3
dotted.key.a = 1  # 4
dotted.key."b.c" = 2  # 5
[ table . "quoted \u00e9" ]  # 6
text = """
[no.table]
no = 1 \""" # still text
""""
after = 1  # 11
literal = \'\'\'
no = 2\'\'\'
list = [  # 14
  "a",  # 15
  # nothing
  ["b", "c"], { x = 1, y.z = [  # 17
    1,  # 18
  ] },
  "]",  # 20
]
inline = { p = "}", q = { r = 1 } }  # 22
date = 2026-11-21 10:00:00  # 23
'literal key' = -1e5  # 24
[[array]]  # 25
a = 1  # 26
[array.sub]  # 27
b = 2  # 28
[[array]]  # 29
a = 3  # 30
[[array.deep]]  # 31
c = 1  # 32
[late.sub]  # 33
d = 1  # 34
[late]  # 35
e = 1  # 36
'''.replace(r"\'", "'")


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_each_key_has_its_line(end: str) -> None:
    lines = key_lines(TRICKY.replace("\n", end))

    assert lines == {
        ("top",): 3,
        ("dotted",): 4,
        ("dotted", "key"): 4,
        ("dotted", "key", "a"): 4,
        ("dotted", "key", "b.c"): 5,
        ("table",): 6,
        ("table", "quoted é"): 6,
        ("table", "quoted é", "text"): 7,
        ("table", "quoted é", "after"): 11,
        ("table", "quoted é", "literal"): 12,
        ("table", "quoted é", "list"): 14,
        ("table", "quoted é", "list", 0): 15,
        ("table", "quoted é", "list", 1): 17,
        ("table", "quoted é", "list", 1, 0): 17,
        ("table", "quoted é", "list", 1, 1): 17,
        ("table", "quoted é", "list", 2): 17,
        ("table", "quoted é", "list", 2, "x"): 17,
        ("table", "quoted é", "list", 2, "y"): 17,
        ("table", "quoted é", "list", 2, "y", "z"): 17,
        ("table", "quoted é", "list", 2, "y", "z", 0): 18,
        ("table", "quoted é", "list", 3): 20,
        ("table", "quoted é", "inline"): 22,
        ("table", "quoted é", "inline", "p"): 22,
        ("table", "quoted é", "inline", "q"): 22,
        ("table", "quoted é", "inline", "q", "r"): 22,
        ("table", "quoted é", "date"): 23,
        ("table", "quoted é", "literal key"): 24,
        ("array",): 25,
        ("array", 0): 25,
        ("array", 0, "a"): 26,
        ("array", 0, "sub"): 27,
        ("array", 0, "sub", "b"): 28,
        ("array", 1): 29,
        ("array", 1, "a"): 30,
        ("array", 1, "deep"): 31,
        ("array", 1, "deep", 0): 31,
        ("array", 1, "deep", 0, "c"): 32,
        ("late",): 35,
        ("late", "sub"): 33,
        ("late", "sub", "d"): 34,
        ("late", "e"): 36,
    }


def test_a_text_that_is_no_toml_has_the_lines_up_to_the_first_surprise() -> None:
    assert key_lines("a = 1\nb ? 2\nc = 3\n") == {("a",): 1, ("b",): 2}


def test_an_absent_key_has_the_line_of_the_nearest_table(tmp_path: Path) -> None:
    table = read(tmp_path, "\n\n[a]\n[a.b]\n")

    table.problems.add(("a", "b", "c", 0), "one")
    table.problems.add(("a", "x", "y"), "two")
    table.problems.add(("z",), "three")

    assert mistakes(table) == ("1: z: three", "3: a.x.y: two", "4: a.b.c[0]: one")


# --- words


def test_a_number_remembers_how_it_was_written() -> None:
    number = WrittenFloat("3.10")

    assert (number, number.written, str(number)) == (3.1, "3.10", "3.1")


def test_a_location_is_written_as_toml_would() -> None:
    assert dotted(("projects", "a b", "tags", 0, "c-d")) == 'projects."a b".tags[0].c-d'


def test_text_is_shown_on_one_line_and_shortened() -> None:
    assert shown("a\nb\x1b[0m") == r"`a\nb\x1b[0m`"
    assert len(shown("x" * 1000)) < 90


@pytest.mark.parametrize(
    ("words", "text"),
    [(["a"], "`a`"), (["a", "b"], "`a` or `b`"), (["a", "b", "c"], "`a`, `b` or `c`"), ([], "")],
)
def test_a_choice_is_listed(words: list[str], text: str) -> None:
    assert listed(words) == text


def test_the_closest_word_is_found_in_any_case() -> None:
    assert closest("CLASIFICATION", ["sources", "Classification"]) == "Classification"
    assert closest("xyz", ["sources", "Classification"]) == ""


# --- places


def test_each_place_is_looked_up_once(tmp_path: Path) -> None:
    places = Places(str(tmp_path))
    (tmp_path / "a/b").mkdir(parents=True)

    before = places.find("a/b")
    (tmp_path / "a/b").rmdir()

    assert places.find("a/./b/") == before == Place(str(tmp_path / "a/b"), str((tmp_path / "a/b").resolve()), "folder")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("folder", "folder"),
        ("folder/file", "file"),
        ("none", "missing"),
        ("folder/file/below", "missing"),
        (".", "folder"),
    ],
)
def test_a_place_says_what_is_there(tmp_path: Path, text: str, kind: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").touch()

    place = Places(str(tmp_path)).find(text)

    assert (place.kind, place.objection) == (kind, "")


def test_places_work_at_the_top_of_the_file_system() -> None:
    root = Path.cwd().anchor

    place = Places(root).find("envyard-no-such-folder/below")

    assert (place.path, place.kind) == (str(Path(root, "envyard-no-such-folder", "below")), "missing")
