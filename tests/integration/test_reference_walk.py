"""A person walks through the reference workspace, with its real environments: the real torch of each project.

`./scripts/setup_all_envs.sh` makes the environments; these tests make the three that they need where they are missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from kit.shells import OF_SHELLS, SHELLS, Shell, envyard_hook, need, without_shell
from kit.workspaces import SOURCE

from envyard.integrations.direnv import State, read_state
from envyard.project import Project
from envyard.workspace import load_workspace

REPOSITORY = SOURCE.parent
TORCH = {"classification": "2.0.0", "sources": "2.1.0", "client-backend": "2.0.0"}
WALK = ("projects/Classification", "projects/Sources", "projects/Client", "projects/Client/Backend")


def envyard(*words: str) -> None:
    """Run envyard on the reference workspace, for the person of this test."""
    command = [sys.executable, "-m", "envyard", *words]
    env = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, cwd=REPOSITORY, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=SHELLS)
def shell_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    need(name)
    return name


@pytest.fixture
def projects() -> dict[str, Project]:
    """Path -> project, of the three whose torch is asked for, with their environments."""
    pytest.importorskip("pty", reason="Windows has no pseudo terminals of this kind")
    envyard("envs.setup-all", "--no-direnv", *(word for key in TORCH for word in ("--only", key)))
    workspace = load_workspace(REPOSITORY)
    found = {project.path.relative_to(REPOSITORY).as_posix(): project for project in workspace.projects}
    return {path: project for path, project in found.items() if project.key in TORCH}


def test_the_envrc_files_of_this_repository_are_those_that_envyard_writes() -> None:
    """If not: run `invoke direnv.setup`."""
    workspace = load_workspace(REPOSITORY)
    assert {project.key: read_state(workspace, project) for project in workspace.projects} == {
        project.key: State.CURRENT for project in workspace.projects
    }


@pytest.mark.workspace
def test_direnv_brings_the_torch_of_each_project(projects: dict[str, Project], home: Path, shell_name: str) -> None:
    need("direnv")
    envyard("direnv.setup", "--allow", *TORCH)
    with closing(Shell(shell_name, home, os.environ, f"direnv hook {shell_name}")) as shell:
        walk(shell, projects)


@pytest.mark.workspace
def test_the_hook_of_envyard_brings_the_torch_of_each_project(
    projects: dict[str, Project], home: Path, shell_name: str
) -> None:
    with closing(Shell(shell_name, home, os.environ, envyard_hook(shell_name))) as shell:
        walk(shell, projects)


def walk(shell: Shell, projects: Mapping[str, Project]) -> None:
    """Through the projects and the folder between two of them, which is none, and out again."""
    outside = shell.report()
    assert "VIRTUAL_ENV" not in outside
    for path in WALK:
        found = shell.go(REPOSITORY / path)
        if path not in projects:
            assert without_shell(found) == without_shell(outside)
            continue
        assert_inside(projects[path], found, outside)
        torch = shell.output("python -c 'import torch; print(torch.__version__)'", timeout=300)
        assert torch.strip().partition("+")[0] == TORCH[projects[path].key]
    assert without_shell(shell.go(Path("/"))) == without_shell(outside)


def assert_inside(project: Project, found: Mapping[str, str], outside: Mapping[str, str]) -> None:
    """The variables of a shell are those of the project, and whatever else there was is as it was."""
    venv = project.link
    expected = {
        "python": str(venv / "bin" / "python"),
        "PROJECT_NAME": project.title,
        "VIRTUAL_ENV": str(venv),
        "VIRTUAL_ENV_PROMPT": project.key,
        "PATH": f"{venv / 'bin'}:{outside['PATH']}",
        **project.environment,
    }
    assert {name: found.get(name) for name in expected} == expected
    marks = {name for name in found if name.startswith(("DIRENV_", "_envyard_"))}
    others = set(found) - marks - set(expected) - OF_SHELLS
    assert {name: found[name] for name in others} == {
        name: value for name, value in outside.items() if name not in expected and name not in OF_SHELLS
    }
