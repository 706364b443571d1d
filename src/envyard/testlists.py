"""What the tests of a project need, as far as only its own tool reads that: Poetry, uv, PDM, Hatch, setuptools.

`envyard init` copies such a list into workspace.toml; an extra, dependency group or requirement file needs no copy.
"""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from envyard.members import REQUIREMENT
from envyard.pyproject import table_of
from envyard.requirements import canonical_name

TEST_PARTS = ("test", "tests", "testing", "dev")
"""Names of extras, groups and the like that are for the tests; the first that brings pytest counts."""

_HATCH = ("hatch-test", "default")  # the environments that Hatch itself has

_SELF = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*\[([^\]]*)\]\s*")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_CARET = re.compile(r"\^\s*(\d+(?:\.\d+)*)")
_TILDE = re.compile(r"~\s*(\d+(?:\.\d+)*)")
_WILD = re.compile(r"(?:==\s*)?(\d+(?:\.\d+)*)\.\*")
_EXACT = re.compile(r"=?\s*(\d[\w.+!-]*)")
_CLAUSE = re.compile(r"(?:===?|!=|~=|<=?|>=?)\s*\d[\w.+!*-]*")

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListForTests:
    """`requirements` are PEP 508 lines, `source` says where they stand, `left_out` are entries that are none."""

    requirements: Lines
    source: str
    left_out: Lines = ()


def find_list(pyproject: Mapping[str, Any], setup: configparser.ConfigParser, script: str) -> ListForTests | None:
    """The first list that asks for pytest; `setup` is setup.cfg, `script` the text of setup.py, which is never run."""
    name = setup.get("metadata", "name", fallback="")
    for source, parts, own in (
        ("group `{}` of Poetry", _poetry(pyproject), ""),
        ("`dev-dependencies` of uv", _lists({"dev": table_of(pyproject, "tool", "uv").get("dev-dependencies")}), ""),
        ("group `{}` of PDM", _lists(table_of(pyproject, "tool", "pdm", "dev-dependencies")), ""),
        ("environment `{}` of Hatch", _hatch(pyproject), ""),
        ("extra `{}` of setup.cfg", _options(setup, "options.extras_require"), name),
        ("`tests_require` of setup.cfg", {"test": _options(setup, "options").get("tests_require", ())}, name),
        ("extra `{}` of setup.py", *_script(script)),
    ):
        for part in (*TEST_PARTS, *_HATCH):
            key = next((key for key in parts if canonical_name(key) == part), "")
            lines = _expanded(key, parts, canonical_name(own)) if key else ()
            if "pytest" in {canonical_name(match[1]) for line in lines if (match := _NAME.match(line))}:
                return _listed(lines, source.format(key))
    return None


def is_application(pyproject: Mapping[str, Any], script: str) -> bool:
    """Whether Poetry installs what the project depends on, and nothing can build the project itself."""
    poetry = table_of(pyproject, "tool", "poetry")
    built = "build-system" in pyproject or script
    return bool(poetry) and (poetry.get("package-mode") is False or not built)


def with_dependencies(pyproject: Mapping[str, Any], tests: ListForTests | None) -> ListForTests:
    """What an application of Poetry depends on, and then what its tests need: no other tool reads it there."""
    main = tuple(_each(table_of(pyproject, "tool", "poetry", "dependencies")))
    source = "`dependencies`" + (f" and {tests.source}" if tests else " of Poetry, and pytest")
    found = _listed(main + (tests.requirements if tests else ("pytest",)), source)
    return replace(found, left_out=found.left_out + (tests.left_out if tests else ()))


def _listed(lines: Lines, source: str) -> ListForTests:
    good = tuple(dict.fromkeys(line for line in lines if re.fullmatch(REQUIREMENT, line)))
    left_out = tuple(_printable(line) for line in lines if line not in good)
    return ListForTests(requirements=good, source=source, left_out=left_out)


def _expanded(key: str, parts: Mapping[str, Lines], own: str, above: Lines = ()) -> Lines:
    """The lines of a part, with those of other extras in place of `own[extra]`: the index may have another `own`."""
    found: list[str] = []
    for line in parts.get(key, ()):
        itself = _SELF.fullmatch(line)
        if own and itself and canonical_name(itself[1]) == own:
            wanted = {canonical_name(extra) for extra in itself[2].split(",")}
            for other in parts:
                if canonical_name(other) in wanted and other not in (key, *above):
                    found += _expanded(other, parts, own, (key, *above))
        else:
            found.append(line)
    return tuple(found)


