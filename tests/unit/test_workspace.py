"""`workspace.toml`: found, read with its defaults, every mistake named with its line; projects chosen by name."""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envyard.consistency import RESERVED_KEYS
from envyard.errors import ConfigurationInvalid, UnknownEnvironment, WorkspaceNotFound
from envyard.platforms import PLATFORMS
from envyard.workspace import current_folder, find_workspace, load_workspace, select_projects

GOOD = """\
# Every key once.
[workspace]
name = "reference"
python = "3.12"
store = ".store"
environments = "app/environments"
installer = "uv"
publish = "copy"
platforms = ["linux-x86_64", "windows-x86_64"]

[projects.alpha]
title = "Alpha"
path = "projects/Alpha"
description = "The first"
python = ">=3.10,<3.13"
requirements = [
    "requirements/alpha.in",  # by hand
    "projects/Alpha/pyproject.toml",
]
lockfile = "requirements/alpha.txt"
extras = ["cpu"]
groups = ["dev"]
test-requirements = ["pytest>=8", "hypothesis"]
editable = true
test-command = "python -m pytest -k 'not slow'"
test-folder = "tests"
tags = ["ai", "Core"]
torch-backend = "cu121"

[projects.alpha.environment]
TOKENIZERS_PARALLELISM = "false"

[projects."client-backend"]
title = 'Client/Backend'
path = "projects/Client/Backend"
test-command = ["python", "run.py"]
environment = { LEVEL = "info", "_X1" = "y" }
tags = ["service"]

[projects.client]
path = "projects/Client"
tags = ["service", "core"]
"""

Writer = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """Writes `workspace.toml` beside the folders that `GOOD` names, and returns the root."""
    monkeypatch.delenv("ENVYARD_WORKSPACE", raising=False)
    root = tmp_path / "reference"
    for folder in ("requirements", "projects/Alpha/tests", "projects/Client/Backend", "alpha", "beta", "gamma"):
        (root / folder).mkdir(parents=True)
    for file in ("requirements/alpha.in", "projects/Alpha/pyproject.toml"):
        (root / file).touch()

    def write(text: str) -> Path:
        (root / "workspace.toml").write_bytes(text.encode())
        return root

    return write


def mistakes(root: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigurationInvalid, match=r"workspace\.toml` has [0-9]+ mistake") as caught:
        load_workspace(root)
    assert f"has {len(caught.value.details)} mistake" in caught.value.message
    return caught.value.details


# --- a good file


def test_every_key_is_read(write: Writer) -> None:
    root = write(GOOD)

    workspace = load_workspace(root)

    assert (workspace.root, workspace.file) == (root, root / "workspace.toml")
    assert (workspace.name, workspace.store) == ("reference", root / ".store")
    assert workspace.environments == root / "app/environments"
    assert (workspace.installer, workspace.publish) == ("uv", "copy")
    assert workspace.platforms == ("linux-x86_64", "windows-x86_64")
    alpha = workspace.projects[0]
    assert (alpha.key, alpha.title, alpha.description) == ("alpha", "Alpha", "The first")
    assert (alpha.path, alpha.link) == (root / "projects/Alpha", root / "projects/Alpha/venv")
    assert (alpha.python, alpha.torch_backend, alpha.editable) == (">=3.10,<3.13", "cu121", True)
    assert alpha.requirements == (root / "requirements/alpha.in", root / "projects/Alpha/pyproject.toml")
    assert alpha.lockfile == root / "requirements/alpha.txt"
    assert (alpha.extras, alpha.groups) == (("cpu",), ("dev",))
    assert alpha.test_requirements == ("pytest>=8", "hypothesis")
    assert alpha.test_command == ("python", "-m", "pytest", "-k", "not slow")
    assert alpha.test_folder == root / "projects/Alpha/tests"
    assert alpha.tags == ("ai", "Core")
    assert alpha.environment == {"TOKENIZERS_PARALLELISM": "false"}
    backend = workspace.projects[1]
    assert backend.test_command == ("python", "run.py")
    assert backend.environment == {"LEVEL": "info", "_X1": "y"}


def test_an_empty_file_is_a_workspace_of_defaults(write: Writer) -> None:
    root = write("")

    workspace = load_workspace(root)

    assert (workspace.name, workspace.store) == ("reference", root / ".envs")
    assert workspace.environments == root / "environments"
    assert (workspace.installer, workspace.publish, workspace.projects) == ("auto", "auto", ())
    assert workspace.platforms == ("linux-x86_64", "macos-arm64", "windows-x86_64")


