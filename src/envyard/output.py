"""What a child process writes, read while it runs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO

_LINES = 200  # of stderr that are kept


class Output:
    """Reads both pipes of a child, each in a thread of its own; `on_line` hears every line of stderr as it comes."""

    def __init__(self, stdout: IO[bytes] | None, stderr: IO[bytes] | None, on_line: Callable[[str], None]) -> None:
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._bytes = bytearray()
        self._on_line = on_line
        self._readers = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in ((self._read_errors, stderr), (self._read_output, stdout))
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    def drain(self, seconds: float) -> None:
        """Wait until the pipes are closed. After so long the readers are left behind: a grandchild may hold them."""
        deadline = time.monotonic() + seconds
        for reader in self._readers:
            reader.join(max(0.0, deadline - time.monotonic()))

    @property
    def stdout(self) -> str:
        return bytes(self._bytes).decode("utf-8", "replace")

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines of stderr."""
        return tuple(self._lines)

    def _read_errors(self, stream: IO[bytes]) -> None:
        with stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip()
                self._lines.append(line)
                self._on_line(line)

    def _read_output(self, stream: IO[bytes]) -> None:
        with stream:
            while block := stream.read1(1 << 16):  # type: ignore[attr-defined]  # Popen makes a BufferedReader
                self._bytes.extend(block)
