"""Whom a change affects: own files, what is required, those one depends on, the suite itself."""

from __future__ import annotations

from pathlib import Path

import pytest

import envyard
from envyard.integrations.affected import SUITE_FILES, affected_projects, depends_on
from envyard.integrations.ci import commands_of
from envyard.project import Workspace
from envyard.runner_files import marked
from envyard.workspace import load_workspace

WORKSPACE = """\
[projects.model]
path = "projects/Model"
requirements = ["requirements/model.in"]
lockfile = "requirements/model.txt"

[projects.sources]
path = "projects/Sources"
requirements = ["requirements/sources.in"]
lockfile = "requirements/sources.txt"
profiles = ["torch-cpu"]

[projects.backend]
path = "projects/Client/Backend"
requirements = ["requirements/backend.in"]
depends-on = ["model"]

[projects.client]
path = "projects/Client"
requirements = ["projects/Client/pyproject.toml"]
"""

FILES = {
    "requirements/model.in": "alpha\n",
    "requirements/sources.in": "-r common.in\nbeta\n",
    "requirements/common.in": "gamma\n",
    "requirements/backend.in": "alpha\n",
    "projects/Client/pyproject.toml": '[project]\nname = "client"\ndependencies = ["alpha"]\n',
    "profiles/torch-cpu.toml": "",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for name in ("Model", "Sources", "Client/Backend"):
        (tmp_path / "projects" / name).mkdir(parents=True)
    for name, text in FILES.items():
        write(tmp_path / name, text)
    write(tmp_path / "workspace.toml", WORKSPACE)
    return load_workspace(tmp_path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param("README.md", {}, id="nobody's file"),
        pytest.param("projects/README.md", {}, id="beside the projects"),
        pytest.param("projects/Model/venv", {}, id="the link to an environment"),
        pytest.param("projects/Model/venv/lib/x.py", {}, id="an environment that is a copy"),
        pytest.param(".envs/g/00000000/env.json", {}, id="the store"),
        pytest.param("projects/Modelling/x.py", {}, id="a folder that begins alike"),
        pytest.param("projects/Sources/a/b.py", {"sources": "own files: projects/Sources/a/b.py"}, id="own file"),
        pytest.param(
            "projects/Client/Backend/x.py",
            {
                "backend": "own files: projects/Client/Backend/x.py",
                "client": "own files: projects/Client/Backend/x.py",
            },
            id="in a nested project",
        ),
        pytest.param("projects/Client/x.py", {"client": "own files: projects/Client/x.py"}, id="in the outer one"),
        pytest.param(
            "requirements/sources.in", {"sources": "requirements: requirements/sources.in"}, id="requirements"
        ),
        pytest.param("requirements/common.in", {"sources": "requirements: requirements/common.in"}, id="included"),
        pytest.param("requirements/sources.txt", {"sources": "lockfile: requirements/sources.txt"}, id="lockfile"),
        pytest.param("profiles/torch-cpu.toml", {"sources": "profiles: profiles/torch-cpu.toml"}, id="profile"),
        pytest.param("profiles/base.toml", {"sources": "profiles: profiles/base.toml"}, id="what a profile may extend"),
        pytest.param(
            "projects/Model/x.py",
            {"model": "own files: projects/Model/x.py", "backend": "depends on model"},
            id="declared dependency",
        ),
        pytest.param(
            "projects/conftest.py",
            dict.fromkeys(("model", "sources", "backend", "client"), "settings of tests: projects/conftest.py"),
            id="settings of pytest above",
        ),
    ],
)
def test_a_changed_file_affects_whom_it_concerns_and_says_why(
    workspace: Workspace, changed: str, expected: dict[str, str]
) -> None:
    found = affected_projects(workspace, [changed])
    assert {key: why[0] for key, why in found.items()} == expected


@pytest.mark.parametrize("name", SUITE_FILES)
def test_the_suites_own_configuration_affects_all(workspace: Workspace, name: str) -> None:
    found = affected_projects(workspace, ["README.md", name])
    assert found == {project.key: (f"the suite's own configuration: {name}",) for project in workspace.projects}


