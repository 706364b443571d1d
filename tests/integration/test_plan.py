"""`envs.plan`: the fewest environments, proven by uv's real resolver, and what merging saves, by the files on disk."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWorkspace
from kit.index import LocalIndex
from kit.wheels import backend_files
from kit.workspaces import THIS_PYTHON, ProjectPlan, WorkspaceKit

from envyard.errors import ExitCode


def planned(kit: WorkspaceKit) -> dict[str, Any]:
    found = json.loads(kit.run("envs.plan", "--json", check=True).stdout)
    assert isinstance(found, dict)
    return found


def groups(found: dict[str, Any]) -> list[list[str]]:
    return [one["projects"] for one in found["environments"]]


def unlocked(*requirements: str, **changes: Any) -> ProjectPlan:
    return ProjectPlan(requirements=requirements, locked=False, **changes)


# --- the groups


def test_projects_that_exclude_each_other_stay_apart(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit(
        {"one": unlocked("demo==1.0"), "two": unlocked("demo==2.0"), "three": unlocked("alpha"), "four": unlocked()}
    )
    found = planned(kit)
    assert groups(found) == [["one", "three", "four"], ["two"]]
    assert found["apart"] == [["one", "two"]]
    assert (found["complete"], found["proven"]) == (True, True)
    assert found["environments"][0]["packages"]["linux-x86_64"] == {"alpha": "3.0", "demo": "1.0"}
    assert found["environments"][1]["packages"] is None


def test_three_of_which_each_two_fit_are_found_not_to_fit_together(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    for number in (1, 2, 3):  # each takes one of two places, and three have no room
        local_index.add("taker", f"{number}.0")
    local_index.add("left", "1.0", requires=["taker!=1.0"])
    local_index.add("right", "1.0", requires=["taker!=2.0"])
    local_index.add("middle", "1.0", requires=["taker!=3.0"])
    kit = workspace_kit({"one": unlocked("left"), "two": unlocked("right"), "three": unlocked("middle")})
    found = planned(kit)
    assert groups(found) == [["one", "two"], ["three"]]
    assert found["apart"] == [["one", "two", "three"]]
    assert found["proven"]
    text = kit.run("envs.plan", check=True).stdout
    assert "one, two and three all together, though fewer of them can" in text


def test_settings_keep_projects_apart_without_a_question(workspace_kit: MakeWorkspace) -> None:
    minor = sys.version_info[1]
    young, old = unlocked(python=f">=3.{minor + 1}"), unlocked(python=f"<3.{minor + 1},>=3.9")
    kit = workspace_kit({"one": young, "two": old, "three": unlocked()})
    found = planned(kit)
    assert groups(found) == [["one"], ["two", "three"]]
    assert ["one", "two"] in found["apart"]


def test_projects_without_a_platform_in_common_stay_apart(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    """Which is only so where the workspace does not serve this one: it always counts."""
    local_index.add("winonly", "1.0", python_tag="py3-none-win_amd64")
    local_index.add("maconly", "1.0", python_tag="py3-none-macosx_11_0_arm64")
    plans = {"one": unlocked("winonly"), "two": unlocked("maconly"), "three": unlocked("demo")}
    kit = workspace_kit(plans, settings={"platforms": ["windows-x86_64", "macos-arm64"]})
    found = planned(kit)
    assert groups(found) == [["one", "three"], ["two"]]
    assert found["apart"] == [["one", "two"]]


def test_project_that_cannot_be_installed_by_itself_stays_alone_and_stops_nobody(
    workspace_kit: MakeWorkspace,
) -> None:
    plans = {key: unlocked() for key in ("three", "four")}
    kit = workspace_kit({"one": unlocked("demo"), "two": unlocked("gamma==2.0", "alpha==3.0"), **plans})
    kit.requirements("four").write_text("demo=>1\n", encoding="utf-8")
    (kit.root / "gone.in").write_text("", encoding="utf-8")
    kit.requirements("three").write_text("-r ../gone.in\n-r nosuch.in\n", encoding="utf-8")
    found = planned(kit)
    assert groups(found) == [["one"], ["two"], ["three"], ["four"]]
    broken, missing, unreadable = found["unusable"]
    assert [line["text"] for line in broken["obstacle"]["lines"]] == ["gamma==2.0", "alpha==3.0"]
    assert "nosuch.in is missing" in missing["error"]
    assert unreadable["error"].startswith("requirements/four.in:1: `demo=>1` is not understood")
    text = kit.run("envs.plan", check=True).stdout
    assert "`two` cannot be installed even by itself" in text
    assert "requirements/two.in:1: gamma==2.0" in text


def test_project_whose_own_settings_exclude_each_other_stays_alone(workspace_kit: MakeWorkspace) -> None:
    files = backend_files("two", "1.0", requires_python="<3.10")
    kit = workspace_kit({"one": unlocked("demo"), "two": unlocked(editable=True, files=files)})
    found = planned(kit)
    assert groups(found) == [["one"], ["two"]]
    lines = [line["text"] for line in found["unusable"][0]["obstacle"]["lines"]]
    assert lines == [f'python = "{THIS_PYTHON}"', 'requires-python = "<3.10"']


def test_questions_grow_with_the_contradictions_and_not_with_the_projects(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    """Four stacks in forty projects, half of them named by a package that needs the stack."""
    for version in ("1.0", "2.0", "3.0", "4.0"):
        local_index.add("core", version)
        local_index.add("vision", version, requires=[f"core=={version}"])
    stacks = [number % 4 + 1 for number in range(20)] + [4 - number % 4 for number in range(20)]
    plans = {
        f"p{number:02}": unlocked(f"{'core' if number < 20 else 'vision'}=={stack}.0", "alpha")
        for number, stack in enumerate(stacks)
    }
    kit = workspace_kit(plans, settings={"platforms": ["linux-x86_64"]})
    found = planned(kit)
    assert groups(found) == [
        [key for key, one in zip(plans, stacks, strict=True) if one == stack] for stack in (1, 2, 3, 4)
    ]
    assert (found["complete"], found["proven"]) == (False, True)
    clashes, needs, answers = 2, 12, 4  # a pair of each package; core against vision; the groups
    assert clashes + answers < found["runs"] <= clashes + needs * 4 + answers
    assert ["p00", "p20"] in found["apart"], "core 1 and vision 4"
    assert ["p16", "p36"] in found["apart"], "found with two others that ask for the same"
    assert found["environments"][1]["packages"] == {"linux-x86_64": {"alpha": "3.0", "core": "2.0", "vision": "2.0"}}


def test_many_projects_that_fit_are_asked_about_once(workspace_kit: MakeWorkspace) -> None:
    plans = {f"p{number:02}": unlocked("demo==1.0", f"alpha<={number + 1}") for number in range(14)}
    kit = workspace_kit(plans, settings={"platforms": ["linux-x86_64"]})
    found = planned(kit)
    assert (len(groups(found)), found["runs"], found["proven"]) == (1, 1, True)


def test_pins_that_differ_are_no_contradiction_where_uv_overrides_them(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": unlocked("demo==1.0"), "two": unlocked("demo==2.0"), "three": unlocked("demo==1.0")})
    assert groups(planned(kit)) == [["one", "three"], ["two"]]
    (kit.root / "uv.toml").write_text('override-dependencies = ["demo==2.0"]\n', encoding="utf-8")
    del kit.env["UV_NO_CONFIG"]
    found = planned(kit)
    assert groups(found) == [["one", "two", "three"]]
    assert found["environments"][0]["packages"]["linux-x86_64"] == {"demo": "2.0"}


def test_project_that_fails_by_itself_is_found_within_a_group(workspace_kit: MakeWorkspace) -> None:
    plans = {f"p{number:02}": unlocked("demo") for number in range(14)}
    plans["p07"] = unlocked("gamma==2.0", "alpha==3.0")
    found = planned(workspace_kit(plans, settings={"platforms": ["linux-x86_64"]}))
    assert groups(found) == [[key for key in plans if key != "p07"], ["p07"]]
    assert [one["key"] for one in found["unusable"]] == ["p07"]
    assert found["apart"] == []


def test_workspace_without_projects_needs_nothing(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({})
    found = planned(kit)
    assert (found["environments"], found["runs"]) == ([], 0)
    assert "no projects" in kit.run("envs.plan", check=True).stdout


# --- the resolver


def test_what_resolved_once_is_not_asked_again(workspace_kit: MakeWorkspace) -> None:
    plans = {"one": unlocked("demo==1.0"), "two": unlocked("demo==2.0")}
    kit = workspace_kit(plans, settings={"platforms": ["linux-x86_64"]})
    assert planned(kit)["runs"] == 3
    assert planned(kit)["runs"] == 1  # that they exclude each other: tomorrow's index may know better


def test_index_that_cannot_be_reached_is_one_error(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({"one": ["demo"], "two": ["alpha"], "three": ["bulky"]})
    local_index.down()
    done = kit.run("envs.plan")
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "")
    assert sum(line.startswith("error:") for line in done.stderr.splitlines()) == 1
    assert "the package index could not be reached" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a signal to a process group")
def test_ctrl_c_stops_the_resolver_and_leaves_nothing(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({"one": unlocked("demo"), "two": unlocked("alpha")})
    hold = local_index.on("*").hold()
    process = kit.start("envs.plan", env={"TMPDIR": str(_folder(kit.root / "tmp"))})
    hold.wait_reached()
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (ExitCode.INTERRUPTED, "")
    assert "stopped by the user" in errors
    assert os.listdir(kit.root / "tmp") == []


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


# --- what it saves


def test_files_that_are_shared_already_save_nothing_on_disk(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["bulky==2.0"], "two": ["bulky==2.0", "alpha==1.0"]})
    kit.run("envs.setup-all", check=True)
    before = json.loads(kit.run("envs.list", "--json", check=True).stdout)
    found = planned(kit)
    (environment,) = found["environments"]
    saving = environment["saving"]
    assert saving["apparent"] == sum(row["apparent_bytes"] for row in before["environments"])
    bulk = 1500 * 200
    assert saving["apparent"] - saving["apparent_merged"] >= bulk
    assert 0 <= saving["actual"] - saving["actual_merged"] < bulk
    assert found["saving"] == saving
    assert environment["unknown"] == []
    assert "environments share the files of equal packages by links already" in kit.run("envs.plan").stdout


def test_another_version_that_goes_is_saved_on_disk_too(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["bulky==1.0"], "two": ["bulky"]})
    assert kit.pins("two")["bulky"] == "2.0"
    kit.run("envs.setup-all", check=True)
    saving = planned(kit)["environments"][0]["saving"]
    assert saving["actual"] - saving["actual_merged"] >= 1500 * 200


def test_files_that_an_environment_outside_has_too_are_not_saved(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["bulky==1.0"], "two": ["bulky"], "three": ["bulky==2.0", "demo==1.0"]})
    kit.run("envs.setup-all", check=True)
    found = planned(kit)
    assert groups(found) == [["one", "two"], ["three"]]
    saving = found["environments"][0]["saving"]
    assert saving["actual"] - saving["actual_merged"] < 1500 * 200


def test_environment_that_is_not_built_has_unknown_sizes(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo==1.0"], "two": ["alpha"], "three": ["demo==2.0"]})
    kit.run("envs.setup", "one", check=True)
    found = planned(kit)
    assert found["environments"][0]["saving"] is None
    assert found["environments"][0]["unbuilt"] == ["two"]
    assert found["saving"] is None
    text = kit.run("envs.plan", check=True).stdout
    assert "two has no environment yet" in text
    assert "envs.setup two" in text


def test_version_that_nobody_has_is_not_counted_and_told(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    local_index.add("alpha", "2.5")
    kit = workspace_kit({"one": ["alpha>=2.5"], "two": ["alpha<3"]})
    kit.requirements("two").write_text("alpha<3\n", encoding="utf-8")
    kit.lockfile("two").write_text("alpha==2.0\n", encoding="utf-8")
    kit.run("envs.setup-all", check=True)
    (environment,) = planned(kit)["environments"]
    assert environment["packages"]["linux-x86_64"]["alpha"] == "2.5"
    assert environment["unknown"] == ["alpha"]
    assert "no environment has the version they would get: alpha" in kit.run("envs.plan").stdout


def test_nothing_is_changed(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo==1.0"], "two": ["alpha"]})
    kit.run("envs.setup-all", check=True)
    cache = kit.store / "cache"
    before = {path: path.lstat().st_mtime_ns for path in kit.root.rglob("*") if cache not in path.parents}
    kit.run("envs.plan", check=True)
    after = {path: path.lstat().st_mtime_ns for path in kit.root.rglob("*") if cache not in path.parents}
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} <= {cache}
