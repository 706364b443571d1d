"""Do the requirements of a profile contradict each other? Asked before anything is downloaded or built."""

from __future__ import annotations

import platform as running
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.configuration import key_lines
from envyard.errors import RequirementsConflict
from envyard.events import Listener, ignore
from envyard.loosening import without_local_version
from envyard.platforms import PLATFORMS, this_platform
from envyard.process import Cancellation
from envyard.profile import Profile
from envyard.relaxation import LIMIT, Contradiction, Relaxation, find_contradiction, find_relaxation
from envyard.resolver import NotAsked, Question, Resolver, Target, TooManyRuns
from envyard.verdicts import Verdicts

_ENOUGH = 60  # runs of uv to find one contradiction


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a profile's requirements resolve: None when nobody could say, and `note` why.

    `cached`: it was known from before; `runs`: how often the resolver ran.
    """

    resolves: bool | None
    note: str = ""
    cached: bool = False
    runs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What the resolver said about requirement lines.

    `relaxation.changes` name the lines as they were given. `note` says what the answer does not cover: an index that
    could not be reached, whose versions were taken for those of the common index.
    """

    relaxation: Relaxation
    question: Question
    note: str = ""

    @property
    def contradictions(self) -> tuple[Contradiction, ...]:
        return self.relaxation.contradictions

    @property
    def resolves(self) -> bool:
        return self.relaxation.found and not self.relaxation.contradictions


def question_for(
    folder: Path,
    *,
    python: str = "",
    preferred_python: str = "",
    platforms: Sequence[str] = (),
    indexes: Sequence[str] = (),
    torch_backend: str = "",
) -> Question:
    """The question about an environment of the preferred Python, else the oldest of the range, on each platform."""
    here = this_platform()
    names = tuple(platforms) or ((here,) if here in PLATFORMS else ("linux-x86_64",))
    minor = python_minor(python, preferred_python)
    return Question(
        targets=tuple(Target(python=minor, platform=name) for name in names),
        folder=folder,
        indexes=tuple(indexes),
        torch_backend=torch_backend if re.fullmatch(r"cpu|cu\d+|rocm[\d.]+", torch_backend) else "",
    )


def profile_question(profile: Profile, root: Path, *, platforms: Sequence[str] = (), python: str = "") -> Question:
    """The question about a profile, on `platforms` (default: those it serves) with `python` (default: its own)."""
    return question_for(
        root,
        python=profile.python,
        preferred_python=python or profile.preferred_python,
        platforms=platforms or profile.serves.platforms,
        indexes=profile.indexes,
        torch_backend=profile.torch_backend,
    )


def python_minor(requested: str, preferred: str) -> str:
    """`3.11`: the preferred version, else the oldest that `requested` allows, else that of this process."""
    for text in (preferred, requested):
        found = re.fullmatch(r"\s*(\d+\.\d+)(?:\.\d+)?\s*", text)
        if found:
            return found[1]
    lower = re.search(r"(?:>=|==|~=)\s*(\d+\.\d+)", requested)
    return lower[1] if lower else ".".join(running.python_version_tuple()[:2])


