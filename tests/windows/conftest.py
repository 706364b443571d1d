"""The Windows of this tier; where there is none, and no Wine, its tests are skipped with the reason."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from windows.machine import ROOT, Machine, WindowsUnavailable, this_machine
from windows.wine import prepare

# as the session began, before the tests got homes of their own
_REAL = dict(os.environ)
_PREFIX = "WINE_PREFIX_FOR_TESTS"  # where the prefix is kept; default: the ignored folder `build`


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        if sys.platform == "win32":
            machine = this_machine(tmp_path_factory.mktemp("windows"), _REAL)
        else:
            machine = prepare(Path(_REAL.get(_PREFIX) or ROOT / "build" / "wine"), _REAL)
    except WindowsUnavailable as error:
        pytest.skip(str(error))
    try:
        yield machine
    finally:
        machine.end()


@pytest.fixture
def windows(machine: Machine) -> Iterator[Machine]:
    """Windows, with nothing in the area."""
    machine.empty()
    yield machine
    machine.empty()
