"""Edits of workspace.toml: what is taken out, and that every other byte stays."""

from __future__ import annotations

import itertools
import tomllib

import pytest

from envyard.workspace_edit import without_projects

ABOVE = ("", "# about it\n", "\n# one block\n\n# and another\n\n")
BODIES = {
    "plain": '[projects.gone]\npath = "gone"\n',
    "spaced": '  [ projects . "gone" ]  # why\n\tpath   =   "gone"\n',
    "comments inside": '[projects.gone]\n# inside\npath = "gone"  # x\n\n# too\nrequirements = [\n  # and here\n]\n',
    "text over lines": '[projects.gone]\ndescription = """\n[projects.kept]\n# no comment\n\n#"""\n',
    "tables of its own": '[projects.gone]\npath = "gone"\n\n# of it\n[projects.gone.environment]\nA = "1"\n',
    "only a table of its own": '[projects.gone.environment]\nA = "[projects.kept]"\n',
}


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("body", BODIES)
def test_a_table_that_goes_takes_nothing_along(body: str, end: str) -> None:
    """Wherever it stands, and whatever stands around it: what is left is the text around it, with its comments."""
    one = '# about one\n[projects.one]\npath = "one" # x\n'
    two = '# about two\n[projects.two]\npath = "two"\n  [projects.two.environment]\n  B = "2"\n'
    for above, place, space in itertools.product(ABOVE, range(3), ("", "\n")):
        tables = [one, two]
        head = '# top\n[workspace]\nname = "x"\n\n'
        before = head + "".join(each + "\n" for each in tables[:place])
        after = space + "".join(each + "\n" for each in tables[place:]) + "# the end\n"
        text = (before + above + BODIES[body] + after).replace("\n", end)
        left = without_projects(text, ["gone"])
        expected = (before + above + (after if (before + above)[-2] != "\n" else after.lstrip("\n"))).replace("\n", end)
        assert left == expected
        assert set(tomllib.loads(left)["projects"]) == {"one", "two"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("projects.gone.path = 'g'\nprojects.one.path = 'o'\n", "projects.one.path = 'o'\n", id="dotted"),
        pytest.param("[projects]\ngone = {}\none = {} # x\n", "[projects]\none = {} # x\n", id="inline"),
        pytest.param("[projects.gone]\npath = 'x'", "", id="all there is"),
        pytest.param("[projects.gone]\n[projects.one]\n[projects.gone.x]\n", "[projects.one]\n", id="in two places"),
        pytest.param("[projects.gone]\n[[x]]\n[[x]]\n", "[[x]]\n[[x]]\n", id="before other tables"),
        pytest.param("[x.projects.gone]\n[projects.gone]\n", "[x.projects.gone]\n", id="another table of that name"),
    ],
)
def test_other_ways_to_write_it(text: str, expected: str) -> None:
    assert without_projects(text, ["gone"]) == expected
