"""The one door to child processes: no shell, no orphans, one scrubbed environment.

Nothing else in envyard imports `subprocess`. A child gets its own process group, so that stopping envyard stops the
child and all it started; `Cancellation` does that from any thread.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envyard.errors import Cancelled, CommandFailed
from envyard.interrupts import AT_MOST
from envyard.output import Output
from envyard.windows_process import KillGroup, windows_process_alive

_PROGRAM = "check its name, and that it is installed"
WINDOWS = sys.platform == "win32"

# Variables of the caller that would change what a child python or installer does, each with its reason.
SCRUBBED = {
    "PYTHONHOME": "points the child at another standard library",
    "PYTHONPATH": "puts foreign modules before those of the environment",
    "PYTHONSTARTUP": "runs the user's code in the child",
    "PYTHONEXECUTABLE": "overrides sys.executable on macOS",
    "__PYVENV_LAUNCHER__": "makes a macOS framework build believe it is in another environment",
    "VIRTUAL_ENV": "is the environment of the caller, not the one being built",
    "VIRTUAL_ENV_PROMPT": "goes with VIRTUAL_ENV",
    "CONDA_PREFIX": "uv takes it for the environment to install into",
    "UV_PYTHON": "would choose another interpreter than the one resolved",
    "UV_SYSTEM_PYTHON": "would install into the system's python",
    "UV_PROJECT_ENVIRONMENT": "belongs to uv's own projects",
    "UV_BREAK_SYSTEM_PACKAGES": "has no meaning in an environment of its own",
    "PIP_TARGET": "would install beside the environment",
    "PIP_PREFIX": "would install beside the environment",
    "PIP_ROOT": "would install beside the environment",
    "PIP_USER": "would install into the home of the user",
    "PIP_REQUIRE_VIRTUALENV": "makes pip refuse when it is started from a wheel",
    "PIP_REQUIREMENT": "would add requirements that nobody declared",
    "PIP_CONSTRAINT": "would change the pins of the lockfile",
    "PIP_PYTHON": "would choose another interpreter than the one resolved",
}

_KILL_AFTER = 3.0  # seconds a child may take to end after SIGTERM
_DRAIN_SECONDS = 3.0  # seconds to read what an ended child left in its pipes


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a child ended: exit code (negative: minus the signal's number), stdout, and the last lines of stderr."""

    returncode: int
    stdout: str
    stderr: str


def environment_variable(name: str, default: str = "") -> str:
    """One variable of this process, for the modules that may not look for themselves."""
    return os.environ.get(name, default)


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without `SCRUBBED`, plus `extra`."""
    environment = {name: value for name, value in os.environ.items() if name.upper() not in SCRUBBED}
    environment.update(extra or {})
    return environment


class Child(subprocess.Popen[bytes]):
    """A child, and the group that it and what it starts form on Windows."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.group = KillGroup()
        if WINDOWS:
            self.group.add(int(self._handle))  # type: ignore[attr-defined,unused-ignore]  # only there


