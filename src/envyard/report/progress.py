"""Progress on stderr while a command works: live on a terminal, as plain lines elsewhere, nothing with `--json`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from envyard.events import Listener, ignore
from envyard.project import Workspace
from envyard.report import complain
from envyard.report.text import is_live


@contextlib.contextmanager
def progress(workspace: Workspace, *, quiet: bool = False) -> Iterator[Listener]:
    """A listener that shows what happens; what it wrote over is tidied up at the end, also after Ctrl-C."""
    if quiet:
        yield ignore
    elif is_live(sys.stderr):
        from envyard.report.board import Board
        from envyard.report.live import LiveReporter

        reporter = LiveReporter(Board({project.key: project.title for project in workspace.projects}))
        try:
            yield reporter
        finally:
            reporter.close()
    else:
        from envyard.report.lines import LineReporter

        yield LineReporter(complain)
