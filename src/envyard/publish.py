"""Makes a generation visible as `<project>/venv`: a link (symlink, junction on Windows), or a copy where links fail.

Nothing that envyard did not make is ever deleted: a real folder, or a link to somewhere else, is refused with
`ForeignEnvironment`, or set aside in the store's folder `replaced` when the caller was told to (`--yes`).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from envyard.environment import COMMIT_FILE, Environment
from envyard.errors import ForeignEnvironment
from envyard.files import move, storage_errors
from envyard.jsonobject import json_object
from envyard.longpath import copy_tree
from envyard.store import Store

REPLACED = "replaced"  # in the store: what `--yes` took from its place, until `envs.prune` finds it a week later
_STAMP = "%Y%m%d-%H%M%S"
_COPYING = "envyard-is-copying"  # stands in a copy until it is whole
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # a copy would fail for the same reason, only later


class Published(StrEnum):
    """What stands at `<project>/venv` now."""

    CURRENT = "current"
    NOTHING = "nothing"
    OUTDATED = "outdated"  # ours, of another generation; or a link that points to nothing
    FOREIGN = "foreign"


def published(store: Store, link: Path, environment: Environment | None, mode: str = "auto") -> Published:
    """What stands at `link`, compared with the generation that should, in the form that `mode` demands."""
    state = _published(store, link, environment)
    wrong_form = mode != "auto" and (mode == "link") != _is_link(link)
    return Published.OUTDATED if state == Published.CURRENT and wrong_form else state


def _published(store: Store, link: Path, environment: Environment | None) -> Published:
    if _is_link(link):
        target = _target(link)
        if not _leads_into(store, link):
            return Published.FOREIGN if os.path.exists(target) else Published.OUTDATED
        same = environment is not None and os.path.basename(target) == environment.generation
        return Published.CURRENT if same and os.path.exists(target) else Published.OUTDATED
    if not os.path.lexists(link):
        return Published.NOTHING
    if link.is_dir():
        generation = _copied_generation(link)
        if generation:
            same = environment is not None and generation == environment.generation
            return Published.CURRENT if same else Published.OUTDATED
        if not os.listdir(link):
            return Published.OUTDATED
    return Published.FOREIGN


def refuse_foreign(store: Store, link: Path, key: str) -> None:
    """Raise `ForeignEnvironment` when something that envyard did not make stands at `link`."""
    if published(store, link, None) == Published.FOREIGN:
        what = "a link to somewhere else" if _is_link(link) else "a folder" if link.is_dir() else "a file"
        raise ForeignEnvironment(
            f"{link} is {what} that envyard did not make, so it was left alone",
            hint=f"move it away, or run `invoke envs.setup {key} --yes` to set it aside in {store.root / REPLACED}",
        )


def publish(store: Store, link: Path, environment: Environment, mode: str, *, replace_foreign: bool) -> Path | None:
    """Make `link` show `environment`. `mode` is "link", "copy" or "auto" (link, else copy).

    Returns where something that envyard did not make was set aside. Raises `ForeignEnvironment`, and `StoreUnusable`
    for a folder that cannot be written.
    """
    state = published(store, link, environment, mode)
    if state == Published.CURRENT:
        return None
    if state == Published.FOREIGN and not replace_foreign:
        refuse_foreign(store, link, environment.key)
    aside = _set_aside(store, link, environment.key) if state == Published.FOREIGN else None
    try:
        with storage_errors(link):
            _make(store, link, environment, mode)
    except BaseException:
        if aside is not None and not os.path.lexists(link):
            move(aside, link)
        raise
    return aside


def withdraw(store: Store, link: Path) -> bool:
    """Remove our link or copy; False when what stands there is not ours."""
    state = published(store, link, None)
    if state == Published.FOREIGN or (_is_link(link) and not _leads_into(store, link)):
        return False
    if state == Published.OUTDATED:
        with storage_errors(link):
            _remove_ours(store, link)
    return True


def replaced_at(path: Path) -> float | None:
    """When something in `replaced` was set aside, in seconds since the epoch; None for other things."""
    match = re.fullmatch(r".+-(\d{8}-\d{6})-[0-9a-f]{4}", path.name)
    try:
        return time.mktime(time.strptime(match[1], _STAMP)) if match else None
    except (ValueError, OverflowError):
        return None


def _make(store: Store, link: Path, environment: Environment, mode: str) -> None:
    if mode in ("link", "auto"):
        try:
            return _swap(store, link, lambda new: _make_link(environment.path, new))
        except (OSError, NotImplementedError) as error:
            if mode == "link" or (isinstance(error, OSError) and error.errno in _NO_ROOM):
                raise
    return _swap(store, link, lambda new: _copy(environment.path, new))


def _set_aside(store: Store, link: Path, key: str) -> Path:
    """Move what envyard did not make out of the way; on another device it is renamed beside its place."""
    name = f"{key}-{time.strftime(_STAMP)}-{os.urandom(2).hex()}"
    target = store.root / REPLACED / name
    with storage_errors(link):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            move(link, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            target = link.with_name(f"{link.name}-replaced-{name}")
            move(link, target)
    return target


def link_for_people(store: Store, environment: Environment) -> Path | None:
    """`.envs/<profile key>`, the link by which people and tools find a shared environment.

    Returns where something that envyard did not make was set aside: it may be the environment of an older application.
    """
    link = store.root / environment.key
    aside = _set_aside(store, link, environment.key) if published(store, link, None) == Published.FOREIGN else None
    with storage_errors(store.root):
        _swap(store, link, lambda new: _make_link(environment.path, new))
    return aside


def _swap(store: Store, link: Path, make: Callable[[Path], None]) -> None:
    """Put what `make` makes at `link`, in one step where a link replaces a link. Needs the exclusive lock."""
    sweep_beside(store, link)
    new = link.with_name(f".{link.name}-{os.urandom(4).hex()}")
    try:
        make(new)
        if _is_link(new) and os.name != "nt" and (_is_link(link) or not os.path.lexists(link)):
            os.replace(new, link)
        else:
            _remove_ours(store, link)
            move(new, link)
    except BaseException:
        _remove_ours(store, new)
        raise


def sweep_beside(store: Store, link: Path) -> None:
    """Remove what a killed publication left beside `link`: a link into the store, or part of a copy.

    Needs the exclusive lock.
    """
    temporary = re.compile(re.escape(f".{link.name}-") + "[0-9a-f]{8}")
    for name in os.listdir(link.parent):
        if temporary.fullmatch(name):
            path = link.with_name(name)
            if _is_link(path):
                ours = published(store, path, None) == Published.OUTDATED
            else:
                ours = (path / _COPYING).is_file() or _copied_generation(path) != ""
            if ours:
                _remove_ours(store, path)


def _target(link: Path) -> str:
    """Where a link leads, as an absolute path."""
    folder = os.path.realpath(link.parent)  # because that is what a relative link starts from
    return os.path.normpath(os.path.join(folder, os.readlink(link).removeprefix("\\\\?\\")))


def _leads_into(store: Store, link: Path) -> bool:
    """Whether a link leads to a generation of the store, be it there or not."""
    return os.path.dirname(_target(link)) == os.path.realpath(store.generations)


def _make_link(target: Path, link: Path) -> None:
    if os.name == "nt":
        import _winapi

        _winapi.CreateJunction(str(target), str(link))  # type: ignore[attr-defined,unused-ignore]
    else:
        relative = os.path.relpath(os.path.realpath(target), os.path.realpath(link.parent))
        os.symlink(relative, link, target_is_directory=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a generation, by hard links where the device allows, its commit file last."""
    target.mkdir()
    (target / _COPYING).touch()
    copy_tree(source, target, without=(COMMIT_FILE,))
    shutil.copyfile(source / COMMIT_FILE, target / COMMIT_FILE)
    (target / _COPYING).unlink()


def _remove_ours(store: Store, path: Path) -> None:
    if not os.path.lexists(path):
        return
    if not _is_link(path):
        store.move_to_trash(path)
    elif os.name == "nt":
        os.rmdir(path)
    else:
        os.unlink(path)


def _is_link(path: Path) -> bool:
    """A symbolic link, or a junction."""
    if os.path.islink(path):
        return True
    if os.name != "nt":
        return False
    try:
        os.readlink(path)
    except OSError:
        return False
    return True


def _copied_generation(folder: Path) -> str:
    """The generation of which `folder` is a complete copy, or ""."""
    try:
        data = json_object((folder / COMMIT_FILE).read_bytes())
        return data.text("generation") if data.integer("format") else ""
    except (OSError, ValueError):
        return ""
