"""The text of workspace.toml: what is written for a project, and that nothing else changes."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envyard.discovery import FoundProject
from envyard.errors import ConfigurationInvalid
from envyard.manifest import Manifest
from envyard.testlists import ListForTests
from envyard.workspace import load_workspace
from envyard.workspace_entry import entry
from envyard.workspace_file import (
    UNDECLARED,
    Declared,
    ProjectChange,
    Status,
    changed_text,
    compare,
    new_text,
    read_declared,
)


def found(path: str, **manifest: Any) -> FoundProject:
    return FoundProject(path=path, manifest=Manifest(**manifest), tests=("tests",))


def table(project: FoundProject) -> dict[str, Any]:
    """What the entry says, without its path."""
    written: dict[str, Any] = tomllib.loads(entry(project, "key", ""))["projects"]["key"]
    assert written.pop("path") == project.path
    return written


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        pytest.param({"has_pytest": True}, {}, id="nothing to say"),
        pytest.param({}, {"test-requirements": ["pytest"]}, id="pytest is missing"),
        pytest.param(
            {
                "test_list": ListForTests(
                    requirements=("pytest>=8", 'x; os_name == "nt"'), source="group `dev` of Poetry"
                )
            },
            {"requirements": [], "test-requirements": ["pytest>=8", 'x; os_name == "nt"']},
            id="a list of a tool",
        ),
        pytest.param(
            {"test_list": ListForTests(requirements=("pytest", "x"), source="extra `a` of setup.py"), "editable": True},
            {"test-requirements": ["pytest", "x"], "editable": True},
            id="a list of setuptools",
        ),
        pytest.param(
            {"has_pytest": True, "requirements": ("requirements.txt",), "editable": True},
            {"requirements": ["a b/ü/requirements.txt"], "editable": True},
            id="requirements are relative to the workspace",
        ),
        pytest.param(
            {"has_pytest": True, "python": ">=3.9", "python_source": "setup.py", "extras": ("x",), "groups": ("y",)},
            {"python": ">=3.9", "extras": ["x"], "groups": ["y"]},
            id="the rest",
        ),
        pytest.param({"has_pytest": True, "stack": ("a 1", "b 2")}, {"description": "a 1, b 2"}, id="the stack"),
        pytest.param(
            {"has_pytest": True, "description": 'say "hi" \\ no', "stack": ("a 1",)},
            {"description": 'say "hi" \\ no'},
            id="a description in quotes",
        ),
    ],
)
def test_entry_of_a_project(manifest: dict[str, Any], expected: dict[str, Any]) -> None:
    assert table(found("a b/ü", **manifest)) == expected


@pytest.mark.parametrize(
    ("tests", "paths", "command"),
    [
        pytest.param(("tests",), None, None, id="where pytest looks"),
        pytest.param(("_meta/tests",), None, ["_meta/tests"], id="_meta"),
        pytest.param(("../../tests/a",), None, ["../../tests/a"], id="outside"),
        pytest.param(("_meta/tests", "tests"), None, None, id="there and elsewhere: pytest finds both"),
        pytest.param(("_meta/tests",), ("x",), None, id="the project's own settings say where"),
        pytest.param(("_meta/tests",), (), ["_meta/tests"], id="its settings say nothing about it"),
        pytest.param((), None, None, id="no tests"),
    ],
)
def test_tests_in_odd_places_are_named(
    tests: tuple[str, ...], paths: tuple[str, ...] | None, command: list[str] | None
) -> None:
    project = FoundProject(path="a", manifest=Manifest(has_pytest=True, pytest_paths=paths), tests=tests)
    expected = {} if command is None else {"test-command": ["python", "-m", "pytest", *command]}
    assert table(project) == expected


@pytest.mark.parametrize(
    ("paths", "tests", "command"),
    [
        pytest.param(None, ("tests",), ["--ignore=b", "--ignore=tests/c"], id="pytest looks everywhere"),
        pytest.param(("./",), ("tests",), ["--ignore=b", "--ignore=tests/c"], id="its settings say everywhere"),
        pytest.param(("tests",), ("tests",), ["--ignore=tests/c"], id="its settings name one folder"),
        pytest.param(("test",), ("test",), None, id="and that begins alike"),
        pytest.param(None, ("_meta/tests",), ["_meta/tests"], id="its tests are named"),
    ],
)
def test_projects_inside_with_tests_of_their_own_are_left_out(
    paths: tuple[str, ...] | None, tests: tuple[str, ...], command: list[str] | None
) -> None:
    manifest = Manifest(has_pytest=True, pytest_paths=paths)
    written = table(FoundProject(path="a", manifest=manifest, tests=tests, apart=("b", "tests/c")))
    assert written == ({} if command is None else {"test-command": ["python", "-m", "pytest", *command]})


def test_notes_are_comments_inside_the_table() -> None:
    project = FoundProject(path="a", manifest=Manifest(notes=("setup.cfg is damaged",)))
    assert entry(project, "a", "").endswith("# setup.cfg is damaged\n# no tests were found\n")


# --- a file that is there


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("one", "two", "moved/three"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    return tmp_path


WRITTEN = """\
# ours
[workspace]
name = "x"   # spaces
exclude = ["old"]

