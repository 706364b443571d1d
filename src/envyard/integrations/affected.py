"""Which projects a change affects, and why.

Rather one project too many than one too few: a file in the folder of a project counts for it, also when it is in that
of another project there.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import envyard
from envyard.integrations import github, gitlab
from envyard.project import Project, Workspace
from envyard.pyproject import source_folders, table_of
from envyard.requirements import local_paths, requirement_files
from envyard.runner_files import scripts_folder

_WORKFLOWS = (github.WORKFLOW, gitlab.WORKFLOW)
SUITE_FILES = (
    "workspace.toml",
    "noxfile.py",
    "tasks.py",
    *_WORKFLOWS,
    "requirements/tools.in",
    "requirements/tools.txt",
    *(f"scripts/{name}.py" for name in ("bootstrap", "tool_build", "tool_environment", "tool_lock")),
    *(f"scripts/{name}.{end}" for name in ("bootstrap", "run_tests", "setup_all_envs") for end in ("sh", "ps1", "bat")),
)
"""Files of envyard itself in a workspace: they say how every project is tested."""

# Files that pytest and other tools read for all tests below them.
_TEST_SETTINGS = {"conftest.py", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"}
_ABOVE = re.compile(r"(?:\.\./)+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHOWN = 3  # names of files in one reason


def affected_projects(workspace: Workspace, changed: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Key -> reasons of each affected project.

    `changed` are paths relative to the workspace, with `/`; those that are not in it begin with `../`.
    """
    changed = _without_environments(workspace, changed)
    folder = scripts_folder(workspace.root) or "scripts"
    files = {re.sub("^scripts/", f"{folder}/", name) for name in SUITE_FILES}
    suite = [name for name in changed if name in files or _is_workflow_above(name) or _is_own_source(workspace, name)]
    if suite:
        reason = f"the suite's own configuration: {_some(suite)}"
        return {project.key: (reason,) for project in workspace.projects}
    found = {
        project.key: own for project in workspace.projects if (own := tuple(_reasons(workspace, project, changed)))
    }
    return _with_dependents(workspace, found)


def depends_on(workspace: Workspace, project: Project) -> dict[str, str]:
    """Key -> why, of each project that this one is declared to depend on or installs from its folder."""
    why = dict.fromkeys(project.depends_on, "depends on")
    folders = {os.path.realpath(other.path): other.key for other in workspace.projects if other.key != project.key}
    for folder in _local_installs(workspace, project):
        key = folders.get(os.path.realpath(folder))
        if key is not None:
            why.setdefault(key, "installs")
    return why


def _without_environments(workspace: Workspace, changed: Sequence[str]) -> list[str]:
    """Without what envyard itself makes; git names it where nobody told it to ignore that."""
    made = [_relative(path, workspace.root) for path in (workspace.store, *(one.link for one in workspace.projects))]
    inside = tuple(f"{path}/" for path in made)
    return [name for name in changed if name not in made and not name.startswith(inside)]


def _reasons(workspace: Workspace, project: Project, changed: Sequence[str]) -> Iterator[str]:
    """Why the project itself is affected, not counting those it depends on."""
    root = workspace.root
    folder = _relative(project.path, root)
    own = [name for name in changed if _is_in(name, [folder])]
    if own:
        yield f"own files: {_some(own)}"
    installs = _installed_places(workspace, project)
    asked = {_relative(path, root) for path in _requirement_paths(project)} & (set(changed) - set(own))
    if asked:
        yield f"requirements: {_some(sorted(asked))}"
    installed = [name for name in changed if name not in own and name not in asked and _is_in(name, installs)]
    if installed:
        yield f"installs: {_some(installed)}"
    lockfile = "" if project.lockfile is None else _relative(project.lockfile, root)
    if lockfile in changed and lockfile not in own:
        yield f"lockfile: {lockfile}"
    above = [name for name in changed if name not in own and name not in asked and _is_setting_above(name, folder)]
    if above:
        yield f"settings of tests: {_some(above)}"
    profiles = [name for name in changed if name.startswith("profiles/")] if project.profiles else []
    if profiles:
        yield f"profiles: {_some(profiles)}"


