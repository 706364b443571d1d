"""The text of profile files: a new one from a JSON profile, and requirements loosened in an existing one.

Everything else of an existing file stays as it is: comments, order, spaces.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from envyard.configuration import key_lines
from envyard.errors import EnvyardError
from envyard.jsonprofile import IMPORTS, JsonProfile
from envyard.profiledraft import package_of
from envyard.relaxation import Change, Relaxation

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import Array, Table

_INDENT = "    "
_STRING = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*\"""")


def toml_of(
    profile: JsonProfile, changes: Mapping[str, Change], comments: Mapping[str, str], platforms: Sequence[str] = ()
) -> str:
    """`profiles/<env key>.toml` for a JSON profile, with `changes` (by the line before) made and commented.

    A profile whose pins were changed was not tested with them, so what the file says about tests becomes a note.
    """
    import tomlkit  # 60 ms, and only to write profiles

    document = tomlkit.document()
    document.add(tomlkit.comment(f"Imported from {_one_line(profile.file.name)}{_named(profile.profile_id)}"))
    tested = profile.tested and not changes
    examples = f" ({', '.join(profile.gpu_examples)})" if profile.gpu_examples else ""
    _put(document, "description", _one_line(f"{profile.architecture}{examples}"))
    if tested:
        document["tested"] = True
        document["tested-on"] = [_one_line(text) for text in profile.tested_on] or ["not said where"]
    _put(document, "notes", _notes(profile, tested))
    document["serves"] = _serves(profile, platforms)
    python = tomlkit.table()
    _put(python, "requires", profile.python)
    _put(python, "preferred", profile.preferred_python)
    if python:
        document["python"] = python
    packages = tomlkit.table()
    requirements = tomlkit.array()
    for line in profile.requirements:
        change = changes.get(line)
        _append(requirements, change.after if change else line, comments.get(line, ""))
    _close(requirements)
    packages["requirements"] = requirements
    _put(packages, "torch-backend", profile.torch_backend)
    if profile.indexes:
        packages["indexes"] = list(profile.indexes)
    document["packages"] = packages
    health = tomlkit.table()
    names = [package_of(line) for line in profile.requirements]
    health["imports"] = [IMPORTS[name] for name in names if name in IMPORTS]
    if profile.serves.accelerator.startswith("cu"):
        health["cuda"] = True
    document["health"] = health
    return tomlkit.dumps(document)


def relaxed_text(text: str, changes: Sequence[Change], comments: Mapping[str, str]) -> str:
    """The text of a profile file with `changes` made, each with its comment.

    A line that the file inherits gets one in its own list, which takes the place of the inherited one.
    """
    import tomlkit

    document = tomlkit.parse(text)
    if "packages" not in document:
        document["packages"] = tomlkit.table()
    packages: Any = document["packages"]
    if "requirements" not in packages:
        packages["requirements"] = tomlkit.array()
    _one_a_line(packages)
    text = tomlkit.dumps(document)
    own = tomllib.loads(text)["packages"]["requirements"]
    inherited = [change for change in changes if change.before not in own]
    document = tomlkit.parse(text)
    array: Any = document["packages"]["requirements"]
    for change in inherited:
        _append(array, change.after, comments.get(change.before, ""))
    if inherited:
        _close(array)
    if document.get("tested") is True:
        _forget_tests(document)
    result = tomlkit.dumps(document)
    for change in changes:
        if change not in inherited:
            result = _replaced(result, change, comments.get(change.before, ""))
    _check(text, result, changes, len(inherited))
    return result


def comments_of(relaxation: Relaxation) -> dict[str, str]:
    """For each changed line (as it was) what stands behind it in the file: what it was, why, what it resolves to."""
    comments = {}
    for change in relaxation.changes:
        others = [
            line
            for one in relaxation.contradictions
            if any(package_of(line) == change.package for line in one.lines)
            for line in one.lines
            if package_of(line) != change.package
        ]
        why = f", which contradicts {' and '.join(dict.fromkeys(others))}" if others else ", which cannot be installed"
        now = f"; resolved to {change.version}" if change.version else ""
        comments[change.before] = f"was {change.before}{why}{now}"
    return comments


