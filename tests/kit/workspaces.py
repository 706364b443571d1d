"""Real workspaces with projects and lockfiles, and envyard run as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from kit.index import LocalIndex
from kit.pages import Distribution
from kit.processes import kill_tree
from kit.wheels import backend_files

SOURCE = Path(__file__).resolve().parents[2] / "src"
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# pytest's own, and whatever else of the real index a test marked `network` sees.
_NOT_FOR_CHILDREN = ("PYTEST_", "UV_INDEX", "UV_EXTRA", "UV_FIND", "PIP_EXTRA", "PIP_FIND", "PIP_NO_INDEX")
_TEST_COMMAND = ("python", "-m", "unittest", "discover", "-s", "tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """What `make_workspace` writes for one project. The defaults give a locked project at `projects/<key>`.

    `settings` are further lines of the project's table in `workspace.toml`, any TOML value.
    """

    requirements: Sequence[str] = ()
    title: str = ""
    path: str = ""
    python: str = ""
    locked: bool = True
    test_requirements: Sequence[str] = ()
    test_command: Sequence[str] = _TEST_COMMAND
    editable: bool = False
    tags: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


class WorkspaceKit:
    """A workspace on disk, the index it installs from, and the means to run envyard on it.

    `plans` is what each project is meant to be; the methods that change one write its files anew.
    """

    def __init__(
        self, root: Path, index: LocalIndex, plans: Mapping[str, ProjectPlan], settings: Mapping[str, Any]
    ) -> None:
        self.root = root
        self.index = index
        self.plans = dict(plans)
        self.settings = {"name": root.name, "python": THIS_PYTHON, **settings}
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_CHILDREN)
        } | index.environment()
        self._started: list[subprocess.Popen[str]] = []
        root.mkdir(parents=True, exist_ok=True)
        for key in self.plans:
            self._write_project(key)
        self.write_definition()

    # --- where things are

    @property
    def store(self) -> Path:
        return self.root / ".envs"

    def project(self, key: str) -> Path:
        """The folder of a project."""
        return self.root / (self.plans[key].path or f"projects/{key}")

    def venv(self, key: str) -> Path:
        """The link `<project>/venv`."""
        return self.project(key) / "venv"

    def python(self, key: str) -> Path:
        """The python inside the environment of a project."""
        return self.venv(key) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def requirements(self, key: str) -> Path:
        return self.root / "requirements" / f"{key}.in"

    def lockfile(self, key: str) -> Path:
        return self.root / "requirements" / f"{key}.txt"

    def pins(self, key: str) -> dict[str, str]:
        """The versions that the lockfile of a project pins."""
        lines = self.lockfile(key).read_text(encoding="utf-8").splitlines()
        pinned = [line.removesuffix(" \\") for line in lines if "==" in line and line[0].isalnum()]
        return dict(line.split("==") for line in pinned)

    # --- changing it

    def pin(self, key: str, package: str, version: str) -> None:
        """Let a project ask for exactly this version, and lock it."""
        name = canonicalize_name(package)
        old = self.plans[key].requirements
        kept = [line for line in old if canonicalize_name(Requirement(line).name) != name]
        self.change(key, requirements=(*kept, f"{package}=={version}"))

    def change(self, key: str, **changes: Any) -> None:
        """Change fields of a project's plan, and write all its files anew."""
        self.plans[key] = replace(self.plans[key], **changes)
        self._write_project(key)
        self.write_definition()

    def remove(self, key: str) -> None:
        """Take a project out of `workspace.toml`; its files stay."""
        del self.plans[key]
        self.write_definition()

    def lock(self, key: str) -> None:
        """Write the lockfile of a project from its requirements."""
        plan = self.plans[key]
        sources = dict.fromkeys(plan.requirements, f"-r requirements/{key}.in")
        sources |= dict.fromkeys(plan.test_requirements, f"{key} (test)")
        text = lockfile_text(self.index, sources, command=f"invoke envs.lock {key}")
        self.lockfile(key).write_text(text, encoding="utf-8")

    def write_definition(self) -> None:
        """Write `workspace.toml` from `settings` and `plans`."""
        lines = ["[workspace]", *_toml_lines(self.settings)]
        for key, plan in self.plans.items():
            lines += ["", f"[projects.{key}]", *_toml_lines(_project_table(key, plan))]
        (self.root / "workspace.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    # --- running envyard

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 120,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run `envyard <arguments>` to its end; `env` adds to `self.env`, `check` wants exit code 0."""
        done = subprocess.run(
            _command(arguments),
            cwd=cwd or self.root,
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
        )
        if check:
            said = f"{done.stdout}\n{done.stderr}"
            assert done.returncode == 0, f"{arguments} ended with {done.returncode}\n{said}"
        return done

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start `envyard <arguments>` in a process group of its own; read its output with `communicate()`.

        What still runs when the test ends is killed with its children.
        """
        process = subprocess.Popen(
            _command(arguments),
            cwd=cwd or self.root,
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            process_group=0,
        )
        self._started.append(process)
        return process

    def run_python(self, key: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the python of a project's environment in its folder."""
        return subprocess.run(
            [self.python(key), *arguments],
            cwd=self.project(key),
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
        )

    def close(self) -> None:
        """End whatever `start` started."""
        for process in self._started:
            if process.poll() is None:
                kill_tree(process.pid)
            process.wait(timeout=10)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        return self.env | {"PYTHONPATH": str(SOURCE)} | dict(more or {})

    def _write_project(self, key: str) -> None:
        plan = self.plans[key]
        self.requirements(key).parent.mkdir(parents=True, exist_ok=True)
        asked = "".join(f"{line}\n" for line in plan.requirements)
        self.requirements(key).write_text(asked, encoding="utf-8")
        if plan.locked:
            self.lock(key)
        module = key.replace("-", "_")
        files = {f"tests/test_{module}.py": _test_module(plan), **plan.files}
        if plan.editable:
            files = {
                **backend_files(key, "0.1.0"),
                f"src/{module}/__init__.py": f'"""The project {key}."""\n',
                **files,
            }
        for name, text in files.items():
            target = self.project(key) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


def make_workspace(
    folder: Path,
    index: LocalIndex,
    projects: Mapping[str, ProjectPlan | Sequence[str]],
    settings: Mapping[str, Any] | None = None,
) -> WorkspaceKit:
    """A workspace in `folder`; a list of requirements stands for a plan with nothing else.

        kit = make_workspace(folder, index, {"alpha": ["demo==1.0"], "beta": ProjectPlan(editable=True)})
        kit.run("envs.setup-all", check=True)

    `settings` are lines of the `[workspace]` table. Close it, or get it from the fixture `workspace_kit`.
    """
    plans = {
        key: plan if isinstance(plan, ProjectPlan) else ProjectPlan(requirements=plan) for key, plan in projects.items()
    }
    return WorkspaceKit(folder, index, plans, settings or {})


def lockfile_text(index: LocalIndex, sources: Mapping[str, str], *, command: str) -> str:
    """What `uv pip compile --universal --generate-hashes` would write, in no time.

    `sources` maps each requirement to what asked for it, such as `-r requirements/alpha.in`.
    """
    chosen, askers = _resolve(index, sources)
    lines = ["# This file was autogenerated by uv via the following command:", f"#    {command}"]
    for name in sorted(chosen):
        hashes = sorted(one.sha256 for one in index.distributions(name) if one.version == chosen[name].version)
        lines.append(f"{name}=={chosen[name].version} \\")
        lines += [f"    --hash=sha256:{digest} \\" for digest in hashes]
        lines[-1] = lines[-1].removesuffix(" \\")
        via = sorted(set(askers[name]))
        lines += [f"    # via {via[0]}"] if len(via) == 1 else ["    # via", *(f"    #   {one}" for one in via)]
    return "\n".join(lines) + "\n"


def _resolve(index: LocalIndex, sources: Mapping[str, str]) -> tuple[dict[str, Distribution], dict[str, list[str]]]:
    """The newest version of everything that satisfies all who ask for it; repeated until nothing changes."""
    chosen: dict[str, Distribution] = {}
    while True:
        specifiers: dict[str, SpecifierSet] = {}
        askers: dict[str, list[str]] = {}
        waiting = [(Requirement(line), source) for line, source in sources.items()]
        seen: set[str] = set()
        for requirement, source in waiting:
            name = canonicalize_name(requirement.name)
            specifiers[name] = specifiers.get(name, SpecifierSet()) & requirement.specifier
            askers.setdefault(name, []).append(source)
            for extra in (*requirement.extras, ""):
                if name in chosen and f"{name}[{extra}]" not in seen:
                    seen.add(f"{name}[{extra}]")
                    waiting += [(one, name) for one in chosen[name].requires if _applies(one, extra)]
        before, chosen = chosen, {name: _newest(index, name, allowed) for name, allowed in specifiers.items()}
        if chosen == before:
            return chosen, askers


def _newest(index: LocalIndex, name: str, allowed: SpecifierSet) -> Distribution:
    fitting = [one for one in index.distributions(name) if one.version in allowed]
    assert fitting, f"the index has no {name} {allowed}"
    return max(fitting, key=lambda one: one.version)


def _applies(requirement: Requirement, extra: str) -> bool:
    """Whether it is asked for with this extra, and (with an extra) not without it anyway."""
    if requirement.marker is None:
        return not extra
    without = requirement.marker.evaluate({"extra": ""})
    return requirement.marker.evaluate({"extra": extra}) and not (extra and without)


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "envyard", *arguments]


def _project_table(key: str, plan: ProjectPlan) -> dict[str, Any]:
    table: dict[str, Any] = {
        "title": plan.title or key.replace("-", " ").title().replace(" ", ""),
        "path": plan.path or f"projects/{key}",
        "requirements": [f"requirements/{key}.in"],
        "test-command": list(plan.test_command),
    }
    if plan.locked:
        table["lockfile"] = f"requirements/{key}.txt"
    for name in ("python", "test_requirements", "editable", "tags", "environment"):
        value = getattr(plan, name)
        if value:
            table[name.replace("_", "-")] = value
    return table | dict(plan.settings)


def _toml_lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_toml(value)}" for name, value in table.items()]


def _toml(value: Any) -> str:
    """TOML for what settings are made of; JSON strings, numbers and booleans are TOML as they are."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value)


def _test_module(plan: ProjectPlan) -> str:
    """A test that fails in any environment but the one this project asks for."""
    exact = {
        canonicalize_name(one.name): next(iter(one.specifier)).version
        for one in map(Requirement, plan.requirements)
        if len(one.specifier) == 1 and next(iter(one.specifier)).operator == "=="
    }
    return f"""\
import importlib.metadata
import sys
import unittest


class TestEnvironment(unittest.TestCase):
    def test_python_is_the_environments_own(self) -> None:
        self.assertNotEqual(sys.prefix, sys.base_prefix)

    def test_versions_are_the_pinned_ones(self) -> None:
        for name, version in {exact!r}.items():
            self.assertEqual(importlib.metadata.version(name), version)
"""
