"""Everything about all environments as one JSON object, and in one line: `envs.report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from envyard.commands.overview import EnvironmentReport, Overview
from envyard.history import Event
from envyard.report.matrix import matrix_data
from envyard.report.text import count


def overview_line(overview: Overview, path: Path) -> str:
    """What was written where."""
    if not overview.environments:
        return f"wrote {path}: no environments"
    ill = sum(bool(one.problems) for one in overview.environments)
    state = f"{ill} {'needs' if ill == 1 else 'need'} attention" if ill else "all as asked for"
    return f"wrote {path}: {count(len(overview.environments), 'environment')}, {state}"


def overview_data(overview: Overview, path: Path | None) -> dict[str, Any]:
    disk = overview.disk
    return {
        "workspace": overview.name,
        "root": str(overview.root),
        "taken": overview.taken,
        "version": overview.version,
        "file": None if path is None else str(path),
        "environments": [_environment(one) for one in overview.environments],
        "disk": {
            "apparent": disk.apparent,
            "actual": disk.actual,
            "saved": disk.saved,
            "previous": disk.previous,
        },
        "matrix": matrix_data(overview.matrix),
        "models": [
            {
                "model": record.model,
                "key": record.key,
                "source": record.source,
                "degraded_since": record.degraded_since or None,
                "reason": record.reason,
                "legacy": record.legacy,
                "used": record.used,
            }
            for record in overview.models
        ],
    }


def _environment(one: EnvironmentReport) -> dict[str, Any]:
    environment = one.environment
    return {
        "key": one.key,
        "kind": one.kind,
        "title": one.title,
        "path": str(one.path),
        "grade": str(one.grade),
        "reasons": list(one.reasons),
        "problems": [{"check": each.check, "message": each.message, "fix": each.fix} for each in one.problems],
        "python_version": one.python_version,
        "installer": environment.installer if environment else "",
        "generation": environment.generation if environment else "",
        "packages": dict(environment.packages) if environment else {},
        "apparent_bytes": one.apparent_bytes,
        "unique_bytes": one.unique_bytes,
        "created": one.created,
        "last_used": one.last_used,
        "models": list(one.models),
        "degraded_since": one.degraded_since,
        "history": [_event(event) for event in one.history],
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "time": event.time,
        "what": str(event.what),
        "grade": str(event.grade),
        "reasons": list(event.reasons),
        "generation": event.generation,
        "seconds": dict(event.seconds),
    }
