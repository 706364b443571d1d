"""Keys and titles for projects that have only a path."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from envyard.consistency import DEVICE, RESERVED_KEYS


def name_projects(paths: Iterable[str], taken: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Path -> key and title, for each of `paths` (relative to the workspace, with `/`).

    `taken` are the keys and titles that the workspace has already. Where two projects end in the same name, both get
    as much of their paths as tells them apart: `client-backend`, `server-backend`. A title is "" where the last part of
    the path, which is the default, serves.
    """
    paths = sorted(paths)
    keys = dict(taken)
    depths = dict.fromkeys(paths, 1)
    while True:
        wanted: dict[str, list[str]] = {}
        for path in paths:
            wanted.setdefault(_key(path, depths[path]), []).append(path)
        longer = [
            path
            for key, sharing in wanted.items()
            for path in sharing
            if (len(sharing) > 1 or not _is_free(key, keys)) and depths[path] <= path.count("/")
        ]
        if not longer:
            break
        for path in longer:
            depths[path] += 1
    chosen: dict[str, str] = {}
    for path in paths:
        chosen[path] = _numbered(_key(path, depths[path]), {**keys, **dict.fromkeys(chosen.values(), "")})
    titles = {title.casefold() for title in taken.values()} | set(taken) | set(chosen.values())
    last = [path.rsplit("/", 1)[-1].casefold() for path in paths]
    return {
        path: (key, "" if _title_serves(path, key, last, titles) else _free_title(path, key, titles))
        for path, key in chosen.items()
    }


def _title_serves(path: str, key: str, last: list[str], titles: set[str]) -> bool:
    name = path.rsplit("/", 1)[-1].casefold()
    return last.count(name) == 1 and (name == key or name not in titles)


def _free_title(path: str, key: str, titles: set[str]) -> str:
    return path if path.casefold() not in titles - {key} else key


def _key(path: str, depth: int) -> str:
    """The last `depth` parts of a path as lower-case letters, digits and dashes."""
    text = "-".join(path.split("/")[-depth:])
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text)
    text = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")


def _is_free(key: str, taken: Iterable[str]) -> bool:
    return bool(key) and key not in taken and key not in RESERVED_KEYS and re.fullmatch(DEVICE, key) is None


def _numbered(key: str, taken: Mapping[str, str]) -> str:
    """`key`, or with a number behind it where it is no key, or that of another project."""
    key = key or "project"
    if _is_free(key, taken):
        return key
    number = 2
    if key not in taken and _is_free(f"{key}-project", taken):
        return f"{key}-project"  # a name that nox or Windows keeps
    while not _is_free(f"{key}-{number}", taken):
        number += 1
    return f"{key}-{number}"
