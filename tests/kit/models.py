"""Models, profiles and old per-model environments on disk, and a registry that looks for them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from envyard.definition import Definition, Kind, profile_definition
from envyard.environment import Environment
from envyard.envspec import EnvSpec
from envyard.events import Event
from envyard.interpreter import find_interpreter
from envyard.legacy import legacy_name
from envyard.platforms import this_platform
from envyard.profilefile import load_profile
from envyard.registry import EnvRegistry
from envyard.store import Store
from envyard.workspace import load_workspace
from kit.index import LocalIndex
from kit.isolation import environment as variables
from kit.workspaces import WorkspaceKit

STACK = ("torch", "transformers", "peft", "accelerate")
PINS = tuple(f"{name}==1.0" for name in STACK)
CPU = "torch-cpu-transformers"
CUDA = "torch-cu121-transformers"
TORCH = """\
import os

__version__ = "2.1.0"


class cuda:
    @staticmethod
    def is_available():
        return os.path.exists(os.environ.get("TEST_CUDA_FILE", ""))
"""


class ModelsKit:
    """A workspace with the profile `torch-cpu-transformers`, whose wheels are small; `said` is what people read."""

    def __init__(self, kit: WorkspaceKit, index: LocalIndex) -> None:
        self.kit, self.index = kit, index
        self.said: list[str] = []
        self.events: list[Event] = []
        kit.env["ENVYARD_HARDWARE"] = "cpu"
        for name in STACK:
            files = {"torch/__init__.py": TORCH} if name == "torch" else None
            index.add(name, "1.0", files=files)
        self.profile()

    @property
    def root(self) -> Path:
        return self.kit.root

    @property
    def store(self) -> Store:
        return Store(self.kit.store)

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    # --- what there is

    def profile(
        self,
        key: str = CPU,
        *,
        requirements: Sequence[str] = PINS,
        imports: Sequence[str] = STACK,
        cuda: bool = False,
        code: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Path:
        """Write `profiles/<key>.toml`; a second time with other values is an edit."""
        parts = key.split("-")
        backend, accelerator = (parts[2], parts[1]) if parts[0] == "torch" else (parts[0], parts[1])
        quantization = parts[3] if len(parts) > 3 else "none"
        lines = [
            "[serves]",
            f'backend = "{backend}"',
            f'accelerator = "{accelerator}"',
            f'quantization = "{quantization}"',
            "[python]",
            f'requires = "{sys.version_info.major}.{sys.version_info.minor}"',
            "[packages]",
            f"requirements = {json.dumps(list(requirements))}",
            "[health]",
            f"imports = {json.dumps(list(imports))}",
            f"cuda = {json.dumps(cuda)}",
            f"code = {json.dumps(code)}" if code else "",
            "[environment]",
            *(f"{name} = {json.dumps(value)}" for name, value in (environment or {}).items()),
        ]
        path = self.root / "profiles" / f"{key}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def with_cuda(self) -> None:
        """From now on the machine has a GPU, and a profile that demands CUDA."""
        self.kit.env["ENVYARD_HARDWARE"] = "cuda:8.6:550.54.15"
        self.profile(CUDA, cuda=True)

    def model(self, name: str = "llama", config: Mapping[str, Any] | None = None) -> Path:
        """A transformers model in the folder `models/<name>`."""
        folder = self.root / "models" / name
        folder.mkdir(parents=True, exist_ok=True)
        content = {"model_type": "llama"} if config is None else config
        (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
        return folder

    def legacy(self, model: Path | str, packages: Sequence[str] = STACK, *, metadata: object = None) -> Path:
        """The old environment of a model, with packages that are one module each; returns its folder."""
        identity = model if isinstance(model, str) else os.path.realpath(model)
        return old_environment(self.environments, identity, packages, metadata=metadata)

    def install(self, folder: Path, name: str, code: str = "") -> None:
        """Put a package of one module into an old environment, by hand."""
        install_by_hand(folder, name, code)

    def definition(self, key: str = CPU) -> Definition:
        workspace = load_workspace(self.root)
        return profile_definition(workspace, load_profile(self.root, key), this_platform())

    def environment(self, key: str = CPU) -> Environment | None:
        return self.store.current(Kind.PROFILE, key)

    # --- asking

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """The variables of the kit, for what the engine does in this process."""
        find_interpreter.cache_clear()
        with variables(self.kit.env):
            yield

    def registry(self, **options: Any) -> EnvRegistry:
        return EnvRegistry(self.root, listener=self.events.append, log=self.said.append, **options)

    def resolve(self, model: Path | str, **options: Any) -> EnvSpec:
        """A new registry's answer: nothing is remembered in this process."""
        self.said.clear()
        with self.here():
            return self.registry().get_env_for_model(model, **options)

    def python(self, spec: EnvSpec, code: str) -> str:
        """What `code` prints in the environment of an answer."""
        done = subprocess.run([spec.python_executable, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.strip()


def old_environment(
    environments: Path, identity: str, packages: Sequence[str] = STACK, *, metadata: object = None
) -> Path:
    """An environment as applications made one for each model, whose resolved path or hub id is `identity`."""
    folder = environments / legacy_name(identity)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    for name in packages:
        install_by_hand(folder, name)
    content = {"model_path": identity} if metadata is None else metadata
    (folder / "environment_metadata.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def install_by_hand(folder: Path, name: str, code: str = "") -> None:
    """Put a package of one module into an old environment."""
    (site,) = (folder / ".venv" / "lib").glob("python*/site-packages")
    (site / name).mkdir(exist_ok=True)
    (site / name / "__init__.py").write_text(code or (TORCH if name == "torch" else ""), encoding="utf-8")
    (site / f"{name}-1.0.dist-info").mkdir(exist_ok=True)
