"""The page of `envs.report`: whole, readable without a network, and not to be broken by what is in it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from kit.values import make_environment

from envyard.commands.checks import Finding
from envyard.commands.matrix import Matrix, MatrixRow
from envyard.commands.overview import Disk, EnvironmentReport, Overview
from envyard.health import Grade
from envyard.history import Event, What
from envyard.records import ModelRecord
from envyard.report.page import page_text
from envyard.report.page.markup import Markup, element, escape, join
from envyard.report.page.parts import ICONS, Part, bar, prose, when

STYLE = Path(__file__).resolve().parents[2] / "src/envyard/report/page/style.css"
HOSTILE = "<evil onload=x>\"'&amp;</style></title><!--`x` ]]>"
VOID = {"br", "col", "hr", "meta"}


# --- an HTML reader that is stricter than browsers


@dataclass
class Node:
    name: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, name: str = "") -> list[Node]:
        """Every element below, of this name if one is given, in the order of the page."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                found += [child] if name in ("", child.name) else []
                found += child.all(name)
        return found

    def classed(self, word: str) -> list[Node]:
        return [node for node in self.all() if word in node.attributes.get("class", "").split()]


class Reader(HTMLParser):
    """Fails for what is not closed where it was opened, and for comments."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Node("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice: {names}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def read(text: str) -> Node:
    reader = Reader()
    reader.feed(text)
    reader.close()
    (root,) = reader.open
    return root


# --- values


def report(key: str, tmp_path: Path, **changes: Any) -> EnvironmentReport:
    values: dict[str, Any] = {"kind": "project", "title": key.title(), "path": tmp_path / key / "venv"}
    return EnvironmentReport(**{"key": key, "grade": Grade.OK, **values, **changes})


def built(key: str, tmp_path: Path, **changes: Any) -> EnvironmentReport:
    name = f"{len(list(tmp_path.glob('g/*'))):08x}"
    environment = make_environment(tmp_path / "g" / name, key=key, packages={"demo": "1.0"}, reasons=("first build",))
    event = Event(
        time=1_700_000_000.0,
        what=What.BUILT,
        grade=Grade.OK,
        reasons=("first build",),
        generation=name,
        seconds={"create": 0.5, "install": 2.0, "verify": 0.25},
    )
    values: dict[str, Any] = {
        "environment": environment,
        "python_version": "3.11.7",
        "apparent_bytes": 4_500_000_000,
        "unique_bytes": 58_000_000,
        "created": 1_700_000_000.0,
        "last_used": 1_700_000_300.0,
        "history": (event,),
    }
    return report(key, tmp_path, **{**values, **changes})


def overview(tmp_path: Path, *environments: EnvironmentReport, **changes: Any) -> Overview:
    projects = tuple(one.key for one in environments if one.kind == "project")
    values: dict[str, Any] = {
        "name": "monorepo",
        "root": tmp_path,
        "taken": 1_700_000_600.0,
        "version": "0.1.0",
        "matrix": Matrix(projects=projects, rows=()),
        "disk": Disk(apparent=9_000_000_000, actual=5_000_000_000, previous=0),
    }
    return Overview(environments=environments, **{**values, **changes})


def finding(message: str, fix: str = "", check: str = "environment") -> Finding:
    return Finding(check=check, key="", ok=False, message=message, fix=fix)


def full(tmp_path: Path, words: str = "words") -> Overview:
    """A page with every section, in which every text of others is, or holds, `words`."""
    event = Event(time=1.7e9, what=What.FAILED, grade=Grade.STALE, reasons=(words,), generation=words)
    one = built("one", tmp_path, title=words, grade=Grade.STALE, reasons=(words,), problems=(finding(words, words),))
    assert one.environment is not None
    environment = replace(one.environment, packages={words: words}, reasons=(words,), installer=words, key=words)
    one = replace(one, environment=environment, python_version=words, history=(*one.history, event), models=(words,))
    two = report(words, tmp_path, title=words, grade=Grade.MISSING, problems=(finding("missing: first build"),))
    shared = built("shared", tmp_path, kind="profile", models=(words,), degraded_since=1.7e9, grade=Grade.DEGRADED)
    old = report("old", tmp_path, kind="legacy", title=words, reasons=(words,))
    rows = (
        MatrixRow(package=words, versions={"one": words, words: "2.0"}),
        MatrixRow(package="same", versions={"one": words, words: words}),
    )
    model = ModelRecord(model=words, key=words, source=words, degraded_since=1.7e9, reason=words, used=1.7e9)
    worse = replace(model, legacy=words)
    return overview(
        tmp_path,
        one,
        two,
        shared,
        old,
        name=words,
        root=Path(words),
        matrix=Matrix(projects=("one", words), rows=rows, locked=(words,), unknown=(words,)),
        models=(model, worse),
        version=words,
    )


# --- the whole page


def test_a_page_with_everything_has_every_section_and_a_link_to_each(tmp_path: Path) -> None:
    page = read(page_text(full(tmp_path)))
    names = ["attention", "environments", "models", "disk", "versions", "builds", "history", "details"]
    assert [section.attributes["id"] for section in page.all("section")] == names
    (nav,) = page.all("nav")
    assert [link.attributes["href"] for link in nav.all("a")] == [f"#{name}" for name in names]


def test_what_others_wrote_is_text_wherever_it_stands(tmp_path: Path) -> None:
    hostile = page_text(full(tmp_path, HOSTILE))
    harmless = page_text(full(tmp_path / "harmless", "words, `x`"))
    page = read(hostile)
    assert [node.name for node in page.all()] == [node.name for node in read(harmless).all()]
    assert "<evil" not in hostile
    assert page.text.count("<evil onload=x>") > 20
    (title,) = (node for node in page.all("title") if node.text.endswith(": environments"))
    assert title.text == f"{HOSTILE}: environments"


def test_nothing_is_fetched_and_nothing_runs(tmp_path: Path) -> None:
    page = read(page_text(full(tmp_path, HOSTILE)))
    nodes = page.all()
    assert {node.name for node in nodes}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    )
    names = {name for node in nodes for name in node.attributes}
    assert names.isdisjoint({"src", "srcset", "style", "action", "ping"})
    assert not [name for name in names if name.startswith("on")]
    ids = [node.attributes["id"] for node in nodes if "id" in node.attributes]
    assert len(set(ids)) == len(ids)
    assert {node.attributes["href"] for node in nodes if "href" in node.attributes} <= {f"#{name}" for name in ids}
    assert {node.attributes["aria-labelledby"] for node in page.all("section")} <= set(ids)
    style = STYLE.read_text("utf-8")
    assert set(re.findall(r"url\((.*?)\)", style)) == {"#hatch"}
    assert "@import" not in style
    assert "@font-face" not in style


def test_the_policy_forbids_everything_but_the_style_of_the_page(tmp_path: Path) -> None:
    page = read(page_text(overview(tmp_path)))
    (policy,) = (node for node in page.all("meta") if node.attributes.get("http-equiv") == "Content-Security-Policy")
    (style,) = page.all("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert policy.attributes["content"].split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert style.text == STYLE.read_text("utf-8")


@pytest.mark.parametrize(
    ("number", "lead"),
    [
        pytest.param(0, "The workspace has no projects.", id="none"),
        pytest.param(1, "The environment is as asked for.", id="one"),
        pytest.param(30, "All 30 environments are as asked for.", id="many"),
    ],
)
def test_every_environment_is_there_however_many_there_are(tmp_path: Path, number: int, lead: str) -> None:
    page = read(page_text(overview(tmp_path, *(built(f"p{one:02}", tmp_path) for one in range(number)))))
    assert page.classed("lead")[0].text.startswith(lead)
    for section in page.all("section"):
        names = [node.text for node in [*section.classed("who"), *section.all("summary")]]
        if section.attributes["id"] in ("environments", "disk", "builds", "history", "details"):
            missing = [one for one in range(number) if not any(name.startswith(f"P{one:02}") for name in names)]
            assert missing == [], section.attributes["id"]
    assert bool(page.all("section")) == bool(number)


# --- health


def test_every_grade_is_said_by_a_word_and_a_shape(tmp_path: Path) -> None:
    reports = [report(str(grade), tmp_path, grade=grade, reasons=("why so",)) for grade in Grade]
    page = read(page_text(overview(tmp_path, *reports)))
    (table,) = page.all("table")
    for grade, row in zip(Grade, table.all("tr")[1:], strict=True):
        (badge,) = row.classed("badge")
        assert badge.text == str(grade)
        assert [use.attributes["href"] for use in badge.all("use")] == [f"#i-{grade}"]
        assert row.classed("reason")[0].text == "why so"
    assert set(Grade) <= set(ICONS)


def test_what_needs_attention_comes_worst_first_with_what_heals_it(tmp_path: Path) -> None:
    stale = built(
        "stale", tmp_path, grade=Grade.STALE, problems=(finding("stale: numpy 1 -> 2", "invoke envs.setup stale"),)
    )
    broken = built(
        "broken",
        tmp_path,
        grade=Grade.BROKEN,
        problems=(finding("broken: its python is gone", "invoke envs.setup broken"), finding("the link is missing")),
    )
    page = read(page_text(overview(tmp_path, built("good", tmp_path), stale, broken)))
    items = [child for child in page.classed("attention")[0].children if isinstance(child, Node)]
    assert [item.all("strong")[0].text for item in items] == ["Broken", "Stale"]
    assert [line.text for line in items[0].all("li")] == [
        "its python is goneinvoke envs.setup broken",
        "the link is missing",
    ]
    assert page.classed("lead")[0].text == "2 of 3 environments can be used; 2 need attention."


def test_environments_that_nobody_built_yet_are_one_item(tmp_path: Path) -> None:
    missing = [
        report(f"p{one}", tmp_path, grade=Grade.MISSING, problems=(finding("missing: first build"),))
        for one in range(3)
    ]
    page = read(page_text(overview(tmp_path, *missing)))
    (attention,) = page.classed("attention")
    assert [item.text for item in attention.children if isinstance(item, Node)] == [
        "3 environments missingnever built: P0, P1, P2invoke envs.setup-all"
    ]
    some = read(page_text(overview(tmp_path, *missing, built("good", tmp_path))))
    assert some.classed("command")[0].text == "invoke envs.setup p0 p1 p2"


def test_a_failed_creation_is_not_also_called_never_built(tmp_path: Path) -> None:
    problems = (finding("missing: first build", "retry"), finding("creating it failed", "retry", check="creation"))
    page = read(
        page_text(overview(tmp_path, report("p", tmp_path, kind="profile", grade=Grade.MISSING, problems=problems)))
    )
    (attention,) = page.classed("attention")
    assert [line.text for line in attention.all("p")[1:]] == ["creating it failed"]


def test_paths_are_as_seen_from_the_workspace(tmp_path: Path) -> None:
    inside = f"its python is gone: {tmp_path}/.envs/g/00000000/bin/python; /other{tmp_path}/x"
    page = read(page_text(overview(tmp_path, report("one", tmp_path, grade=Grade.BROKEN, reasons=(inside,)))))
    assert page.classed("reason")[0].text == f"its python is gone: .envs/g/00000000/bin/python; /other{tmp_path}/x"


# --- pictures


def shares(node: Node) -> list[tuple[str, float]]:
    return [(rect.attributes["class"], float(rect.attributes["width"][:-1])) for rect in node.all("rect")]


def test_the_bars_of_disk_use_are_drawn_to_scale(tmp_path: Path) -> None:
    one = built("one", tmp_path, apparent_bytes=1000, unique_bytes=250)
    two = built("two", tmp_path, apparent_bytes=500, unique_bytes=500)
    disk = Disk(apparent=1500, actual=1200, previous=77)
    page = read(page_text(overview(tmp_path, one, two, disk=disk)))
    (section,) = (node for node in page.all("section") if node.attributes["id"] == "disk")
    total, first, second = section.classed("bar")
    assert shares(total) == [("own", 50.0), ("shared", 30.0), ("saved", 20.0)]
    assert shares(first) == [("own", 25.0), ("shared", 75.0)]
    assert shares(second) == [("own", 50.0)]
    assert first.attributes["aria-label"] == "1.0 kB, of which 250 B its own"
    assert "sharing saves 300 B" in section.classed("note")[0].text
    assert "kept for a rollback takes 77 B" in section.classed("note")[0].text


def test_the_bars_of_builds_are_drawn_to_one_scale_and_said_in_words(tmp_path: Path) -> None:
    slow = built("slow", tmp_path)
    newest = replace(slow.history[0], time=1.8e9, what=What.REBUILT, seconds={"create": 1.0, "install": 10.0})
    page = read(page_text(overview(tmp_path, replace(slow, history=(*slow.history, newest)))))
    (section,) = (node for node in page.all("section") if node.attributes["id"] == "builds")
    now, before = section.classed("bar")
    assert shares(now) == [("phase-create", 9.09), ("phase-install", 90.91)]
    assert shares(before) == [("phase-create", 4.55), ("phase-install", 18.18), ("phase-verify", 2.27)]
    assert section.classed("under")[0].text == "create 1.0 s, install 10 s"


def test_a_bar_never_leaves_its_frame_and_shows_what_is_small() -> None:
    parts = [
        Part(colour=name, share=share, title="") for name, share in (("a", 0.0), ("b", 1e-9), ("c", 2.0), ("d", 1.0))
    ]
    assert shares(read(bar(parts, ""))) == [("b", 0.4), ("c", 99.6)]


def test_history_has_a_mark_for_each_event_and_the_same_in_words(tmp_path: Path) -> None:
    one = built("one", tmp_path, grade=Grade.DRIFTED)
    (first,) = one.history
    events = (
        first,
        replace(first, time=1.71e9, what=What.FAILED, grade=Grade.STALE, reasons=("no such package",)),
        replace(first, time=1.72e9, what=What.ROLLED_BACK, reasons=()),
        replace(first, time=1.73e9, what=What.CHECKED, grade=Grade.DRIFTED, reasons=("installed by hand: demo",)),
    )
    page = read(page_text(overview(tmp_path, replace(one, history=events))))
    (section,) = (node for node in page.all("section") if node.attributes["id"] == "history")
    assert [mark.text for mark in section.classed("mark")] == [
        "built",
        "failed: stale",
        "rolled back",
        "checked: drifted",
    ]
    shapes = [use.attributes["href"] for mark in section.classed("mark") for use in mark.all("use")]
    assert shapes == ["#i-ok", "#i-failed", "#i-back", "#i-drifted"]
    (listed,) = section.all("ol")
    assert [line.classed("badge")[0].text for line in listed.all("li")] == ["checked", "rolled back", "failed", "built"]
    assert "no such package" in listed.all("li")[2].text
    assert section.classed("strip")[0].text.endswith("now drifted")


def test_a_long_history_has_as_many_marks_as_there_is_room_for(tmp_path: Path) -> None:
    one = built("one", tmp_path)
    events = tuple(replace(one.history[0], time=1.7e9 + number) for number in range(100))
    page = read(page_text(overview(tmp_path, replace(one, history=events))))
    assert len(page.classed("mark")) == 24
    assert page.classed("strip")[0].text.startswith("76 earlier")
    assert len(page.all("ol")[0].all("li")) == 100


# --- versions


def test_versions_that_differ_are_marked_and_the_others_are_folded(tmp_path: Path) -> None:
    rows = (
        MatrixRow(package="torch", versions={"a": "2.0", "b": "2.1", "c": "2.1"}),
        MatrixRow(package="numpy", versions={"a": "1.26", "b": "1.26"}),
    )
    matrix = Matrix(projects=("a", "b", "c"), rows=rows, locked=("c",))
    page = read(page_text(overview(tmp_path, *(built(key, tmp_path) for key in "abc"), matrix=matrix)))
    (table,) = page.classed("matrix")
    assert [[cell.text for cell in row.children if isinstance(cell, Node)] for row in table.all("tr")[1:]] == [
        ["python", "3.11.7", "3.11.7", "3.11.7", ""],
        ["torch", "2.0", "2.1", "2.1", "differs"],
    ]
    assert [cell.attributes["class"].split() for cell in table.all("tr")[2].classed("version")] == [
        ["version", "tint-1"],
        ["version"],
        ["version"],
    ]
    (section,) = (node for node in page.all("section") if node.attributes["id"] == "versions")
    assert section.all("summary")[0].text == "1 package, the same version everywhere"
    assert [item.text for item in section.all("details")[0].all("li")] == ["numpy 1.26 2 of 3"]
    assert "since they have no environment: c." in section.classed("note")[0].text
    groups = [item.text for item in section.classed("narrow")[0].all("li")]
    assert groups == [
        "python 3.11.7 all 3 that have it",
        "3.11.7 all 3 that have it",
        "torch differs2.1 B, C2.0 A",
        "2.1 B, C",
        "2.0 A",
    ]


def test_many_projects_stand_behind_their_versions_in_every_window(tmp_path: Path) -> None:
    keys = [f"p{number}" for number in range(12)]
    row = MatrixRow(package="torch", versions={key: f"2.{number % 7}" for number, key in enumerate(keys)})
    matrix = Matrix(projects=tuple(keys), rows=(row,))
    page = read(page_text(overview(tmp_path, *(built(key, tmp_path) for key in keys), matrix=matrix)))
    assert page.classed("matrix") == []
    assert page.classed("narrow") == []
    assert "P0, P7" in page.classed("grouped")[0].text


def test_versions_of_lockfiles_alone_need_no_table_when_they_are_the_same(tmp_path: Path) -> None:
    row = MatrixRow(package="numpy", versions={"a": "1.26", "b": "1.26"})
    missing = [report(key, tmp_path, grade=Grade.MISSING) for key in "ab"]
    matrix = Matrix(projects=("a", "b"), rows=(row,), locked=("a", "b"))
    page = read(page_text(overview(tmp_path, *missing, matrix=matrix)))
    (section,) = (node for node in page.all("section") if node.attributes["id"] == "versions")
    assert section.all("table") == []
    assert [summary.text for summary in section.all("summary")] == ["1 package, the same version everywhere"]


# --- pieces


@pytest.mark.parametrize("moment", [None, float("nan"), 1e300, -1e300], ids=str)
def test_a_time_that_is_none_is_left_out(moment: float | None) -> None:
    assert when(moment, "never") == "never"


def test_commands_in_a_sentence_are_code() -> None:
    assert prose("run `a <b>`, or `c`") == "run <code>a &lt;b&gt;</code>, or <code>c</code>"


def test_an_element_takes_any_text_and_keeps_what_is_markup() -> None:
    assert element("p", "<", Markup("<br>"), None, data_x='"', hidden=True, lang=None, title=False) == (
        '<p data-x="&quot;" hidden>&lt;<br></p>'
    )
    assert element("meta", name="x") == '<meta name="x">'
    assert join(["<", Markup("<br>")], between=", ") == "&lt;, <br>"


def test_characters_that_are_none_or_turn_the_text_around_are_taken_out() -> None:
    unknown = "\N{REPLACEMENT CHARACTER}"
    assert escape("a\0b\x1bc\udc80d\u202ee\u2066f\tg\nh") == f"a{unknown}b{unknown}c{unknown}def\tg\nh"


# --- the style


def schemes() -> dict[str, dict[str, str]]:
    """The colours of each scheme; dark ones replace light ones."""
    style = STYLE.read_text("utf-8")
    light, _, rest = style.partition("@media screen and (prefers-color-scheme: dark)")
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})\b", text)) for text in (light, rest.partition("\n}\n")[0])]
    return {"light": found[0], "dark": found[0] | found[1]}


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(two)))
    return (lighter + 0.05) / (darker + 0.05)


ON = [
    *((grade, f"{grade}-ground") for grade in (*map(str, Grade), "back")),
    *((text, ground) for text in ("ink", "soft", "own", "degraded") for ground in ("ground", "surface")),
    *(("ink", f"{tint}-ground") for tint in ("stale", "drifted", "back", "broken")),
    ("ink", "sunk"),
    ("soft", "sunk"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), ON, ids=str)
def test_text_can_be_read_in_both_schemes(scheme: str, text: str, ground: str) -> None:
    colours = schemes()[scheme]
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_stand_out_from_what_they_stand_on(scheme: str) -> None:
    colours = schemes()[scheme]
    drawn = ["own", "create", "install", "verify", "other", *map(str, Grade)]
    assert {name: ratio for name in drawn if (ratio := contrast(colours[name], colours["surface"])) < 2.5} == {}


def test_dark_colours_are_only_for_screens_and_replace_all_but_shapes() -> None:
    assert schemes()["light"].keys() == schemes()["dark"].keys()
    style = STYLE.read_text("utf-8")
    dark = style.partition("@media screen and (prefers-color-scheme: dark)")[2].partition("\n}\n")[0]
    assert set(re.findall(r"--([a-z-]+):", dark)) == schemes()["light"].keys()


def test_every_class_of_the_page_that_has_a_colour_is_in_the_style(tmp_path: Path) -> None:
    style = STYLE.read_text("utf-8")
    page = read(page_text(full(tmp_path)))
    drawn = {name for rect in page.all("rect") for name in rect.attributes["class"].split()}
    assert {name for name in drawn if f".{name} {{" not in style} == set()