def _printable(line: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", line)


def _lists(parts: Mapping[str, Any]) -> dict[str, Lines]:
    """Tables of lists of text, such as extras."""
    return {
        name: tuple(line.strip() for line in lines if isinstance(line, str))
        for name, lines in parts.items()
        if isinstance(lines, list | tuple)
    }


def _hatch(pyproject: Mapping[str, Any]) -> dict[str, Lines]:
    environments = table_of(pyproject, "tool", "hatch", "envs")
    found = {}
    for name in (*TEST_PARTS, *_HATCH):
        lists = _lists(table_of(environments, name))
        found[name] = lists.get("dependencies", ()) + lists.get("extra-dependencies", ())
    return found


def _options(setup: configparser.ConfigParser, section: str) -> dict[str, Lines]:
    """Lists of setup.cfg, one entry a line."""
    if not setup.has_section(section):
        return {}
    return {
        name: tuple(line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))
        for name, text in setup.items(section)
    }


def _script(text: str) -> tuple[dict[str, Lines], str]:
    """The extras that a setup.py lists in plain words, and the name of its package."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}, ""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) == "setup"]
    given: dict[str, Any] = {}
    for keyword in (keyword for call in calls for keyword in call.keywords if keyword.arg):
        try:
            given[str(keyword.arg)] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, RecursionError):
            continue  # what only running it would tell
    extras = given.get("extras_require")
    name = given.get("name")
    parts = _lists({"test": given.get("tests_require"), **(extras if isinstance(extras, dict) else {})})
    return {str(key): lines for key, lines in parts.items()}, name if isinstance(name, str) else ""


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


# --- Poetry


def _poetry(pyproject: Mapping[str, Any]) -> dict[str, Lines]:
    poetry = table_of(pyproject, "tool", "poetry")
    groups = {name: table_of(poetry, "group", name, "dependencies") for name in table_of(poetry, "group")}
    groups["dev"] = {**table_of(poetry, "dev-dependencies"), **groups.get("dev", {})}
    return {name: tuple(_each(entries)) for name, entries in groups.items()}


def _each(entries: Mapping[str, Any]) -> Iterator[str]:
    for name, value in entries.items():
        for entry in value if isinstance(value, list) else [value]:
            table = entry if isinstance(entry, dict) else {"version": entry}
            if name != "python" and table.get("optional") is not True:
                yield _poetry_line(name, table)


def _poetry_line(name: str, table: Mapping[str, Any]) -> str:
    """One dependency of Poetry as a requirement; what is none in PEP 508 becomes a text that is none either."""

    def said(key: str) -> str:
        return value if isinstance(value := table.get(key), str) else ""

    extras = ",".join(each for each in table.get("extras", ()) if isinstance(each, str))
    what = f"{name}[{extras}]" if extras else name
    version = "*" if said("git") or said("url") else said("version")
    bounds, python = _bounds(version), _bounds(said("python") or "*")
    if bounds is None or python is None:
        return f"{name}: {said('path') or said('version') or said('python') or 'of another kind'}"
    if said("git"):
        at = said("rev") or said("tag") or said("branch")
        what += f" @ git+{said('git')}" + (f"@{at}" if at else "")
    elif said("url"):
        what += f" @ {said('url')}"
    marks = [f'python_full_version {sign} "{number}"' for sign, number in map(_split, python)]
    marks += [f"({said('markers')})"] if said("markers") else []
    marks += [f'sys_platform == "{said("platform")}"'] if said("platform") else []
    space = " " if " @ " in what else ""
    return what + ",".join(bounds) + (f"{space}; {' and '.join(marks)}" if marks else "")


def _split(clause: str) -> tuple[str, str]:
    found = re.match(r"[<>=!~]+", clause)
    assert found is not None
    return found[0], clause[found.end() :].strip()


def _bounds(text: str) -> list[str] | None:
    """The clauses of PEP 440 for a constraint of Poetry; None for one of another kind, such as `^1 || ^2`."""
    if text.strip() == "*":
        return []
    found: list[str] = []
    for clause in (clause.strip() for clause in text.split(",")):
        if caret := _CARET.fullmatch(clause):
            numbers = caret[1].split(".")
            first = next((at for at, number in enumerate(numbers) if int(number)), len(numbers) - 1)
            found += [f">={caret[1]}", f"<{_next(numbers[: first + 1])}"]
        elif tilde := _TILDE.fullmatch(clause):
            found += [f">={tilde[1]}", f"<{_next(tilde[1].split('.')[:2])}"]
        elif wild := _WILD.fullmatch(clause):
            found.append(f"=={wild[1]}.*")
        elif _CLAUSE.fullmatch(clause):
            found.append(clause.replace(" ", ""))
        elif exact := _EXACT.fullmatch(clause):
            found.append(f"=={exact[1]}")
        else:
            return None
    return found


def _next(numbers: list[str]) -> str:
    return ".".join([*numbers[:-1], str(int(numbers[-1]) + 1)])
