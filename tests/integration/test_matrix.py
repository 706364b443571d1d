"""`envs.matrix`: versions side by side, of what is installed, or else of what is locked."""

from __future__ import annotations

import json

import pytest
from conftest import MakeWorkspace
from kit.workspaces import ProjectPlan, WorkspaceKit


@pytest.fixture
def kit(workspace_kit: MakeWorkspace) -> WorkspaceKit:
    return workspace_kit(
        {
            "one": ["demo==1.0", "alpha==1.0"],
            "two": ["demo==2.0", "alpha==1.0", "bulky==1.0"],
            "three": ProjectPlan(requirements=["demo"], locked=False),
        }
    )


def matrix(kit: WorkspaceKit, *names: str) -> dict[str, object]:
    found = json.loads(kit.run("envs.matrix", *names, "--json", check=True).stdout)
    assert isinstance(found, dict)
    return found


def test_conflicts_come_first_and_what_only_one_project_has_is_left_out(kit: WorkspaceKit) -> None:
    found = matrix(kit)
    assert found["packages"] == [
        {"package": "demo", "versions": {"one": "1.0", "two": "2.0"}, "conflict": True},
        {"package": "alpha", "versions": {"one": "1.0", "two": "1.0"}, "conflict": False},
    ]
    assert (found["locked"], found["unknown"]) == (["one", "two"], ["three"])


def test_what_is_installed_goes_before_what_is_locked(kit: WorkspaceKit) -> None:
    kit.run("envs.setup", "one", "three", check=True)
    kit.pin("one", "demo", "2.0")
    found = matrix(kit, "Demo", "bulky")
    assert found["packages"] == [
        {"package": "demo", "versions": {"one": "1.0", "two": "2.0", "three": "2.0"}, "conflict": True},
        {"package": "bulky", "versions": {"two": "1.0"}, "conflict": False},
    ]
    assert (found["locked"], found["unknown"]) == (["two"], [])


def test_the_table_marks_what_differs_and_says_whose_versions_are_only_locked(kit: WorkspaceKit) -> None:
    lines = kit.run("envs.matrix", check=True).stdout.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["package", "one", "two", "three"],
        ["demo", "1.0", "2.0", "-", "differs"],
        ["alpha", "1.0", "1.0", "-"],
    ]
    assert lines[4:] == [
        "2 packages, 1 with versions that differ",
        "by their lockfiles, since they have no environment: one, two",
        "neither environment nor lockfile: three",
    ]


def test_an_unknown_package_is_a_mistake_of_the_user(kit: WorkspaceKit) -> None:
    done = kit.run("envs.matrix", "demmo")
    assert done.returncode == 2
    assert "no project has the package `demmo`" in done.stderr
    assert "did you mean `demo`?" in done.stderr
