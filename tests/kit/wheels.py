"""Real wheels and source distributions, made in milliseconds and byte for byte the same every time."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.metadata
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_BACKEND = Path(__file__).with_name("in_tree_backend.py")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    files: Mapping[str, str | bytes] | None = None,
    requires: Sequence[str] = (),
    python_tag: str = "py3",
    requires_python: str = "",
    scripts: Mapping[str, str] | None = None,
    extras: Mapping[str, Sequence[str]] | None = None,
    bulk_files: int = 0,
    bulk_bytes: int = 0,
) -> Path:
    """A valid wheel in `folder`; the package `<name>` with `__version__` unless `files` says what is in it.

    - `python_tag`: "py3", or a whole tag such as "cp311-cp311-win_amd64".
    - `scripts`: console entry points, `{"demo": "demo:main"}`.
    - `extras`: `{"fast": ["beta>=1"]}`.
    - `bulk_files`: so many more files of `bulk_bytes` bytes each: an install that takes long.
    """
    module = _module_name(name)
    content = dict(_default_files(module, version) if files is None else files)
    content.update(_bulk(module, version, bulk_files, bulk_bytes))
    return _write_wheel(
        folder,
        name,
        version,
        content,
        metadata=_metadata(name, version, requires, requires_python, extras or {}),
        tag=python_tag if "-" in python_tag else f"{python_tag}-none-any",
        entry_points=_entry_points(scripts or {}),
    )


def make_sdist(
    folder: Path,
    name: str,
    version: str,
    *,
    files: Mapping[str, str | bytes] | None = None,
    requires: Sequence[str] = (),
    requires_python: str = "",
    fail_with: str = "",
    while_building: str = "",
) -> Path:
    """A source distribution that carries its own build backend, so that building it needs no index.

    With `fail_with` the build ends with that message; `while_building` is Python that it runs.
    """
    module = _module_name(name)
    content = {
        **(_default_files(module, version) if files is None else files),
        **backend_files(name, version, requires=requires, requires_python=requires_python),
        "PKG-INFO": _metadata(name, version, requires, requires_python, {}),
    }
    if fail_with:
        content["fail_with.txt"] = fail_with
    if while_building:
        content["while_building.py"] = while_building
    root = f"{module}-{version}"
    target = folder / f"{root}.tar.gz"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        target.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in sorted(content.items()):
            payload = _bytes(data)
            member = tarfile.TarInfo(f"{root}/{path}")
            member.size = len(payload)
            archive.addfile(member, io.BytesIO(payload))
    return target


def backend_files(
    name: str, version: str, *, requires: Sequence[str] = (), requires_python: str = ""
) -> dict[str, str]:
    """`pyproject.toml` and the backend it names: makes any folder installable, also with `--editable`."""
    lines = [
        "[build-system]",
        "requires = []",
        'build-backend = "in_tree_backend"',
        'backend-path = ["."]',
        "",
        "[project]",
        f'name = "{name}"',
        f'version = "{version}"',
        f"dependencies = {json.dumps(list(requires))}",
    ]
    if requires_python:
        lines.append(f'requires-python = "{requires_python}"')
    return {
        "pyproject.toml": "\n".join(lines) + "\n",
        "in_tree_backend.py": _BACKEND.read_text(encoding="utf-8"),
    }


def seed_wheels(folder: Path) -> list[Path]:
    """The real `pip` wheel that virtualenv carries, for environments that hold pip without a network."""
    from virtualenv.seed.wheels.embed import get_embed_wheel  # 167 ms, and only a few tests want it

    wheel = get_embed_wheel("pip", "3.11")
    assert wheel is not None, "virtualenv carries no pip for Python 3.11"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / wheel.path.name
    target.write_bytes(wheel.path.read_bytes())
    return [target]


def repack_wheel(folder: Path, name: str) -> Path:
    """A wheel of a pure Python distribution installed beside these tests: real `pytest`, no network."""
    distribution = importlib.metadata.distribution(name)
    info = re.compile(r"[^/]+\.dist-info/(METADATA|WHEEL|RECORD|INSTALLER|REQUESTED|direct_url\.json)$")
    content: dict[str, str | bytes] = {}
    entry_points = ""
    for file in distribution.files or ():
        path = file.as_posix()
        if path.startswith("../") or path.endswith(".pyc") or info.match(path):
            continue
        if path.endswith(".dist-info/entry_points.txt"):
            entry_points = Path(file.locate()).read_text(encoding="utf-8")
            continue
        content[re.sub(r"^[^/]+\.dist-info/", f"{_info(name, distribution.version)}/", path)] = Path(
            file.locate()
        ).read_bytes()
    metadata = distribution.read_text("METADATA")
    assert metadata is not None, f"{name} is installed without METADATA"
    return _write_wheel(
        folder,
        name,
        distribution.version,
        content,
        metadata=metadata,
        tag="py3-none-any",
        entry_points=entry_points,
    )


def _write_wheel(
    folder: Path,
    name: str,
    version: str,
    content: Mapping[str, str | bytes],
    *,
    metadata: str,
    tag: str,
    entry_points: str,
) -> Path:
    info = _info(name, version)
    entries = dict(content)
    entries[f"{info}/METADATA"] = metadata
    entries[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: envyard-kit\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if entry_points:
        entries[f"{info}/entry_points.txt"] = entry_points
    record: list[str] = []
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{_module_name(name)}-{version}-{tag}.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, data in entries.items():
            payload = _bytes(data)
            record.append(f"{path},{_record_hash(payload)},{len(payload)}")
            _add(archive, path, payload)
        _add(archive, f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]).encode())
    return target


def _add(archive: zipfile.ZipFile, path: str, payload: bytes) -> None:
    member = zipfile.ZipInfo(path, date_time=_EPOCH)
    member.external_attr = 0o100644 << 16
    member.compress_type = zipfile.ZIP_DEFLATED if len(payload) > 512 else zipfile.ZIP_STORED
    archive.writestr(member, payload)


def _default_files(module: str, version: str) -> dict[str, str | bytes]:
    code = f'__version__ = "{version}"\n\n\ndef main() -> None:\n    print(__version__)\n'
    return {f"{module}/__init__.py": code}


def _bulk(module: str, version: str, count: int, size: int) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {}
    for number in range(count):
        head = f"{module} {version} file {number}\n".encode()
        files[f"{module}/bulk/d{number // 100:03}/f{number:05}.txt"] = (head * (size // len(head) + 1))[
            : max(size, len(head))
        ]
    return files


def _metadata(
    name: str,
    version: str,
    requires: Sequence[str],
    requires_python: str,
    extras: Mapping[str, Sequence[str]],
) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if requires_python:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, requirements in extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {requirement} ; extra == '{extra}'" for requirement in requirements]
    return "\n".join([*lines, ""])


def _entry_points(scripts: Mapping[str, str]) -> str:
    if not scripts:
        return ""
    return "\n".join(["[console_scripts]", *(f"{name} = {target}" for name, target in scripts.items()), ""])


def _module_name(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _info(name: str, version: str) -> str:
    return f"{_module_name(name)}-{version}.dist-info"


def _record_hash(payload: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(payload).digest()).rstrip(b"=").decode()


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data
