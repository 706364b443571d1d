"""What there is, as text: `envs.list` and `envs.show`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from envyard.commands.inspect import EnvironmentDetails, EnvironmentRow
from envyard.health import Grade
from envyard.report.table import Column, table
from envyard.report.text import Style, age, count, duration, hanging, moment, size


def list_table(rows: Sequence[EnvironmentRow], root: Path, style: Style, width: int | None) -> str:
    """One row an environment. `size` is all its files, `own` what no other environment shares."""
    if not rows:
        return "the workspace has no projects"
    columns = (
        Column(title="key", paint=style.strong),
        Column(title="kind", drop=8),
        Column(title="project", drop=6),
        Column(title="path", drop=4),
        Column(title="python"),
        Column(title="generation", drop=5),
        Column(title="health", fold=True, paint=lambda text: _paint_grade(text, style)),
        Column(title="packages", right=True, drop=3),
        Column(title="size", right=True),
        Column(title="own", right=True),
        Column(title="built", drop=7),
        Column(title="used", drop=2),
    )
    lines = table(columns, [_row(row, root) for row in rows], width)
    return "\n".join([style.strong(lines[0]), *lines[1:]])


def show_text(details: EnvironmentDetails, root: Path, style: Style, width: int | None) -> str:
    """Everything about one environment, as `name: value` lines."""
    row = details.row
    facts = [
        ("project", f"{row.project} ({row.key})"),
        ("path", relative(row.path, root)),
        ("health", _health(row)),
        ("python", row.python_version),
        ("generation", row.generation),
        ("packages", str(row.packages) if row.packages else ""),
        ("size", f"{size(row.apparent_bytes)}, of which {size(row.unique_bytes)} its own" if row.generation else ""),
        ("created", moment(row.created) if row.created else ""),
        ("last used", moment(row.last_used) if row.last_used else ""),
        ("in use", "yes" if details.in_use else ""),
        ("built because", "; ".join(details.build_reasons)),
        *_build_facts(details),
        ("lockfile", "older than its requirements" if details.lockfile_stale else ""),
        ("previous", ", ".join(f"{one.generation} of {moment(one.created)}" for one in details.previous)),
    ]
    lines = []
    for name, text in facts:
        first, *rest = hanging(f"{name + ':':15}", text, width) if text else [""]
        lines += [first[:15] + _paint_grade(first[15:], style) if name == "health" else first, *rest] if text else []
    environment = details.environment
    if environment is not None and environment.packages:
        lines += ["", count(len(environment.packages), "package") + ":"]
        lines += [f"  {name} {version}" for name, version in sorted(environment.packages.items())]
    return "\n".join(lines)


def relative(path: Path, root: Path) -> str:
    """A path as seen from the workspace, where it is below it."""
    return os.path.relpath(path, root) if path.is_relative_to(root) else str(path)


def _build_facts(details: EnvironmentDetails) -> list[tuple[str, str]]:
    environment, builder = details.environment, details.last_builder
    if environment is None:
        return []
    phases = ", ".join(f"{phase} {duration(seconds)}" for phase, seconds in environment.seconds.items())
    return [
        ("interpreter", environment.interpreter.executable),
        ("installer", environment.installer),
        ("build time", phases),
        ("build log", builder.log if builder is not None else ""),
    ]


def _row(row: EnvironmentRow, root: Path) -> tuple[str, ...]:
    built = bool(row.generation)
    return (
        row.key,
        str(row.kind),
        row.project,
        relative(row.path, root),
        row.python_version,
        row.generation,
        _health(row),
        str(row.packages) if built else "",
        size(row.apparent_bytes) if built else "",
        size(row.unique_bytes) if built else "",
        age(row.created),
        age(row.last_used) if built else "",
    )


def _health(row: EnvironmentRow) -> str:
    return ": ".join(filter(None, [str(row.grade), "; ".join(row.reasons)]))


def _paint_grade(text: str, style: Style) -> str:
    grade = text.split(":")[0]
    if grade not in set(Grade):
        return text  # a further line of the reason
    if grade in (Grade.BROKEN, Grade.MISSING):
        return style.bad(text)
    return style.good(text) if grade == Grade.OK else style.warn(text)
