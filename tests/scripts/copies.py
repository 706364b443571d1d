"""Workspaces with a copy of `scripts/`, a tiny lockfile, and the means to run the scripts as people do."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.index import LocalIndex

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

# Stands in for envyard and nox: tells how it was started, and ends with the code it was told to.
WITNESS = """\
import json, os, sys
kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV"))}
print(json.dumps({"file": __file__, "arguments": sys.argv[1:], "folder": os.getcwd(), "prefix": sys.prefix,
                  "python": sys.executable, "variables": kept}))
sys.exit(int(os.environ.get("WITNESS_CODE", "0")))
"""

# Ends the bootstrap with SIGKILL just before an operation that Python's audit events announce.
KILLER = """\
import os, runpy, signal, sys
event, fragment, script = sys.argv[1:4]
def hook(name, arguments):
    if name == event and fragment in str(arguments):
        os.kill(os.getpid(), signal.SIGKILL)
sys.argv = sys.argv[3:]
sys.addaudithook(hook)
runpy.run_path(script, run_name="__main__")
"""


class ScriptsCopy:
    """A workspace at `root` whose lockfile asks for wheels of `index`; `python` comes first on PATH."""

    def __init__(self, root: Path, index: LocalIndex, python: Path) -> None:
        self.root = root
        self.index = index
        self.python = python
        self.scripts = root / "scripts"
        shutil.copytree(SCRIPTS, self.scripts, ignore=shutil.ignore_patterns("__pycache__"))
        package = root / "src" / "envyard"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "__main__.py").write_text(WITNESS)
        self.lock(nox="1.0", rich="1.0")

    def lock(self, **versions: str) -> None:
        """Write `requirements/tools.txt` with the hashes of these versions."""
        lines = []
        for name, version in versions.items():
            (wheel,) = (one for one in self.index.distributions(name) if str(one.version) == version)
            digest = hashlib.sha256(wheel.path.read_bytes()).hexdigest()
            lines.append(f"{name}=={version} \\\n    --hash=sha256:{digest}\n")
        self.lockfile.parent.mkdir(exist_ok=True)
        self.lockfile.write_text("".join(lines))

    # --- where things are

    @property
    def lockfile(self) -> Path:
        return self.root / "requirements" / "tools.txt"

    @property
    def store(self) -> Path:
        return self.root / ".envs"

    @property
    def published(self) -> bool:
        """Whether there is a pointer, right or wrong."""
        return os.path.lexists(self.store / "tools.json")

    @property
    def current(self) -> Path:
        """The generation that the pointer names."""
        name = json.loads((self.store / "tools.json").read_text())["generation"]
        return self.store / "tools-g" / str(name)

    def generations(self) -> list[Path]:
        folder = self.store / "tools-g"
        return sorted(folder.iterdir()) if folder.is_dir() else []

    # --- running

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        path = os.pathsep.join([str(self.python.parent), os.environ["PATH"]])
        return {**os.environ, **self.index.environment(), "PATH": path, **(more or {})}

    def start(
        self, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as an interactive shell does; stderr is a pipe."""
        # A test run in the background may ignore Ctrl-C, and its children would inherit that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                [str(part) for part in command],
                env=self.environment(env),
                cwd=cwd or self.root.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def run(
        self, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*command, env=env, cwd=cwd)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def setup(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """`scripts/setup_all_envs.sh ARGUMENTS`, which must succeed."""
        done = self.run(self.scripts / "setup_all_envs.sh", *arguments, env=env)
        assert done.returncode == 0, done.stderr
        return done

    def start_bootstrap(self, *arguments: str) -> subprocess.Popen[str]:
        return self.start(self.python, "-I", "-S", self.scripts / "bootstrap.py", *arguments)

    def run_killed_before(self, event: str, fragment: str) -> None:
        """Run the bootstrap and kill it before the first audit event with that name and text."""
        done = self.run(
            sys.executable, "-I", "-S", "-c", KILLER, event, fragment, self.scripts / "bootstrap.py", "--tools-only"
        )
        assert done.returncode == -signal.SIGKILL, f"nothing to kill: {done.stderr}"


def install_python(home: Path) -> Path:
    """A second installation of this Python: its own binary, its own library folder full of links.

    Its pip is unpacked, because to start pip out of a wheel takes three seconds every time. None of this is
    possible with every Python; then this is the Python that runs the tests.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    library = home / "lib" / stdlib.name
    (library / "ensurepip" / "_bundled").mkdir(parents=True)
    for entry in stdlib.iterdir():
        if entry.name not in ("site-packages", "ensurepip"):
            (library / entry.name).symlink_to(entry)
    (library / "ensurepip" / "__init__.py").touch()
    for wheel in (stdlib / "ensurepip" / "_bundled").glob("pip-*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(library / "ensurepip" / "_bundled" / wheel.name)
    python = home / "bin" / stdlib.name
    python.parent.mkdir()
    shutil.copy2(os.path.realpath(sys.executable), python)
    (python.parent / "python3").symlink_to(python.name)
    probe = subprocess.run([python, "-I", "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True)
    return python if probe.stdout.strip() == str(home) else Path(os.path.realpath(sys.executable))


def witness(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What the stand-in of envyard or nox saw."""
    found: dict[str, Any] = json.loads(done.stdout)
    return found
