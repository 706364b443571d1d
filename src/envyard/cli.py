"""The entry point of the `envyard` program; the program itself is `tasks/program.py`."""

from __future__ import annotations

import sys

from envyard.errors import ExitCode


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        # Here and not above: Ctrl-C while Invoke is imported, half of a short command's time, prints no traceback.
        from envyard.tasks.program import run

        run()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
