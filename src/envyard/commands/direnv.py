"""Write the `.envrc` of projects, and look at them: `direnv.setup`, `direnv.status`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from envyard.errors import EnvyardError, ExitCode
from envyard.files import replacing
from envyard.integrations.direnv import (
    ENVRC,
    Direnv,
    Permission,
    State,
    allow,
    direnv_installed,
    envrc_lines,
    envrc_text,
    find_direnv,
    find_hook,
    permission,
    read_state,
)
from envyard.integrations.shells import for_shells
from envyard.project import Project, Workspace


class EnvrcAction(StrEnum):
    """What became of a project's `.envrc`."""

    WRITTEN = "written"
    UPDATED = "updated"
    KEPT = "kept"
    LEFT = "left alone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvrcOutcome:
    """One project's `.envrc`. `state` is what it was before; `allowed` that this call allowed it.

    `lines`: what to add by hand to a file that was left alone. `skipped`: variables of the project that mean something
    to shells themselves, and are in no `.envrc`.
    """

    key: str
    title: str
    file: Path
    state: State
    action: EnvrcAction
    allowed: bool = False
    lines: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    error: EnvyardError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirenvSetupResult:
    """Outcomes in the order of the projects; `installed`: whether there is a direnv that could load them."""

    outcomes: tuple[EnvrcOutcome, ...]
    installed: bool
    dry_run: bool = False

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if any(outcome.error for outcome in self.outcomes) else ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvrcStatus:
    """One row of `direnv.status`. `environment`: whether there is one to activate."""

    key: str
    title: str
    file: Path
    state: State
    permission: Permission
    environment: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DirenvStatus:
    """`direnv` None: not installed. `hook`: where the shell is told to call it, or "" when nothing was found;
    `own_hook`: the same for `shell.hook`."""

    direnv: Direnv | None
    hook: str
    own_hook: str
    rows: tuple[EnvrcStatus, ...]


def setup_direnv(
    workspace: Workspace, projects: Sequence[Project], *, allowing: bool = False, dry_run: bool = False
) -> DirenvSetupResult:
    """Write the `.envrc` of each project, unless it has one that envyard did not make or that somebody edited.

    With `allowing` direnv is told to load those that are exactly what envyard writes. Raises `EnvyardError` when
    that is asked for without a direnv.
    """
    direnv = find_direnv() if allowing else None
    if allowing and direnv is None:
        raise EnvyardError(
            "there is no direnv to allow anything in",
            hint="install direnv (https://direnv.net), or leave `--allow` out; `shell.hook` does without it",
        )
    outcomes = tuple(_set_up(workspace, project, direnv, dry_run) for project in projects)
    return DirenvSetupResult(outcomes=outcomes, installed=direnv_installed(), dry_run=dry_run)


def direnv_status(workspace: Workspace, projects: Sequence[Project]) -> DirenvStatus:
    """What direnv and the `.envrc` of each project are up to."""
    direnv = find_direnv()
    rows = tuple(
        EnvrcStatus(
            key=project.key,
            title=project.title,
            file=project.path / ENVRC,
            state=(state := read_state(workspace, project)),
            permission=Permission.NONE
            if direnv is None or state == State.MISSING
            else permission(direnv, project.path / ENVRC),
            environment=any(os.path.exists(project.link / each) for each in ("bin/python", "Scripts/python.exe")),
        )
        for project in projects
    )
    return DirenvStatus(direnv=direnv, hook=find_hook("direnv"), own_hook=find_hook("shell.hook"), rows=rows)


def _set_up(workspace: Workspace, project: Project, direnv: Direnv | None, dry_run: bool) -> EnvrcOutcome:
    """One project; `direnv` is the one to allow the file in, or None."""
    file = project.path / ENVRC
    text = envrc_text(workspace, project)
    state = read_state(workspace, project)
    action, allowed, error = _ACTIONS[state], False, None
    if not dry_run and action != EnvrcAction.LEFT:
        try:
            if action != EnvrcAction.KEPT:
                _write(file, text)
            if direnv is not None and permission(direnv, file) != Permission.ALLOWED:
                allow(direnv, file, text)
                allowed = True
        except EnvyardError as caught:
            action, error = EnvrcAction.FAILED, caught
    variables = project.environment
    return EnvrcOutcome(
        key=project.key,
        title=project.title,
        file=file,
        state=state,
        action=action,
        allowed=allowed,
        lines=envrc_lines(workspace, project) if action == EnvrcAction.LEFT and state != State.ADDED else (),
        skipped=tuple(name for name in variables if name not in for_shells(variables)),
        error=error,
    )


_ACTIONS = {
    State.MISSING: EnvrcAction.WRITTEN,
    State.STALE: EnvrcAction.UPDATED,
    State.CURRENT: EnvrcAction.KEPT,
    State.ADDED: EnvrcAction.LEFT,
    State.EDITED: EnvrcAction.LEFT,
    State.FOREIGN: EnvrcAction.LEFT,
}


def _write(file: Path, text: str) -> None:
    try:
        with replacing(file, make_folder=False) as temporary:
            temporary.write_bytes(text.encode())
    except OSError as error:
        raise EnvyardError(
            f"cannot write `{file}`: {error.strerror}", hint="look at that folder, then try again"
        ) from error
