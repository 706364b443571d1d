"""The shape of envyard, held: what may import what, where heavy libraries may be loaded, how long a module may be.

The layers are those of docs/design.md. A module imports from layers below its own; within a layer, without a cycle.
"""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "envyard"

LAYERS = {
    "edges": ["__main__", "cli", "report", "sessions", "tasks"],
    "commands": ["commands"],
    "integrations": ["integrations"],
    "orchestration": [
        "answers",
        "candidates",
        "carried",
        "check",
        "configuration",
        "consistency",
        "contradictions",
        "demands",
        "discovery",
        "inquiry",
        "job",
        "jsonlines",
        "jsonprofile",
        "lockfile",
        "manifest",
        "members",
        "memory",
        "naming",
        "needs",
        "obstacles",
        "outcome",
        "pinned",
        "places",
        "planner",
        "profiledraft",
        "profilefile",
        "profiletext",
        "provision",
        "registry",
        "relaxation",
        "resolver",
        "runner_files",
        "schedule",
        "sharing",
        "strategies",
        "target",
        "testlists",
        "together",
        "verdicts",
        "waiting",
        "workspace",
        "workspace_edit",
        "workspace_entry",
        "workspace_file",
    ],
    "building": [
        "audit",
        "budget",
        "builder",
        "fetch",
        "health",
        "history",
        "installers",
        "probe",
        "publish",
        "retention",
        "seeds",
        "site_hook",
        "trial",
    ],
    "on disk": [
        "environment",
        "fingerprint",
        "locks",
        "merging",
        "migrated",
        "pointer",
        "records",
        "restart",
        "sizes",
        "store",
    ],
    "values": [
        "clashes",
        "definition",
        "driver",
        "envspec",
        "events",
        "fileoptions",
        "folders",
        "findings",
        "grouping",
        "hardware",
        "interpreter",
        "legacy",
        "loosening",
        "matching",
        "model",
        "nvidia",
        "platforms",
        "profile",
        "project",
        "pyproject",
        "pythons",
        "reasons",
        "requirements",
        "wheelfile",
    ],
    "ground": [
        "disk",
        "errors",
        "fields",
        "files",
        "interrupts",
        "jsonobject",
        "longpath",
        "output",
        "pathlimit",
        "problems",
        "process",
        "windows_process",
        "wording",
    ],
}
"""Modules and packages, the top layer first."""

AT_HOME = {
    "subprocess": ["process"],
    "rich": ["report"],
    "nox": ["sessions"],
    "invoke": ["cli", "tasks"],
}
"""Libraries that only some modules may import, wherever in the module."""

HEAVY = {"filelock", "invoke", "nox", "packaging", "rich", "tomlkit", "uv", "virtualenv"}
"""Libraries that take 70 to 180 ms: imported by the function that needs them, or by the edge that is made of them."""

MODULE_LINES = 320
FUNCTION_LINES = 60


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of envyard, by its dotted name below `envyard` (a package by its own name)."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_bytes(), filename=str(path))
    return found


def top(module: str) -> str:
    return module.partition(".")[0]


def layer_of(module: str) -> str:
    return next((layer for layer, names in LAYERS.items() if top(module) in names), "")


def imported(tree: ast.AST) -> Iterator[str]:
    """The full names of everything a module imports; `from envyard import events` is `envyard.events`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: imports are absolute"
            assert node.module is not None
            if node.module == "envyard":
                yield from (f"envyard.{alias.name}" for alias in node.names)
            else:
                yield node.module


def own_imports(module: str) -> set[str]:
    """The modules of envyard that a module of envyard imports."""
    names = {name.removeprefix("envyard.") for name in imported(trees()[module]) if name.startswith("envyard.")}
    return names & set(trees()) - {module}  # `from envyard import __version__` names no module


def at_the_top(tree: ast.Module) -> ast.Module:
    """The module without what only runs later (functions) or never (`if TYPE_CHECKING`)."""
    kept: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ClassDef):
            kept += at_the_top(ast.Module(body=node.body, type_ignores=[])).body
        else:
            kept.append(node)
    return ast.Module(body=kept, type_ignores=[])


# --- layers


def test_every_module_has_a_layer() -> None:
    strangers = {top(module) for module in trees() if module and not layer_of(module)}
    assert not strangers, "name them in LAYERS and in docs/design.md"


def test_modules_import_only_from_below() -> None:
    order = list(LAYERS)
    upward = [
        f"{module} ({layer_of(module)}) imports {name} ({layer_of(name)})"
        for module in trees()
        for name in own_imports(module)
        if order.index(layer_of(name)) < order.index(layer_of(module))
    ]
    assert upward == []


def test_no_import_cycle() -> None:
    graph = {module: own_imports(module) for module in trees()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"cycle: {' <- '.join(error.args[1])}")


# --- libraries


@pytest.mark.parametrize("library", AT_HOME)
def test_library_is_imported_only_where_it_is_at_home(library: str) -> None:
    elsewhere = [
        module
        for module, tree in trees().items()
        if top(module) not in AT_HOME[library] and any(top(name) == library for name in imported(tree))
    ]
    assert elsewhere == []


def test_heavy_libraries_are_not_imported_at_the_top_of_a_module() -> None:
    found = [
        f"{module} imports {name}"
        for module, tree in trees().items()
        for name in imported(at_the_top(tree))
        if top(name) in HEAVY and top(module) not in AT_HOME.get(top(name), [])
    ]
    assert found == []


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        pytest.param(["check", "provision", "commands.run", "report"], HEAVY | {"asyncio"}, id="nothing to do"),
        pytest.param(["sessions"], (HEAVY - {"nox", "packaging"}) | {"envyard.store", "envyard.events"}, id="nox -l"),
        pytest.param(["cli"], HEAVY - {"invoke"} | {"envyard.store"}, id="invoke --list"),
    ],
)
def test_start_loads_nothing_heavy(modules: list[str], unwanted: set[str]) -> None:
    program = "; ".join([*(f"import envyard.{module}" for module in modules), "import sys; print(*sys.modules)"])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not unwanted & set(done.stdout.split())


def test_environment_of_the_process_is_read_in_two_modules_only() -> None:
    readers = {
        top(module)
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.environb", "os.getenv")
    }
    assert readers <= {"process", "workspace"}


# --- sizes


def test_modules_are_short() -> None:
    lines = {module: len((SOURCE / path).read_text("utf-8").splitlines()) for module, path in _files()}
    longer = {module: count for module, count in lines.items() if count > MODULE_LINES}
    assert longer == {}, "split them by subject"


def test_functions_are_short() -> None:
    longer = [
        f"{module}.{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    ]
    assert longer == []


@pytest.mark.parametrize("name", ["noxfile.py", "tasks.py"])
def test_runner_files_are_thin(name: str) -> None:
    assert len((SOURCE.parents[1] / name).read_text("utf-8").splitlines()) < FUNCTION_LINES


def _files() -> list[tuple[str, Path]]:
    return [(".".join(path.relative_to(SOURCE).with_suffix("").parts), path) for path in sorted(SOURCE.rglob("*.py"))]
