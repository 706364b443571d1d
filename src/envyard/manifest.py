"""What a project's own files say: its Python, its requirement files, and how it is tested.

A file that cannot be read or understood becomes a note for people, never an error: a monorepo is taken as it is.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envyard.errors import RequirementsUnreadable
from envyard.pyproject import table_of
from envyard.requirements import canonical_name, load_text, requirement_files
from envyard.testlists import TEST_PARTS, ListForTests, find_list, is_application, with_dependencies

MAIN_FILES = ("requirements.txt", "requirements/requirements.txt", "requirements/base.txt")
"""Where the requirements of a project stand; the first that is there counts."""

_TEST_FILES = (
    *(f"requirements{sign}{word}.txt" for word in ("test", "tests", "testing", "dev") for sign in "-_."),
    *(f"{word}{sign}requirements.txt" for word in ("test", "tests", "testing", "dev") for sign in "-_"),
    *(f"requirements/{word}.txt" for word in ("test", "tests", "testing", "dev")),
)
_VERSION = re.compile(r"(?:cpython-|python-?)?(3\.\d{1,2})(?:\.\d{1,2})?")
_CLAUSE = re.compile(r"(?:===?|!=|~=|<=?|>=?)\s*\d+(?:\.\d+)*(?:\.\*)?")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([0-9][^\s;,#\\]*)")
_STACK = ("torch", "tensorflow", "jax", "torchvision", "transformers", "diffusers", "scikit-learn", "django", "fastapi")
_RELATIVE_INSTALL = re.compile(r"^(?:-e|--editable)[\s=]+[\"']?\.(?:\[|[\"'\s]|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the files of one project say; paths are relative to it, with `/`.

    - `python`: a version or range as workspace.toml takes it, or ""; `python_source` is the file that says so.
    - `requirements`, `extras`, `groups`: what to install so that its tests can run, as far as the project says.
    - `editable`: whether people would install the project itself.
    - `has_pytest`: whether `requirements`, `extras` or `groups` bring it.
    - `test_list`: where they do not, what a tool of the project's own would install for the tests.
    - `pytest_paths`: its `testpaths`; None when no file of the project configures pytest.
    - `stack`: the pinned versions that one would tell a colleague, such as `torch 2.0.0`.
    """

    python: str = ""
    python_source: str = ""
    requirements: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    editable: bool = False
    has_pytest: bool = False
    test_list: ListForTests | None = None
    pytest_paths: tuple[str, ...] | None = None
    description: str = ""
    stack: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_manifest(folder: Path) -> Manifest:
    """Everything that the files of the project in `folder` say."""
    notes: list[str] = []
    pyproject = _toml(folder, notes)
    setup = _ini(folder, "setup.cfg", notes)
    project = table_of(pyproject, "project")
    main = [name for name in MAIN_FILES if _is_file(folder / name)][:1]
    files = list(main)
    texts = _texts(folder, files, notes)
    has_pytest = _named(project.get("dependencies"), "pytest") or _ask_for_pytest(texts)
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    if not has_pytest:
        extras = _bringing_pytest(table_of(project, "optional-dependencies"))
        groups = () if extras else _bringing_pytest(table_of(pyproject, "dependency-groups"))
    if not has_pytest and not extras and not groups:
        files += _test_file(folder)
        texts |= _texts(folder, files[len(main) :], notes)
    # Dependencies that only a build can tell are not asked for where a requirements.txt lists them too.
    if "dependencies" in project or extras or groups or (not main and _is_file(folder / "pyproject.toml")):
        files.append("pyproject.toml")
    has_pytest = has_pytest or bool(extras or groups) or _ask_for_pytest(texts)
    script = _setup_script(folder)
    test_list = None if has_pytest else find_list(pyproject, setup, script)
    application = is_application(pyproject, script)
    if application and not project and not main and not groups:
        test_list = with_dependencies(pyproject, test_list)
        files = [name for name in files if name != "pyproject.toml"]
    if test_list is not None and test_list.left_out:
        left_out = ", ".join(test_list.left_out)
        notes.append(f"add to `test-requirements` what {test_list.source} has besides: {left_out}")
    itself = any(_RELATIVE_INSTALL.search(text) for text in texts.values())
    python, source = _python(folder, pyproject, setup, script)
    return Manifest(
        python=python,
        python_source=source,
        requirements=tuple(files),
        extras=extras,
        groups=groups,
        editable=not itself and not application and _wants_itself(folder, pyproject, bool(main)),
        has_pytest=has_pytest,
        test_list=test_list,
        pytest_paths=_pytest_paths(folder, pyproject, setup, notes),
        description=_line(project.get("description")),
        stack=_stack([*texts.values(), "\n".join(_strings(project.get("dependencies")))]),
        notes=tuple(notes),
    )


