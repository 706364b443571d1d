"""What the installer is given besides the files of the user: pip's own wheel, and lines that stand in no file.

Every environment has the `pip` that people expect, also offline: virtualenv ships wheels of pip for every Python it
supports, and the one for the interpreter is copied once into the store, where the installer finds it like any other
package, with a pinned hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.definition import Definition
from envyard.errors import InterpreterNotFound
from envyard.fileoptions import option_lines
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


def lines_file(store: Store, definition: Definition) -> Path | None:
    """The requirement lines that stand in no file of the user, as a file (a command line may be too short for them)."""
    # an address, since pip takes a path for several words, an option or a variable
    lines = [*definition.lines, *([f"-e {definition.editable.as_uri()}"] if definition.editable else [])]
    if definition.lockfile is not None or not lines:
        return None
    return _kept(store, "lines", lines)


def options_file(store: Store, definition: Definition) -> Path | None:
    """The options that the user's files have for everything that is installed, as a file; the same ones, the same."""
    lines = option_lines(definition)
    return _kept(store, "options", lines) if lines else None


def _kept(store: Store, name: str, lines: Sequence[str]) -> Path:
    text = "".join(f"{line}\n" for line in lines)
    path = store.root / "cache" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.txt"
    _ensure_content(path, text.encode())  # others may just be reading it
    return path


def _ensure_content(path: Path, content: bytes) -> None:
    """Write a file unless it holds this already; after a power loss the name may be there without the content."""
    try:
        if path.read_bytes() == content:
            return
    except FileNotFoundError:
        pass
    with replacing(path) as temporary:
        temporary.write_bytes(content)
