"""Which Python versions several requests for an interpreter have in common."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # 75 ms, and only to compare requests
    from packaging.specifiers import SpecifierSet

_VERSION = re.compile(
    r"(?P<name>python|cpython|pypy|graalpy)?-?(?P<version>\d+(?:\.\d+){0,2})(?P<free>t?)(?:-(?:32|64))?"
)
_MINORS = range(7, 16)  # of Python 3: what has releases and what installers still serve
_PATCHES = range(40)  # no minor version ever had so many releases


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonRequest:
    """A request as a set of versions: `versions` is a specifier such as `==3.11.*` or `>=3.10,<3.13`.

    `implementation` is `cpython`, `pypy`, `graalpy`, or `cpython t` for a free-threaded build.
    """

    versions: str
    implementation: str = "cpython"


def parse_request(text: str) -> PythonRequest:
    """A request of `workspace.toml` or a profile: a version (`3.11`, `pypy3.10`) or a range (`>=3.10,<3.13`)."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return PythonRequest(versions=text)
    name = found["name"] or "cpython"
    implementation = "cpython" if name == "python" else name
    version = found["version"]
    return PythonRequest(
        versions=f"=={version}" if version.count(".") == 2 else f"=={version}.*",
        implementation=f"{implementation} t" if found["free"] else implementation,
    )


def common_pythons(requests: Sequence[PythonRequest]) -> tuple[str, ...]:
    """The versions that every request allows, one for each minor version, newest first.

    `3.11` stands for a minor version whose first release is allowed, `3.11.4` for one that is allowed from there on.
    Every minor version that has releases counts, be it installed here or not. () where nothing is in common.
    """
    if len({one.implementation for one in requests}) > 1:
        return ()
    return _in_all(tuple(sorted({one.versions for one in requests})))


@functools.cache
def _in_all(versions: tuple[str, ...]) -> tuple[str, ...]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        ranges = [SpecifierSet(one) for one in versions]
    except InvalidSpecifier:
        return ()
    found = [_first_release(minor, ranges) for minor in reversed(_MINORS)]
    return tuple(version for version in found if version)


def _first_release(minor: int, ranges: Sequence[SpecifierSet]) -> str:
    for patch in _PATCHES:
        if all(one.contains(f"3.{minor}.{patch}") for one in ranges):
            return f"3.{minor}.{patch}" if patch else f"3.{minor}"
    return ""
