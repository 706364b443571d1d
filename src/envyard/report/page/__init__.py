"""One page about all environments that needs nothing but itself: `envs.report --html`.

No script, no network: the policy in its head forbids everything but its own style. `markup` escapes every text.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from envyard.commands.overview import EnvironmentReport, Overview
from envyard.commands.page import MARK
from envyard.definition import Kind
from envyard.health import Grade
from envyard.report.page.environments import details_section, environments_section, models_section
from envyard.report.page.markup import Markup, element, escape, join
from envyard.report.page.parts import Part, badge, bar, command, icon_shapes, prose, section, when
from envyard.report.page.pictures import builds_section, disk_section, history_section
from envyard.report.page.versions import versions_section
from envyard.report.text import count, duration, size

_WORST_FIRST = (Grade.BROKEN, Grade.MISSING, Grade.DEGRADED, Grade.STALE, Grade.DRIFTED, Grade.OK)


def page_text(overview: Overview) -> str:
    """The whole page."""
    style = (Path(__file__).parent / "style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    sections = [found for make in _SECTIONS if (found := make(overview)) is not None]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="generator", content=f"{MARK} {overview.version}"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{overview.name}: environments"),
        Markup(f"<style>{style}</style>"),
    )
    body = element(
        "body",
        icon_shapes(),
        _header(overview, [name for name, _ in sections]),
        element("main", *(found for _, found in sections)),
        _footer(overview),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


# --- the head


def _header(overview: Overview, names: Sequence[str]) -> Markup:
    links = [element("a", name.capitalize(), href=f"#{name}") for name in names]
    return element(
        "header",
        element(
            "div",
            element("p", "Environments", class_="eyebrow"),
            element("h1", overview.name),
            element("p", _lead(overview), class_="lead"),
            class_="title",
        ),
        element("p", when(overview.taken), class_="taken"),
        _tiles(overview),
        element("nav", *links, aria_label="Sections") if links else None,
    )


def _lead(overview: Overview) -> Markup:
    everything = overview.environments
    usable = sum(one.grade.usable for one in everything)
    ill = sum(bool(one.problems) for one in everything)
    if not everything:
        return prose("The workspace has no projects. `envyard init` finds those of a monorepo.")
    if not usable:
        return prose("No environment can be used yet. `invoke envs.setup-all` makes them.")
    if not ill:
        what = "The environment is" if len(everything) == 1 else f"All {len(everything)} environments are"
        return escape(f"{what} as asked for.")
    can = f"{usable} of {count(len(everything), 'environment')} can be used; "
    return escape(can + ("one needs attention." if ill == 1 else f"{ill} need attention."))


def _tiles(overview: Overview) -> Markup | None:
    if not overview.environments:
        return None
    disk = overview.disk
    tiles = [_grades(overview.environments)]
    builds = [one.builds[0] for one in overview.environments if one.builds]
    if disk.apparent:
        shared = f"sharing saves {size(disk.saved)}" if disk.saved else "nothing is shared"
        words = f"{size(disk.apparent)} of files; {shared}"
        tiles.append(_tile("On disk", size(disk.actual), words))
    if builds:
        total = duration(sum(sum(event.seconds.values()) for event in builds))
        last = when(max(event.time for event in builds))
        added = f"added up over {count(len(builds), 'environment')}; the last "
        tiles.append(_tile("Build time", total, join([added, last])))
    rows = overview.matrix.rows
    if rows:
        differ = f"{sum(row.conflict for row in rows)} of {len(rows)}"
        tiles.append(_tile("Versions", differ, "packages of several projects differ between them"))
    return element("div", *tiles, class_="tiles")


def _grades(environments: Sequence[EnvironmentReport]) -> Markup:
    counts = {grade: sum(one.grade == grade for one in environments) for grade in reversed(_WORST_FIRST)}
    there = {grade: number for grade, number in counts.items() if number}
    words = [badge(grade, f"{number} {grade}") for grade, number in there.items()]
    total = len(environments)
    parts = [
        Part(colour=f"fill-{grade}", share=number / total, title=f"{number} {grade}") for grade, number in there.items()
    ]
    label = ", ".join(f"{number} {grade}" for grade, number in there.items())
    return element(
        "div",
        element("p", "Health", class_="name"),
        element("p", *words, class_="badges"),
        bar(parts, label, thin=True),
        class_="tile",
    )


def _tile(name: str, value: str, words: str) -> Markup:
    return element(
        "div",
        element("p", name, class_="name"),
        element("p", value, class_="value"),
        element("p", words, class_="words"),
        class_="tile",
    )


# --- what is wrong


def _attention(overview: Overview) -> tuple[str, Markup] | None:
    ill = [one for one in overview.environments if one.problems]
    new = [one for one in ill if _only_never_built(one)]
    if len(new) > 1:
        ill = [one for one in ill if one not in new]
    ill.sort(key=lambda one: _WORST_FIRST.index(one.grade))
    items = [_item(one.title, one.grade, _problems(one), overview.root) for one in ill]
    if len(new) > 1:
        everything = len(new) == len(overview.projects)
        fix = "invoke envs.setup-all" if everything else f"invoke envs.setup {' '.join(one.key for one in new)}"
        names = ", ".join(one.title for one in new)
        items.append(_item(f"{len(new)} environments", Grade.MISSING, [(f"never built: {names}", fix)], overview.root))
    return (
        ("attention", section("attention", "Attention", element("ul", *items, class_="attention"))) if items else None
    )


def _only_never_built(one: EnvironmentReport) -> bool:
    return one.grade == Grade.MISSING and one.kind == Kind.PROJECT and len(one.problems) == 1 and not one.history


def _problems(one: EnvironmentReport) -> list[tuple[str, str]]:
    """What is wrong and what heals it; the grade stands beside it already."""
    said = [(problem.message.removeprefix(f"{one.grade}: "), problem.fix) for problem in one.problems]
    if any(problem.check in ("creation", "pointer") for problem in one.problems):  # which say more
        said = [(message, fix) for message, fix in said if message != "first build"]
    return [("never built" if message == "first build" else message, fix) for message, fix in said]


def _item(title: str, grade: Grade, problems: Sequence[tuple[str, str]], root: Path) -> Markup:
    lines = [element("li", element("p", prose(message, root)), command(fix)) for message, fix in problems]
    who = element("p", element("strong", title), " ", badge(grade), class_="who")
    return element("li", who, element("ul", *lines), class_=str(grade))


def _footer(overview: Overview) -> Markup:
    zone = time.strftime("%z", time.localtime(overview.taken))
    return element(
        "footer",
        element(
            "p",
            prose(f"Written by envyard {overview.version} for {overview.root}. Times are local (UTC{zone})."),
        ),
        element(
            "p",
            prose(
                "Health is what a look at each environment tells; `invoke envs.doctor` checks every file. "
                "Sizes were measured when the environments were built, and count hard-linked files once."
            ),
        ),
    )


_SECTIONS = (
    _attention,
    environments_section,
    models_section,
    disk_section,
    versions_section,
    builds_section,
    history_section,
    details_section,
)
