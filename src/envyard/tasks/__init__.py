"""The commands as Invoke tasks, one module a subject; `namespace` is what `tasks.py` and the binary expose."""

from __future__ import annotations

from invoke.collection import Collection

from envyard.tasks import (
    adopt,
    build,
    ci,
    direnv,
    ide,
    inspect,
    models,
    profile_files,
    profiles,
    remove,
    sharing,
    shell,
)
from envyard.tasks.names import accept_names


def _namespace() -> Collection:
    accept_names()
    parts = (build, inspect, sharing, remove, models)
    environments = Collection("envs", *(one for part in parts for one in part.COMMANDS))
    environments.__doc__ = "The environments of projects and models: make, look at, use and remove them."
    direnv_files = Collection("direnv", *direnv.COMMANDS)
    direnv_files.__doc__ = "direnv: the `.envrc` of the projects."
    shells = Collection("shell", *shell.COMMANDS)
    shells.__doc__ = "Shells without direnv."
    integration = Collection("ci", *ci.COMMANDS)
    integration.__doc__ = "Continuous integration: what to test, and the workflow that tests it."
    projects = Collection("projects", *adopt.COMMANDS)
    projects.__doc__ = "The projects of the monorepo."
    definitions = Collection("profiles", *profiles.COMMANDS, *profile_files.COMMANDS)
    definitions.__doc__ = "The definitions of shared environments, and what fits this machine."
    editors = Collection("ide", *ide.COMMANDS)
    editors.__doc__ = "Settings of editors."
    return Collection(adopt.init, environments, projects, integration, direnv_files, shells, editors, definitions)


namespace = _namespace()
