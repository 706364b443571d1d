"""What requirement files say besides requirements: where packages come from, how they are built, which hashes must fit.

The resolver reads all of it in the files themselves. What is installed afterwards are pins in another file, for which
the same has to hold: a package of a further index is found nowhere else, or is another one there.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from envyard.definition import Definition
from envyard.requirements import canonical_name, numbered_entries, requirement_files

_OPTION = re.compile(
    r"(?P<name>-i|-f|--(?:pypi-url|index-url|extra-index-url|find-links|no-binary|only-binary))[\s=]*(?P<value>\S.*)"
    r"|(?P<alone>--no-index)"
)
_LONG = {"-i": "--index-url", "--pypi-url": "--index-url", "-f": "--find-links"}
_HASH = re.compile(r"\s+--hash[\s=]\s*(\S+)")
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", re.ASCII)


def option_lines(definition: Definition) -> list[str]:
    """The options in the requirement files of `definition`, and in its lockfile, that matter to an installation.

    Each once and in their order, with absolute paths. A file that is missing or cannot be read has none here.
    """
    options = (option(entry, path, definition) for path, entry in _entries(_files(definition)))
    lines = dict.fromkeys(filter(None, options))
    if any(line.startswith("--no-binary") for line in lines):
        lines["--only-binary pip"] = None  # that of every environment comes as a wheel, whatever the files say of all
    return list(lines)


def options_digest(definition: Definition) -> str:
    """sha256 of the options in the requirement files as they stand there, without those of the lockfile; "" for none.

    They may hold a password, so their text goes nowhere.
    """
    lines = [entry for _path, entry in _entries(definition.requirements) if _OPTION.fullmatch(entry)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def option(entry: str, path: Path, definition: Definition) -> str:
    """The option that `entry` of the file `path` is, in its long form and with an absolute path, or "" for none."""
    found = _OPTION.fullmatch(entry)
    if found is None:
        return ""
    return found["alone"] or _absolute(found["name"], found["value"].strip("\"'"), path, definition)


def has_further_index(lines: Sequence[str]) -> bool:
    """Whether several indexes are asked, of which pip takes the best version that any of them has."""
    return any(line.startswith("--extra-index-url") for line in lines)


def demanded_hashes(definition: Definition) -> Mapping[str, tuple[str, ...]]:
    """The hashes behind the requirements of each package, by its canonical name."""
    hashes: dict[str, tuple[str, ...]] = {}
    for _path, entry in _entries(_files(definition)):
        found, name = _HASH.findall(entry), _NAME.match(entry)
        if found and name:
            key = canonical_name(name[0])
            hashes[key] = tuple(dict.fromkeys((*hashes.get(key, ()), *found)))
    return hashes


def with_hashes(pins: str, hashes: Mapping[str, tuple[str, ...]]) -> str:
    """The text of `pins`, a line each, with those `hashes` that are demanded of them."""
    lines = []
    for line in pins.splitlines():
        name = _NAME.match(line)
        demanded = hashes.get(canonical_name(name[0]), ()) if name else ()
        lines.append(line + "".join(f" --hash={value}" for value in demanded) + "\n")
    return "".join(lines)


def _files(definition: Definition) -> list[Path]:
    return [*definition.requirements, *([definition.lockfile] if definition.lockfile else [])]


def _entries(files: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    for path, text in requirement_files(files, lenient=True).items():
        if path.suffix not in (".toml", ".py", ".cfg"):
            for _number, entry in numbered_entries(text):
                yield path, entry


def _absolute(name: str, value: str, path: Path, definition: Definition) -> str:
    """The option with its value, which may be a folder: as seen from the file, else from where the installer runs."""
    name = _LONG.get(name, name)
    if name not in ("--no-binary", "--only-binary") and not re.match(r"[a-z+]+:|\$\{", value):
        for folder in (path.parent, definition.link.parent if definition.link else definition.root):
            if os.path.exists(folder / value):
                return f"{name} {Path(os.path.normpath(folder / value)).as_uri()}"
    return f"{name} {value}"
