"""All that a person or a program sees: results as text (`summary`, `tables`) or JSON (`data`), progress as lines
(`lines`) or live (`live`, the only importer of rich). Nothing else in envyard prints.

Data goes to stdout, messages and progress to stderr.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from envyard.errors import EnvyardError, ExitCode, OutputUnwritable
from envyard.report.text import Style, fold, hanging, width_of


def write(text: str) -> None:
    """Data: to stdout. Raises `OutputUnwritable`."""
    with output_errors():
        _put(sys.stdout, text)


def flush() -> None:
    """Bring data on its way. Raises `OutputUnwritable`."""
    with output_errors():
        sys.stdout.flush()


def tell(text: str) -> None:
    """Data for people: to stdout, with its commands as they are to be typed."""
    write(as_typed(text))


def complain(text: str) -> None:
    """A message, with its commands as they are to be typed: to stderr, behind all that stdout has got so far.

    Where nobody can hear it, the work goes on. Raises `OutputUnwritable`, for stdout.
    """
    try:
        flush()
    finally:
        try:
            _put(sys.stderr, as_typed(text))
            sys.stderr.flush()
        except OSError:
            silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Drop what is still to be written to `stream`, which nobody can read any more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def open_closed_streams() -> None:
    """Give a process that was started without stdin, stdout or stderr (`>&-`, a service) what reads or drops nothing.

    Python has None for them then; and the next file that is opened, be it a lock, would get what children write to 1.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))


def told(body: Callable[[], int]) -> int:
    """The exit code of `body`, or that of output which cannot be written or has no reader any more."""
    try:
        return body()
    except OutputUnwritable as error:
        complain(render_error(error))
        return error.exit_code
    except BrokenPipeError:  # such as `head`, which has enough
        silence(sys.stdout)
        return ExitCode.FAILED


@contextlib.contextmanager
def output_errors() -> Iterator[None]:
    """What is written to stdout inside fails with `OutputUnwritable`, or with Python's own `BrokenPipeError`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        silence(sys.stdout)
        raise OutputUnwritable(
            f"the output cannot be written: {(error.strerror or str(error)).lower()}",
            hint="write it to another place; what the command was to do besides may be done already",
        ) from error


def _put(stream: TextIO, text: str) -> None:
    """A line, whatever the encoding of `stream` lacks (Windows) and whatever bytes a path is made of."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def render_error(error: EnvyardError) -> str:
    """An expected failure as text: what went wrong, the evidence, the next command to type."""
    style, width = Style.of(sys.stderr), width_of(sys.stderr)
    lines = _labelled("error: ", as_typed(error.message), width, style.bad)
    for line in error.details:
        lines += hanging("  ", as_typed(line), width)
    if error.hint:
        lines += ["", *_labelled("hint: ", as_typed(error.hint), width, style.strong)]
    return "\n".join(lines)


def _labelled(label: str, text: str, width: int | None, paint: Callable[[str], str]) -> list[str]:
    """`text` behind a painted label; its own line breaks stay."""
    first, *rest = text.split("\n")
    lines = hanging(label, first, width)
    lines[0] = paint(label.rstrip()) + lines[0].removeprefix(label.rstrip())
    for line in rest:
        lines += fold(line, width)
    return lines


def as_typed(text: str) -> str:
    """Commands in a message the way this process was started: by `invoke`, or by `envyard` itself."""
    return text if _program == "invoke" else _COMMAND.sub(lambda _found: _program, text)


def started_as(program: str) -> None:
    """Tell the messages which program the person types (`invoke` unless told)."""
    global _program  # noqa: PLW0603 - a fact about the process
    _program = program


_program = "invoke"
_COMMAND = re.compile(r"(?<![\w./\\-])(?:invoke|envyard)(?= (?:[a-z]+\.[a-z]|--help))")
