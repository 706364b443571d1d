"""The workspace that `workspace.toml` describes: found, read and checked; and the choice among its projects.

Loading is on the way of every command, so it looks at each path once and imports nothing heavy.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from envyard.configuration import read_toml
from envyard.consistency import check_projects
from envyard.errors import ConfigurationInvalid, ProfileNotFound, UnknownEnvironment, WorkspaceNotFound
from envyard.fields import Table
from envyard.members import LINE, LINE_WORDS, object_to, read_member, read_python
from envyard.places import Places
from envyard.platforms import HARDWARE, HARDWARE_WORDS, PLATFORMS
from envyard.project import ContinuousIntegration, Project, Workspace
from envyard.wording import closest, listed, shown

WORKSPACE_FILE = "workspace.toml"
ENVIRONMENTS_VARIABLE = "ENVYARD_ENVIRONMENTS"


def current_folder() -> Path:
    """The folder that this process is in. Raises `WorkspaceNotFound` for one that somebody removed."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise WorkspaceNotFound(
            "the current folder is not there any more",
            hint="go to another folder, such as that of the workspace",
        ) from error


def find_workspace(start: Path | None = None) -> Path:
    """The folder with `workspace.toml`: the first from `start`, or the current folder, upwards.

    The variable ENVYARD_WORKSPACE, the folder or the file, goes before it. Raises `WorkspaceNotFound`.
    """
    named = os.environ.get("ENVYARD_WORKSPACE", "")
    if named:
        folder = os.path.abspath(named)
        if os.path.basename(folder) == WORKSPACE_FILE and not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        if os.path.isfile(os.path.join(folder, WORKSPACE_FILE)):
            return Path(folder)
        raise WorkspaceNotFound(
            f"no `{WORKSPACE_FILE}` in `{folder}`, which the variable ENVYARD_WORKSPACE names",
            hint=f"correct ENVYARD_WORKSPACE, or unset it to search from this folder upwards; or {_CREATE}",
        )
    first = folder = os.path.abspath(current_folder() if start is None else start)
    while not os.path.isfile(os.path.join(folder, WORKSPACE_FILE)):
        above = os.path.dirname(folder)
        if above == folder:
            raise WorkspaceNotFound(
                f"no `{WORKSPACE_FILE}` in `{first}` or any folder above it",
                hint=f"go to a folder of the workspace, or {_CREATE}",
            )
        folder = above
    return Path(folder)


def load_workspace(root: Path) -> Workspace:
    """The workspace in the folder `root`, with absolute paths and every default filled in.

    Raises `ConfigurationInvalid` with all mistakes of the file at once, `WorkspaceNotFound` without a file.
    """
    folder = os.path.abspath(root)
    file = os.path.join(folder, WORKSPACE_FILE)
    try:
        top = read_toml(file, WORKSPACE_FILE, reference=_REFERENCE)
    except FileNotFoundError:
        raise WorkspaceNotFound(f"no `{WORKSPACE_FILE}` in `{folder}`", hint=_CREATE) from None
    places = Places(folder)
    settings = top.table("workspace")
    python = read_python(settings, f"{sys.version_info.major}.{sys.version_info.minor}")
    members = [read_member(key, table, places, python) for key, table in top.tables("projects", name="key")]
    store = _own_folder(settings, "store", _DEFAULT_STORE, places)
    platforms = settings.strings("platforms", _DEFAULT_PLATFORMS, choices=tuple(PLATFORMS), required=True)
    workspace = Workspace(
        root=Path(folder),
        file=Path(file),
        name=settings.string("name", os.path.basename(folder), pattern=LINE, expected=LINE_WORDS),
        store=Path(store or folder),
        environments=Path(_old_environments(settings, places)),
        projects=tuple(_with_variables_of_profiles(member.project, folder) for member in members),
        installer=settings.choice("installer", ("auto", "uv", "pip"), "auto"),
        hardware=settings.string("hardware", pattern=HARDWARE, expected=HARDWARE_WORDS),
        publish=settings.choice("publish", ("auto", "link", "copy"), "auto"),
        platforms=platforms,
        ci=_continuous_integration(top.table("ci"), platforms),
    )
    settings.strings("exclude")  # these two are for `envyard init`; nobody else asks
    settings.boolean("nested")
    settings.finish()
    top.finish()
    check_projects(top, members, settings, store, places)
    top.problems.raise_if_any()
    return workspace


def select_projects(workspace: Workspace, names: Sequence[str], tags: Sequence[str] = ()) -> tuple[Project, ...]:
    """The projects with one of `names` and those with one of `tags`, in the order of the file.

    Without names and tags: all. A name is a key, a title or a path relative to the root, in upper or lower
    case. Raises `UnknownEnvironment`.
    """
    if not names and not tags:
        return workspace.projects
    by_name: dict[str, str] = {}
    for project in workspace.projects:  # where two projects answer to one name: key before title before path
        by_name.setdefault(_path_of(workspace, project), project.key)
    by_name |= {project.title.casefold(): project.key for project in workspace.projects}
    by_name |= {project.key: project.key for project in workspace.projects}
    by_tag: dict[str, set[str]] = {}
    for project in workspace.projects:
        for tag in project.tags:
            by_tag.setdefault(tag.casefold(), set()).add(project.key)
    unknown = [name for name in names if _key_for(name, by_name) is None]
    if unknown:
        raise _unknown("project", unknown, workspace, lambda name: by_name.get(closest(name, by_name), ""))
    unknown = [tag for tag in tags if tag.casefold() not in by_tag]
    if unknown:
        raise _unknown("tag", unknown, workspace, lambda tag: closest(tag, by_tag))
    chosen = {_key_for(name, by_name) for name in names}
    for tag in tags:
        chosen |= by_tag[tag.casefold()]
    return tuple(project for project in workspace.projects if project.key in chosen)


