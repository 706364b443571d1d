"""What the tests of a project need, where only its own tool reads it."""

from __future__ import annotations

import configparser
import tomllib

import pytest

from envyard.testlists import ListForTests, find_list


def found(pyproject: str = "", setup: str = "", script: str = "") -> ListForTests | None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(setup)
    return find_list(tomllib.loads(pyproject), parser, script)


@pytest.mark.parametrize(
    ("files", "requirements", "source"),
    [
        pytest.param(
            {"pyproject": '[tool.poetry.group.dev.dependencies]\npytest = "^8"\npytest-asyncio = "^0.23.1"\n'},
            ("pytest>=8,<9", "pytest-asyncio>=0.23.1,<0.24"),
            "group `dev` of Poetry",
            id="a group of Poetry",
        ),
        pytest.param(
            {"pyproject": '[tool.poetry.dev-dependencies]\npytest = "*"\n'},
            ("pytest",),
            "group `dev` of Poetry",
            id="an old Poetry",
        ),
        pytest.param(
            {
                "pyproject": '[tool.poetry.group.dev.dependencies]\nblack = "*"\npytest = "*"\n'
                '[tool.poetry.group.test.dependencies]\npytest = "*"\nmoto = "*"\n'
            },
            ("pytest", "moto"),
            "group `test` of Poetry",
            id="what is for the tests alone goes first",
        ),
        pytest.param(
            {"pyproject": '[tool.uv]\ndev-dependencies = ["pytest>=8", "fakeredis"]\n'},
            ("pytest>=8", "fakeredis"),
            "`dev-dependencies` of uv",
            id="an old uv",
        ),
        pytest.param(
            {"pyproject": '[tool.pdm.dev-dependencies]\nTest = ["pytest"]\n'},
            ("pytest",),
            "group `Test` of PDM",
            id="PDM",
        ),
        pytest.param(
            {
                "pyproject": '[tool.hatch.envs.default]\ndependencies = ["pytest", "x"]\n'
                '[tool.hatch.envs.hatch-test]\nextra-dependencies = ["y"]\n'
            },
            ("pytest", "x"),
            "environment `default` of Hatch",
            id="an environment of Hatch",
        ),
        pytest.param(
            {"setup": "[options.extras_require]\ndev =\n    pytest\n    # why\n    tomli; python_version<'3.11'\n"},
            ("pytest", "tomli; python_version<'3.11'"),
            "extra `dev` of setup.cfg",
            id="an extra of setup.cfg",
        ),
        pytest.param(
            {"setup": "[options]\ntests_require =\n    pytest\n    freezegun\n"},
            ("pytest", "freezegun"),
            "`tests_require` of setup.cfg",
            id="tests_require of setup.cfg",
        ),
        pytest.param(
            {
                "setup": "[metadata]\nname = Acme.Utils\n[options.extras_require]\n"
                "web = flask\ntest =\n    pytest\n    acme_utils[web,test]\n"
            },
            ("pytest", "flask"),
            "extra `test` of setup.cfg",
            id="an extra that asks for another is no package of the index",
        ),
        pytest.param(
            {"script": "setuptools.setup(version=get(), extras_require={'test': ['pytest', 'moto']})"},
            ("pytest", "moto"),
            "extra `test` of setup.py",
            id="an extra of setup.py",
        ),
        pytest.param(
            {"script": "from setuptools import setup\nsetup(tests_require=['pytest'], extras_require=more())"},
            ("pytest",),
            "extra `test` of setup.py",
            id="tests_require of setup.py",
        ),
    ],
)
def test_the_list_of_a_tool(files: dict[str, str], requirements: tuple[str, ...], source: str) -> None:
    assert found(**files) == ListForTests(requirements=requirements, source=source)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"pyproject": '[tool.poetry.group.dev.dependencies]\nblack = "*"\n'}, id="a list for people"),
        pytest.param({"pyproject": "[tool]\npoetry.group = 3\nuv = 1\npdm = []\nhatch.envs = 2\n"}, id="odd types"),
        pytest.param({"script": "def setup(:"}, id="a setup.py that is no Python"),
        pytest.param({"script": "setup(extras_require={'test': needs('pytest')})"}, id="a setup.py that computes"),
    ],
)
def test_no_list_brings_pytest(files: dict[str, str]) -> None:
    assert found(**files) is None


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ('"^1.2.3"', "x>=1.2.3,<2"),
        ('"^0.2.3"', "x>=0.2.3,<0.3"),
        ('"^0.0.3"', "x>=0.0.3,<0.0.4"),
        ('"^0.0"', "x>=0.0,<0.1"),
        ('"~1.2.3"', "x>=1.2.3,<1.3"),
        ('"~1"', "x>=1,<2"),
        ('"1.2.*"', "x==1.2.*"),
        ('"1.2"', "x==1.2"),
        ('">= 1, <2"', "x>=1,<2"),
        ('{ version = "*", extras = ["a", "b"] }', "x[a,b]"),
        ('{ version = "^2", python = "<3.11" }', 'x>=2,<3; python_full_version < "3.11"'),
        ('{ version = "2.0", markers = "os_name == \'nt\'", platform = "win32" }',
         "x==2.0; (os_name == 'nt') and sys_platform == \"win32\""),
        ('{ git = "https://example.org/x.git", tag = "v1" }', "x @ git+https://example.org/x.git@v1"),
        ('{ url = "https://example.org/x.whl", python = "^3.9" }',
         'x @ https://example.org/x.whl ; python_full_version >= "3.9" and python_full_version < "4"'),
        ('[{ version = "1.0", python = "<3.9" }, { version = "2.0" }]', 'x==1.0; python_full_version < "3.9"|x==2.0'),
    ],
)  # fmt: skip
def test_a_dependency_of_poetry_as_pip_reads_it(entry: str, line: str) -> None:
    listed = found(f'[tool.poetry.group.test.dependencies]\npytest = "*"\nx = {entry}\n')
    assert listed is not None
    assert "|".join(listed.requirements[1:]) == line


@pytest.mark.parametrize(
    ("entry", "left_out"),
    [('{ path = "../x", develop = true }', "x: ../x"), ('"^1 || ^2"', "x: ^1 || ^2"), ("3", "x: of another kind")],
)
def test_what_pip_has_no_words_for_is_told(entry: str, left_out: str) -> None:
    listed = found(f'[tool.poetry.group.test.dependencies]\npytest = "*"\nx = {entry}\n')
    assert listed == ListForTests(requirements=("pytest",), source="group `test` of Poetry", left_out=(left_out,))
