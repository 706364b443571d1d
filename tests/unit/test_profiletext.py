"""The text of profile files: new ones that the loader accepts, and old ones with nothing changed but what must be."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from kit.hardware_profiles import SOUND, write_profile

from envyard.errors import EnvyardError
from envyard.jsonprofile import load_json_profile
from envyard.loosening import Level
from envyard.profilefile import load_profile
from envyard.profiletext import relaxed_text, toml_of
from envyard.relaxation import Change


def change(before: str, after: str) -> Change:
    return Change(before=before, after=after, package=before.split("=")[0], version="1.5", level=Level.MINOR)


def relaxed(text: str, before: str = "x==1.0", after: str = "x==1.*") -> str:
    return relaxed_text(text, [change(before, after)], {before: "why"})


def requirements(text: str) -> list[str]:
    found: list[str] = tomllib.loads(text)["packages"]["requirements"]
    return found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param('[\n  "x==1.0",\n]', '[\n  "x==1.*",  # why\n]', id="a line of its own"),
        pytest.param('[\n  "x==1.0"\n]', '[\n  "x==1.*"  # why\n]', id="no comma"),
        pytest.param('[\n  "x==1.0",  # mine\n]', '[\n  "x==1.*",  # mine (why)\n]', id="behind a comment"),
        pytest.param("[\n  'x==1.0',\n]", "[\n  'x==1.*',  # why\n]", id="other quotes"),
        pytest.param(
            '[\n  # "x==1.0"\n  "x==1.0",\n]', '[\n  # "x==1.0"\n  "x==1.*",  # why\n]', id="also in a comment"
        ),
        pytest.param('["x==1.0"]', '[\n    "x==1.*",  # why\n]', id="one line"),
    ],
)
def test_line_is_replaced_where_it_stands(before: str, after: str) -> None:
    text = "# top\n[packages] # p\nrequirements = {}\n\n[health]\ncuda=true\n"
    assert relaxed(text.format(before)) == text.format(after)


def test_marker_in_escaped_quotes_is_found() -> None:
    text = '[packages]\nrequirements = [\n  "x==1.0 ; sys_platform == \\"linux\\"",\n]\n'
    before = 'x==1.0 ; sys_platform == "linux"'
    assert requirements(relaxed(text, before, before.replace("1.0", "1.*"))) == ['x==1.* ; sys_platform == "linux"']


def test_of_two_lines_for_a_package_only_the_one_is_changed() -> None:
    linux, windows = "x==1.0 ; sys_platform == 'linux'", "x==2.0 ; sys_platform == 'win32'"
    text = f'[packages]\nrequirements = [\n  "{linux}",\n  "{windows}",\n]\n'
    assert requirements(relaxed(text, linux, "x==1.*")) == ["x==1.*", windows]


@pytest.mark.parametrize("text", ['extends = "b"\n', 'extends = "b"\n[packages]\nindexes = []\n'])
def test_inherited_line_is_added(text: str) -> None:
    new = relaxed(text)
    assert new.startswith(text)
    assert requirements(new) == ["x==1.*"]
    assert "# why" in new


def test_inherited_line_is_added_behind_those_that_are_there() -> None:
    new = relaxed('[packages]\nrequirements = [\n    "a==1",\n]\n')
    assert new == '[packages]\nrequirements = [\n    "a==1",\n    "x==1.*", # why\n]\n'


def test_what_cannot_be_replaced_is_told_and_nothing_is_lost() -> None:
    text = '[packages]\nrequirements = [\n  "a", # one\n  "b", "x==1.0", """x==1.0"""\n]\n'
    with pytest.raises(EnvyardError, match="cannot be replaced"):
        relaxed(text, "x==1.0", "x==1.*")


def test_names_and_notes_of_any_kind_give_a_file_that_can_be_read(tmp_path: Path) -> None:
    source = write_profile(
        tmp_path,
        SOUND,
        name="o'clock # \u2028.json",
        profile_id='a"b\nc = 1',
        architecture="Ampere\n[serves]",
        tested_on=["RTX 3090\nUbuntu", "  A100 "],
        notes=['"""', "two\nlines", "\\u0041 'quoted'"],
    )
    profile = load_json_profile(source)
    file = tmp_path / "profiles" / "torch-cu121-transformers.toml"
    file.parent.mkdir()
    file.write_text(toml_of(profile, {}, {}, ["linux-x86_64"]), encoding="utf-8")
    loaded = load_profile(tmp_path, "torch-cu121-transformers")
    assert loaded.notes == '"""\ntwo\nlines\n\\u0041 \'quoted\''
    assert loaded.tested_on == ("RTX 3090 Ubuntu", "A100")
    assert loaded.description == "Ampere [serves] (RTX 3090, A100)"
    assert loaded.serves.platforms == ("linux-x86_64",)
