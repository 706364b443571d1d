"""What stands at `<project>/venv`, and putting an environment there; on real folders, without a build."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.values import make_environment

from envyard.environment import COMMIT_FILE, Environment
from envyard.errors import ForeignEnvironment
from envyard.publish import (
    REPLACED,
    Published,
    link_for_people,
    publish,
    published,
    refuse_foreign,
    replaced_at,
    withdraw,
)
from envyard.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "workspace" / ".envs")
    store.prepare()
    return store


@pytest.fixture
def environment(store: Store) -> Environment:
    environment = make_environment(store.generation_path("aaaaaaaa"))
    (environment.path / "lib" / "module.py").write_text("code", encoding="utf-8")
    (environment.path / "lib64").symlink_to("lib")
    return environment


@pytest.fixture
def link(store: Store) -> Path:
    folder = store.root.parent / "projects" / "alpha"
    folder.mkdir(parents=True)
    return folder / "venv"


def _nothing(link: Path, environment: Environment) -> None:
    pass


def _absolute_link(link: Path, environment: Environment) -> None:
    link.symlink_to(environment.path)


def _relative_link(link: Path, environment: Environment) -> None:
    link.symlink_to(os.path.relpath(environment.path, link.parent))


def _link_to_another_generation(link: Path, environment: Environment) -> None:
    link.symlink_to(make_environment(environment.path.with_name("bbbbbbbb")).path)


def _link_to_a_collected_generation(link: Path, environment: Environment) -> None:
    link.symlink_to(environment.path.with_name("cccccccc"))


def _dangling(link: Path, environment: Environment) -> None:
    link.symlink_to(link.parent / "nowhere")


def _loop(link: Path, environment: Environment) -> None:
    link.symlink_to(link)


def _elsewhere(link: Path, environment: Environment) -> None:
    link.symlink_to(link.parent.parent)


def _into_the_generation(link: Path, environment: Environment) -> None:
    link.symlink_to(environment.path / "lib")


def _through_the_trash(link: Path, environment: Environment) -> None:
    (environment.path.parent.parent / "trash" / "aaaaaaaa").mkdir()
    link.symlink_to(environment.path.parent.parent / "trash" / "aaaaaaaa")


def _empty(link: Path, environment: Environment) -> None:
    link.mkdir()


def _folder(link: Path, environment: Environment) -> None:
    link.mkdir()
    (link / "file").touch()


def _file(link: Path, environment: Environment) -> None:
    link.touch()


def _copy(link: Path, environment: Environment) -> None:
    link.mkdir()
    (link / COMMIT_FILE).write_bytes((environment.path / COMMIT_FILE).read_bytes())


def _older_copy(link: Path, environment: Environment) -> None:
    _copy(link, make_environment(environment.path.with_name("bbbbbbbb")))


def _half_a_copy(link: Path, environment: Environment) -> None:
    _folder(link, environment)
    (link / COMMIT_FILE).write_bytes((environment.path / COMMIT_FILE).read_bytes()[:50])


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (_nothing, Published.NOTHING),
        (_absolute_link, Published.CURRENT),
        (_relative_link, Published.CURRENT),
        (_link_to_another_generation, Published.OUTDATED),
        (_link_to_a_collected_generation, Published.OUTDATED),
        (_dangling, Published.OUTDATED),
        (_loop, Published.OUTDATED),
        (_elsewhere, Published.FOREIGN),
        (_into_the_generation, Published.FOREIGN),
        (_through_the_trash, Published.FOREIGN),
        (_empty, Published.OUTDATED),
        (_folder, Published.FOREIGN),
        (_file, Published.FOREIGN),
        (_copy, Published.CURRENT),
        (_older_copy, Published.OUTDATED),
        (_half_a_copy, Published.FOREIGN),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else str(value),
)
def test_what_stands_there_is_told(
    store: Store,
    environment: Environment,
    link: Path,
    prepare: Callable[[Path, Environment], None],
    expected: Published,
) -> None:
    prepare(link, environment)

    assert published(store, link, environment) == expected
    if expected == Published.FOREIGN:
        with pytest.raises(ForeignEnvironment, match="did not make"):
            refuse_foreign(store, link, "alpha")
        with pytest.raises(ForeignEnvironment, match="did not make"):
            publish(store, link, environment, "auto", replace_foreign=False)
        assert withdraw(store, link) is False
        assert os.path.lexists(link)
    else:
        refuse_foreign(store, link, "alpha")
        assert publish(store, link, environment, "auto", replace_foreign=False) is None
        assert published(store, link, environment) == Published.CURRENT
        assert withdraw(store, link) is True
        assert not os.path.lexists(link)
    assert environment.path.is_dir()
    assert (link.parent.parent).is_dir()


@pytest.mark.parametrize(
    ("mode", "prepare", "expected"),
    [
        ("link", _relative_link, Published.CURRENT),
        ("link", _copy, Published.OUTDATED),
        ("copy", _relative_link, Published.OUTDATED),
        ("copy", _copy, Published.CURRENT),
        ("auto", _relative_link, Published.CURRENT),
        ("auto", _copy, Published.CURRENT),
        ("copy", _folder, Published.FOREIGN),
        ("copy", _nothing, Published.NOTHING),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else str(value),
)
def test_the_form_counts_when_it_is_demanded(
    store: Store,
    environment: Environment,
    link: Path,
    mode: str,
    prepare: Callable[[Path, Environment], None],
    expected: Published,
) -> None:
    prepare(link, environment)

    assert published(store, link, environment, mode) == expected


def test_a_link_through_a_linked_folder_is_the_same(store: Store, environment: Environment, link: Path) -> None:
    (store.root.parent / "shortcut").symlink_to(link.parent)

    publish(store, store.root.parent / "shortcut" / "venv", environment, "link", replace_foreign=False)

    assert published(store, link, environment) == Published.CURRENT
    assert link.resolve() == environment.path.resolve()


def test_a_copy_is_whole_with_its_links_and_its_commit_file(store: Store, environment: Environment, link: Path) -> None:
    publish(store, link, environment, "copy", replace_foreign=False)

    def tree(folder: Path) -> dict[str, object]:
        return {
            str(path.relative_to(folder)): path.readlink()
            if path.is_symlink()
            else path.is_file() and path.read_bytes()
            for path in folder.rglob("*")
        }

    assert tree(link) == tree(environment.path)
    assert json.loads((link / COMMIT_FILE).read_bytes())["generation"] == "aaaaaaaa"
    assert sorted(path.name for path in link.parent.iterdir()) == ["venv"]


def test_a_copy_that_fails_leaves_what_was_there(store: Store, environment: Environment, link: Path) -> None:
    older = make_environment(store.generation_path("bbbbbbbb"))
    publish(store, link, older, "copy", replace_foreign=False)
    environment.path.joinpath(COMMIT_FILE).unlink()  # copied last

    with pytest.raises(FileNotFoundError):
        publish(store, link, environment, "copy", replace_foreign=False)

    assert published(store, link, older) == Published.CURRENT
    assert sorted(path.name for path in link.parent.iterdir()) == ["venv"]


def test_temporary_things_of_others_beside_the_link_are_left_alone(
    store: Store, environment: Environment, link: Path
) -> None:
    mine = [link.with_name(name) for name in (".venv-01234567", ".venv-backup", ".venv-0123456", ".venv")]
    for path in mine:
        path.mkdir()
        (path / "file").touch()
    elsewhere = link.with_name(".venv-76543210")
    elsewhere.symlink_to(link.parent.parent)

    publish(store, link, environment, "auto", replace_foreign=False)

    assert all((path / "file").exists() for path in mine)
    assert elsewhere.is_symlink()


def test_what_a_killed_publication_left_beside_the_link_goes(
    store: Store, environment: Environment, link: Path
) -> None:
    half, whole, linked = (link.with_name(f".venv-{digit * 8}") for digit in "012")
    half.mkdir()
    (half / "envyard-is-copying").touch()
    _copy(whole, environment)
    linked.symlink_to(environment.path)

    publish(store, link, environment, "auto", replace_foreign=False)

    assert sorted(path.name for path in link.parent.iterdir()) == ["venv"]
    assert environment.path.is_dir()


def test_what_is_set_aside_is_whole_and_stamped(store: Store, environment: Environment, link: Path) -> None:
    _folder(link, environment)
    before = time.time()

    aside = publish(store, link, environment, "auto", replace_foreign=True)

    assert aside is not None
    assert aside.parent == store.root / REPLACED
    assert (aside / "file").is_file()
    stamp = replaced_at(aside)
    assert stamp is not None
    assert before - 2 <= stamp <= time.time()
    store.empty_trash()
    assert (aside / "file").is_file()


def test_two_things_of_one_project_are_set_aside_without_a_clash(
    store: Store, environment: Environment, link: Path
) -> None:
    for _ in range(3):
        withdraw(store, link)
        _folder(link, environment)
        publish(store, link, environment, "auto", replace_foreign=True)

    assert len(list((store.root / REPLACED).iterdir())) == 3


@pytest.mark.parametrize(
    "name", ["mine", "alpha-20261121-010203", "alpha-20269999-999999-beef", "alpha-20261121-010203-nohex", ""]
)
def test_a_name_of_another_form_was_not_set_aside_by_envyard(name: str) -> None:
    assert replaced_at(Path("/x") / name) is None


def test_people_find_a_shared_environment_by_its_name(store: Store, environment: Environment) -> None:
    link_for_people(store, environment)
    newer = make_environment(store.generation_path("bbbbbbbb"))
    link_for_people(store, newer)

    assert (store.root / "alpha").readlink() == Path("g/bbbbbbbb")


@pytest.mark.parametrize("prepare", [_dangling, _loop], ids=["dangling", "a loop"])
def test_the_dangling_link_of_another_tool_is_not_withdrawn(
    store: Store, environment: Environment, link: Path, prepare: Callable[[Path, Environment], None]
) -> None:
    prepare(link, environment)

    assert withdraw(store, link) is False
    assert link.is_symlink()


def test_withdrawing_what_is_not_there_is_done_already(store: Store, link: Path) -> None:
    assert withdraw(store, link) is True
