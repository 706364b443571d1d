"""A PEP 517 backend of the standard library only; `kit.wheels` copies it into sources and projects.

It runs under any Python from 3.8, so it reads the few lines of `pyproject.toml` that the kit itself wrote by
pattern instead of with `tomllib`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import zipfile

_NOT_SOURCES = ("tests", "venv", "build", "__pycache__")
_OWN = {"pyproject.toml", "in_tree_backend.py", "PKG-INFO", "fail_with.txt", "while_building.py"}


def build_wheel(folder: str, config_settings: object = None, metadata_directory: object = None) -> str:
    if os.path.exists("fail_with.txt"):
        with open("fail_with.txt", encoding="utf-8") as stream:
            raise RuntimeError(stream.read())
    if os.path.exists("while_building.py"):
        with open("while_building.py", encoding="utf-8") as stream:
            exec(stream.read(), {})
    return _write(folder, _sources())


def build_editable(folder: str, config_settings: object = None, metadata_directory: object = None) -> str:
    name, _version, _lines = _project()
    base = os.path.join(os.getcwd(), "src") if os.path.isdir("src") else os.getcwd()
    return _write(folder, {f"__editable__{name}.pth": f"{base}\n".encode()})


def _sources() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    base = "src" if os.path.isdir("src") else "."
    for parent, folders, names in os.walk(base):
        folders[:] = [name for name in sorted(folders) if name not in _NOT_SOURCES]
        for name in sorted(names):
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, base).replace(os.sep, "/")
            if relative not in _OWN and not relative.startswith("."):
                with open(path, "rb") as stream:
                    files[relative] = stream.read()
    return files


def _write(folder: str, files: dict[str, bytes]) -> str:
    name, version, lines = _project()
    info = f"{name}-{version}.dist-info"
    files[f"{info}/METADATA"] = "\n".join(lines).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = []
    wheel = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for path, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(data)}")
            archive.writestr(zipfile.ZipInfo(path), data)
        record += [f"{info}/RECORD,,", ""]
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "\n".join(record))
    return wheel


def _project() -> tuple[str, str, list[str]]:
    with open("pyproject.toml", encoding="utf-8") as stream:
        text = stream.read()
    name, version = _value(text, "name"), _value(text, "version")
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    requires_python = re.search(r'^requires-python = "(.*)"$', text, re.MULTILINE)
    if requires_python:
        lines.append(f"Requires-Python: {requires_python.group(1)}")
    dependencies = re.search(r"^dependencies = (\[.*\])$", text, re.MULTILINE)
    if dependencies:
        lines += [f"Requires-Dist: {line}" for line in json.loads(dependencies.group(1))]
    return re.sub(r"[-_.]+", "_", name).lower(), version, [*lines, ""]


def _value(text: str, key: str) -> str:
    found = re.search(rf'^{key} = "(.*)"$', text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pyproject.toml has no `{key}`")
    return found.group(1)
