"""The pictures of the page: disk use, build times, what happened to each environment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envyard.commands.overview import EnvironmentReport, Overview
from envyard.commands.shared import LEGACY_KIND
from envyard.environment import Environment
from envyard.health import Grade
from envyard.history import Event, What
from envyard.report.page.markup import Child, Markup, element, join
from envyard.report.page.parts import Part, badge, bar, icon, legend, prose, section, when
from envyard.report.text import count, duration, size

_MOST_BUILDS = 3  # bars of one environment
_MOST_EVENTS = 24  # marks of one environment; the list below them has all
_PHASES = ("create", "install", "verify")


# --- disk


def disk_section(overview: Overview) -> tuple[str, Markup] | None:
    """What everything takes together, and what of each environment is its own."""
    measured = [one for one in overview.environments if one.apparent_bytes]
    if not measured:
        return None
    disk, largest = overview.disk, max(one.apparent_bytes for one in measured)
    rows = [
        _row(
            one.title,
            bar(
                [
                    Part(colour="own", share=one.unique_bytes / largest, title=f"own: {size(one.unique_bytes)}"),
                    Part(colour="shared", share=one.shared_bytes / largest, title=f"shared: {size(one.shared_bytes)}"),
                ],
                f"{size(one.apparent_bytes)}, of which {size(one.unique_bytes)} its own",
            ),
            size(one.apparent_bytes),
            f"{size(one.unique_bytes)} own",
        )
        for one in sorted(measured, key=lambda one: one.apparent_bytes, reverse=True)
    ]
    saved = f"sharing saves {size(disk.saved)}" if disk.saved else "nothing is shared"
    words = f"{size(disk.apparent)} of files take {size(disk.actual)} on disk: {saved}."
    if disk.previous > 0:
        words += f" What is kept for a rollback takes {size(disk.previous)} besides."
    unmeasured = len(overview.environments) - len(measured)
    old = sum(one.kind == LEGACY_KIND for one in overview.environments)
    if old and unmeasured:
        words += f" Not measured: {count(old, 'old environment')} of single models."
    entries: list[tuple[str, Child]] = [
        ("own", "its own: what removing it alone would free"),
        ("shared", "shared with others, on disk once"),
        ("saved", "saved: would be there without sharing"),
    ]
    return "disk", section(
        "disk",
        "Disk",
        legend(entries),
        element("ul", *_totals(overview, measured), class_="bars compact totals"),
        element("ul", *rows, class_="bars compact"),
        note=words,
    )


def _totals(overview: Overview, measured: Sequence[EnvironmentReport]) -> list[Markup]:
    disk = overview.disk
    whole = max(disk.apparent, 1)
    own = min(sum(one.unique_bytes for one in measured), disk.actual)
    parts = [
        Part(colour="own", share=own / whole, title=f"own of one environment each: {size(own)}"),
        Part(
            colour="shared", share=(disk.actual - own) / whole, title=f"shared, on disk once: {size(disk.actual - own)}"
        ),
        Part(colour="saved", share=disk.saved / whole, title=f"saved by sharing: {size(disk.saved)}"),
    ]
    label = f"{size(disk.actual)} on disk, {size(disk.saved)} saved by sharing"
    return [_row("All together", bar(parts, label), size(disk.actual), f"of {size(disk.apparent)} of files")]


# --- builds


def builds_section(overview: Overview) -> tuple[str, Markup] | None:
    """The phases of the last builds of each environment, on one scale."""
    built = [one for one in overview.environments if one.builds]
    if not built:
        return None
    longest = max(sum(event.seconds.values()) for one in built for event in one.builds[:_MOST_BUILDS]) or 1.0
    phases = [phase for phase in _PHASES if any(phase in one.builds[0].seconds for one in built)]
    rows = [_builds(one, longest) for one in built]
    note = (
        "The newest build of each environment; narrow bars are the builds before it. "
        "The common download, and waiting for other builds, are not in them."
    )
    return "builds", section(
        "builds",
        "Build times",
        legend([(f"phase-{phase}", phase) for phase in phases]),
        element("ul", *rows, class_="bars"),
        note=note,
    )


def _builds(one: EnvironmentReport, longest: float) -> Markup:
    newest, *before = one.builds[:_MOST_BUILDS]
    bars = [_build_bar(newest, longest), *(_build_bar(event, longest, thin=True) for event in before)]
    words = ", ".join(f"{phase} {duration(seconds)}" for phase, seconds in newest.seconds.items())
    return _row(
        one.title,
        join([*bars, element("p", words, class_="under")]),
        duration(sum(newest.seconds.values())),
        when(newest.time),
    )


def _build_bar(event: Event, longest: float, *, thin: bool = False) -> Markup:
    parts = [
        Part(
            colour=f"phase-{phase}" if phase in _PHASES else "phase-other",
            share=seconds / longest,
            title=f"{phase}: {duration(seconds)}",
        )
        for phase, seconds in event.seconds.items()
    ]
    label = ", ".join(f"{phase} {duration(seconds)}" for phase, seconds in event.seconds.items())
    return bar(parts, label, thin=thin)


# --- history


def history_section(overview: Overview) -> tuple[str, Markup] | None:
    """A mark for each event, the newest to the right; unfolded, the same in words."""
    told = [one for one in overview.environments if one.history]
    if not told:
        return None
    entries = [
        ("ok", "built"),
        ("failed", "build failed"),
        ("back", "rolled back"),
        ("drifted", "grade found by a check"),
    ]
    key = element("ul", *(element("li", icon(name), words) for name, words in entries), class_="legend")
    note = "The newest event is on the right, and then the health of now. Open a row to read it."
    return "history", section(
        "history",
        "Health history",
        key,
        element("div", *(_story(one, overview.root) for one in told), class_="folds"),
        note=note,
    )


def _story(one: EnvironmentReport, root: Path) -> Markup:
    shown = one.history[-_MOST_EVENTS:]
    earlier = len(one.history) - len(shown)
    marks = [_mark(event) for event in shown]
    if earlier:
        marks.insert(0, element("span", f"{earlier} earlier", class_="aside"))
    strip = element("span", *marks, element("span", class_="gap"), badge(one.grade, f"now {one.grade}"), class_="strip")
    events = [_line(event, one.environment, root) for event in reversed(one.history)]
    return element(
        "details",
        element("summary", element("strong", one.title), strip),
        element("ol", *events, class_="events"),
    )


def _mark(event: Event) -> Markup:
    title = "; ".join([_words(event), *event.reasons])
    return element(
        "span",
        icon(_shape(event)),
        element("span", _words(event), class_="unseen"),
        class_=f"mark {_colour(event)}",
        title=title,
    )


def _line(event: Event, current: Environment | None, root: Path) -> Markup:
    now = current is not None and event.generation == current.generation
    generation = (
        element("span", event.generation + (" (current)" if now else ""), class_="key") if event.generation else None
    )
    return element(
        "li",
        when(event.time),
        element("span", icon(_shape(event)), str(event.what), class_=f"badge {_colour(event)}"),
        element(
            "div",
            element("span", f"health: {event.grade}", class_="aside") if _says_more(event) else None,
            *(element("p", prose(reason, root), class_="reason") for reason in event.reasons),
            generation,
        ),
    )


def _says_more(event: Event) -> bool:
    return event.grade != Grade.OK or event.what in (What.CHECKED, What.CHECKED_DEEP)


def _words(event: Event) -> str:
    return f"{event.what}: {event.grade}" if _says_more(event) else str(event.what)


def _shape(event: Event) -> str:
    if event.what == What.FAILED:
        return "failed"
    return "back" if event.what == What.ROLLED_BACK else str(event.grade)


def _colour(event: Event) -> str:
    if event.what == What.FAILED:
        return "failed"
    return "back" if event.what == What.ROLLED_BACK else str(event.grade)


def _row(name: str, picture: Markup, number: str, aside: str) -> Markup:
    return element(
        "li",
        element("span", name, class_="who"),
        element("div", picture, class_="picture"),
        element("span", element("span", aside, class_="aside"), element("b", number), class_="number"),
    )
