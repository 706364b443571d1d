"""Extended paths, and trees beyond MAX_PATH, on a disk that enforces it (and on that of this machine)."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PureWindowsPath
from typing import cast

import pytest
from kit.long_disk import LongDisk

from envyard.longpath import copy_tree, extended, extended_form, plain, remove_tree

TREE = PureWindowsPath("C:\\store\\tree")
FOLDER = "a" * 90


def on_windows(path: PureWindowsPath) -> Path:
    """What `Path` is there."""
    return cast("Path", path)


@pytest.fixture
def disk(tmp_path: Path) -> LongDisk:
    disk = LongDisk(tmp_path)
    disk.make_folder("C:\\store")
    return disk


@pytest.fixture
def tree(disk: LongDisk) -> list[str]:
    """`C:\\store\\tree`, with a file at every depth down to 400 characters; returns the extended paths of the files."""
    folder, files = extended_form(TREE), []
    for number in range(5):
        disk.make_folder(folder)
        files.append(f"{folder}\\file{number}.py")
        Path(disk._real(files[-1])).write_text(str(number), encoding="utf-8")
        folder += f"\\{FOLDER}"
    assert len(files[-1]) > 380
    return files


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\w\\venv", "\\\\?\\C:\\w\\venv"),
        ("C:/w/./x/../venv/", "\\\\?\\C:\\w\\venv"),
        ("C:\\w\\..\\..\\v", "\\\\?\\C:\\v"),
        ("C:\\", "\\\\?\\C:\\"),
        ("\\\\server\\share\\w\\..\\v", "\\\\?\\UNC\\server\\share\\v"),
        ("//server/share/w", "\\\\?\\UNC\\server\\share\\w"),
        ("\\\\?\\C:\\w", "\\\\?\\C:\\w"),
        ("\\\\?\\UNC\\server\\share\\w", "\\\\?\\UNC\\server\\share\\w"),
        ("//?/C:/w", "\\\\?\\C:\\w"),
        ("\\\\.\\pipe\\x", "\\\\.\\pipe\\x"),
        ("C:\\w w\\\u00e9", "\\\\?\\C:\\w w\\\u00e9"),
    ],
)
def test_the_extended_form(path: str, expected: str) -> None:
    assert extended_form(path) == expected
    assert extended_form(extended_form(path)) == expected
    if not path.startswith(("//?", "\\\\.")):
        assert extended_form(PureWindowsPath(path)) == expected


@pytest.mark.parametrize("path", ["w", "..\\w", "C:w", "\\w", ""])
def test_a_path_that_is_not_absolute_has_no_extended_form(path: str) -> None:
    with pytest.raises(ValueError, match="not an absolute path"):
        extended_form(path)


@pytest.mark.parametrize("path", ["C:\\w", "\\\\server\\share\\w"])
def test_plain_takes_the_prefix_away(path: str) -> None:
    assert plain(extended_form(path)) == path


def test_a_relative_path_is_made_absolute_before_it_is_extended(disk: LongDisk) -> None:
    assert extended("x\\..\\y", disk) == "\\\\?\\C:\\current\\y"


def test_elsewhere_a_path_stays_as_it_is() -> None:
    if os.name != "nt":
        assert extended("x/../y") == "x/../y"


def test_the_disk_of_these_tests_refuses_what_windows_refuses(disk: LongDisk, tree: list[str]) -> None:
    with pytest.raises(FileNotFoundError, match="too long"):
        disk.entries(plain(tree[-1]))
    with pytest.raises(FileNotFoundError, match="too long"):
        disk.make_folder("C:\\store\\" + "b" * 248)
    with pytest.raises(FileNotFoundError, match="not normalised"):
        disk.entries("\\\\?\\C:\\store\\..\\store")


def test_a_tree_beyond_the_limit_is_copied(disk: LongDisk, tree: list[str]) -> None:
    target = PureWindowsPath("C:\\store\\copy")
    disk.make_folder(extended_form(target))
    copy_tree(on_windows(TREE), on_windows(target), without=("file0.py",), disk=disk)
    copies = [one.replace("\\tree\\", "\\copy\\") for one in tree]
    assert [disk.exists(one) for one in copies] == [False, True, True, True, True]
    assert os.path.samefile(disk._real(tree[4]), disk._real(copies[4]))


def test_without_hard_links_the_files_are_copied(disk: LongDisk, tree: list[str]) -> None:
    disk.devices_differ = True
    disk.make_folder("C:\\store\\copy")
    copy_tree(on_windows(TREE), on_windows(PureWindowsPath("C:\\store\\copy")), disk=disk)
    copied = Path(disk._real(tree[4].replace("\\tree\\", "\\copy\\")))
    assert copied.read_text(encoding="utf-8") == "4"
    assert copied.stat().st_nlink == 1


def test_an_error_while_copying_is_raised(disk: LongDisk, tree: list[str]) -> None:
    disk.devices_differ = disk.fail_copies = True
    disk.make_folder("C:\\store\\copy")
    with pytest.raises(OSError, match="no space left"):
        copy_tree(on_windows(TREE), on_windows(PureWindowsPath("C:\\store\\copy")), disk=disk)


def test_a_tree_beyond_the_limit_is_removed(disk: LongDisk, tree: list[str]) -> None:
    assert remove_tree(on_windows(TREE), disk=disk) == []
    assert os.listdir(disk._real("C:\\store")) == []


def test_what_is_not_there_is_no_problem(disk: LongDisk) -> None:
    assert remove_tree(on_windows(PureWindowsPath("C:\\store\\nothing")), disk=disk) == []
    assert remove_tree(on_windows(PureWindowsPath("C:\\nowhere\\nothing")), disk=disk) == []


def test_read_only_files_are_removed(disk: LongDisk, tree: list[str]) -> None:
    disk.read_only.update(tree)
    assert remove_tree(on_windows(TREE), disk=disk) == []
    assert not disk.exists(extended_form(TREE))


def test_a_file_that_is_let_go_soon_is_removed(disk: LongDisk, tree: list[str]) -> None:
    disk.held[tree[3]] = 5
    assert remove_tree(on_windows(TREE), disk=disk) == []
    assert not disk.exists(extended_form(TREE))


def test_a_file_that_stays_held_is_reported_and_the_rest_removed(
    disk: LongDisk, tree: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envyard.longpath._PATIENCE", 0.0)
    disk.held[tree[3]] = 10**6
    (problem,) = remove_tree(on_windows(TREE), disk=disk)
    assert problem == f"{plain(tree[3])}: another process uses the file"
    assert [disk.exists(one) for one in tree] == [False, False, False, True, False]


@pytest.mark.skipif(os.name == "nt", reason="a symbolic link needs a privilege on Windows, and Wine makes none")
def test_links_are_removed_and_copied_but_never_followed(disk: LongDisk, tree: list[str], tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    os.symlink(outside, disk._real("\\\\?\\C:\\store\\tree\\link"))
    disk.make_folder("C:\\store\\copy")
    copy_tree(on_windows(TREE), on_windows(PureWindowsPath("C:\\store\\copy")), disk=disk)
    assert os.readlink(disk._real("C:\\store\\copy\\link")) == str(outside)
    assert remove_tree(on_windows(TREE), disk=disk) == []
    assert remove_tree(on_windows(PureWindowsPath("C:\\store\\copy\\link")), disk=disk) == []
    assert (outside / "precious").exists()


def test_a_tree_of_this_machine_is_removed_with_its_read_only_files(tmp_path: Path) -> None:
    folder = tmp_path / "tree" / "locked"
    folder.mkdir(parents=True)
    (folder / "file").touch()
    (folder / "file").chmod(stat.S_IREAD)
    folder.chmod(stat.S_IREAD | stat.S_IEXEC)
    assert remove_tree(tmp_path / "tree") == []
    assert os.listdir(tmp_path) == []


def test_a_tree_of_this_machine_is_copied(tmp_path: Path) -> None:
    (tmp_path / "tree" / "in").mkdir(parents=True)
    (tmp_path / "tree" / "in" / "file").write_text("x", encoding="utf-8")
    (tmp_path / "copy").mkdir()
    copy_tree(tmp_path / "tree", tmp_path / "copy")
    assert (tmp_path / "copy" / "in" / "file").read_text(encoding="utf-8") == "x"
