"""The door to child processes: how children end, what they see, and that none is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.isolation import environment
from kit.processes import alive, wait_for

from envyard.errors import Cancelled, CommandFailed
from envyard.process import (
    SCRUBBED,
    Cancellation,
    Child,
    child_environment,
    environment_variable,
    process_alive,
    run,
    run_foreground,
)

PYTHON = sys.executable
SOURCE = Path(__file__).resolve().parents[2] / "src"

# Starts a grandchild, writes its pid, waits. `SETTINGS` may change how the two react to signals.
PARENT = """
import os, signal, subprocess, sys, time
from pathlib import Path
exec(sys.argv[2])
child = subprocess.Popen([sys.executable, "-c", "import signal, time; exec(%r); time.sleep(600)" % sys.argv[3]],
                         start_new_session=len(sys.argv) > 4)
Path(sys.argv[1]).with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
Path(sys.argv[1]).with_suffix(".new").rename(sys.argv[1])
time.sleep(600)
"""
INODES = """
import os, sys
for descriptor in map(int, sys.argv[1:]):
    try:
        print(os.fstat(descriptor).st_ino)
    except OSError:
        print(0)
"""
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Callable[[], tuple[int, int]]]:
    """Waits for the pids of `PARENT` and its child; ends whatever of them is left after the test."""
    file = tmp_path / "pids"
    found: list[int] = []

    def read() -> tuple[int, int]:
        wait_for(file.exists, what="the pids")
        parent, child = map(int, file.read_text().split())
        found.extend((parent, child))
        return parent, child

    yield read
    for pid in found:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def wait_until_ended(*processes: int) -> None:
    wait_for(lambda: not any(alive(pid) for pid in processes), 5, what=f"the end of {processes}")


def parent_command(
    tmp_path: Path, settings: str = "", child_settings: str = "", *, own_session: bool = False
) -> list[str | Path]:
    return [PYTHON, "-c", PARENT, tmp_path / "pids", settings, child_settings, *(["session"] if own_session else [])]


class Background:
    """`run` in a thread; `error` is what it raised."""

    def __init__(self, command: list[str | Path], **options: object) -> None:
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(command, options))
        self._thread.start()

    def _work(self, command: list[str | Path], options: dict[str, object]) -> None:
        try:
            run(command, **options)  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def join(self, timeout: float = 20) -> None:
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"`run` did not return within {timeout} s"


# --- how it ends


def test_exit_code_stdout_and_stderr_come_back() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = run([PYTHON, "-c", code])
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err")


def test_a_child_ended_by_a_signal_has_a_negative_exit_code() -> None:
    assert run([PYTHON, "-c", "import os; os.kill(os.getpid(), 9)"]).returncode == -9


def test_the_child_cannot_read_from_the_terminal() -> None:
    assert run([PYTHON, "-c", "import sys; print(repr(sys.stdin.read()))"]).stdout == "''\n"


def test_a_program_that_is_not_there_is_an_error_with_its_name() -> None:
    with pytest.raises(CommandFailed, match=r"cannot start `/no/such/program`: No such file or directory"):
        run(["/no/such/program"])


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"cannot start"):
        run([PYTHON, "-c", ""], cwd=tmp_path / "missing")


def test_output_that_is_not_utf8_is_kept_readable() -> None:
    code = r"import sys; sys.stdout.buffer.write(b'a\xffb'); sys.stderr.buffer.write(b'c\xffd')"
    done = run([PYTHON, "-c", code])
    assert (done.stdout, done.stderr) == ("a\ufffdb", "c\ufffdd")


def test_megabytes_on_both_streams_do_not_block() -> None:
    code = (
        "import sys; [(sys.stdout.write('o' * 9999 + '\\n'), sys.stderr.write('e' * 9999 + '\\n')) for _ in range(500)]"
    )
    done = run([PYTHON, "-c", code], timeout=60)
    assert done.returncode == 0
    assert len(done.stdout) == 500 * 10000


def test_only_the_last_lines_of_stderr_are_kept_but_every_line_is_heard() -> None:
    heard: list[str] = []
    code = "import sys; [print(number, file=sys.stderr) for number in range(1000)]"
    done = run([PYTHON, "-c", code], on_line=heard.append)
    assert heard == [str(number) for number in range(1000)]
    assert done.stderr.splitlines() == heard[-200:]


def test_a_line_is_heard_when_it_is_written_and_not_at_the_end(tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = (
        "import sys, time, pathlib; print('first', file=sys.stderr, flush=True)\n"
        "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.005)"
    )
    assert run([PYTHON, "-c", code, go], on_line=lambda _line: go.touch(), timeout=30).returncode == 0


def test_a_child_that_did_enough_is_stopped_with_all_it_started_and_counts_as_done() -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, file=sys.stderr); print('enough', file=sys.stderr, flush=True); time.sleep(600)"
    )
    done = run([PYTHON, "-c", code], enough=lambda line: line == "enough", timeout=60)
    assert done.returncode == 0
    pid, last = done.stderr.split()
    assert last == "enough"
    wait_until_ended(int(pid))


def test_a_child_that_fails_before_it_did_enough_has_failed() -> None:
    code = "import sys; print('half', file=sys.stderr); sys.exit(3)"
    assert run([PYTHON, "-c", code], enough=lambda line: line == "enough").returncode == 3


def test_the_log_gets_command_stderr_and_exit_code(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for code in (0, 1):
        run([PYTHON, "-c", f"import sys; print('oh', file=sys.stderr); sys.exit({code})"], log=log)
    text = log.read_text()
    assert text.startswith(f"$ {Path(PYTHON).name} -c ")
    assert text.count("\noh\nexit code ") == 2
    assert text.endswith("exit code 1\n\n")


def test_a_log_that_cannot_be_written_does_not_stop_the_command(tmp_path: Path) -> None:
    assert run([PYTHON, "-c", ""], log=tmp_path / "missing" / "log").returncode == 0


# --- what it sees


@pytest.mark.parametrize("name", sorted(SCRUBBED))
def test_variables_that_would_change_a_child_are_not_passed_on(name: str) -> None:
    with environment({**os.environ, name: "x", "HARMLESS": "y"}):
        seen = child_environment()
        assert name not in seen
        assert seen["HARMLESS"] == "y"
        assert child_environment({name: "mine"})[name] == "mine"


def test_a_given_environment_is_complete() -> None:
    done = run([PYTHON, "-c", "import os; print(sorted(os.environ))"], environment={"LC_ALL": "C.UTF-8"})
    assert done.stdout == "['LC_ALL']\n"


def test_one_variable_is_read_with_its_default() -> None:
    with environment({**os.environ, "MINE": "1"}):
        assert (environment_variable("MINE"), environment_variable("YOURS", "2")) == ("1", "2")


def test_only_the_descriptors_passed_are_inherited(tmp_path: Path) -> None:
    kept = os.open(tmp_path, os.O_RDONLY)
    other = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(other, True)
    try:
        done = run([PYTHON, "-c", INODES, str(kept), str(other)], pass_fds=[kept])
    finally:
        os.close(kept)
        os.close(other)
    assert done.stdout.split() == [str(tmp_path.stat().st_ino), "0"]


# --- when it takes too long


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(
    tmp_path: Path, pids: Callable[[], tuple[int, int]]
) -> None:
    with pytest.raises(CommandFailed, match=r"did not end within 0\.5 seconds"):
        run(parent_command(tmp_path), timeout=0.5)
    wait_until_ended(*pids())


def test_the_end_of_its_stderr_says_what_it_was_doing() -> None:
    code = "import sys, time; [print('line', n, file=sys.stderr, flush=True) for n in range(9)]; time.sleep(60)"
    with pytest.raises(CommandFailed) as caught:
        run([PYTHON, "-c", code], timeout=1)
    assert caught.value.details == tuple(f"line {number}" for number in range(4, 9))


def test_a_grandchild_that_keeps_the_pipes_open_is_not_waited_for(
    tmp_path: Path, pids: Callable[[], tuple[int, int]]
) -> None:
    """Source builds start daemons (compiler caches), which hold the pipes and are in a process group of their own."""
    started = time.monotonic()
    with pytest.raises(CommandFailed, match=r"did not end within 0\.5 seconds"):
        run(parent_command(tmp_path, own_session=True), timeout=0.5)
    assert time.monotonic() - started < 5
    parent, daemon = pids()
    assert not alive(parent)
    assert alive(daemon)


def test_what_a_child_wrote_is_there_though_a_daemon_holds_the_pipes(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; print('x' * 50000); print('told', file=sys.stderr)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "print(child.pid)"
    )
    done = run([PYTHON, "-c", code], timeout=60)
    os.kill(int(done.stdout.split()[-1]), signal.SIGKILL)
    assert done.returncode == 0
    assert done.stdout.startswith("x" * 50000)
    assert done.stderr == "told"


# --- when it is stopped


def test_cancelling_ends_the_child_and_all_it_started(tmp_path: Path, pids: Callable[[], tuple[int, int]]) -> None:
    cancellation = Cancellation()
    work = Background(parent_command(tmp_path), cancellation=cancellation)
    both = pids()
    started = time.monotonic()
    cancellation.cancel()
    work.join()
    assert time.monotonic() - started < 3  # what is granted to who does not listen
    assert isinstance(work.error, Cancelled)
    wait_until_ended(*both)


@pytest.mark.parametrize(
    ("settings", "child_settings"),
    [(STUBBORN, STUBBORN), ("", STUBBORN)],
    ids=["both ignore SIGTERM", "only the grandchild does"],
)
def test_who_does_not_listen_is_killed(
    tmp_path: Path, pids: Callable[[], tuple[int, int]], settings: str, child_settings: str
) -> None:
    cancellation = Cancellation()
    work = Background(parent_command(tmp_path, settings, child_settings), cancellation=cancellation)
    both = pids()
    if child_settings:
        # the handler is set a moment after the pid is known
        wait_for(lambda: all("SigIgn" not in line or int(line.split()[1], 16) & (1 << 14) for line in status(both[1])))
    started = time.monotonic()
    cancellation.cancel()
    work.join()
    assert time.monotonic() - started < 10
    wait_until_ended(*both)


def status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def test_many_children_are_ended_together_and_not_one_after_the_other(tmp_path: Path) -> None:
    cancellation = Cancellation()
    works = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        works.append(Background(parent_command(tmp_path / str(number), STUBBORN), cancellation=cancellation))
    for number in range(4):
        wait_for((tmp_path / str(number) / "pids").exists)
    started = time.monotonic()
    cancellation.cancel()
    for work in works:
        work.join()
    assert time.monotonic() - started < 9  # each is given 3 s; one after the other would take 12


def test_nothing_starts_any_more_once_work_was_cancelled(tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        run(
            [PYTHON, "-c", "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()", tmp_path / "ran"],
            cancellation=cancellation,
        )
    assert not (tmp_path / "ran").exists()


def test_a_wait_ends_at_once_when_work_is_cancelled() -> None:
    cancellation = Cancellation()
    threading.Timer(0.05, cancellation.cancel).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        cancellation.wait(30)
    assert time.monotonic() - started < 5


def test_an_error_while_a_child_runs_ends_the_child(tmp_path: Path, pids: Callable[[], tuple[int, int]]) -> None:
    cancellation = Cancellation()

    def start() -> Child:
        return Child(parent_command(tmp_path), start_new_session=True)

    both: tuple[int, ...] = ()
    with contextlib.suppress(KeyboardInterrupt), cancellation.watching(start):
        both = pids()
        raise KeyboardInterrupt
    assert both
    wait_until_ended(*both)


# --- on the caller's terminal


@pytest.mark.parametrize(
    ("code", "expected"),
    [("", 0), ("import sys; sys.exit(7)", 7), ("import os; os.kill(os.getpid(), 15)", 128 + 15)],
    ids=["done", "failed", "ended by a signal"],
)
def test_the_exit_code_is_the_one_a_shell_would_give(code: str, expected: int) -> None:
    assert run_foreground([PYTHON, "-c", code]) == expected


def test_a_foreground_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(CommandFailed, match=r"cannot start `/no/such/program`"):
        run_foreground(["/no/such/program"])


FOREGROUND = """
import sys
sys.path.insert(0, sys.argv[1])
from envyard.process import run_foreground
sys.exit(run_foreground([sys.executable, "-c", sys.argv[2], *sys.argv[3:]]))
"""
ANSWERS = """
import signal, sys, time
from pathlib import Path
def answer(number, frame):
    Path(sys.argv[1]).write_text(str(number)); sys.exit(5)
signal.signal(signal.SIGINT, answer)
signal.signal(signal.SIGTERM, answer)
Path(sys.argv[2]).touch()
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_the_child_decides_what_a_signal_means(tmp_path: Path, number: signal.Signals) -> None:
    heard, ready = tmp_path / "heard", tmp_path / "ready"
    process = subprocess.Popen([PYTHON, "-c", FOREGROUND, SOURCE, ANSWERS, heard, ready], process_group=0)
    try:
        wait_for(ready.exists)
        if number == signal.SIGINT:  # a terminal sends it to the whole group
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert process.wait(20) == 5
        assert heard.read_text() == str(int(number))
    finally:
        process.kill()
        process.wait()


# --- who lives


def test_a_process_is_alive_until_it_has_ended() -> None:
    child = subprocess.Popen([PYTHON, "-c", "input()"], stdin=subprocess.PIPE)
    assert process_alive(child.pid)
    child.communicate()
    assert not process_alive(child.pid)
    assert process_alive(os.getpid())


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1], ids=["0", "-1", "beyond all"])
def test_what_is_no_process_is_not_alive(pid: int) -> None:
    assert not process_alive(pid)
