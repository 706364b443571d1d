"""The commands as people type them: through `envyard` and through the stock `invoke`, in real processes."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.audit import audit_environment
from kit.index import LocalIndex
from kit.processes import children_of, wait_for
from kit.workspaces import SOURCE, ProjectPlan, WorkspaceKit

MakeWorkspace = Callable[..., WorkspaceKit]
Completed = subprocess.CompletedProcess[str]
TASKS = SOURCE.parent / "tasks.py"


class Door:
    """One way to type a command: the program `envyard`, or the stock `invoke` with the tasks.py of the repository."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started: list[subprocess.Popen[str]] = []

    def __call__(self, kit: WorkspaceKit, *words: str) -> Completed:
        process = self.start(kit, *words)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def start(self, kit: WorkspaceKit, *words: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own, as a shell does."""
        if self.name == "invoke":
            shutil.copyfile(TASKS, kit.root / "tasks.py")
        self.started.append(
            subprocess.Popen(
                [sys.executable, "-m", self.name, *words],
                cwd=kit.root,
                env=kit.env | {"PYTHONPATH": str(SOURCE)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                process_group=0,
            )
        )
        return self.started[-1]


@pytest.fixture(params=["envyard", "invoke"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    made = Door(request.param)
    yield made
    for process in made.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


@pytest.fixture
def kit(workspace_kit: MakeWorkspace) -> WorkspaceKit:
    return workspace_kit({"model": ["demo==1.0"], "config-load": ["alpha==2.0", "beta==2.0"]})


# --- set-up


def test_setting_up_all_makes_every_environment_and_says_so(door: Door, kit: WorkspaceKit) -> None:
    done = door(kit, "envs.setup-all")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()[:3]] == [
        ["project", "result"],
        ["Model", "built"],
        ["ConfigLoad", "built"],
    ]
    assert "2 built in " in done.stdout
    assert " saved by sharing" in done.stdout
    assert "[model] why: first build\n" in done.stderr
    assert audit_environment(kit.venv("model")) == audit_environment(kit.venv("config-load")) == []
    again = door(kit, "envs.setup-all")
    assert again.returncode == 0
    assert "2 kept, nothing to do in " in again.stdout
    assert again.stderr == ""


def test_several_names_and_a_flag_after_them(door: Door, workspace_kit: MakeWorkspace) -> None:
    plan = ProjectPlan(requirements=["demo==1.0"], title="Client/Backend", path="projects/Client/Backend")
    kit = workspace_kit({"model": ["demo==1.0"], "client-backend": plan, "envs": ["demo==1.0"]})
    done = door(kit, "envs.setup", "projects/model", "CLIENT/BACKEND", "--jobs", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["key"] for one in json.loads(done.stdout)["outcomes"]] == ["model", "client-backend"]
    assert not kit.venv("envs").exists()


def test_json_is_all_that_is_on_stdout(door: Door, kit: WorkspaceKit) -> None:
    done = door(kit, "envs.setup-all", "--json", "--only", "model")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)
    (outcome,) = data["outcomes"]
    assert outcome["action"] == "built"
    assert outcome["reasons"] == ["first build"]
    assert Path(outcome["python"]).samefile(kit.python("model"))
    assert data["disk"]["apparent"] >= data["disk"]["actual"] > 0
    (row, other) = json.loads(door(kit, "envs.list", "--json").stdout)["environments"]
    assert (row["key"], row["grade"], other["grade"]) == ("model", "ok", "missing")


def test_a_dry_run_builds_nothing(door: Door, kit: WorkspaceKit) -> None:
    for words in (["envs.setup-all", "--dry-run"], ["--dry", "envs.setup", "model", "config-load"]):
        done = door(kit, *words)
        assert done.returncode == 0, done.stderr
        assert "dry run: 2 environments to build" in done.stdout
    assert not kit.store.exists()


def test_one_that_fails_stops_none_of_the_others(door: Door, kit: WorkspaceKit) -> None:
    kit.index.on("demo-1.0*.whl").fail_with(404)
    done = door(kit, "envs.setup-all")
    assert done.returncode == 1
    assert audit_environment(kit.venv("config-load")) == []
    assert "1 built, 1 failed in" in done.stdout
    assert "\nerror: " in done.stderr
    assert f"\nthen run `{door.name} envs.setup model`\n" in done.stderr
    (failed, _) = json.loads(door(kit, "envs.setup-all", "--json").stdout)["outcomes"]
    assert failed["action"] == "failed"
    assert failed["error"]["message"]


def test_what_is_to_be_typed_after_a_foreign_folder_works_as_it_stands(door: Door, kit: WorkspaceKit) -> None:
    kit.venv("model").mkdir()
    (kit.venv("model") / "precious.txt").write_text("mine", encoding="utf-8")
    kit.index.on("alpha-*.whl").fail_with(404)
    done = door(kit, "envs.setup-all")
    assert done.returncode == 1
    (last,) = (line for line in done.stderr.splitlines() if line.startswith("then run "))
    match = re.fullmatch(r"then run `(\w+) (.+)`, which sets the `venv` of `model` aside if it is still there", last)
    assert match is not None, last
    assert (match[1], match[2]) == (door.name, "envs.setup model config-load --yes")

    kit.index.clear()
    done = door(kit, *match[2].split())

    assert done.returncode == 0, done.stderr
    assert audit_environment(kit.venv("model")) == audit_environment(kit.venv("config-load")) == []
    (aside,) = (kit.store / "replaced").iterdir()
    assert (aside / "precious.txt").read_text(encoding="utf-8") == "mine"


def test_updating_says_why_an_environment_is_rebuilt(door: Door, kit: WorkspaceKit) -> None:
    door(kit, "envs.setup-all")
    kit.pin("config-load", "alpha", "3.0")
    done = door(kit, "envs.update-all")
    assert done.returncode == 0, done.stderr
    assert "[config-load] why: alpha 2.0 -> 3.0" in done.stderr
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines() if line.startswith(("Model", "ConfigLoad"))]
    assert [row[:2] for row in rows] == [["Model", "kept"], ["ConfigLoad", "rebuilt"]]
    assert rows[1][2].endswith("alpha 2.0 -> 3.0")


def test_requirements_that_were_not_locked_are_told(door: Door, kit: WorkspaceKit) -> None:
    assert door(kit, "envs.lock").returncode == 0
    kit.requirements("config-load").write_text("alpha==3.0\n", encoding="utf-8")
    done = door(kit, "envs.setup-all")
    assert done.returncode == 0, done.stderr
    assert "warning: the requirements of `config-load` changed after their lockfile was written" in done.stderr
    assert f"`{door.name} envs.lock config-load`" in done.stderr
    frozen = door(kit, "envs.setup-all", "--frozen")
    assert frozen.returncode == 1
    assert "1 kept, 1 failed" in frozen.stdout
    updated = door(kit, "envs.update-all")
    assert updated.returncode == 0, updated.stderr
    assert "1 of 1 lockfile changed" in updated.stdout
    assert kit.pins("config-load")["alpha"] == "3.0"


# --- use


def test_running_a_command_passes_its_words_and_its_exit_code(door: Door, kit: WorkspaceKit) -> None:
    door(kit, "envs.setup", "model")
    code = "import demo, sys; print(sys.prefix, sys.argv[1:]); sys.exit(7)"
    done = door(kit, "envs.run", "model", "--", "python", "-c", code, "a b", "--", "-x")
    assert done.returncode == 7
    assert done.stdout == f"{os.path.realpath(kit.venv('model'))} ['a b', '--', '-x']\n"
    assert done.stderr == ""


def test_running_in_what_is_not_there_names_the_command_that_makes_it(door: Door, kit: WorkspaceKit) -> None:
    done = door(kit, "envs.run", "model", "--", "python")
    assert done.returncode == 1
    assert f"hint: run `{door.name} envs.setup model`" in done.stderr


def test_an_environment_is_shown_checked_rolled_back_and_removed(door: Door, kit: WorkspaceKit) -> None:
    door(kit, "envs.setup", "model")
    first = os.path.realpath(kit.venv("model"))
    door(kit, "envs.setup", "model", "--rebuild")
    assert "demo 1.0" in door(kit, "envs.show", "model").stdout
    assert "no problems" in door(kit, "envs.doctor", "model", "--deep").stdout
    assert "is generation" in door(kit, "envs.rollback", "model").stdout
    assert os.path.realpath(kit.venv("model")) == first
    planned = door(kit, "envs.clean", "--all", "--dry-run")
    assert "1 to remove" in planned.stdout
    assert kit.python("model").exists()
    assert door(kit, "envs.clean", "model", "--yes").returncode == 0
    assert not os.path.lexists(kit.venv("model"))
    assert door(kit, "envs.prune", "--unused-for", "30d", "--keep-size", "1GB").returncode == 0


# --- mistakes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("envs.setup modle", "`modle`: did you mean `model`?", id="unknown name"),
        pytest.param("envs.setup-all --tag nope", "no tag `nope`", id="unknown tag"),
        pytest.param("envs.setup-all --tag model", "`model` is a project, and no tag", id="a project for a tag"),
        pytest.param("envs.setup-all --only Core", "`Core` is a tag: that of model", id="a tag for a project"),
        pytest.param("envs.lock model", "`model` has no `lockfile` in workspace.toml", id="nothing to lock"),
        pytest.param("envs.run model python", "envs.run model -- python`", id="no dashes"),
        pytest.param("projects.add", " projects.add tools/x`", id="no folder"),
        pytest.param("envs.setup", "`envs.setup` needs the name of an environment", id="no name"),
        pytest.param("envs.show model config-load", "`envs.show` takes one name, not 2", id="too many names"),
        pytest.param("envs.setup model --jobs x", "`--jobs x` is not a number from 1", id="no number"),
        pytest.param("envs.prune --unused-for soon", "`--unused-for soon` is not a duration", id="no duration"),
        pytest.param("envs.prune --keep-size 5", "`--keep-size 5` is not a size", id="no size"),
        pytest.param("envs.run model", "`envs.run` needs a command", id="no command"),
        pytest.param("envs.clean model", "there is no terminal to ask on", id="nobody to ask"),
        pytest.param("envs.clean model --all", "names or `--all`, not both", id="names and all"),
        pytest.param("envs.setup-all --upgrade --frozen", "`--frozen` forbids it", id="contradiction"),
    ],
)
def test_a_mistake_ends_with_2_and_says_what_to_type(
    door: Door, workspace_kit: MakeWorkspace, words: str, said: str
) -> None:
    model = ProjectPlan(locked=False, tags=["core"])
    kit = workspace_kit({"model": model, "config-load": ProjectPlan(locked=False)})
    done = door(kit, *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "\nhint: " in done.stderr
    assert not kit.store.exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize(
    "words", ["envs.list", "envs.list --json", "envs.setup model", "shell.hook bash", "--help", "--version"]
)
def test_output_that_cannot_be_written_is_told_and_no_bug(kit: WorkspaceKit, words: str) -> None:
    done = _in_shell(kit, f"{words} >/dev/full")
    assert done.returncode == 1
    assert "error: the output cannot be written: no space left on device\n" in done.stderr
    assert "bug" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_work_is_done_although_a_stream_is_closed(kit: WorkspaceKit, closed: str) -> None:
    """As for a service, or the child of a program that closes everything."""
    done = _in_shell(kit, f"envs.setup model {closed}")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert audit_environment(kit.venv("model")) == []
    assert _in_shell(kit, f"envs.list {closed}").returncode == 0
    assert _in_shell(kit, f"--help {closed}").returncode == 0
    assert _in_shell(kit, f"envs.run model {closed} -- python -c 'import demo'").returncode == 0


def _in_shell(kit: WorkspaceKit, words: str) -> Completed:
    return subprocess.run(
        f"exec '{sys.executable}' -m envyard {words}",
        shell=True,
        cwd=kit.root,
        env=kit.env | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


@pytest.mark.parametrize("words", [["envs.list"], ["envs.setup", "model"]], ids=["list", "setup"])
def test_a_locale_that_cannot_write_a_path_is_told(door: Door, workspace_kit: MakeWorkspace, words: list[str]) -> None:
    kit = workspace_kit({"model": ProjectPlan(path="Größe", locked=False)})
    kit.env |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = door(kit, *words)
    assert done.returncode == 1
    assert "which the locale of this shell cannot write (ascii)" in done.stderr
    assert "set the variable PYTHONUTF8=1" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="makes the tool environment with links")
def test_commands_to_type_have_the_path_of_the_tool_environment_where_it_is_not_activated(kit: WorkspaceKit) -> None:
    """A newcomer has started a script, and has no `envyard` on PATH."""
    tools = kit.store / "tools-g" / "01234567"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tools], check=True)
    (kit.store / "tools").symlink_to(tools)
    program = tools / "bin" / "envyard"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    search = os.pathsep.join([str(SOURCE), sysconfig.get_path("purelib")])

    def hints(folder: Path, **variables: str) -> list[str]:
        done = subprocess.run(
            [tools / "bin" / "python", "-m", "envyard", "envs.run", "model"],
            cwd=kit.root,
            env=kit.env | {"PYTHONPATH": search, "PATH": os.defpath, "PWD": str(folder)} | variables,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        return re.findall(r"`(.*) envs\.run model -- python`", done.stderr)

    assert hints(kit.root) == [".envs/tools/bin/envyard"]
    assert hints(kit.root.parent) == [f"{kit.root.name}/.envs/tools/bin/envyard"]
    for elsewhere in ({"folder": kit.project("model")}, {"folder": kit.root, "PWD": ""}):
        assert [shlex.split(one) for one in hints(**elsewhere)] == [[f"{kit.root}/.envs/tools/bin/envyard"]]
    assert hints(kit.root, PATH=f"{kit.store}/tools/bin{os.pathsep}{os.defpath}") == ["envyard"]


def test_a_folder_without_workspace_is_told(tmp_path: Path, kit: WorkspaceKit) -> None:
    done = kit.run("envs.list", cwd=tmp_path)
    assert done.returncode == 2
    assert "no `workspace.toml` in" in done.stderr


def test_the_workspace_is_found_from_any_folder_in_it(kit: WorkspaceKit, tmp_path: Path) -> None:
    done = kit.run("envs.list", "--json", cwd=kit.project("model"))
    assert len(json.loads(done.stdout)["environments"]) == 2
    done = kit.run("envs.list", "--json", cwd=tmp_path, env={"ENVYARD_WORKSPACE": str(kit.root)})
    assert len(json.loads(done.stdout)["environments"]) == 2


def test_a_reader_that_has_enough_is_no_error(kit: WorkspaceKit) -> None:
    process = kit.start("envs.list")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=30) == 1


def test_tasks_without_envyard_say_what_to_do(kit: WorkspaceKit, tmp_path: Path) -> None:
    (tmp_path / "envyard.py").write_text("raise ImportError('No module named envyard')\n", encoding="utf-8")
    shutil.copyfile(TASKS, kit.root / "tasks.py")
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "--list"],
        cwd=kit.root,
        env=kit.env | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "cannot use envyard: No module named envyard\n\nhint: run `./scripts/setup_all_envs.sh`" in done.stderr
    assert "Traceback" not in done.stderr


def test_tasks_find_envyard_beside_them(kit: WorkspaceKit) -> None:
    shutil.copyfile(TASKS, kit.root / "tasks.py")
    (kit.root / "src").symlink_to(SOURCE)
    command = [sys.executable, "-m", "invoke", "--list"]
    done = subprocess.run(command, cwd=kit.root, env=kit.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Make the environment of every project." in done.stdout


# --- stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_stopping_is_quick_and_leaves_everything_as_it_was(door: Door, kit: WorkspaceKit, number: int) -> None:
    hold = kit.index.on("demo-1.0*.whl").hold()
    process = door.start(kit, "envs.setup-all")
    hold.wait_reached()
    children = wait_for(lambda: children_of(process.pid), what="an installer")
    started = time.monotonic()
    os.kill(process.pid, number)
    for _impatient in range(3):
        os.kill(process.pid, number)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - started < 8
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert "stopped by the user" in err
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), what="the end of the children")
    assert not os.path.lexists(kit.venv("model"))
    hold.release()
    again = door(kit, "envs.setup-all")
    assert again.returncode == 0, again.stderr
    assert audit_environment(kit.venv("model")) == []


def test_who_waits_is_told_for_whom(door: Door, kit: WorkspaceKit) -> None:
    hold = kit.index.on("demo-1.0*.whl").hold()
    first = door.start(kit, "envs.setup", "model")
    hold.wait_reached()
    second = door.start(kit, "envs.setup", "model")
    assert second.stderr is not None
    line = second.stderr.readline()
    assert line.startswith(f"[model] waiting for process {first.pid} on ")
    hold.release()
    out, _ = second.communicate(timeout=60)
    assert (first.wait(timeout=60), second.returncode) == (0, 0)
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("Model")] == [["Model", "linked"]]


# --- speed


def test_nothing_to_do_imports_nothing_heavy(kit: WorkspaceKit) -> None:
    kit.run("envs.setup-all", check=True)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "envyard", "envs.setup-all"],
        cwd=kit.root,
        env=kit.env | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "envyard.check" in imported
    assert not imported & {"rich", "filelock", "packaging", "virtualenv", "nox", "envyard.lockfile", "envyard.builder"}


# --- terminals


_ON_TERMINAL = """\
import os, sys
os.login_tty(int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-m", "envyard", *sys.argv[2:]])
"""


_PATIENCE = 60.0  # seconds in which a command on a terminal writes something


class Terminal:
    """A command on a pseudo terminal of 80 columns; `screen` is all it wrote so far."""

    def __init__(self, kit: WorkspaceKit, *words: str) -> None:
        pty = pytest.importorskip("pty", reason="Windows has no pseudo terminals of this kind")
        self._leader, follower = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, str(follower), *words],
            cwd=kit.root,
            env=kit.env | {"PYTHONPATH": str(SOURCE), "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            pass_fds=[follower],
        )
        os.close(follower)
        self.screen = ""

    def until(self, text: str) -> None:
        while text not in self.screen:
            assert self._read(), f"it ended before it wrote {text!r}:\n{self.screen}"

    def type(self, text: str) -> None:
        os.write(self._leader, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        os.close(self._leader)
        return self.process.wait(timeout=30)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._leader], [], [], _PATIENCE)
        assert ready, f"it writes nothing, and does not end:\n{self.screen}"
        try:
            data = os.read(self._leader, 65536)
        except OSError:  # the other side is closed
            return False
        self.screen += data.decode("utf-8", "replace")
        return bool(data)


def test_on_a_terminal_progress_is_live_and_gone_at_the_end(kit: WorkspaceKit) -> None:
    hold = kit.index.on("demo-1.0*.whl").hold()
    terminal = Terminal(kit, "envs.setup-all")
    terminal.until("needs wheels that are not in the cache")
    hold.release()
    assert terminal.end() == 0
    assert "\x1b[2K" in terminal.screen
    assert "[model]" not in terminal.screen
    last = terminal.screen.rpartition("\x1b[2K")[2]
    assert "2 built in " in last
    assert "⠋" not in last


def test_ctrl_c_on_a_terminal_ends_with_130(kit: WorkspaceKit) -> None:
    hold = kit.index.on("demo-1.0*.whl").hold()
    terminal = Terminal(kit, "envs.setup-all")
    hold.wait_reached()
    terminal.until("Model")
    terminal.type("\x03")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "stopped by the user" in terminal.screen
    assert "Traceback" not in terminal.screen


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, False), ("\n", 1, True), ("no\n", 1, True)])
def test_cleaning_asks_on_a_terminal(kit: WorkspaceKit, answer: str, code: int, left: bool) -> None:
    kit.run("envs.setup", "model", check=True)
    terminal = Terminal(kit, "envs.clean", "--all")
    terminal.until("Remove 1 environment (model; frees ")
    terminal.type(answer)
    assert terminal.end() == code
    assert kit.python("model").exists() == left
    assert ("nothing was removed" in terminal.screen) == left


def test_an_index_that_is_down_is_told_with_a_hint(door: Door, kit: WorkspaceKit, local_index: LocalIndex) -> None:
    local_index.down()
    done = door(kit, "envs.setup", "model")
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "hint: " in done.stderr
