"""nox as people run it: real processes, the workspace's own `noxfile.py`, environments made on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from kit.audit import audit_environment
from kit.index import LocalIndex
from kit.processes import alive, children_of, kill_tree, wait_for
from kit.workspaces import SOURCE, THIS_PYTHON, ProjectPlan, WorkspaceKit

MakeWorkspace = Callable[..., WorkspaceKit]


class Nox:
    """nox in a workspace, with the noxfile.py of the repository."""

    def __init__(self, kit: WorkspaceKit) -> None:
        self.kit = kit
        self.env = kit.env | {"PYTHONPATH": str(SOURCE)}
        self._started: list[subprocess.Popen[str]] = []
        shutil.copyfile(SOURCE.parent / "noxfile.py", kit.root / "noxfile.py")

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run it to its end. What the tests print is on stdout, what nox has to say on stderr."""
        process = self.start(*arguments, env=env)
        out, err = process.communicate(timeout=180)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start it in a process group of its own, as a terminal does."""
        process = subprocess.Popen(
            [sys.executable, "-m", "nox", *arguments],
            cwd=self.kit.root,
            env=self.env | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self._started.append(process)
        return process

    def listed(self, *arguments: str) -> list[dict[str, Any]]:
        done = self("-l", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        sessions: list[dict[str, Any]] = json.loads(done.stdout)
        return sessions

    def generations(self) -> list[str]:
        folder = self.kit.store / "g"
        return sorted(os.listdir(folder)) if folder.exists() else []

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                kill_tree(process.pid)
            process.communicate(timeout=10)


MakeNox = Callable[..., Nox]


@pytest.fixture
def nox_in(workspace_kit: MakeWorkspace) -> Iterator[MakeNox]:
    """Makes workspaces for nox; takes what `workspace_kit` takes."""
    made: list[Nox] = []

    def make(projects: Mapping[str, ProjectPlan | Sequence[str]]) -> Nox:
        made.append(Nox(workspace_kit(projects)))
        return made[-1]

    yield make
    for each in made:
        each.close()


_BEFORE = """\
import os, pathlib, sys, time, unittest


class TestFruit(unittest.TestCase):
    def test_apple(self):
        pass"""
_AFTER = """
    def test_pear(self):
        pass
