"""Usage lines, and what is made of them: the generated reference and the chapters of docs/commands.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.program import Program

from envyard.tasks import namespace
from envyard.tasks.task import command
from envyard.tasks.usage import usage

ROOT = Path(__file__).resolve().parents[2]
REFRESH = "run `python docs/reference.py` in the tool environment, or `nox -s lint -- --fix`"


# --- usage lines


def test_a_usage_line_says_what_may_be_left_out_and_what_may_be_repeated() -> None:
    @command(metavar="[NAME ...]", iterable=("only",), required=("key",), names=".", only=".", key=".", all=".")
    def example(
        _context: Context,
        names: Sequence[str] = (),
        key: str = "",
        only: Sequence[str] = (),
        jobs: str = "",
        all: bool = False,  # noqa: A002 - the name of the option
        dry_run: bool = False,
    ) -> int:
        return len([names, key, only, jobs, all, dry_run])

    assert usage("x", example) == "x [NAME ...] --key KEY [--only NAME]... [--jobs N] [--all] [--dry-run]"


def test_opposites_stand_together_and_all_stands_for_the_names() -> None:
    @command(names=".", check=".", no_check=".", all=".", no_wait=".")
    def example(
        _context: Context,
        names: Sequence[str] = (),
        no_check: bool = False,
        check: bool = False,
        all: bool = False,  # noqa: A002 - the name of the option
        no_wait: bool = False,
    ) -> int:
        return len([names, check, no_check, all, no_wait])

    assert usage("x", example) == "x (NAME ... | --all) [--check | --no-check] [--no-wait]"


@pytest.mark.parametrize("name", sorted(namespace.task_names))
def test_the_usage_line_has_the_options_that_the_stock_invoke_shows(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = types.ModuleType("tasks")
    module.ns = namespace  # type: ignore[attr-defined]
    with pytest.raises(SystemExit, match="0"):
        Program(namespace=Collection.from_module(module), name="x", binary="x").run(["x", "--help", name])
    shown = capsys.readouterr().out.partition("Options:\n")[2]
    specs = [line.strip().split("   ")[0] for line in shown.splitlines() if re.match(r"  \S", line)]
    options = {spec.partition("--")[2].replace("=", " ") for spec in specs if spec.startswith("-")}
    line = usage(name, namespace[name])
    assert {found.strip() for found in re.findall(r"--([a-z][a-z-]*(?: [A-Za-z][^] ]*)?)", line)} == options
    words = [spec for spec in specs if not spec.startswith("-")]
    assert all(word in line for word in words)


# --- documents


def test_the_reference_and_the_usage_lines_of_the_commands_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "reference.py", "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{REFRESH}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the generator reads, in a folder of its own."""
    (tmp_path / "docs").mkdir()
    for name in ("docs/reference.py", "docs/commands.md"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "noxfile.py").write_text('import nox\n\n\n@nox.session\ndef own(session):\n    """What it does"""\n')
    return tmp_path


def generate(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(copy / "docs" / "reference.py"), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_what_is_missing_or_was_changed_by_hand_is_shown_and_written_anew(copy: Path) -> None:
    before = (copy / "docs/commands.md").read_text("utf-8")
    (copy / "docs/commands.md").write_text(re.sub(r"\n    envs\.lock .*\n", "\n    envs.lock ALL\n", before), "utf-8")
    done = generate(copy, "--check")
    assert done.returncode == 1
    assert "\n-    envs.lock ALL\n" in done.stdout
    assert "\n+| `own` | What it does |\n" in done.stdout
    assert "hint: run `python docs/reference.py`" in done.stdout
    assert not (copy / "docs/reference.md").exists()

    assert generate(copy).returncode == 0
    assert (copy / "docs/commands.md").read_text("utf-8") == before
    assert generate(copy, "--check").stdout == ""


def test_a_command_without_a_chapter_is_named(copy: Path) -> None:
    page = copy / "docs/commands.md"
    page.write_text(page.read_text("utf-8").replace("## envs.lock\n", "## envs.other\n"), "utf-8")
    done = generate(copy)
    assert done.returncode == 1
    assert "docs/commands.md has no chapter `envs.lock`\n\nhint: write a chapter" in done.stderr


def test_other_arguments_are_answered_with_the_usage(copy: Path) -> None:
    done = generate(copy, "--chekc")
    assert done.returncode == 2
    assert "--check    write nothing" in done.stderr


def test_the_list_of_commands_is_complete() -> None:
    page = (ROOT / "docs/commands.md").read_text("utf-8")
    listed = re.findall(r"^\| \[`([a-z.-]+)[^`]*`\]\(", page, re.MULTILINE)
    assert sorted({*namespace.task_names} - {*listed}) == [], (
        "give each a row in the table at the top of docs/commands.md"
    )


def test_the_variables_that_are_read_are_described() -> None:
    internal = {"ENVYARD_BUILDING"}  # tells a child who started it
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    read = {
        name
        for path in [*(ROOT / "src").rglob("*.py"), *scripts]
        for name in re.findall(r"\bENVYARD_[A-Z]+\b", path.read_text("utf-8"))
    }
    page = (ROOT / "docs/commands.md").read_text("utf-8")
    described = {
        name for row in re.findall(r"^\| (`[A-Z_`, ]+) \|", page, re.MULTILINE) for name in re.findall(r"\w+", row)
    }
    assert sorted(read - internal - described) == []