def refuse_contradictions(
    profile: Profile,
    *,
    root: Path,
    store: Path,
    platform: str = "",
    python: str = "",
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> Verdict:
    """Raise `RequirementsConflict` when the requirements of `profile` contradict each other, before a build of it.

    `root` is the workspace, `store` its store, `platform` and `python` (`3.11`) what is built for (default: here, and
    what the profile prefers). Free with a lockfile, and for a set that was seen to resolve before. When the resolver
    cannot be asked (no network) nothing is refused: the verdict says so. A further index that cannot be reached makes
    the answer uncertain, and nothing is refused for that either.
    """
    here = platform or this_platform()
    if here in profile.lockfiles and profile.lockfiles[here].is_file():
        return Verdict(resolves=True, cached=True, note="its lockfile was resolved before")
    if here not in PLATFORMS:
        return Verdict(resolves=None, note=f"the resolver does not know the platform {here}")
    question = profile_question(profile, root, platforms=(here,), python=python)
    verdicts = Verdicts(store=store, key=profile.key)
    if verdicts.known(profile.requirements, question):
        return Verdict(resolves=True, cached=True)
    try:
        with Resolver(
            question, limit=_ENOUGH, key=profile.key, listener=listener, cancellation=cancellation
        ) as resolver:
            _rest, found, sources = without_sources(resolver, profile.requirements)
    except (NotAsked, TooManyRuns) as error:
        return Verdict(resolves=None, note=f"not checked for contradictions: {error.message}")
    if found is not None:
        raise conflict_error(profile.key, [found], requirement_places(profile, root))
    verdicts.remember(profile.requirements, question)
    return Verdict(resolves=True, runs=resolver.runs, note=source_note(sources))


def examine(
    lines: Sequence[str],
    question: Question,
    *,
    key: str = "",
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> Examination:
    """What contradicts in `lines`, and the smallest relaxation that resolves.

    When a further index cannot be reached, asks the common index, which has the same versions without their local
    part (`+cu121`), and says so. Raises `NotAsked` when no index can be asked.
    """
    try:
        found, sources = _relax(lines, question, key, listener, cancellation)
        return Examination(relaxation=found, question=question, note=source_note(sources))
    except NotAsked as error:
        if not question.indexes and not question.torch_backend:
            raise
        plain = {without_local_version(line): line for line in lines}
        common = replace(question, indexes=(), torch_backend="")
        found, sources = _relax(tuple(plain), common, key, listener, cancellation)
        changes = tuple(replace(one, before=plain[one.before]) for one in found.changes)
        known = tuple(
            replace(one, lines=tuple(plain.get(line, line) for line in one.lines)) for one in found.contradictions
        )
        what = question.torch_backend or ", ".join(question.indexes)
        unasked = f"the index of {what} could not be asked, so this holds for the common index ({error.message})"
        return Examination(
            relaxation=replace(found, changes=changes, contradictions=known),
            question=common,
            note="; ".join(filter(None, [unasked, source_note(sources)])),
        )


def conflict_error(
    key: str, contradictions: Sequence[Contradiction], where: Callable[[str], str], *, hint: str = ""
) -> RequirementsConflict:
    """The refusal in words a person understands, each line behind `where` it stands."""
    details = []
    for one in contradictions:
        details += [f"{where(line)}{line}" for line in one.lines]
        verb = "cannot be installed together" if len(one.lines) > 1 else "cannot be installed"
        details += [f"  {verb} with {one.target}:", *(f"  {reason}" for reason in one.reasons)]
    return RequirementsConflict(
        f"the requirements of `{key}` contradict each other, so nothing was downloaded",
        details=details,
        hint=hint or f"run `invoke profiles.relax {key} --dry-run` to see the smallest change that resolves",
    )


def place_of(file: Path, root: Path, line: int = 0) -> str:
    """`profiles/x.toml:12: `, as it begins a line of a message."""
    shown = file.relative_to(root) if file.is_relative_to(root) else file
    return f"{shown.as_posix()}:{line}: " if line else f"{shown.as_posix()}: "


def requirement_places(profile: Profile, root: Path) -> Callable[[str], str]:
    """Where a requirement of a profile stands: in its own file, or in one that it extends."""
    places = {line: place_of(file, root, number) for line, (file, number) in requirement_lines(profile).items()}
    return lambda line: places.get(line, "")


def requirement_lines(profile: Profile) -> dict[str, tuple[Path, int]]:
    """File and line of each requirement, also of what the profile leaves out of the files that it extends."""
    places: dict[str, tuple[Path, int]] = {}
    for file, text in profile_files(profile):
        listed, _above = listed_requirements(text)
        places = {line: (file, number) for line, number in listed.items()} | places
    return places


def profile_files(profile: Profile) -> Iterator[tuple[Path, str]]:
    """The texts of the profile's file and of those that it extends, the nearest first."""
    file: Path | None = profile.file
    seen: set[Path] = set()
    while file is not None and file not in seen and file.is_file():
        seen.add(file)
        try:
            text = file.read_text(encoding="utf-8-sig")
            _listed, above = listed_requirements(text)
        except (OSError, ValueError):  # edited since it was read; the message goes without its place
            return
        yield file, text
        file = file.with_name(f"{above}.toml") if above else None


def listed_requirements(text: str) -> tuple[dict[str, int], str]:
    """The requirements that the text of a profile file lists itself, with the line of each; and what it extends."""
    places = key_lines(text)
    values = tomllib.loads(text)
    listed = values.get("packages", {}).get("requirements", [])
    lines = {line: places.get(("packages", "requirements", number), 1) for number, line in enumerate(listed)}
    return lines, values.get("extends", "")


def _relax(
    lines: Sequence[str],
    question: Question,
    key: str,
    listener: Listener,
    cancellation: Cancellation | None,
) -> tuple[Relaxation, tuple[str, ...]]:
    """The relaxation, and the lines that were left out of it because there is only their source."""
    with Resolver(question, limit=LIMIT, key=key, listener=listener, cancellation=cancellation) as resolver:
        askable, _found, sources = without_sources(resolver, lines)
        return find_relaxation(resolver, askable), sources


def without_sources(
    resolver: Resolver, lines: Sequence[str]
) -> tuple[tuple[str, ...], Contradiction | None, tuple[str, ...]]:
    """The lines without those that only a build could tell about, a contradiction in the rest, and those lines."""
    rest = tuple(lines)
    sources: list[str] = []
    while True:
        found = find_contradiction(resolver, rest)
        if found is None or len(found.lines) > 1 or not resolver.has_source(found.lines[0]):
            return rest, found, tuple(sources)
        sources.append(found.lines[0])
        rest = tuple(line for line in rest if line != found.lines[0])


def source_note(sources: Sequence[str]) -> str:
    if not sources:
        return ""
    return f"not checked, because there is no wheel and a build would have to tell: {', '.join(sources)}"
