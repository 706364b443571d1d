"""Many at once: who builds, who waits, who is using, and what Ctrl-C leaves. Real processes, a real index."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.engine import Engine
from kit.index import LocalIndex
from kit.isolation import environment
from kit.processes import alive, children_of, command_of, kill_tree, wait_for
from kit.soundness import Watch, faults, generations, holder, litter, make_old, pointer, settled
from kit.wheels import make_sdist
from kit.workspaces import SOURCE, WorkspaceKit

from envyard.provision import Action, Options, ensure_all

MakeWorkspace = Callable[..., WorkspaceKit]
THICK = "thick-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def _wheels(local_index: LocalIndex) -> None:
    """`thick` takes long enough to be stopped in the middle, `lazy` has a module that is imported on demand."""
    for version in ("1.0", "2.0", "3.0"):
        local_index.add("thick", version, bulk_files=1500, bulk_bytes=150)
        local_index.add(
            "lazy",
            version,
            files={
                "lazy/__init__.py": LAZY,
                "lazy/late.py": f'version = "{version}"\n',
            },
            scripts={"lazy": "lazy:main"},
        )


LAZY = """
import sys


def main():
    print("ready", flush=True)
    for _line in sys.stdin:
        from lazy.late import version

        print(version, flush=True)
        break
"""


def stuck_files(mark: Path) -> dict[str, str]:
    """A package that makes the first python to start in its environment leave a mark and hang."""
    code = f"""
import os, time

if not os.path.exists({str(mark)!r}):
    open({str(mark)!r}, "x").close()
    time.sleep(600)
