"""What an environment of the packages of several would take."""

from __future__ import annotations

import array
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from kit.values import make_environment

from envyard.environment import INODE_FILE, Environment
from envyard.merging import merged_use
from envyard.sizes import inode_table

SIZES = {("alpha", "1.0"): 1000, ("alpha", "2.0"): 3000, ("my-tool", "1.0"): 500, ("beta", "1.0"): 200}


def environment(root: Path, generation: str, packages: Mapping[str, str]) -> Environment:
    """A generation of these packages; files of equal packages are links, as an installer makes them."""
    modules = {name: name.replace("-", "_") for name in packages}
    infos = {name: f"{modules[name]}-{version}.dist-info" for name, version in packages.items()}
    found = make_environment(root / generation, packages=packages, distributions=tuple(infos.values()))
    site = found.path / found.site_packages
    for name, version in packages.items():
        original = root / f"{name}-{version}"
        if not original.exists():
            original.write_bytes(b"y" * SIZES[name, version])
        os.link(original, site / f"{modules[name]}.py")
        record = f"{modules[name]}.py,,\n{modules[name]}.pyc,,\n{infos[name]}/RECORD,,\n"
        (site / infos[name] / "RECORD").write_text(record, encoding="utf-8")
    (found.path / "bin" / "activate").write_text("launcher", encoding="utf-8")
    table = array.array("Q")
    for path in found.path.rglob("*"):
        if path.is_file() and not path.is_symlink():
            table.extend((path.stat().st_ino, path.stat().st_size))
    with (found.path / INODE_FILE).open("wb") as stream:
        table.tofile(stream)
    return replace(found, apparent_bytes=sum(table[1::2]))


@pytest.fixture
def two(tmp_path: Path) -> tuple[Environment, Environment]:
    small = environment(tmp_path, "aaaaaaaa", {"alpha": "1.0", "my-tool": "1.0"})
    return small, environment(tmp_path, "bbbbbbbb", {"alpha": "2.0", "my-tool": "1.0", "beta": "1.0"})


def test_environment_that_has_it_all_already_is_the_merged_one(two: tuple[Environment, Environment]) -> None:
    _small, large = two
    use = merged_use(two, {"alpha": "2.0", "beta": "1.0"})  # my-tool is in both, pinned or not
    assert use.unknown == ()
    assert use.apparent == large.apparent_bytes
    assert use.inodes == inode_table(large)


def test_files_come_from_whichever_environment_has_the_version(two: tuple[Environment, Environment]) -> None:
    small, large = two
    use = merged_use(two, {"alpha": "1.0", "beta": "1.0", "my-tool": "1.0"})
    assert use.apparent == large.apparent_bytes - 3000 + 1000
    site = small.path / small.site_packages
    assert use.inodes[(site / "alpha.py").stat().st_ino] == 1000
    assert (large.path / large.site_packages / "alpha.py").stat().st_ino not in use.inodes


def test_what_nobody_asks_for_is_left_out(two: tuple[Environment, Environment]) -> None:
    with_beta, without = (merged_use(two, pins) for pins in ({"alpha": "2.0", "beta": "1.0"}, {"alpha": "2.0"}))
    assert with_beta.apparent - without.apparent > 200


def test_version_that_nobody_has_is_named_and_not_counted(two: tuple[Environment, Environment]) -> None:
    use = merged_use(two, {"alpha": "9.0", "beta": "1.0", "new": "1.0"})
    assert use.unknown == ("alpha", "new")
    assert 3000 not in use.inodes.values()


def test_record_that_is_gone_stops_nothing(two: tuple[Environment, Environment]) -> None:
    _small, large = two
    (large.path / large.site_packages / "beta-1.0.dist-info" / "RECORD").unlink()
    assert merged_use(two, {"alpha": "2.0", "beta": "1.0"}).unknown == ()
