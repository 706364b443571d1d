"""What the files of a project say, read without running any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from envyard.manifest import Manifest, read_manifest
from envyard.testlists import ListForTests

BUILD = "[build-system]\nrequires = []\n"


def manifest(folder: Path, files: dict[str, str]) -> Manifest:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_manifest(folder)


@pytest.mark.parametrize(
    ("files", "python", "source"),
    [
        pytest.param(
            {"pyproject.toml": '[project]\nrequires-python = ">=3.9, <3.13"\n'},
            ">=3.9,<3.13",
            "pyproject.toml",
            id="range",
        ),
        pytest.param({"setup.cfg": "[options]\npython_requires = >=3.8\n"}, ">=3.8", "setup.cfg", id="setup.cfg"),
        pytest.param({"setup.py": "setup(python_requires='~=3.10')"}, "~=3.10", "setup.py", id="setup.py"),
        pytest.param(
            {"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.9"\n'},
            ">=3.9,<4",
            "pyproject.toml",
            id="caret",
        ),
        pytest.param({".python-version": "3.11.4\n"}, "3.11", ".python-version", id=".python-version"),
        pytest.param({"runtime.txt": "python-3.10.2"}, "3.10", "runtime.txt", id="runtime.txt"),
        pytest.param(
            {".python-version": "3.12", "setup.cfg": "[options]\npython_requires = >=3.8\n"},
            ">=3.8",
            "setup.cfg",
            id="order",
        ),
        pytest.param({".python-version": "my-environment\n"}, "", "", id="name of a pyenv environment"),
        pytest.param({"pyproject.toml": '[project]\nrequires-python = ">=3.9; os"\n'}, "", "", id="nonsense"),
        pytest.param({"setup.py": "setup(python_requires=VERSION)"}, "", "", id="only known when run"),
        pytest.param({"requirements.txt": ""}, "", "", id="nothing said"),
    ],
)
def test_python(tmp_path: Path, files: dict[str, str], python: str, source: str) -> None:
    found = manifest(tmp_path, files)
    assert (found.python, found.python_source) == (python, source)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"requirements.txt": "demo"}, Manifest(requirements=("requirements.txt",)), id="plain"),
        pytest.param(
            {"requirements.txt": "PyTest >=7 # tests"},
            Manifest(requirements=("requirements.txt",), has_pytest=True),
            id="with pytest",
        ),
        pytest.param(
            {"requirements.txt": "pytest-cov\n# pytest\n"},
            Manifest(requirements=("requirements.txt",)),
            id="not quite pytest",
        ),
        pytest.param(
            {"requirements.txt": "-r more/x.txt", "more/x.txt": "pytest"},
            Manifest(requirements=("requirements.txt",), has_pytest=True),
            id="pytest in an included file",
        ),
        pytest.param(
            {"requirements.txt": "demo", "requirements-dev.txt": "pytest", "dev-requirements.txt": "pytest"},
            Manifest(requirements=("requirements.txt", "requirements-dev.txt"), has_pytest=True),
            id="a file for the tests",
        ),
        pytest.param(
            {"requirements.txt": "demo", "requirements-dev.txt": "black"},
            Manifest(requirements=("requirements.txt",)),
            id="a file for people",
        ),
        pytest.param(
            {"pyproject.toml": f'{BUILD}[project]\ndependencies = ["demo"]\n'},
            Manifest(requirements=("pyproject.toml",), editable=True),
            id="a package",
        ),
        pytest.param(
            {"pyproject.toml": '[project]\ndependencies = ["pytest"]\n'},
            Manifest(requirements=("pyproject.toml",), has_pytest=True),
            id="no package",
        ),
        pytest.param(
            {"requirements.txt": "demo", "pyproject.toml": f'{BUILD}[project]\ndynamic = ["dependencies"]\n'},
            Manifest(requirements=("requirements.txt",)),
            id="dependencies that a build would tell are in the file already",
        ),
        pytest.param(
            {"requirements.txt": "demo", "pyproject.toml": f"{BUILD}", "src/x/__init__.py": ""},
            Manifest(requirements=("requirements.txt",), editable=True),
            id="src has to be installed",
        ),
        pytest.param(
            {"requirements.txt": "demo\n-e .\n", "pyproject.toml": f"{BUILD}", "src/x/__init__.py": ""},
            Manifest(requirements=("requirements.txt",)),
            id="installs itself already",
        ),
        pytest.param({"setup.py": "setup()"}, Manifest(editable=True), id="setup.py alone"),
        pytest.param(
            {"pyproject.toml": f'{BUILD}[project.optional-dependencies]\ndev = ["black"]\nTest = ["pytest"]\n'},
            Manifest(requirements=("pyproject.toml",), extras=("Test",), editable=True, has_pytest=True),
            id="an extra",
        ),
        pytest.param(
            {"pyproject.toml": '[dependency-groups]\ndev = [{include-group = "t"}]\nt = ["pytest"]\n'},
            Manifest(requirements=("pyproject.toml",), groups=("dev",), has_pytest=True),
            id="a group that includes another",
        ),
        pytest.param(
            {"pyproject.toml": '[dependency-groups]\ndev = [{include-group = "dev"}]\n'},
            Manifest(requirements=("pyproject.toml",)),
            id="a group that includes itself",
        ),
        pytest.param(
            {"requirements.txt": "", "pyproject.toml": '[dependency-groups]\ntest = ["pytest"]\n'},
            Manifest(requirements=("requirements.txt", "pyproject.toml"), groups=("test",), has_pytest=True),
            id="a group beside a requirements.txt",
        ),
        pytest.param(
            {"setup.py": "setup(extras_require={'test': ['pytest', 'demo']})"},
            Manifest(
                editable=True,
                test_list=ListForTests(requirements=("pytest", "demo"), source="extra `test` of setup.py"),
            ),
            id="a list that only setuptools reads",
        ),
        pytest.param(
            {
                "pyproject.toml": f"{BUILD}[tool.poetry]\npackage-mode = false\n"
                '[tool.poetry.dependencies]\npython = "^3.10"\ndemo = "^2"\n'
            },
            Manifest(
                python=">=3.10,<4",
                python_source="pyproject.toml",
                test_list=ListForTests(
                    requirements=("demo>=2,<3", "pytest"), source="`dependencies` of Poetry, and pytest"
                ),
            ),
            id="an application of Poetry, which nothing can build",
        ),
        pytest.param(
            {"pyproject.toml": '[tool.poetry]\ndependencies.demo = "*"\ngroup.dev.dependencies.pytest = "*"\n'},
            Manifest(
                test_list=ListForTests(
                    requirements=("demo", "pytest"), source="`dependencies` and group `dev` of Poetry"
                ),
            ),
            id="a project of Poetry without a build system",
        ),
        pytest.param(
            {"setup.py": "setup()", "pyproject.toml": '[tool.poetry]\ngroup.dev.dependencies.pytest = "*"\n'},
            Manifest(
                requirements=("pyproject.toml",),
                editable=True,
                test_list=ListForTests(requirements=("pytest",), source="group `dev` of Poetry"),
            ),
            id="a project of Poetry that setup.py builds",
        ),
        pytest.param(
            {"requirements.txt": "demo", "pyproject.toml": '[tool.poetry]\ndependencies.demo = "*"\n'},
            Manifest(requirements=("requirements.txt",)),
            id="an application of Poetry with a requirements.txt",
        ),
        pytest.param(
            {"requirements-test.txt": "pytest", "setup.py": "setup(extras_require={'test': ['pytest', 'demo']})"},
            Manifest(requirements=("requirements-test.txt",), editable=True, has_pytest=True),
            id="a file for the tests goes before such a list",
        ),
    ],
)
def test_what_is_installed(tmp_path: Path, files: dict[str, str], expected: Manifest) -> None:
    assert manifest(tmp_path, files) == expected


@pytest.mark.parametrize(
    ("files", "paths"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"pytest.ini": "[pytest]\ntestpaths = a b\n"}, ("a", "b"), id="pytest.ini"),
        pytest.param({"pytest.ini": ""}, (), id="an empty pytest.ini counts"),
        pytest.param({"pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["a"]\n'}, ("a",), id="pyproject.toml"),
        pytest.param({"tox.ini": "[pytest]\ntestpaths = a\n"}, ("a",), id="tox.ini"),
        pytest.param({"setup.cfg": "[tool:pytest]\ntestpaths =\n  a\n  b\n"}, ("a", "b"), id="setup.cfg"),
        pytest.param({"tox.ini": "[tox]\nenvlist = x\n", "setup.cfg": "[options]\n"}, None, id="others' settings"),
    ],
)
def test_settings_of_pytest(tmp_path: Path, files: dict[str, str], paths: tuple[str, ...] | None) -> None:
    assert manifest(tmp_path, files).pytest_paths == paths


def test_the_pins_that_tell_most(tmp_path: Path) -> None:
    text = "numpy==1.0\ntransformers[x] == 4.30.0 ; python_version > '3'\ntorch==2.0.0+cpu # why\nfastapi>=1\n"
    assert manifest(tmp_path, {"requirements.txt": text}).stack == ("torch 2.0.0+cpu", "transformers 4.30.0")


@pytest.mark.parametrize(
    ("files", "note"),
    [
        pytest.param({"pyproject.toml": "[project\n"}, "pyproject.toml is not valid TOML: ", id="TOML"),
        pytest.param({"setup.cfg": "no section\n"}, "setup.cfg is damaged", id="setup.cfg"),
        pytest.param(
            {"requirements.txt": "-r gone.txt"}, "the requirement file gone.txt is missing", id="included file"
        ),
    ],
)
def test_what_cannot_be_understood_is_a_note(tmp_path: Path, files: dict[str, str], note: str) -> None:
    (said,) = manifest(tmp_path, files).notes
    assert said.startswith(note)


def test_a_description_of_several_lines_is_one_line(tmp_path: Path) -> None:
    found = manifest(tmp_path, {"pyproject.toml": '[project]\ndescription = "one\\n  two\\u0007"\n'})
    assert found.description == ""
    found = manifest(tmp_path, {"pyproject.toml": '[project]\ndescription = "one\\n  two"\n'})
    assert found.description == "one two"
