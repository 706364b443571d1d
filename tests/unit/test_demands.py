"""What requirement files ask for, with file and line, in the words of the resolver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from kit.values import make_definition

from envyard.definition import Definition
from envyard.demands import Demand, file_demands, package_name
from envyard.errors import RequirementsUnreadable


def definition(root: Path, files: Mapping[str, str], *, locked: bool = True, **changes: Any) -> Definition:
    """A project of which the first file is its requirement file."""
    for name, text in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    values = {"requirements": (root / next(iter(files)),), "link": root / "projects" / "alpha" / "venv"}
    return make_definition(root, **{**values, "lockfile": root / "lock.txt" if locked else None, **changes})


def asked(root: Path, files: Mapping[str, str], **changes: Any) -> list[tuple[str, int, str]]:
    """File, line and how the resolver is asked."""
    demands, _options = file_demands(definition(root, files, **changes))
    return [_place(root, one) for one in demands]


def _place(root: Path, demand: Demand) -> tuple[str, int, str]:
    return demand.file.relative_to(root).as_posix(), demand.number, demand.line


def test_included_files_stand_where_their_lines_stand(tmp_path: Path) -> None:
    files = {
        "requirements/alpha.in": "demo==1.0  # why\n\n-r base.in\n--requirement=../shared/more.in\n",
        "requirements/base.in": "-r alpha.in\nbeta[fast] \\\n  >=1 ; python_version < '3.14'\ngamma\n",
        "shared/more.in": "# nothing\nbulky\n",
    }
    assert asked(tmp_path, files) == [
        ("requirements/alpha.in", 1, "demo==1.0"),
        ("requirements/base.in", 2, "beta[fast] >=1 ; python_version < '3.14'"),
        ("requirements/base.in", 4, "gamma"),
        ("shared/more.in", 2, "bulky"),
    ]


def test_constraints_narrow_and_ask_for_nothing(tmp_path: Path) -> None:
    files = {"alpha.in": "demo\n-c limits.txt\n", "limits.txt": "demo<2\n-r more.txt\n", "more.txt": "alpha<3\n"}
    assert asked(tmp_path, files) == [
        ("alpha.in", 1, "demo"),
        ("limits.txt", 1, "-c demo<2"),
        ("more.txt", 1, "-c alpha<3"),
    ]


def test_hashes_are_no_part_of_a_question(tmp_path: Path) -> None:
    files = {"alpha.in": f"demo==1.0 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\nbeta\n"}
    assert asked(tmp_path, files) == [("alpha.in", 1, "demo==1.0"), ("alpha.in", 4, "beta")]


@pytest.mark.parametrize("locked", [True, False], ids=["from the workspace", "from the project, without a lockfile"])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("-e ./lib", "-e {base}/lib", id="editable"),
        pytest.param("--editable=lib[fast]", "-e {base}/lib[fast]", id="editable with an extra"),
        pytest.param("./lib", "-e {base}/lib", id="folder"),
        pytest.param("lib[fast] @ ./lib", "-e {base}/lib[fast]", id="named folder"),
        pytest.param("lib @ file:./lib", "-e {base}/lib", id="named folder as a file"),
        pytest.param("./lib-1.0.whl ; os_name == 'nt'", "{base}/lib-1.0.whl ; os_name == 'nt'", id="wheel"),
        pytest.param("-e git+https://example.org/x", "-e git+https://example.org/x", id="repository"),
        pytest.param("lib @ https://example.org/x.whl", "lib @ https://example.org/x.whl", id="address"),
    ],
)
def test_paths_lead_where_the_installer_would_look(tmp_path: Path, line: str, expected: str, locked: bool) -> None:
    base = tmp_path if locked else tmp_path / "projects" / "alpha"
    (base / "lib").mkdir(parents=True)
    ((_file, _number, found),) = asked(tmp_path, {"requirements/alpha.in": f"{line}\n"}, locked=locked)
    assert found == expected.format(base=base.as_uri())


def test_options_are_kept_apart_and_show_no_password(tmp_path: Path) -> None:
    wheel = "lib @ https://me:secret@example.org/lib-1.0-py3-none-any.whl"
    text = f"--index-url https://me:secret@example.org/simple\n-f wheels\n{wheel}\n-r https://example.org/more.in\n"
    (tmp_path / "wheels").mkdir()
    demands, options = file_demands(definition(tmp_path, {"alpha.in": text}))
    assert [one.line for one in demands] == [wheel]
    assert demands[0].text == "lib @ https://***@example.org/lib-1.0-py3-none-any.whl"
    assert [one.line for one in options] == [
        "--index-url https://me:secret@example.org/simple",
        f"--find-links {(tmp_path / 'wheels').as_uri()}",
        "-r https://example.org/more.in",
    ]
    assert options[0].text == "--index-url https://***@example.org/simple"


PYPROJECT = """\
[project]
name = "alpha"
dependencies = [
    "demo>=1",
    "beta",
]

