"""What git says changed, in real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from envyard.errors import UsageError
from envyard.integrations.revisions import HistoryUnknown, changed_files, is_no_commit


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.invalid", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder, {"a": "1", "b": "1", "c d\u00e9": "1", ".gitignore": "*.log\n"})
    return folder


def test_all_kinds_of_changes_are_found(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, {"committed": "1"})
    (repository / "staged").write_text("1", encoding="utf-8")
    git(repository, "add", "staged")
    (repository / "a").write_text("2", encoding="utf-8")
    (repository / "b").unlink()
    (repository / "new \u00e9").write_text("1", encoding="utf-8")
    (repository / "x.log").write_text("1", encoding="utf-8")
    assert changed_files(repository, first) == ("a", "b", "committed", "new \u00e9", "staged")


def test_a_renamed_file_has_both_names(repository: Path) -> None:
    git(repository, "mv", "c d\u00e9", "e")
    assert changed_files(repository, "HEAD") == ("c d\u00e9", "e")


def test_a_submodule_counts_also_where_git_is_told_to_ignore_it(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    commit(other, {"x": "1"})
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    git(repository, "config", "--file", ".gitmodules", "submodule.sub.ignore", "all")
    before = commit(repository, {})
    assert changed_files(repository, before) == ()
    commit(repository / "sub", {"x": "2"})
    assert changed_files(repository, before) == ("sub",)


def test_names_of_every_kind_are_found(repository: Path) -> None:
    names = ['a "b"', "a\nb", "-rf", "tab\t", "back\\slash"]
    for name in names:
        (repository / name).touch()
    assert changed_files(repository, "HEAD") == tuple(sorted(names))


def test_what_others_did_meanwhile_does_not_count(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "topic")
    commit(repository, {"mine": "1"})
    git(repository, "checkout", "--quiet", "main")
    commit(repository, {"theirs": "1"})
    git(repository, "checkout", "--quiet", "topic")
    assert changed_files(repository, "main") == ("mine",)


def test_a_workspace_below_the_top_of_a_repository_sees_all_of_it(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, {"outside": "1", "below/inside": "1"})
    (repository / "below/new").write_text("1", encoding="utf-8")
    (repository / "new").write_text("1", encoding="utf-8")
    git(repository, "config", "diff.relative", "true")
    assert changed_files(repository / "below", first) == ("../new", "../outside", "inside", "new")


def test_nothing_changed_is_nothing(repository: Path) -> None:
    assert changed_files(repository, "HEAD") == ()


# --- when git cannot tell


def test_an_unknown_commit_is_answered_with_those_that_are_there(repository: Path) -> None:
    git(repository, "tag", "v1")
    with pytest.raises(HistoryUnknown, match="has no commit, branch or tag `origin/main`") as caught:
        changed_files(repository, "origin/main")
    assert caught.value.details == ("it has main, v1",)


@pytest.mark.parametrize("since", ["--output=x", "-x", "HEAD:a"])
def test_what_is_no_commit_is_unknown_and_never_an_option(repository: Path, since: str) -> None:
    with pytest.raises(HistoryUnknown, match="has no commit, branch or tag"):
        changed_files(repository, since)
    assert not (repository / "x").exists()


def test_a_shallow_clone_says_what_to_fetch(repository: Path, tmp_path: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, {"a": "2"})
    git(tmp_path, "clone", "--quiet", "--depth", "1", repository.as_uri(), "shallow")
    with pytest.raises(HistoryUnknown, match=f"`{first}` is not in this clone, which is shallow") as caught:
        changed_files(tmp_path / "shallow", first)
    assert "`fetch-depth: 0`" in caught.value.hint
    assert "`git fetch --unshallow`" in caught.value.hint


def test_a_shallow_clone_of_two_branches_says_what_to_fetch(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "topic")
    commit(repository, {"mine": "1"})
    git(repository, "checkout", "--quiet", "main")
    commit(repository, {"theirs": "1"})
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--no-single-branch", repository.as_uri(), "shallow")
    with pytest.raises(HistoryUnknown, match="where this branch left `origin/topic` is not in this clone"):
        changed_files(tmp_path / "shallow", "origin/topic")


def test_no_common_history_is_said(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--orphan", "other")
    commit(repository, {"z": "1"})
    with pytest.raises(HistoryUnknown, match="have no history in common"):
        changed_files(repository, "main")


def test_a_folder_without_a_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(HistoryUnknown, match="is in no git repository") as caught:
        changed_files(tmp_path, "HEAD")
    assert "leave out `--changed-since`" in caught.value.hint


def test_a_machine_without_git_is_said(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(HistoryUnknown, match="git, which is not on PATH"):
        changed_files(repository, "HEAD")


@pytest.mark.parametrize("since", ["", "  ", "a\0b"])
def test_no_name_at_all_is_a_usage_error(repository: Path, since: str) -> None:
    with pytest.raises(UsageError, match="needs a commit"):
        changed_files(repository, since)


@pytest.mark.parametrize(("text", "expected"), [("0" * 40, True), ("0" * 64, True), ("0", False), ("a" * 40, False)])
def test_forty_zeros_are_no_commit(text: str, expected: bool) -> None:
    assert is_no_commit(text) is expected
