"""People at a terminal: real interactive shells, which say what they find and which variables they have."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kit.processes import kill_tree, wait_for
from kit.workspaces import SOURCE

SHELLS = ("bash", "zsh", "fish")

OF_SHELLS = {"PWD", "OLDPWD", "_", "SHLVL"}
"""Variables that a shell changes by itself."""

_ON_TERMINAL = "import os, sys; os.login_tty(int(sys.argv[1])); os.execvp(sys.argv[2], sys.argv[2:])"
_START_UP = {
    "bash": (".bashrc", "PS1='READY> '\n", 'eval "$({})"\n', ["bash", "-i"]),
    "zsh": (".zshrc", "PROMPT='READY> '\n", 'eval "$({})"\n', ["zsh", "-i"]),
    "fish": (
        ".config/fish/config.fish",
        "function fish_greeting; end\nfunction fish_prompt; echo -n 'READY> '; end\n",
        "{} | source\n",
        ["fish", "-i"],
    ),
}


class Shell:
    """An interactive shell on a terminal; `hook` is the command whose output it evaluates at its start."""

    def __init__(self, name: str, home: Path, env: Mapping[str, str], hook: str = "") -> None:
        file, prompt, evaluate, command = _START_UP[name]
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text(prompt + (evaluate.format(hook) if hook else ""), encoding="utf-8")
        self._reports = home / "reports"
        self._reports.mkdir(exist_ok=True)
        pty = pytest.importorskip("pty", reason="Windows has no pseudo terminals of this kind")
        self._leader, follower = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, str(follower), *command],
            cwd=home,
            env={**env, "TERM": "xterm", "SHELL": f"/bin/{name}"},
            pass_fds=[follower],
        )
        os.close(follower)
        self.screen = ""
        self._count = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_for(lambda: "READY> " in self.screen, what="a prompt")

    def type(self, line: str) -> None:
        os.write(self._leader, f"{line}\n".encode())

    def output(self, command: str, timeout: float = 30) -> str:
        """What a command prints when it is typed."""
        self._count += 1
        file = self._reports / str(self._count)
        self.type(f"{command} >{file}.part; mv {file}.part {file}")
        wait_for(file.exists, timeout, what=f"the output of `{command}` on the screen\n{self.screen}")
        return file.read_text("utf-8")

    def report(self) -> dict[str, str]:
        """The variables of the shell, and what `python` means there as `python`."""
        python = self.output("command -v python").strip()
        entries = self.output("env -0").split("\0")[:-1]
        return dict(entry.split("=", 1) for entry in entries) | {"python": python}

    def go(self, folder: Path) -> dict[str, str]:
        self.type(f"cd {shlex.quote(str(folder))}")
        return self.report()

    def close(self) -> None:
        kill_tree(self.process.pid)
        self.process.wait(timeout=10)
        self._reader.join(timeout=10)
        os.close(self._leader)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other side is closed
            while data := os.read(self._leader, 65536):
                self.screen += data.decode("utf-8", "replace")


MakeShell = Callable[..., Shell]


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} on PATH")


def envyard_hook(shell: str) -> str:
    return f"env PYTHONPATH={shlex.quote(str(SOURCE))} {sys.executable} -m envyard shell.hook {shell}"


def without_shell(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in OF_SHELLS}
