"""The matrix of `ci.matrix` for people and for CI systems."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from envyard.report.table import Column, table
from envyard.report.text import count, width_of

if TYPE_CHECKING:
    from envyard.commands.ci import Matrix

_COLUMNS = (
    Column(title="session"),
    Column(title="python", drop=2),
    Column(title="platforms", fold=True, drop=1),
    Column(title="why", fold=True),
)


def matrix_text(matrix: Matrix, style: str) -> str:
    """As `style` asks: `github` (lines for `$GITHUB_OUTPUT`), `gitlab` (a child pipeline), `json`, or `table`."""
    if style == "github":
        from envyard.integrations.github import matrix_outputs

        return matrix_outputs(matrix.workspace, matrix.jobs)
    if style == "gitlab":
        from envyard.integrations.gitlab import child_pipeline

        return json.dumps(child_pipeline(matrix.workspace, matrix.jobs), indent=2)
    if style == "json":
        return json.dumps(matrix_data(matrix), indent=2)
    rows = {job.session: [job.session, job.python, "", "; ".join(job.why)] for job in matrix.jobs}
    for job in matrix.jobs:
        rows[job.session][2] += f"{', ' if rows[job.session][2] else ''}{job.platform}"
    lines = table(_COLUMNS, list(rows.values()), width_of(sys.stdout)) if rows else []
    return "\n".join([*lines, *([""] if lines else []), _summary(matrix)])


def matrix_lines(matrix: Matrix) -> list[str]:
    """What was chosen and why, for the log of a job."""
    reasons = [f"{key}: {'; '.join(why)}" for key, why in matrix.why.items() if why]
    return [*reasons, _summary(matrix)]


def matrix_data(matrix: Matrix) -> dict[str, Any]:
    return {
        "jobs": [
            {
                "session": job.session,
                "title": job.title,
                "path": job.path,
                "description": job.description,
                "python": job.python,
                "tags": list(job.tags),
                "platform": job.platform,
                "cache": job.cache,
                "why": list(job.why),
            }
            for job in matrix.jobs
        ],
        "changed_since": matrix.since or None,
        "untouched": list(matrix.untouched),
    }


def _summary(matrix: Matrix) -> str:
    projects = count(len(matrix.why), "project")
    jobs = count(len(matrix.jobs), "job")
    caches = count(len({job.cache for job in matrix.jobs}), "cache")
    if not matrix.jobs:
        return f"no project is affected since {matrix.since}" if matrix.since else "no projects"
    since = f" since {matrix.since}, {len(matrix.untouched)} untouched" if matrix.since else ""
    return f"{projects} to test{since}: {jobs}, {caches}"
