"""Settings of editors in real workspaces: written, merged, checked and taken out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit.workspaces import ProjectPlan, WorkspaceKit

from envyard.environment import SCRIPTS
from envyard.integrations.jsonc import parse

MakeWorkspace = Callable[..., WorkspaceKit]

MINE = """\
{
  // mine
  "editor.tabSize": 2, // two
  "files.watcherExclude": { "**/x": true, "**/venv/**": false },
  "python-envs.pythonProjects": [
    // by hand
    { "path": "projects/alpha", "envManager": "ms-python.python:conda", "packageManager": "ms-python.python:conda" },
  ],
}
"""


@pytest.fixture
def kit(workspace_kit: MakeWorkspace) -> WorkspaceKit:
    return workspace_kit(
        {
            "alpha": ProjectPlan(
                title="Client/Alpha",
                test_command=["python", "-m", "pytest", "-x"],
                settings={"test-folder": "tests"},
                environment={"COLOUR": "red"},
                files={"src/alpha/__init__.py": ""},
            ),
            "beta": ProjectPlan(),
        }
    )


def read(path: Path) -> Any:
    return parse(path.read_bytes().decode()).value


def snapshot(kit: WorkspaceKit) -> dict[str, bytes]:
    """Every file but those of the store."""
    return {
        path.relative_to(kit.root).as_posix(): path.read_bytes()
        for path in sorted(kit.root.rglob("*"))
        if path.is_file() and ".envs" not in path.parts
    }


def test_every_project_is_a_root_with_its_own_interpreter_and_tests(kit: WorkspaceKit) -> None:
    kit.run("ide.vscode", check=True)
    roots = read(kit.root / "workspace.code-workspace")["folders"]
    assert roots == [
        {"name": "Client/Alpha", "path": "projects/alpha"},
        {"name": "Beta", "path": "projects/beta"},
        {"name": "workspace", "path": "."},
    ]
    python = f"${{workspaceFolder}}/venv/{SCRIPTS}/python"
    assert read(kit.project("alpha") / ".vscode/settings.json") == {
        "python.defaultInterpreterPath": python,
        "python.testing.pytestEnabled": True,
        "python.testing.unittestEnabled": False,
        "python.testing.cwd": "${workspaceFolder}/tests",
        "python.testing.pytestArgs": ["-x"],
        "python.analysis.extraPaths": ["src"],
    }
    assert read(kit.project("beta") / ".vscode/settings.json") == {"python.defaultInterpreterPath": python}


def test_the_interpreter_of_the_settings_is_that_of_the_environment(kit: WorkspaceKit) -> None:
    kit.run("ide.vscode", check=True)
    kit.run("envs.setup", "beta", check=True)
    named = read(kit.project("beta") / ".vscode/settings.json")["python.defaultInterpreterPath"]
    assert Path(named.replace("${workspaceFolder}", str(kit.project("beta")))).samefile(kit.python("beta"))
    settings = read(kit.root / ".vscode/settings.json")
    (search, *_more) = settings["python-envs.workspaceSearchPaths"][1:]
    assert (kit.root / search).samefile(kit.venv("beta"))
    assert (kit.root / settings["python-envs.pythonProjects"][1]["path"]).samefile(kit.project("beta"))
    assert settings["python.analysis.usePerProjectEnvironments"] is True


def test_tasks_run_nox_and_the_debugger_runs_pytest(kit: WorkspaceKit) -> None:
    kit.run("ide.vscode", check=True)
    tasks = read(kit.root / ".vscode/tasks.json")["tasks"]
    assert [(task["label"], task["command"], task["args"]) for task in tasks] == [
        ("test: Client/Alpha", "nox", ["-s", "alpha"]),
        ("test: Beta", "nox", ["-s", "beta"]),
    ]
    (debugger,) = read(kit.root / ".vscode/launch.json")["configurations"]
    assert (debugger["module"], debugger["args"], debugger["env"]) == ("pytest", ["-x"], {"COLOUR": "red"})
    assert debugger["cwd"] == "${workspaceFolder}/projects/alpha/tests"
    assert read(kit.root / ".vscode/extensions.json")["recommendations"][0] == "ms-python.python"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_is_there_stays_byte_for_byte_until_the_end(kit: WorkspaceKit, end: str) -> None:
    settings = kit.root / ".vscode/settings.json"
    settings.parent.mkdir()
    settings.write_bytes(MINE.replace("\n", end).encode())
    before = snapshot(kit)
    done = kit.run("ide.vscode", check=True)
    assert "(yours stays: python-envs.pythonProjects projects/alpha, files.watcherExclude.**/venv/**)" in done.stdout
    text = settings.read_bytes().decode()
    for line in MINE.splitlines():
        assert line.rstrip(" ,{}[]") in text
    merged = read(settings)
    assert merged["python-envs.pythonProjects"][0]["envManager"] == "ms-python.python:conda"
    assert [one["path"] for one in merged["python-envs.pythonProjects"]] == ["projects/alpha", "projects/beta"]
    assert merged["files.watcherExclude"] == {"**/x": True, "**/venv/**": False, "**/.envs/**": True}
    kit.run("ide.vscode", "--remove", check=True)
    after = snapshot(kit)
    assert set(after) == set(before)
    name = ".vscode/settings.json"
    assert {one: text for one, text in after.items() if one != name} == {
        one: text for one, text in before.items() if one != name
    }
    assert read(settings) == parse(MINE).value
    assert [line.split(b"//")[1:] for line in after[name].splitlines()] == [
        line.split(b"//")[1:] for line in before[name].splitlines()
    ]


def test_the_store_is_not_watched_wherever_it_is(kit: WorkspaceKit) -> None:
    kit.settings = {**kit.settings, "store": "cache/envs"}
    kit.write_definition()
    kit.run("ide.vscode", check=True)
    expected = {"**/venv/**": True, "**/cache/envs/**": True}
    assert read(kit.root / ".vscode/settings.json")["files.watcherExclude"] == expected


def test_doing_it_twice_changes_nothing(kit: WorkspaceKit) -> None:
    assert kit.run("ide.vscode", "--check").returncode == 1
    assert not (kit.root / ".vscode").exists()
    kit.run("ide.vscode", check=True)
    before = snapshot(kit)
    again = kit.run("ide.vscode", check=True)
    assert {line.split(": ")[1] for line in again.stdout.splitlines()} == {"as it should be"}
    assert snapshot(kit) == before
    kit.run("ide.vscode", "--check", check=True)


def test_what_was_written_before_follows_the_workspace_and_what_was_changed_does_not(kit: WorkspaceKit) -> None:
    kit.run("ide.vscode", check=True)
    settings = kit.project("alpha") / ".vscode/settings.json"
    settings.write_text(settings.read_text("utf-8").replace('"-x"', '"-q"'), encoding="utf-8")
    kit.change("alpha", test_command=["python", "-m", "pytest", "-v"], settings={})
    changed = kit.run("ide.vscode", "--check")
    assert changed.returncode == 1
    assert "projects/alpha/.vscode/settings.json: not as it should be" in changed.stdout
    assert "hint: run `envyard ide.vscode`" in changed.stderr
    kit.run("ide.vscode", check=True)
    assert read(settings)["python.testing.pytestArgs"] == ["-q"]
    assert read(settings)["python.testing.cwd"] == "${workspaceFolder}"
    (debugger,) = read(kit.root / ".vscode/launch.json")["configurations"]
    assert debugger["args"] == ["-v"]


def test_a_project_that_is_gone_is_taken_out_of_all_files(kit: WorkspaceKit) -> None:
    kit.run("ide.vscode", check=True)
    folder = kit.project("beta")
    kit.remove("beta")
    kit.run("ide.vscode", check=True)
    assert folder.is_dir()
    assert not (folder / ".vscode").exists()
    text = "".join(path.read_text("utf-8") for path in kit.root.glob(".vscode/*"))
    text += (kit.root / "workspace.code-workspace").read_text("utf-8")
    assert "beta" not in text.lower()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"tasks": [', "line 1: expected a value"),
        (b'{"tasks": {}}', "`tasks` is no list"),
        (b"\xff\xfe{", "can't decode"),
    ],
    ids=["broken", "of another shape", "no UTF-8"],
)
def test_a_file_that_cannot_be_understood_is_left_alone_with_a_suggestion(
    kit: WorkspaceKit, content: bytes, problem: str
) -> None:
    tasks = kit.root / ".vscode/tasks.json"
    tasks.parent.mkdir()
    tasks.write_bytes(content)
    done = kit.run("ide.vscode")
    assert done.returncode == 1
    assert tasks.read_bytes() == content
    assert "`.vscode/tasks.json` cannot be understood: " in done.stderr
    assert problem in done.stderr
    suggestion = done.stderr.partition("hint: it should hold\n")[2]
    assert [task["label"] for task in json.loads(suggestion)["tasks"]] == ["test: Client/Alpha", "test: Beta"]
    assert (kit.root / ".vscode/launch.json").exists()  # the others are written
    checked = kit.run("ide.vscode", "--check")
    assert checked.returncode == 1
    assert "hint: run" not in checked.stderr  # that would change nothing


def test_a_value_of_the_user_that_is_what_we_would_write_is_theirs(kit: WorkspaceKit) -> None:
    extensions = kit.root / ".vscode/extensions.json"
    extensions.parent.mkdir()
    content = '{\n    "recommendations": [\n        "ms-python.python"\n    ]\n}\n'
    extensions.write_text(content, encoding="utf-8")
    kit.run("ide.vscode", check=True)
    assert read(extensions)["recommendations"] == ["ms-python.python", "ms-python.debugpy"]
    kit.run("ide.vscode", "--remove", check=True)
    assert extensions.read_text(encoding="utf-8") == content


def test_a_damaged_record_is_said_and_nothing_is_changed(kit: WorkspaceKit) -> None:
    kit.run("ide.vscode", check=True)
    (kit.store / "editors.json").write_text("{", encoding="utf-8")
    before = snapshot(kit)
    done = kit.run("ide.vscode", "--remove")
    assert done.returncode == 1
    assert "the record of what envyard wrote for editors, cannot be read" in done.stderr
    assert snapshot(kit) == before


def test_checking_and_removing_at_once_makes_no_sense(kit: WorkspaceKit) -> None:
    assert kit.run("ide.vscode", "--check", "--remove").returncode == 2
