"""pip as the installer, for machines and interpreters that uv cannot serve.

pip runs inside the new environment, where its own wheel (shipped with virtualenv) puts it first. It reads its own
configuration. It has no shared store of unpacked wheels, so every environment costs its full size, and `offline` means
pip's cache cannot be relied on: such an install says `NotCached` at once and is done online.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from envyard.definition import Definition
from envyard.errors import InstallFailed
from envyard.events import Warned
from envyard.fileoptions import option_lines
from envyard.installers.base import FetchPlan, NotCached, Plan, Work, progress_events, split_lockfile
from envyard.installers.bridge import pip_options
from envyard.installers.failures import Cause, explain
from envyard.process import child_environment
from envyard.pyproject import group_requirements, project_dependencies, table_of
from envyard.requirements import load_text, load_toml
from envyard.wheelfile import WheelFile

_WORDS = {
    Cause.WRONG_HASH: re.compile(r"DO NOT MATCH THE HASHES"),
    Cause.NO_ACCESS: re.compile(r"40[13] (?:Client )?Error"),
    Cause.UNREACHABLE: re.compile(
        r"Failed to establish a new connection|Max retries exceeded|Connection broken|timed out"
        r"|connection-failed|incomplete-download|HTTP error \d|\d Client Error|\d Server Error"
    ),
    Cause.UNREADABLE: re.compile(r"Invalid requirement|Could not open requirements file|Unsupported hash|hash name"),
    Cause.NOT_TOML: re.compile(r"TOMLDecodeError|Invalid TOML"),
    Cause.BUILD: re.compile(
        r"metadata-generation-failed|subprocess-exited-with-error|failed-wheel-build|Failed to build"
        r"|does not appear to be a Python project|invalid-pyproject|Invalid pyproject"
    ),
    Cause.NOT_FOUND: re.compile(r"No matching distribution found"),
    Cause.CONFLICT: re.compile(r"ResolutionImpossible|conflicting dependencies"),
}


class Pip:
    """The installer `pip`, run as `<environment>/bin/python -m pip`."""

    name = "pip"

    def describe(self) -> str:
        return "pip"

    def install(self, plan: Plan, work: Work, *, offline: bool) -> None:
        definition = plan.definition
        if offline:
            _heed_backend(definition, work)
            raise NotCached(f"pip installs `{work.key}` from the index")
        folders = ""
        if definition.lockfile is not None:
            pins, folders = split_lockfile(plan, load_text(definition.lockfile))
            requirements, folder = ["--no-deps", "-r", pins], plan.fixed_folder
        else:
            # Paths in a hand-written requirement file are relative to the project.
            requirements = _unlocked_requirements(plan)
            folder = definition.link.parent if definition.link else definition.root
        wheel = next(plan.seed_folder.glob("pip-*.whl"))
        # `-m pip`, since `<wheel>/pip` refuses on Windows to install what it takes for the `pip.exe` that runs
        seed: list[str | Path] = [plan.python, "-m", "pip", "install", "--no-index", "--no-deps", str(wheel)]
        self._run(seed, plan.fixed_folder, work, {"PYTHONPATH": str(wheel)})
        pip: list[str | Path] = [plan.python, "-m", "pip", "install"]
        pip += [part for index in definition.indexes for part in ("--extra-index-url", index)]
        # what a lockfile does not say; without one pip reads the files that do
        pip += ["-r", str(plan.options)] if definition.lockfile is not None and plan.options is not None else []
        if requirements:
            self._run([*pip, *requirements], folder, work)
        if folders:
            self._run([*pip, "--no-deps", "-r", folders], plan.fixed_folder, work)
        if definition.lockfile is not None and definition.editable is not None:
            self._run([*pip, "--no-deps", "--editable", str(definition.editable)], plan.fixed_folder, work)

    def wheels(self, plan: Plan, work: Work) -> list[WheelFile]:
        """None: pip tells the addresses only after it has downloaded."""
        del plan, work
        return []

    def fetch(self, plan: FetchPlan, work: Work) -> None:
        """Nothing to do: pip's cache holds downloads, not what could be linked."""

    def forget(self, packages: Sequence[str], work: Work) -> None:
        """Nothing to do: nothing of pip's cache is linked into environments."""

    def _run(
        self, command: list[str | Path], folder: Path, work: Work, variables: Mapping[str, str] | None = None
    ) -> None:
        environment = child_environment(
            {
                "PIP_NO_INPUT": "1",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "PIP_NO_COLOR": "1",
                "PIP_PROGRESS_BAR": "off",
                **(variables or {}),
            }
        )
        completed = work.run(
            command,
            cwd=folder,
            environment=environment,
            on_line=lambda line: work.tell(progress_events(work.key, line)),
        )
        if completed.returncode != 0:
            raise explain("pip", work, completed, _WORDS)


def _heed_backend(definition: Definition, work: Work) -> None:
    """pip knows no `torch-backend`, and would quietly install another build of torch than was asked for.

    A lockfile names its builds itself (`torch==2.1.0+cu121`). Where pip has other indexes the requirements may do so
    too, which nobody can tell here. Raises `InstallFailed` where pip could only be wrong.
    """
    backend = definition.torch_backend
    usual = backend == "cpu" and not sys.platform.startswith("linux")  # what the common index has for other systems
    if not backend or usual or definition.lockfile is not None:
        return
    message = f"pip does not know `torch-backend`, so what `{definition.key}` gets may be no build for {backend}"
    configured = pip_options(child_environment()).keys() & {"extra-index-url", "find-links"}
    configured |= {line for line in option_lines(definition) if "-index-url" in line or "--find-links" in line}
    if backend == "auto" or definition.indexes or configured:
        work.tell(Warned(key=definition.key, message=message))
        return
    raise InstallFailed(
        f"pip cannot install `{definition.key}`: it does not know `torch-backend`, which asks for {backend}",
        hint='install uv (`pip install uv`) and leave `installer = "pip"` out, or pin the builds in a lockfile: '
        f"`{definition.lock_command}`",
    )


def _unlocked_requirements(plan: Plan) -> list[str]:
    arguments: list[str] = []
    for path in plan.definition.requirements:
        if path.name == "pyproject.toml":
            arguments += _pyproject_requirements(path, plan.definition.extras, plan.definition.groups)
        else:
            arguments += ["-r", str(path)]
    if plan.lines is not None:
        arguments += ["-r", str(plan.lines)]
    return arguments


def _pyproject_requirements(path: Path, extras: Sequence[str], groups: Sequence[str]) -> list[str]:
    """The static dependencies of a `pyproject.toml`; pip has no option for them."""
    tables = load_toml(path)
    if "dependencies" in table_of(tables, "project").get("dynamic", []):
        raise InstallFailed(
            f"pip cannot read the dependencies of {path}: they are dynamic",
            hint='set `installer = "uv"`, or `editable = true` so that the project itself is installed',
        )
    listed = (*project_dependencies(tables, path, extras), *group_requirements(tables, path, groups))
    return [line for _location, line in listed]
