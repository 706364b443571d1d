"""What every editor is told in its own words: where things are, and how the tests of a project run."""

from __future__ import annotations

import os
from pathlib import Path

from envyard.project import Project, Workspace


def relative(path: Path, root: Path) -> str:
    """With `/`; `.` for the root itself."""
    return os.path.relpath(path, root).replace(os.sep, "/")


def file_name(name: str) -> str:
    """A name of the workspace as that of a file on every system."""
    return "".join("-" if character in '/\\:*?"<>|' else character for character in name).strip(". ") or "workspace"


def pytest_arguments(project: Project) -> list[str] | None:
    """What the test command tells pytest; None when it does not run pytest."""
    words = [os.path.basename(word) for word in project.test_command]
    return list(project.test_command[words.index("pytest") + 1 :]) if "pytest" in words else None


def has_test_script(workspace: Workspace) -> bool:
    """Whether `scripts/run_tests.*` runs nox, also where nobody installed it."""
    return (workspace.root / "scripts" / "run_tests.sh").is_file()
