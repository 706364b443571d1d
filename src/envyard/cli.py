"""The `envyard` program: Invoke's `Program` over the same commands that `tasks.py` shows."""

from __future__ import annotations

from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from envyard import __version__
from envyard.errors import ExitCode
from envyard.report import started_as
from envyard.tasks import namespace


def main() -> None:
    """Entry point of the console script; ends the process with the exit code of `errors.ExitCode`."""
    started_as("envyard")
    EnvyardProgram(name="envyard", binary="envyard", namespace=namespace, version=__version__).run()


class EnvyardProgram(Program):
    """Invoke's program with our exit codes: 2 for what cannot be parsed, 130 for Ctrl-C."""

    def parse_core(self, argv: list[str] | None) -> None:
        with_usage_code(super().parse_core, argv)

    def parse_tasks(self) -> None:
        with_usage_code(super().parse_tasks)

    def execute(self) -> None:
        try:
            super().execute()
        except KeyboardInterrupt:
            raise Exit(code=ExitCode.INTERRUPTED) from None


def with_usage_code(parse: Any, *args: Any) -> None:
    try:
        parse(*args)
    except ParseError as error:
        raise Exit(f"error: {error}", code=ExitCode.USAGE) from None
