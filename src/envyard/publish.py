"""Makes a generation visible as `<project>/venv`: a link (symlink, junction on Windows), or a copy where links fail.

Nothing that envyard did not make is ever replaced: a real folder, or a link to somewhere else, is refused with
`ForeignEnvironment`, or moved to the trash when the caller was told to (`--yes`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from envyard.environment import COMMIT_FILE, Environment
from envyard.errors import ForeignEnvironment
from envyard.store import Store, storage_errors

_COPYING = "envyard-is-copying"  # stands in a copy until it is whole


class Published(StrEnum):
    """What stands at `<project>/venv` now."""

    CURRENT = "current"
    NOTHING = "nothing"
    OUTDATED = "outdated"  # ours, of another generation; or a link that points to nothing
    FOREIGN = "foreign"


def published(store: Store, link: Path, environment: Environment | None) -> Published:
    """What stands at `link`, compared with the generation that should."""
    if _is_link(link):
        # the folder of the link is resolved, because that is what a relative link starts from
        folder = os.path.realpath(link.parent)
        target = os.path.normpath(os.path.join(folder, os.readlink(link).removeprefix("\\\\?\\")))
        if os.path.dirname(target) != os.path.realpath(store.generations):
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
            hint=f"move it away, or run `invoke envs.setup {key} --yes` to move it to the trash of the store",
        )


def publish(store: Store, link: Path, environment: Environment, mode: str, *, replace_foreign: bool) -> None:
    """Make `link` show `environment`. `mode` is "link", "copy" or "auto" (link, else copy).

    Raises `ForeignEnvironment`, and `StoreUnusable` for a folder that cannot be written.
    """
    state = published(store, link, environment)
    if state == Published.CURRENT and (mode != "copy" or not _is_link(link)):
        return
    if state == Published.FOREIGN:
        if not replace_foreign:
            refuse_foreign(store, link, environment.key)
        store.move_to_trash(link)
    with storage_errors(link):
        if mode in ("link", "auto"):
            try:
                _swap(store, link, lambda new: _make_link(environment.path, new))
                return
            except (OSError, NotImplementedError):
                if mode == "link":
                    raise
        _swap(store, link, lambda new: _copy(environment.path, new))


def withdraw(store: Store, link: Path) -> bool:
    """Remove our link or copy; False when what stands there is not ours."""
    state = published(store, link, None)
    if state == Published.FOREIGN:
        return False
    if state == Published.OUTDATED:
        _remove_ours(store, link)
    return True


def link_for_people(store: Store, environment: Environment) -> None:
    """`.envs/<profile key>`, the link by which people and tools find a shared environment."""
    with storage_errors(store.root):
        _swap(store, store.root / environment.key, lambda new: _make_link(environment.path, new))


def _swap(store: Store, link: Path, make: Callable[[Path], None]) -> None:
    """Put what `make` makes at `link`, in one step where a link replaces a link. Needs the exclusive lock."""
    _sweep(store, link)
    new = link.with_name(f".{link.name}-{os.urandom(4).hex()}")
    try:
        make(new)
        if _is_link(new) and os.name != "nt" and (_is_link(link) or not os.path.lexists(link)):
            os.replace(new, link)
        else:
            _remove_ours(store, link)
            os.rename(new, link)
    except BaseException:
        _remove_ours(store, new)
        raise


def _sweep(store: Store, link: Path) -> None:
    """Remove what a killed `_swap` left beside `link`: a link into the store, or part of a copy."""
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

    def ignore(folder: str, _names: list[str]) -> list[str]:
        return [COMMIT_FILE] if folder == str(source) else []

    shutil.copytree(source, target, symlinks=True, ignore=ignore, copy_function=_link_or_copy, dirs_exist_ok=True)
    shutil.copyfile(source / COMMIT_FILE, target / COMMIT_FILE)
    (target / _COPYING).unlink()


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)


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
        data = json.loads((folder / COMMIT_FILE).read_bytes())
        return str(data["generation"]) if data.get("format") else ""
    except (OSError, ValueError, KeyError, AttributeError):
        return ""
