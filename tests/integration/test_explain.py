"""`envs.explain`: asked from uv's real resolver, about the requirements as their files have them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWorkspace
from kit.index import LocalIndex
from kit.isolation import DEAD_INDEX
from kit.wheels import backend_files, make_sdist
from kit.workspaces import THIS_PYTHON, ProjectPlan, WorkspaceKit

from envyard.commands.explain import Explanation, explain
from envyard.errors import ExitCode
from envyard.platforms import this_platform
from envyard.workspace import load_workspace

REFERENCE = Path(__file__).resolve().parents[2]


def explained(kit: WorkspaceKit, first: str = "one", second: str = "two") -> dict[str, Any]:
    found = json.loads(kit.run("envs.explain", first, second, "--json", check=True).stdout)
    assert isinstance(found, dict)
    return found


def obstacles(kit: WorkspaceKit, first: str = "one", second: str = "two") -> list[list[str]]:
    """The lines of each obstacle, as `file:line: text`."""
    found = explained(kit, first, second)
    assert not found["possible"]
    assert found["together"] is None
    return [[_line(kit, line) for line in one["lines"]] for one in found["obstacles"]]


def _line(kit: WorkspaceKit, line: Mapping[str, Any]) -> str:
    return f"{Path(line['file']).relative_to(kit.root).as_posix()}:{line['line']}: {line['text']}"


# --- yes


def test_projects_that_fit_are_told_what_both_would_get_and_whose_pins_change(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["alpha<3", "demo"], "two": ["alpha", "bulky==1.0"]})
    assert (kit.pins("one")["alpha"], kit.pins("two")["alpha"]) == ("2.0", "3.0")
    found = explained(kit)
    assert found["possible"]
    assert found["together"] == {"alpha": "2.0", "bulky": "1.0", "demo": "2.0"}
    assert found["differences"] == [
        {"package": "alpha", "versions": {"one": "2.0", "two": "3.0"}, "together": "2.0"},
    ]
    assert [one["changes"] for one in found["environments"]] == [
        [],
        [{"package": "alpha", "before": "3.0", "after": "2.0"}],
    ]
    assert {target["platform"] for target in found["targets"]} == {"linux-x86_64", "macos-arm64", "windows-x86_64"}
    text = kit.run("envs.explain", "one", "two", check=True).stdout
    assert "`one` and `two` can share one environment" in text
    assert "requirements/one.txt: no pin would change" in text
    assert "requirements/two.txt: 1 pin would change" in text


def test_pins_of_the_lockfiles_stay_where_they_can(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({"one": ["demo"], "two": ["demo", "alpha"]})
    local_index.add("demo", "9.0")
    local_index.add("alpha", "9.0")
    found = explained(kit)
    assert found["together"] == {"alpha": "3.0", "demo": "2.0"}
    assert found["differences"] == []


def test_project_without_a_lockfile_fits_by_its_requirements(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo==1.0"], "two": ProjectPlan(requirements=["alpha"], locked=False)})
    found = explained(kit)
    assert found["possible"]
    assert found["differences"] is None
    assert "not known, two has no lockfile" in kit.run("envs.explain", "one", "two", check=True).stdout


def test_stale_lockfile_is_told(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo"], "two": ["demo"]})
    kit.run("envs.lock", check=True)
    kit.requirements("two").write_text("alpha\n", encoding="utf-8")
    done = kit.run("envs.explain", "one", "two", check=True)
    assert "requirements/two.txt is older than the requirements of `two`" in done.stdout
    assert explained(kit)["together"] == {"alpha": "3.0", "demo": "2.0"}


# --- no


def test_every_contradiction_is_told_by_its_lines_alone(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["bulky", "demo==1.0", "gamma==2.0"], "two": ["alpha==3.0", "bulky", "demo>=2"]})
    assert sorted(obstacles(kit)) == [
        ["requirements/one.in:2: demo==1.0", "requirements/two.in:3: demo>=2"],
        ["requirements/one.in:3: gamma==2.0", "requirements/two.in:1: alpha==3.0"],
    ]
    text = kit.run("envs.explain", "one", "two", check=True).stdout
    assert "`one` and `two` cannot share one environment" in text
    assert "because one environment holds one version of demo" in text
    assert "because gamma 2.0 needs alpha <3" in text


def test_contradiction_of_versions_that_nobody_pinned_names_the_lines_that_brought_them(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    local_index.add("old", "1.0", requires=["middle<2"])
    local_index.add("middle", "1.0", requires=["base==1"])
    local_index.add("middle", "2.0", requires=["base==2"])
    local_index.add("new", "1.0", requires=["base>=2"])
    local_index.add("base", "1")
    local_index.add("base", "2")
    kit = workspace_kit({"one": ["demo", "old"], "two": ["new", "demo"]})
    assert obstacles(kit) == [["requirements/one.in:2: old", "requirements/two.in:1: new"]]


def test_lines_that_both_have_are_shown_in_both_files(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    local_index.add("left", "1.0", requires=["base<2 ; python_version > '3'", "demo"])
    local_index.add("left", "2.0", requires=["demo"])
    local_index.add("base", "1.0")
    local_index.add("base", "2.0")
    kit = workspace_kit({"one": ["left<2", "demo"], "two": ["base>=2", "demo", "left>0"]})
    assert obstacles(kit) == [["requirements/one.in:1: left<2", "requirements/two.in:1: base>=2"]]


def test_included_constraint_and_test_requirements_take_part_with_their_own_lines(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit(
        {"one": ProjectPlan(requirements=["demo"], locked=False), "two": ProjectPlan(test_requirements=["demo>=2"])}
    )
    (kit.root / "limits.txt").write_text("# shared\ndemo<2\n", encoding="utf-8")
    kit.requirements("one").write_text("-c ../limits.txt\ndemo\n", encoding="utf-8")
    (lines,) = obstacles(kit)
    assert [line for line in lines if not line.startswith("workspace.toml")] == ["limits.txt:2: demo<2"]
    ((name, number, text),) = [line.split(":", 2) for line in lines if line.startswith("workspace.toml")]
    assert (name, text) == ("workspace.toml", " demo>=2")
    assert "demo>=2" in (kit.root / "workspace.toml").read_text("utf-8").splitlines()[int(number) - 1]


def test_dependencies_of_a_pyproject_take_part_with_their_own_lines(workspace_kit: MakeWorkspace) -> None:
    text = (
        '[project]\nname = "two"\nversion = "1"\ndependencies = [\n    "bulky",\n]\n\n'
        '[project.optional-dependencies]\nfast = ["demo>=2"]\n'
    )
    settings = {"requirements": ["projects/two/pyproject.toml"], "extras": ["fast"]}
    plan = ProjectPlan(files={"pyproject.toml": text}, locked=False, settings=settings)
    kit = workspace_kit({"one": ["demo==1.0"], "two": plan})
    assert obstacles(kit) == [["requirements/one.in:1: demo==1.0", "projects/two/pyproject.toml:9: demo>=2"]]


def test_dependencies_that_only_a_build_tells_take_part_as_the_project(workspace_kit: MakeWorkspace) -> None:
    files = backend_files("two", "1.0", requires=["demo>=2"])
    files["pyproject.toml"] = files["pyproject.toml"].replace("dependencies = [", 'dynamic = ["dependencies"]\n# [')
    files["pyproject.toml"] += '[tool.kit]\ndependencies = ["demo>=2"]\n'
    plan = ProjectPlan(files=files, locked=False, settings={"requirements": ["projects/two/pyproject.toml"]})
    kit = workspace_kit({"one": ["demo==1.0"], "two": plan})
    assert obstacles(kit) == [["requirements/one.in:1: demo==1.0", "projects/two/pyproject.toml:None: pyproject.toml"]]


def test_editable_install_brings_its_own_dependencies(workspace_kit: MakeWorkspace) -> None:
    plan = ProjectPlan(
        locked=False,
        editable=True,
        files=backend_files("two", "1.0", requires=["demo>=2"]),
        settings={"requirements": []},
    )
    kit = workspace_kit({"one": ["demo==1.0"], "two": plan})
    ((first, second),) = obstacles(kit)
    assert first == "requirements/one.in:1: demo==1.0"
    assert second.startswith("workspace.toml:")
    assert second.endswith(": editable = true")


# --- no, without a question to the resolver


def test_pythons_without_a_version_in_common_are_a_reason_of_their_own(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo==1.0"], "two": ProjectPlan(requirements=["demo==2.0"], python=">=3.9,<3.11")})
    kit.index.forget()
    (lines,) = obstacles(kit)
    assert [line.partition(": ")[2] for line in lines] == [f'python = "{THIS_PYTHON}"', 'python = ">=3.9,<3.11"']
    assert not kit.index.requests
    assert "so the resolver was not asked" in kit.run("envs.explain", "one", "two", check=True).stdout


def test_python_of_an_editable_project_counts(workspace_kit: MakeWorkspace) -> None:
    plan = ProjectPlan(editable=True, files=backend_files("two", "1.0", requires_python="<3.10"), python=">=3.9")
    kit = workspace_kit({"one": ["demo"], "two": plan})
    (lines,) = obstacles(kit)
    assert lines[1].startswith("projects/two/pyproject.toml:10: requires-python")


def test_any_python_that_both_allow_will_do(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    local_index.add("young", "1.0", requires_python=">=3.13")
    plan = ProjectPlan(requirements=["demo", "young"], python=">=3.10,<3.14", locked=False)
    kit = workspace_kit({"one": ProjectPlan(requirements=["demo"], python=">=3.10"), "two": plan})
    found = explained(kit)
    assert found["possible"]
    assert {target["python"] for target in found["targets"]} == {"3.13"}


# --- one that fails by itself


def test_project_that_cannot_be_installed_by_itself_is_told_first(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo==1.0"], "two": ProjectPlan(requirements=["gamma==2.0"], locked=False)})
    kit.requirements("two").write_text("gamma==2.0\ndemo==2.0\nalpha==3.0\n", encoding="utf-8")
    (obstacle,) = explained(kit)["obstacles"]
    assert obstacle["alone"] == "two"
    assert [line["text"] for line in obstacle["lines"]] == ["gamma==2.0", "alpha==3.0"]
    assert "`two` by itself cannot be installed" in kit.run("envs.explain", "one", "two", check=True).stdout


def test_platform_on_which_one_cannot_be_installed_does_not_count(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    here = {"linux-x86_64": "manylinux_2_17_x86_64", "linux-aarch64": "manylinux_2_17_aarch64"}.get(this_platform())
    if here is None:
        pytest.skip("the test's wheel is for Linux")
    tag = f"cp{THIS_PYTHON.replace('.', '')}"
    local_index.add("native", "1.0", python_tag=f"{tag}-{tag}-{here}")
    plan = ProjectPlan(requirements=["native"], locked=False)
    kit = workspace_kit({"one": ["demo"], "two": plan}, settings={"platforms": [this_platform(), "windows-x86_64"]})
    found = explained(kit)
    assert found["possible"]
    assert [target["platform"] for target in found["targets"]] == [this_platform()]
    assert found["notes"] == ["`two` cannot be installed on windows-x86_64, so that platform does not count"]


def test_contradiction_on_one_platform_says_where_they_fit(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    local_index.add("chosen", "1.0", requires=["demo<2 ; sys_platform == 'win32'"])
    plan = ProjectPlan(requirements=["chosen"], locked=False)
    kit = workspace_kit({"one": ["demo==2.0"], "two": plan}, settings={"platforms": ["linux-x86_64", "windows-x86_64"]})
    found = explained(kit)
    assert not found["possible"]
    assert found["obstacles"][0]["target"] == f"Python {THIS_PYTHON} on windows-x86_64"
    assert found["notes"] == ["they do fit together on linux-x86_64"]


def test_what_has_only_a_source_distribution_is_left_out_and_told(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    make_sdist(local_index.folder, "kernels", "1.0", fail_with="needs a compiler")
    plan = ProjectPlan(requirements=["kernels", "demo==2.0"], locked=False)
    kit = workspace_kit({"one": ["demo==1.0"], "two": plan, "three": ["demo==2.0"]})
    assert obstacles(kit) == [["requirements/one.in:1: demo==1.0", "requirements/two.in:2: demo==2.0"]]
    found = explained(kit, "two", "three")
    assert found["possible"]
    assert "kernels" in found["notes"][0]


# --- profiles


def profile(kit: WorkspaceKit, accelerator: str, requirements: list[str], more: str = "") -> str:
    key = f"torch-{accelerator}-transformers"
    file = kit.root / "profiles" / f"{key}.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        f'[serves]\nbackend = "transformers"\naccelerator = "{accelerator}"\n\n'
        f'[python]\nrequires = ">=3.10,<3.15"\n\n[packages]\nrequirements = {json.dumps(requirements)}\n{more}',
        encoding="utf-8",
    )
    return key


def test_profile_can_be_named_by_key_or_title(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo==1.0"], "two": ["demo==2.0"]})
    key = profile(kit, "cpu", ["demo>=2"])
    assert obstacles(kit, "one", key) == [
        ["requirements/one.in:1: demo==1.0", f"profiles/{key}.toml:9: demo>=2"],
    ]
    found = explained(kit, "Transformers (CPU)", "two")
    assert found["possible"]
    assert [one["kind"] for one in found["environments"]] == ["profile", "project"]


def test_torch_backends_of_profiles_are_a_reason(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo"]})
    keys = [profile(kit, name, ["demo"], f'torch-backend = "{name}"\n') for name in ("cpu", "cu121")]
    (lines,) = obstacles(kit, *keys)
    assert lines == [
        f'profiles/{keys[0]}.toml:10: torch-backend = "cpu"',
        f'profiles/{keys[1]}.toml:10: torch-backend = "cu121"',
    ]


def test_common_index_is_asked_where_that_of_a_profile_cannot_be_reached(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo==2.0"]})
    key = profile(kit, "cpu", ["demo==1.0+cpu"], f'indexes = ["{DEAD_INDEX}"]\n')
    assert obstacles(kit, "one", key) == [["requirements/one.in:1: demo==2.0", f"profiles/{key}.toml:9: demo==1.0+cpu"]]
    assert "this holds for the common index" in explained(kit, "one", key)["notes"][0]


# --- what can go wrong


@pytest.mark.parametrize(
    ("names", "words"),
    [
        pytest.param([], "takes two projects or profiles, and none is named", id="no name"),
        pytest.param(["one"], "takes two projects or profiles, not 1: one", id="one name"),
        pytest.param(["one", "two", "one"], "not 3: one, two, one", id="three names"),
        pytest.param(["one", "one"], "`one` is one environment already", id="the same name"),
        pytest.param(["one", "projects/one"], "are both `one`", id="two names of one project"),
        pytest.param(["one", "tow"], "did you mean `two`?", id="a wrong name"),
    ],
)
def test_wrong_names_are_usage_errors(workspace_kit: MakeWorkspace, names: list[str], words: str) -> None:
    kit = workspace_kit({"one": ["demo"], "two": ["demo"]})
    done = kit.run("envs.explain", *names)
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert words in " ".join(done.stderr.split())


def test_line_that_is_no_requirement_is_named_by_its_place(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["demo"], "two": ProjectPlan(requirements=["alpha"], locked=False)})
    kit.requirements("two").write_text("# two\nalpha=>1\n", encoding="utf-8")
    done = kit.run("envs.explain", "one", "two")
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "")
    assert "error: requirements/two.in:2: `alpha=>1` is not understood" in done.stderr


def test_build_that_fails_is_told_in_its_own_words(workspace_kit: MakeWorkspace) -> None:
    files = {**backend_files("two", "1.0"), "in_tree_backend.py": "raise SystemExit('no way')\n"}
    files["pyproject.toml"] = files["pyproject.toml"].replace("dependencies = []", 'dynamic = ["dependencies"]')
    plan = ProjectPlan(files=files, locked=False, settings={"requirements": ["projects/two/pyproject.toml"]})
    kit = workspace_kit({"one": ["demo"], "two": plan})
    (obstacle,) = explained(kit)["obstacles"]
    assert obstacle["alone"] == "two"
    assert "no way" in obstacle["reasons"]


def test_index_that_cannot_be_reached_is_one_error(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({"one": ["demo"], "two": ["alpha"]})
    local_index.down()
    done = kit.run("envs.explain", "one", "two")
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "")
    assert "error: the package index could not be reached for `one + two`" in done.stderr


def test_nothing_is_downloaded_or_changed(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"one": ["gamma"], "two": ["bulky", "beta==1.0", "alpha==3.0"]})
    before = {path: path.read_bytes() for path in kit.root.rglob("*") if path.is_file()}
    kit.index.forget()
    explained(kit)
    assert kit.index.requests
    assert not kit.index.counts()
    after = {path: path.read_bytes() for path in kit.root.rglob("*") if path.is_file()}
    assert {path for path in after.keys() - before.keys() if ".envs" not in path.parts} == set()
    assert before.items() <= after.items()


# --- the real index


@pytest.mark.network
def test_reference_projects_with_the_real_index(tmp_path: Path) -> None:
    root = tmp_path / "reference"
    shutil.copytree(REFERENCE / "requirements", root / "requirements")
    shutil.copy(REFERENCE / "workspace.toml", root)
    workspace = load_workspace(_with_folders(root))

    def ask(first: str, second: str) -> Explanation:
        return explain(workspace, first, second)

    found = ask("classification", "sources")
    shown = {tuple(f"{one.file.name}:{one.number}" for one in each.demands) for each in found.sharing.obstacles}
    assert shown == {("classification.in:1", "sources.in:1"), ("classification.in:2", "sources.in:2")}
    together = ask("model", "client-backend")
    assert together.sharing.possible
    assert together.together["torch"] == "2.0.0"
    assert together.differences == ()


def _with_folders(root: Path) -> Path:
    for name in ("Classification", "Sources", "Scoring", "Client/Backend", "Model", "ConfigLoad"):
        (root / "projects" / name).mkdir(parents=True)
    return root
