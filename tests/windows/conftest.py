"""The Windows of this tier; without Wine, or without the Windows Python, its tests are skipped with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from windows.wine import ROOT, Wine, WineUnavailable, prepare

# as the session began, before the tests got homes of their own
_REAL = dict(os.environ)
_PREFIX = "WINE_PREFIX_FOR_TESTS"  # where the prefix is kept; default: the ignored folder `build`


@pytest.fixture(scope="session")
def wine_prefix() -> Iterator[Wine]:
    folder = Path(_REAL.get(_PREFIX) or ROOT / "build" / "wine")
    try:
        wine = prepare(folder, _REAL)
    except WineUnavailable as error:
        pytest.skip(str(error))
    try:
        yield wine
    finally:
        wine.end()


@pytest.fixture
def wine(wine_prefix: Wine) -> Iterator[Wine]:
    """Windows, with nothing in `C:\\area`."""
    _empty(wine_prefix)
    yield wine_prefix
    _empty(wine_prefix)


def _empty(wine: Wine) -> None:
    import shutil

    shutil.rmtree(wine.drive / "area", ignore_errors=True)
    (wine.drive / "area").mkdir(parents=True)
