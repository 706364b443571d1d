"""pip's own wheel, so that every environment has the `pip` that people expect, also offline.

virtualenv ships wheels of pip for every Python it supports; the one for the interpreter is copied once into the store,
where the installer finds it like any other package, with a pinned hash.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from envyard.store import Store, replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """`folder` holds the wheel; `requirements` is a file that pins it with its hash."""

    folder: Path
    requirements: Path


def ensure_seed(store: Store, minor: str) -> Seed:
    """The seed for a Python such as `3.11`, copied into the store if it is not there yet."""
    from virtualenv.seed.wheels.embed import (
        get_embed_wheel,
    )  # 170 ms, and only for environments that are built

    wheel = get_embed_wheel("pip", minor)
    assert wheel is not None, f"virtualenv has no pip for Python {minor}"
    source = Path(wheel.path)
    folder = store.root / "cache" / "seed" / source.stem
    requirements = folder.parent / f"{source.stem}.txt"
    if not requirements.exists():
        with replacing(folder / source.name) as temporary:
            shutil.copyfile(source, temporary)
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        with replacing(requirements) as temporary:
            temporary.write_text(f"pip=={wheel.version} --hash=sha256:{digest}\n", encoding="utf-8")
    return Seed(folder=folder, requirements=requirements)
