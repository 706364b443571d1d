"""What VS Code should know of a workspace: its files, and the values in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from envyard.environment import PYTHON, SCRIPTS
from envyard.integrations.editors import file_name, has_test_script, pytest_arguments, relative
from envyard.integrations.jsonwish import JsonWish
from envyard.project import Project, Workspace

_EXTENSIONS = ("ms-python.python", "ms-python.debugpy")


def vscode_wishes(workspace: Workspace) -> dict[Path, tuple[JsonWish, ...]]:
    """File -> what should be in it. The interpreters are named as this system names them."""
    files = {
        workspace.root / f"{file_name(workspace.name)}.code-workspace": _code_workspace(workspace),
        workspace.root / ".vscode" / "settings.json": _single_root(workspace),
        workspace.root / ".vscode" / "extensions.json": _recommended(()),
        workspace.root / ".vscode" / "tasks.json": _tasks(workspace),
        workspace.root / ".vscode" / "launch.json": _launch(workspace),
    }
    for project in workspace.projects:
        path = project.path / ".vscode" / "settings.json"
        files[path] = (*files.get(path, ()), *_project_settings(project))  # a project may be the whole workspace
    return files


def _code_workspace(workspace: Workspace) -> tuple[JsonWish, ...]:
    """A root for each project, then one for all, which brings the tasks."""
    folders = [{"name": one.title, "path": relative(one.path, workspace.root)} for one in workspace.projects]
    if all(folder["path"] != "." for folder in folders):
        folders.append({"name": workspace.name, "path": "."})
    return (
        *(JsonWish(path=("folders",), value=folder, element=True, named_by="path") for folder in folders),
        *_unwatched(("settings",), workspace),
        *_recommended(("extensions",)),
    )


def _single_root(workspace: Workspace) -> tuple[JsonWish, ...]:
    """For those who open the folder itself. The search finds `.venv` only, unless it is told; Pylance (since July 2026)
    takes one interpreter for all, unless it is told."""
    paths = [relative(project.path, workspace.root) for project in workspace.projects]
    managers = {"envManager": "ms-python.python:venv", "packageManager": "ms-python.python:pip"}
    return (
        *(
            JsonWish(path=("python-envs.workspaceSearchPaths",), value=f"./{_join(path, 'venv')}", element=True)
            for path in paths
        ),
        *(
            JsonWish(
                path=("python-envs.pythonProjects",), value={"path": path, **managers}, element=True, named_by="path"
            )
            for path in paths
        ),
        JsonWish(path=("python.analysis.usePerProjectEnvironments",), value=True),
        *_unwatched((), workspace),
    )


def _project_settings(project: Project) -> tuple[JsonWish, ...]:
    folder = "${workspaceFolder}"
    values: dict[str, Any] = {"python.defaultInterpreterPath": f"{folder}/venv/{SCRIPTS}/{PYTHON}"}
    arguments = pytest_arguments(project)
    if arguments is not None:
        inside = relative(project.test_folder, project.path)
        values |= {
            "python.testing.pytestEnabled": True,
            "python.testing.unittestEnabled": False,
            "python.testing.cwd": folder if inside == "." else f"{folder}/{inside}",
            "python.testing.pytestArgs": arguments,
        }
    if (project.path / "src").is_dir():
        values["python.analysis.extraPaths"] = ["src"]
    return tuple(JsonWish(path=(name,), value=value) for name, value in values.items())


def _tasks(workspace: Workspace) -> tuple[JsonWish, ...]:
    """A task for the tests of each project, which nox runs."""
    command: dict[str, Any] = {"command": "nox"}
    if has_test_script(workspace):
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
        JsonWish(path=("version",), value="2.0.0"),
        *(JsonWish(path=("tasks",), value=task, element=True, named_by="label") for task in tasks),
    )


def _launch(workspace: Workspace) -> tuple[JsonWish, ...]:
    """A debugger for the tests of each project that pytest runs."""
    configurations = []
    for project in workspace.projects:
        arguments = pytest_arguments(project)
        if arguments is None:
            continue
        path = relative(project.path, workspace.root)
        venv = f"${{workspaceFolder}}/{_join(path, 'venv')}"
        folder = relative(project.test_folder, workspace.root)
        configurations.append(
            {
                "name": f"debug tests: {project.title}",
                "type": "debugpy",
                "request": "launch",
                "module": "pytest",
                "args": arguments,
                "cwd": "${workspaceFolder}" if folder == "." else f"${{workspaceFolder}}/{folder}",
                "env": dict(project.environment),
                "python": f"{venv}/bin/python",
                "windows": {"python": f"{venv}/Scripts/python.exe"},
                "justMyCode": False,
            }
        )
    return (
        JsonWish(path=("version",), value="0.2.0"),
        *(JsonWish(path=("configurations",), value=one, element=True, named_by="name") for one in configurations),
    )


def _recommended(path: tuple[str, ...]) -> tuple[JsonWish, ...]:
    return tuple(JsonWish(path=(*path, "recommendations"), value=name, element=True) for name in _EXTENSIONS)


def _unwatched(path: tuple[str, ...], workspace: Workspace) -> tuple[JsonWish, ...]:
    """Environments have more files than a system can watch."""
    patterns = ["**/venv/**"]
    if workspace.store.is_relative_to(workspace.root):
        patterns.append(f"**/{relative(workspace.store, workspace.root)}/**")
    return tuple(
        JsonWish(path=(*path, setting, pattern), value=True)
        for setting in ("files.watcherExclude", "search.exclude")
        for pattern in patterns
    )


def _join(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"
