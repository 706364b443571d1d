"""The folder that holds every environment of a workspace: generations, pointers, trash.

Layout and protocol: docs/design.md. Everything here is small and local; the two kinds of locks are in `locks.py`.
Writers hold the exclusive lock of the environment they write; readers need no lock, because a pointer is replaced in
one step and a generation never changes after its commit file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

from envyard.definition import Kind
from envyard.environment import (
    COMMIT_FILE,
    CommitFileInvalid,
    Environment,
    commit_data,
    load_environment,
)
from envyard.errors import EnvyardError, OutsideStore
from envyard.files import TEMPORARY, move, replacing, storage_errors, write_json
from envyard.longpath import remove_tree
from envyard.pointer import Pointer, PointerInvalid, is_generation, load_pointer, pointer_data

_FOLDERS = ("g", "pointers", "locks", "leases", "logs", "trash", "cache")
_LEFT_BEHIND_SECONDS = 600.0  # a temporary file lives for moments; after so long whoever made it was killed
_BUG = "that is a bug of envyard: report it, with the command that you typed"
PROCESSES_LOCK = "processes.lock"  # shared by every python that runs in the generation, see site_hook/
KEEP_PREVIOUS = 1  # generations kept for `envs.rollback` besides the current one


class Store:
    """Owns one store folder. Making the object touches nothing; `prepare` makes the folders."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.generations = root / "g"
        self.trash = root / "trash"
        self.locks = root / "locks"

    def prepare(self) -> None:
        """Make the folders of the store. Raises `StoreUnusable`."""
        with storage_errors(self.root):
            for name in _FOLDERS:
                _refuse_link(self.root / name)
                (self.root / name).mkdir(parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                with replacing(ignore) as temporary:
                    temporary.write_text("*\n", encoding="utf-8")

    # --- generations

    def new_generation(self) -> str:
        """An identity no generation of this store has. Write the intent before making the folder."""
        while True:
            name = os.urandom(4).hex()
            if not (self.generations / name).exists():
                return name

    def generation_path(self, generation: str) -> Path:
        return self.generations / generation

    def load(self, generation: str) -> Environment | None:
        """The committed generation, or None when it does not exist (no or unreadable commit file, or moved away)."""
        try:
            return load_environment(self.generation_path(generation))
        except (OSError, CommitFileInvalid):
            return None

    def commit(self, environment: Environment) -> None:
        """Write the commit file: from now on the generation exists."""
        write_json(environment.path / COMMIT_FILE, commit_data(environment), make_folder=False)

    def committed(self) -> Iterator[Environment]:
        """Every generation that exists, in no order."""
        for name in _names(self.generations):
            environment = self.load(name)
            if environment is not None:
                yield environment

    def uncommitted(self) -> list[str]:
        """Generation folders without a (whole) commit file: builds under way or abandoned."""
        names = [name for name in _names(self.generations) if is_generation(name)]
        return [name for name in names if self.is_uncommitted(name)]

    def is_uncommitted(self, generation: str) -> bool:
        """Whether there is no whole commit file. One that only cannot be read now (too many open files, say) is one."""
        try:
            load_environment(self.generation_path(generation))
        except (FileNotFoundError, NotADirectoryError, CommitFileInvalid):
            return True
        except OSError:
            return False
        return False

    # --- pointers

    def pointer_path(self, kind: Kind, key: str) -> Path:
        return self.root / "pointers" / kind / f"{key}.json"

    def pointer(self, kind: Kind, key: str) -> Pointer | None:
        """The pointer of an env key, None when it was never built. Raises `PointerInvalid`."""
        return load_pointer(self.pointer_path(kind, key), kind, key)

    def current(self, kind: Kind, key: str) -> Environment | None:
        """The environment an env key has now, or None. A damaged pointer counts as none; see `recover_pointer`."""
        try:
            pointer = self.pointer(kind, key)
        except PointerInvalid:
            return None
        return None if pointer is None else self.load(pointer.current)

    def pointers(self) -> list[Pointer]:
        """Every readable pointer, by kind and key."""
        found = []
        for kind in Kind:
            for name in sorted(_names(self.root / "pointers" / kind)):
                key, dot, _ = name.rpartition(".json")
                with contextlib.suppress(PointerInvalid):
                    pointer = self.pointer(kind, key) if dot else None
                    if pointer is not None:
                        found.append(pointer)
        return found

    def point(self, environment: Environment, reasons: tuple[str, ...]) -> Pointer:
        """Make a committed generation the current one; the one before stays. Needs the exclusive lock."""
        try:
            old = self.pointer(environment.kind, environment.key)
        except PointerInvalid:
            old = None
        before = () if old is None else (old.current, *old.previous)
        previous = [name for name in dict.fromkeys(before) if name != environment.generation and self.load(name)]
        pointer = Pointer(
            kind=environment.kind,
            key=environment.key,
            current=environment.generation,
            previous=tuple(previous),
            reasons=reasons,
            updated=time.time(),
        )
        self.write_pointer(pointer)
        return pointer

    def write_pointer(self, pointer: Pointer) -> None:
        write_json(self.pointer_path(pointer.kind, pointer.key), pointer_data(pointer))

    def remove_pointer(self, kind: Kind, key: str) -> None:
        """Forget an env key; its generations become garbage. Needs the exclusive lock."""
        self.pointer_path(kind, key).unlink(missing_ok=True)
        self._used_path(kind, key).unlink(missing_ok=True)

    def recover_pointer(self, kind: Kind, key: str) -> Pointer | None:
        """Write a damaged or lost pointer anew from the committed generations of the key. Needs the exclusive lock.

        The newest that was committed becomes the current one; returns None when there is none.
        """
        mine = [env for env in self.committed() if env.kind == kind and env.key == key]
        if not mine:
            return None
        mine.sort(key=lambda environment: environment.created, reverse=True)
        pointer = Pointer(
            kind=kind,
            key=key,
            current=mine[0].generation,
            previous=tuple(environment.generation for environment in mine[1 : 1 + KEEP_PREVIOUS]),
            reasons=("pointer recovered from the generations on disk",),
            updated=time.time(),
        )
        self.write_pointer(pointer)
        return pointer

    # --- last use

    def touch(self, kind: Kind, key: str) -> None:
        """Remember that the environment was used now. Never fails: a read-only store is still usable."""
        path = self._used_path(kind, key)
        with contextlib.suppress(OSError):
            try:
                os.utime(path)
            except FileNotFoundError:
                path.touch()

    def last_used(self, kind: Kind, key: str) -> float | None:
        """When the environment was last used, in seconds since the epoch: built, run in, or a python started in it."""
        paths = [self._used_path(kind, key)]
        with contextlib.suppress(PointerInvalid):
            pointer = self.pointer(kind, key)
            if pointer is not None:
                paths.append(self.root / "leases" / pointer.current / PROCESSES_LOCK)
        times = []
        for path in paths:
            with contextlib.suppress(OSError):
                times.append(path.stat().st_mtime)
        return max(times, default=None)

    def _used_path(self, kind: Kind, key: str) -> Path:
        return self.root / "pointers" / kind / f"{key}.used"

    # --- trash

    def discard(self, path: Path) -> Path | None:
        """Move a generation, or something else this store made, to the trash; None when it is not there.

        Raises `OutsideStore` for a path that is not directly inside one of the store's own folders.
        """
        folders = (self.generations, self.root / "leases", self.root / "cache")
        if path.parent not in folders or path.name in ("", ".", ".."):
            raise OutsideStore(f"refused to delete {path}: it does not belong to the store {self.root}", hint=_BUG)
        _refuse_link(path.parent)
        return self.move_to_trash(path)

    def move_to_trash(self, path: Path) -> Path | None:
        """Rename anything into the trash, where it stays until `empty_trash`; None when it is not there.

        The caller has made sure that `path` may go. A link is moved as a link. What lies on another device is deleted
        at once, after it was renamed in its place. Raises `EnvironmentInUse` (on Windows).
        """
        _refuse_link(self.trash)
        target = self.trash / f"{path.name}-{os.urandom(4).hex()}"
        with storage_errors(path):
            self.trash.mkdir(parents=True, exist_ok=True)
            try:
                move(path, target)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                target = path.with_name(f".{target.name}")
                move(path, target)
                remove_tree(target)
        return target

    def empty_trash(self) -> list[str]:
        """Delete what is in the trash; returns what could not be deleted (a file in use: next time)."""
        _refuse_link(self.trash)
        problems: list[str] = []
        for name in _names(self.trash):
            problems += remove_tree(self.trash / name)
        return problems

    def sweep(self) -> None:
        """Delete what killed processes left between the generations: temporary files, leases on what is gone.

        Generations themselves are collected under their exclusive lock, see `locks.collect`.
        """
        oldest = time.time() - _LEFT_BEHIND_SECONDS
        seeds = self.root / "cache" / "seed"
        folders = [self.root, self.locks, seeds.parent, seeds, *(seeds / name for name in _names(seeds))]
        folders += [self.root / "pointers" / kind for kind in Kind]
        for path in (folder / name for folder in folders for name in _names(folder) if TEMPORARY.fullmatch(name)):
            with contextlib.suppress(OSError):
                if os.lstat(path).st_mtime < oldest and not path.is_dir():
                    path.unlink()
        for name in _names(self.root / "leases"):
            if not os.path.lexists(self.generations / name):
                with contextlib.suppress(OSError, EnvyardError):
                    self.discard(self.root / "leases" / name)


def _refuse_link(folder: Path) -> None:
    """Raise `OutsideStore` for a folder of the store that somebody made a link: what is behind it is not ours."""
    if os.path.islink(folder):
        raise OutsideStore(
            f"{folder} is a link, so nothing behind it is deleted",
            hint="remove the link: the store makes a folder in its place",
        )


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # what Windows says of a file varies
        if os.path.isdir(folder):
            raise
        return []
