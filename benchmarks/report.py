"""Renders a run: markdown tables of ratios for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence

from results import Result, ScenarioResult, Scored, Spread, ratio, seconds

NOTES = """\
- Everybody installs the same hashed lockfiles with the same uv, interpreter, cache and index, in new folders.
  After each run the distributions in every environment are compared.
- Only envyard puts `pip` into its environments, reads back every RECORD (a missing or short file fails the build),
  keeps the old environment when a build fails, and locks against a second process. Its times include that.
- A ratio is taken round by round, between neighbours in time: median (lowest-highest). Below 1: faster, smaller.
"""


def render(results: Sequence[ScenarioResult], machine: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """The whole report as markdown."""
    parts = ["# Benchmark", "", *(f"- {name}: {value}" for name, value in machine.items())]
    parts += ["- versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()), ""]
    for result in results:
        parts += [render_scenario(result), ""]
    parts += [render_targets(results), "", "## Notes", "", NOTES]
    return "\n".join(parts)


def render_scenario(result: ScenarioResult) -> str:
    """One scenario: a row an alternative, with its ratio to the subject."""
    with_disk = any(sample.disk for row in result.results for sample in row.samples)
    with_units = len({row.units for row in result.results}) > 1
    head = ["alternative", "rounds", "median s", "min-max s", "CPU s"]
    head += ["ms each"] if with_units and not result.subject else []
    head += [f"time: {result.subject} / it"] if result.subject else []
    head += ["GB", f"disk: {result.subject} / it"] if with_disk else []
    rows = [_cells(result, row, head) for row in result.results]
    lines = [
        f"## {result.title}",
        f"Load average before: {result.load_before:.2f}.",
        *result.notes,
        "",
        *_table(head, rows),
    ]
    failures = [f"\n`{row.name}` failed:\n\n```\n{row.failure}\n```" for row in result.results if row.failure]
    return "\n".join([*lines, *failures])


def render_targets(results: Iterable[ScenarioResult]) -> str:
    """All targets with what was measured."""
    scored = [one for result in results for one in result.scored()]
    rows = [[str(one.target), _value(one), _verdict(one)] for one in scored]
    return "\n".join(["## Targets", "", *_table(["target", "measured", ""], rows)])


def to_json(results: Sequence[ScenarioResult], machine: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """Everything that was measured, every sample of every round."""
    scenarios = [
        dataclasses.asdict(result) | {"scored": [_plain(one) for one in result.scored()]} for result in results
    ]
    document = {"machine": dict(machine), "versions": dict(versions), "scenarios": scenarios}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _cells(result: ScenarioResult, row: Result, head: Sequence[str]) -> list[str]:
    if not row.measured:
        return [row.name, "failed", *("" for _ in head[2:])]
    time = seconds(row)
    cpu = sorted(sample.cpu_seconds for sample in row.samples)[len(row.samples) // 2]
    cells = {
        "alternative": row.name,
        "rounds": str(len(row.samples)),
        "median s": _number(time.median),
        "min-max s": f"{_number(time.low)}-{_number(time.high)}",
        "CPU s": _number(cpu),
        "ms each": f"{1000 * time.median / row.units:.0f}",
        "GB": f"{row.samples[-1].disk / 1e9:.2f}",
    }
    subject = result.find(result.subject)
    if subject is not None and subject is not row:
        cells[f"time: {result.subject} / it"] = _spread(ratio(subject, row))
        cells[f"disk: {result.subject} / it"] = _spread(ratio(subject, row, "disk"))
    return [cells.get(name, "1") if subject is row else cells.get(name, "") for name in head]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [[name.ljust(width) for name, width in zip(head, widths, strict=True)], ["-" * width for width in widths]]
    lines += [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _value(scored: Scored) -> str:
    unit = " s" if scored.target.comparison in ("difference", "value") else ""
    return "not measured" if scored.value is None else _spread(scored.value) + unit


def _verdict(scored: Scored) -> str:
    if scored.value is None:
        return ""
    return "reached" if scored.reached else "MISSED"


def _spread(value: Spread | None) -> str:
    if value is None:
        return ""
    digits = 6 if value.median < _TINY else 2
    if value.low == value.high:
        return f"{value.median:.{digits}f}"
    return f"{value.median:.{digits}f} ({value.low:.{digits}f}-{value.high:.{digits}f})"


def _number(value: float) -> str:
    if value < _TINY:
        return f"{value:.6f}"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


_TINY = 0.01  # below, a thousandth is too coarse


def _plain(scored: Scored) -> dict[str, object]:
    value = None if scored.value is None else dataclasses.asdict(scored.value)
    return {"target": str(scored.target), "value": value, "reached": scored.reached}
