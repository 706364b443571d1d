"""The command lines of the documents, and the remarks above them that say how they are tested.

**What a command line is.** In a code block: each line that begins with `$ ` (for Windows `PS> ` or `C:\\> `), with what
it prints below it. In a sentence: a code span of two words or more whose first is one of `PROGRAMS`, unless it has a
placeholder in it (`NAME`, `<key>`, `...`, `{sh,ps1}`, `*`). Every command line is run by
`tests/integration/test_command_lines.py`, in the order of its document, or has a remark that says why it cannot be.

**Remarks** are comments of Markdown, which readers do not see. They stand above the code block, paragraph or table that
they are about (or, for a paragraph, in it):

    <!-- not tested: needs PowerShell -->           its commands are not run, for this reason
    <!-- before: rm -r projects/Model/venv -->      run first, in the same shell; may be there several times
    <!-- ends with: 1 -->                           the exit code of the last command of the block (default: 0)
    <!-- needs: direnv -->                          only run where this program is there
    <!-- output not tested: real GPUs differ -->    run, but what it prints is not compared
    <!-- in: the shop -->                           in that folder (one of `PLACES`), up to the next of these
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = r"(?:envyard|invoke|nox|python -m envyard|(?:\.[/\\])?scripts[/\\][\w.]+)"
PLACES = ("the reference workspace", "a new monorepo", "the shop")

_KINDS = ("not tested", "before", "ends with", "needs", "output not tested", "in")
_REMARK = re.compile(r"(?<!`)<!--\s*([a-z][a-z -]*): (.*?) -->", re.DOTALL)
_PLACEHOLDER = re.compile(r"\b[A-Z]{2,}[A-Z_]*\b|(?<![\w-])N\b|<[^>]*>|\.\.\.|…|[{*]")
_PROMPT = re.compile(r"\$ |PS> |C:\\> ")
_SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_SHELL_BLOCKS = ("sh", "bash", "shell", "zsh", "bat", "powershell", "pwsh", "cmd")


@dataclass(slots=True, kw_only=True)
class Remarks:
    """What the comments above a block say."""

    not_tested: str = ""
    before: list[str] = field(default_factory=list)
    ends_with: int = 0
    needs: str = ""
    output_not_tested: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line; `output` is what the document says it prints ("" where it says nothing)."""

    line: int
    text: str
    output: str = ""

    @property
    def bare(self) -> str:
        """The command without the comment behind it."""
        return re.split(r"\s#", self.text, maxsplit=1)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The command lines of one code block, paragraph or table: one shell runs them."""

    document: str
    place: str
    remarks: Remarks
    commands: tuple[Command, ...]


def documents() -> list[Path]:
    """Every document with commands that people may type today; the changelog tells of others too."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("projects/**/README.md")]
    return sorted(path for path in found if path.name != "CHANGELOG.md" and "venv" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def blocks_of(path: Path) -> tuple[Block, ...]:
    """The blocks of a document that have command lines, in order. Raises `ValueError` for what breaks the rules."""
    return tuple(parse(name_of(path), path.read_text(encoding="utf-8")))


def parse(document: str, text: str) -> Iterator[Block]:
    """The blocks of a text that is called `document`."""
    place = PLACES[0]
    waiting = Remarks()
    for start, lines, code in [*_pieces(document, text), (0, ["the end"], False)]:
        source = "\n".join(lines)
        if not code:
            place = _read_remarks(f"{document}:{start}", source, waiting, place)
            if not _REMARK.sub("", source).strip():
                continue  # about what comes next
        commands = tuple(_typed(document, start, lines) if code else _mentioned(document, start, source))
        if commands:
            yield Block(document=document, place=place, remarks=waiting, commands=commands)
        elif waiting != Remarks():
            where = f"above line {start}" if start else "at the end"
            raise ValueError(f"{document}: the remark {where} is about no command line")
        waiting = Remarks()


def _pieces(document: str, text: str) -> Iterator[tuple[int, list[str], bool]]:
    """Line number, lines, and whether it is code, of each paragraph, table and code block."""
    held: tuple[int, list[str]] | None = None  # indented code goes on behind an empty line
    for start, lines, kind in _pieces_between_blank_lines(document, text):
        if kind == "indented" and held:
            held = held[0], [*held[1], *[""] * (start - held[0] - len(held[1])), *lines]
        elif kind == "indented":
            held = start, lines
        else:
            if held:
                yield *held, True
                held = None
            yield start, lines, kind == "fenced"
    if held:
        yield *held, True


def _pieces_between_blank_lines(document: str, text: str) -> Iterator[tuple[int, list[str], str]]:
    piece: list[str] = []
    start = 1
    indent = fence = language = ""
    for number, line in enumerate([*text.splitlines(), ""], 1):
        opening = re.match(r"( *)(```+)(\w*)", line)
        if fence:
            if line.strip() == fence:
                typed = [start + index for index, each in enumerate(piece) if _PROMPT.match(each)]
                if language != "console" and typed:
                    raise ValueError(f"{document}:{typed[0]}: a command in a `{language}` block; `console` is for them")
                yield start, piece, "fenced"
                piece, fence = [], ""
            else:
                piece.append(line.removeprefix(indent))
        elif opening:
            if piece:
                yield start, piece, "text"
            if opening[3] in _SHELL_BLOCKS:
                raise ValueError(f"{document}:{number}: write commands in a `console` block, each behind `$ `")
            indent, fence, language = opening.groups()
            piece, start = [], number + 1
        elif line.strip():
            if not piece:
                start = number
            piece.append(line)
        elif piece:
            if piece[0].startswith("    "):
                yield start, [each.removeprefix("    ") for each in piece], "indented"
            else:
                yield start, piece, "text"
            piece = []


def _read_remarks(where: str, source: str, remarks: Remarks, place: str) -> str:
    """Add the remarks of `source` to `remarks`; returns the place that they name, else `place`."""
    for kind, words in _REMARK.findall(source):
        value = " ".join(words.split())
        if kind not in _KINDS:
            raise ValueError(f"{where}: there is no remark `{kind}`; the remarks are {', '.join(_KINDS)}")
        if kind == "before":
            remarks.before.append(value)
        elif kind == "ends with":
            remarks.ends_with = int(value)
        elif kind == "in":
            if value not in PLACES:
                raise ValueError(f"{where}: there is no place `{value}`; the places are {', '.join(PLACES)}")
            place = value
        else:
            setattr(remarks, kind.replace(" ", "_"), value)
    return place


def _typed(document: str, start: int, lines: list[str]) -> Iterator[Command]:
    """The commands of a code block: what stands behind `$ `, and what is below it up to the next one."""
    found: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(lines, start):
        prompt = _PROMPT.match(line)
        if prompt:
            found.append((number, line[prompt.end() :], []))
        elif found and found[-1][1].endswith("\\") and not found[-1][2]:
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}", [])
        elif found:
            found[-1][2].append(line)
        elif re.match(rf"{PROGRAMS} ", line):
            raise ValueError(f"{document}:{number}: `{line}` looks like a command; write `$ ` before it")
    for number, text, output in found:
        yield Command(line=number, text=text, output="\n".join(output).rstrip())


def _mentioned(document: str, start: int, source: str) -> Iterator[Command]:
    for number, line in enumerate(source.splitlines(), start):
        if _PROMPT.match(line.lstrip()):
            raise ValueError(f"{document}:{number}: this is no code block; leave a line free above it")
    for span in _SPAN.finditer(_REMARK.sub(lambda remark: re.sub(r"[^\n]", " ", remark[0]), source)):
        text = " ".join(span[2].split()).replace("\\|", "|")
        if re.match(rf"{PROGRAMS} \S", text) and not _PLACEHOLDER.search(text):
            yield Command(line=start + source[: span.start()].count("\n"), text=text)