_REFERENCE = "docs/workspace-toml.md"
_CREATE = "run `envyard init` in the top folder of the monorepo, which makes one"
_DEFAULT_PLATFORMS = ("linux-x86_64", "macos-arm64", "windows-x86_64")
_DEFAULT_STORE = ".envs"
_DEFAULT_ENVIRONMENTS = "environments"


def _own_folder(settings: Table, key: str, default: str, places: Places) -> str:
    """The path of a folder that may not be there yet, or "" after a mistake."""
    text = settings.string(key, default)
    place = places.find(text)
    if place.objection:
        object_to(settings, key, text, place.objection)
    elif place.kind not in ("folder", "missing"):
        settings.mistake(key, f"{shown(text)} is no folder", expected="a folder, or none yet")
    elif place.path == places.root:
        settings.mistake(key, "is the workspace itself", expected=f"a folder such as `{default}`")
    else:
        return place.path
    return ""


def _old_environments(settings: Table, places: Places) -> str:
    """Where applications made environments before: often not in the workspace, which a variable can say.

    Nothing is asked of the usual folder, which nobody named: it may well be a link to another disk.
    """
    said = os.environ.get(ENVIRONMENTS_VARIABLE, "")
    written = settings.string("environments")
    if written:
        written = _own_folder(settings, "environments", _DEFAULT_ENVIRONMENTS, places)
    if said.strip():
        return os.path.abspath(os.path.expanduser(said))
    return written or os.path.join(places.root, _DEFAULT_ENVIRONMENTS)


def _continuous_integration(table: Table, platforms: tuple[str, ...]) -> ContinuousIntegration:
    settings = ContinuousIntegration(
        platforms=table.strings("platforms", platforms, choices=platforms, required=True),
        sessions=table.strings("sessions", pattern=_SESSION, expected=_SESSION_WORDS),
        checks=table.strings("checks", pattern=_SESSION, expected=_SESSION_WORDS),
        branches=table.strings("branches", ("main",), pattern=_BRANCH, expected=_BRANCH_WORDS),
        runners=table.string_table("runners", names="|".join(PLATFORMS), expected=listed(tuple(PLATFORMS))),
    )
    table.finish()
    return settings


_SESSION = r"[A-Za-z0-9_](?:[A-Za-z0-9_.()-]*[A-Za-z0-9_)])?"
_SESSION_WORDS = "the name of a nox session"
_BRANCH = r"[A-Za-z0-9_*](?:[A-Za-z0-9_./*-]*[A-Za-z0-9_*])?"
_BRANCH_WORDS = "the name of a branch"


def _with_variables_of_profiles(project: Project, root: str) -> Project:
    """The project with the variables of the profiles that it names, where these agree; its own go before.

    What is wrong with a profile is said by the commands for profiles.
    """
    if not project.profiles:
        return project
    from envyard.profilefile import load_profile  # 20 ms, and only where a project names one

    found: dict[str, set[str]] = {}
    for key in project.profiles:
        with contextlib.suppress(ConfigurationInvalid, ProfileNotFound):
            for name, value in load_profile(Path(root), key).environment.items():
                found.setdefault(name, set()).add(value)
    agreed = {name: values.pop() for name, values in found.items() if len(values) == 1}
    return replace(project, environment={**agreed, **project.environment})


def _path_of(workspace: Workspace, project: Project) -> str:
    relative = os.path.relpath(project.path, workspace.root)
    return relative.replace(os.sep, "/").casefold()


def _key_for(name: str, by_name: dict[str, str]) -> str | None:
    """The key that `name` means; `./projects/Model/`, as a shell completes it, means `projects/Model`."""
    folded = name.casefold()
    as_path = os.path.normpath(folded).replace(os.sep, "/")
    return by_name.get(folded) or by_name.get(as_path)


def _of_other_sort(what: str, names: Sequence[str], workspace: Workspace) -> Iterator[tuple[str, str]]:
    """The names that are tags although projects are asked for, with those that have it; or the other way round."""
    for name in names:
        folded = name.casefold()
        having = [one.key for one in workspace.projects if folded in (tag.casefold() for tag in one.tags)]
        if what != "tag" and having:
            yield name, f"tag: that of {', '.join(having)}"
        elif what == "tag" and folded in (one.key for one in workspace.projects):
            yield name, "project, and no tag"


def _unknown(what: str, names: Sequence[str], workspace: Workspace, guess: Callable[[str], str]) -> UnknownEnvironment:
    known = [project.key for project in workspace.projects]
    if what == "tag":
        known = sorted({tag.casefold() for project in workspace.projects for tag in project.tags})
    guesses = [guess(name) for name in names]
    details = [f"{shown(name)}: did you mean `{meant}`?" for name, meant in zip(names, guesses, strict=True) if meant]
    details += [f"{shown(name)} is a {other}" for name, other in _of_other_sort(what, names, workspace)]
    shortened = known if len(known) <= 40 else [*known[:40], f"and {len(known) - 40} more"]
    details.append(f"known {what}s: {', '.join(shortened) or 'none'}")
    called = ", ".join(shown(name) for name in names)
    sort = "tag" if what == "tag" else "project"
    plural = "" if len(names) == 1 else "s"
    return UnknownEnvironment(
        f"no {sort}{plural} {called} in `{workspace.file}`",
        hint=f"name a known {what}",
        details=details,
    )
