"""What PyCharm should know of a workspace: a module for each project, and run configurations for its tests.

The formats are those that PyCharm 2024 and 2025 write and read (`NewModuleRootManager`, `TestRunnerService`,
`ProjectModuleManager`, `ShConfigurationType`, and `tests` with `py.test` as in intellij-community).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from envyard.integrations.editors import has_test_script, pytest_arguments, relative
from envyard.integrations.modules import Module, Modules
from envyard.integrations.xmltext import ILLEGAL
from envyard.integrations.xmlwish import Wanted, XmlWish, xml_wishes
from envyard.project import Project, Workspace

_SDK_TYPE = "Python SDK"
_FOLDER = "tests"  # of the run configurations, in PyCharm's list


def sdk_name(workspace: Workspace, project: Project) -> str:
    """The name of a project's interpreter in PyCharm: the same on every machine and after every update."""
    return f"{project.key} ({workspace.name})"


def pycharm_wishes(
    workspace: Workspace, modules: Modules, sdk_names: Mapping[str, str]
) -> dict[Path, tuple[XmlWish, ...]]:
    """File -> what should be in it. `sdk_names`: env key -> name, where it is another than `sdk_name`."""
    files: dict[Path, tuple[XmlWish, ...]] = {modules.file: xml_wishes(_modules(modules))}
    tests = _TestRoots(workspace)
    for project in workspace.projects:
        module = modules.of.get(project.key)
        if module is not None:
            name = sdk_names.get(project.key) or sdk_name(workspace, project)
            files[module.file] = xml_wishes(_module(workspace, project, module, name, tests))
        files |= _run_configurations(workspace, project, module)
    if modules.top is not None:
        files[modules.top.file] = xml_wishes(_top_module(workspace, modules.top))
    return files


# --- modules


def _modules(modules: Modules) -> Wanted:
    all_of_them = [*modules.of.values(), *([modules.top] if modules.top else [])]
    entries = [
        _named("module", "filepath", {"fileurl": f"file://{module.entry}", "filepath": module.entry})
        for module in sorted(all_of_them, key=lambda one: one.entry)  # as PyCharm sorts them
    ]
    listed = Wanted(tag="modules", children=tuple(entries))
    return _file("project", {"version": "4"}, _component("ProjectModuleManager", listed))


def _module(workspace: Workspace, project: Project, module: Module, sdk: str, tests: _TestRoots) -> Wanted:
    inside: list[Wanted] = []
    if (project.path / "src").is_dir():
        inside.append(_source(module, project.path / "src", test=False))
    mine, elsewhere = tests.of(project)
    inside += [_source(module, folder, test=True) for folder in mine]
    inside.append(_excluded(module, project.link))
    if project.path == workspace.root:
        inside += _excluded_store(workspace, module)
    roots = _component(
        "NewModuleRootManager",
        _content(module, project.path, *inside),
        *(_content(module, folder, _source(module, folder, test=True)) for folder in elsewhere),
        _interpreter({"type": "jdk", "jdkName": sdk, "jdkType": _SDK_TYPE}),
        _order_of_sources(),
    )
    runner = _option("PROJECT_TEST_RUNNER", "py.test", label="the test runner")
    tested = [_component("TestRunnerService", runner)] if pytest_arguments(project) is not None else []
    return _file("module", {"type": "PYTHON_MODULE", "version": "4"}, roots, *tested)


def _top_module(workspace: Workspace, module: Module) -> Wanted:
    """What is in no project; its interpreter is that of the PyCharm project, which the person chooses."""
    roots = _component(
        "NewModuleRootManager",
        _content(module, workspace.root, *_excluded_store(workspace, module)),
        replace(_interpreter({"type": "inheritedJdk"}), any_will_do=True),
        _order_of_sources(),
    )
    return _file("module", {"type": "PYTHON_MODULE", "version": "4"}, roots)


class _TestRoots:
    """The folders with tests of each project: those that its test command names, else its `test-folder`, else `tests`.

    Two modules cannot have one folder, so that outside of its projects a folder is that of the first who names it.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._root = workspace.root
        self._taken = {workspace.root, *(project.path for project in workspace.projects)}

    def of(self, project: Project) -> tuple[list[Path], list[Path]]:
        """Inside the project, and elsewhere in the workspace."""
        words = [word for word in pytest_arguments(project) or () if not word.startswith("-")]
        named = [_resolved(project.test_folder, word) for word in words]
        folders = [folder for folder in named if folder is not None]
        if not folders and project.test_folder != project.path:
            folders = [project.test_folder]
        if not folders:
            folders = [folder for name in ("tests", "test") if (folder := project.path / name).is_dir()]
        new = [folder for folder in dict.fromkeys(folders) if folder not in self._taken]
        inside = [folder for folder in new if folder.is_relative_to(project.path)]
        elsewhere = [folder for folder in new if folder not in inside and folder.is_relative_to(self._root)]
        self._taken.update(new)
        return inside, elsewhere


def _resolved(folder: Path, word: str) -> Path | None:
    path = Path(os.path.normpath(folder / word))
    return path if path.is_dir() else None


def _content(module: Module, folder: Path, *inside: Wanted) -> Wanted:
    return _named("content", "url", {"url": module.url(folder)}, *inside)


def _source(module: Module, folder: Path, *, test: bool) -> Wanted:
    attributes = {"url": module.url(folder), "isTestSource": str(test).lower()}
    return _named("sourceFolder", "url", attributes)


def _excluded(module: Module, folder: Path) -> Wanted:
    return _named("excludeFolder", "url", {"url": module.url(folder)})


def _excluded_store(workspace: Workspace, module: Module) -> list[Wanted]:
    return [_excluded(module, workspace.store)] if workspace.store.is_relative_to(workspace.root) else []


def _interpreter(attributes: Mapping[str, str]) -> Wanted:
    """A module has one, its own or that of the PyCharm project: both stand in one place."""
    where = {"type": ("jdk", "inheritedJdk")}
    return Wanted(tag="orderEntry", attributes=attributes, where=where, label="the interpreter")


def _order_of_sources() -> Wanted:
    return _named("orderEntry", "type", {"type": "sourceFolder", "forTests": "false"})


# --- run configurations


def _run_configurations(
    workspace: Workspace, project: Project, module: Module | None
) -> Iterator[tuple[Path, tuple[XmlWish, ...]]]:
    """The tests by nox, as everywhere; and by PyCharm's own runner, which has a debugger, where pytest runs them."""
    folder = workspace.root / ".idea" / "runConfigurations"
    yield folder / f"envyard_test_{project.key}.xml", xml_wishes(_by_nox(workspace, project), declared=False)
    arguments = pytest_arguments(project)
    if arguments is not None and module is not None:
        wanted = _by_pytest(workspace, project, module, arguments)
        yield folder / f"envyard_debug_{project.key}.xml", xml_wishes(wanted, declared=False)