"""


def plan(code: str = "", **options: Any) -> ProjectPlan:
    """A project that needs `demo` and has two tests; the first, `test_apple`, runs `code`."""
    lines = [f"        {line}" for line in code.splitlines()]
    text = "\n".join([_BEFORE, *lines, _AFTER])
    return ProjectPlan(**{"requirements": ["demo==1.0"], "files": {"tests/test_fruit.py": text}, **options})


# --- the list


def test_list_names_every_project_and_makes_nothing(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan(title="Alpha", settings={"description": "the first one"}), "beta": plan()})
    done = nox("-l")
    assert done.returncode == 0
    assert "* alpha [projects] -> Alpha: the first one" in done.stdout
    assert "* beta [projects] -> Beta: its tests" in done.stdout
    assert "- lint -> " in done.stdout, "envyard's own sessions are there, and not among those that run by default"
    assert not nox.kit.store.exists()


def test_json_list_is_the_matrix_of_a_ci(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan(tags=["ai"]), "beta": plan(tags=["core", "fast"])})
    assert [(each["session"], each["python"], each["tags"]) for each in nox.listed()] == [
        ("alpha", THIS_PYTHON, ["ai", "projects"]),
        ("beta", THIS_PYTHON, ["core", "fast", "projects"]),
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["-t", "ai"], ["alpha", "gamma"], id="a tag"),
        pytest.param(["-t", "projects"], ["alpha", "beta", "gamma"], id="all projects"),
        pytest.param(["-s", "beta"], ["beta"], id="a name"),
        pytest.param(["-k", "ai and not gamma"], ["alpha"], id="an expression"),
        pytest.param([], ["alpha", "beta", "gamma"], id="nothing chosen"),
    ],
)
def test_choice_of_sessions(nox_in: MakeNox, arguments: list[str], expected: list[str]) -> None:
    nox = nox_in({"alpha": plan(tags=["ai"]), "beta": plan(), "gamma": plan(tags=["ai"])})
    assert [each["name"] for each in nox.listed(*arguments)] == expected


def test_usage_tells_what_a_session_runs_and_where(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan()})
    done = nox("--usage", "alpha")
    assert done.returncode == 0
    assert f"with the environment `{nox.kit.venv('alpha')}`" in done.stdout


@pytest.mark.parametrize("arguments", [["-l"], ["-s", "alpha"]], ids=["list", "run"])
def test_mistakes_in_the_workspace_file_are_listed_all_at_once(nox_in: MakeNox, arguments: list[str]) -> None:
    nox = nox_in({"alpha": plan(settings={"colour": "red"}), "beta": plan(settings={"tags": 7})})
    done = nox(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "projects.alpha.colour" in done.stderr
    assert "projects.beta.tags" in done.stderr


def test_a_locale_that_cannot_write_a_path_is_told(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan(path="Größe")})
    done = nox("-l", env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert done.returncode == 1
    assert "which the locale of this shell cannot write (ascii)" in done.stderr


def test_nox_that_cannot_import_envyard_says_what_to_do(nox_in: MakeNox, tmp_path: Path) -> None:
    nox = nox_in({"alpha": plan()})
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "envyard.py").write_text("raise ImportError('No module named envyard')\n", encoding="utf-8")
    done = nox("-l", env={"PYTHONPATH": str(broken)})
    assert done.returncode == 1
    assert "No module named envyard\n\nhint: run nox as `./scripts/run_tests.sh`" in done.stderr


def test_nox_beside_which_a_library_is_missing_says_what_to_do(nox_in: MakeNox, tmp_path: Path) -> None:
    nox = nox_in({"alpha": plan()})
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "filelock.py").write_text(
        "raise ModuleNotFoundError('No module named filelock', name='filelock')\n", encoding="utf-8"
    )
    done = nox("-s", "alpha", env={"PYTHONPATH": f"{broken}{os.pathsep}{SOURCE}"})
    assert done.returncode == 1
    assert "this nox lacks `filelock`" in done.stderr
    assert "`./scripts/run_tests.sh`" in done.stderr


# --- running


def test_session_makes_the_environment_and_tests_in_it(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan("import demo\nself.assertIn('/.envs/g/', sys.executable)")})
    done = nox("-s", "alpha")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[alpha] why: first build" in done.stderr
    assert "virtualenv." not in done.stderr, "libraries have nothing to say to the user"
    assert "Ran 4 tests" in done.stdout
    assert audit_environment(nox.kit.venv("alpha")) == []
    again = nox("-s", "alpha")
    assert again.returncode == 0
    assert "[alpha]" not in again.stderr
    assert len(nox.generations()) == 1


def test_changed_requirements_are_installed_before_the_tests_run(nox_in: MakeNox) -> None:
    code = "import importlib.metadata\nprint('demo', importlib.metadata.version('demo'))"
    nox = nox_in({"alpha": plan(code)})
    nox("-s", "alpha")
    nox.kit.pin("alpha", "demo", "2.0")
    done = nox("-s", "alpha")
    assert done.returncode == 0
    assert "demo 2.0" in done.stdout
    assert "demo 1.0 -> 2.0" in done.stderr


def test_arguments_after_the_dashes_go_to_the_tests(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan()})
    done = nox("-s", "alpha", "--", "-k", "pear", "-v")
    assert done.returncode == 0
    assert "test_pear" in done.stdout
    assert "test_apple" not in done.stdout


def test_tests_see_the_environment_as_activated_and_nothing_that_misleads(nox_in: MakeNox) -> None:
    code = """\
