"""Every command line of the documents is run, in the order of its document; `kit.documents` has the rules.

Each document has its own stand-in of the reference workspace, and a monorepo without envyard where it asks for one.
Each code block is a bash of its own that begins in the top folder. What it prints is compared with what the document
says it prints, but for sizes, times and the like (`kit.shell.difference`).

A failure names the line. Correct the document; or, where a command line cannot be run here, write above it why:
`<!-- not tested: needs PowerShell -->`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kit import reference
from kit.documents import PLACES, Block, blocks_of, documents, name_of, parse
from kit.index import LocalIndex
from kit.shell import Shell, difference
from kit.shop import make_shop, shop_wheels

from envyard.platforms import this_platform
from envyard.tasks import namespace

pytestmark = pytest.mark.skipif(
    this_platform() != "linux-x86_64" or sys.version_info[:2] != (3, 11),
    reason="the documents show what Linux prints, with the Python of the lockfiles",
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalIndex]:
    folder = tmp_path_factory.mktemp("reference-wheels")
    reference.reference_wheels(folder)
    shop_wheels(folder)
    with LocalIndex(tmp_path_factory.mktemp("index"), folder) as index:
        yield index
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """uv's cache, shared by the readers of all documents."""
    folder = tmp_path_factory.mktemp("uv-cache")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Reader:
    """Somebody who types what a document says."""

    def __init__(self, folder: Path, index: LocalIndex, cache: Path) -> None:
        self._folder = folder
        self._cache = cache
        self._index = index
        self._programs = folder / "bin"
        self._places: dict[str, Path] = {}
        reference.make_programs(self._programs)

    def problems(self, block: Block) -> Iterator[str]:
        """What is wrong with the commands of a block: `file:line: command` and what happened."""
        root = self._place(block.place)
        shell = Shell(root, self._variables(block))
        try:
            for preparation in block.remarks.before:
                code, printed = shell.run(preparation)
                if code:
                    where = f"{block.document}:{block.commands[0].line}: before: {preparation}"
                    yield f"{where}\nended with {code}:\n{printed}"
            for command in block.commands:
                if "scripts/" in command.bare or ".envs/tools" in command.bare:
                    reference.provide_tools(root, self._programs)
                code, printed = shell.run(command.text)
                last = command is block.commands[-1]
                where = f"{block.document}:{command.line}: $ {command.text}"
                if code != (block.remarks.ends_with if last else 0):
                    yield f"{where}\nended with {code}:\n{printed}"
                elif command.output and not block.remarks.output_not_tested:
                    found = difference(command.output, printed, root=root, home=Path.home())
                    if found:
                        yield f"{where}\n{found}\n\nwhat was printed, as it is:\n{printed}"
        finally:
            shell.close()

    def _place(self, name: str) -> Path:
        if name not in self._places:
            make = dict(zip(PLACES, (reference.make_reference, reference.make_monorepo, make_shop), strict=True))
            self._places[name] = self._folder / str(len(self._places)) / ("shop" if name == PLACES[2] else "monorepo")
            make[name](self._places[name], self._index)
        return self._places[name]

    def _variables(self, block: Block) -> dict[str, str]:
        """A terminal of 80 columns without colours, wider where the document shows longer lines (with room for a value
        that is longer here), cuts them with `...`, or shows a path, which here is a longer one."""
        lines = [line for command in block.commands for line in command.output.splitlines()]
        longest = max(map(len, lines), default=0)
        cut = any(line.endswith("...") or "/home/you/" in line for line in lines)
        width = 500 if cut else 80 if longest <= 80 else longest + 6
        screen = {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "0", "NO_COLOR": "1", "COLUMNS": str(width)}
        return {**reference.variables(self._index, self._programs, self._cache), **screen}


def readings() -> dict[str, list[Path]]:
    """What one person reads from the beginning to the end: a document, or those of all projects."""
    found: dict[str, list[Path]] = {}
    for path in documents():
        name = name_of(path)
        found.setdefault("projects" if name.startswith("projects/") else name, []).append(path)
    return found


@pytest.mark.parametrize("name", readings())
def test_the_commands_of_a_document_do_what_it_says(name: str, tmp_path: Path, index: LocalIndex, cache: Path) -> None:
    reader = Reader(tmp_path, index, cache)
    wrong: list[str] = []
    for block in (block for document in readings()[name] for block in blocks_of(document)):
        needs = block.remarks.needs
        if not block.remarks.not_tested and (not needs or shutil.which(needs, path=os.environ["PATH"])):
            wrong += reader.problems(block)
    assert not wrong, "\n\n".join([f"{len(wrong)} command lines are wrong", *wrong, __doc__.rpartition("\n\n")[2]])