[project.optional-dependencies]
fast = ["gamma"]

[dependency-groups]
dev = ["pytest"]
"""


def test_pyproject_is_read_with_extras_and_groups(tmp_path: Path) -> None:
    found = asked(tmp_path, {"app/pyproject.toml": PYPROJECT}, extras=("fast",), groups=("dev",))
    assert found == [
        ("app/pyproject.toml", 4, "demo>=1"),
        ("app/pyproject.toml", 5, "beta"),
        ("app/pyproject.toml", 9, "gamma"),
        ("app/pyproject.toml", 12, "pytest"),
    ]


def test_pyproject_of_nothing_but_groups_brings_those_that_are_named(tmp_path: Path) -> None:
    files = {"app/pyproject.toml": '[dependency-groups]\ndev = ["pytest"]\ndocs = ["sphinx"]\n'}
    assert asked(tmp_path, files, groups=("dev",)) == [("app/pyproject.toml", 2, "pytest")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("pyproject.toml", '[project]\nname = "alpha"\ndynamic = ["dependencies"]\n', id="dynamic"),
        pytest.param("pyproject.toml", '[tool.poetry]\nname = "alpha"\n', id="another tool's table"),
        pytest.param("setup.py", "from setuptools import setup\nsetup()\n", id="setup.py"),
        pytest.param("setup.cfg", "[metadata]\nname = alpha\n", id="setup.cfg"),
    ],
)
def test_what_only_a_build_could_tell_is_one_demand(tmp_path: Path, name: str, text: str) -> None:
    assert asked(tmp_path, {f"app/{name}": text}) == [(f"app/{name}", 0, f"-e {(tmp_path / 'app').as_uri()}")]


@pytest.mark.parametrize(
    ("files", "name"),
    [
        pytest.param({"pyproject.toml": '[project]\nname = "My.App"\n'}, "my-app", id="project"),
        pytest.param({"pyproject.toml": '[tool.poetry]\nname = "app"\n'}, "app", id="poetry"),
        pytest.param(
            {"pyproject.toml": "[build-system]\n", "setup.cfg": "[metadata]\nname = app\n"}, "app", id="setup"
        ),
        pytest.param({"pyproject.toml": "project = 1\n", "setup.cfg": "name = app\n"}, "", id="nonsense"),
        pytest.param({"setup.py": "setup(name='app')\n"}, "", id="only a build knows"),
    ],
)
def test_name_of_a_project_is_read_where_nothing_must_be_run(tmp_path: Path, files: dict[str, str], name: str) -> None:
    for file, text in files.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    assert package_name(tmp_path) == name


def test_missing_file_is_named_with_the_one_that_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(RequirementsUnreadable, match=re.escape(f"{tmp_path / 'base.in'} is missing")):
        file_demands(definition(tmp_path, {"alpha.in": "-r base.in\n"}))