def _with_dependents(workspace: Workspace, found: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Those found and everybody who depends on them, in the order of the workspace."""
    needs = {project.key: depends_on(workspace, project) for project in workspace.projects}
    reasons = {key: list(own) for key, own in found.items()}
    waiting = list(found)
    while waiting:
        changed = waiting.pop(0)
        for key, why in needs.items():
            if changed in why:
                if key not in reasons:
                    waiting.append(key)
                    reasons[key] = []
                reasons[key].append(f"{why[changed]} {changed}")
    return {project.key: tuple(reasons[project.key]) for project in workspace.projects if project.key in reasons}


def _requirement_paths(project: Project) -> list[Path]:
    """The requirement files with all that they include, also those that were deleted."""
    return list(requirement_files(project.requirements, lenient=True))


def _installed_places(workspace: Workspace, project: Project) -> tuple[str, ...]:
    """Folders and files that the project installs from and that are no project, which `depends_on` would name."""
    folder = _relative(project.path, workspace.root)
    projects = {_relative(other.path, workspace.root) for other in workspace.projects}
    places = {_relative(place, workspace.root) for place in _local_installs(workspace, project)} - projects
    outer = {".", folder, *(parent.as_posix() for parent in PurePosixPath(folder).parents)}
    return tuple(place for place in places - outer if not _is_above(f"{place}/"))


def _is_in(name: str, places: Sequence[str]) -> bool:
    """Whether a file is one of `places` or in one of them."""
    return any(
        not name.startswith("../") if place == "." else name == place or name.startswith(f"{place}/")
        for place in places
    )


def _local_installs(workspace: Workspace, project: Project) -> Iterator[Path]:
    """Folders that the requirements install from: `-e ../Model`, `./Model`, `model @ file:../Model`, uv's sources."""
    for named in local_paths(project.test_requirements):
        yield workspace.root / named
    for path in [*_requirement_paths(project), *([project.path / "pyproject.toml"] if project.editable else [])]:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            continue
        for named in _paths_in_toml(text) if path.suffix == ".toml" else local_paths(text.splitlines()):
            for below in (path.parent, workspace.root):  # pip counts from the current folder, people from the file
                yield below / named


def _paths_in_toml(text: str) -> Iterator[str]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    project = table_of(data, "project")
    lines = [*_texts(project.get("dependencies")), *_groups(table_of(project, "optional-dependencies"))]
    yield from local_paths([*lines, *_groups(table_of(data, "dependency-groups"))])
    yield from source_folders(data)


def _groups(table: Mapping[str, object]) -> list[str]:
    return [line for lines in table.values() for line in _texts(lines)]


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _is_own_source(workspace: Workspace, name: str) -> bool:
    """Whether it is a file of the envyard that runs, when that lives in the workspace."""
    own = Path(envyard.__file__).resolve().parent
    return (workspace.root / name).resolve().is_relative_to(own)


def _is_setting_above(name: str, folder: str) -> bool:
    parent, _, base = name.rpartition("/")
    return base in _TEST_SETTINGS and (not parent or _is_above(f"{parent}/") or folder.startswith(f"{parent}/"))


def _is_workflow_above(name: str) -> bool:
    """Where the workspace is not the top of its repository, CI systems read these there only."""
    above = _ABOVE.match(name)
    return above is not None and name[above.end() :] in _WORKFLOWS


def _is_above(folder: str) -> bool:
    """Whether `folder`, with a slash at its end, holds the workspace."""
    return _ABOVE.fullmatch(folder) is not None


def _relative(path: Path, root: Path) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def _some(names: Sequence[str]) -> str:
    """The first names in one line; a line break in one could be an order to the CI system that reads the log."""
    more = len(names) - _SHOWN
    shown = (_CONTROL.sub(lambda found: ascii(found[0])[1:-1], name) for name in names[:_SHOWN])
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
