"""Everything that one environment asks for: what stands in its files, and the settings that decide what fits it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from envyard.configuration import key_lines
from envyard.contradictions import profile_files, requirement_lines
from envyard.definition import Definition, profile_definition, project_definition
from envyard.demands import Demand, asking, file_demands, folder_demand, package_name
from envyard.errors import RequirementsUnreadable
from envyard.interpreter import find_interpreter
from envyard.platforms import this_platform
from envyard.profile import Profile
from envyard.project import Project, Workspace
from envyard.pyproject import Location, table_of
from envyard.pythons import PythonRequest, parse_request
from envyard.requirements import load_text, load_toml


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What an environment must have, each part with the place where a person wrote it.

    - `requirements`: what the resolver is asked about; `options`: lines of requirement files that always hold.
    - `pythons`: the requests for an interpreter: its own, and that of an editable project.
    - `platforms`: where it must work; `settings`: those that are written, by name: `torch-backend`, `platforms`.
    - `lockfiles`: of a profile, by platform; that of a project is its definition's.
    - `package`: the normalised name of the project itself, where it is installed and says its name, or "".
    """

    definition: Definition
    requirements: tuple[Demand, ...]
    pythons: tuple[tuple[PythonRequest, Demand], ...]
    platforms: tuple[str, ...]
    options: tuple[Demand, ...] = ()
    settings: Mapping[str, Demand] = field(default_factory=dict)
    lockfiles: Mapping[str, Path] = field(default_factory=dict)
    package: str = ""

    @property
    def key(self) -> str:
        return self.definition.key


def project_needs(workspace: Workspace, project: Project) -> Needs:
    """What a project needs. Raises `RequirementsUnreadable`, and `InterpreterNotFound` for a path to none."""
    definition = project_definition(workspace, project)
    lines = key_lines(load_text(workspace.file))
    own = ("projects", project.key)

    def written(text: str, *locations: Location) -> Demand:
        number = next((lines[one] for one in locations if one in lines), 0)
        return Demand(key=project.key, text=text, file=workspace.file, number=number)

    settings = {"platforms": written(_listing("platforms", workspace.platforms), ("workspace", "platforms"))}
    if project.torch_backend:
        settings["torch-backend"] = written(f'torch-backend = "{project.torch_backend}"', (*own, "torch-backend"))
    requirements, options = file_demands(definition)
    for position, line in enumerate(project.test_requirements):
        requirements += (asking(written(line, (*own, "test-requirements", position), own)),)
    python = written(f'python = "{project.python}"', (*own, "python"), ("workspace", "python"))
    package = ""
    pythons: tuple[tuple[PythonRequest, Demand], ...] = ((_request(definition), python),)
    if definition.editable is not None:
        settings["editable"] = written("editable = true", (*own, "editable"))
        package = package_name(definition.editable)
        pythons += _itself(definition.editable, project.key)
        if definition.lockfile is None:  # then its own dependencies are installed too
            requirements += (folder_demand(settings["editable"], definition.editable),)
    return Needs(
        definition=definition,
        requirements=requirements,
        pythons=pythons,
        platforms=workspace.platforms,
        options=options,
        settings=settings,
        package=package,
    )


def profile_needs(workspace: Workspace, profile: Profile) -> Needs:
    """What a profile needs, on the platforms that it serves."""
    written = _written(profile)
    places = requirement_lines(profile)
    requirements = []
    for line in profile.requirements:
        file, number = places.get(line, (profile.file, 0))
        requirements.append(asking(Demand(key=profile.key, text=line, file=file, number=number)))
    settings = {"platforms": written(_listing("platforms", profile.serves.platforms), ("serves", "platforms"))}
    if profile.torch_backend:
        backend = f'torch-backend = "{profile.torch_backend}"'
        settings["torch-backend"] = written(backend, ("packages", "torch-backend"))
    python = written(f'requires = "{profile.python}"', ("python", "requires"))
    definition = profile_definition(workspace, profile, this_platform())
    return Needs(
        definition=definition,
        requirements=tuple(requirements),
        pythons=((_request(definition), python),),
        platforms=profile.serves.platforms or workspace.platforms,
        settings=settings,
        lockfiles=profile.lockfiles,
    )


def _written(profile: Profile) -> Callable[[str, Location], Demand]:
    """Where a setting stands: in the profile's own file, or in the nearest that it extends."""
    files = [(file, key_lines(text)) for file, text in profile_files(profile)]

    def written(text: str, location: Location) -> Demand:
        found = [(file, lines[location]) for file, lines in files if location in lines]
        file, number = found[0] if found else (profile.file, 0)
        return Demand(key=profile.key, text=text, file=file, number=number)

    return written


def _listing(name: str, values: tuple[str, ...]) -> str:
    listed = ", ".join(f'"{value}"' for value in values)
    return f"{name} = [{listed}]"


def _request(definition: Definition) -> PythonRequest:
    """The request for an interpreter; the path of one stands for its version."""
    text = definition.python
    return parse_request(find_interpreter(text, definition.python_key).version if os.path.isabs(text) else text)


def _itself(folder: Path, key: str) -> tuple[tuple[PythonRequest, Demand], ...]:
    """The Python that an editable project asks for in its `pyproject.toml`."""
    file = folder / "pyproject.toml"
    try:
        python = table_of(load_toml(file), "project").get("requires-python")
    except (OSError, RequirementsUnreadable):
        return ()  # whoever installs it says what is wrong with it
    if not isinstance(python, str):
        return ()
    number = key_lines(load_text(file)).get(("project", "requires-python"), 0)
    where = Demand(key=key, text=f'requires-python = "{python}"', file=file, number=number)
    return ((PythonRequest(versions=python), where),)
