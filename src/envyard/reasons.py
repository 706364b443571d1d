"""uv's explanation of a contradiction as short sentences for people.

uv writes prose in a drawn tree, which changes from release to release. What is recognised is put in plain words; when
nothing is, uv's own words are shown. Nothing is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_NAME = r"[A-Za-z0-9][\w.-]*(?:\[[^\]\s]*\])?"
_VERSIONS = r"(?:[<>=!~]=?=?[^\s,]+(?:,[<>=!~]=?=?[^\s,]+)*)"
_PACKAGE = rf"(?P<package>{_NAME})(?P<version>{_VERSIONS})?"
_NEEDS = re.compile(
    rf"{_PACKAGE} depends on (?:one of: )?(?P<needs>{_NAME}{_VERSIONS}(?: {_NAME}{_VERSIONS})*)",
)
_ABSENT = re.compile(rf"[Tt]here (?:is|are) no versions? of {_PACKAGE}")
_UNKNOWN = re.compile(rf"{_PACKAGE} was not found in the package registry")
_NO_WHEEL = re.compile(rf"{_PACKAGE} has no (?:usable wheels|wheels with a matching [^,(]*)")
_TWICE = re.compile(rf"you require {_PACKAGE} and (?P=package)(?P<other>{_VERSIONS})")
_PYTHON = re.compile(rf"{_PACKAGE} depends on Python(?P<python>{_VERSIONS})")
_SENTENCES = (
    (_TWICE, "one environment holds one version of {name}"),
    (_PYTHON, "{what} needs Python {python}"),
    (_ABSENT, "the index has no {what}"),
    (_UNKNOWN, "the index has no package `{name}`"),
    (_NO_WHEEL, "{what} has no wheel for this Python and platform"),
)
_RULES = re.compile(r"[\u2500-\u257f\u25b6\u00d7]")  # box drawing, and what uv sets beside it
_HEADING = re.compile(r"^(?:(?:error|cause): |\[(?:stdout|stderr)\]$)")
_LONGEST = 12  # lines of uv's own words


def reasons(words: str, packages: Mapping[str, str]) -> tuple[str, ...]:
    """What uv gives as its reasons, most telling first: `transformers 4.30.0 needs tokenizers >=0.11.1,<0.14`.

    Only what is said about one of `packages` (normalised names), if anything is. Their values are the versions asked
    for, or "": uv speaks of a range where only one version matters.
    """
    text = " ".join(_RULES.sub(" ", words).split())
    found = [
        (
            {_plain(match["package"])},
            sentence.format(what=_called(match, packages), name=match["package"], **match.groupdict()),
        )
        for pattern, sentence in _SENTENCES
        for match in pattern.finditer(text)
    ]
    found += [_need(match, packages) for match in _NEEDS.finditer(text) if not match["needs"].startswith("Python")]
    about = [sentence for names, sentence in found if names & packages.keys()] or [
        sentence for _names, sentence in found
    ]
    return tuple(dict.fromkeys(about)) or own_words(words)


def own_words(words: str) -> tuple[str, ...]:
    """uv's explanation as it is, without its drawing and headings."""
    lines = [
        _HEADING.sub("", " ".join(_RULES.sub(" ", line).split())) for line in without_tracebacks(words.splitlines())
    ]
    return tuple([line for line in lines if line][:_LONGEST])


def without_tracebacks(lines: Sequence[str]) -> list[str]:
    """The lines without the frames of Python's tracebacks; what was raised in the end stays."""
    kept, skip = [], -1
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if "Traceback (most recent call last)" in line:
            skip = indent
        elif skip < 0 or indent <= skip:
            skip = -1
            kept.append(line)
    return kept


def mentioned(words: str, lines: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Those of `lines`, about the packages `names`, that uv mentions: where to look first, no more."""
    said = {_plain(each) for each in re.findall(_NAME, words)}
    return tuple(line for line, name in zip(lines, names, strict=True) if name in said)


def _need(match: re.Match[str], packages: Mapping[str, str]) -> tuple[set[str], str]:
    """The packages of a "depends on", and the sentence."""
    needs = match["needs"].split()
    shown = " or ".join(re.sub(r"(?<=[\w\]])(?=[<>=!~])", " ", need, count=1) for need in needs)
    return {_plain(need) for need in needs} | {_plain(match["package"])}, f"{_called(match, packages)} needs {shown}"


def _called(match: re.Match[str], packages: Mapping[str, str]) -> str:
    """A package with the version that is asked for, else with those that uv speaks of."""
    version = packages.get(_plain(match["package"]), "") or match["version"] or ""
    return f"{match['package']} {version.removeprefix('==') if ',' not in version else version}".rstrip()


def _plain(name: str) -> str:
    name = re.split(r"[<>=!~\[]", name)[0]
    return re.sub(r"[-_.]+", "-", name).lower().strip("-")
