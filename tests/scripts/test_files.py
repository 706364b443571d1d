"""What can be said about the scripts and their lockfile without running them."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from scripts.copies import SCRIPTS

REQUIREMENTS = SCRIPTS.parent / "requirements"
OLD_VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10")


def scripts(suffix: str) -> list[Path]:
    return sorted(SCRIPTS.glob(f"*{suffix}"))


def named(path: Path) -> str:
    return path.name


def test_every_entry_point_exists_for_every_system() -> None:
    for name in ("setup_all_envs", "run_tests", "activate_env"):
        assert [(SCRIPTS / f"{name}{suffix}").is_file() for suffix in (".sh", ".ps1", ".bat")] == [True] * 3


@pytest.mark.parametrize("path", scripts(".sh"), ids=named)
def test_shell_scripts_are_portable(path: Path) -> None:
    assert b"\r" not in path.read_bytes()
    assert os.access(path, os.X_OK)
    if shutil.which("shellcheck") is None:
        pytest.skip("`shellcheck` is not on PATH")
    done = subprocess.run(["shellcheck", "--shell=sh", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [*scripts(".bat"), *scripts(".ps1")], ids=named)
def test_windows_scripts_have_the_bytes_that_old_interpreters_read(path: Path) -> None:
    content = path.read_bytes()
    assert content.isascii()
    assert content.count(b"\n") == content.count(b"\r\n") > 0


@pytest.mark.parametrize("path", scripts(".bat"), ids=named)
def test_batch_files_pass_the_linter(path: Path) -> None:
    command = [sys.executable, "-m", "blinter"]
    if importlib.util.find_spec("blinter") is None:
        found = shutil.which("blinter")
        if found is None:
            pytest.skip("the package `blinter` is not installed")
        command = [found]
    done = subprocess.run([*command, path, "--fail-on", "error"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", scripts(".ps1"), ids=named)
def test_powershell_scripts_parse(path: Path) -> None:
    tree_sitter = pytest.importorskip("tree_sitter", reason="the package `tree-sitter` is not installed")
    grammar = pytest.importorskip("tree_sitter_powershell", reason="`tree-sitter-powershell` is not installed")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    root = parser.parse(path.read_bytes()).root_node
    assert not root.has_error, str(root)


@pytest.mark.parametrize("path", scripts(".ps1"), ids=named)
def test_powershell_scripts_keep_to_5_1(path: Path) -> None:
    text = path.read_text()
    for newer in ("&&", "||", "??", "?.", "-Parallel", "clean {"):
        assert newer not in text


def test_the_entry_point_parses_on_old_pythons() -> None:
    ast.parse((SCRIPTS / "bootstrap.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_an_old_python_says_what_it_needs(version: str) -> None:
    python = find_python(version)
    done = subprocess.run([python, SCRIPTS / "bootstrap.py", "setup-all"], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"needs Python 3.11 or newer; `{python}` is {version}." in done.stderr
    assert "hint: " in done.stderr


def test_the_lockfile_pins_what_is_asked_for() -> None:
    asked = lines_of("tools.in")
    pinned = [line.removesuffix("\\").split(";")[0].strip() for line in lines_of("tools.txt")]
    assert asked
    for line in asked:
        assert str(Requirement(line)) in pinned


def test_the_lockfile_has_hashes_and_no_address() -> None:
    text = (REQUIREMENTS / "tools.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
    blocks = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert len(blocks) > 10
    for block in blocks:
        assert "--hash=sha256:" in block, block


def lines_of(name: str) -> list[str]:
    """The requirements of a file, without comments and options."""
    text = (REQUIREMENTS / name).read_text()
    return [line for line in text.splitlines() if re.match(r"\w", line)]


def find_python(version: str) -> str:
    """An old interpreter of this machine: on PATH, or kept by a version manager."""
    kept = Path(os.environ.get("PYENV_ROOT", "/nonexistent"), "versions")
    candidates = [*map(str, kept.glob(f"{version}.*/bin/python")), shutil.which(f"python{version}") or ""]
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:  # no shim without a Python
            return candidate
    pytest.skip(f"there is no Python {version} on this machine")
