"""pip's own wheel, so that every environment has the `pip` that people expect, also offline.

virtualenv ships wheels of pip for every Python it supports; the one for the interpreter is copied once into the store,
where the installer finds it like any other package, with a pinned hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from envyard.errors import InterpreterNotFound
from envyard.files import replacing
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """`folder` holds the wheel; `requirements` is a file that pins it with its hash."""

    folder: Path
    requirements: Path


def ensure_seed(store: Store, minor: str) -> Seed:
    """The seed for a Python such as `3.11`, copied into the store if it is not there yet.

    Raises `InterpreterNotFound` for a Python that virtualenv has dropped.
    """
    from virtualenv.seed.wheels.embed import (
        get_embed_wheel,
    )  # 170 ms, and only for environments that are built

    wheel = get_embed_wheel("pip", minor)
    if wheel is None:
        raise InterpreterNotFound(
            f"Python {minor} is too old: virtualenv, which makes the environments, has no pip for it any more",
            hint="ask for a newer Python",
        )
    name, content = Path(wheel.path).name, Path(wheel.path).read_bytes()
    folder = store.root / "cache" / "seed" / name.removesuffix(".whl")
    requirements = folder.with_name(f"{folder.name}.txt")
    pin = f"pip=={wheel.version} --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
    _ensure_content(folder / name, content)
    _ensure_content(requirements, pin.encode())
    return Seed(folder=folder, requirements=requirements)


def _ensure_content(path: Path, content: bytes) -> None:
    """Write a file unless it holds this already; after a power loss the name may be there without the content."""
    try:
        if path.read_bytes() == content:
            return
    except FileNotFoundError:
        pass
    with replacing(path) as temporary:
        temporary.write_bytes(content)
