"""The jobs of a matrix, the keys of their caches, and what GitHub and GitLab get of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from envyard.errors import EnvyardError
from envyard.integrations import github, gitlab
from envyard.integrations.ci import make_jobs, setup_python
from envyard.project import Workspace
from envyard.workspace import load_workspace

LOCK = "alpha==1.0 \\\n    --hash=sha256:00\n"


def make_workspace(folder: Path, projects: dict[str, str], top: str = "") -> Workspace:
    """A workspace whose projects have these further lines; each has a lockfile `<key>.txt` that says the same."""
    tables = []
    for key, lines in projects.items():
        (folder / key).mkdir(parents=True)
        (folder / f"{key}.txt").write_text(f"# of {key}\n{LOCK}", encoding="utf-8")
        tables.append(f'[projects.{key}]\nlockfile = "{key}.txt"\n{lines}\n')
    text = "\n".join(["[workspace]", 'python = "3.11"', top, *tables])
    (folder / "workspace.toml").write_text(text, encoding="utf-8")
    return load_workspace(folder)


def caches(workspace: Workspace) -> dict[str, str]:
    return {job.session: job.cache for job in make_jobs(workspace) if job.platform == "linux-x86_64"}


def test_there_is_a_job_for_each_project_and_platform(tmp_path: Path) -> None:
    lines = 'title = "A"\ndescription = "d"\ntags = ["x"]'
    workspace = make_workspace(tmp_path, {"a": lines, "b": ""}, '[ci]\nplatforms = ["linux-x86_64", "macos-arm64"]')
    jobs = make_jobs(workspace)
    assert [(job.session, job.platform) for job in jobs] == [
        ("a", "linux-x86_64"),
        ("a", "macos-arm64"),
        ("b", "linux-x86_64"),
        ("b", "macos-arm64"),
    ]
    assert (jobs[0].title, jobs[0].description, jobs[0].tags, jobs[0].path, jobs[0].python) == (
        "A",
        "d",
        ("x",),
        "a",
        "3.11",
    )
    assert [(job.session, job.why) for job in make_jobs(workspace, {"b": ["because"]})] == [("b", ("because",))] * 2


# --- keys of caches


def test_environments_that_install_the_same_share_a_cache(tmp_path: Path) -> None:
    keys = caches(make_workspace(tmp_path, {"a": "", "b": ""}))
    assert keys["a"] == keys["b"]
    assert re.fullmatch(r"envyard-linux-x86_64-3\.11-[0-9a-f]{20}", keys["a"])


def test_a_lockfile_that_says_something_else_has_another_cache(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, {"a": "", "b": ""})
    (tmp_path / "b.txt").write_text(LOCK.replace("1.0", "2.0"), encoding="utf-8")
    keys = caches(workspace)
    assert keys["a"] != keys["b"]


@pytest.mark.parametrize("line", ['python = "3.12"', 'torch-backend = "cpu"'])
def test_what_decides_the_content_is_in_the_key(tmp_path: Path, line: str) -> None:
    keys = caches(make_workspace(tmp_path, {"a": "", "b": line}))
    assert keys["a"] != keys["b"]


def test_platforms_do_not_share_a_cache(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, {"a": ""})
    assert len({job.cache for job in make_jobs(workspace)}) == len(workspace.platforms)


def test_a_range_of_pythons_makes_no_comma_in_a_key(tmp_path: Path) -> None:
    keys = caches(make_workspace(tmp_path, {"a": 'python = ">=3.10,<3.13"', "b": 'python = "/opt/python"'}))
    assert re.match(r"envyard-linux-x86_64-3\.10-3\.13-[0-9a-f]", keys["a"])
    assert re.match(r"envyard-linux-x86_64-python-[0-9a-f]", keys["b"])


def test_a_project_without_its_lockfile_has_a_key_nevertheless(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, {"a": ""})
    (tmp_path / "a.txt").unlink()
    assert caches(workspace) == {"a": "envyard-linux-x86_64-3.11-unlocked"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("3.11", "3.11"),
        ("3.11.7", "3.11.7"),
        ("3", "3"),
        ("3.13t", "3.13t"),
        ("cpython3.12", "3.12"),
        ("python-3.12-64", "3.12"),
        ("pypy3.10", "pypy3.10"),
        (">=3.10,<3.13", ">=3.10 <3.13"),
        (">= 3.10", ">=3.10"),
        ("==3.11.*", "3.11"),
        ("~=3.11", ">=3.11 <4"),
        ("~=3.11.2", "~3.11.2"),
        ("!=3.9", ""),
        ("graalpy3.11", ""),
        ("/usr/bin/python3", ""),
    ],
)
def test_an_interpreter_request_as_setup_python_writes_it(request_: str, expected: str) -> None:
    assert setup_python(request_) == expected


# --- GitHub


def test_the_outputs_for_github_are_a_count_and_a_matrix(tmp_path: Path) -> None:
    runner = '[ci]\nplatforms = ["linux-x86_64", "windows-x86_64"]\n[ci.runners]\nlinux-x86_64 = "big"'
    workspace = make_workspace(tmp_path, {"a": 'title = "A = ü"'}, runner)
    count, matrix = github.matrix_outputs(workspace, make_jobs(workspace)).split("\n")
    assert count == "count=2"
    rows = json.loads(matrix.removeprefix("matrix="))["include"]
    assert [(row["name"], row["session"], row["runner"]) for row in rows] == [
        ("A = ü (linux-x86_64)", "a", "big"),
        ("A = ü (windows-x86_64)", "a", "windows-latest"),
    ]


def test_an_empty_matrix_for_github_says_so(tmp_path: Path) -> None:
    assert github.matrix_outputs(make_workspace(tmp_path, {}), ()) == 'count=0\nmatrix={"include":[]}'


def test_more_jobs_than_github_runs_are_refused(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, {f"p{number}": "" for number in range(86)})
    with pytest.raises(EnvyardError, match="258 jobs are more than the 256") as caught:
        github.matrix_outputs(workspace, make_jobs(workspace))
    assert "`platforms` in `[ci]`" in caught.value.hint


# --- GitLab


def test_the_child_pipeline_of_gitlab_has_a_job_for_each(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, {"a": "", "b": 'python = "3.12"'})
    pipeline = gitlab.child_pipeline(workspace, make_jobs(workspace))
    jobs = {name: job for name, job in pipeline.items() if ": " in name}
    assert list(jobs) == [f"{key}: {platform}" for key in "ab" for platform in workspace.ci.platforms]
    assert jobs["a: linux-x86_64"]["image"] == "python:3.11"
    assert jobs["b: linux-x86_64"]["image"] == "python:3.12"
    assert "image" not in jobs["a: windows-x86_64"]
    assert jobs["a: macos-arm64"]["cache"]["key"] != jobs["a: linux-x86_64"]["cache"]["key"]


@pytest.mark.parametrize(
    ("python", "brought"),
    [("3.9", True), ("pypy3.10", True), ("<3.11", True), (">=3.10,<3.13", False), ("/opt/python", False)],
)
def test_a_python_that_no_image_has_beside_envyards_is_brought(tmp_path: Path, python: str, brought: bool) -> None:
    workspace = make_workspace(tmp_path, {"a": f'python = "{python}"'})
    job = gitlab.child_pipeline(workspace, make_jobs(workspace))["a: linux-x86_64"]
    assert job["image"] == "python:3.11"
    assert any("uv python install" in line for line in job["script"]) is brought


def test_an_empty_child_pipeline_has_a_job_that_says_so(tmp_path: Path) -> None:
    pipeline = gitlab.child_pipeline(make_workspace(tmp_path, {}), ())
    assert pipeline["nothing to test"]["script"] == ["echo no project is affected by this change"]


@pytest.mark.parametrize(
    ("branch", "rule"),
    [("main", '$CI_COMMIT_BRANCH == "main"'), ("release/*", r"$CI_COMMIT_BRANCH =~ /^release\/[^\/]*$/")],
)
def test_branches_are_rules_of_gitlab(tmp_path: Path, branch: str, rule: str) -> None:
    workspace = make_workspace(tmp_path, {"a": ""}, f'[ci]\nbranches = ["{branch}"]')
    assert f"    - if: '{rule}'\n" in gitlab.workflow(workspace)