def _by_nox(workspace: Workspace, project: Project) -> Wanted:
    script = "./scripts/run_tests.sh" if os.name != "nt" else r".\scripts\run_tests.bat"
    command = script if has_test_script(workspace) else "nox"
    options = {
        "SCRIPT_TEXT": f"{command} -s {project.key}",
        "INDEPENDENT_SCRIPT_PATH": "true",
        "SCRIPT_PATH": "",
        "SCRIPT_OPTIONS": "",
        "INDEPENDENT_SCRIPT_WORKING_DIRECTORY": "true",
        "SCRIPT_WORKING_DIRECTORY": "$PROJECT_DIR$",
        "INDEPENDENT_INTERPRETER_PATH": "true",
        "INTERPRETER_PATH": "",
        "INTERPRETER_OPTIONS": "",
        "EXECUTE_IN_TERMINAL": "true",
        "EXECUTE_SCRIPT_FILE": "false",
    }
    return _configuration(
        {"name": f"test: {project.title}", "type": "ShConfigurationType"},
        *(_option(name, value) for name, value in options.items()),
        Wanted(tag="envs"),
    )


def _by_pytest(workspace: Workspace, project: Project, module: Module, arguments: list[str]) -> Wanted:
    """PyCharm adds nothing to PYTHONPATH, as nox does not: what cannot be imported there, cannot be here."""
    folder = relative(project.test_folder, workspace.root)
    variables = [
        _named("env", "name", {"name": name, "value": value})
        for name, value in project.environment.items()
        if not ILLEGAL.search(name + value)
    ]
    settings = {
        "INTERPRETER_OPTIONS": "",
        "PARENT_ENVS": "true",
        "SDK_HOME": "",
        "WORKING_DIRECTORY": "$PROJECT_DIR$" if folder == "." else f"$PROJECT_DIR$/{folder}",
        "IS_MODULE_SDK": "true",
        "ADD_CONTENT_ROOTS": "false",
        "ADD_SOURCE_ROOTS": "false",
        "_new_keywords": '""',
        "_new_parameters": '""',
        "_new_additionalArguments": json.dumps(" ".join(map(_quoted, arguments)), ensure_ascii=False),
        "_new_target": '""',
        "_new_targetType": '"CUSTOM"',  # no path: pytest finds the tests, as by nox
    }
    return _configuration(
        {"name": f"debug tests: {project.title}", "type": "tests", "factoryName": "py.test"},
        Wanted(tag="module", attributes={"name": module.name}),
        *(_option(name, value) for name, value in settings.items()),
        Wanted(tag="envs", children=tuple(variables)),
    )


def _configuration(attributes: Mapping[str, str], *inside: Wanted) -> Wanted:
    method = Wanted(tag="method", attributes={"v": "2"})
    wanted = {"default": "false", **attributes, "folderName": _FOLDER}
    return _component("ProjectRunConfigurationManager", _named("configuration", "name", wanted, *inside, method))


def _quoted(argument: str) -> str:
    """One argument on PyCharm's line of them."""
    if argument and not re.search(r"""[\s"']""", argument):
        return argument
    return '"' + argument.replace('"', '\\"') + '"'


# --- elements


def _file(tag: str, attributes: Mapping[str, str], *inside: Wanted) -> Wanted:
    return Wanted(tag=tag, attributes=attributes, children=inside, any_will_do=True)


def _component(name: str, *inside: Wanted) -> Wanted:
    return _named("component", "name", {"name": name}, *inside)


def _option(name: str, value: str, *, label: str = "") -> Wanted:
    attributes = {"name": name, "value": value}
    return Wanted(tag="option", attributes=attributes, where={"name": (name,)}, label=label)


def _named(tag: str, by: str, attributes: Mapping[str, str], *inside: Wanted) -> Wanted:
    return Wanted(tag=tag, attributes=attributes, where={by: (attributes[by],)}, children=inside)
