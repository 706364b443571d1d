"""Old per-model environments: found by the rules of who made them, and understood however damaged they are."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from envyard.legacy import find_legacy, legacy_name, list_legacy, listing_of


def make(folder: Path, name: str, metadata: object = None) -> Path:
    """An environment whose python is a link to ours."""
    path = folder / name
    (path / ".venv" / "bin").mkdir(parents=True)
    (path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    if metadata is not None:
        (path / "environment_metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    return path


def test_names_are_those_that_applications_gave() -> None:
    digest = hashlib.md5(b"/models/my llama", usedforsecurity=False).hexdigest()
    assert legacy_name("/models/my llama") == f"local_{digest[:12]}"
    assert legacy_name("acme/llama-7b") == "acme__llama-7b"
    undecodable = os.fsdecode(b"/models/\xff")
    assert legacy_name(undecodable) == f"local_{hashlib.md5(os.fsencode(undecodable)).hexdigest()[:12]}"


def test_only_what_has_the_form_is_listed(tmp_path: Path) -> None:
    wanted = {"local_0123456789ab", "acme__llama"}
    for name in (*wanted, "local_XYZ", "local_0123456789abc", ".hidden__x", "shared", "__x"):
        (tmp_path / name).mkdir()
    assert {one.name for one in list_legacy(tmp_path)} == wanted
    assert list_legacy(tmp_path / "nowhere") == ()


def test_model_is_believed_only_when_it_fits_the_folder(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    name = legacy_name(str(model))
    make(tmp_path / "e", name, {"model_path": str(model)})
    make(tmp_path / "e", "local_0123456789ab", {"model_path": str(model)})
    make(tmp_path / "e", "acme__one", {"model_id": "other/two"})
    found = {one.name: one for one in list_legacy(tmp_path / "e")}
    assert found[name].model == str(model)
    assert (found["local_0123456789ab"].model, "another model" in found["local_0123456789ab"].note) == ("", True)
    assert found["acme__one"].model == "acme/one"
    assert all(one.problem == "" for one in found.values())


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (None, "is missing"),
        (b"", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "of another application"),
        (b'{"model_path": 3}', "names no model"),
        (b'{"model_path": "a\\u0000b"}', "names no model"),
    ],
)
def test_foreign_metadata_are_tolerated(tmp_path: Path, content: bytes | None, note: str) -> None:
    path = make(tmp_path, "local_0123456789ab")
    if content is not None:
        (path / "environment_metadata.json").write_bytes(content)
    (one,) = list_legacy(tmp_path)
    assert note in one.note
    assert (one.model, one.problem) == ("", "")


def test_metadata_that_are_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(make(tmp_path, "local_0123456789ab") / "environment_metadata.json")
    (one,) = list_legacy(tmp_path)
    assert "is no metadata" in one.note


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "e", "f"):
        make(tmp_path, f"local_{name * 12}")
    python = {name: tmp_path / f"local_{name * 12}" / ".venv" / "bin" / "python" for name in "abcdef"}
    python["a"].unlink()
    python["b"].unlink()
    python["b"].symlink_to(tmp_path / "gone")
    python["c"].unlink()
    python["c"].write_text("no program", encoding="utf-8")
    python["d"].unlink()
    python["d"].parent.rmdir()
    python["d"].parent.parent.rmdir()
    python["d"].parent.parent.symlink_to(tmp_path / "gone")
    python["e"].unlink()
    python["e"].mkdir()
    (tmp_path / "local_000000000000").write_text("a file", encoding="utf-8")
    problems = {one.name[-1]: one.problem for one in list_legacy(tmp_path)}
    assert "python is missing" in problems["a"]
    assert "base interpreter is gone" in problems["b"]
    assert "cannot be executed" in problems["c"]
    assert "leads nowhere" in problems["d"]
    assert "cannot be executed" in problems["e"]
    assert problems["f"] == ""
    assert "no folder" in problems["0"]


def test_model_without_an_old_environment_has_none(tmp_path: Path) -> None:
    assert find_legacy(tmp_path, "/models/x") is None
    make(tmp_path, legacy_name("/models/x"))
    found = find_legacy(tmp_path, "/models/x")
    assert found is not None
    assert found.model == "/models/x"


def test_listing_changes_with_what_is_installed(tmp_path: Path) -> None:
    path = make(tmp_path, "local_0123456789ab")
    assert listing_of(path / ".venv") == ()
    site = path / ".venv" / "lib" / "python3.9" / "site-packages"
    site.mkdir(parents=True)
    (site / "torch-1.0.dist-info").mkdir()
    (site / "torch").mkdir()
    assert listing_of(path / ".venv") == ("torch-1.0.dist-info",)
