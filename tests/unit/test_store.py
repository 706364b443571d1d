"""The store: what exists, which generation is current, what may be deleted, and what is left after a kill."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from envyard.definition import Kind
from envyard.environment import COMMIT_FILE, Environment
from envyard.errors import OutsideStore, StoreUnusable
from envyard.files import replacing, storage_errors, write_json
from envyard.interpreter import describe_interpreter
from envyard.pointer import Pointer, PointerInvalid, generation_name
from envyard.store import PROCESSES_LOCK, Store

Commit = Callable[..., Environment]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / ".envs")
    made.prepare()
    return made


@pytest.fixture
def commit(store: Store) -> Commit:
    """Commits a generation without any package."""
    created = iter(range(1, 100))

    def make(generation: str = "", *, key: str = "alpha", kind: Kind = Kind.PROJECT) -> Environment:
        generation = generation or store.new_generation()
        path = store.generation_path(generation)
        path.mkdir()
        made = Environment(
            generation=generation,
            kind=kind,
            key=key,
            title=key.title(),
            path=path,
            built_at=str(path),
            fingerprint="f" * 64,
            interpreter=describe_interpreter(sys.executable, "3.11.7", "cpython"),
            installer="uv 1.0",
            site_packages="lib/python3.11/site-packages",
            created=float(next(created)),
            pins={"demo": "1.0"},
            packages={"demo": "1.0"},
            distributions=("demo-1.0.dist-info",),
            seconds={"create": 0.1},
            reasons=("first build",),
        )
        store.commit(made)
        return made

    return make


# --- folders


def test_making_the_object_touches_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / ".envs")
    assert store.current(Kind.PROJECT, "alpha") is None
    assert store.pointers() == []
    assert list(store.committed()) == []
    assert store.uncommitted() == []
    assert store.last_used(Kind.PROJECT, "alpha") is None
    assert store.empty_trash() == []
    store.touch(Kind.PROJECT, "alpha")
    store.sweep()
    assert not store.root.exists()


def test_preparing_twice_is_fine_and_git_ignores_everything(store: Store) -> None:
    store.prepare()
    assert (store.root / ".gitignore").read_text() == "*\n"
    assert {path.name for path in store.root.iterdir()} >= {"g", "pointers", "locks", "leases", "logs", "trash"}


@pytest.mark.parametrize("where", ["", "g", "trash"], ids=["the store itself", "a folder of it", "the trash"])
def test_a_file_where_a_folder_belongs_is_named(tmp_path: Path, where: str) -> None:
    blocked = tmp_path / ".envs" / where
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("")
    with pytest.raises(StoreUnusable, match=r"a file stands where a folder belongs") as caught:
        Store(tmp_path / ".envs").prepare()
    assert str(blocked) in caught.value.message
    assert caught.value.hint


# --- generations


def test_a_new_generation_has_a_name_that_nothing_has(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (store.generations / "00000000").mkdir()
    numbers = iter([bytes(4), bytes(4), b"\0\0\0\1"])
    monkeypatch.setattr(os, "urandom", lambda _size: next(numbers))
    assert store.new_generation() == "00000001"
    assert not (store.generations / "00000001").exists()


def test_a_committed_generation_is_read_back_as_it_was(store: Store, commit: Commit) -> None:
    made = commit()
    assert store.load(made.generation) == made
    assert list(store.committed()) == [made]
    assert store.uncommitted() == []


def test_a_folder_without_commit_file_does_not_exist_as_a_generation(store: Store) -> None:
    (store.generations / "0123abcd").mkdir()
    assert store.load("0123abcd") is None
    assert store.uncommitted() == ["0123abcd"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "\0" * len(text),
        lambda _text: "[]",
        lambda _text: "null",
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: text.replace('"kind": "project"', '"kind": "other"'),
        lambda text: text.replace('"created"', '"made"'),
        lambda text: text.replace('"size":', '"size": "x", "old":'),
    ],
    ids=["empty", "half", "zeros", "a list", "null", "other format", "other kind", "no date", "words for a number"],
)
def test_a_damaged_commit_file_counts_as_none(store: Store, commit: Commit, damage: Callable[[str], str]) -> None:
    made = commit()
    file = made.path / COMMIT_FILE
    text = file.read_text()
    file.write_text(damage(text))
    assert file.read_text() != text
    assert store.load(made.generation) is None
    assert store.uncommitted() == [made.generation]


def test_a_commit_file_of_another_generation_counts_as_none(store: Store, commit: Commit) -> None:
    made = commit("0123abcd")
    made.path.rename(store.generations / "fedc9876")
    assert store.load("fedc9876") is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_commit_file_that_may_not_be_read_is_no_abandoned_build(store: Store, commit: Commit) -> None:
    made = commit()
    (made.path / COMMIT_FILE).chmod(0)
    assert store.load(made.generation) is None
    assert store.uncommitted() == []


def test_a_commit_file_is_no_abandoned_build_when_too_many_files_are_open(store: Store, commit: Commit) -> None:
    import resource

    made = commit()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        assert store.load(made.generation) is None
        assert not store.is_uncommitted(made.generation)
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_generation_that_was_taken_away_is_not_committed_into_thin_air(store: Store, commit: Commit) -> None:
    """A stopped build whose thread still runs must not make a folder with nothing but a commit file."""
    made = commit()
    store.discard(made.path)
    with pytest.raises(FileNotFoundError):
        store.commit(made)
    assert not made.path.exists()


# --- pointers


def test_pointing_keeps_what_was_current_as_the_previous_one(store: Store, commit: Commit) -> None:
    first, second, third = commit(), commit(), commit()
    for made in (first, second, third):
        store.point(made, ("why",))
    pointer = store.pointer(Kind.PROJECT, "alpha")
    assert pointer is not None
    assert (pointer.current, pointer.previous) == (third.generation, (second.generation, first.generation))
    assert pointer.reasons == ("why",)
    assert store.current(Kind.PROJECT, "alpha") == third


def test_pointing_back_does_not_list_a_generation_twice(store: Store, commit: Commit) -> None:
    first, second = commit(), commit()
    for made in (first, second, first, first):
        pointer = store.point(made, ())
    assert (pointer.current, pointer.previous) == (first.generation, (second.generation,))


def test_a_previous_generation_that_is_gone_is_forgotten(store: Store, commit: Commit) -> None:
    first, second, third = commit(), commit(), commit()
    store.point(first, ())
    store.point(second, ())
    store.discard(first.path)
    assert store.point(third, ()).previous == (second.generation,)


def test_every_env_key_has_a_pointer_of_its_own(store: Store, commit: Commit) -> None:
    for kind in Kind:
        for key in ("beta", "alpha"):
            store.point(commit(kind=kind, key=key), ())
    found = [(pointer.kind, pointer.key) for pointer in store.pointers()]
    assert found == [(kind, key) for kind in Kind for key in ("alpha", "beta")]


DAMAGED_POINTERS = {
    "empty": b"",
    "truncated": b'{"current": "0123ab',
    "zeros": bytes(120),
    "a list": b"[]",
    "null": b"null",
    "not UTF-8": b"\xff\xfe{}",
    "nothing in it": b"{}",
    "a path for a name": b'{"current": "../../../etc", "previous": [], "reasons": [], "updated": 1}',
    "two dots for a name": b'{"current": "..", "previous": [], "reasons": [], "updated": 1}',
    "a number for a name": b'{"current": 12345678, "previous": [], "reasons": [], "updated": 1}',
    "a path among the previous": b'{"current": "0123abcd", "previous": ["../x"], "reasons": [], "updated": 1}',
}


@pytest.mark.parametrize("content", DAMAGED_POINTERS.values(), ids=DAMAGED_POINTERS)
def test_a_damaged_pointer_is_told_from_a_missing_one(store: Store, commit: Commit, content: bytes) -> None:
    store.point(commit(), ())
    store.pointer_path(Kind.PROJECT, "alpha").write_bytes(content)
    with pytest.raises(PointerInvalid, match=r"alpha\.json cannot be read"):
        store.pointer(Kind.PROJECT, "alpha")
    assert store.pointer(Kind.PROJECT, "beta") is None
    assert store.current(Kind.PROJECT, "alpha") is None
    assert store.pointers() == []


@pytest.mark.parametrize("content", DAMAGED_POINTERS.values(), ids=DAMAGED_POINTERS)
def test_a_damaged_pointer_does_not_hinder_the_next_build(store: Store, commit: Commit, content: bytes) -> None:
    path = store.pointer_path(Kind.PROJECT, "alpha")
    path.parent.mkdir()
    path.write_bytes(content)
    made = commit()
    store.point(made, ())
    assert store.current(Kind.PROJECT, "alpha") == made


def test_a_pointer_is_recovered_from_the_newest_generation_of_its_key(store: Store, commit: Commit) -> None:
    commit(key="beta")
    _oldest, older, newest = commit(), commit(), commit()
    commit(kind=Kind.PROFILE)
    pointer = store.recover_pointer(Kind.PROJECT, "alpha")
    assert pointer is not None
    assert (pointer.current, pointer.previous) == (newest.generation, (older.generation,))
    assert store.pointer(Kind.PROJECT, "alpha") == pointer
    assert store.recover_pointer(Kind.PROJECT, "gamma") is None


def test_a_removed_pointer_leaves_nothing_of_its_key(store: Store, commit: Commit) -> None:
    store.point(commit(), ())
    store.touch(Kind.PROJECT, "alpha")
    store.remove_pointer(Kind.PROJECT, "alpha")
    store.remove_pointer(Kind.PROJECT, "alpha")
    assert list((store.root / "pointers" / Kind.PROJECT).iterdir()) == []


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "0123ABCD", "0123abc", "0123abcde", "0123abcd\n", 1, None])
def test_only_eight_hexadecimal_digits_name_a_generation(value: object) -> None:
    with pytest.raises(ValueError, match="not the name of a generation"):
        generation_name(value)
    assert generation_name("0123abcd") == "0123abcd"


# --- last use


def test_the_last_use_is_the_latest_sign_of_it(store: Store, commit: Commit) -> None:
    made = commit()
    store.point(made, ())
    assert store.last_used(Kind.PROJECT, "alpha") is None
    store.touch(Kind.PROJECT, "alpha")
    used = store.last_used(Kind.PROJECT, "alpha")
    assert used is not None
    lease = store.root / "leases" / made.generation / PROCESSES_LOCK
    lease.parent.mkdir()
    lease.touch()
    os.utime(lease, (used + 60, used + 60))
    assert store.last_used(Kind.PROJECT, "alpha") == pytest.approx(used + 60)


# --- trash


@pytest.mark.parametrize(
    "place",
    ["", "g", "trash/x", "pointers", "pointers/project", "locks/x.lock", "g/../x", "g/..", "leases/..", "g/a/b"],
)
def test_what_is_not_a_generation_or_a_lease_is_not_deleted(store: Store, place: str) -> None:
    with pytest.raises(OutsideStore, match="refused to delete"):
        store.discard(store.root / place)


def test_nothing_outside_the_store_is_deleted(store: Store, tmp_path: Path) -> None:
    (tmp_path / "other" / "g" / "0123abcd").mkdir(parents=True)
    for path in (tmp_path, tmp_path / "other", tmp_path / "other" / "g" / "0123abcd", Path("/"), Path()):
        with pytest.raises(OutsideStore, match="refused to delete"):
            store.discard(path)
    assert (tmp_path / "other" / "g" / "0123abcd").is_dir()


def test_what_is_discarded_is_moved_first_and_deleted_later(store: Store, commit: Commit) -> None:
    made = commit()
    moved = store.discard(made.path)
    assert moved is not None
    assert moved.parent == store.trash
    assert (moved / COMMIT_FILE).is_file()
    assert not made.path.exists()
    assert store.empty_trash() == []
    assert not moved.exists()


def test_discarding_what_is_not_there_is_no_error(store: Store) -> None:
    assert store.discard(store.generations / "0123abcd") is None


def test_two_things_of_one_name_have_room_in_the_trash(store: Store) -> None:
    for _ in range(2):
        (store.generations / "0123abcd").mkdir()
        store.discard(store.generations / "0123abcd")
    assert len(list(store.trash.iterdir())) == 2


def test_a_link_is_discarded_and_what_it_leads_to_stays(store: Store, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (store.generations / "0123abcd").symlink_to(precious)
    inside = store.generations / "4567cdef"
    inside.mkdir()
    (inside / "link").symlink_to(precious)
    (inside / "file").symlink_to(precious / "file")
    os.link(precious / "file", inside / "hard")
    store.discard(store.generations / "0123abcd")
    store.discard(inside)
    assert store.empty_trash() == []
    assert list(store.trash.iterdir()) == []
    assert (precious / "file").read_text() == "mine"


def test_read_only_files_and_folders_are_deleted_too(store: Store) -> None:
    folder = store.generations / "0123abcd" / "deep" / "deeper"
    folder.mkdir(parents=True)
    (folder / "file").write_text("x")
    (folder / "file").chmod(0o400)
    folder.chmod(0o500)
    folder.parent.chmod(0o500)
    store.discard(store.generations / "0123abcd")
    assert store.empty_trash() == []
    assert list(store.trash.iterdir()) == []


def test_emptying_the_trash_from_two_threads_is_no_error(store: Store) -> None:
    for number in range(20):
        for name in range(30):
            (store.trash / f"{number}" / f"{name}").mkdir(parents=True)
            (store.trash / f"{number}" / f"{name}" / "file").touch()
    problems: list[str] = []
    threads = [threading.Thread(target=lambda: problems.extend(store.empty_trash())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.empty_trash()
    assert problems == []
    assert list(store.trash.iterdir()) == []


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a second device")
def test_what_lies_on_another_device_goes_without_the_trash(store: Store) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        venv = Path(folder, "venv")
        if os.stat(folder).st_dev == os.stat(store.root).st_dev:
            pytest.skip("both are on one device")
        (venv / "bin").mkdir(parents=True)
        assert store.move_to_trash(venv) is not None
        assert os.listdir(folder) == []
        assert list(store.trash.iterdir()) == []


# --- what kills leave


def test_old_temporary_files_are_swept_and_young_ones_are_not(store: Store) -> None:
    leftovers = [
        store.root / "pointers" / "project" / ".alpha.json.4711-0123abcd",
        store.locks / ".project-alpha.json.4711-0123abcd",
        store.root / "cache" / ".lines-0123456789abcdef.txt.4711-0123abcd",
        store.root / "cache" / "seed" / ".pip.txt.4711-0123abcd",
        store.root / "cache" / "seed" / "pip" / ".pip.whl.4711-0123abcd",
        store.root / "..gitignore.4711-0123abcd",
    ]
    kept = [
        store.root / "pointers" / "project" / ".alpha.json",
        store.root / "pointers" / "project" / "alpha.json.4711-0123abcd",
        store.locks / "project-alpha.lock",
        store.root / "cache" / ".someones-1",
    ]
    young = store.locks / ".project-beta.json.4711-0123abcd"
    for path in [*leftovers, *kept, young]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if path != young:
            os.utime(path, (1, 1))
    store.sweep()
    assert [path for path in leftovers if path.exists()] == []
    assert [path for path in [*kept, young] if not path.exists()] == []


def test_leases_on_what_is_gone_are_swept(store: Store, commit: Commit) -> None:
    made = commit()
    for name in (made.generation, "0123abcd"):
        (store.root / "leases" / name).mkdir()
    store.sweep()
    assert [path.name for path in (store.root / "leases").iterdir()] == [made.generation]


# --- writing


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_names_are_unlike_each_other(tmp_path: Path) -> None:
    names = set()
    for _ in range(200):
        with replacing(tmp_path / "file") as temporary:
            names.add(temporary.name)
            temporary.touch()
    assert len(names) == 200
    assert all(re.fullmatch(rf"\.file\.{os.getpid()}-[0-9a-f]{{8}}", name) for name in names)


def test_a_reader_sees_the_old_content_or_the_new_and_never_half_of_it(store: Store) -> None:
    path = store.pointer_path(Kind.PROJECT, "alpha")
    pointers = [
        Pointer(kind=Kind.PROJECT, key="alpha", current=letter * 8, reasons=(letter * size,))
        for letter, size in (("a", 50_000), ("b", 10))
    ]
    store.write_pointer(pointers[0])
    stop = threading.Event()
    problems: list[object] = []

    def read() -> None:
        while not stop.is_set():
            try:
                found = store.pointer(Kind.PROJECT, "alpha")
            except PointerInvalid as error:
                problems.append(error)
            else:
                if found not in pointers:
                    problems.append(found)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(200):
        write_json(path, pointer_data(pointers[number % 2]), durable=False)
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []


def pointer_data(pointer: Pointer) -> dict[str, object]:
    data = {name: getattr(pointer, name) for name in ("current", "previous", "reasons", "updated")}
    return json.loads(json.dumps(data))  # type: ignore[no-any-return]


def test_many_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    problems: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for _ in range(30):
                write_json(path, {"number": number}, durable=False)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            problems.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert json.loads(path.read_text())["number"] in range(6)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "not permitted"),
    ],
)
def test_what_the_disk_says_becomes_an_error_with_a_hint(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(StoreUnusable, match=said) as caught, storage_errors(tmp_path):
        raise OSError(number, "in the words of the system", str(tmp_path / "file"))
    assert str(tmp_path / "file") in caught.value.message
    assert caught.value.hint


def test_other_errors_of_the_system_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(InterruptedError), storage_errors(tmp_path):
        raise InterruptedError(errno.EINTR, "interrupted")


def test_a_full_disk_leaves_the_pointer_as_it_was(
    store: Store, commit: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = commit()
    store.point(made, ())

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnusable, match="no space left on the device"):
        store.write_pointer(replace(store.pointers()[0], current="0123abcd"))
    monkeypatch.undo()
    assert store.current(Kind.PROJECT, "alpha") == made
    assert [path.name for path in store.pointer_path(Kind.PROJECT, "alpha").parent.iterdir()] == ["alpha.json"]


def test_a_store_in_a_folder_with_an_odd_name_works(tmp_path: Path) -> None:
    store = Store(tmp_path / "ä b'c\"d" / ".envs")
    store.prepare()
    store.write_pointer(Pointer(kind=Kind.PROJECT, key="alpha", current="0123abcd"))
    assert store.pointers()[0].current == "0123abcd"
