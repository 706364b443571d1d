"""Work that takes time: with progress while it runs, then its result."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence

from envyard.commands.setup import setup
from envyard.events import Listener, ignore
from envyard.process import Cancellation
from envyard.project import Project, Workspace
from envyard.provision import Options
from envyard.report import as_typed, complain, render_error, write
from envyard.report.lines import LineReporter
from envyard.report.summary import retry_command, setup_summary
from envyard.report.text import Style, width_of


def set_up(workspace: Workspace, projects: Sequence[Project], options: Options, *, json: bool) -> int:
    """Make the environments of `projects` so, and say what was done."""
    with progress(workspace, quiet=json) as listener:
        result = setup(workspace, projects, options=options, listener=listener, cancellation=Cancellation())
    if json:
        from envyard.report.data import as_json, setup_data

        write(as_json(setup_data(result)))
        return result.exit_code
    write(setup_summary(result, Style.of(sys.stdout), width_of(sys.stdout)))
    for outcome in result.failed:
        assert outcome.error is not None
        complain(f"\n{render_error(outcome.error)}")
    if result.failed:
        complain(as_typed(f"\nthen run `{retry_command(result.failed)}`"))
    return result.exit_code


@contextlib.contextmanager
def progress(workspace: Workspace, *, quiet: bool) -> Iterator[Listener]:
    """A listener that shows what happens on stderr, and tidies up behind itself."""
    if quiet:
        yield ignore
        return
    reporter = LineReporter(complain)
    try:
        yield reporter
    finally:
        reporter.close()
