"""Waits that a signal ends, and the order and the errors of what they wait for."""

from __future__ import annotations

import signal
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from envyard.interrupts import STOP_SIGNALS, each_in, first_finished, join


def test_the_signals_that_stop_are_those_of_the_system() -> None:
    names = ["SIGINT", "SIGTERM", *(["SIGBREAK"] if sys.platform == "win32" else [])]
    assert [signal.Signals(one).name for one in STOP_SIGNALS] == names


def test_what_is_finished_is_told_from_what_is_not() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        slow, quick = pool.submit(gate.wait), pool.submit(bool)
        assert first_finished({slow, quick}) == ({quick}, {slow})
        gate.set()
        assert first_finished({slow}) == ({slow}, set())


def test_nothing_to_wait_for_is_no_wait() -> None:
    assert first_finished(set[Future[int]]()) == (set(), set())


def test_results_come_in_the_order_of_the_values() -> None:
    last = threading.Event()

    def double(value: int) -> int:
        if value == 1:
            assert last.wait(30)
        if value == 3:
            last.set()
        return value * 2

    with ThreadPoolExecutor(3) as pool:
        assert each_in(pool, double, [1, 2, 3]) == (2, 4, 6)


def test_an_error_is_raised_before_the_others_are_done_and_what_waits_never_begins() -> None:
    gate, began = threading.Event(), list[str]()

    def work(name: str) -> None:
        began.append(name)
        if name == "fails":
            raise ValueError(name)
        assert gate.wait(30)

    with ThreadPoolExecutor(2) as pool:
        try:
            with pytest.raises(ValueError, match="fails"):
                each_in(pool, work, ["slow", "fails", "next", "never"])
        finally:
            gate.set()
    assert "never" not in began


def test_a_thread_is_waited_for_to_its_end() -> None:
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    thread.start()
    threading.Timer(0.05, gate.set).start()
    join(thread)
    assert not thread.is_alive()
