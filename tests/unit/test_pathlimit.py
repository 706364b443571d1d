"""How long a path may be on Windows: the arithmetic, and that a disk with the rules of Windows agrees with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kit.long_disk import LongDisk

from envyard.pathlimit import PathLimit, longest_path, path_limit

WINDOWS = PathLimit()
ROOT = "C:\\w\\.envs\\g\\0a1b2c3d"


def deep(length: int, *, name: str = "x.py") -> str:
    """A file below `ROOT` whose whole path has this length; its folders have short names."""
    room = length - len(ROOT) - 1 - len(name) - 1
    folders = ["f" * 40 for _ in range(room // 41)]
    folders.append("f" * (room - 41 * len(folders)))
    return "/".join([*filter(None, folders), name]) if room % 41 else "f" + "/".join([*folders[:-1], name])


@pytest.mark.parametrize("length", [200, 258, 259, 260, 261, 300])
def test_a_file_of_260_characters_is_too_long(length: int) -> None:
    member = deep(length, name="long-enough-name-of-a-file.py")
    assert len(f"{ROOT}/{member}") == length
    found = longest_path([ROOT], {"demo": [member]}, WINDOWS)
    assert (found.excess if found else 0) == max(0, length - 259)


@pytest.mark.parametrize("length", [240, 247, 248, 249])
def test_a_folder_of_248_characters_is_too_long_though_its_file_is_not(length: int) -> None:
    member = deep(length + 2, name="x")
    assert len(f"{ROOT}/{member}".rpartition("/")[0]) == length
    found = longest_path([ROOT], {"demo": [member]}, WINDOWS)
    assert (found.excess if found else 0) == max(0, length - 247)


def test_the_worst_of_all_packages_and_roots_is_told() -> None:
    members = {"one 1.0": ["a.py", "b" * 250], "two 2.0": ["c" * 255], "three 3.0": ["d" * 3]}
    found = longest_path([ROOT, "C:\\a\\longer\\place\\venv"], members, WINDOWS)
    assert found is not None
    assert (found.package, found.member) == ("two 2.0", "c" * 255)
    assert found.path == "C:\\a\\longer\\place\\venv/" + "c" * 255
    assert longest_path([ROOT], {"three 3.0": ["d"]}, WINDOWS) is None
    assert longest_path([], {"three 3.0": ["d" * 999]}, WINDOWS) is None


@pytest.mark.parametrize("name", ["x", "a-name-of-twenty.py"])
@pytest.mark.parametrize("length", range(244, 264))
def test_what_fits_is_exactly_what_a_disk_of_windows_takes(tmp_path: Path, length: int, name: str) -> None:
    """Whoever installs by plain paths can make the file when it fits, and cannot when it does not."""
    disk = LongDisk(tmp_path)
    member = deep(length, name=name)
    source = tmp_path / "source"
    source.touch()
    fits = longest_path([ROOT], {"demo": [member]}, WINDOWS) is None
    path = "C:"
    try:
        for part in [*ROOT.split("\\")[1:], *member.split("/")[:-1]]:
            path = f"{path}\\{part}"
            disk.make_folder(path)
        disk.copy_file("C:\\source", f"{path}\\{name}")
        taken = True
    except FileNotFoundError:
        taken = False
    assert taken == fits


@pytest.mark.skipif(sys.platform == "win32", reason="there the registry of the machine decides")
def test_other_systems_have_no_such_limit() -> None:
    assert path_limit() is None
