"""The live display: the lines of a `Board`, drawn anew ten times a second on stderr. The only importer of rich.

Nothing is drawn, and rich is not imported, before there is work to show: a command that finds everything in place
ends without a display.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from envyard.events import Event, OutputLine, Told, Warned
from envyard.report import as_typed, complain
from envyard.report.board import DOING, Board, Line
from envyard.report.lines import worth_saying
from envyard.report.text import duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_FRAMES = "|/-\\"
_A_SECOND = 10
_MARGIN = 6  # columns for the `^C` that a terminal echoes, which would else begin a line that nobody clears


class LiveReporter:
    """A listener that shows a board while it is heard; `close` clears the display."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._mutex = threading.Lock()
        self._live: Live | None = None
        self._begun = False

    def __call__(self, event: Event) -> None:
        with self._mutex:
            self._board.hear(event)
            begin = not self._begun and not self._board.empty
            self._begun = self._begun or begin
        if begin:
            self._live = self._make()  # not under the mutex, which drawing takes
            self._live.start()
        self._say(event)

    def close(self) -> None:
        self._begun = True  # nothing begins a display any more
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _say(self, event: Event) -> None:
        """What must not vanish with the display goes above it."""
        text = f"warning: {event.message}" if isinstance(event, Warned) else ""
        if isinstance(event, Told):
            text = event.message
        if isinstance(event, OutputLine) and not worth_saying(event.line).startswith("Building "):
            text = worth_saying(event.line)
        line = as_typed(f"[{self._board.title(event.key)}] {text}")
        if text and self._live is not None:
            self._live.console.print(line, markup=False, highlight=False)
        elif text:
            complain(line)

    def _make(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False)
        return Live(
            get_renderable=lambda: self._draw(console),
            console=console,
            refresh_per_second=_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _draw(self, console: Console) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        with self._mutex:
            lines = self._board.lines(max(console.height - 2, 3))
        grid = Table.grid(padding=(0, 1))
        grid.width = max(console.width - _MARGIN, 20)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, max_width=max(console.width // 3, 10), overflow="ellipsis")
        grid.add_column(no_wrap=True, min_width=max(map(len, DOING.values())))
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        for line in lines:
            mark, style = _mark(line, console.encoding)
            seconds = duration(line.seconds) if line.seconds else ""
            grid.add_row(
                Text(mark, style), Text(line.title, "bold"), Text(line.doing, style), Text(line.detail), Text(seconds)
            )
        return grid


def _mark(line: Line, encoding: str) -> tuple[str, str]:
    """The sign at the beginning of a line and its colour; the word beside it says the same."""
    unicode = encoding.lower().startswith("utf")
    if line.done is None:
        frames = _FRAMES if unicode else _PLAIN_FRAMES
        return frames[int(time.monotonic() * _A_SECOND) % len(frames)], "cyan"
    if line.done == "failed":
        return ("✗" if unicode else "x"), "red"
    return ("✓" if unicode else "+"), "green"
