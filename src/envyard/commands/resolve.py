"""Find, or make, the environment for a model or a profile: `envs.resolve`."""

from __future__ import annotations

from envyard.envspec import EnvSpec
from envyard.errors import UsageError
from envyard.events import Listener, ignore
from envyard.process import Cancellation
from envyard.project import Workspace
from envyard.registry import EnvRegistry


def resolve(
    workspace: Workspace,
    *,
    model: str = "",
    profile: str = "",
    hardware: str = "",
    build: bool = True,
    wait: bool = True,
    retry: bool = False,
    update: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> EnvSpec:
    """The environment for `model`, with `profile` for that one whatever the model needs; or for `profile` alone."""
    registry = EnvRegistry(workspace.root, environments=workspace.environments, hardware=hardware, listener=listener)
    if model:
        return registry.get_env_for_model(
            model, profile=profile, build=build, wait=wait, retry=retry, update=update, cancellation=cancellation
        )
    if not profile:
        raise UsageError(
            "`envs.resolve` needs to know what for",
            hint="say `--model PATH`, `--profile KEY`, or both",
        )
    return registry.get_env_for_profile(
        profile, build=build, wait=wait, retry=retry, update=update, cancellation=cancellation
    )