class Cancellation:
    """Stops everything: once `cancel` was called, running children are killed and no new one starts."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._children: set[Child] = set()
        self._mutex = threading.Lock()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if somebody asked to stop."""
        if self.cancelled:
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Sleep that ends at once, with `Cancelled`, when somebody asks to stop."""
        if self._cancelled.wait(seconds):
            raise Cancelled

    def cancel(self) -> None:
        self._cancelled.set()
        with self._mutex:
            children = list(self._children)
        for child in children:
            _signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + _KILL_AFTER
        for child in children:
            _end(child, deadline)

    @contextlib.contextmanager
    def watching(self, start: Callable[[], Child]) -> Iterator[Child]:
        with self._mutex:
            if self.cancelled:
                raise Cancelled
            child = start()
            self._children.add(child)
        try:
            yield child
        except BaseException:
            _signal_group(child, signal.SIGTERM)
            _end(child, time.monotonic() + _KILL_AFTER)
            raise
        finally:
            child.group.close()
            with self._mutex:
                self._children.discard(child)


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
    enough: Callable[[str], bool] | None = None,
    pass_fds: Sequence[int] = (),
    cancellation: Cancellation | None = None,
    timeout: float | None = None,
    log: Path | None = None,
) -> Completed:
    """Run a command to its end and return how it ended; `on_line` hears each line of stderr as it comes.

    After a line for which `enough` is true nothing more is wanted: the child is stopped, and counts as ended with 0.

    `environment` is the complete environment (default: `child_environment()`). The child keeps `pass_fds` open, which
    is how an exclusive lock outlives a killed parent. `timeout` is in seconds. `log` gets the command and its stderr.

    Raises `CommandFailed` when the command cannot be started or takes too long, `Cancelled` when it was stopped.
    """
    arguments = [os.fspath(part) for part in command]
    cancellation = cancellation or Cancellation()

    def start() -> Child:
        return Child(
            arguments,
            cwd=cwd,
            env=child_environment() if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=() if WINDOWS else tuple(pass_fds),
            start_new_session=not WINDOWS,
            creationflags=_CREATION_FLAGS,
        )

    try:
        with cancellation.watching(start) as child:
            returncode, output = _communicate(child, on_line, enough, timeout)
    except OSError as error:
        raise CommandFailed(f"cannot start `{arguments[0]}`: {error.strerror or error}", hint=_PROGRAM) from error
    if log is not None:
        _append_log(log, arguments, output.lines, returncode)
    cancellation.check()
    if returncode is None:
        problem = f"`{_short(arguments)}` did not end within {timeout:g} seconds"
        raise CommandFailed(problem, details=output.lines[-5:], hint="run it by hand to see what it waits for")
    return Completed(returncode=returncode, stdout=output.stdout, stderr="\n".join(output.lines))


def run_foreground(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> int:
    """Run a command on the caller's terminal and return its exit code, as a shell would (128 + signal number).

    The child stays in the caller's process group: Ctrl-C reaches it directly and it decides what that means, so this
    process waits for it and passes SIGTERM on.
    """
    arguments = [os.fspath(part) for part in command]
    try:
        child = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=child_environment() if environment is None else dict(environment),
            pass_fds=() if WINDOWS else tuple(pass_fds),
        )
    except OSError as error:
        raise CommandFailed(f"cannot start `{arguments[0]}`: {error.strerror or error}", hint=_PROGRAM) from error
    previous = None
    if threading.current_thread() is threading.main_thread():
        previous = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        while True:
            try:
                returncode = child.wait()
                break
            except KeyboardInterrupt:
                continue
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)
    return returncode if returncode >= 0 else 128 - returncode


def process_alive(pid: int) -> bool:
    """Whether a process with this id exists on this machine (also one of another user)."""
    if pid <= 0:
        return False
    if WINDOWS:
        return windows_process_alive(pid)
    try:
        with contextlib.suppress(PermissionError):  # it is of another user
            os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if sys.platform == "win32":
    _CREATION_FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
else:
    _CREATION_FLAGS = 0


def _communicate(
    child: Child,
    on_line: Callable[[str], None] | None,
    enough: Callable[[str], bool] | None,
    timeout: float | None,
) -> tuple[int | None, Output]:
    """Exit code (None: too slow, killed) and what it wrote."""
    slow, satisfied = threading.Event(), threading.Event()

    def hear(line: str) -> None:
        if on_line is not None:
            on_line(line)
        if enough is not None and enough(line):
            satisfied.set()
            _signal_group(child, signal.SIGTERM)

    def give_up() -> None:
        slow.set()
        _signal_group(child, signal.SIGTERM)
        _end(child, time.monotonic() + _KILL_AFTER)

    output = Output(child.stdout, child.stderr, hear)
    returncode: int | None = None
    # not `wait(timeout)`: it may notice the end 50 ms later
    timer = threading.Timer(timeout, give_up) if timeout is not None else None
    if timer is not None:
        timer.start()
    try:
        while returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                returncode = child.wait(AT_MOST)
    finally:
        if timer is not None:
            timer.cancel()
    # more than enough for what is still in the pipes; a grandchild that left the group may hold them for ever
    output.drain(_DRAIN_SECONDS if returncode >= 0 else _DRAIN_SECONDS / 10)
    if slow.is_set():
        return None, output
    return (0 if satisfied.is_set() else returncode), output


def _signal_group(child: Child, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            child.group.kill()
            child.terminate()
        else:
            os.killpg(child.pid, number)


def _end(child: Child, deadline: float) -> None:
    """Wait until the child is gone, with SIGKILL for its whole group at the deadline."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(max(0.0, deadline - time.monotonic()))
    if sys.platform == "win32":
        child.kill()
    else:
        _signal_group(child, signal.SIGKILL)  # the group may outlive its leader
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_KILL_AFTER)


def _append_log(log: Path, arguments: Sequence[str], lines: Sequence[str], returncode: int | None) -> None:
    with contextlib.suppress(OSError), log.open("a", encoding="utf-8", errors="replace") as file:
        file.write(f"$ {_short(arguments)}\n")
        file.writelines(f"{line}\n" for line in lines)
        file.write(f"exit code {returncode}\n\n")


def _short(arguments: Sequence[str]) -> str:
    """A command for messages: the program's own name, then its arguments."""
    return " ".join([Path(arguments[0]).name, *arguments[1:]])