def is_project_table(text: str) -> bool:
    """Whether a `pyproject.toml` makes its folder a project, and does not only configure a linter.

    One that is not valid TOML does: its mistake should be seen.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError):
        return True
    poetry = table_of(data, "tool", "poetry")
    return bool({"project", "build-system", "dependency-groups"} & data.keys() or poetry)


def has_setup_script(folder: Path) -> bool:
    """Whether `folder` has a setup.py that packages it; modules of that name do something else."""
    if not _is_file(folder / "setup.py") or _is_file(folder / "__init__.py"):
        return False
    try:
        return "setup(" in load_text(folder / "setup.py")
    except (RequirementsUnreadable, OSError):
        return False


# --- files

_BROKEN: Mapping[str, Any] = {}  # known by its identity: a pyproject.toml that is there and cannot be understood


def _toml(folder: Path, notes: list[str]) -> Mapping[str, Any]:
    path = folder / "pyproject.toml"
    if not _is_file(path):
        return {}
    try:
        return tomllib.loads(load_text(path))
    except (ValueError, RecursionError) as error:
        notes.append(f"pyproject.toml is not valid TOML: {str(error).lower()}")
    except (RequirementsUnreadable, OSError) as error:
        notes.append(_plain(error, folder))
    return _BROKEN


def _ini(folder: Path, name: str, notes: list[str]) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    if _is_file(folder / name):
        try:
            parser.read_string(load_text(folder / name))
        except (configparser.Error, RequirementsUnreadable, OSError) as error:
            notes.append(_plain(error, folder) if isinstance(error, RequirementsUnreadable) else f"{name} is damaged")
    return parser


def _texts(folder: Path, names: list[str], notes: list[str]) -> dict[Path, str]:
    """The requirement files with all that they include."""
    try:
        return requirement_files([folder / name for name in names])
    except (RequirementsUnreadable, OSError) as error:
        notes.append(_plain(error, folder))
        return {}


def _test_file(folder: Path) -> list[str]:
    """The file with the requirements of the tests, if there is one that asks for pytest."""
    for name in _TEST_FILES:
        if _is_file(folder / name):
            found = _texts(folder, [name], [])
            if _ask_for_pytest(found):
                return [name]
    return []


def _is_file(path: Path) -> bool:
    """A regular file: to read a pipe would wait for ever."""
    try:
        return path.is_file()
    except OSError:
        return False


def _plain(error: Exception, folder: Path) -> str:
    text = error.message if isinstance(error, RequirementsUnreadable) else str(error)
    return text.replace(f"{folder}/", "")


# --- what they mean


def _python(
    folder: Path, pyproject: Mapping[str, Any], setup: configparser.ConfigParser, script: str
) -> tuple[str, str]:
    """The Python that the project asks for, and the file that says it."""
    poetry = table_of(pyproject, "tool", "poetry", "dependencies").get("python", "")
    said = (
        (_range(table_of(pyproject, "project").get("requires-python")), "pyproject.toml"),
        (_range(setup.get("options", "python_requires", fallback="")), "setup.cfg"),
        (_range(_from_setup_py(script)), "setup.py"),
        (_range(_without_caret(poetry)), "pyproject.toml"),
    )
    for text, source in said:
        if text:
            return text, source
    for name in (".python-version", "runtime.txt"):
        if _is_file(folder / name):
            try:
                match = _VERSION.fullmatch(load_text(folder / name).strip().split("\n")[0].strip())
            except RequirementsUnreadable:
                match = None
            if match:
                return match[1], name
    return "", ""


def _range(value: object) -> str:
    """`>=3.9,<3.13`, or "" for what workspace.toml would not take."""
    if not isinstance(value, str) or not value.strip():
        return ""
    clauses = [clause.strip() for clause in value.split(",") if clause.strip()]
    return ",".join(clauses) if all(_CLAUSE.fullmatch(clause) for clause in clauses) else ""


def _from_setup_py(script: str) -> str:
    """`python_requires` in the text of a setup.py, which is never run."""
    found = re.search(r"python_requires\s*=\s*[\"']([^\"']+)[\"']", script)
    return found[1] if found else ""


def _setup_script(folder: Path) -> str:
    if not _is_file(folder / "setup.py"):
        return ""
    try:
        return load_text(folder / "setup.py")
    except (RequirementsUnreadable, OSError):
        return ""


def _without_caret(value: object) -> object:
    found = re.fullmatch(r"\^\s*3\.(\d+)(?:\.\d+)?", value.strip()) if isinstance(value, str) else None
    return f">=3.{found[1]},<4" if found else value


def _wants_itself(folder: Path, pyproject: Mapping[str, Any], has_main: bool) -> bool:
    """Whether people would type `pip install -e .`: without a requirements.txt, or where tests import from `src`."""
    declared = "build-system" in pyproject or has_setup_script(folder)
    return declared and (not has_main or (folder / "src").is_dir())


def _bringing_pytest(parts: Mapping[str, Any]) -> tuple[str, ...]:
    """The extra or group for the tests, by its name and what it lists; of groups that include others, their own too."""
    by_name = {canonical_name(name): name for name in parts}
    for part in TEST_PARTS:
        if part in by_name and _brings_pytest(by_name[part], parts, ()):
            return (by_name[part],)
    return ()


def _brings_pytest(name: str, parts: Mapping[str, Any], above: tuple[str, ...]) -> bool:
    lines = parts.get(name)
    if name in above or not isinstance(lines, list):
        return False
    included = [entry["include-group"] for entry in lines if isinstance(entry, dict) and "include-group" in entry]
    return _named(lines, "pytest") or any(_brings_pytest(str(each), parts, (*above, name)) for each in included)


def _named(lines: object, package: str) -> bool:
    names = [match[1] for line in _strings(lines) if (match := _NAME.match(line))]
    return package in map(canonical_name, names)


def _ask_for_pytest(texts: Mapping[Path, str]) -> bool:
    return any(_named(text.splitlines(), "pytest") for text in texts.values())


def _pytest_paths(
    folder: Path, pyproject: Mapping[str, Any], setup: configparser.ConfigParser, notes: list[str]
) -> tuple[str, ...] | None:
    """`testpaths` in the file that pytest would take, in pytest's order."""
    if _is_file(folder / "pytest.ini"):
        return tuple(_ini(folder, "pytest.ini", notes).get("pytest", "testpaths", fallback="").split())
    options = table_of(pyproject, "tool", "pytest", "ini_options")
    if options:
        paths = options.get("testpaths", ())
        return tuple(paths.split() if isinstance(paths, str) else _strings(paths))
    tox = _ini(folder, "tox.ini", notes)
    if tox.has_section("pytest"):
        return tuple(tox.get("pytest", "testpaths", fallback="").split())
    if setup.has_section("tool:pytest"):
        return tuple(setup.get("tool:pytest", "testpaths", fallback="").split())
    return None


def _stack(texts: list[str]) -> tuple[str, ...]:
    pins: dict[str, str] = {}
    for line in "\n".join(texts).splitlines():
        found = _PIN.match(line.strip())
        if found:
            pins.setdefault(canonical_name(found[1]), found[2])
    return tuple(f"{name} {pins[name]}" for name in _STACK if name in pins)[:3]


def _strings(values: object) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _line(value: object) -> str:
    """One line of text that workspace.toml takes."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return "" if re.search(r"[\x00-\x1f\x7f]", text) else text[:160]
