"""Environments of models, as text and as JSON: `envs.resolve`, `envs.migrate`, and their part of `envs.list`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envyard.commands.migrate import FAILED, PLANNED, RESTORED, MigrationResult
from envyard.commands.shared import ModelEnvironmentRow
from envyard.envspec import EnvSpec
from envyard.report.data import error_data
from envyard.report.table import Column, table
from envyard.report.tables import relative
from envyard.report.text import Style, age, count, hanging, moment, size


def spec_text(spec: EnvSpec, style: Style, width: int | None) -> str:
    """An answer as `name: value` lines."""
    data = spec.metadata
    title = f" ({data['title']})" if data["title"] and data["env_key"] == data["profile"] else ""
    facts = [
        ("model", data["model"]),
        ("environment", data["env_key"] + title),
        ("python", str(spec.python_executable)),
        ("version", data["python_version"]),
        ("status", data["status"]),
        ("source", data["source"]),
        ("since", moment(data["degraded_since"]) if data["degraded_since"] else ""),
        ("migrates to", data["migration_target"]),
        ("old", data["legacy_path"]),
        ("set", "; ".join(f"{name}={value}" for name, value in data["environment"].items())),
        ("why", "; ".join(data["reasons"])),
        ("warning", data["warning"]),
    ]
    lines = []
    for name, text in facts:
        lines += hanging(f"{name + ':':13}", text, width) if text else []
    return "\n".join(style.warn(line) if line.startswith("warning:") else line for line in lines)


def spec_data(spec: EnvSpec) -> dict[str, Any]:
    return {"key": spec.key, "python": str(spec.python_executable), "metadata": dict(spec.metadata)}


def migration_table(result: MigrationResult, root: Path, style: Style, width: int | None) -> str:
    """What became of each old environment, and the disk before and after."""
    if not result.migrations:
        return "nothing to migrate"
    columns = (
        Column(title="old environment", paint=style.strong),
        Column(title="model", drop=2),
        Column(title="to", drop=1),
        Column(title="size", right=True),
        Column(title="", paint=lambda text: style.bad(text) if text == FAILED else style.good(text)),
        Column(title="why", fold=True),
    )
    rows = [
        (
            one.name,
            relative(Path(one.model), root) if os.path.isabs(one.model) else one.model,
            one.target,
            size(one.bytes) if one.bytes else "",
            one.action,
            one.reason,
        )
        for one in result.migrations
    ]
    lines = table(columns, rows, width)
    if any(one.action == RESTORED for one in result.migrations):
        return "\n".join([style.strong(lines[0]), *lines[1:]])
    planned = sum(one.action == PLANNED for one in result.migrations)
    words = f"dry run: {count(planned, 'environment')} to migrate; " if result.dry_run else ""
    total = f"{words}disk {size(result.before)} before, {size(result.after)} after the next `invoke envs.prune`"
    return "\n".join([style.strong(lines[0]), *lines[1:], "", total])


def migration_data(result: MigrationResult) -> dict[str, Any]:
    return {
        "migrations": [
            {
                "name": one.name,
                "path": str(one.path),
                "model": one.model,
                "target": one.target,
                "action": one.action,
                "reason": one.reason,
                "bytes": one.bytes,
                "error": error_data(one.error),
            }
            for one in result.migrations
        ],
        "before": result.before,
        "after": result.after,
        "dry_run": result.dry_run,
    }


def models_table(rows: Sequence[ModelEnvironmentRow], root: Path, style: Style, width: int | None) -> str:
    """The environments of models: `source` is new (shared), old (per model), or degraded."""
    columns = (
        Column(title="key", paint=style.strong),
        Column(title="kind", drop=7),
        Column(title="source", paint=lambda text: style.warn(text) if text == "degraded" else style.good(text)),
        Column(title="python", drop=5),
        Column(title="health", fold=True),
        Column(title="models", fold=True),
        Column(title="size", right=True),
        Column(title="own", right=True, drop=3),
        Column(title="built", drop=4),
        Column(title="used", drop=2),
    )
    lines = table(columns, [_cells(row, root) for row in rows], width)
    return "\n".join([style.strong(lines[0]), *lines[1:]])


def models_data(rows: Sequence[ModelEnvironmentRow]) -> list[dict[str, Any]]:
    return [
        {
            "key": row.key,
            "kind": row.kind,
            "title": row.title,
            "source": row.source,
            "path": str(row.path),
            "python_version": row.python_version,
            "generation": row.generation,
            "grade": str(row.grade),
            "reasons": list(row.reasons),
            "degraded_since": row.degraded_since,
            "models": list(row.models),
            "apparent_bytes": row.apparent_bytes,
            "unique_bytes": row.unique_bytes,
            "created": row.created,
            "last_used": row.last_used,
        }
        for row in rows
    ]


def _cells(row: ModelEnvironmentRow, root: Path) -> tuple[str, ...]:
    since = f"degraded {age(row.degraded_since)}" if row.degraded_since else ""
    words = [f"{row.grade}: {'; '.join(row.reasons)}" if row.reasons else str(row.grade), since]
    models = ", ".join(relative(Path(model), root) if os.path.isabs(model) else model for model in row.models)
    return (
        row.key,
        row.kind,
        row.source,
        row.python_version,
        ", ".join(filter(None, words)),
        models,
        size(row.apparent_bytes) if row.apparent_bytes else "",
        size(row.unique_bytes) if row.unique_bytes else "",
        age(row.created),
        age(row.last_used),
    )
