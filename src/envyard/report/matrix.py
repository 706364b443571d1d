"""The versions of packages in all projects, as text and as data: `envs.matrix`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from envyard.commands.matrix import Matrix, MatrixRow
from envyard.report.table import Column, table
from envyard.report.text import Style, count

_DIFFERS = "differs"


def matrix_text(matrix: Matrix, style: Style, width: int | None) -> str:
    """A row a package and a column a project; where that is too wide, the projects of each version in one column."""
    if not matrix.rows:
        return "no package is in two projects or more"
    fits = width is None or max(map(len, _wide(matrix, str))) <= width
    lines = _wide(matrix, style.warn) if fits else _narrow(matrix, style.warn, width)
    lines[0] = style.strong(lines[0])
    notes = [_summary(matrix)]
    if matrix.locked:
        notes.append(f"by their lockfiles, since they have no environment: {', '.join(matrix.locked)}")
    if matrix.unknown:
        notes.append(f"neither environment nor lockfile: {', '.join(matrix.unknown)}")
    return "\n".join([*lines, "", *notes])


def matrix_data(matrix: Matrix) -> dict[str, Any]:
    return {
        "projects": list(matrix.projects),
        "packages": [
            {"package": row.package, "versions": dict(row.versions), "conflict": row.conflict} for row in matrix.rows
        ],
        "locked": list(matrix.locked),
        "unknown": list(matrix.unknown),
    }


def _summary(matrix: Matrix) -> str:
    conflicts = sum(row.conflict for row in matrix.rows)
    if not conflicts:
        return f"{count(len(matrix.rows), 'package')}, the same version everywhere"
    return f"{count(len(matrix.rows), 'package')}, {conflicts} with versions that differ"


def _wide(matrix: Matrix, paint: Callable[[str], str]) -> list[str]:
    columns = [Column(title="package"), *(Column(title=key) for key in matrix.projects), Column(title="", paint=paint)]
    rows = [
        (row.package, *(row.versions.get(key, "-") for key in matrix.projects), _DIFFERS if row.conflict else "")
        for row in matrix.rows
    ]
    return table(columns, rows, None)


def _narrow(matrix: Matrix, paint: Callable[[str], str], width: int | None) -> list[str]:
    columns = [Column(title="package"), Column(title="", paint=paint), Column(title="versions", fold=True)]
    rows = [(row.package, _DIFFERS if row.conflict else "", _by_version(row)) for row in matrix.rows]
    return table(columns, rows, width)


def _by_version(row: MatrixRow) -> str:
    projects: dict[str, list[str]] = {}
    for key, version in row.versions.items():
        projects.setdefault(version, []).append(key)
    return "; ".join(f"{version}: {', '.join(keys)}" for version, keys in projects.items())
