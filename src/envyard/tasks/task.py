"""The decorator of every command: one place where errors become text and exit codes, whoever runs the task.

A command's body takes Invoke's context and its parameters and returns an exit code. It may raise any `EnvyardError`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.tasks import Task

from envyard.errors import Cancelled, EnvyardError, ExitCode, OutputUnwritable, UsageError
from envyard.files import path_unwritable
from envyard.interrupts import STOP_SIGNALS
from envyard.project import Workspace
from envyard.report import complain, flush, open_closed_streams, render_error, told
from envyard.tasks.names import Names, Option
from envyard.workspace import find_workspace, load_workspace

Body = Callable[..., int]

HELP = {
    "jobs": "Environments to build at a time (default: as many as there are, at most 8).",
    "json": "Print one JSON object on stdout, and no progress.",
    "dry_run": "Only say what would be done (also Invoke's own `--dry`).",
    "yes": "Do not ask; set a `venv` that envyard did not make aside in the store.",
    "rebuild": "Build anew, whatever is there.",
    "environments": "The folder of old per-model environments (default: `environments` in workspace.toml).",
}
"""What parameters of several commands do."""

_METAVARS = {
    "model": "PATH",
    "profile": "KEY",
    "envyard": "REQUIREMENT",
    "scripts": "NAME",
    "changed_since": "REF",
    "format": "github|gitlab|json",
    "html": "FILE",
    "provider": "github|gitlab",
    "jobs": "N",
    "key": "KEY",
    "platform": "NAME",
    "hardware": "WHAT",
    "only": "NAME",
    "tag": "TAG",
    "unused_for": "TIME",
    "keep_size": "SIZE",
    "environments": "FOLDER",
}


class Command(Task):  # type: ignore[type-arg]
    """A task whose parameter `names` takes every word, which its help calls `metavar`.

    `required` names the options that it does not work without; its body refuses to.
    """

    def __init__(self, body: Callable[..., None], *, metavar: str, required: Sequence[str], **options: Any) -> None:
        super().__init__(body, positional=(), auto_shortflags=False, **options)
        self.metavar = metavar
        self.required = tuple(required)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        texts = self.help.copy()  # Invoke empties it, and would have no help the second time
        arguments = super().get_arguments(ignore_unknown_help)
        self.help = texts
        return [self._argument(one) for one in arguments]

    def _argument(self, argument: Argument) -> Argument:
        name = argument.name or ""
        if name == "names":
            return Names(name, metavar=self.metavar, help=argument.help)
        if argument.kind is bool:
            return Option(argument, metavar="", kind=bool)
        return Option(argument, metavar=_METAVARS[name], kind=list if name in self.iterable else str)


def command(
    name: str | None = None,
    *,
    metavar: str = "NAME ...",
    iterable: Sequence[str] = (),
    required: Sequence[str] = (),
    **texts: str,
) -> Callable[[Body], Command]:
    """Make a function a task. `texts` are the help of its parameters, besides those in `HELP`."""

    def make(body: Body) -> Command:
        parameters = body.__code__.co_varnames[1 : body.__code__.co_argcount]
        helps = {parameter: texts.get(parameter) or HELP[parameter] for parameter in parameters}
        return Command(_guarded(body), name=name, metavar=metavar, required=required, help=helps, iterable=iterable)

    return make


def workspace_here(environments: str = "") -> Workspace:
    """The workspace of the current folder, with another folder of old `environments` if one is named."""
    workspace = load_workspace(find_workspace())
    if not environments:
        return workspace
    folder = Path(os.path.abspath(os.path.expanduser(environments)))
    if not folder.is_dir():
        raise UsageError(f"`--environments {environments}` is no folder", hint="name the folder that holds them")
    return replace(workspace, environments=folder)


def is_dry(context: Context, dry_run: bool) -> bool:
    """Whether only to say what would be done, by our option or Invoke's."""
    return dry_run or bool(context.config.run.dry)


# --- ends of a command


def _guarded(body: Body) -> Callable[..., None]:
    @functools.wraps(body)
    def run(context: Context, *args: Any, **kwargs: Any) -> None:
        code = _run(lambda: body(context, *args, **_without_empty(kwargs)))
        if code != ExitCode.DONE:
            raise Exit(code=int(code))

    return run


def _without_empty(arguments: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a task. Raises `UsageError` for an empty name, which might be taken for the current folder."""
    if any(not name.strip() for name in arguments.get("names", ())):
        raise UsageError("a name is empty", hint="is a variable of the shell not set?")
    return arguments


def _run(body: Callable[[], int]) -> int:
    # Invoke turned the writing of byte code off; without it everything imported from here on is compiled every time.
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
    open_closed_streams()
    return told(lambda: _outcome(body))


def _outcome(body: Callable[[], int]) -> int:
    try:
        with _interruptible():
            code = body()
            flush()
            return code
    except (KeyboardInterrupt, Cancelled) as error:
        stopped = error if isinstance(error, Cancelled) else Cancelled()
        complain(f"\n{stopped.message}")
        return ExitCode.INTERRUPTED
    except (Exit, OutputUnwritable, BrokenPipeError):
        raise
    except EnvyardError as error:
        complain(render_error(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - a bug; the traceback goes to a file
        if isinstance(error, UnicodeEncodeError) and error.encoding != "utf-8":
            complain(render_error(path_unwritable(error)))
            return ExitCode.FAILED
        from envyard.tasks.bugs import bug_report

        complain(render_error(bug_report(error)))
        return ExitCode.BUG


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM and Ctrl-Break stop the work as Ctrl-C does; only the first of all that come is heard."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) == 1:
            raise KeyboardInterrupt

    wanted = [one for one in STOP_SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    previous = [(one, signal.signal(one, stop)) for one in wanted]
    try:
        yield
    finally:
        for one, handler in previous:
            # After the first of them the process is about to end, and a second must not kill it on its way.
            signal.signal(one, signal.SIG_IGN if seen else handler)
