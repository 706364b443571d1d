"""Take environments away that somebody names: `envs.clean`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from envyard.commands.removal import RemovalResult, everything, finish, remove_environment
from envyard.definition import Kind
from envyard.project import Project, Workspace
from envyard.store import Store


def clean(workspace: Workspace, projects: Sequence[Project], *, dry_run: bool = False) -> RemovalResult:
    """Remove the environments of `projects`, all generations of them, unless a live process uses one."""
    store = Store(workspace.store)
    before, used = everything(store)
    removals = []
    for project in projects:
        mine = any(env.kind == Kind.PROJECT and env.key == project.key for env in before)
        if mine or os.path.lexists(store.pointer_path(Kind.PROJECT, project.key)):
            removals.append(
                remove_environment(store, before, Kind.PROJECT, project.key, project.link, "asked for", dry_run)
            )
    return finish(store, before, used, removals, dry_run)
