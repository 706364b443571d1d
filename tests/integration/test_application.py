"""The walk of docs/registry.md for authors of applications: its files as they stand there, and its launcher run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from kit.index import LocalIndex
from kit.workspaces import SOURCE

PAGE = SOURCE.parent / "docs" / "registry.md"
PROGRAM = "import sys, torch\n\nprint(sys.argv[1], torch.__version__)\n"
PINS = {"torch": "2.4.1", "transformers": "4.46.3", "peft": "0.13.2", "accelerate": "1.1.1"}


def example(language: str, begin: str) -> str:
    """The only example of the page that begins so."""
    (found,) = re.findall(
        rf"^```{language}\n({re.escape(begin)}.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return str(found)


@pytest.fixture
def application(tmp_path: Path, local_index: LocalIndex) -> Path:
    """The folder of the walk, after its four steps."""
    for name, version in PINS.items():
        local_index.add(name, version, files={f"{name}/__init__.py": f"__version__ = {version!r}\n"})
    folder = tmp_path / "app"
    files = {
        "workspace.toml": example("toml", "[workspace]"),
        "profiles/torch-cpu-transformers.toml": example("toml", "description ="),
        "start.py": example("python", '"""start.py'),
        "serve.py": PROGRAM,
        "models/llama/config.json": '{"model_type": "llama"}',
        "models/other/config.json": '{"model_type": "llama"}',
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def start(application: Path, index: LocalIndex, model: str) -> subprocess.CompletedProcess[str]:
    """Type the command of the walk."""
    env = {**os.environ, **index.environment(), "ENVYARD_HARDWARE": "cpu", "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "start.py", model, "serve.py"]
    return subprocess.run(command, cwd=application, env=env, capture_output=True, text=True, timeout=300)


def test_the_launcher_of_the_page_runs_a_program_in_the_environment_of_its_model(
    application: Path, local_index: LocalIndex
) -> None:
    first = start(application, local_index, "models/llama")
    second = start(application, local_index, "models/other")

    assert (first.returncode, first.stdout) == (0, "models/llama 2.4.1\n"), first.stderr
    assert "creating the shared environment `torch-cpu-transformers`" in first.stderr
    assert (second.returncode, second.stdout) == (0, "models/other 2.4.1\n"), second.stderr
    assert "creating" not in second.stderr


def test_the_launcher_of_the_page_says_what_it_cannot_run(application: Path, local_index: LocalIndex) -> None:
    done = start(application, local_index, "./models/nosuch")

    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no model at `./models/nosuch`\n\nhint: name the folder")
