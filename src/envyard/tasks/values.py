"""Words of the command line as values: numbers, durations, sizes, names."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from envyard.errors import UnknownEnvironment, UsageError
from envyard.profile import Profile
from envyard.profilefile import load_profile, profile_keys
from envyard.project import Project, Workspace
from envyard.wording import closest, shown
from envyard.workspace import select_projects

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_BYTES = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_NUMBER_AND_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)


def parse_jobs(text: str) -> int:
    """`--jobs`: a number from 1; 0 when it was not given."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise UsageError(
            f"`--jobs {text}` is not a number from 1", hint="write for example `--jobs 4`, or leave it out"
        )
    return int(text)


def parse_duration(option: str, text: str) -> float | None:
    """`30d`, `12h`, `1.5w` in seconds; None when it was not given."""
    return _with_unit(option, text, _SECONDS, "a duration", "`90s`, `45m`, `12h`, `30d` or `2w`")


def parse_size(option: str, text: str) -> int | None:
    """`50GB`, `800MiB` in bytes; None when it was not given."""
    size = _with_unit(option, text, _BYTES, "a size", "`500MB`, `50GB` or `20GiB`")
    return None if size is None else int(size)


def named_projects(workspace: Workspace, names: Sequence[str], task: str) -> tuple[Project, ...]:
    """The projects that were named; there must be one at least."""
    if not names:
        raise UsageError(f"`{task}` needs the name of an environment", hint=_known(workspace))
    try:
        return select_projects(workspace, names)
    except UnknownEnvironment as error:
        shared = [name for name in names if name in profile_keys(workspace.root)]
        if not shared:
            raise
        hint = f"`{task}` is for projects; run `invoke envs.list` or `invoke profiles.show {shared[0]}` to see it"
        message = f"`{shared[0]}` is a profile, whose environment many models share, and no project"
        raise UnknownEnvironment(message, details=error.details[-1:], hint=hint) from None


def named_environments(
    workspace: Workspace, names: Sequence[str], task: str
) -> tuple[tuple[Project, ...], tuple[Profile, ...]]:
    """The projects and the profiles that were named, at least one; a project goes before a profile of the same name."""
    keys = profile_keys(workspace.root)
    shared, others = split_names(workspace, names, keys)
    try:
        projects = named_projects(workspace, others, task) if others or not shared else ()
    except UnknownEnvironment as error:
        meant = [(name, closest(name, keys)) for name in others if not _is_project(workspace, name)]
        details = [f"{shown(name)}: did you mean the profile `{key}`?" for name, key in meant if key]
        raise UnknownEnvironment(error.message, details=[*details, *error.details], hint=error.hint) from None
    return projects, tuple(load_profile(workspace.root, key) for key in shared)


def split_names(workspace: Workspace, names: Sequence[str], keys: Collection[str]) -> tuple[list[str], list[str]]:
    """Those of `names` that are among the env `keys` of profiles and name no project, each once; and the others."""
    shared = [name for name in dict.fromkeys(names) if name in keys and not _is_project(workspace, name)]
    return shared, [name for name in names if name not in shared]


def _is_project(workspace: Workspace, name: str) -> bool:
    try:
        return bool(select_projects(workspace, [name]))
    except UnknownEnvironment:
        return False


def one_project(workspace: Workspace, names: Sequence[str], task: str) -> Project:
    """The one project that was named."""
    projects = named_projects(workspace, names, task)
    if len(names) != 1:
        raise UsageError(f"`{task}` takes one name, not {len(names)}: {', '.join(names)}", hint=_known(workspace))
    return projects[0]


def _known(workspace: Workspace) -> str:
    return f"the environments are {', '.join(project.key for project in workspace.projects) or 'none yet'}"


def _with_unit(option: str, text: str, units: dict[str, int], what: str, examples: str) -> float | None:
    if not text:
        return None
    found = _NUMBER_AND_UNIT.fullmatch(text)
    factor = units.get(found[2].lower()) if found else None
    if found is None or factor is None:
        raise UsageError(f"`--{option} {text}` is not {what}", hint=f"write for example {examples}")
    return float(found[1]) * factor
