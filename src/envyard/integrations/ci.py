"""The matrix of a continuous integration: one job for each project and platform, as the CI systems want to read it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envyard.definition import project_definition
from envyard.errors import EnvyardError
from envyard.fingerprint import take_fingerprint
from envyard.project import Project, Workspace
from envyard.runner_files import scripts_folder

TOOLS_PYTHON = "3.11"
"""The Python that the workflow runs envyard and nox with: the oldest that they support."""

CACHE = ".uv-cache"
"""Where a job keeps uv's cache: on the device of the environments, which are linked from it."""

REPORTS = "reports"
"""Where a job writes what became of its tests (ENVYARD_REPORTS)."""

_UNKNOWN_DIGEST = "unlocked"
_PYTHON = re.compile(r"(?:python|cpython)?-?(?P<version>3(?:\.\d+){0,2}t?)(?:-(?:32|64))?")
_PYPY = re.compile(r"pypy-?(?P<version>3\.\d+)(?:\.\d+)?(?:-(?:32|64))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The test of one project on one platform.

    - `session`, `python`, `tags`, `description`: as `nox -l --json` has them.
    - `setup_python`: what GitHub's setup-python takes, or "" for an interpreter that it cannot bring.
    - `cache`: equal for two jobs exactly when their environments install the same.
    - `why`: the reasons for which it is tested; empty when everything is.
    """

    session: str
    title: str
    path: str
    description: str
    python: str
    setup_python: str
    tags: tuple[str, ...]
    platform: str
    cache: str
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Commands of a job: to install envyard ("": none), to run nox, and the python that has envyard and uv."""

    install: str
    nox: str
    python: str
    powershell_python: str


def make_jobs(workspace: Workspace, why: Mapping[str, Sequence[str]] | None = None) -> tuple[Job, ...]:
    """A job for each project and platform, in the order of the workspace; for those in `why` only, if given."""
    chosen = [project for project in workspace.projects if why is None or project.key in why]
    return tuple(
        _job(workspace, project, platform, tuple(why[project.key]) if why is not None else ())
        for project in chosen
        for platform in workspace.ci.platforms
    )


def commands_of(workspace: Workspace) -> Commands:
    """How a job of this workspace starts envyard: by the scripts beside its workspace.toml, else from a package."""
    scripts = scripts_folder(workspace.root)
    if scripts:
        bootstrap = f"python {scripts}/bootstrap.py"
        return Commands(
            install="",
            nox=f"{bootstrap} run-tests",
            python=f"\"$({bootstrap} --tools-only | tr -d '\\r')\"",  # Windows ends the line with it
            powershell_python=f"& (({bootstrap} --tools-only) | Select-Object -Last 1)",
        )
    return Commands(
        install="python -m pip install envyard", nox="python -m nox", python="python", powershell_python="python"
    )


def _job(workspace: Workspace, project: Project, platform: str, why: tuple[str, ...]) -> Job:
    return Job(
        session=project.key,
        title=project.title,
        path=project.path.relative_to(workspace.root).as_posix(),
        description=project.description,
        python=project.python,
        setup_python=setup_python(project.python),
        tags=project.tags,
        platform=platform,
        cache=f"envyard-{platform}-{_slug(project.python)}-{_content(workspace, project)[:20]}",
        why=why,
    )


def setup_python(request: str) -> str:
    """An interpreter request as setup-python writes it: `>=3.10 <3.13`; "" when it has no word for it."""
    if found := _PYTHON.fullmatch(request):
        return found["version"]
    if found := _PYPY.fullmatch(request):
        return f"pypy{found['version']}"
    clauses = [clause.strip() for clause in request.split(",")]
    if all(re.fullmatch(r"(?:<=?|>=?)\s*\d+(?:\.\d+)*", clause) for clause in clauses):
        return " ".join(clause.replace(" ", "") for clause in clauses)
    if len(clauses) == 1 and (found := re.fullmatch(r"(?:==|~=)\s*(\d+\.\d+(?:\.\d+)?)(?:\.\*)?", request)):
        if request.startswith("=="):
            return found[1]
        return f"~{found[1]}" if found[1].count(".") == 2 else f">={found[1]} <4"
    return ""


def _content(workspace: Workspace, project: Project) -> str:
    """A digest of what is installed: of the fingerprint's inputs without the names and places of files.

    Two projects whose lockfiles say the same have different fingerprints, because each names its own lockfile.
    """
    try:
        inputs = take_fingerprint(project_definition(workspace, project)).inputs
    except EnvyardError:  # no lockfile yet, for example: the job of the project says so
        return _UNKNOWN_DIGEST
    kinds = ((name.partition(" ")[0], value) for name, value in inputs.items())
    parts = sorted(f"{kind}={value}" for kind, value in kinds if kind not in ("editable", "metadata"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _slug(request: str) -> str:
    """For a cache's key, which may hold no comma; a path of an interpreter is not told."""
    return (
        "python" if "/" in request or "\\" in request else re.sub(r"[^A-Za-z0-9.]+", "-", request).strip("-") or "any"
    )