def test_the_scripts_count_in_whatever_folder_they_are(workspace: Workspace) -> None:
    path = workspace.root / "dev" / "bootstrap.py"
    path.parent.mkdir()
    path.write_bytes(marked("bootstrap.py", b"pass\n"))
    assert len(affected_projects(workspace, ["dev/setup_all_envs.sh"])) == len(workspace.projects)
    assert affected_projects(workspace, ["scripts/setup_all_envs.sh"]) == {}
    assert commands_of(workspace).nox == "python dev/bootstrap.py run-tests"
    path.write_text("somebody's own\n", encoding="utf-8")
    assert affected_projects(workspace, ["dev/setup_all_envs.sh"]) == {}
    assert commands_of(workspace).nox == "python -m nox"


def test_the_source_of_the_envyard_that_runs_is_configuration_too(workspace: Workspace) -> None:
    source = Path(envyard.__file__).resolve()
    of_this_repository = load_workspace(source.parents[2])
    name = source.relative_to(of_this_repository.root).as_posix()
    assert len(affected_projects(of_this_repository, [name])) == len(of_this_repository.projects)
    assert affected_projects(workspace, [name]) == {}  # a file of the same name in another workspace


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param("requirements/sources.in", "-e projects/Model\n", id="from the workspace"),
        pytest.param("requirements/sources.in", "--editable ../projects/Model[extra]  # why\n", id="from the file"),
        pytest.param("requirements/sources.in", "./projects/Model ; python_version > '3'\n", id="a path"),
        pytest.param("requirements/sources.in", "model @ file:../projects/Model\n", id="a file address"),
        pytest.param("requirements/common.in", "-e projects/Model\n", id="in an included file"),
    ],
)
def test_an_install_from_the_folder_of_a_project_is_a_dependency(workspace: Workspace, file: str, text: str) -> None:
    path = workspace.root / file
    write(path, path.read_text(encoding="utf-8") + text)
    found = affected_projects(workspace, ["projects/Model/x.py"])
    assert found["sources"] == ("installs model",)


@pytest.mark.parametrize(
    "text",
    [
        '[tool.uv.sources]\nmodel = { path = "../Model", editable = true }\n',
        '[tool.uv.sources]\nmodel = [{ path = "../Model" }, { index = "x" }]\n',
        '[project]\nname = "client"\ndependencies = ["model @ file:../Model"]\n',
        '[dependency-groups]\ndev = ["alpha", "model @ file:../Model", { include-group = "x" }]\n',
    ],
    ids=["source", "sources", "dependency", "group"],
)
def test_an_install_by_a_pyproject_is_a_dependency(workspace: Workspace, text: str) -> None:
    write(workspace.root / "projects/Client/pyproject.toml", text)
    (client,) = (project for project in workspace.projects if project.key == "client")
    assert depends_on(workspace, client) == {"model": "installs"}


def test_a_test_requirement_may_be_a_project_too(workspace: Workspace) -> None:
    text = WORKSPACE + 'test-requirements = ["model @ file:projects/Model"]\n'
    write(workspace.root / "workspace.toml", text)
    changed = load_workspace(workspace.root)
    assert depends_on(changed, changed.projects[-1]) == {"model": "installs"}


@pytest.mark.parametrize(
    "line", ["model", "git+https://example.invalid/projects/Model", "-e git+https://example.invalid/x", "-e projects"]
)
def test_other_requirements_are_no_dependency_on_a_project(workspace: Workspace, line: str) -> None:
    write(workspace.root / "requirements/sources.in", f"{line}\n")
    assert set(affected_projects(workspace, ["projects/Model/x.py"])) == {"model", "backend"}


def test_dependencies_are_followed_to_their_end(workspace: Workspace) -> None:
    write(workspace.root / "requirements/sources.in", "-e projects/Client/Backend\n")
    found = affected_projects(workspace, ["requirements/model.txt"])
    assert found == {
        "model": ("lockfile: requirements/model.txt",),
        "sources": ("installs backend",),
        "backend": ("depends on model",),
    }


def test_two_that_install_each_other_end(workspace: Workspace) -> None:
    write(workspace.root / "requirements/sources.in", "-e projects/Model\n")
    write(workspace.root / "requirements/model.in", "-e projects/Sources\n")
    assert list(affected_projects(workspace, ["projects/Sources/x.py"])) == ["model", "sources", "backend"]


