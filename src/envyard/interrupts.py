"""Stopping: the signals that mean it, and waits during which they are heard.

Python on Windows hears a signal only between two waits: one without a time limit would put Ctrl-C off until the end of
what is waited for. So there a wait is a row of short ones, each of which still ends at once when there is news.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Value = TypeVar("Value")
Result = TypeVar("Result")

if sys.platform == "win32":
    # the last is Ctrl-Break, which also stands for the closing of the console's window
    STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
    AT_MOST: float | None = 0.1  # seconds that one wait may take
else:
    STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
    AT_MOST = None


def first_finished(futures: set[Future[Result]]) -> tuple[set[Future[Result]], set[Future[Result]]]:
    """Wait until one or more are done; those that are, and those that are not."""
    from concurrent.futures import FIRST_COMPLETED, wait  # 10 ms, and only for who has futures

    while True:
        done, running = wait(futures, AT_MOST, FIRST_COMPLETED)
        if done or not running:
            return done, running


def each_in(
    pool: ThreadPoolExecutor, function: Callable[[Value], Result], values: Iterable[Value]
) -> tuple[Result, ...]:
    """`function` of every value, in their order. The first error is raised at once; what has not begun never does."""
    futures = [pool.submit(function, value) for value in values]
    running = set(futures)
    try:
        while running:
            done, running = first_finished(running)
            for future in done:
                future.result()
    finally:
        for future in running:
            future.cancel()
    return tuple(future.result() for future in futures)


def join(thread: threading.Thread) -> None:
    while thread.is_alive():
        thread.join(AT_MOST)
