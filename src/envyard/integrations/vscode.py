"""What VS Code should know of a workspace: its files, and the values in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from envyard.environment import SCRIPTS
from envyard.integrations.merge import Wish
from envyard.project import Project, Workspace

_EXTENSIONS = ("ms-python.python", "ms-python.debugpy")
_PYTHON = "python.exe" if os.name == "nt" else "python"
_UNWATCHED = {"**/venv/**": True, "**/.envs/**": True}


def vscode_wishes(workspace: Workspace) -> dict[Path, tuple[Wish, ...]]:
    """File -> what should be in it. The interpreters are named as this system names them."""
    files = {
        workspace.root / f"{_file_name(workspace.name)}.code-workspace": _code_workspace(workspace),
        workspace.root / ".vscode" / "settings.json": _single_root(workspace),
        workspace.root / ".vscode" / "extensions.json": _recommended(()),
        workspace.root / ".vscode" / "tasks.json": _tasks(workspace),
        workspace.root / ".vscode" / "launch.json": _launch(workspace),
    }
    for project in workspace.projects:
        path = project.path / ".vscode" / "settings.json"
        files[path] = (*files.get(path, ()), *_project_settings(project))  # a project may be the whole workspace
    return files


def _code_workspace(workspace: Workspace) -> tuple[Wish, ...]:
    """A root for each project, then one for all, which brings the tasks."""
    folders = [{"name": one.title, "path": _relative(one.path, workspace.root)} for one in workspace.projects]
    if all(folder["path"] != "." for folder in folders):
        folders.append({"name": workspace.name, "path": "."})
    return (
        *(Wish(path=("folders",), value=folder, element=True, named_by="path") for folder in folders),
        *_unwatched(("settings",)),
        *_recommended(("extensions",)),
    )


def _single_root(workspace: Workspace) -> tuple[Wish, ...]:
    """For those who open the folder itself. The search finds `.venv` only, unless it is told."""
    paths = [_relative(project.path, workspace.root) for project in workspace.projects]
    managers = {"envManager": "ms-python.python:venv", "packageManager": "ms-python.python:pip"}
    return (
        *(
            Wish(path=("python-envs.workspaceSearchPaths",), value=f"./{_join(path, 'venv')}", element=True)
            for path in paths
        ),
        *(
            Wish(path=("python-envs.pythonProjects",), value={"path": path, **managers}, element=True, named_by="path")
            for path in paths
        ),
        *_unwatched(()),
    )


def _project_settings(project: Project) -> tuple[Wish, ...]:
    folder = "${workspaceFolder}"
    values: dict[str, Any] = {"python.defaultInterpreterPath": f"{folder}/venv/{SCRIPTS}/{_PYTHON}"}
    words = [os.path.basename(word) for word in project.test_command]
    if "pytest" in words:
        inside = _relative(project.test_folder, project.path)
        values |= {
            "python.testing.pytestEnabled": True,
            "python.testing.unittestEnabled": False,
            "python.testing.cwd": folder if inside == "." else f"{folder}/{inside}",
            "python.testing.pytestArgs": list(project.test_command[words.index("pytest") + 1 :]),
        }
    if (project.path / "src").is_dir():
        values["python.analysis.extraPaths"] = ["src"]
    return tuple(Wish(path=(name,), value=value) for name, value in values.items())


def _tasks(workspace: Workspace) -> tuple[Wish, ...]:
    """A task for the tests of each project, which nox runs."""
    script = (workspace.root / "scripts" / "run_tests.sh").is_file()
    command: dict[str, Any] = {"command": "nox"}
    if script:
        command = {
            "command": "${workspaceFolder}/scripts/run_tests.sh",
            "windows": {"command": "${workspaceFolder}\\scripts\\run_tests.bat"},
        }
    tasks = [
        {"label": f"test: {project.title}", "type": "process", **command, "args": ["-s", project.key]}
        | {"options": {"cwd": "${workspaceFolder}"}, "group": "test", "problemMatcher": []}
        for project in workspace.projects
    ]
    return (
        Wish(path=("version",), value="2.0.0"),
        *(Wish(path=("tasks",), value=task, element=True, named_by="label") for task in tasks),
    )


def _launch(workspace: Workspace) -> tuple[Wish, ...]:
    """A debugger for the tests of each project that pytest runs."""
    configurations = []
    for project in workspace.projects:
        if "pytest" not in project.test_command:
            continue
        path = _relative(project.path, workspace.root)
        venv = f"${{workspaceFolder}}/{_join(path, 'venv')}"
        folder = _relative(project.test_folder, workspace.root)
        configurations.append(
            {
                "name": f"debug tests: {project.title}",
                "type": "debugpy",
                "request": "launch",
                "module": "pytest",
                "args": list(project.test_command[project.test_command.index("pytest") + 1 :]),
                "cwd": "${workspaceFolder}" if folder == "." else f"${{workspaceFolder}}/{folder}",
                "env": dict(project.environment),
                "python": f"{venv}/bin/python",
                "windows": {"python": f"{venv}/Scripts/python.exe"},
                "justMyCode": False,
            }
        )
    return (
        Wish(path=("version",), value="0.2.0"),
        *(Wish(path=("configurations",), value=one, element=True, named_by="name") for one in configurations),
    )


def _recommended(path: tuple[str, ...]) -> tuple[Wish, ...]:
    return tuple(Wish(path=(*path, "recommendations"), value=name, element=True) for name in _EXTENSIONS)


def _unwatched(path: tuple[str, ...]) -> tuple[Wish, ...]:
    """Environments have more files than a system can watch."""
    return tuple(
        Wish(path=(*path, setting, pattern), value=value)
        for setting in ("files.watcherExclude", "search.exclude")
        for pattern, value in _UNWATCHED.items()
    )


def _relative(path: Path, root: Path) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def _join(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def _file_name(name: str) -> str:
    return "".join("-" if character in '/\\:*?"<>|' else character for character in name).strip(". ") or "workspace"
