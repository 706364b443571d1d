"""The real tool environment, from the real lockfile and the real index."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from kit.audit import audit_environment, installed
from scripts.conftest import FOLDER
from scripts.copies import SCRIPTS


@pytest.mark.network
def test_the_real_tools_install_and_start(tmp_path: Path) -> None:
    root = tmp_path / FOLDER
    shutil.copytree(SCRIPTS, root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "requirements").mkdir()
    shutil.copy(SCRIPTS.parent / "requirements" / "tools.txt", root / "requirements")
    (root / "src").symlink_to(SCRIPTS.parent / "src")
    (root / "noxfile.py").write_text("import nox\n\n\n@nox.session(venv_backend='none')\ndef hello(session): ...\n")
    done = run(root / "scripts" / "run_tests.sh", "--list")
    assert done.returncode == 0, done.stderr
    assert "* hello" in done.stdout
    tools = root / ".envs" / "tools"
    assert audit_environment(tools.resolve(), allow=["envyard.pth"]) == []
    assert {"nox", "invoke", "virtualenv", "filelock", "rich", "uv", "pip"} <= set(installed(tools))
    assert run(tools / "bin" / "python", "-I", "-c", "import envyard").returncode == 0
    for name in ("invoke", "uv", "virtualenv", "pip"):
        assert run(tools / "bin" / name, "--version").returncode == 0


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, env=environment, capture_output=True, text=True)