[projects.one]  # first
path = "one"

# above two
[projects.two]
path = "./two/"
title = "Zwei"
  [projects.two.environment]
  A = "1"

[projects.three]
path = "old/three" # moved
requirements = [
    "old/three/requirements.txt",  # why
    "common/base.txt",
]
lockfile = "old/three/lock.txt"
test-command = ["python", "-m", "pytest", "../../_meta/tests/three", "inside"] # there

[projects.four]
path = "four"
tags = ["gone"]

# the end
"""


def declared_in(root: Path, text: str) -> Declared:
    (root / "workspace.toml").write_bytes(text.encode())
    declared = read_declared(root)
    assert declared is not None
    return declared


def test_every_project_gets_its_status(root: Path) -> None:
    declared = declared_in(root, WRITTEN)
    assert declared.exclude == ("old",)
    changes = compare(root, declared, [found("five"), found("moved/three"), found("one"), found("one/inner")])
    assert [(each.status, each.key, each.path, each.before) for each in changes] == [
        (Status.DECLARED, "one", "one", ""),
        (Status.DECLARED, "two", "two", ""),
        (Status.MOVED, "three", "moved/three", "old/three"),
        (Status.GONE, "four", "four", ""),
        (Status.NEW, "five", "five", ""),
    ]


def test_changes_touch_nothing_else(root: Path) -> None:
    declared = declared_in(root, WRITTEN)
    changes = compare(root, declared, [found("five", has_pytest=True), found("new/moved/three")])
    gone = '[projects.four]\npath = "four"\ntags = ["gone"]\n'
    kept = WRITTEN.replace(f"{gone}\n", "").replace("old/three", "new/moved/three")
    kept = kept.replace('"../../_meta', '"../../../_meta')
    text = changed_text(declared, changes, root)
    assert text == f'{kept}\n[projects.five]\npath = "five"\n'
    assert set(tomllib.loads(text)["projects"]) == {"one", "two", "three", "five"}


def test_two_candidates_for_one_that_is_gone_are_not_guessed(root: Path) -> None:
    declared = declared_in(root, '[projects.three]\npath = "old/three"\n')
    changes = compare(root, declared, [found("moved/three"), found("other/three")])
    assert [(each.status, each.key) for each in changes] == [
        (Status.GONE, "three"),
        (Status.NEW, "moved-three"),
        (Status.NEW, "other-three"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("# x\n[workspace] # y\nname = 'n'\n", "# x\n[workspace] # y\nNESTED\nname = 'n'\n", id="a table"),
        pytest.param("[ workspace ]", "[ workspace ]\nNESTED\n", id="an empty table"),
        pytest.param("[workspace]\r\nname = 'n'\r\n", "[workspace]\r\nNESTED\r\nname = 'n'\r\n", id="of Windows"),
        pytest.param("[projects.a]\n", "[projects.a]\n\n[workspace]\nNESTED\n", id="no table"),
        pytest.param("", "[workspace]\nNESTED\n", id="nothing"),
        pytest.param(
            "[workspace]\nnested=false # no\nx=1\n", "[workspace]\nnested=true # no\nx=1\n", id="another value"
        ),
        pytest.param("[workspace]\nnested = true\n", "[workspace]\nnested = true\n", id="there already"),
        pytest.param("workspace = { nested = false }\n", "workspace = { nested = true }\n", id="inline"),
    ],
)
def test_nested_is_written_into_the_table_of_the_workspace(root: Path, text: str, expected: str) -> None:
    declared = replace(declared_in(root, text), nested=True)
    same = [ProjectChange(status=Status.DECLARED, key=key, path=path) for key, path in declared.paths.items()]
    note = "nested = true  # a project inside another one has an environment of its own too"
    assert changed_text(declared, same, root) == expected.replace("NESTED", note)


@pytest.mark.parametrize("text", ["workspace = {}\n", "workspace.name = 'x'\n"])
def test_a_workspace_without_a_table_is_not_guessed_at(root: Path, text: str) -> None:
    declared = replace(declared_in(root, text), nested=True)
    with pytest.raises(ConfigurationInvalid, match="has 1 mistake") as caught:
        changed_text(declared, [], root)
    assert "write `nested = true` into it yourself" in caught.value.details[0]


def test_a_byte_order_mark_stays(root: Path) -> None:
    declared = declared_in(root, '\ufeff[projects.one]\npath = "one"\n')
    text = changed_text(declared, compare(root, declared, [found("one"), found("two")]), root)
    assert text.startswith('\ufeff[projects.one]\npath = "one"\n\n[projects.two]\n')


def test_new_projects_inside_older_ones_say_so(root: Path) -> None:
    declared = replace(declared_in(root, '[projects.one]\npath = "one"\n'), nested=True)
    tested, untested = found("one/in/side"), FoundProject(path="one/x", manifest=Manifest(), tests=("../../tests/x",))
    changes = compare(root, declared, [found("one"), tested, untested])
    assert [(each.key, each.inside, each.place) for each in changes] == [
        ("one", "", ""),
        ("side", "one", "in/side"),
        ("x", "", ""),
    ]
    assert len(compare(root, replace(declared, nested=False), [tested, untested])) == 1


def test_line_endings_of_windows_stay(root: Path) -> None:
    declared = declared_in(root, '[projects.one]\r\npath = "one"\r\n')
    text = changed_text(declared, compare(root, declared, [found("one"), found("two")]), root)
    assert "\r\n[projects.two]\r\n" in text
    assert "\n" not in text.replace("\r\n", "")


def test_a_file_that_cannot_be_added_to_is_an_error(root: Path) -> None:
    declared = declared_in(root, 'projects = { one = { path = "one" } }\n')
    changes = compare(root, declared, [found("one"), found("two")])
    with pytest.raises(ConfigurationInvalid, match="has 1 mistake") as caught:
        changed_text(declared, changes, root)
    assert "cannot add to" in caught.value.details[0]


def test_a_new_file_can_be_loaded(root: Path) -> None:
    for name in ("one", "two", "moved/three"):
        (root / name / "requirements.txt").touch()
    projects = [found(name, requirements=("requirements.txt",)) for name in ("moved/three", "one", "two")]
    (root / "workspace.toml").write_text(new_text("x", compare(root, UNDECLARED, projects), "3.11"), encoding="utf-8")
    workspace = load_workspace(root)
    assert [project.key for project in workspace.projects] == ["three", "one", "two"]
    assert workspace.name == "x"
