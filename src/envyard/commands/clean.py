"""Take environments away that somebody names: `envs.clean`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from envyard.commands.prune_models import with_models
from envyard.commands.removal import RemovalResult, finish, remove_environment
from envyard.definition import Kind
from envyard.project import Project, Workspace
from envyard.store import Store


def clean(
    workspace: Workspace, projects: Sequence[Project], *, profiles: Sequence[str] = (), dry_run: bool = False
) -> RemovalResult:
    """Remove the environments of `projects` and of `profiles` (env keys), all generations, unless somebody uses one."""
    store = Store(workspace.store)
    before = list(store.committed())
    wanted = [(Kind.PROJECT, project.key, project.link) for project in projects]
    wanted += [(Kind.PROFILE, key, store.root / key) for key in profiles]
    removals = []
    for kind, key, link in wanted:
        mine = any(env.kind == kind and env.key == key for env in before)
        if mine or os.path.lexists(store.pointer_path(kind, key)):
            reason = with_models(store, kind, key, "asked for")
            removals.append(remove_environment(store, before, kind, key, link, reason, dry_run))
    return finish(store, before, removals, dry_run)