self.assertEqual(os.path.realpath(sys.prefix), os.environ["VIRTUAL_ENV"])
self.assertEqual(os.environ["PATH"].split(os.pathsep)[0], os.path.dirname(sys.executable))
self.assertEqual(os.environ["COLOUR"], "red")
self.assertEqual(os.environ["OUTER"], "kept")
self.assertNotIn("PYTHONPATH", os.environ)
self.assertNotIn("UV_PYTHON", os.environ)
self.assertEqual(os.getcwd(), str(pathlib.Path(__file__).resolve().parents[1]))
"""
    nox = nox_in({"alpha": plan(code, environment={"COLOUR": "red"})})
    done = nox("-s", "alpha", env={"OUTER": "kept", "UV_PYTHON": "3.8", "COLOUR": "blue"})
    assert done.returncode == 0, done.stdout + done.stderr


def test_failing_tests_fail_the_session_and_not_the_others(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan("self.fail('sour')"), "beta": plan()})
    done = nox()
    assert done.returncode == 1
    assert "sour" in done.stdout
    assert "* alpha: failed" in done.stderr
    assert "* beta: success" in done.stderr


def test_environment_that_cannot_be_made_fails_its_session_and_not_the_others(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan(), "beta": plan()})
    lockfile = nox.kit.lockfile("alpha")
    lockfile.write_text(lockfile.read_text(encoding="utf-8").replace("demo==1.0", "demo==9.9"), encoding="utf-8")
    done = nox()
    assert done.returncode == 1
    assert "Session alpha aborted: " in done.stderr
    assert "demo" in done.stderr
    assert "* beta: success" in done.stderr
    assert not nox.kit.venv("alpha").exists()


def test_test_command_may_be_a_program_of_the_environment(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan(test_command=["demo"])})
    done = nox("-s", "alpha")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1.0"


def test_missing_test_command_is_named(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan(test_command=["no-such-program", "-x"])})
    done = nox("-s", "alpha")
    assert done.returncode == 1
    assert "`no-such-program`, the test command of `alpha`, is neither in its environment nor on PATH" in done.stderr


# --- what the options of nox mean


@pytest.mark.parametrize("option", ["-R", "--no-install"])
def test_without_install_a_missing_environment_is_not_made(nox_in: MakeNox, option: str) -> None:
    nox = nox_in({"alpha": plan()})
    done = nox(option, "-s", "alpha")
    assert done.returncode == 1
    assert "`Alpha` has no usable environment" in done.stderr
    assert "hint: run `nox -s alpha` without `-R` or `--no-install`" in done.stderr
    assert nox.generations() == []


def test_without_install_an_outdated_environment_is_used_as_it_is(nox_in: MakeNox) -> None:
    code = "import importlib.metadata\nprint('demo', importlib.metadata.version('demo'))"
    nox = nox_in({"alpha": plan(code)})
    nox("-s", "alpha")
    nox.kit.pin("alpha", "demo", "2.0")
    done = nox("-R", "-s", "alpha", "--", "-k", "apple")
    assert done.returncode == 0, done.stderr
    assert "demo 1.0" in done.stdout
    assert "used as it is, though stale: demo 1.0 -> 2.0" in done.stderr
    assert len(nox.generations()) == 1


def test_install_only_makes_the_environment_and_runs_nothing(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan("self.fail()")})
    done = nox("--install-only", "-s", "alpha")
    assert done.returncode == 0
    assert nox.kit.python("alpha").exists()


def test_another_python_than_that_of_the_project_is_refused(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan()})
    done = nox("-s", "alpha", "-P", "3.8")
    assert done.returncode == 1
    assert f"`alpha` is tested with Python {THIS_PYTHON}, not 3.8" in done.stderr
    assert "hint: change `python` of `[projects.alpha]`" in done.stderr
    assert nox.generations() == []
    assert nox("-s", "alpha", "-P", THIS_PYTHON).returncode == 0


def test_another_backend_than_envyard_is_refused(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan()})
    done = nox("-s", "alpha", "--force-venv-backend", "uv")
    assert done.returncode == 1
    assert "not in one of uv" in done.stderr
    assert nox.generations() == []


# --- several at once


def meeting(mine: str, other: str) -> str:
    """A test that passes only while the other project's test runs too."""
    return f"""\
here = pathlib.Path(__file__).resolve().parents[3]
(here / "{mine}.here").touch()
deadline = time.monotonic() + 60
while not (here / "{other}.here").exists():
    self.assertLess(time.monotonic(), deadline)
    time.sleep(0.01)
"""


