"""The commands as Invoke tasks, one module a subject; `namespace` is what `tasks.py` and the binary expose."""

from __future__ import annotations

from invoke.collection import Collection

from envyard.tasks import build, inspect, remove
from envyard.tasks.names import accept_names


def _namespace() -> Collection:
    accept_names()
    environments = Collection("envs", *build.COMMANDS, *inspect.COMMANDS, *remove.COMMANDS)
    environments.__doc__ = "The environments of the projects: make, look at, use and remove them."
    return Collection(environments)


namespace = _namespace()
