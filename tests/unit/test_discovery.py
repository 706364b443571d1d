"""Which folders of a tree are projects, and what is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envyard.discovery import Discovery, describe, discover, is_there
from envyard.errors import UsageError


def plant(root: Path, *names: str) -> None:
    """Files with a line that does no harm; a name that ends in `/` is a folder."""
    for name in names:
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            texts = {"pyproject.toml": '[project]\nname = "x"\n', "setup.py": "setup()\n"}
            path.write_text(texts.get(path.name, ""), encoding="utf-8")


def paths(found: Discovery) -> list[str]:
    return [project.path for project in found.projects]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(["a/requirements.txt", "b/pyproject.toml", "c/setup.py"], ["a", "b", "c"], id="each marker"),
        pytest.param(["a/setup.cfg", "b/README.md", "c/tox.ini"], [], id="what is no marker"),
        pytest.param(["x/y/z/requirements.txt", "x/b/setup.py"], ["x/b", "x/y/z"], id="at several depths"),
        pytest.param(["a/setup.py", "a/b/requirements.txt", "a/b/c/setup.py"], ["a"], id="nested ones belong to it"),
        pytest.param(["a/requirements/base.txt", "b/requirements/requirements.txt"], ["a", "b"], id="requirements/"),
        pytest.param(["a/requirements/dev.txt"], [], id="requirements/ without a base"),
        pytest.param(["Beta/setup.py", "alpha/setup.py", "gamma/setup.py"], ["alpha", "Beta", "gamma"], id="sorted"),
        pytest.param(["requirements.txt"], ["."], id="the top folder alone"),
        pytest.param(["requirements.txt", "setup.py", "a/setup.py"], ["a"], id="the top folder with others"),
        pytest.param(["venv/a/setup.py", "env/setup.py", "a/venv/setup.py"], [], id="environments"),
        pytest.param(["mine/pyvenv.cfg", "mine/x/setup.py"], [], id="an environment under another name"),
        pytest.param(["node_modules/a/setup.py", "a/Node_Modules/setup.py"], [], id="node_modules"),
        pytest.param([".github/setup.py", "a/.hidden/requirements.txt"], [], id="hidden"),
        pytest.param(["_meta/setup.py", "a/_meta/requirements.txt"], [], id="_meta"),
        pytest.param(["a/build/setup.py", "dist/setup.py", "x.egg-info/requirements.txt"], [], id="what builds leave"),
        pytest.param(["a/requirements.txt/"], [], id="a folder with the name of a file"),
        pytest.param(["a/setup.py", "a/__init__.py"], [], id="a module called setup"),
        pytest.param(["Größe/setup.py", "with space/setup.py"], ["Größe", "with space"], id="unusual names"),
    ],
)
def test_projects_of_a_tree(tmp_path: Path, tree: list[str], expected: list[str]) -> None:
    plant(tmp_path, *tree)
    assert paths(discover(tmp_path)) == expected


@pytest.mark.parametrize(
    ("text", "is_project"),
    [
        pytest.param("[tool.ruff]\nline-length = 100\n", False, id="settings of a linter"),
        pytest.param("", False, id="empty"),
        pytest.param("[build-system]\nrequires = []\n", True, id="a build system"),
        pytest.param("[dependency-groups]\ndev = []\n", True, id="groups"),
        pytest.param('[tool.poetry]\nname = "x"\n', True, id="poetry"),
        pytest.param("[project\n", True, id="not TOML: the mistake should be seen"),
        pytest.param("\udcff", True, id="not UTF-8"),
    ],
)
def test_a_pyproject_that_only_configures_tools_makes_no_project(tmp_path: Path, text: str, is_project: bool) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    plant(tmp_path, "a/b/setup.py")
    assert paths(discover(tmp_path)) == (["a"] if is_project else ["a/b"])


def test_a_script_called_setup_makes_no_project(tmp_path: Path) -> None:
    plant(tmp_path, "a/")
    (tmp_path / "a" / "setup.py").write_text("print('install the hooks')\n")
    assert paths(discover(tmp_path)) == []


def test_excluded_and_skipped_folders_are_not_looked_into(tmp_path: Path) -> None:
    plant(tmp_path, "a/setup.py", "old/b/setup.py", "old/c/setup.py", "store/g/setup.py")
    assert paths(discover(tmp_path, exclude=["old/*"], skip=["store"])) == ["a"]
    assert paths(discover(tmp_path, exclude=["/old/b/"], skip=["store"])) == ["a", "old/c"]


# --- tests of the projects


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(["a/tests/test_x.py", "a/tests/deep/test_y.py"], ("tests",), id="a folder"),
        pytest.param(["a/test_x.py", "a/tests/test_y.py"], (".",), id="the project itself"),
        pytest.param(["a/one/x_test.py", "a/two/sub/test_x.py"], ("one", "two/sub"), id="several"),
        pytest.param(["a/_meta/tests/test_x.py"], ("_meta/tests",), id="_meta/tests"),
        pytest.param(["a/venv/lib/test_x.py", "a/.tox/test_x.py", "a/node_modules/test_x.py"], (), id="of others"),
        pytest.param(["_meta/tests/a/test_x.py"], ("../_meta/tests/a",), id="beside the projects"),
        pytest.param(["tests/a/test_x.py"], ("../tests/a",), id="in the tests of all"),
        pytest.param(["a/testing.py", "a/tests/conftest.py"], (), id="none"),
        pytest.param(["a/tests/test_x.py", "tests/a/test_x.py"], ("tests",), id="its own go before"),
    ],
)
def test_where_the_tests_of_a_project_are(tmp_path: Path, tree: list[str], expected: tuple[str, ...]) -> None:
    plant(tmp_path, "a/requirements.txt", *tree)
    assert describe(tmp_path, "a").tests == expected


def test_tests_of_a_deep_project_are_found_by_its_path(tmp_path: Path) -> None:
    plant(tmp_path, "x/y/requirements.txt", "tests/x/y/test_a.py", "tests/y/test_b.py")
    assert describe(tmp_path, "x/y").tests == ("../../tests/x/y",)


def test_projects_inside_a_project_are_told(tmp_path: Path) -> None:
    plant(tmp_path, "a/setup.py", "a/x/requirements.txt", "a/b/c/setup.py", "a/b/c/d/setup.py")
    (found,) = discover(tmp_path).projects
    assert found.nested == ("a/b/c", "a/x")


def test_projects_inside_projects_are_found_at_every_depth_when_asked_for(tmp_path: Path) -> None:
    plant(tmp_path, "a/setup.py", "a/x/requirements.txt", "a/b/c/setup.py", "a/b/c/d/setup.py", "a/.tox/x/setup.py")
    plant(tmp_path, "a/test_a.py", "a/b/c/d/tests/test_d.py", "z/setup.py", "a/old/setup.py")
    found = discover(tmp_path, nested=True, exclude=["a/old"])
    assert paths(found) == ["a", "a/b/c", "a/b/c/d", "a/x", "z"]
    assert [(one.tests, one.apart) for one in found.projects[:3]] == [
        ((".",), ("b/c",)),
        ((), ("d",)),
        (("tests",), ()),
    ]


def test_tests_of_a_project_inside_are_not_those_of_the_outer_one(tmp_path: Path) -> None:
    plant(tmp_path, "a/setup.py", "a/b/setup.py", "a/b/tests/test_b.py", "a/tests/test_a.py")
    assert discover(tmp_path).projects[0].tests == ("b/tests", "tests")
    assert discover(tmp_path, nested=True).projects[0].tests == ("tests",)


@pytest.mark.parametrize(
    ("tree", "there"),
    [
        pytest.param(["a/requirements.txt"], True, id="a file"),
        pytest.param(["a/src/deep/x.py"], True, id="a file deep inside"),
        pytest.param(
            ["a/venv/bin/python", "a/tests/__pycache__/x.pyc", "a/.envrc", "a/.env"], False, id="what git leaves"
        ),
        pytest.param(["a/"], False, id="nothing"),
        pytest.param([], False, id="no folder"),
    ],
)
def test_whether_a_project_still_is_in_its_folder(tmp_path: Path, tree: list[str], there: bool) -> None:
    plant(tmp_path, *tree)
    assert is_there(tmp_path / "a") is there


# --- trees that bite


def test_links_are_not_followed_so_that_loops_end(tmp_path: Path) -> None:
    plant(tmp_path, "a/setup.py", "b/")
    (tmp_path / "b" / "up").symlink_to("..")
    (tmp_path / "a" / "self").symlink_to(".")
    (tmp_path / "again").symlink_to("a")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert paths(discover(tmp_path)) == ["a"]
    assert describe(tmp_path, "a").nested == ()


def test_a_pipe_in_place_of_a_file_is_not_read(tmp_path: Path) -> None:
    plant(tmp_path, "a/", "b/setup.py")
    os.mkfifo(tmp_path / "a" / "requirements.txt")
    os.mkfifo(tmp_path / "b" / "pyproject.toml")
    assert paths(discover(tmp_path)) == ["b"]


def test_names_that_no_workspace_can_hold_are_left_out_with_the_reason(tmp_path: Path) -> None:
    plant(tmp_path, "odd:name/setup.py", "good/setup.py", "Good/setup.py")
    os.mkdir(os.fsencode(tmp_path) + b"/bad\xff")
    plant(tmp_path, os.fsdecode(b"bad\xff/setup.py"))
    found = discover(tmp_path)
    assert len(paths(found)) == 1
    assert paths(found)[0].casefold() == "good"
    notes = "\n".join(found.notes)
    assert "odd:name: left out, it holds `:`" in notes
    assert "bad\\udcff: left out, it has a name that is not UTF-8" in notes
    assert "only in upper and lower case" in notes


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is unreadable for root")
def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    plant(tmp_path, "a/setup.py", "closed/x/setup.py")
    (tmp_path / "closed").chmod(0)
    try:
        found = discover(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert paths(found) == ["a"]
    assert found.notes == ("closed: cannot be looked into: permission denied",)


def test_files_that_cannot_be_understood_become_notes(tmp_path: Path) -> None:
    plant(tmp_path, "a/", "b/")
    (tmp_path / "a" / "requirements.txt").write_bytes("demo\n".encode("utf-16"))
    (tmp_path / "b" / "requirements.txt").write_text("-r missing.txt\n")
    found = discover(tmp_path)
    assert paths(found) == ["a", "b"]
    assert found.notes == (
        "a: requirements.txt is UTF-16, not UTF-8",
        "b: the requirement file missing.txt is missing, which requirements.txt includes",
    )


def test_three_hundred_folders_are_read_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the clock: a folder is listed once by the search and at most three times for its project."""
    plant(tmp_path, *(f"group{number % 10}/p{number}/requirements.txt" for number in range(300)))
    plant(tmp_path, *(f"group{number % 10}/p{number}/src/test_x.py" for number in range(300)))
    looks: dict[str, int] = {}
    scandir = os.scandir

    def counted(path: str | Path) -> object:
        looks[str(path)] = looks.get(str(path), 0) + 1
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counted)
    assert len(discover(tmp_path).projects) == 300
    assert max(looks.values()) <= 3


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        pytest.param("missing", "is no folder", id="missing"),
        pytest.param("../other", "leads out of the workspace", id="outside"),
        pytest.param("file", "is no folder", id="a file"),
    ],
)
def test_what_cannot_be_a_project_is_refused(tmp_path: Path, path: str, problem: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=problem):
        describe(tmp_path, path)