def test_parallel_sessions_run_at_the_same_time(nox_in: MakeNox) -> None:
    nox = nox_in({"alpha": plan(meeting("alpha", "beta")), "beta": plan(meeting("beta", "alpha"))})
    done = nox("-j", "2", "-s", "alpha", "beta")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [audit_environment(nox.kit.venv(key)) for key in ("alpha", "beta")] == [[], []]


def test_two_people_who_test_the_same_project_build_it_once(nox_in: MakeNox, local_index: LocalIndex) -> None:
    nox = nox_in({"alpha": plan()})
    hold = local_index.on("demo-1.0*.whl").hold()
    first = nox.start("-s", "alpha")
    hold.wait_reached()
    second = nox.start("-s", "alpha")
    lines: list[str] = []
    assert second.stderr is not None
    while "waiting for process" not in (lines or [""])[-1]:
        line = second.stderr.readline()
        assert line, f"the second nox ended: {lines}"
        lines.append(line)
    assert f"waiting for process {first.pid}" in lines[-1]
    hold.release()
    for process in (first, second):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    assert len(nox.generations()) == 1


def test_generation_is_leased_while_its_tests_run(nox_in: MakeNox) -> None:
    code = """\
here = pathlib.Path(__file__).resolve().parent
(here / "started").touch()
while not (here / "end").exists():
    time.sleep(0.01)
"""
    nox = nox_in({"alpha": plan(code)})
    process = nox.start("-s", "alpha")
    tests = nox.kit.project("alpha") / "tests"
    wait_for((tests / "started").exists, 60, what="the test")
    (generation,) = nox.generations()
    leases = nox.kit.store / "leases" / generation
    assert [name for name in os.listdir(leases) if name.startswith(f"{process.pid}-")]
    (tests / "end").touch()
    assert process.wait(timeout=60) == 0
    assert not [name for name in os.listdir(leases) if name.startswith(f"{process.pid}-")]


# --- Ctrl-C


@pytest.fixture
def _listens_to_ctrl_c() -> Iterator[None]:
    """A shell starts background jobs deaf to Ctrl-C, and their children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code, and what was said, once nox and everything below it has ended."""
    children = children_of(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    wait_for(lambda: not any(alive(child) for child in children), 10, what=f"the end of {children}")
    assert "Traceback" not in err, err
    return process.returncode, out + err


WAITS_LONG = "(pathlib.Path(__file__).resolve().parent / 'started').touch()\ntime.sleep(600)"


@pytest.mark.usefixtures("_listens_to_ctrl_c")
@pytest.mark.parametrize("arguments", [[], ["-j", "2"]], ids=["one after the other", "parallel"])
def test_ctrl_c_during_the_tests_leaves_no_process(nox_in: MakeNox, arguments: list[str]) -> None:
    nox = nox_in({"alpha": plan(WAITS_LONG), "beta": plan(WAITS_LONG)})
    process = nox.start(*arguments)
    for key in ("alpha", "beta")[: 2 if arguments else 1]:
        wait_for((nox.kit.project(key) / "tests" / "started").exists, 60, what=f"the test of {key}")
    code, _said = press_ctrl_c(process)
    assert code == 130


@pytest.mark.usefixtures("_listens_to_ctrl_c")
@pytest.mark.parametrize("arguments", [[], ["-j", "2"]], ids=["one after the other", "parallel"])
def test_ctrl_c_during_a_build_leaves_nothing_behind(
    nox_in: MakeNox, local_index: LocalIndex, arguments: list[str]
) -> None:
    nox = nox_in({"alpha": plan(), "beta": plan()})
    rule = local_index.on("demo-1.0*.whl")
    hold = rule.hold()
    process = nox.start(*arguments)
    hold.wait_reached()
    code, _said = press_ctrl_c(process)
    assert code == 130
    assert nox.generations() == []
    assert not nox.kit.venv("alpha").exists()
    rule.clear()
    done = nox("-s", "alpha")
    assert done.returncode == 0, done.stderr
    assert audit_environment(nox.kit.venv("alpha")) == []
