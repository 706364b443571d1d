"""The commit file of a generation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from kit.values import make_environment

from envyard.definition import Kind
from envyard.environment import (
    COMMIT_FILE,
    CommitFileInvalid,
    commit_data,
    distribution_folders,
    load_environment,
    python_of,
)

GENERATION = "0123abcd"


def test_what_was_committed_is_what_is_loaded(tmp_path: Path) -> None:
    environment = make_environment(
        tmp_path / GENERATION,
        kind=Kind.PROFILE,
        key="torch-cu121",
        title="Größe / 大",
        inputs={"python": "3.11"},
        pins={"demo": "1.0"},
        packages={"demo": "1.0", "pip": "26"},
        distributions=("demo-1.0.dist-info", "pip-26.dist-info"),
        files=3,
        apparent_bytes=1 << 40,
        created=1234.5,
        seconds={"create": 0.125},
        reasons=("first build",),
    )

    assert load_environment(environment.path) == environment


def test_the_commit_file_has_the_documented_shape(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / GENERATION)
    data = json.loads((environment.path / COMMIT_FILE).read_text(encoding="utf-8"))

    assert set(data) == {
        "apparent_bytes",
        "created",
        "distributions",
        "files",
        "fingerprint",
        "format",
        "generation",
        "inputs",
        "installer",
        "interpreter",
        "key",
        "kind",
        "packages",
        "path",
        "pins",
        "reasons",
        "seconds",
        "site_packages",
        "start",
        "title",
    }
    assert set(data["interpreter"]) == {"executable", "implementation", "mtime_ns", "size", "version"}
    assert (data["format"], data["kind"], data["path"]) == (1, "project", str(environment.path))
    assert json.loads(json.dumps(commit_data(environment))) == data


def test_a_generation_without_a_commit_file_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_environment(tmp_path / GENERATION)


def _change(**changes: Any) -> Any:
    def apply(data: dict[str, Any]) -> None:
        for name, value in changes.items():
            if value is None:
                del data[name]
            else:
                data[name] = value

    return apply


@pytest.mark.parametrize(
    "change",
    [
        _change(format=2),
        _change(format=None),
        _change(generation="ffffffff"),
        _change(kind="other"),
        _change(interpreter="3.11"),
        _change(interpreter={"executable": "x"}),
        _change(packages=["demo"]),
        _change(distributions=7),
        _change(files="many"),
        _change(created="yesterday"),
        _change(created=float("nan")),
        _change(seconds={"install": float("inf")}),
        _change(site_packages="../../elsewhere"),
        _change(site_packages="/elsewhere"),
        _change(key="../elsewhere"),
        _change(fingerprint=None),
    ],
    ids=[
        "a newer format",
        "no format",
        "of another generation",
        "an unknown kind",
        "a text for a table",
        "a table with a gap",
        "a list for a table",
        "a number for a list",
        "a text for a number",
        "a text for a time",
        "no number for a time",
        "an endless time",
        "packages elsewhere",
        "packages below the top",
        "a key that is a path",
        "no fingerprint",
    ],
)
def test_a_commit_file_of_another_shape_is_refused(tmp_path: Path, change: Any) -> None:
    file = make_environment(tmp_path / GENERATION).path / COMMIT_FILE
    data = json.loads(file.read_text(encoding="utf-8"))
    change(data)
    file.write_text(json.dumps(data), encoding="utf-8")

    with pytest.raises(CommitFileInvalid, match=r"env\.json"):
        load_environment(file.parent)


def test_a_commit_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    file = make_environment(tmp_path / GENERATION).path / COMMIT_FILE
    whole = file.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        file.write_bytes(whole[:length])
        with pytest.raises(CommitFileInvalid):
            load_environment(file.parent)


def test_a_renamed_generation_is_not_loaded_and_a_moved_one_knows_where_it_was_built(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / GENERATION)
    shutil.copytree(environment.path, tmp_path / "ffffffff", symlinks=True)
    shutil.copytree(environment.path, tmp_path / "moved" / GENERATION, symlinks=True)

    with pytest.raises(CommitFileInvalid):
        load_environment(tmp_path / "ffffffff")
    moved = load_environment(tmp_path / "moved" / GENERATION)
    assert (moved.path, moved.built_at) == (tmp_path / "moved" / GENERATION, str(environment.path))
    assert moved.python == python_of(moved.path)


def test_distribution_folders_are_listed_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b-1.dist-info", "a-1.dist-info", "a", "x.egg-info", "demo.pth"):
        (tmp_path / name).mkdir()

    assert distribution_folders(tmp_path) == ("a-1.dist-info", "b-1.dist-info")
