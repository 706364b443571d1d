"""The `envyard` program: Invoke's `Program` over the same tasks, with help and exit codes of its own."""

from __future__ import annotations

import inspect
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from envyard import __version__
from envyard.errors import ExitCode
from envyard.process import environment_variable
from envyard.report import complain, open_closed_streams, output_errors, started_as, told, write
from envyard.tasks import namespace
from envyard.tasks.usage import usage_words
from envyard.wording import closest

OPTIONS = (
    ("--dry", "Only say what would be done."),
    ("--help[=TASK]", "Show this help, or that of one task."),
    ("--list", "List the tasks."),
    ("--print-completion-script=SHELL", "Print the completion script for bash, zsh or fish."),
    ("--version", "Show the version."),
)
"""What of Invoke's own options means something here; the help is silent about the others."""

_COLUMNS = 80


def run() -> None:
    """Run the command line of this process and end it with an `errors.ExitCode`."""
    open_closed_streams()
    started_as(_typed())
    program = EnvyardProgram(
        name="envyard", binary="envyard", binary_names=["envyard"], namespace=namespace, version=__version__
    )

    def whole() -> int:
        with output_errors():  # of what Invoke prints: the version, the tasks
            try:
                program.run()
            finally:
                sys.stdout.flush()
        return ExitCode.DONE

    sys.exit(told(whole))


def _typed() -> str:
    """What to type for this program: its name, or its path in the tool environment, which scripts start it from."""
    generations = Path(sys.prefix).parent
    program = generations.parent / "tools" / Path(sys.executable).parent.name / "envyard"
    if generations.name != "tools-g" or not shutil.which(str(program)) or shutil.which("envyard"):
        return "envyard"
    shell = Path(environment_variable("PWD"))  # the scripts go to the top of the workspace; Windows does not say
    shown = str(program.relative_to(shell) if program.is_relative_to(shell) else program)
    return f'"{shown}"' if re.search(r"[^\w./\\:-]", shown) else shown


class EnvyardProgram(Program):
    """Ends with 2 for what cannot be parsed (Invoke: 1) and with 130 after Ctrl-C (Invoke: 1)."""

    def parse_core(self, argv: list[str] | None) -> None:
        self._parse(super().parse_core, argv)

    def parse_tasks(self) -> None:
        self._parse(super().parse_tasks)

    def parse_cleanup(self) -> None:
        self._parse(super().parse_cleanup)

    def execute(self) -> None:
        try:
            super().execute()
        except KeyboardInterrupt:
            raise Exit(code=ExitCode.INTERRUPTED) from None

    def print_help(self) -> None:
        write("Usage: envyard TASK [NAME ...] [--options]")
        write("")
        write("Makes and looks after the environments of the workspace you are in.")
        write("`envyard --help TASK` explains one task.")
        write("")
        write("Options:\n")
        self.print_columns(OPTIONS)
        self.list_tasks()

    def no_tasks_given(self) -> None:
        self.print_help()
        raise Exit

    def print_task_help(self, name: str) -> None:
        context: Any = self.parser.contexts[name]
        write("\n".join(_folded(f"Usage: envyard {name}", usage_words(self.collection[name]))))
        write("")
        for line in (inspect.getdoc(self.collection[name]) or "").splitlines():
            write(self.leading_indent + line if line else "")
        write("")
        tuples = context.help_tuples()
        if tuples:
            write("Options:")
            self.print_columns(tuples)

    def _parse(self, parse: Callable[..., None], *arguments: Any) -> None:
        try:
            parse(*arguments)
        except ParseError as error:
            complain(self._explained(error))
            raise Exit(code=ExitCode.USAGE) from None

    def _explained(self, error: ParseError) -> str:
        """Invoke's own words, what was probably meant, and what to type next."""
        context = error.context
        task = context.name if context is not None else None
        found = re.fullmatch(r"No idea what '(.+)' is!", str(error))
        unknown = found[1] if found else ""
        flags = context.flag_names() if context is not None else ()
        meant = _meant(unknown, flags, () if task else self.collection.task_names)
        lines = [f"error: {error}", *([f"  did you mean `{meant}`?"] if meant else []), ""]
        if unknown and task == "envs.run":
            lines.append("hint: write the command after two dashes: `envyard envs.run NAME -- COMMAND ...`")
        else:
            lines.append(f"hint: run `envyard --help{f' {task}' if task else ''}`")
        return "\n".join(lines)


def _meant(word: str, flags: Iterable[str], tasks: Iterable[str]) -> str:
    """The option or the task that `word` probably stands for, or ""."""
    word = word.replace("_", "-")
    if word.startswith("-"):
        return closest(word, [flag for flag in flags if flag.startswith("--")]) if len(word) > 2 else ""
    tasks = list(tasks)
    ends = [task for task in tasks if word and task.rpartition(".")[2] == word]
    return closest(f"envs.{word}", ends) if ends else closest(word, tasks)


def _folded(begin: str, words: Iterable[str]) -> Iterator[str]:
    """The words behind `begin`, on as many lines of 80 columns as they need."""
    line = begin
    for word in words:
        if len(line) + 1 + len(word) > _COLUMNS:
            yield line
            line = " " * len("Usage: envyard")
        line = f"{line} {word}"
    yield line