"""
    return {"stuck.py": code, "stuck.pth": "import stuck\n"}


class Reader:
    """Reads the lines that a process writes to one stream, as they come."""

    def __init__(self, process: subprocess.Popen[str], stream: str = "stderr") -> None:
        self.process = process
        self.lines: list[str] = []
        self._stream = getattr(process, stream)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, text: str, timeout: float = 60) -> None:
        def found() -> bool:
            return text in self.text

        wait_for(found, timeout, what=f"{text!r}, having read {self.lines}")

    def _read(self) -> None:
        for line in self._stream:
            self.lines.append(line.rstrip("\n"))

    def end(self, timeout: float = 120) -> int:
        """The exit code, when the process has ended."""
        code = self.process.wait(timeout)
        self._thread.join(timeout)
        return code


def builds(kit: WorkspaceKit, key: str) -> int:
    """How many builds of a project were begun: each has a log of its own."""
    return len(list(kit.store.glob(f"logs/project-{key}-*.log")))


def phase(kit: WorkspaceKit, key: str, pid: int) -> str:
    """What a process is doing for a project just now."""
    now = holder(kit, key)
    return str(now["phase"]) if now.get("pid") == pid else ""


def installer_of(process: subprocess.Popen[str]) -> int:
    """The pid of uv below a process, 0 when there is none."""
    for child in children_of(process.pid):
        if Path((command_of(child) or [""])[0]).name == "uv":
            return child
    return 0


def is_installing(kit: WorkspaceKit, key: str, process: subprocess.Popen[str]) -> bool:
    """Whether a process has an installer at work for a project."""
    return phase(kit, key, process.pid) in ("install", "fetch") and installer_of(process) != 0


# --- who builds


def test_twenty_processes_ask_at_once_and_one_builds(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0", "thick==1.0"]})
    hold = local_index.on(THICK).hold()
    readers = [Reader(kit.start("envs.setup-all")) for _ in range(20)]
    hold.wait_reached()
    builder = holder(kit, "alpha")["pid"]
    for reader in readers:
        if reader.process.pid != builder:
            reader.wait_for(f"waiting for process {builder} on ")
    hold.release()
    assert [reader.end() for reader in readers] == [0] * 20
    assert settled(kit, "alpha") == []
    assert builds(kit, "alpha") == 1
    assert len(generations(kit)) == 1
    assert local_index.fetches(THICK) == 1
    assert [reader.process.pid for reader in readers if "built in" in reader.text] == [builder]
    assert litter(kit) == []


def test_waiters_all_go_on_though_the_builder_fails(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    """The first fails by an index that is down for a moment; one of those who waited builds, the others take it."""
    kit = workspace_kit({"alpha": ["thick==1.0"]})
    rule = local_index.on(THICK)
    hold = rule.hold()
    first = Reader(kit.start("envs.setup-all"))
    hold.wait_reached()
    waiting = [Reader(kit.start("envs.setup-all")) for _ in range(4)]
    for reader in waiting:
        reader.wait_for("waiting for process")
    process = first.process
    kill_tree(process.pid)
    process.wait()
    rule.clear()
    assert [reader.end() for reader in waiting] == [0] * 4
    assert settled(kit, "alpha") == []
    assert len(generations(kit)) == 1
    assert builds(kit, "alpha") == 2


def test_eight_threads_of_one_process_share_one_build(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0", "thick==1.0"], "beta": ["demo==1.0"]})
    engine = Engine(kit)
    actions: list[tuple[str, Action]] = []
    together = threading.Barrier(8)
    definitions = [engine.definition("alpha"), engine.definition("beta")]

    def work(number: int) -> None:
        together.wait()
        order = definitions if number % 2 else definitions[::-1]
        for outcome in ensure_all(engine.store(), order):
            assert outcome.error is None, outcome.error
            actions.append((outcome.key, outcome.action))

    with environment(kit.env):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive(), "a deadlock"
    assert len(actions) == 16
    assert sorted(key for key, action in actions if action == Action.BUILT) == ["alpha", "beta"]
    assert settled(kit, "alpha") == settled(kit, "beta") == []
    assert len(generations(kit)) == 2


def test_forcing_from_many_processes_at_once_rebuilds_once(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"]})
    engine = Engine(kit)
    engine.build()
    results: list[Action] = []
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        (outcome,) = ensure_all(engine.store(), [definition], options=Options(force=True))
        results.append(outcome.action)

    definition = engine.definition("alpha")
    with environment(kit.env):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert sorted(results) == [Action.LINKED] * 3 + [Action.REBUILT]
    assert settled(kit, "alpha") == []


def test_different_orders_of_projects_never_deadlock(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({key: ["demo==1.0"] for key in ("alpha", "beta", "gamma")})
    dice = random.Random(1)
    for version in ("2.0", "1.0"):
        orders = [dice.sample(["alpha", "beta", "gamma"], 3) for _ in range(5)]
        readers = [Reader(kit.start("envs.setup", *order)) for order in orders]
        assert [reader.end() for reader in readers] == [0] * 5
        for key in kit.plans:
            assert settled(kit, key) == []
            kit.pin(key, "demo", version)


def test_a_wheel_that_two_processes_need_at_once_is_downloaded_once(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    kit = workspace_kit({"alpha": ["thick==1.0"], "beta": ["thick==1.0", "demo==1.0"], "gamma": ["thick==1.0"]})
    hold = local_index.on(THICK).hold()
    first = Reader(kit.start("envs.setup", "alpha"))
    hold.wait_reached()
    others = [Reader(kit.start("envs.setup", key)) for key in ("beta", "gamma")]
    for key, reader in zip(("beta", "gamma"), others, strict=True):
        wait_for(lambda key=key, reader=reader: is_installing(kit, key, reader.process))  # type: ignore[misc]
    hold.release()
    assert [reader.end() for reader in (first, *others)] == [0, 0, 0]
    assert local_index.counts()[THICK] == 1
    for key in kit.plans:
        assert settled(kit, key) == []


def test_projects_of_one_process_download_each_wheel_once(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    kit = workspace_kit(
        {"alpha": ["thick==1.0"], "beta": ["thick==2.0", "demo==1.0"], "gamma": ["thick==1.0", "demo==2.0"]}
    )
    kit.run("envs.setup-all", check=True)
    assert set(local_index.counts().values()) == {1}
    assert sorted(name for name in local_index.counts() if name.startswith("thick")) == [
        "thick-1.0-py3-none-any.whl",
        "thick-2.0-py3-none-any.whl",
    ]


# --- a builder that was killed


def test_a_waiter_starts_only_when_the_orphaned_installer_has_ended(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    """uv writes into the generation while its parent is killed; it is frozen there, so nothing is a matter of luck."""
    kit = workspace_kit({"alpha": ["thick==1.0"]})
    kit.run("envs.setup-all", check=True)
    kit.pin("alpha", "thick", "2.0")
    kit.run("envs.setup-all", check=True)
    kit.pin("alpha", "thick", "1.0")
    before = generations(kit)
    first = kit.start("envs.setup-all")
    wait_for(lambda: is_installing(kit, "alpha", first))
    orphan = installer_of(first)
    os.kill(orphan, signal.SIGSTOP)
    try:
        abandoned = holder(kit, "alpha")["generation"]
        first.kill()
        first.wait()
        waiter = Reader(kit.start("envs.setup-all"))
        waiter.wait_for(f"waiting for the installer of process {first.pid}, which was killed")
        assert holder(kit, "alpha")["pid"] == first.pid
        assert generations(kit) == before
        assert (kit.store / "g" / abandoned).is_dir(), "the orphan's generation was taken away under it"
        assert faults(kit, "alpha") == []
    finally:
        os.kill(orphan, signal.SIGCONT)
    wait_for(lambda: phase(kit, "alpha", waiter.process.pid) != "")
    assert not alive(orphan)
    assert waiter.end() == 0
    assert settled(kit, "alpha") == []
    assert litter(kit) == []


def test_an_orphaned_fetch_keeps_the_next_fetch_waiting(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({"alpha": ["thick==1.0"], "beta": ["thick==1.0"]})
    hold = local_index.on(THICK).hold()
    first = kit.start("envs.setup", "alpha")
    hold.wait_reached()
    orphan = installer_of(first)
    first.kill()
    first.wait()
    same = Reader(kit.start("envs.setup", "alpha"))
    other = Reader(kit.start("envs.setup", "beta"))
    same.wait_for(f"waiting for the installer of process {first.pid}, which was killed")
    wait_for(lambda: is_installing(kit, "beta", other.process))
    assert alive(orphan)
    hold.release()
    assert (same.end(), other.end()) == (0, 0)
    assert not alive(orphan)
    assert settled(kit, "alpha") == settled(kit, "beta") == []
    assert local_index.counts()[THICK] == 1
    Engine(kit).prune()
    assert litter(kit) == []


def test_a_daemon_that_a_source_build_left_behind_holds_nothing(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, tmp_path: Path
) -> None:
    """Compiler caches do that: they inherit every descriptor, and live for hours."""
    make_sdist(local_index.folder, "demon", "1.0", while_building=DEMON.format(pid=str(tmp_path / "pid")))
    kit = workspace_kit({"alpha": ["demon==1.0"]})
    try:
        done = kit.run("envs.setup-all", timeout=60)
        assert done.returncode == 0, done.stderr
        demon = int((tmp_path / "pid").read_text())
        assert alive(demon)
        done = kit.run("envs.setup", "alpha", "--rebuild", timeout=60)
        assert done.returncode == 0, done.stderr
        assert "waiting" not in done.stderr
        assert settled(kit, "alpha") == []
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


DEMON = """
import os, subprocess, sys
subprocess.Popen(
    [sys.executable, "-c", "import os, time; open({pid!r}, 'w').write(str(os.getpid())); time.sleep(600)"],
    start_new_session=True, close_fds=False,
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
while not (os.path.exists({pid!r}) and open({pid!r}).read()):
    pass
"""


# --- builds within builds and runs


def envyard_code(root: Path, *arguments: str) -> str:
    """Python that runs a command of envyard, whoever runs it."""
    return (
        f"import os, sys; os.chdir({str(root)!r}); sys.path.insert(0, {str(SOURCE)!r})\n"
        f"sys.argv = ['envyard', *{list(arguments)!r}]\nfrom envyard.cli import main\nmain()\n"
    )


def building(root: Path, said: Path, *arguments: str) -> str:
    """What a source build does that runs a command of envyard; exit code and output go to the file `said`."""
    command = [sys.executable, "-c", envyard_code(root, *arguments)]
    return (
        f"import subprocess\ndone = subprocess.run({command!r}, capture_output=True, text=True, timeout=100)\n"
        f"with open({str(said)!r}, 'w') as file: file.write(str(done.returncode) + done.stdout + done.stderr)\n"
    )


def test_a_build_that_asks_for_its_own_environment_is_refused_and_does_not_wait_for_itself(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, tmp_path: Path
) -> None:
    script = building(tmp_path / "workspace", tmp_path / "said", "envs.setup", "alpha")
    make_sdist(local_index.folder, "selfish", "1.0", while_building=script)
    kit = workspace_kit({"alpha": ["selfish==1.0"]})
    done = kit.run("envs.setup-all", timeout=60)
    assert done.returncode == 0, done.stderr
    assert "the build of `alpha` asks for its own environment" in (tmp_path / "said").read_text()
    assert settled(kit, "alpha") == []


def test_a_build_may_ask_for_the_environment_of_another_project_that_is_to_be_fetched(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, tmp_path: Path
) -> None:
    script = building(tmp_path / "workspace", tmp_path / "said", "envs.setup", "beta")
    make_sdist(local_index.folder, "needy", "1.0", while_building=script)
    kit = workspace_kit({"alpha": ["needy==1.0"], "beta": ["thick==1.0"]})
    done = kit.run("envs.setup", "alpha", timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "said").read_text()[0] == "0"
    assert settled(kit, "alpha") == settled(kit, "beta") == []


def test_two_builds_that_ask_for_each_other_are_refused(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, tmp_path: Path
) -> None:
    for name, other in (("yin", "beta"), ("yang", "alpha")):
        script = building(tmp_path / "workspace", tmp_path / name, "envs.setup", other)
        make_sdist(local_index.folder, name, "1.0", while_building=script)
    kit = workspace_kit({"alpha": ["yin==1.0"], "beta": ["yang==1.0"]})
    done = kit.run("envs.setup", "alpha", timeout=60)
    assert done.returncode == 0, done.stderr
    assert "the build of `alpha` asks for its own environment" in (tmp_path / "yang").read_text()
    assert settled(kit, "alpha") == settled(kit, "beta") == []


def test_a_run_may_update_the_environment_it_runs_in(workspace_kit: MakeWorkspace) -> None:
    """nox starts invoke, which starts nox: nobody waits for the process that started it."""
    kit = workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==1.0"]})
    kit.run("envs.setup", "alpha", check=True)
    for key in kit.plans:
        kit.pin(key, "demo", "2.0")
    inner = envyard_code(kit.root, "envs.setup-all")
    middle = envyard_code(kit.root, "envs.run", "alpha", "--", sys.executable, "-c", inner)
    done = kit.run("envs.run", "alpha", "--", sys.executable, "-c", middle, timeout=60)
    assert done.returncode == 0, done.stderr
    assert settled(kit, "alpha") == settled(kit, "beta") == []


# --- who is using


def start_by_link(kit: WorkspaceKit) -> subprocess.Popen[str]:
    return _start(kit, kit.python("alpha"), "-c", "import lazy; lazy.main()")


def start_by_script(kit: WorkspaceKit) -> subprocess.Popen[str]:
    return _start(kit, kit.venv("alpha") / "bin" / "lazy")


def start_by_run(kit: WorkspaceKit) -> subprocess.Popen[str]:
    code = envyard_code(kit.root, "envs.run", "alpha", "--", "python", "-c", "import lazy; lazy.main()")
    return _start(kit, sys.executable, "-c", code)


def start_script_by_run(kit: WorkspaceKit) -> subprocess.Popen[str]:
    return _start(kit, sys.executable, "-c", envyard_code(kit.root, "envs.run", "alpha", "--", "lazy"))


def start_by_generation(kit: WorkspaceKit) -> subprocess.Popen[str]:
    return _start(kit, kit.venv("alpha").resolve() / "bin" / "python", "-c", "import lazy; lazy.main()")


def _start(kit: WorkspaceKit, *command: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=kit.project("alpha"),
        env=kit.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )


STARTS = [start_by_link, start_by_script, start_by_run, start_script_by_run, start_by_generation]


@pytest.fixture
def end() -> Iterator[list[subprocess.Popen[str]]]:
    """Ends the processes put into it, with all they started."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            kill_tree(process.pid)
        process.communicate()


def test_updates_change_nothing_under_a_running_process(
    workspace_kit: MakeWorkspace, end: list[subprocess.Popen[str]]
) -> None:
    kit = workspace_kit({"alpha": ["lazy==1.0"]})
    engine = Engine(kit)
    engine.build()
    used = pointer(kit, "alpha")["current"]
    end += [start(kit) for start in STARTS]
    for process in end:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for version in ("2.0", "3.0", "2.0"):
        kit.pin("alpha", "lazy", version)
        engine.build()
        engine.prune()
        engine.prune(keep_size=0)
        assert (kit.store / "g" / used).is_dir()
        assert settled(kit, "alpha") == []
    for number, process in enumerate(end):
        assert process.communicate("go on\n", timeout=60)[0] == "1.0\n", STARTS[number]
        assert process.returncode == 0
        kept = number < len(end) - 1
        engine.prune()
        kit.pin("alpha", "lazy", "3.0" if number % 2 else "1.0")
        engine.build()
        assert (kit.store / "g" / used).is_dir() == kept, f"after {STARTS[number]}"
    make_old(kit)
    engine.prune()
    assert litter(kit) == []
    assert len(generations(kit)) == 2


def test_a_process_started_after_an_update_sees_it(
    workspace_kit: MakeWorkspace, end: list[subprocess.Popen[str]]
) -> None:
    kit = workspace_kit({"alpha": ["lazy==1.0"]})
    engine = Engine(kit)
    engine.build()
    kit.pin("alpha", "lazy", "2.0")
    engine.build()
    for start in STARTS:
        end.append(start(kit))
        assert end[-1].communicate("go on\n", timeout=60)[0] == "ready\n2.0\n", start


def test_a_killed_run_keeps_the_environment_of_the_command_it_started(
    workspace_kit: MakeWorkspace, end: list[subprocess.Popen[str]]
) -> None:
    """The command inherits the lease, also a command that is no Python and knows nothing of envyard."""
    kit = workspace_kit({"alpha": ["lazy==1.0"]})
    engine = Engine(kit)
    engine.build()
    used = pointer(kit, "alpha")["current"]
    code = envyard_code(kit.root, "envs.run", "alpha", "--", "sh", "-c", "echo ready; exec sleep 600")
    end.append(_start(kit, sys.executable, "-c", code))
    assert end[0].stdout is not None
    assert end[0].stdout.readline() == "ready\n"
    (child,) = children_of(end[0].pid)
    try:
        end[0].kill()
        end[0].wait()
        for version in ("2.0", "3.0"):
            kit.pin("alpha", "lazy", version)
            engine.build()
        assert engine.clean("alpha").exit_code == 1
        assert (kit.store / "g" / used).is_dir()
    finally:
        os.kill(child, signal.SIGKILL)
    wait_for(lambda: not alive(child))
    engine.prune()
    kit.pin("alpha", "lazy", "2.0")
    engine.build()
    assert not (kit.store / "g" / used).exists()


# --- everything at once


def test_set_up_update_rollback_clean_and_prune_at_the_same_time(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==1.0"]})
    kit.run("envs.setup-all", check=True)
    commands = [
        ("envs.setup-all",),
        ("envs.setup", "alpha", "--rebuild"),
        ("envs.rollback", "alpha"),
        ("envs.prune",),
        ("envs.prune", "--keep-size", "1MB"),
        ("envs.clean", "beta", "--yes"),
        ("envs.setup", "beta", "alpha"),
        ("envs.list",),
    ]
    dice = random.Random(3)
    for number in range(4):
        kit.pin("alpha", "demo", f"{number % 2 + 1}.0")
        readers = [Reader(kit.start(*command)) for command in dice.sample(commands, 6)]
        for reader in readers:
            assert reader.end() in (0, 1), reader.text
            assert "Traceback" not in reader.text
        for key in kit.plans:
            assert faults(kit, key) == []
    kit.run("envs.setup-all", check=True)
    assert settled(kit, "alpha") == settled(kit, "beta") == []
    make_old(kit)
    kit.run("envs.prune", check=True)
    assert litter(kit) == []


def test_the_link_leads_to_a_whole_environment_during_updates_and_rollbacks(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"]})
    engine = Engine(kit)
    engine.build()
    with Watch(kit, "alpha") as watch:
        for version in ("2.0", "1.0", "2.0"):
            kit.pin("alpha", "demo", version)
            engine.build()
            engine.rollback("alpha")
            engine.rollback("alpha")
    assert watch.problems == []
    assert len(watch.seen) == 4


@pytest.mark.parametrize(
    "command", [("envs.rollback", "alpha"), ("envs.clean", "alpha", "--yes")], ids=["rollback", "clean"]
)
def test_who_takes_away_does_not_wait_for_who_builds(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, command: tuple[str, ...]
) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"]})
    engine = Engine(kit)
    for version in ("1.0", "2.0"):
        kit.pin("alpha", "demo", version)
        engine.build()
    before = pointer(kit, "alpha")
    kit.pin("alpha", "thick", "1.0")
    hold = local_index.on(THICK).hold()
    builder = Reader(kit.start("envs.setup-all"))
    hold.wait_reached()
    done = kit.run(*command)
    assert done.returncode == 1
    assert f"`alpha` is being built by process {builder.process.pid} (fetch)" in done.stderr
    assert pointer(kit, "alpha") == before
    kit.run("envs.prune", check=True)
    hold.release()
    assert builder.end() == 0
    assert settled(kit, "alpha") == []


# --- Ctrl-C and SIGTERM


def reach_fetch(kit: WorkspaceKit, process: subprocess.Popen[str]) -> None:
    wait_for(lambda: phase(kit, "alpha", process.pid) == "fetch" and is_installing(kit, "alpha", process))


def reach_create(kit: WorkspaceKit, process: subprocess.Popen[str]) -> None:
    freeze(process, lambda: phase(kit, "alpha", process.pid) == "create")


def reach_install(kit: WorkspaceKit, process: subprocess.Popen[str]) -> None:
    freeze(process, lambda: phase(kit, "alpha", process.pid) == "install" and is_installing(kit, "alpha", process))


def reach_verify(kit: WorkspaceKit, process: subprocess.Popen[str]) -> None:
    """While the audit, the first to start the python of the new environment, hangs in what `stuck` does there."""
    wait_for((kit.root / "stuck").exists)
    assert phase(kit, "alpha", process.pid) == "verify"


def freeze(process: subprocess.Popen[str], moment: Callable[[], bool]) -> None:
    """Halt a process and its children in a moment that is too short to be sure that it lasts until a signal arrives."""

    def caught() -> bool:
        if not moment():
            return False
        os.killpg(process.pid, signal.SIGSTOP)
        if moment():
            return True
        os.killpg(process.pid, signal.SIGCONT)
        return False

    wait_for(caught)


@pytest.mark.parametrize(
    ("reach", "number"),
    [
        (reach_create, signal.SIGINT),
        (reach_fetch, signal.SIGINT),
        (reach_install, signal.SIGINT),
        (reach_verify, signal.SIGINT),
        (reach_fetch, signal.SIGTERM),
        (reach_install, signal.SIGTERM),
    ],
    ids=lambda value: value.__name__ if callable(value) else value.name,
)
def test_stopping_a_build_leaves_no_process_and_nothing_half_done(
    workspace_kit: MakeWorkspace,
    local_index: LocalIndex,
    reach: Callable[[WorkspaceKit, subprocess.Popen[str]], None],
    number: signal.Signals,
) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"]})
    Engine(kit).build()
    before = pointer(kit, "alpha")
    kit.pin("alpha", "thick", "1.0")
    if reach == reach_fetch:
        local_index.on(THICK).hold(after=1000)
    elif reach == reach_verify:
        local_index.add("stuck", "1.0", files=stuck_files(kit.root / "stuck"))
        kit.pin("alpha", "stuck", "1.0")
    with Watch(kit, "alpha") as watch:
        process = Reader(kit.start("envs.setup-all"))
        reach(kit, process.process)
        children = children_of(process.process.pid)
        started = time.monotonic()
        if number == signal.SIGINT:  # as the terminal sends it: to the foreground process group
            os.killpg(process.process.pid, number)
        else:
            os.kill(process.process.pid, number)
        os.killpg(process.process.pid, signal.SIGCONT)
        assert process.end() == 130, process.text
        took = time.monotonic() - started
    assert took < 10, f"it took {took:.1f} s to stop"  # an installer that is waited for would take minutes
    assert [child for child in children if alive(child)] == []
    assert "Traceback" not in process.text
    assert watch.problems == []
    assert pointer(kit, "alpha") == before
    assert faults(kit, "alpha") == []
    assert len(list(kit.store.glob("g/*"))) == 1
    local_index.clear()
    Engine(kit).build()
    assert settled(kit, "alpha") == []
    Engine(kit).prune()
    assert litter(kit) == []


def test_stopping_a_first_build_leaves_no_link(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({"alpha": ["thick==1.0"], "beta": ["demo==1.0"]})
    local_index.on(THICK).hold()
    process = Reader(kit.start("envs.setup-all"))
    reach_fetch(kit, process.process)
    os.killpg(process.process.pid, signal.SIGINT)
    assert process.end() == 130
    assert not os.path.lexists(kit.venv("alpha"))
    assert [path for path in kit.store.glob("g/*") if not (path / "env.json").exists()] == []


def test_stopping_who_waits_stops_nobody_else(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    kit = workspace_kit({"alpha": ["thick==1.0"]})
    hold = local_index.on(THICK).hold()
    builder = Reader(kit.start("envs.setup-all"))
    hold.wait_reached()
    waiter = Reader(kit.start("envs.setup-all"))
    waiter.wait_for("waiting for process")
    os.killpg(waiter.process.pid, signal.SIGINT)
    assert waiter.end() == 130
    assert builder.process.poll() is None
    hold.release()
    assert builder.end() == 0
    assert settled(kit, "alpha") == []


def test_impatience_changes_nothing(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    """Ctrl-C again and again, while the first is being answered."""
    kit = workspace_kit({"alpha": ["thick==1.0"]})
    local_index.on(THICK).hold()
    process = Reader(kit.start("envs.setup-all"))
    reach_fetch(kit, process.process)
    child = installer_of(process.process)
    while process.process.poll() is None:
        os.killpg(process.process.pid, signal.SIGINT)
        time.sleep(0.02)  # a finger on the key
    assert process.end() == 130, process.text
    assert not alive(child)
    assert "Traceback" not in process.text
    local_index.clear()
    kit.run("envs.setup-all", check=True)
    assert settled(kit, "alpha") == []
