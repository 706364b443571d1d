"""Exclusive locks, the file that says who holds one, and leases, with real processes on the other side."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.processes import alive, wait_for
from kit.values import make_environment

from envyard.definition import Kind
from envyard.errors import Cancelled, EnvironmentMissing, LockTimeout
from envyard.locks import (
    ExclusiveLock,
    Holder,
    collect,
    holder_path,
    in_use,
    read_holder,
    take_lease,
)
from envyard.process import Cancellation
from envyard.store import Store

SOURCE = Path(__file__).resolve().parents[2] / "src"

# Takes what is asked for, says "ready", waits for a line, ends.
OTHER = """
import os, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from envyard.definition import Kind
from envyard.locks import ExclusiveLock, take_lease
from envyard.store import Store
store, what = Store(Path(sys.argv[2])), sys.argv[3]
descriptors = ()
if what.startswith("lock"):
    held = ExclusiveLock(store, Kind.PROJECT, "alpha")
    assert held.try_acquire()
    held.write_intent(phase="install", generation="0123abcd", log="the.log")
else:
    held = take_lease(store, Kind.PROJECT, "alpha")
if what.endswith("child"):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=held.descriptors)
    print(child.pid, flush=True)
else:
    print(0, flush=True)
sys.stdin.readline()
held.release()
print("released", flush=True)
sys.stdin.readline()
"""


class Other:
    """Another process that holds a lock or a lease; `child` is the pid of its child that inherits it."""

    def __init__(self, store: Store, what: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, SOURCE, store.root, what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.child = int(self.process.stdout.readline())

    def release(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "released\n"

    def kill(self) -> None:
        """End the process itself, and not its child."""
        self.process.kill()
        self.process.wait(10)

    def kill_child(self) -> None:
        if self.child and alive(self.child):
            os.kill(self.child, signal.SIGKILL)
            wait_for(lambda: not alive(self.child), 10)

    def close(self) -> None:
        self.kill()
        self.kill_child()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / ".envs")
    made.prepare()
    return made


@pytest.fixture
def other(store: Store) -> Iterator[Callable[[str], Other]]:
    """Starts another process: "lock", "lease", or with a child that inherits it "lock and child", "lease and child"."""
    started: list[Other] = []

    def start(what: str) -> Other:
        started.append(Other(store, what))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def generation(store: Store) -> str:
    """The current generation of alpha, without packages."""
    return commit(store)


def commit(store: Store, created: float = 1.0) -> str:
    made = make_environment(store.generation_path(store.new_generation()), created=created)
    store.point(made, ())
    return made.generation


def alpha_lock(store: Store) -> ExclusiveLock:
    return ExclusiveLock(store, Kind.PROJECT, "alpha")


def refuse_to_wait(holder: Holder | None, seconds: float) -> None:
    raise AssertionError(f"waited {seconds} s for {holder}")


# --- the exclusive lock


def test_one_process_at_a_time_holds_the_lock(store: Store, other: Callable[[str], Other]) -> None:
    holder = other("lock")
    lock = alpha_lock(store)
    assert not lock.try_acquire()
    holder.release()
    assert lock.try_acquire()
    lock.release()


def test_locks_of_other_environments_are_free(store: Store, other: Callable[[str], Other]) -> None:
    other("lock")
    for kind, key in ((Kind.PROJECT, "beta"), (Kind.PROFILE, "alpha")):
        with ExclusiveLock(store, kind, key) as lock:
            assert lock.try_acquire()


def test_two_threads_of_one_process_exclude_each_other(store: Store) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with alpha_lock(store) as lock:
            lock.acquire(lambda *_: None, Cancellation(), timeout=30)
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)  # long enough for another thread to come in, if it could
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_a_lock_taken_in_one_thread_is_released_in_another(store: Store) -> None:
    lock = alpha_lock(store)
    thread = threading.Thread(target=lock.try_acquire)
    thread.start()
    thread.join()
    assert not alpha_lock(store).try_acquire()
    lock.release()
    with alpha_lock(store) as second:
        assert second.try_acquire()


def test_releasing_what_is_not_held_is_no_error(store: Store) -> None:
    lock = alpha_lock(store)
    lock.release()
    assert lock.try_acquire()
    lock.release()
    lock.release()
    assert lock.descriptors == ()


def test_the_lock_file_stays(store: Store) -> None:
    """Who deletes a lock file lets two processes in: one holds the deleted file, the next a new one."""
    with alpha_lock(store) as lock:
        assert lock.try_acquire()
        inode = (store.locks / "project-alpha.lock").stat().st_ino
    assert (store.locks / "project-alpha.lock").stat().st_ino == inode


def test_a_killed_holder_frees_the_lock(store: Store, other: Callable[[str], Other]) -> None:
    other("lock").kill()
    with alpha_lock(store) as lock:
        lock.acquire(refuse_to_wait, Cancellation(), timeout=5)


def test_the_lock_lives_as_long_as_the_child_that_inherited_it(store: Store, other: Callable[[str], Other]) -> None:
    holder = other("lock and child")
    holder.kill()
    lock = alpha_lock(store)
    assert not lock.try_acquire()
    assert alive(holder.child)
    holder.kill_child()
    assert lock.try_acquire()
    lock.release()


def test_a_release_counts_though_a_child_still_has_the_descriptor(store: Store, other: Callable[[str], Other]) -> None:
    """A daemon that a source build left behind must not hold the lock for ever."""
    holder = other("lock and child")
    holder.release()
    assert alive(holder.child)
    with alpha_lock(store) as lock:
        assert lock.try_acquire()


def test_waiting_ends_when_the_lock_is_free(store: Store, other: Callable[[str], Other]) -> None:
    holder = other("lock")
    told: list[Holder | None] = []

    def on_wait(seen: Holder | None, _seconds: float) -> None:
        told.append(seen)
        holder.release()

    with alpha_lock(store) as lock:
        lock.acquire(on_wait, Cancellation(), timeout=20)
    assert len(told) == 1
    assert told[0] is not None
    assert (told[0].pid, told[0].phase, told[0].alive) == (holder.process.pid, "install", True)


def test_a_waiter_hears_of_a_new_phase_and_of_the_end_of_the_holder(
    store: Store, other: Callable[[str], Other]
) -> None:
    holder = other("lock and child")
    heard: list[tuple[str, bool]] = []

    def on_wait(seen: Holder | None, _seconds: float) -> None:
        assert seen is not None
        heard.append((seen.phase, seen.alive))
        if len(heard) == 1:
            path = holder_path(store, Kind.PROJECT, "alpha")
            path.write_text(path.read_text().replace("install", "verify"))
        elif len(heard) == 2:
            holder.kill()
        else:
            holder.kill_child()

    started = time.monotonic()
    with alpha_lock(store) as lock:
        lock.acquire(on_wait, Cancellation(), timeout=20)
    assert heard == [("install", True), ("verify", True), ("verify", False)]
    assert time.monotonic() - started < 4  # news is told at once, and not with the next report


def test_waiting_too_long_is_an_error_that_names_the_holder(store: Store, other: Callable[[str], Other]) -> None:
    holder = other("lock")
    with pytest.raises(LockTimeout, match=r"`alpha` is still being built by another process") as caught:
        alpha_lock(store).acquire(lambda *_: None, Cancellation(), timeout=0.1)
    assert f"process {holder.process.pid} on {socket.gethostname()}; its log: the.log" in caught.value.hint


def test_a_waiter_can_be_stopped(store: Store, other: Callable[[str], Other]) -> None:
    other("lock")
    cancellation = Cancellation()
    with pytest.raises(Cancelled):
        alpha_lock(store).acquire(lambda *_: cancellation.cancel(), cancellation)


# --- who holds it


def test_the_holder_file_says_who_what_and_where(store: Store) -> None:
    with alpha_lock(store) as lock:
        assert lock.try_acquire()
        lock.write_intent(phase="create", generation="0123abcd", log="/a/log")
        lock.write_intent(phase="install")
        holder = read_holder(store, Kind.PROJECT, "alpha")
        assert holder is not None
        assert (holder.pid, holder.host, holder.phase) == (os.getpid(), socket.gethostname(), "install")
        assert (holder.generation, holder.log) == ("0123abcd", "/a/log")
        assert holder.alive
        assert 0 <= holder.seconds < 10


def test_the_generation_of_a_killed_builder_stays_named_until_the_next_build(
    store: Store, other: Callable[[str], Other]
) -> None:
    """Else nobody would know under which lock it may be collected."""
    other("lock").kill()
    with alpha_lock(store) as lock:
        assert lock.try_acquire()
        lock.write_intent(phase="check")
        holder = read_holder(store, Kind.PROJECT, "alpha")
        assert holder is not None
        assert (holder.pid, holder.generation, holder.log) == (os.getpid(), "0123abcd", "")
        lock.write_intent(phase="create", generation="4567cdef", log="new")
        holder = read_holder(store, Kind.PROJECT, "alpha")
        assert holder is not None
        assert (holder.generation, holder.log) == ("4567cdef", "new")


def test_a_holder_that_was_killed_is_not_alive(store: Store, other: Callable[[str], Other]) -> None:
    other("lock").kill()
    holder = read_holder(store, Kind.PROJECT, "alpha")
    assert holder is not None
    assert not holder.alive


def test_a_holder_on_another_machine_counts_as_alive() -> None:
    assert Holder(pid=2**22 + 1, host="elsewhere", phase="install", since=0).alive


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\0",
        b"{}",
        b'{"pid": "x", "host": "h", "phase": "p", "since": 1, "generation": "", "log": ""}',
        b'{"pid": 1, "host": "h", "phase": "p", "since": 1, "generation": "../../..", "log": ""}',
        b'{"pid": 1, "host": "h", "phase": "p", "since": 1, "generation": "..", "log": ""}',
    ],
    ids=["empty", "half", "a list", "null", "no text", "nothing in it", "words for a pid", "a path", "two dots"],
)
def test_a_damaged_holder_file_counts_as_none_and_is_written_anew(store: Store, content: bytes) -> None:
    path = holder_path(store, Kind.PROJECT, "alpha")
    path.write_bytes(content)
    assert read_holder(store, Kind.PROJECT, "alpha") is None
    with alpha_lock(store) as lock:
        assert lock.try_acquire()
        lock.write_intent(phase="check")
    assert json.loads(path.read_text())["pid"] == os.getpid()


# --- leases


def test_a_lease_is_on_the_current_generation(store: Store, generation: str) -> None:
    with take_lease(store, Kind.PROJECT, "alpha") as lease:
        assert lease.environment.generation == generation
        assert in_use(store, generation)
        newer = commit(store)
        assert not in_use(store, newer)
    assert not in_use(store, generation)


def test_there_is_no_lease_on_an_environment_that_is_not_there(store: Store) -> None:
    with pytest.raises(EnvironmentMissing, match="`alpha` has no environment") as caught:
        take_lease(store, Kind.PROJECT, "alpha")
    assert "envs.setup alpha" in caught.value.hint


def test_a_generation_with_a_lease_is_not_collected(
    store: Store, generation: str, other: Callable[[str], Other]
) -> None:
    first, second = other("lease"), other("lease")
    assert not collect(store, generation)
    first.release()
    assert not collect(store, generation)
    second.release()
    assert collect(store, generation)
    assert not store.generation_path(generation).exists()
    assert not (store.root / "leases" / generation).exists()


def test_the_lease_of_a_killed_process_ends_with_it(
    store: Store, generation: str, other: Callable[[str], Other]
) -> None:
    user = other("lease")
    assert in_use(store, generation)
    user.kill()
    assert not in_use(store, generation)
    assert collect(store, generation)


def test_a_lease_lives_as_long_as_the_child_that_inherited_it(
    store: Store, generation: str, other: Callable[[str], Other]
) -> None:
    user = other("lease and child")
    user.kill()
    assert not collect(store, generation)
    user.kill_child()
    assert collect(store, generation)


def test_files_of_dead_leases_are_swept_when_somebody_collects(
    store: Store, generation: str, other: Callable[[str], Other]
) -> None:
    folder = store.root / "leases" / generation
    other("lease").kill()
    living = other("lease")
    assert len(list(folder.iterdir())) == 2
    assert not collect(store, generation)
    assert len(list(folder.iterdir())) == 1
    living.release()
    assert list(folder.iterdir()) == []


def test_a_build_that_was_never_finished_is_collected_with_its_leases(store: Store) -> None:
    name = store.new_generation()
    for folder in (store.generations, store.root / "leases"):
        (folder / name).mkdir()
    assert collect(store, name)
    assert store.uncommitted() == []
    assert list((store.root / "leases").iterdir()) == []


def test_leases_are_taken_while_others_look_at_them(store: Store, generation: str) -> None:
    """Whoever looks takes the lock of a lease for a moment, which must not disturb its owner."""
    stop = threading.Event()
    problems: list[BaseException] = []

    def look() -> None:
        try:
            while not stop.is_set():
                in_use(store, generation)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            problems.append(error)

    def take() -> None:
        try:
            for _ in range(25):
                with take_lease(store, Kind.PROJECT, "alpha"):
                    assert in_use(store, generation)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            problems.append(error)

    looking = [threading.Thread(target=look) for _ in range(2)]
    taking = [threading.Thread(target=take) for _ in range(3)]
    for thread in (*looking, *taking):
        thread.start()
    for thread in taking:
        thread.join()
    stop.set()
    for thread in looking:
        thread.join()
    assert problems == []


def test_a_lease_is_never_on_what_was_collected(store: Store) -> None:
    """Updates and collections while leases are taken: whoever has a lease finds its generation in place."""
    commit(store)
    stop = threading.Event()
    problems: list[object] = []
    taken: list[str] = []

    def update() -> None:
        number = 2.0
        try:
            while not stop.is_set():
                number += 1
                current = commit(store, number)
                for environment in list(store.committed()):
                    if environment.generation != current:
                        collect(store, environment.generation)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            problems.append(error)

    def take() -> None:
        try:
            for _ in range(30):
                with take_lease(store, Kind.PROJECT, "alpha") as lease:
                    taken.append(lease.environment.generation)
                    if not lease.environment.path.is_dir():
                        problems.append(lease.environment)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            problems.append(error)

    updating = threading.Thread(target=update)
    taking = [threading.Thread(target=take) for _ in range(3)]
    for thread in (updating, *taking):
        thread.start()
    for thread in taking:
        thread.join()
    stop.set()
    updating.join()
    assert problems == []
    assert len(set(taken)) > 3
