"""Disk use by inode."""

from __future__ import annotations

import array
import os
from pathlib import Path

import pytest
from kit.values import make_environment

from envyard.environment import INODE_FILE, Environment
from envyard.sizes import DiskUse, count_links, disk_use, released


def _environment(tmp_path: Path, generation: str, inodes: dict[int, int]) -> Environment:
    environment = make_environment(tmp_path / generation)
    table = array.array("Q")
    for pair in inodes.items():
        table.extend(pair)
    with (environment.path / INODE_FILE).open("wb") as file:
        table.tofile(file)
    return environment


def test_an_inode_counts_once_however_many_environments_have_it(tmp_path: Path) -> None:
    environments = [
        _environment(tmp_path, "aaaaaaaa", {1: 100, 2: 10, 3: 1}),
        _environment(tmp_path, "bbbbbbbb", {1: 100, 2: 10, 4: 1000}),
        _environment(tmp_path, "cccccccc", {1: 100, 5: 10_000}),
    ]

    use = disk_use(environments)

    assert use == DiskUse(
        apparent=111 + 1110 + 10_100,
        actual=100 + 10 + 1 + 1000 + 10_000,
        unique={"aaaaaaaa": 1, "bbbbbbbb": 1000, "cccccccc": 10_000},
    )
    assert use.saved == 210


def test_the_same_environment_twice_is_one(tmp_path: Path) -> None:
    environment = _environment(tmp_path, "aaaaaaaa", {1: 100})

    assert disk_use([environment, environment]) == DiskUse(apparent=100, actual=100, unique={"aaaaaaaa": 100})


def test_nothing_takes_nothing() -> None:
    assert disk_use([]) == DiskUse(apparent=0, actual=0, unique={})


@pytest.mark.parametrize("content", [b"", b"\x01\x02\x03", None], ids=["empty", "cut", "missing"])
def test_a_damaged_table_counts_nothing_and_spoils_no_other(tmp_path: Path, content: bytes | None) -> None:
    damaged = _environment(tmp_path, "aaaaaaaa", {1: 100})
    if content is None:
        (damaged.path / INODE_FILE).unlink()
    else:
        (damaged.path / INODE_FILE).write_bytes(content)

    use = disk_use([damaged, _environment(tmp_path, "bbbbbbbb", {1: 100})])

    assert use == DiskUse(apparent=100, actual=100, unique={"aaaaaaaa": 0, "bbbbbbbb": 100})


def test_a_table_cut_between_two_numbers_counts_its_whole_pairs(tmp_path: Path) -> None:
    environment = _environment(tmp_path, "aaaaaaaa", {1: 100, 2: 10})
    table = environment.path / INODE_FILE
    table.write_bytes(table.read_bytes()[:24])

    assert disk_use([environment]).actual == 100


def test_sizes_beyond_four_gigabytes_are_exact(tmp_path: Path) -> None:
    assert disk_use([_environment(tmp_path, "aaaaaaaa", {2**63: 2**40 + 1})]).actual == 2**40 + 1


def test_the_disk_gets_back_a_file_once_its_last_link_goes(tmp_path: Path) -> None:
    one, two, cache = tmp_path / "one", tmp_path / "two", tmp_path / "cache"
    for folder in (one / "deep", two, cache):
        folder.mkdir(parents=True)
    (one / "own").write_bytes(b"x" * 1)
    (one / "twice").write_bytes(b"x" * 10)
    os.link(one / "twice", one / "deep" / "again")
    (two / "both").write_bytes(b"x" * 100)
    os.link(two / "both", one / "both")
    (cache / "wheel").write_bytes(b"x" * 1000)
    os.link(cache / "wheel", one / "wheel")
    os.link(cache / "wheel", two / "wheel")

    assert released(count_links([one])) == (11, 1100)
    assert released(count_links([one]), stay={os.stat(two / "both").st_ino}) == (11, 1000)
    assert released(count_links([one, two])) == (111, 1000)
    assert released(count_links([one, two, cache])) == (1111, 0)
