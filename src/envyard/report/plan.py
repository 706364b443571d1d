"""The fewest environments that could hold all projects, as text and as data: `envs.plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from envyard.commands.plan import Plan, PlannedEnvironment, Saving
from envyard.contradictions import place_of
from envyard.planner import Unusable
from envyard.report.sharing import obstacle_data
from envyard.report.table import Column, table
from envyard.report.text import Style, count, hanging, listing, size

Data = dict[str, Any]

_SHOWN = 20  # lines about what cannot share an environment


def plan_text(plan: Plan, root: Path, style: Style, width: int | None) -> str:
    """The environments and what merging saves; then why there are not fewer."""
    if not plan.environments:
        return "the workspace has no projects"
    lines = [*hanging("", style.strong(_headline(plan)), width), *hanging("", _proof(plan), width), ""]
    columns = (
        Column(title="projects", fold=True, paint=style.strong),
        Column(title="python", drop=1),
        Column(title="files now", right=True),
        Column(title="files then", right=True),
        Column(title="disk now", right=True),
        Column(title="disk then", right=True),
    )
    head, *body = table(columns, [_row(one) for one in plan.environments], width)
    lines += [style.strong(head), *body]
    savings = _savings(plan, width)
    lines += ["", *savings] if savings else []
    if plan.apart:
        heading = "these cannot share an environment, found by asking the resolver:"
        if not plan.complete:
            heading = "these cannot share an environment; not all of so many projects were asked about in pairs:"
        apart = _apart(plan)
        lines += ["", *hanging("", heading, width)]
        lines += [line for before, text in apart[:_SHOWN] for line in hanging(before, text, width)]
        if len(apart) > _SHOWN:
            lines += hanging(
                "  ", f"and {len(apart) - _SHOWN} more lines: `invoke envs.plan --json` has them all", width
            )
        pair = next((one for one in plan.apart if len(one) == 2), None)
        if pair:
            lines += hanging("", f"to see why: `invoke envs.explain {' '.join(pair)}`", width)
    for one in plan.unusable:
        lines += ["", *_unusable(one, root, width)]
    for note in plan.notes:
        lines += ["", *hanging("note: ", note, width)]
    lines += ["", "this is a plan: nothing was changed"]
    return "\n".join(lines)


def plan_data(plan: Plan) -> Data:
    return {
        "environments": [_environment_data(one) for one in plan.environments],
        "apart": [list(one) for one in plan.apart],
        "unusable": [
            {
                "key": one.key,
                "error": str(one.error) if one.error else None,
                "obstacle": obstacle_data(one.obstacle) if one.obstacle else None,
            }
            for one in plan.unusable
        ],
        "complete": plan.complete,
        "proven": plan.proven,
        "saving": _saving_data(plan.saving),
        "notes": list(plan.notes),
        "runs": plan.runs,
    }


# --- the plan


def _headline(plan: Plan) -> str:
    projects = sum(len(one.keys) for one in plan.environments)
    environments = len(plan.environments)
    if environments == projects:
        return f"{count(projects, 'project')}: each needs an environment of its own"
    return f"{count(environments, 'environment')} could hold all {projects} projects"


def _proof(plan: Plan) -> str:
    asked = count(plan.runs, "run") + " of the resolver"
    if plan.proven:
        return f"fewer are not possible ({asked})"
    return f"fewer may be possible: there are too many ways to put so many projects together ({asked})"


def _row(one: PlannedEnvironment) -> tuple[str, ...]:
    sharing, saving = one.sharing, one.saving
    python = sharing.targets[0].python if sharing else ""
    sizes: tuple[str, ...] = ("unknown" if sharing else "",) * 4
    if saving is not None:
        values = (saving.apparent, saving.apparent_merged, saving.actual, saving.actual_merged)
        sizes = tuple(map(size, values))
    return (", ".join(one.keys), python, *sizes)


def _savings(plan: Plan, width: int | None) -> list[str]:
    lines = []
    saving = plan.saving
    if saving is not None:
        apparent, actual = saving.apparent - saving.apparent_merged, saving.actual - saving.actual_merged
        text = f"merging would save {size(max(apparent, 0))} of files, and {size(max(actual, 0))} on disk"
        if actual < apparent / 2:
            text += ": environments share the files of equal packages by links already"
        lines += hanging("", text, width)
    unknown = sorted({name for one in plan.environments for name in one.unknown})
    if unknown:
        text = f"not counted, because no environment has the version they would get: {', '.join(unknown)}"
        lines += hanging("", text, width)
    unbuilt = [key for one in plan.environments if len(one.keys) > 1 for key in one.unbuilt]
    if unbuilt:
        verb = "has" if len(unbuilt) == 1 else "have"
        text = f"sizes are unknown where {listing(unbuilt)} {verb} no environment yet"
        lines += hanging("", f"{text}: `invoke envs.setup {' '.join(unbuilt)}`", width)
    return lines


def _apart(plan: Plan) -> list[tuple[str, str]]:
    """A line a project with all that come after it; then sets of which each two would fit."""
    others: dict[str, list[str]] = {}
    for first, *rest in plan.apart:
        if len(rest) == 1:
            others.setdefault(first, []).append(rest[0])
    lines = [(f"  {key}  with  ", listing(names, "or")) for key, names in others.items()]
    larger = [one for one in plan.apart if len(one) > 2]
    return [*lines, *(("  ", f"{listing(one)} all together, though fewer of them can") for one in larger)]


def _unusable(one: Unusable, root: Path, width: int | None) -> list[str]:
    lines = hanging("", f"`{one.key}` cannot be installed even by itself, so it stays alone:", width)
    if one.error is not None:
        lines += hanging("  ", one.error.message, width)
    if one.obstacle is not None:
        for demand in one.obstacle.demands:
            lines += hanging(f"  {place_of(demand.file, root, demand.number)}", demand.text, width)
        for reason in one.obstacle.reasons:
            lines += hanging("  because ", reason, width)
    return lines


# --- data


def _environment_data(one: PlannedEnvironment) -> Data:
    sharing = one.sharing
    return {
        "projects": list(one.keys),
        "python": sharing.targets[0].python if sharing else None,
        "packages": {target.platform: dict(pins) for target, pins in sharing.pins.items()} if sharing else None,
        "saving": _saving_data(one.saving),
        "unbuilt": list(one.unbuilt),
        "unknown": list(one.unknown),
    }


def _saving_data(saving: Saving | None) -> Data | None:
    if saving is None:
        return None
    return {
        "apparent": saving.apparent,
        "apparent_merged": saving.apparent_merged,
        "actual": saving.actual,
        "actual_merged": saving.actual_merged,
    }