@pytest.mark.parametrize("name", ["requirements/sources.in", "requirements/common.in"], ids=["its own", "included"])
def test_requirements_that_were_deleted_still_count(workspace: Workspace, name: str) -> None:
    (workspace.root / name).unlink()
    assert affected_projects(workspace, [name]) == {"sources": (f"requirements: {name}",)}


def test_requirements_that_cannot_be_read_still_count(workspace: Workspace) -> None:
    (workspace.root / "requirements/common.in").write_bytes("gamma\n".encode("utf-16"))
    changed = ["requirements/common.in"]
    assert affected_projects(workspace, changed) == {"sources": ("requirements: requirements/common.in",)}


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        pytest.param("-e ../libs/common", "libs/common/src/x.py", id="a folder that is no project"),
        pytest.param("./wheels/x-1.0-py3-none-any.whl", "wheels/x-1.0-py3-none-any.whl", id="a wheel"),
        pytest.param("-e projects/Model/inner", "projects/Model/inner/x.py", id="a part of a project"),
    ],
)
def test_what_is_installed_from_the_workspace_counts_also_when_it_is_no_project(
    workspace: Workspace, line: str, changed: str
) -> None:
    write(workspace.root / "requirements/sources.in", f"{line}\n")
    assert affected_projects(workspace, [changed])["sources"] == (f"installs: {changed}",)


def test_names_with_line_breaks_are_one_line(workspace: Workspace) -> None:
    """A CI system takes a line such as `::error::` in its log for an order."""
    (why,) = affected_projects(workspace, ["projects/Sources/a\n::error::b\x1b[1mc"])["sources"]
    assert why == "own files: projects/Sources/a\\n::error::b\\x1b[1mc"


def test_many_files_are_a_short_reason(workspace: Workspace) -> None:
    changed = [f"projects/Sources/{number}.py" for number in range(9)]
    assert affected_projects(workspace, changed)["sources"] == (
        "own files: projects/Sources/0.py, projects/Sources/1.py, projects/Sources/2.py and 6 more",
    )


def test_a_project_that_is_the_whole_workspace_is_affected_by_everything(tmp_path: Path) -> None:
    write(tmp_path / "workspace.toml", '[projects.all-of-it]\npath = "."\ntitle = "All"\n')
    assert list(affected_projects(load_workspace(tmp_path), ["README.md"])) == ["all-of-it"]


# --- a workspace that is not the top of its repository


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param("../README.md", {}, id="nobody's file"),
        pytest.param("../projects/Model/x.py", {}, id="a folder of the same name beside it"),
        pytest.param("../other/conftest.py", {}, id="settings of somebody else"),
        pytest.param(
            "../../pytest.ini",
            dict.fromkeys(("model", "sources", "backend", "client"), "settings of tests: ../../pytest.ini"),
            id="settings of pytest above",
        ),
        pytest.param(
            "../.github/workflows/ci.yml",
            dict.fromkeys(
                ("model", "sources", "backend", "client"),
                "the suite's own configuration: ../.github/workflows/ci.yml",
            ),
            id="the workflow",
        ),
    ],
)
def test_files_outside_of_the_workspace_count_where_they_are_read(
    workspace: Workspace, changed: str, expected: dict[str, str]
) -> None:
    assert {key: why[0] for key, why in affected_projects(workspace, [changed]).items()} == expected


@pytest.mark.parametrize(
    ("line", "changed", "why"),
    [
        ("-r ../../common.txt", "../common.txt", "requirements: ../common.txt"),
        ("-e ../../libs/common", "../libs/common/x.py", "installs: ../libs/common/x.py"),
    ],
)
def test_requirements_outside_of_the_workspace_count(workspace: Workspace, line: str, changed: str, why: str) -> None:
    write(workspace.root / "requirements/sources.in", f"{line}\n")
    assert affected_projects(workspace, [changed]) == {"sources": (why,)}


def test_an_install_of_all_that_holds_the_workspace_makes_nothing_its_own(workspace: Workspace) -> None:
    write(workspace.root / "requirements/sources.in", "-e ../..\n")
    assert affected_projects(workspace, ["../x.py", "x.py"]) == {}


def test_a_project_that_is_the_whole_workspace_is_not_the_repository_around_it(tmp_path: Path) -> None:
    write(tmp_path / "workspace.toml", '[projects.all-of-it]\npath = "."\ntitle = "All"\n')
    assert affected_projects(load_workspace(tmp_path), ["../README.md"]) == {}
