"""Folders that requirement files and lockfiles install."""

from __future__ import annotations

from pathlib import Path

import pytest

from envyard.folders import seen_from_root, without_folders

ROOT = Path("/shop")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-e ../../libs/core", "-e ./libs/core"),
        ("-e .", "-e ./apps/web"),
        ("-e ../../libs/core[fast] ; os_name == 'nt'", "-e ./libs/core[fast] ; os_name == 'nt'"),
        ("../../libs/core", "./libs/core"),
        ("core @ ../../libs/core", "core @ ./libs/core"),
        ("-e ../../../outside", "-e ../outside"),
        ("    # via -r requirements.txt", "    # via -r apps/web/requirements.txt"),
        ("    #   -c /shop/a b/constraints.txt", "    #   -c a b/constraints.txt"),
        ("    # via flask", "    # via flask"),
        ("    # via shop (pyproject.toml)", "    # via shop (apps/web/pyproject.toml)"),
        ("    #   shop[a] (/shop/b/pyproject.toml:dev)", "    #   shop[a] (b/pyproject.toml:dev)"),
        ("    # via (test-requirements in workspace.toml)", "    # via (test-requirements in workspace.toml)"),
        ("flask==3.0.3 \\", "flask==3.0.3 \\"),
        ("    --hash=sha256:00", "    --hash=sha256:00"),
    ],
)
def test_paths_are_seen_from_the_workspace(line: str, expected: str) -> None:
    assert seen_from_root(f"{line}\n", ROOT / "apps/web", ROOT) == f"{expected}\n"
    assert seen_from_root(f"{line}\n", ROOT, ROOT) == f"{line}\n"


def test_folders_are_apart_from_the_pins() -> None:
    pins = "# by hand\nflask==3.0.3 ; os_name == 'nt' \\\n    --hash=sha256:00\n    # via -r web/requirements.txt\n"
    folders = "-e ./libs/core\n./libs/fast ; os_name == 'nt'\n"
    assert without_folders(folders + pins) == (pins, folders)
    assert without_folders(pins) == (pins, "")


def test_a_wheel_with_a_hash_is_a_pin() -> None:
    wheel = "./wheels/core-1.0-py3-none-any.whl \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n    # via web\n"
    assert without_folders(f"{wheel}-e ./libs/core\n") == (wheel, "-e ./libs/core\n")
    assert without_folders("./wheels/core-1.0-py3-none-any.whl\n")[0] == ""
    assert without_folders("core==1.0 \\") == ("core==1.0 \\", "")
