"""Old per-model environments that were moved out of the way: until the next `envs.prune` they can come back.

They lie in `migrated/` of the store; one on another device is renamed beside its old place, since copying gigabytes
only to delete them later helps nobody. A small JSON file beside each says where it came from.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from envyard.errors import OutsideStore, StoreUnusable
from envyard.files import storage_errors, write_json
from envyard.jsonobject import json_object
from envyard.legacy import METADATA
from envyard.longpath import remove_tree
from envyard.store import Store

FOLDER = "migrated"
_IDENTITY = re.compile(r"[A-Za-z0-9][\w.-]*-[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAway:
    """One old environment that was moved: `origin` is where it stood, `place` where it is, `key` what replaced it."""

    identity: str
    origin: Path
    place: Path
    model: str
    key: str
    moved: float


def put_away(store: Store, folder: Path, model: str, key: str) -> PutAway:
    """Move the old environment in `folder` (a link is moved as a link). Raises `StoreUnusable`."""
    identity = f"{folder.name}-{os.urandom(4).hex()}"
    place = store.root / FOLDER / identity
    with storage_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = not _same_device(folder, place.parent)
    if beside:
        place = _beside(folder, identity)
    moved = PutAway(identity=identity, origin=folder, place=place, model=model, key=key, moved=time.time())
    _write(store, moved)  # first: what is moved without a note would be lost
    try:
        with storage_errors(folder):
            os.rename(folder, place)
    except BaseException as error:
        _note(store, identity).unlink(missing_ok=True)
        if isinstance(error, OSError):
            hint = "close what uses it, then try again"
            raise StoreUnusable(f"cannot move {folder}: {error.strerror or error}", hint=hint) from error
        raise
    return moved


def list_put_away(store: Store) -> tuple[PutAway, ...]:
    """Everything that can come back, newest first. A note that is damaged, or names another place, counts as none."""
    found = []
    folder = store.root / FOLDER
    try:
        names = os.listdir(folder)
    except OSError:
        return ()
    for name in names:
        identity, dot, _ = name.rpartition(".json")
        with contextlib.suppress(OSError, ValueError):
            if not dot or _IDENTITY.fullmatch(identity) is None:
                continue
            data = json_object((folder / name).read_bytes())
            origin, place = Path(data.text("origin")), Path(data.text("place"))
            ours = place in (folder / identity, _beside(origin, identity)) and identity.startswith(f"{origin.name}-")
            if ours and origin.is_absolute() and os.path.lexists(place):
                found.append(
                    PutAway(
                        identity=identity,
                        origin=origin,
                        place=place,
                        model=data.text("model"),
                        key=data.text("key"),
                        moved=data.moment("moved"),
                    )
                )
    return tuple(sorted(found, key=lambda one: one.moved, reverse=True))


def bring_back(store: Store, one: PutAway) -> None:
    """Move an old environment to where it stood. Raises `StoreUnusable` when something stands there now."""
    if os.path.lexists(one.origin):
        raise StoreUnusable(
            f"{one.origin} is there again, so {one.place} stays where it is", hint="move one of them away"
        )
    with storage_errors(one.origin):
        one.origin.parent.mkdir(parents=True, exist_ok=True)
        os.rename(one.place, one.origin)
    _note(store, one.identity).unlink(missing_ok=True)


def delete(store: Store, one: PutAway) -> None:
    """Give up what was put away. Only what has the form of an old environment is ever deleted."""
    looks_old = os.path.lexists(one.place / ".venv") or os.path.lexists(one.place / METADATA)
    if not looks_old and not os.path.islink(one.place):
        raise OutsideStore(
            f"refused to delete {one.place}: it does not look like an old environment",
            hint="look at what it is, and remove it by hand",
        )
    if one.place.parent == store.root / FOLDER:
        store.move_to_trash(one.place)
    else:
        remove_tree(one.place)
    if not os.path.lexists(one.place):
        _note(store, one.identity).unlink(missing_ok=True)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, each inode once; links are not followed."""
    seen: dict[tuple[int, int], int] = {}
    for parent, _folders, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(parent, name))
            except OSError:
                continue
            seen[status.st_dev, status.st_ino] = status.st_size
    return sum(seen.values())


def _write(store: Store, one: PutAway) -> None:
    write_json(
        _note(store, one.identity),
        {
            "origin": str(one.origin),
            "place": str(one.place),
            "model": one.model,
            "key": one.key,
            "moved": one.moved,
        },
    )


def _note(store: Store, identity: str) -> Path:
    return store.root / FOLDER / f"{identity}.json"


def _beside(folder: Path, identity: str) -> Path:
    return folder.with_name(f".envyard-{identity}")


def _same_device(folder: Path, other: Path) -> bool:
    try:
        return os.lstat(folder).st_dev == os.stat(other).st_dev
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise StoreUnusable(
                f"the old environment {folder} is gone", hint="nothing is left to migrate there"
            ) from error
        raise