def _named(profile_id: str) -> str:
    return f', hardware profile "{_one_line(profile_id)}".' if profile_id else "."


def _one_line(text: str) -> str:
    """For a comment or a key that takes one line."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _notes(profile: JsonProfile, tested: bool) -> str:
    before = "" if tested or not profile.tested_on else f"Before: tested on {', '.join(profile.tested_on)}."
    return "\n".join(filter(None, [*profile.notes, before]))


def _serves(profile: JsonProfile, platforms: Sequence[str]) -> Table:
    import tomlkit

    serves = tomlkit.table()
    serves["backend"] = profile.serves.backend
    _put(serves, "quantization", profile.serves.quantization)
    serves["accelerator"] = profile.serves.accelerator
    if profile.serves.compute_capabilities:
        capabilities = [f"{major}.{minor}" for major, minor in profile.serves.compute_capabilities]
        serves["compute-capabilities"] = capabilities
    if platforms:
        serves["platforms"] = list(platforms)
    return serves


def _put(table: Table | TOMLDocument, key: str, text: str) -> None:
    import tomlkit

    if text:
        table[key] = tomlkit.string(text, multiline="\n" in text)


def _one_a_line(packages: Any) -> None:
    """Give each requirement a line of its own, where they share one: there is room for a comment then."""
    import tomlkit

    array: Array = packages["requirements"]
    lines = [str(line) for line in array]
    written = array.as_string()
    if written.count("\n") > len(lines):
        return
    if "#" in written and "\n" in written:
        return  # comments that a new list would lose; `_check` tells when the lines cannot be changed one by one
    new = tomlkit.array()
    for line in lines:
        _append(new, line, "")
    _close(new)
    packages["requirements"] = new


def _append(array: Array, line: str, comment: str) -> None:
    array.add_line(line, indent=_INDENT, comment=comment or None)


def _close(array: Array) -> None:
    """The closing bracket on a line of its own; behind a comment tomlkit puts it there itself."""
    if not re.search(r"#.*\n\]$", array.as_string()):
        array.add_line(indent="")


def _replaced(text: str, change: Change, comment: str) -> str:
    """One requirement replaced on its line, with a comment behind what stands there."""
    listed = tomllib.loads(text)["packages"]["requirements"]
    number = key_lines(text)[("packages", "requirements", listed.index(change.before))] - 1
    lines = text.split("\n")
    line = lines[number].rstrip("\r")
    ending = lines[number][len(line) :]
    for written in _STRING.finditer(line):
        if tomllib.loads(f"x = {written[0]}")["x"] == change.before:
            plain = written[0][0] == "'" and "'" not in change.after
            new = f"'{change.after}'" if plain else json.dumps(change.after, ensure_ascii=False)
            tail = line[written.end() :].rstrip()
            behind = f" ({comment})" if "#" in tail else f"  # {comment}"
            lines[number] = f"{line[: written.start()]}{new}{tail}{behind}{ending}"
            return "\n".join(lines)
    raise _unwritable(change)


def _check(before: str, after: str, changes: Sequence[Change], added: int) -> None:
    """That nothing but these lines changed, as TOML sees it."""
    old, new = tomllib.loads(before), tomllib.loads(after)
    expected = {change.before: change.after for change in changes}
    for key in ("tested", "tested-on"):
        if key not in new:
            old.pop(key, None)
    was, now = old["packages"].pop("requirements"), new["packages"].pop("requirements")
    if old != new or [expected.get(line, line) for line in was] != now[: len(now) - added]:
        raise _unwritable(changes[0])


def _forget_tests(document: TOMLDocument) -> None:
    """Nobody tested the new versions: what the file says about tests becomes a comment at its end."""
    import tomlkit

    said = ", ".join(map(str, document.get("tested-on", ())))
    for key in ("tested", "tested-on"):
        if key in document:
            document.remove(key)
    document.add(tomlkit.nl())
    document.add(tomlkit.comment(f"Tested before its requirements were loosened, on: {said}"))


def _unwritable(change: Change) -> EnvyardError:
    return EnvyardError(
        f"`{change.before}` cannot be replaced by `{change.after}` where it is written",
        hint="write each requirement on a line of its own, then run the same command again",
    )
