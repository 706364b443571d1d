"""A workspace of many small projects, and the tiny wheels they install, made locally."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

WHEELS = 5
WHEELS_A_PROJECT = 3
VERSION = "1.0"


def write_wheels(folder: Path) -> dict[str, str]:
    """Write the wheels into `folder`; returns name -> sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"envyard-benchmark-part-{number}" for number in range(WHEELS)]
    return {name: _write_wheel(folder, name) for name in names}


def write_workspace(folder: Path, count: int, hashes: dict[str, str], python: str) -> None:
    """Fill `folder` with a workspace of `count` projects; neighbours need different wheels."""
    lines = ["[workspace]", 'name = "small"', f'python = "{python}"']
    (folder / "requirements").mkdir(parents=True)
    names = list(hashes)
    for number in range(count):
        key = f"small-{number:03d}"
        needed = sorted(names[(number + step) % len(names)] for step in range(WHEELS_A_PROJECT))
        (folder / "projects" / key).mkdir(parents=True)
        requirements = "".join(f"{name}=={VERSION}\n" for name in needed)
        pins = "".join(f"{name}=={VERSION} \\\n    --hash=sha256:{hashes[name]}\n" for name in needed)
        (folder / "requirements" / f"{key}.in").write_text(requirements, encoding="utf-8")
        (folder / "requirements" / f"{key}.txt").write_text(pins, encoding="utf-8")
        lines += [
            "",
            f"[projects.{key}]",
            f'path = "projects/{key}"',
            f'requirements = ["requirements/{key}.in"]',
            f'lockfile = "requirements/{key}.txt"',
        ]
    (folder / "workspace.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_wheel(folder: Path, name: str) -> str:
    module = name.replace("-", "_")
    information = f"{module}-{VERSION}.dist-info"
    wheel_text = "Wheel-Version: 1.0\nGenerator: benchmark\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        f"{module}/__init__.py": f'"""Part of a benchmark."""\n\nNAME = "{name}"\n',
        f"{module}/data.txt": "x" * 1000 + "\n",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSION}\n",
        f"{information}/WHEEL": wheel_text,
    }
    record = "".join(f"{path},sha256={_record_hash(text)},{len(text)}\n" for path, text in files.items())
    files[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n"
    wheel = folder / f"{module}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def _record_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
