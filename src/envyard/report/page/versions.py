"""The versions of packages side by side, those that differ first: the data of `envs.matrix`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from envyard.commands.matrix import MatrixRow
from envyard.commands.overview import Overview
from envyard.report.page.markup import Markup, element, escape, join
from envyard.report.page.parts import section
from envyard.report.text import count

_MOST_COLUMNS = 10  # projects; more of them stand behind their versions, in every window
_TINTS = 4


def versions_section(overview: Overview) -> tuple[str, Markup] | None:
    """Python and every package that two projects or more have."""
    matrix = overview.matrix
    pythons = {one.key: one.python_version for one in overview.projects if one.python_version}
    titles = {one.key: one.title for one in overview.projects}
    rows = [*([MatrixRow(package="python", versions=pythons)] if pythons else []), *matrix.rows]
    if not rows:
        return None
    differing = [row for row in rows if row.conflict or row.package == "python"]
    same = [row for row in rows if row not in differing]
    wide = len(matrix.projects) <= _MOST_COLUMNS
    children = [_grouped(differing, titles, narrow_only=wide)] if differing else []
    if wide and differing:
        children.insert(0, _columns(differing, {key: titles.get(key, key) for key in matrix.projects}))
    if same:
        children.append(_same(same, len(matrix.projects)))
    return "versions", section("versions", "Versions", *children, note=_note(overview))


def _note(overview: Overview) -> Markup:
    matrix = overview.matrix
    if not matrix.rows:
        return escape("No package is in two projects or more, so there is nothing to compare.")
    conflicts = sum(row.conflict for row in matrix.rows)
    sentences = [
        f"{count(len(matrix.rows), 'package')} in two projects or more, {conflicts} with versions that differ."
    ]
    if conflicts:
        sentences.append("Coloured: other versions than the most frequent one.")
    if matrix.locked:
        sentences.append(f"By their lockfiles, since they have no environment: {', '.join(matrix.locked)}.")
    if matrix.unknown:
        sentences.append(f"Neither environment nor lockfile: {', '.join(matrix.unknown)}.")
    return escape(" ".join(sentences))


def _columns(rows: list[MatrixRow], titles: Mapping[str, str]) -> Markup:
    head = element(
        "tr",
        element("th", "Package", scope="col"),
        *(element("th", title, scope="col") for title in titles.values()),
        element("th", element("span", "Verdict", class_="unseen"), scope="col"),
    )
    body = []
    for row in rows:
        tints = _tints(row)
        cells = [
            element("td", row.versions[key], class_=f"version {tints[row.versions[key]]}")
            if key in row.versions
            else element("td", element("span", "not there", class_="unseen"), class_="version none")
            for key in titles
        ]
        body.append(element("tr", element("th", row.package, scope="row"), *cells, element("td", _verdict(row))))
    table = element(
        "table",
        element("caption", "Versions by project", class_="unseen"),
        element("thead", head),
        element("tbody", *body),
        class_="matrix",
    )
    return element("div", table, class_="scroll wide", tabindex="0", role="region", aria_label="Versions by project")


def _grouped(rows: list[MatrixRow], titles: Mapping[str, str], *, narrow_only: bool) -> Markup:
    """The projects of each version, which any window has room for."""
    items = []
    for row in rows:
        tints = _tints(row)
        groups = [
            element("li", element("span", version, class_=f"version {tint}"), " ", _who(row, version, titles))
            for version, tint in tints.items()
        ]
        name = element("p", element("strong", row.package), " ", _verdict(row), class_="who")
        items.append(element("li", name, element("ul", *groups)))
    return element("ul", *items, class_="grouped narrow" if narrow_only else "grouped")


def _who(row: MatrixRow, version: str, titles: Mapping[str, str]) -> str:
    having = [titles.get(key, key) for key, one in row.versions.items() if one == version]
    return f"all {len(having)} that have it" if len(having) == len(row.versions) > 1 else ", ".join(having)


def _same(rows: list[MatrixRow], projects: int) -> Markup:
    items = [
        element(
            "li",
            element("span", row.package),
            " ",
            element("span", next(iter(row.versions.values())), class_="version"),
            " ",
            element("span", f"{len(row.versions)} of {projects}", class_="aside"),
        )
        for row in rows
    ]
    words = f"{count(len(rows), 'package')}, the same version everywhere"
    fold = element("details", element("summary", element("span", words)), element("ul", *items, class_="packages"))
    return element("div", fold, class_="folds")


def _verdict(row: MatrixRow) -> Markup:
    return element("span", "differs", class_="differs") if row.conflict else join([])


def _tints(row: MatrixRow) -> dict[str, str]:
    """Version -> the class of its colour; the most frequent one has none."""
    order = [version for version, _ in Counter(row.versions.values()).most_common()]
    return {version: f"tint-{min(number, _TINTS)}" if number else "" for number, version in enumerate(order)}
