"""Whether two environments can be one, and why not, as text and as data: `envs.explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from envyard.commands.explain import Explanation, Present
from envyard.contradictions import place_of
from envyard.demands import Demand
from envyard.obstacles import Cause, Obstacle
from envyard.report.table import Column, table
from envyard.report.tables import relative
from envyard.report.text import Style, count, hanging, listing
from envyard.resolver import Target

_NAMED = 8  # packages that are called by name in a sentence

Data = dict[str, Any]


def explain_text(found: Explanation, root: Path, style: Style, width: int | None) -> str:
    """The answer, what it rests on, and how the lockfiles stand to it."""
    ours, theirs = found.present
    both = f"`{ours.key}` and `{theirs.key}`"
    sharing = found.sharing
    if sharing.possible:
        lines = hanging("", style.good(f"{both} can share one environment"), width)
    else:
        lines = hanging("", style.bad(f"{both} cannot share one environment"), width)
    lines += ["", *hanging("by their requirements: ", _by_requirements(found), width)]
    for obstacle in sharing.obstacles:
        lines += ["", *_obstacle(obstacle, root, style, width)]
    lines += ["", *hanging("as they are locked: ", _as_locked(found), width)]
    if sharing.possible:
        lines += _versions(found, root, style, width)
    notes = [*sharing.notes, *(_stale(each, root) for each in found.present if each.stale)]
    for note in notes:
        lines += ["", *hanging("note: ", note, width)]
    return "\n".join(lines)


def explain_data(found: Explanation) -> Data:
    sharing, differences = found.sharing, found.differences
    return {
        "environments": [
            {
                "key": each.key,
                "kind": str(each.kind),
                "title": each.title,
                "lockfile": None if each.lockfile is None else str(each.lockfile),
                "stale": each.stale,
                "pins": None if each.pins is None else dict(each.pins),
                "changes": [
                    {"package": package, "before": before, "after": after}
                    for package, (before, after) in found.changes(each).items()
                ],
            }
            for each in found.present
        ],
        "possible": sharing.possible,
        "targets": [{"python": one.python, "platform": one.platform} for one in sharing.targets],
        "obstacles": [obstacle_data(one) for one in sharing.obstacles],
        "platform": found.platform or None,
        "together": dict(found.together) if sharing.possible else None,
        "differences": None
        if differences is None
        else [
            {"package": one.package, "versions": dict(one.versions), "together": one.together or None}
            for one in differences
        ],
        "notes": list(sharing.notes),
        "runs": sharing.runs,
    }


def targets_text(targets: tuple[Target, ...]) -> str:
    """`Python 3.11 on linux-x86_64, macos-arm64 and windows-x86_64`."""
    return f"Python {targets[0].python} on {listing([target.platform for target in targets])}"


# --- the answer


def _by_requirements(found: Explanation) -> str:
    sharing = found.sharing
    if not sharing.targets:
        return "no, their settings exclude each other, so the resolver was not asked"
    asked = f"checked for {targets_text(sharing.targets)}, {count(sharing.runs, 'run')} of the resolver"
    if sharing.possible:
        return f"yes, they resolve together ({asked})"
    if any(obstacle.alone for obstacle in sharing.obstacles):
        return f"no, one of them cannot be installed even by itself ({asked})"
    return f"no, these lines exclude each other ({asked})"


def _obstacle(obstacle: Obstacle, root: Path, style: Style, width: int | None) -> list[str]:
    lines = []
    for demand in obstacle.demands:
        lines += hanging(f"  {_place(demand, root)}", style.strong(demand.text), width)
    reasons = obstacle.reasons
    if obstacle.cause == Cause.REQUIREMENTS and obstacle.target is not None:
        whom = f"`{obstacle.alone}` by itself cannot be installed" if obstacle.alone else ""
        lines += hanging("  ", f"{whom} with {obstacle.target}:", width) if whom else []
    for reason in reasons:
        lines += hanging("  because ", reason, width)
    return lines


def _place(demand: Demand, root: Path) -> str:
    return place_of(demand.file, root, demand.number)


# --- the lockfiles


def _as_locked(found: Explanation) -> str:
    differences = found.differences
    if differences is None:
        missing = [each.key for each in found.present if each.pins is None]
        return f"not known, {' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no lockfile"
    ours, theirs = (each.pins or {} for each in found.present)
    both = len(ours.keys() & theirs.keys())
    if not both:
        return "they have no package in common"
    shared = f"{count(both, 'package')} that both pin"
    if not differences:
        return f"yes, the {shared} {'has' if both == 1 else 'have'} the same version on {found.platform}"
    names = [one.package for one in differences]
    named = names if len(names) <= _NAMED else [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    verb = "differs" if len(names) == 1 else "differ"
    return f"no, of the {shared} {len(names)} {verb} on {found.platform}: {listing(named)}"


def _versions(found: Explanation, root: Path, style: Style, width: int | None) -> list[str]:
    """What an environment of both would hold, and whose pins that changes."""
    ours, theirs = found.present
    together = found.together
    changed = found.changes(ours).keys() | found.changes(theirs).keys()
    lines = [
        "",
        *hanging("", f"together they would have {count(len(together), 'package')} on {found.platform}:", width),
    ]
    columns = (
        Column(title="package"),
        Column(title="together", paint=style.strong),
        Column(title=ours.key, paint=style.warn),
        Column(title=theirs.key, paint=style.warn),
    )
    rows = [
        (package, together[package], *((each.pins or {}).get(package, "-") for each in found.present))
        for package in sorted(changed)
    ]
    if rows:
        head, *body = table(columns, rows, width)
        lines += [f"  {style.strong(head)}", *(f"  {line}" for line in body)]
    same = [f"{package}=={version}" for package, version in sorted(together.items()) if package not in changed]
    if same:
        what = "and as they are locked: " if rows else ""
        lines += hanging("  ", f"{what}{', '.join(same)}", width)
    return [*lines, "", *_whose(found, root, width)]


def _whose(found: Explanation, root: Path, width: int | None) -> list[str]:
    lines = []
    for each in found.present:
        changes = found.changes(each)
        if each.pins is None or each.lockfile is None:
            continue
        name = relative(each.lockfile, root)
        text = f"{count(len(changes), 'pin')} would change" if changes else "no pin would change"
        lines += hanging(f"{name}: ", text, width)
    return lines


def _stale(present: Present, root: Path) -> str:
    name = relative(present.lockfile, root) if present.lockfile else "its lockfile"
    return f"{name} is older than the requirements of `{present.key}`"


# --- data


def obstacle_data(obstacle: Obstacle) -> Data:
    """One reason, with file and line of everything that takes part."""
    return {
        "cause": str(obstacle.cause),
        "lines": [
            {"key": one.key, "file": str(one.file), "line": one.number or None, "text": one.text}
            for one in obstacle.demands
        ],
        "reasons": list(obstacle.reasons),
        "target": None if obstacle.target is None else str(obstacle.target),
        "alone": obstacle.alone or None,
    }