def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, index: LocalIndex, cache: Path) -> None:
    page = """\
<!-- in: a new monorepo -->
<!-- before: (exit 4) -->

    $ echo one
    two
    $ (exit 3)
    $ envyard projects.list
"""
    (block,) = parse("page.md", page)
    before, output, code = Reader(tmp_path, index, cache).problems(block)
    assert before.startswith("page.md:4: before: (exit 4)\nended with 4")
    assert output.startswith("page.md:4: $ echo one\n--- the document")
    assert code.startswith("page.md:6: $ (exit 3)\nended with 3")


# --- what programs read

JSON = {
    "projects.list": "",
    "envs.setup-all": "--only model --only config-load --upgrade --direnv",
    "envs.setup": "model --rebuild",
    "envs.update-all": "--dry-run",
    "envs.lock": "model",
    "envs.list": "",
    "envs.show": "model",
    "envs.matrix": "",
    "envs.report": "",
    "envs.explain": "model config-load",
    "envs.plan": "",
    "envs.doctor": "model",
    "envs.rollback": "model",
    "envs.resolve": "--model models/llama",
    "envs.migrate": "--all",
    "envs.clean": "config-load --dry-run",
    "envs.prune": "--dry-run",
    "ci.matrix": "--format json",
    "direnv.setup": "",
    "direnv.status": "",
    "profiles.list": "",
    "profiles.show": "torch-cpu-transformers",
    "profiles.detect": "",
    "profiles.import": "hardware/ampere.json --key torch-cu118-transformers --relax --overwrite",
}
"""Command -> arguments, in an order in which they work in one workspace."""

ALSO = {
    "envs.setup-all": ("envs.lock", "direnv.setup"),
    "envs.setup": ("envs.setup-all",),
    "envs.update-all": ("envs.setup-all", "envs.lock"),
    "envs.show": ("envs.list",),
    "envs.report": ("envs.matrix",),
    "envs.prune": ("envs.clean",),
    "profiles.list": ("profiles.detect", "profiles.show"),
}
"""Command -> the chapters that the chapter of a command refers to for its JSON."""

# Their keys are names of packages, variables or steps, or on a page of their own, or described with `previous`.
NOT_FOLLOWED = {
    *("environment", "health", "metadata", "packages", "pins"),
    *("seconds", "serves", "together", "variables", "versions"),
}


def test_the_json_of_each_command_is_described(tmp_path: Path, index: LocalIndex, cache: Path) -> None:
    """Every key of every object is named in the chapter of the command in docs/commands.md, or in one it refers to."""
    page = (reference.ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    chapters = {chapter.partition("\n")[0]: chapter for chapter in page.split("\n## ")}
    root, programs = tmp_path / "monorepo", tmp_path / "bin"
    reference.make_programs(programs)
    reference.make_reference(root, index)
    shell = Shell(root, {**reference.variables(index, programs, cache), "ENVYARD_HARDWARE": "cpu"})
    missing = []
    with closing(shell):
        assert shell.run("make-old-environment models/older")[0] == 0
        for name, arguments in JSON.items():
            option = "" if "--format json" in arguments else "--json"
            code, printed = shell.run(f"envyard {name} {arguments} {option} 2>{tmp_path}/errors")
            assert code == 0, f"{name}: {(tmp_path / 'errors').read_text()}"
            described = "".join(chapters[each] for each in (name, *ALSO.get(name, ())))
            words = set(re.findall(r"\w+", described))
            missing += [f"{name}: {key}" for key in dict.fromkeys(_keys(json.loads(printed))) if key not in words]
    assert missing == [], "describe them in docs/commands.md"


def test_every_command_with_json_is_looked_at() -> None:
    """But for those whose JSON is that of another one: an element of projects.list, envs.lock, profiles.import."""
    with_json = {
        name for name in namespace.task_names if any(one.name == "json" for one in namespace[name].get_arguments())
    }
    others = {"projects.add", "profiles.lock", "profiles.relax"}
    assert with_json - set(JSON) == others, "a new command needs a row in the table JSON above"


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in NOT_FOLLOWED:
                yield from _keys(inner)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)
