"""Which Python runs a model, on Windows: every strategy once, with real environments of small packages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kit.models import CPU, PINS, STACK, TORCH
from kit.wheels import make_wheel
from windows.machine import Machine
from windows.small import SmallWorkspace

pytestmark = pytest.mark.windows

PROFILE = """
[serves]
backend = "transformers"
accelerator = "cpu"
[python]
requires = "3.11"
[packages]
requirements = {requirements}
[health]
imports = {imports}
"""

# An old environment as its maker left it: a venv in a folder named after the model, and packages of one module each.
OLD = """
import os, sys, venv
from pathlib import Path
from envyard.legacy import legacy_name
model, packages = os.path.realpath(sys.argv[1]), sys.argv[2:]
folder = Path("environments") / legacy_name(model)
venv.create(folder / ".venv")
for name in packages:
    site = folder / ".venv" / "Lib" / "site-packages"
    (site / name).mkdir()
    (site / name / "__init__.py").write_text("")
    (site / f"{name}-1.0.dist-info").mkdir()
(folder / "environment_metadata.json").write_text("{}")
"""

# Two processes ask at the same time; the second is started once the first builds.
TWICE = """
import json, subprocess, sys, time
from pathlib import Path
ask = [sys.executable, "-m", "envyard", "envs.resolve", "--json", "--model"]
first = subprocess.Popen([*ask, "models/new"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
holder = Path(".envs/locks/profile-torch-cpu-transformers.json")
while first.poll() is None and not (holder.exists() and '"install"' in holder.read_text()):
    time.sleep(0.05)
second = subprocess.run([*ask, "models/other"], capture_output=True, text=True)
said, errors = first.communicate()
print(json.dumps([json.loads(said), json.loads(second.stdout)]))
"""


class Models:
    """A workspace with the profile `torch-cpu-transformers`."""

    def __init__(self, windows: Machine) -> None:
        self.windows = windows
        self.workspace = SmallWorkspace(windows, {})
        self.environment = self.workspace.environment | {"ENVYARD_HARDWARE": "cpu"}
        for name in STACK:
            make_wheel(
                self.workspace.wheels, name, "1.0", files={"torch/__init__.py": TORCH} if name == "torch" else None
            )
        (windows.area / "profiles").mkdir()
        self.profile(*PINS)

    def profile(self, *requirements: str) -> None:
        text = PROFILE.format(requirements=json.dumps(requirements), imports=json.dumps(STACK))
        (self.windows.area / "profiles" / f"{CPU}.toml").write_text(text, encoding="utf-8")

    def model(self, name: str) -> str:
        folder = self.windows.area / "models" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
        return f"models/{name}"

    def old(self, model: str, *packages: str) -> None:
        self.windows.script(OLD, model, *packages)

    def resolve(self, model: str, *options: str) -> dict[str, Any]:
        said = self.windows.envyard("envs.resolve", "--model", model, "--json", *options, env=self.environment)
        return _flat(json.loads(said.stdout[said.stdout.index("{") :]))


def test_each_strategy_finds_its_environment(windows: Machine) -> None:
    models = Models(windows)
    healthy, ill = models.model("healthy"), models.model("ill")
    models.old(healthy, *STACK)
    models.old(ill, "torch")

    old = models.resolve(healthy)
    assert (old["source"], old["status"]) == ("legacy-per-model", "OK"), old
    assert old["python"].endswith("\\.venv\\Scripts\\python.exe")

    models.profile("torch==9.9")  # there is none
    fallen = models.resolve(ill)
    assert (fallen["source"], fallen["status"]) == ("legacy-per-model-fallback", "DEGRADED"), fallen
    assert "creating it failed" in fallen["warning"]

    models.profile(*PINS)
    models.model("new")
    models.model("other")
    first, second = map(_flat, json.loads(windows.script(TWICE, env=models.environment, timeout=240)))
    assert (first["source"], second["source"]) == ("shared", "shared"), (first, second)
    assert first["generation"] == second["generation"]
    assert len(list((windows.area / ".envs" / "g").iterdir())) == 1

    shared = models.resolve(ill)
    assert (shared["source"], shared["generation"]) == ("shared", first["generation"])
    code = "import torch; print(torch.__version__)"
    assert windows.run(shared["python"], "-c", code).stdout.strip() == "2.1.0"


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer["metadata"], "python": answer["python"]}
