"""JSON with comments, edited in place: what is not edited stays byte for byte."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from envyard.integrations.jsonc import NotJson, find, insert, parse, remove, replace

TEXT = """\
{
    // first
    "a": 1, // one
    "b": {
        "c": [1, 2], /* list */
    },
    "d": "x // no comment"
    // last
}
"""


def test_comments_and_trailing_commas_are_read() -> None:
    assert parse(TEXT).value == {"a": 1, "b": {"c": [1, 2]}, "d": "x // no comment"}
    assert parse("\ufeff[ ]").value == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected a value"),
        ("{a: 1}", "line 1: expected a key in quotes"),
        ('{\n"a" 1}', "line 2: expected `:`"),
        ('{"a": 1 "b": 2}', "line 1: expected `,` or `}`"),
        ("[1 2]", "line 1: expected `,` or `]`"),
        ("[,]", "line 1: expected a value"),
        ("{} {}", "line 1: expected the end of the file"),
        ('{"a": 1', "line 1: expected `,` or `}`"),
        ("[" * 200 + "]" * 200, "line 1: expected fewer levels"),
        ("/* open", "line 1: expected a value"),
        ("NaN", "line 1: expected a value"),
    ],
)
def test_what_is_no_json_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(NotJson) as caught:
        parse(text)
    assert str(caught.value) == message


def test_a_new_value_goes_to_the_end_as_the_file_is_written() -> None:
    assert insert(TEXT, ["e"], [True]) == TEXT.replace('comment"\n', 'comment",\n').replace(
        "// last\n", '// last\n    "e": [\n        true\n    ]\n'
    )
    assert insert('{ "a": 1 }', ["b"], {"c": 2}) == '{ "a": 1, "b": {"c": 2} }'
    assert insert('{\r\n\t// x\r\n\t"a": 1,\r\n}\r\n', ["b"], 2) == '{\r\n\t// x\r\n\t"a": 1,\r\n\t"b": 2\r\n}\r\n'
    assert insert("{}\n", ["a", "b"], 1) == '{\n    "a": {\n        "b": 1\n    }\n}\n'
    assert insert("{}", ["a"], 1, array=True) == '{\n    "a": [\n        1\n    ]\n}'


def test_what_stands_in_the_way_is_not_overwritten() -> None:
    with pytest.raises(NotJson, match="`a` is no object"):
        insert('{"a": 1}', ["a", "b"], 1)
    with pytest.raises(NotJson, match="`a` is no list"):
        insert('{"a": {}}', ["a"], 1, array=True)


def test_replacing_touches_the_value_only() -> None:
    node = find(TEXT, ["b", "c"])
    assert node is not None
    assert replace(TEXT, node, 3) == TEXT.replace("[1, 2]", "3")


def test_taking_out_takes_the_line_and_leaves_the_comments() -> None:
    assert remove(TEXT, ["a"]) == TEXT.replace('    "a": 1, // one\n', " // one\n")
    assert remove(TEXT, ["d"]) == TEXT.replace('    "d": "x // no comment"\n', "").replace("    },\n", "    }\n")
    assert remove('{"a": 1, "b": 2}', ["b"]) == '{"a": 1}'
    assert remove("[1, 2, 3]", [], lambda value: value == 2) == "[1, 3]"
    assert remove(TEXT, ["x"]) == TEXT
    assert remove(TEXT, ["x", "y"]) == TEXT


# --- any text


def some_value(chance: random.Random, depth: int) -> Any:
    kind = chance.random()
    if depth > 3 or kind < 0.4:
        return chance.choice([1, -2.5, True, None, "x", "a // b", "/* q */", 'é"\\'])
    if kind < 0.7:
        return {f"k{chance.randrange(6)}": some_value(chance, depth + 1) for _ in range(chance.randrange(4))}
    return [some_value(chance, depth + 1) for _ in range(chance.randrange(4))]


def some_text(chance: random.Random, value: Any, comments: list[str]) -> str:
    """The value as JSON with comments and white space anywhere."""

    def space() -> str:
        kind = chance.random()
        if kind < 0.7:
            return "" if kind < 0.5 else chance.choice([" ", "\n", "\n  ", "\t"])
        comments.append(f"c{len(comments)};")
        return f" // {comments[-1]}\n" if kind < 0.85 else f"/* {comments[-1]} */"

    if not isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, dict):
        items = [
            f"{space()}{json.dumps(key)}{space()}:{space()}{some_text(chance, one, comments)}{space()}"
            for key, one in value.items()
        ]
    else:
        items = [f"{space()}{some_text(chance, one, comments)}{space()}" for one in value]
    inside = ",".join(items) + ("," if items and chance.random() < 0.3 else "") + space()
    return f"{{{inside}}}" if isinstance(value, dict) else f"[{inside}]"


@pytest.mark.parametrize("seed", range(20))
def test_an_edit_of_any_text_changes_one_thing_and_loses_no_comment(seed: int) -> None:
    for number in range(50):
        chance = random.Random(seed * 1000 + number)
        value = {f"k{place}": some_value(chance, 0) for place in range(chance.randrange(1, 4))}
        comments: list[str] = []
        text = some_text(chance, value, comments)
        assert parse(text).value == value
        key = chance.choice(list(value))
        new = copy.deepcopy(value)
        added = some_value(chance, 2)
        assert parse(insert(text, ["new"], added)).value == value | {"new": added}
        assert all(comment in insert(text, ["new"], added) for comment in comments)
        node = find(text, [key])
        assert node is not None
        assert parse(replace(text, node, added)).value == value | {key: added}
        del new[key]
        assert parse(remove(text, [key])).value == new
        if isinstance(value[key], list):
            assert parse(insert(text, [key], "z", array=True)).value == value | {key: [*value[key], "z"]}
        if isinstance(value[key], dict):
            assert parse(insert(text, [key, "z"], 1)).value == value | {key: value[key] | {"z": 1}}
