"""Tests of the library itself, on a Windows Python: those marked `portable`."""

from __future__ import annotations

import re

import pytest
from conftest import PORTABLE
from windows.machine import ROOT, Machine
from windows.wine import Wine

pytestmark = pytest.mark.windows


def test_the_portable_tests_pass(windows: Machine) -> None:
    if not isinstance(windows, Wine):
        pytest.skip("they run beside this one")
    configuration = ["-c", windows.path_of(ROOT / "pyproject.toml"), "--rootdir", windows.path_of(ROOT)]
    temporary = f"{windows.folder}\\temporary"
    done = windows.run(
        windows.tools,
        *("-m", "pytest", "-q", *configuration, "-p", "no:cacheprovider", "--basetemp", temporary, "-m", "portable"),
        *(windows.path_of(ROOT / "tests" / "unit" / name) for name in sorted(PORTABLE)),
        env=windows.pytest() | {"TEMP": windows.folder, "TMP": windows.folder},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 20 * len(PORTABLE)
