"""Starts the measured commands: several at once if asked, output to a log, nothing left alive on Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 10.0


class CommandFailed(Exception):
    """A command ended with an error; the message ends with the last lines of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One process: absolute program, working folder, complete environment, log for stdout and stderr."""

    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    log: Path


def run(command: Command) -> None:
    """Run one command to its end; raises `CommandFailed`."""
    run_together([command])


def run_together(commands: Sequence[Command]) -> None:
    """Start all commands at once and wait for the last; raises `CommandFailed` for the first that failed."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            started.append(_start(command))  # noqa: PERF401 - what was started must be known if a start fails
        for process in started:
            process.wait()
    except BaseException:
        _stop(started)
        raise
    for command, process in zip(commands, started, strict=True):
        if process.returncode:
            raise CommandFailed(_describe(command, process.returncode))


def read_output(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What a short command prints, stripped; "" when it cannot run."""
    try:
        done = subprocess.run(arguments, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _start(command: Command) -> subprocess.Popen[bytes]:
    with command.log.open("ab") as log:
        return subprocess.Popen(
            command.arguments,
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask first: a tool that started installers in groups of their own can then stop them itself."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        running = [process for process in processes if process.poll() is None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while running and time.monotonic() < deadline:
            time.sleep(0.05)
            running = [process for process in running if process.poll() is None]


def _describe(command: Command, code: int) -> str:
    program = Path(command.arguments[0]).name
    shown = " ".join((program, *command.arguments[1:]))
    lines = command.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([f"`{shown}` ended with exit code {code}", *(f"    {line}" for line in lines[-15:])])
