"""A bash that is typed into, one command after the other, and what it shows compared with what a document says."""

from __future__ import annotations

import difflib
import os
import re
import secrets
import shlex
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from kit.processes import kill_tree


class Shell:
    """One bash: folders and variables last from command to command. After each it does what it does at a prompt."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._end = f"end-{secrets.token_hex(8)}"
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env={**env, "PWD": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            process_group=0,
        )

    def run(self, command: str, *, limit: float = 300) -> tuple[int, str]:
        """Exit code, and what was printed on stdout and stderr. The command has no stdin.

        One that runs longer than `limit` seconds is killed, and the shell with it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        prompt = 'for each in "${PROMPT_COMMAND[@]}"; do eval "$each"; done'
        line = f"eval {shlex.quote(command)} </dev/null; printf '\\n%s %s\\n' {self._end} $?; {prompt}\n"
        alarm = threading.Timer(limit, kill_tree, [self._process.pid])
        alarm.start()
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
            seen: list[str] = []
            for each in self._process.stdout:
                if each.startswith(self._end):
                    return int(each.split()[1]), "".join(seen).removesuffix("\n")
                seen.append(each)
            return self._process.wait(), "".join(seen)
        finally:
            alarm.cancel()

    def close(self) -> None:
        if self._process.poll() is None:
            kill_tree(self._process.pid)
        self._process.communicate()


# --- comparing

_TAG = re.compile(r"\[([\w-]+(?: \+ [\w-]+)*|all projects)\] ")
_VALUES = (
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b|\b20\d{6}-\d{6}\b", "<when>"),
    (r"\b(?:\d+ (?:min|h|d) ago|just now)\b", "<age>"),
    (r"(?:, took| in) (?:a|\d+) (?:second|minute)s?\b", ""),
    (r"\b\d+ min \d\d s\b|\b\d+(?:\.\d+)? (?:ms|s)\b", "<time>"),
    (r"\b\d+(?:\.\d+)? (?:B|kB|MB|GB|TB)\b", "<size>"),
    (r"\b[0-9a-f]{8}\b", "<generation>"),
    (r"\b\d+ files\b", "<count> files"),
    (r"\b\d+ runs of the resolver\b", "<count> runs of the resolver"),
    (r"\buv \d+\.\d+\.\d+", "uv <version>"),
    (r"(?<!<root>)(?<![\w/])/\S*/python3(?:\.\d+)?(?=[\s)]|$)", "<interpreter>"),
    (r"(?<![\w.])3\.(?:8|9|1\d)(?:\.\d{1,2})?\b", "<python>"),
    (r"\blocal_[0-9a-f]{12}\b", "local_<md5>"),
)
"""What differs from run to run and machine to machine, and what stands for it."""


def difference(expected: str, actual: str, *, root: Path, home: Path) -> str:
    """How `actual` differs from what a document says, or "".

    In the document `root` is `/home/you/monorepo`, and `home` is `/home/you`. Sizes, times, dates, generations,
    versions of tools and runs of the resolver count as equal, and so do spaces. `...` in the document stands for any
    words of a line, alone on a line for any lines. Progress lines such as `[model] verify` count only where the
    document has some, and only in their order for each project.
    """
    wanted = _lines(expected, {"/home/you/monorepo": "<root>", "/home/you/shop": "<root>", "/home/you": "<home>"})
    got = _lines(
        actual, {name: f"<{word}>" for word, path in (("root", root), ("home", home)) for name in _names(path)}
    )
    if not any(_TAG.match(line) for line in wanted):
        got = [line for line in got if not _TAG.match(line)]
    wanted, got = _by_tag(wanted), _by_tag(got)
    if _fits(wanted, got):
        return ""
    return "\n".join(difflib.unified_diff(wanted, got, "the document", "what was printed", lineterm="", n=100))


def _names(path: Path) -> tuple[str, str]:
    return os.path.realpath(path), str(path)


def _lines(text: str, folders: Mapping[str, str]) -> list[str]:
    for folder, word in folders.items():
        text = text.replace(folder, word)
    for pattern, name in _VALUES:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _by_tag(lines: list[str]) -> list[str]:
    """Progress lines first, those of each project together, in a fixed order of the projects."""
    tagged = sorted((line for line in lines if _TAG.match(line)), key=lambda line: line.split()[0])
    return [*tagged, *(line for line in lines if not _TAG.match(line))]


def _fits(wanted: list[str], got: list[str]) -> bool:
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n" for line in wanted
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in got)) is not None