def test_old_environments_may_lie_elsewhere_by_a_variable(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write('[workspace]\nenvironments = "app"')
    monkeypatch.setenv("ENVYARD_ENVIRONMENTS", "/data/app/../environments")
    assert load_workspace(root).environments == Path("/data/environments")


def test_usual_folder_of_old_environments_may_be_a_link_out_of_the_workspace(write: Writer, tmp_path: Path) -> None:
    root = write("")
    (tmp_path / "disk").mkdir()
    (root / "environments").symlink_to(tmp_path / "disk")
    assert load_workspace(root).environments == root / "environments"


def test_a_project_needs_nothing_but_its_folder(write: Writer) -> None:
    root = write("[projects.alpha]\n[projects.beta]\npath = 'projects/Client/Backend'\n")

    alpha, beta = load_workspace(root).projects

    assert (alpha.title, alpha.path, alpha.test_folder) == ("alpha", root / "alpha", root / "alpha")
    assert alpha.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert (alpha.requirements, alpha.lockfile, alpha.torch_backend) == ((), None, "")
    assert alpha.test_command == ("python", "-m", "pytest")
    assert beta.title == "Backend"


def test_the_python_of_the_workspace_is_that_of_its_projects(write: Writer) -> None:
    root = write('[projects.alpha]\n[projects.beta]\npython = "3.13"\n[workspace]\npython = "3.10"\n')

    assert [project.python for project in load_workspace(root).projects] == ["3.10", "3.13"]


@pytest.mark.parametrize("names", [("requirements.txt",), ("pyproject.toml",), ("requirements.txt", "pyproject.toml")])
def test_requirements_default_to_the_usual_files_of_the_project(write: Writer, names: tuple[str, ...]) -> None:
    root = write("[projects.alpha]\n")
    for name in names:
        (root / "alpha" / name).touch()

    (alpha,) = load_workspace(root).projects

    assert alpha.requirements == tuple(root / "alpha" / name for name in names)


@pytest.mark.parametrize(
    "line",
    [
        'python = "3"',
        'python = "3.11.7"',
        'python = "3.13t"',
        'python = "pypy3.10"',
        'python = "==3.11.*"',
        'python = ">= 3.10, != 3.11.1, < 3.13"',
        'python = "/opt/python 3/bin/python"',
        'python = "C:\\\\Python311\\\\python.exe"',
        'path = "./alpha/"',
        'path = "beta/../alpha"',
        'path = "."',
        'lockfile = "locks/not/yet.txt"',
        'torch-backend = "auto"',
        'torch-backend = "cpu"',
        'torch-backend = "rocm6.2"',
        'test-folder = "../gamma"',
        'test-command = "pytest"',
        'test-requirements = ["a[b,c]>=1; python_version < \'4\'", "d @ https://example.org/d.whl"]',
        "requirements = []",
        "environment = {}",
    ],
)
def test_what_is_legal(write: Writer, line: str) -> None:
    assert len(load_workspace(write(f"[projects.alpha]\n{line}\n")).projects) == 1


def test_a_project_may_be_inside_another(write: Writer) -> None:
    client, backend = select_projects(load_workspace(write(GOOD)), ["client", "client-backend"])[::-1]

    assert backend.path.parent == client.path


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(write: Writer) -> None:
    assert load_workspace(write("\ufeff" + GOOD.replace("\n", "\r\n"))) == load_workspace(write(GOOD))


# --- mistakes: `#!` marks the line that must be named; the message begins with what is written here

RELATIVE = "; expected a path relative to the workspace"
QUOTES = "; expected text in quotes"
TAG = "; expected letters and digits, with `-`, `_` or `.` between them"
PYTHON = "is not valid; expected `3.11`, `>=3.10,<3.13` or an absolute path"
OUT = "leads out of the workspace"
INSIDE = "is inside the environment of `alpha`; expected a place outside every environment"
PLATFORM = f"expected {', '.join(f'`{each}`' for each in list(PLATFORMS)[:-1])} or `{list(PLATFORMS)[-1]}`"
KEY = "cannot be the key of a project; expected lower-case letters, digits and dashes between them, at most 64"
MARKED = re.compile(r"[ ]*#!.*")

MISTAKES = {
    # unknown keys
    "unknown key": (
        '[projects.alpha]\n\nlockfil = "x" #!',
        "projects.alpha.lockfil: unknown key; did you mean `lockfile`?",
    ),
    "snake case": (
        '[projects.alpha]\ntest_command = "x" #!',
        "projects.alpha.test_command: unknown key; did you mean `test-command`?",
    ),
    "unknown key like nothing": (
        "[workspace]\nqqq = 1 #!",
        (
            "workspace.qqq: unknown key; expected one of `environments`, `exclude`, `hardware`, `installer`, `name`, "
            "`nested`, `platforms`, `publish`, `python` or `store`"
        ),
    ),
    "unknown table": (
        '[projects.alpha]\n[project.beta] #!\npath = "beta"',
        "project: unknown key; did you mean `projects`?",
    ),
    "unknown quoted key": ('["a b"] #!\nx = 1', '"a b": unknown key; expected one of `ci`, `projects` or `workspace`'),
    # wrong types
    "float as python": (
        "[projects.alpha]\npython = 3.10 #!",
        (
            "projects.alpha.python: is a number; write it in quotes: TOML reads 3.10 as 3.1; did you mean "
            '`python = "3.10"`?'
        ),
    ),
    "float as python of the workspace": (
        "[workspace]\npython = 3.20 #!",
        'workspace.python: is a number; write it in quotes: TOML reads 3.20 as 3.2; did you mean `python = "3.20"`?',
    ),
    "float that TOML keeps": (
        "[workspace]\npython = 3.11 #!",
        f'workspace.python: is the number 3.11{QUOTES}; did you mean `python = "3.11"`?',
    ),
    "integer as python": (
        "[projects.alpha]\npython = 3 #!",
        f'projects.alpha.python: is the number 3{QUOTES}; did you mean `python = "3"`?',
    ),
    "list as python": (
        '[projects.alpha]\npython = ["3.10", "3.11"] #!',
        f"projects.alpha.python: is a list{QUOTES}",
    ),
    "date as text": ("[workspace]\nname = 2026-11-21 #!", f"workspace.name: is a date or time{QUOTES}"),
    "boolean as text": ("[workspace]\nname = true #!", f"workspace.name: is `true`{QUOTES}"),
    "table as text": ("[workspace]\nname = {} #!", f"workspace.name: is a table{QUOTES}"),
    "endless integer": (f"[workspace]\nname = 0x{'f' * 5000} #!", "workspace.name: is the number 0xffffffffffffffffff"),
    "text as list": (
        '[projects.alpha]\nrequirements = "requirements/alpha.in" #!',
        (
            "projects.alpha.requirements: is the text `requirements/alpha.in`; expected a list of text; did you mean "
            '`requirements = ["requirements/alpha.in"]`?'
        ),
    ),
    "number in a list": (
        '[projects.alpha]\ntags = [\n  "a", # no\n  7, #!\n]',
        f'projects.alpha.tags[1]: is the number 7{QUOTES}; did you mean `"7"`?',
    ),
    "text as boolean": (
        '[projects.alpha]\neditable = "false" #!',
        "projects.alpha.editable: is the text `false`; expected `true` or `false`; did you mean `editable = false`?",
    ),
    "number as boolean": (
        "[projects.alpha]\neditable = 1 #!",
        "projects.alpha.editable: is the number 1; expected `true` or `false`",
    ),
    "text as table": (
        '[projects.alpha]\nenvironment = "A=b" #!',
        "projects.alpha.environment: is the text `A=b`; expected a table `[projects.alpha.environment]`",
    ),
    "number as variable": (
        "[projects.alpha.environment]\nA = 'b'\nWORKERS = 4 #!",
        f'projects.alpha.environment.WORKERS: is the number 4{QUOTES}; did you mean `WORKERS = "4"`?',
    ),
    "text as project": (
        '[projects]\nalpha = "alpha" #!',
        "projects.alpha: is the text `alpha`; expected a table `[projects.alpha]`",
    ),
    "list of tables": (
        "[[projects]] #!\nkey = 'alpha'",
        "projects: is a list of tables; expected tables `[projects.<key>]`",
    ),
    "text as workspace": ('workspace = "x" #!', "workspace: is the text `x`; expected a table `[workspace]`"),
    "number as command": (
        "[projects.alpha]\ntest-command = 1 #!",
        "projects.alpha.test-command: is the number 1; expected a list of arguments",
    ),
    "number in a command": (
        '[projects.alpha]\ntest-command = ["pytest",\n "-n", 4] #!',
        f'projects.alpha.test-command[2]: is the number 4{QUOTES}; did you mean `"4"`?',
    ),
    # wrong values
    "bad python": ('[projects.alpha]\npython = "python3.x" #!', f"projects.alpha.python: `python3.x` {PYTHON}"),
    "python two": ('[projects.alpha]\npython = "2.7" #!', f"projects.alpha.python: `2.7` {PYTHON}"),
    "half a range": ('[projects.alpha]\npython = ">=3.10,<" #!', f"projects.alpha.python: `>=3.10,<` {PYTHON}"),
    "range without comma": ('[projects.alpha]\npython = ">=3.10<4" #!', f"projects.alpha.python: `>=3.10<4` {PYTHON}"),
    "relative python": ('[projects.alpha]\npython = "bin/python" #!', f"projects.alpha.python: `bin/python` {PYTHON}"),
    "empty python": ('[projects.alpha]\npython = "" #!', "projects.alpha.python: is empty"),
    "empty name": ('[workspace]\nname = "" #!', "workspace.name: is empty; expected one line of text"),
    "title of two lines": (
        '[projects.alpha]\ntitle = "a\\nb" #!',
        r"projects.alpha.title: `a\nb` is not valid; expected one line of text",
    ),
    "NUL": ('[projects.alpha]\ndescription = "a\\u0000" #!', "projects.alpha.description: holds a NUL character"),
    "unknown installer": (
        '[workspace]\ninstaller = "pipp" #!',
        "workspace.installer: `pipp` is unknown; expected `auto`, `uv` or `pip`; did you mean `pip`?",
    ),
    "unknown publish": (
        '[workspace]\npublish = "hard" #!',
        "workspace.publish: `hard` is unknown; expected `auto`, `link` or `copy`",
    ),
    "unknown platform": (
        '[workspace]\nplatforms = ["linux-x86-64"] #!',
        f"workspace.platforms[0]: `linux-x86-64` is unknown; {PLATFORM}; did you mean `linux-x86_64`?",
    ),
    "no platform": (
        "[workspace]\nplatforms = [] #!",
        f"workspace.platforms: is empty; {PLATFORM}",
    ),
    "exclude is no list": (
        '[workspace]\nexclude = "archive/*" #!',
        "workspace.exclude: is the text `archive/*`; expected a list of text",
    ),
    "tag with a space": ('[projects.alpha]\ntags = ["a b"] #!', f"projects.alpha.tags[0]: `a b` is not valid{TAG}"),
    "tag twice": ('[projects.alpha]\ntags = ["a", "b", "a"] #!', "projects.alpha.tags[2]: `a` is listed twice"),
    "bad extra": (
        '[projects.alpha]\nrequirements = ["projects/Alpha/pyproject.toml"]\nextras = ["-x"] #!',
        f"projects.alpha.extras[0]: `-x` is not valid{TAG}",
    ),
    "extras of nothing": (
        '[projects.alpha]\nrequirements = ["requirements/alpha.in"]\nextras = ["cpu"] #!',
        "projects.alpha.extras: have no meaning without a `pyproject.toml` among the requirements",
    ),
    "groups of nothing": (
        '[projects.alpha]\ngroups = ["dev"] #!',
        "projects.alpha.groups: have no meaning without a `pyproject.toml` among the requirements",
    ),
    "test requirements from a file": (
        '[projects.alpha]\ntest-requirements = ["-r tests.txt"] #!',
        "projects.alpha.test-requirements[0]: `-r tests.txt` is not valid; expected a requirement such as `pytest>=8`",
    ),
    "nothing to install": (
        "[projects.alpha]\neditable = true #!",
        "projects.alpha.editable: the project has no `pyproject.toml` or `setup.py`, so it cannot be installed",
    ),
    "torch backend": (
        '[projects.alpha]\ntorch-backend = "cuda12" #!',
        (
            "projects.alpha.torch-backend: `cuda12` is not valid; expected `auto`, `cpu`, `xpu`, a CUDA version such "
            "as `cu121` or a ROCm version such as `rocm6.2`"
        ),
    ),
    "variable name": (
        '[projects.alpha]\nenvironment = { OK = "1", "1-A" = "x" } #!',
        "projects.alpha.environment.1-A: `1-A` is not valid; expected the name of a variable: letters, digits and `_`",
    ),
    "empty command": (
        "[projects.alpha]\ntest-command = [] #!",
        "projects.alpha.test-command: is empty; expected a command, such as `python -m pytest`",
    ),
    "command of nothing": (
        '[projects.alpha]\ntest-command = "  " #!',
        "projects.alpha.test-command: is empty; expected a command, such as `python -m pytest`",
    ),
    "open quote in a command": (
        """[projects.alpha]\ntest-command = "pytest -k 'a" #!""",
        "projects.alpha.test-command: `pytest -k 'a` cannot be split: no closing quotation",
    ),
    "shell in a command": (
        '[projects.alpha]\ntest-command = "cd x && pytest" #!',
        "projects.alpha.test-command: `&&` needs a shell, and commands run without one",
    ),
    # paths
    "missing folder": (
        '[projects.alpha]\npath = "projects/Alfa" #!',
        (
            "projects.alpha.path: there is no folder `projects/Alfa`; expected the folder of the project; did you mean "
            "`projects/Alpha`?"
        ),
    ),
    "missing folder of the key": (
        "[projects.delta] #!",
        "projects.delta.path: there is no folder `delta`; expected the folder of the project",
    ),
    "file as folder": (
        '[projects.alpha]\npath = "requirements/alpha.in" #!',
        "projects.alpha.path: `requirements/alpha.in` is no folder; expected the folder of the project",
    ),
    "missing requirements": (
        '[projects.alpha]\nrequirements = [\n"requirements/alpha.in",\n"requirements/alpha.txt"] #!',
        (
            "projects.alpha.requirements[1]: there is no file `requirements/alpha.txt`; expected a file, relative to "
            "the workspace; did you mean `requirements/alpha.in`?"
        ),
    ),
    "requirements relative to the project": (
        '[projects.alpha]\npath = "projects/Alpha"\nrequirements = ["pyproject.toml"] #!',
        (
            "projects.alpha.requirements[0]: there is no file `pyproject.toml`; expected a file, relative to the "
            "workspace; did you mean `projects/Alpha/pyproject.toml`?"
        ),
    ),
    "folder as requirements": (
        '[projects.alpha]\nrequirements = ["requirements"] #!',
        "projects.alpha.requirements[0]: `requirements` is no file; expected a file, relative to the workspace",
    ),
    "folder as lockfile": ('[projects.alpha]\nlockfile = "beta" #!', "projects.alpha.lockfile: `beta` is no file"),
    "lockfile of itself": (
        '[projects.alpha]\nrequirements = ["requirements/alpha.in"]\nlockfile = "requirements/alpha.in" #!',
        "projects.alpha.lockfile: `requirements/alpha.in` is also one of the requirements it is made from",
    ),
    "missing test folder": (
        '[projects.alpha]\ntest-folder = "tests" #!',
        "projects.alpha.test-folder: the project has no folder `tests`",
    ),
    "path above": ('[projects.alpha]\npath = "../alpha" #!', f"projects.alpha.path: `../alpha` {OUT}{RELATIVE}"),
    "absolute path": (
        '[projects.alpha]\npath = "/alpha" #!',
        f"projects.alpha.path: `/alpha` is absolute, which fits only one machine{RELATIVE}",
    ),
    "path with a drive": (
        '[projects.alpha]\npath = "C:alpha" #!',
        f"projects.alpha.path: `C:alpha` is absolute, which fits only one machine{RELATIVE}",
    ),
    "backslash": (
        "[projects.alpha]\npath = 'projects\\Alpha' #!",
        "projects.alpha.path: `projects\\Alpha` holds a backslash; write `/`, which works on every system" + RELATIVE,
    ),
    "pattern": (
        '[projects.alpha]\nrequirements = ["requirements/*.in"] #!',
        "projects.alpha.requirements[0]: `requirements/*.in` holds `*`, which Windows does not allow in a path"
        + RELATIVE,
    ),
    "NUL in a path": (
        '[projects.alpha]\npath = "a\\u0000b" #!',
        "projects.alpha.path: holds a NUL character",
    ),
    "empty path": ('[projects.alpha]\npath = "" #!', f"projects.alpha.path: is empty{RELATIVE}"),
    "endless path": (
        f'[projects.alpha]\npath = "{"a/" * 3000}" #!',
        "projects.alpha.path: there is no folder `a/a/",
    ),
    "lockfile outside": (
        '[projects.alpha]\nlockfile = "../../x.txt" #!',
        f"projects.alpha.lockfile: `../../x.txt` {OUT}{RELATIVE}",
    ),
    "test folder outside": (
        '[projects.alpha]\ntest-folder = "../.." #!',
        f"projects.alpha.test-folder: `../..` {OUT}; expected a path relative to the project",
    ),
    "store outside": ('[workspace]\nstore = "../envs" #!', f"workspace.store: `../envs` {OUT}{RELATIVE}"),
    "store is a file": (
        '[workspace]\nstore = "requirements/alpha.in" #!',
        "workspace.store: `requirements/alpha.in` is no folder; expected a folder, or none yet",
    ),
    "store is the root": (
        '[workspace]\nstore = "." #!',
        "workspace.store: is the workspace itself; expected a folder such as `.envs`",
    ),
    "environments outside": (
        '[workspace]\nenvironments = "/data/environments" #!',
        f"workspace.environments: `/data/environments` is absolute, which fits only one machine{RELATIVE}",
    ),
    # one project against another
    "path twice": (
        '[projects.alpha]\n[projects.beta]\npath = "alpha/" #!\ntitle = "B"',
        "projects.beta.path: `alpha` is already the folder of `alpha`; expected a folder of its own",
    ),
    "title twice": (
        '[projects.alpha]\n[projects.beta]\ntitle = "ALPHA" #!',
        "projects.beta.title: `ALPHA` is also the title of `alpha`",
    ),
    "title twice by default": (
        '[projects.x]\npath = "projects/Alpha"\n[projects.y] #!\npath = "alpha"',
        "projects.y.title: `alpha`, the last part of `path`, is also the title of `x`",
    ),
    "title is another's key": (
        '[projects.alpha]\ntitle = "Beta" #!\n[projects.beta]\ntitle = "B"',
        "projects.alpha.title: `Beta` is the key of another project",
    ),
    "depends on nobody": (
        '[projects.alpha]\ndepends-on = ["betta"] #!\n[projects.beta]',
        (
            "projects.alpha.depends-on[0]: there is no project `betta`; expected the key of a project; "
            "did you mean `beta`?"
        ),
    ),
    "depends on itself": (
        '[projects.alpha]\ndepends-on = ["alpha"] #!',
        "projects.alpha.depends-on[0]: a project does not depend on itself",
    ),
    "depends in a circle": (
        '[projects.beta]\ndepends-on = ["alpha"]\n[projects.alpha]\ndepends-on = ["beta"] #!',
        "projects.alpha.depends-on: goes round in a circle: alpha -> beta -> alpha",
    ),
    "profile that is not there": (
        '[projects.alpha]\nprofiles = ["torch-cpu"] #!',
        "projects.alpha.profiles[0]: there is no profile `torch-cpu`; expected a file in `profiles/`",
    ),
    "platform of ci that no lockfile serves": (
        '[workspace]\nplatforms = ["linux-x86_64", "macos-arm64"]\n[ci]\nplatforms = ["windows-x86_64"] #!',
        "ci.platforms[0]: `windows-x86_64` is unknown; expected `linux-x86_64` or `macos-arm64`",
    ),
    "runner of no platform": (
        '[ci.runners]\nlinux = "big" #!',
        (
            "ci.runners.linux: `linux` is not valid; expected `linux-x86_64`, `linux-aarch64`, `macos-arm64`, "
            "`macos-x86_64`, `windows-x86_64` or `windows-arm64`"
        ),
    ),
    "session that is no name": (
        '[ci]\nsessions = ["lint && x"] #!',
        "ci.sessions[0]: `lint && x` is not valid; expected the name of a nox session",
    ),
    "lockfile twice": (
        '[projects.alpha]\nlockfile = "lock.txt"\n[projects.beta]\nlockfile = "./Lock.txt" #!',
        "projects.beta.lockfile: `Lock.txt` is already the lockfile of `alpha`; expected a lockfile of its own",
    ),
    "project in an environment": (
        '[projects.alpha]\n[projects.inner]\npath = "alpha/venv/lib" #!',
        f"projects.inner.path: `alpha/venv/lib` {INSIDE}",
    ),
    "project is an environment": (
        '[projects.alpha]\n[projects.inner]\npath = "alpha/venv" #!',
        f"projects.inner.path: `alpha/venv` {INSIDE}",
    ),
    "lockfile in an environment": (
        '[projects.alpha]\nlockfile = "alpha/venv/lock.txt" #!',
        f"projects.alpha.lockfile: `alpha/venv/lock.txt` {INSIDE}",
    ),
    "store in an environment": (
        '[workspace]\nstore = "alpha/venv/.envs" #!\n[projects.alpha]',
        "workspace.store: `alpha/venv/.envs` is inside the environment of `alpha`",
    ),
    "store holds projects": (
        (
            '[workspace]\nstore = "projects" #!\n[projects.alpha]\npath = "projects/Alpha"\n[projects.beta]\n'
            'path = "projects/Client"'
        ),
        "workspace.store: `projects` holds the projects `alpha`, `beta`; expected a folder of its own",
    ),
    "project in the store": (
        '[projects.alpha]\npath = ".envs/alpha" #!',
        "projects.alpha.path: `.envs/alpha` is inside the store `.envs`",
    ),
    "lockfile in the store": (
        '[projects.alpha]\nlockfile = ".envs/alpha.txt" #!',
        "projects.alpha.lockfile: `.envs/alpha.txt` is inside the store `.envs`",
    ),
    # keys
    "upper case": (
        '[projects.ConfigLoad] #!\npath = "alpha"',
        f"projects.ConfigLoad: `ConfigLoad` {KEY}; did you mean `[projects.config-load]`?",
    ),
    "path as key": (
        '[projects."../alpha"] #!\npath = "alpha"',
        f'projects."../alpha": `../alpha` {KEY}; did you mean `[projects.alpha]`?',
    ),
    "underscore": (
        '[projects.a_b] #!\npath = "alpha"',
        f"projects.a_b: `a_b` {KEY}; did you mean `[projects.a-b]`?",
    ),
    "dash at the end": (
        '[projects.a-] #!\npath = "alpha"',
        f"projects.a-: `a-` {KEY}; did you mean `[projects.a]`?",
    ),
    "empty key": (
        '[projects.""] #!\npath = "alpha"',
        f'projects."": `` {KEY}',
    ),
    "long key": (
        f'[projects.{"a" * 65}] #!\npath = "alpha"',
        f"projects.{'a' * 65}: `{'a' * 65}` {KEY}; did you mean `[projects.{'a' * 64}]`?",
    ),
    "keys equal but for case": (
        '[projects.alpha]\n[projects.Alpha] #!\npath = "beta"\ntitle = "x"',
        "projects.Alpha: the key differs from `alpha` only in upper and lower case; expected different keys",
    ),
    "device": ('[projects.nul] #!\npath = "alpha"', "projects.nul: `nul` is the name of a device on Windows"),
    "device with a number": ('[projects.com1] #!\npath = "alpha"', "projects.com1: `com1` is the name of a device"),
} | {
    f"reserved {key}": (
        f'[projects.{key}] #!\npath = "alpha"',
        f"projects.{key}: `{key}` is already the name of a nox session",
    )
    for key in sorted(RESERVED_KEYS)
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_line(write: Writer, text: str, message: str) -> None:
    (line,) = (number for number, each in enumerate(text.split("\n"), 1) if "#!" in each)
    root = write(MARKED.sub("", text))
    for folder in (".envs/alpha", "alpha/venv/lib"):
        (root / folder).mkdir(parents=True)

    (mistake,) = mistakes(root)

    start, _, rest = mistake.partition(": ")
    assert start == f"workspace.toml:{line}"
    assert rest.startswith(message)


def test_all_mistakes_of_a_file_come_in_one_run_and_in_its_order(write: Writer) -> None:
    root = write(
        """\
[workspace]
python = 3.10
instaler = "uv"

[projects.alpha]
path = "../alpha"
test-folder = "tests"

[projects.Beta]
path = "beta"
tags = "ai"
requirements = ["requirements/beta.in"]

[projects.gamma]
python = 3
title = "beta"
environment = { "a-b" = "c" }
"""
    )

    found = mistakes(root)

    assert [each.split(" ")[0] + " " + each.split(" ")[1] for each in found] == [
        "workspace.toml:2: workspace.python:",
        "workspace.toml:3: workspace.instaler:",
        "workspace.toml:6: projects.alpha.path:",
        "workspace.toml:9: projects.Beta:",
        "workspace.toml:11: projects.Beta.tags:",
        "workspace.toml:12: projects.Beta.requirements[0]:",
        "workspace.toml:15: projects.gamma.python:",
        "workspace.toml:16: projects.gamma.title:",
        "workspace.toml:17: projects.gamma.environment.a-b:",
    ]


def test_the_error_says_how_many_mistakes_and_where_the_keys_are_described(write: Writer) -> None:
    root = write("[workspace]\nstroe = 'x'\nname = 1\n")

    with pytest.raises(ConfigurationInvalid, match="has 2 mistakes") as caught:
        load_workspace(root)

    assert str(caught.value) == (
        f"`{root / 'workspace.toml'}` has 2 mistakes\n"
        "  workspace.toml:2: workspace.stroe: unknown key; did you mean `store`?\n"
        '  workspace.toml:3: workspace.name: is the number 1; expected text in quotes; did you mean `name = "1"`?\n'
        "\n"
        "hint: correct them and run the command again; `docs/workspace-toml.md` of envyard describes every key"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('path = "link" #!', f"projects.alpha.path: `link` {OUT} through a link{RELATIVE}"),
        ('path = "link/sub" #!', f"projects.alpha.path: `link/sub` {OUT} through a link{RELATIVE}"),
        ('lockfile = "link/no.txt" #!', f"projects.alpha.lockfile: `link/no.txt` {OUT} through a link{RELATIVE}"),
        (
            'requirements = ["file.in"] #!',
            f"projects.alpha.requirements[0]: `file.in` {OUT} through a link{RELATIVE}",
        ),
        (
            'path = "same" #!',
            "projects.alpha.path: `same` is already the folder of `beta`; expected a folder of its own",
        ),
        (
            'path = "loop" #!',
            "projects.alpha.path: there is no folder `loop`; expected the folder of the project",
        ),
    ],
    ids=["folder", "below", "missing", "file", "same folder", "loop"],
)
def test_a_link_is_followed_before_a_path_is_judged(write: Writer, tmp_path: Path, line: str, message: str) -> None:
    root = write(f"[projects.beta]\ntitle = 'B'\n[projects.alpha]\n{line}\n")
    (tmp_path / "outside/sub").mkdir(parents=True)
    (tmp_path / "outside/x.in").touch()
    try:
        (root / "link").symlink_to(tmp_path / "outside")
        (root / "file.in").symlink_to(tmp_path / "outside/x.in")
        (root / "same").symlink_to("beta")
        (root / "loop").symlink_to("loop")
    except OSError:
        pytest.skip("links cannot be made here")

    assert mistakes(root) == (f"workspace.toml:4: {message}",)


def test_a_workspace_reached_through_a_link_is_whole(write: Writer, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write(GOOD))

    assert load_workspace(tmp_path / "link").projects[0].path == tmp_path / "link/projects/Alpha"


# --- files that are no TOML

NOT_TOML = {  # the rest of each message is tomllib's and differs between versions of Python
    "open quote": ('[workspace]\na = "x', 2, "not valid TOML: "),
    "open quote in the middle": ('[workspace]\na = "x\nb = 1', 2, "not valid TOML: "),
    "key twice": ("a = 1\nb = 2\na = 3\n", 3, "not valid TOML: cannot overwrite a value"),
    "table twice": (
        "[projects.alpha]\n[projects.beta]\n[projects.alpha]\n",
        3,
        "not valid TOML: cannot declare ('projects', 'alpha') twice",
    ),
    "version without quotes": (
        "[workspace]\npython = 3.10.2  # no\n",
        2,
        '; expected text in quotes; did you mean `python = "3.10.2"`?',
    ),
    "range without quotes": (
        "[workspace]\npython = >=3.10\n",
        2,
        'invalid value; expected text in quotes; did you mean `python = ">=3.10"`?',
    ),
    "open list": ("[workspace]\nplatforms = [\n\n", 2, "not valid TOML: "),
    "nothing after the sign": ("[workspace]\nname =", 2, "not valid TOML: invalid value"),
    "deep nesting": ("a = " + "[" * 5000, 1, "not valid TOML: "),
    "number of 5000 digits": ("a = " + "9" * 5000, 1, "not valid TOML: "),
    "date that is none": ("a = 2026-13-45", 1, "not valid TOML: "),
}


@pytest.mark.parametrize(("text", "line", "message"), NOT_TOML.values(), ids=NOT_TOML.keys())
def test_a_syntax_error_has_its_line_and_column(write: Writer, text: str, line: int, message: str) -> None:
    (mistake,) = mistakes(write(text))

    assert re.match(rf"workspace\.toml:{line}:\d+: not valid TOML: \S", mistake)
    assert message in mistake


@pytest.mark.parametrize(
    ("raw", "mistake"),
    [
        (
            "[workspace]\nname = 'caf\xe9'\n".encode("latin-1"),
            "workspace.toml:2: byte 0xe9 is not UTF-8; save the file as UTF-8",
        ),
        ("[workspace]\n".encode("utf-16"), "workspace.toml:1: is UTF-16, not UTF-8; save it as UTF-8"),
    ],
    ids=["latin-1", "utf-16"],
)
def test_a_file_in_another_encoding_is_a_mistake(write: Writer, raw: bytes, mistake: str) -> None:
    root = write("")
    (root / "workspace.toml").write_bytes(raw)

    assert mistakes(root) == (mistake,)


def test_a_file_that_cannot_be_read_is_a_mistake(write: Writer) -> None:
    root = write("")
    (root / "workspace.toml").unlink()
    (root / "workspace.toml").mkdir()

    (mistake,) = mistakes(root)

    assert mistake.startswith("workspace.toml: cannot be read: ")


def test_garbled_files_give_mistakes_or_a_workspace_and_never_anything_else(write: Writer) -> None:
    """Lines of the good file are deleted, doubled, moved and damaged, each time the same way."""
    chance = random.Random(20261121)
    lines = GOOD.split("\n")
    for number in range(len(lines)):
        variants = [lines[:number] + lines[number + 1 :], lines[:number] + [lines[number]] + lines[number:]]
        variants += [[*lines[:number], _damaged(lines[number], chance), *lines[number + 1 :]] for _ in range(6)]
        variants.append([*lines[:number], lines[chance.randrange(len(lines))], *lines[number + 1 :]])
        for variant in variants:
            root = write("\n".join(variant))
            try:
                load_workspace(root)
            except ConfigurationInvalid as error:
                for mistake in error.details:
                    placed = re.match(r"workspace\.toml:(\d+)(:\d+)?: \S", mistake)
                    assert placed is not None, mistake
                    assert 1 <= int(placed[1]) <= len(variant), mistake


def _damaged(line: str, chance: random.Random) -> str:
    at = chance.randrange(len(line) + 1)
    strange = [
        "",
        '"',
        "'",
        "[",
        "]",
        "{",
        "}",
        "=",
        ".",
        "#",
        "\\",
        "\0",
        "\x1b",
        "é",
        "😀",
        " ",
        "-",
        "9",
        "\n",
        '"""',
    ]
    return line[:at] + chance.choice(strange) + line[at + chance.randrange(3) :]


# --- finding


def test_the_workspace_is_found_from_any_folder_below(write: Writer) -> None:
    root = write(GOOD)

    assert find_workspace(root) == root
    assert find_workspace(root / "projects/Client/Backend") == root
    assert find_workspace(root / "workspace.toml") == root


def test_the_nearest_workspace_is_found(write: Writer) -> None:
    root = write(GOOD)
    (root / "projects/Client/workspace.toml").touch()

    assert find_workspace(root / "projects/Client/Backend") == root / "projects/Client"


def test_a_relative_start_counts_from_the_current_folder(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(GOOD)
    monkeypatch.chdir(root / "projects")

    assert find_workspace(Path()) == root


def test_without_a_workspace_the_error_says_what_to_create(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENVYARD_WORKSPACE", raising=False)

    with pytest.raises(
        WorkspaceNotFound, match=re.escape(f"no `workspace.toml` in `{tmp_path}` or any folder")
    ) as caught:
        find_workspace(tmp_path)

    assert "run `envyard init` in the top folder" in caught.value.hint
    with pytest.raises(WorkspaceNotFound, match=r"no `workspace\.toml` in"):
        load_workspace(tmp_path)


@pytest.mark.parametrize("find", [find_workspace, current_folder], ids=["workspace", "folder"])
def test_a_current_folder_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, find: Callable[[], Path]
) -> None:
    monkeypatch.delenv("ENVYARD_WORKSPACE", raising=False)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with pytest.raises(WorkspaceNotFound, match="the current folder is not there any more"):
        find()


@pytest.mark.parametrize("named", ["reference", "reference/workspace.toml"])
def test_the_variable_names_the_workspace(
    write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    root = write(GOOD)
    monkeypatch.setenv("ENVYARD_WORKSPACE", str(tmp_path / named))

    assert find_workspace(tmp_path) == root


def test_a_variable_that_names_no_workspace_is_an_error_even_inside_one(
    write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(GOOD)
    monkeypatch.setenv("ENVYARD_WORKSPACE", str(tmp_path / "other"))

    with pytest.raises(WorkspaceNotFound, match="which the variable ENVYARD_WORKSPACE names"):
        find_workspace(root)


def test_an_empty_variable_is_no_variable(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(GOOD)
    monkeypatch.setenv("ENVYARD_WORKSPACE", "")

    assert find_workspace(root / "projects") == root


# --- choosing

ALL = ("alpha", "client-backend", "client")


@pytest.mark.parametrize(
    ("names", "tags", "keys"),
    [
        ([], [], ALL),
        (["alpha"], [], ("alpha",)),
        (["ALPHA"], [], ("alpha",)),
        (["Client/Backend"], [], ("client-backend",)),
        (["client/backend"], [], ("client-backend",)),
        (["projects/client"], [], ("client",)),
        (["./projects/Client/Backend/"], [], ("client-backend",)),
        (["client", "alpha", "Alpha", "projects/Alpha"], [], ("alpha", "client")),
        ([], ["CORE"], ("alpha", "client")),
        ([], ["ai", "service"], ALL),
        (["alpha"], ["service"], ALL),
        (["client"], ["service"], ("client-backend", "client")),
    ],
)
def test_projects_are_chosen_in_the_order_of_the_file(
    write: Writer, names: list[str], tags: list[str], keys: tuple[str, ...]
) -> None:
    workspace = load_workspace(write(GOOD))

    assert tuple(project.key for project in select_projects(workspace, names, tags)) == keys


def test_a_key_goes_before_the_path_of_another_project(write: Writer) -> None:
    workspace = load_workspace(
        write("[projects.beta]\npath='alpha'\ntitle='B'\n[projects.alpha]\npath='beta'\ntitle='A'\n")
    )

    (project,) = select_projects(workspace, ["alpha"])

    assert project.key == "alpha"


def test_an_unknown_project_is_answered_with_what_was_probably_meant(write: Writer) -> None:
    root = write(GOOD)

    with pytest.raises(UnknownEnvironment, match="no project `clientbackend` in") as caught:
        select_projects(load_workspace(root), ["alpha", "clientbackend"])

    assert caught.value.details == (
        "`clientbackend`: did you mean `client-backend`?",
        "known projects: alpha, client-backend, client",
    )
    assert caught.value.hint == "name a known project"


def test_all_unknown_projects_are_named(write: Writer) -> None:
    workspace = load_workspace(write(GOOD))

    with pytest.raises(UnknownEnvironment, match="no projects `x`, `qqq` in"):
        select_projects(workspace, ["x", "client", "qqq"])


def test_an_unknown_tag_is_answered_with_what_was_probably_meant(write: Writer) -> None:
    workspace = load_workspace(write(GOOD))

    with pytest.raises(UnknownEnvironment, match="no tag `services` in") as caught:
        select_projects(workspace, [], ["services"])

    assert caught.value.details == ("`services`: did you mean `service`?", "known tags: ai, core, service")


def test_a_workspace_without_projects_has_none_to_choose(write: Writer) -> None:
    workspace = load_workspace(write(""))

    assert select_projects(workspace, []) == ()
    with pytest.raises(UnknownEnvironment, match="no project `x` in") as caught:
        select_projects(workspace, ["x"])
    assert caught.value.details == ("known projects: none",)


# --- the reference page

PAGE = Path(__file__).parents[2] / "docs/workspace-toml.md"


@pytest.mark.parametrize("table", ["workspace", "projects.alpha", "ci"])
def test_the_page_describes_exactly_the_keys_that_exist(write: Writer, table: str) -> None:
    (mistake,) = mistakes(write(f"[{table}]\nqqqqqq = 1\n"))
    section = PAGE.read_text(encoding="utf-8").split("\n## `[")[["", "workspace", "projects.alpha", "ci"].index(table)]

    described = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)

    assert sorted(described) == re.findall(r"`([a-z-]+)`", mistake)


def test_the_example_of_the_page_is_legal(write: Writer) -> None:
    _first, example = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[:2]
    root = write(example)
    for folder in ("projects/Classification", "projects/Client/Backend/tests"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "requirements/classification.in").touch()
    (root / "projects/Client/Backend/pyproject.toml").touch()

    assert [project.key for project in load_workspace(root).projects] == ["classification", "client-backend"]


def test_the_mistakes_of_the_page_are_real(write: Writer) -> None:
    page = PAGE.read_text(encoding="utf-8")
    file = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[-1]
    answer = re.findall(r"```text\n(.*?)```", page, re.DOTALL)[0]
    root = write(file)
    for folder in ("projects/Classification", "projects/ConfigLoad"):
        (root / folder).mkdir(parents=True)
    (root / "requirements/classification.in").touch()

    with pytest.raises(ConfigurationInvalid, match="has 7 mistakes") as caught:
        load_workspace(root)

    assert f"error: {caught.value}\n".replace(str(root), "/repo") == answer


# --- speed


def test_three_hundred_projects_take_no_more_than_a_few_times_what_tomllib_takes(write: Writer) -> None:
    """A ratio, because machines differ: 1.8 to 2.6 where it was written."""
    import tomllib

    table = '[projects.p{0}]\npath = "many/P{0}"\nlockfile = "requirements/p{0}.txt"\ntags = ["ai"]\n'
    text = "".join(table.format(number) for number in range(300))
    root = write(text)
    for number in range(300):
        os.makedirs(root / f"many/P{number}")

    ours = min(_seconds(lambda: load_workspace(root)) for _ in range(5))
    parsing = min(_seconds(lambda: tomllib.loads(text)) for _ in range(5))

    assert ours < 8 * parsing


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_loading_imports_nothing_heavy() -> None:
    import subprocess

    heavy = ("packaging", "rich", "virtualenv", "filelock", "difflib", "shlex", "subprocess", "asyncio", "tomlkit")
    program = f"import sys, envyard.workspace; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_a_project_has_the_variables_of_its_profiles_where_they_agree(write: Writer) -> None:
    cpu, mps = "torch-cpu-transformers", "torch-mps-transformers"
    text = f'profiles = ["{cpu}", "{mps}", "broken"]\nenvironment = {{ OWN = "alpha", SAME = "mine" }}\n'
    root = write(f"[projects.alpha]\n{text}")
    (root / "profiles").mkdir()
    for key, more in ((cpu, 'CUDA = "0"\nTWO = "a"\nSAME = "x"\n'), (mps, 'TWO = "b"\nSAME = "x"\nALSO = "x"\n')):
        serves = f'[serves]\nbackend = "transformers"\naccelerator = "{key.split("-")[1]}"\n'
        rest = f'[packages]\nrequirements = ["demo"]\n[environment]\n{more}'
        (root / "profiles" / f"{key}.toml").write_text(serves + rest, encoding="utf-8")
    (root / "profiles" / "broken.toml").write_text("[serves\n", encoding="utf-8")
    (alpha, *_others) = load_workspace(root).projects
    assert alpha.environment == {"CUDA": "0", "ALSO": "x", "OWN": "alpha", "SAME": "mine"}
