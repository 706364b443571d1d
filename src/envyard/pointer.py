"""The small file that says which generation an env key has now, and which it had before: the truth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from envyard.definition import Kind
from envyard.files import read_bytes
from envyard.jsonobject import json_object

_GENERATION = re.compile(r"[0-9a-f]{8}")


class PointerInvalid(Exception):
    """The pointer file is truncated or not ours; the generations themselves may be fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Which generation an env key has now, and which it had before (newest first)."""

    kind: Kind
    key: str
    current: str
    previous: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    updated: float = 0.0


def load_pointer(path: Path, kind: Kind, key: str) -> Pointer | None:
    """The pointer of an env key, None when it was never built. Raises `PointerInvalid`."""
    try:
        data = json_object(read_bytes(path))
        return Pointer(
            kind=kind,
            key=key,
            current=generation_name(data.text("current")),
            previous=tuple(map(generation_name, data.texts("previous"))),
            reasons=data.texts("reasons"),
            updated=data.moment("updated"),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise PointerInvalid(f"{path} cannot be read: {error}") from error


def pointer_data(pointer: Pointer) -> dict[str, object]:
    """What the file of a pointer holds."""
    return {
        "current": pointer.current,
        "previous": list(pointer.previous),
        "reasons": list(pointer.reasons),
        "updated": pointer.updated,
    }


def is_generation(name: str) -> bool:
    """Whether a name has the form of a generation's."""
    return _GENERATION.fullmatch(name) is not None


def generation_name(value: object) -> str:
    """`value` from a file, if it can be the name of a generation: names become paths. Raises `ValueError`."""
    if isinstance(value, str) and is_generation(value):
        return value
    raise ValueError(f"not the name of a generation: {value!r}")
