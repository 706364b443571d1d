"""What a wheel will install, told without downloading it.

A wheel is a zip archive, whose list of members stands at its end. Of a wheel on an index only that end is asked for
(an HTTP range): some hundred kilobytes in place of some gigabytes.
"""

from __future__ import annotations

import io
import os
import posixpath
import re
import tomllib
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from envyard.errors import InstallFailed

_TAIL = 1 << 16  # bytes that are asked for first; small wheels need no more
_LARGEST_LIST = 64 << 20  # bytes; the list of the largest wheels takes two million
_SECONDS = 15.0
_AT_A_TIME = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFile:
    """One file that an installer would take: `place` is an address or an absolute path."""

    package: str
    version: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The files of one wheel, or why nobody knows them yet."""

    wheel: WheelFile
    names: tuple[str, ...] = ()
    unknown: str = ""


def read_members(wheels: list[WheelFile]) -> tuple[Members, ...]:
    """The members of each wheel, in their order; what cannot be read says why. Never raises for one of them."""
    with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="envyard-members") as pool:
        return tuple(pool.map(_read, wheels))


def located(text: str, folder: Path) -> list[WheelFile]:
    """The files that a `pylock.toml` names (PEP 751); relative paths start from `folder`. Raises `InstallFailed`."""
    try:
        packages = tomllib.loads(text)["packages"]
        found = []
        for package in packages:
            sources = [*package.get("wheels", ()), *(package[name] for name in ("archive", "sdist") if name in package)]
            if sources:  # else a folder of the user, which nobody downloads
                source = sources[0]
                place = source.get("url") or os.path.join(folder, source["path"])
                place = unquote(urlsplit(place).path) if place.startswith("file:") else place
                found.append(WheelFile(package=package["name"], version=package.get("version", ""), place=place))
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "please report it, with what `uv --version` says"
        raise InstallFailed("the installer's list of files was not understood", hint=hint) from error


def installed_names(wheel: WheelFile, names: tuple[str, ...], site_packages: str) -> Iterator[str]:
    """Where each member ends, relative to the environment, with `/`; `site_packages` is relative too.

    By the "Binary distribution format" of the Python packaging specifications: what lies in `<name>.data/` is spread.
    """
    scripts = "Scripts" if site_packages.startswith("Lib/") else "bin"
    headers = f"Include/site/{wheel.package}"
    places = {"purelib": site_packages, "scripts": scripts, "data": "", "headers": headers}
    for name in names:
        if name.endswith("/"):
            continue
        spread = re.fullmatch(r"[^/]+\.data/([^/]+)/(.+)", name)
        above = places.get(spread[1], site_packages) if spread else site_packages
        yield posixpath.join(above, spread[2] if spread else name)


def _read(wheel: WheelFile) -> Members:
    if not wheel.place.partition("#")[0].partition("?")[0].endswith(".whl"):
        return Members(wheel=wheel, unknown="it is built from source")
    try:
        remote = re.match(r"https?://", wheel.place) is not None
        with _Remote(wheel.place) if remote else Path(wheel.place).open("rb") as file, zipfile.ZipFile(file) as archive:
            return Members(wheel=wheel, names=tuple(archive.namelist()))
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        return Members(wheel=wheel, unknown=str(error) or type(error).__name__)


class _Remote(io.RawIOBase):
    """A file on a server, of which only the parts that are read are fetched. Raises `OSError` where none can be."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address.partition("#")[0]
        self._at = 0
        self._start, self._part, self.size = self._fetch(f"-{_TAIL}")

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self.size - self._at)
        if wanted <= 0:
            return 0
        first = self._at - self._start
        if first < 0 or first + wanted > len(self._part):
            if wanted > _LARGEST_LIST:
                raise OSError("its list of members is too large")
            self._start, self._part, _size = self._fetch(f"{self._at}-{self._at + wanted - 1}")
            first = 0
        found = self._part[first : first + wanted]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def _fetch(self, part: str) -> tuple[int, bytes, int]:
        """The first byte's place, the bytes, and the size of the whole file."""
        import urllib.request  # 40 ms, and only before a download

        headers = {"Range": f"bytes={part}", "Accept-Encoding": "identity", "User-Agent": "envyard"}
        request = urllib.request.Request(self._address, headers=headers)  # noqa: S310 - http or https only
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
            if answer.status != 206 or told is None:
                raise OSError("its server gives no part of a file")
            data = answer.read(int(told[2]) - int(told[1]) + 1)
        return int(told[1]), data, int(told[3])
