"""The batch files in the `cmd` of Wine: which Python they find, what they pass on, which exit code arrives."""

from __future__ import annotations

import shutil

import pytest
from windows.wine import ROOT, Wine

pytestmark = pytest.mark.windows

SAYS_AND_FAILS = "import sys\nprint(sys.argv[1:])\nsys.exit(7)\n"


@pytest.fixture
def start(wine: Wine) -> str:
    """A batch file that runs `setup_all_envs.bat` from a folder with a space, its bootstrap replaced."""
    folder = wine.drive / "area" / "a b" / "scripts"
    folder.mkdir(parents=True)
    for name in ("setup_all_envs.bat", "bootstrap.bat"):
        shutil.copyfile(ROOT / "scripts" / name, folder / name)
    (folder / "bootstrap.py").write_text(SAYS_AND_FAILS, encoding="utf-8")
    # in a file, because Wine takes nested quotes apart
    line = '@"C:\\area\\a b\\scripts\\setup_all_envs.bat" one "two words"\r\n'
    (wine.drive / "area" / "start.bat").write_text(line, encoding="utf-8", newline="")
    return "C:\\area\\start.bat"


@pytest.mark.parametrize(
    "variables",
    [{"WINEPATH": "C:\\Python311"}, {"ENVYARD_PYTHON": "C:\\Python311\\python.exe"}],
    ids=["python on PATH", "ENVYARD_PYTHON"],
)
def test_a_python_gets_every_argument_and_its_exit_code_arrives(
    wine: Wine, start: str, variables: dict[str, str]
) -> None:
    done = wine.run("cmd", "/c", start, env=variables, check=False)
    assert done.stdout.strip() == "['setup-all', 'one', 'two words']"
    assert done.returncode == 7


def test_without_a_python_it_says_what_to_install(wine: Wine, start: str) -> None:
    done = wine.run("cmd", "/c", start, check=False)
    assert "error: envyard needs Python 3.11 or newer, and there is none on PATH" in done.stdout
    assert "hint:" in done.stdout
    assert done.returncode == 1
