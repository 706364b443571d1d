"""What the index offers, and the pages that tell: PEP 503 (HTML), 658 (metadata files) and 691 (JSON)."""

from __future__ import annotations

import hashlib
import html
import json
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import lru_cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A wheel or source distribution that the index offers."""

    path: Path
    name: str
    version: Version
    sha256: str
    requires: tuple[Requirement, ...]
    requires_python: str
    metadata: bytes

    @property
    def is_wheel(self) -> bool:
        return self.path.suffix == ".whl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    body: bytes
    kind: str
    lasting: bool = False

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


@lru_cache(maxsize=4096)
def load_distribution(path: Path, _modified: int, _size: int) -> Distribution:
    """Read a file once; its time and size are part of the key, so a replaced file is read again."""
    metadata = _metadata(path)
    fields = HeaderParser().parsestr(metadata.decode())
    if path.suffix == ".whl":
        name, version, *_ = parse_wheel_filename(path.name)
    else:
        name, version = parse_sdist_filename(path.name)
    return Distribution(
        path=path,
        name=name,
        version=version,
        sha256=_sha256(path.read_bytes()),
        requires=tuple(Requirement(line) for line in fields.get_all("Requires-Dist", [])),
        requires_python=fields.get("Requires-Python", ""),
        metadata=metadata,
    )


def root_page(names: Sequence[str], as_json: bool) -> Document:
    if as_json:
        return _json({"meta": {"api-version": "1.0"}, "projects": [{"name": name} for name in names]})
    return _html("".join(f'<a href="{name}/">{name}</a>\n' for name in names))


def project_page(name: str, offered: Sequence[Distribution], as_json: bool) -> Document:
    if as_json:
        files = [
            {
                "filename": one.path.name,
                "url": f"../../files/{one.path.name}",
                "hashes": {"sha256": one.sha256},
                "size": one.path.stat().st_size,
                "requires-python": one.requires_python or None,
                "core-metadata": {"sha256": _sha256(one.metadata)} if one.is_wheel else False,
            }
            for one in offered
        ]
        return _json({"meta": {"api-version": "1.0"}, "name": name, "files": files})
    lines = []
    for one in offered:
        extra = f' data-requires-python="{html.escape(one.requires_python)}"' if one.requires_python else ""
        if one.is_wheel:
            extra += f' data-core-metadata="sha256={_sha256(one.metadata)}"'
        lines.append(f'<a href="../../files/{one.path.name}#sha256={one.sha256}"{extra}>{one.path.name}</a><br>\n')
    return _html("".join(lines))


def _json(value: object) -> Document:
    return Document(body=json.dumps(value).encode(), kind=JSON)


def _html(body: str) -> Document:
    head = '<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0"></head><body>\n'
    return Document(body=f"{head}{body}</body></html>\n".encode(), kind="text/html; charset=utf-8")


def _metadata(path: Path) -> bytes:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA")))
    with tarfile.open(path) as sources:
        member = sources.extractfile(f"{path.name.removesuffix('.tar.gz')}/PKG-INFO")
        assert member is not None, f"{path.name} has no PKG-INFO"
        return member.read()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
