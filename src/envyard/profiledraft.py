"""One profile file as it is written, how it is laid over the one that it extends, and what must hold of the whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from envyard.fields import Table
from envyard.members import (
    PYTHON,
    PYTHON_WORDS,
    REQUIREMENT,
    REQUIREMENT_WORDS,
    VARIABLE,
    VARIABLE_WORDS,
    object_to,
)
from envyard.places import Places
from envyard.platforms import PLATFORMS
from envyard.profile import (
    ACCELERATOR,
    ACCELERATOR_WORDS,
    BACKENDS,
    QUANTIZATIONS,
    Probe,
    Profile,
    Serves,
    env_key,
    title_of,
)
from envyard.requirements import canonical_name
from envyard.wording import listed, shown

_CAPABILITY = r"[0-9]{1,2}\.[0-9]"
_CAPABILITY_WORDS = "a compute capability such as `8.6`"
_DRIVER = r"[0-9]{3}(?:\.[0-9]{1,3}){0,2}"
_DRIVER_WORDS = "a driver version such as `525.60.13`"
_MODULE = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_INDEX = r"https?://[^\s/@]+(?:/[^\s@]*)?|file://[^\s]+"
_INDEX_WORDS = "the address of a package index, without user name and password"
_PACKAGE = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_OWN = ("description", "notes", "tested", "tested_on", "lockfiles", "extends", "without")
"""What a file does not inherit: it is about this very set of packages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One file; None where it says nothing. `without` are packages of the base that it leaves out."""

    extends: str = ""
    description: str | None = None
    notes: str | None = None
    backend: str | None = None
    quantization: str | None = None
    accelerator: str | None = None
    compute_capabilities: tuple[str, ...] | None = None
    minimum_driver: str | None = None
    minimum_driver_windows: str | None = None
    platforms: tuple[str, ...] | None = None
    python: str | None = None
    preferred_python: str | None = None
    requirements: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    torch_backend: str | None = None
    indexes: tuple[str, ...] | None = None
    lockfiles: Mapping[str, Path] = field(default_factory=dict)
    imports: tuple[str, ...] | None = None
    cuda: bool | None = None
    code: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    tested: bool = False
    tested_on: tuple[str, ...] = ()


def read_draft(table: Table, places: Places) -> Draft:
    """One file by itself, its mistakes into the problems of its table."""
    serves, python = table.table("serves"), table.table("python")
    packages, health = table.table("packages"), table.table("health")
    draft = Draft(
        extends=table.string("extends"),
        description=_text(table, "description"),
        notes=_text(table, "notes"),
        backend=_choice(serves, "backend", tuple(BACKENDS)),
        quantization=_choice(serves, "quantization", ("none", *QUANTIZATIONS)),
        accelerator=_text(serves, "accelerator", ACCELERATOR, ACCELERATOR_WORDS),
        compute_capabilities=_texts(serves, "compute-capabilities", _CAPABILITY, _CAPABILITY_WORDS),
        minimum_driver=_text(serves, "minimum-driver", _DRIVER, _DRIVER_WORDS),
        minimum_driver_windows=_text(serves, "minimum-driver-windows", _DRIVER, _DRIVER_WORDS),
        platforms=_platforms(serves),
        python=_text(python, "requires", PYTHON, PYTHON_WORDS),
        preferred_python=_text(python, "preferred", PYTHON, PYTHON_WORDS),
        requirements=_texts(packages, "requirements", REQUIREMENT, REQUIREMENT_WORDS),
        without=packages.strings("without", pattern=_PACKAGE, expected="the name of a package"),
        torch_backend=_text(packages, "torch-backend", ACCELERATOR, ACCELERATOR_WORDS),
        indexes=_texts(packages, "indexes", _INDEX, _INDEX_WORDS),
        lockfiles=_lockfiles(packages, places),
        imports=_texts(health, "imports", _MODULE, "the name of a module"),
        cuda=_flag(health, "cuda"),
        code=_code(health),
        environment=table.string_table("environment", names=VARIABLE, expected=VARIABLE_WORDS),
        tested=table.boolean("tested"),
        tested_on=table.strings("tested-on", pattern=r"\S.*", expected="on what it was tested"),
    )
    for each in (serves, python, packages, health):
        each.finish()
    if "extends" in table and not draft.extends:
        table.mistake("extends", "is empty", expected="the name of another file in `profiles`, without `.toml`")
    if draft.without and not draft.extends:
        packages.mistake("without", "means nothing without `extends`")
    if draft.tested and not draft.tested_on:
        table.mistake("tested", "says nothing without `tested-on`", expected="on which system and hardware")
    if draft.tested_on and not draft.tested:
        table.mistake("tested-on", "means nothing without `tested = true`")
    _check_driver_has_meaning(draft, serves)
    return draft


def extend(base: Draft, draft: Draft, table: Table) -> Draft:
    """`draft` laid over `base`: its values replace those of the base, key by key.

    Requirements and imports are added to instead: a requirement takes the place of those for the same package, and
    `without` leaves packages out. What `_OWN` names is not inherited.
    """
    names = [each.name for each in fields(Draft) if each.name not in _OWN and getattr(draft, each.name) is None]
    whole = replace(draft, **{name: getattr(base, name) for name in names})
    left_out = {canonical_name(name) for name in draft.without}
    for name in draft.without:
        if all(package_of(line) != canonical_name(name) for line in base.requirements or ()):
            packages = table.table("packages")
            index = packages.position("without", name)
            packages.mistake("without", f"`{draft.extends}` does not ask for {shown(name)}", index=index)
    replaced = left_out | {package_of(line) for line in draft.requirements or ()}
    kept = [line for line in base.requirements or () if package_of(line) not in replaced]
    imports = [*(base.imports or ()), *(name for name in draft.imports or () if name not in (base.imports or ()))]
    return replace(
        whole,
        requirements=(*kept, *(draft.requirements or ())),
        imports=tuple(imports),
        environment={**base.environment, **draft.environment},
    )


def complete(draft: Draft, table: Table, file: Path) -> Profile | None:
    """The profile that a whole draft is; None, and the reasons in the problems, when something does not fit."""
    serves_table, packages = table.table("serves"), table.table("packages")
    if draft.backend is None:
        serves_table.mistake("backend", "is missing", expected=listed(BACKENDS))
    if draft.accelerator is None:
        serves_table.mistake("accelerator", "is missing", expected=ACCELERATOR_WORDS)
    if not draft.requirements:
        packages.mistake("requirements", "are missing", expected=f"at least one, {REQUIREMENT_WORDS}")
    if draft.backend is None or draft.accelerator is None:
        return None
    serves = Serves(
        backend=draft.backend,
        accelerator=draft.accelerator,
        quantization="" if draft.quantization in (None, "none") else draft.quantization or "",
        compute_capabilities=tuple(sorted(_capability(text) for text in draft.compute_capabilities or ())),
        minimum_driver=draft.minimum_driver or "",
        minimum_driver_windows=draft.minimum_driver_windows or "",
        platforms=draft.platforms or (),
    )
    _check_whole(draft, serves, serves_table, packages, table.table("health"))
    return Profile(
        key=env_key(serves),
        title=title_of(serves),
        file=file,
        serves=serves,
        description=draft.description or "",
        python=draft.python or "",
        preferred_python=draft.preferred_python or "",
        requirements=draft.requirements or (),
        lockfiles=dict(draft.lockfiles),
        torch_backend=draft.torch_backend or "",
        indexes=draft.indexes or (),
        probe=Probe(imports=draft.imports or (), cuda=bool(draft.cuda), code=draft.code or ""),
        environment=dict(draft.environment),
        tested=draft.tested,
        tested_on=draft.tested_on,
        notes=draft.notes or "",
    )


def package_of(requirement: str) -> str:
    """The normalised name of the package that a requirement line asks for."""
    found = re.match(r"[A-Za-z0-9._-]*[A-Za-z0-9]", requirement)
    return canonical_name(found[0]) if found else ""


def _check_driver_has_meaning(draft: Draft, serves: Table) -> None:
    if draft.accelerator is None or draft.accelerator.startswith("cu"):
        return
    for key in ("compute-capabilities", "minimum-driver", "minimum-driver-windows"):
        if key in serves:
            serves.mistake(
                key, f"has no meaning for {shown(draft.accelerator)}", expected="a CUDA accelerator, or no key"
            )


def _check_whole(draft: Draft, serves: Serves, serves_table: Table, packages: Table, health: Table) -> None:
    """What one key demands of another, also where they stand in two files."""
    is_cuda, is_apple = serves.accelerator.startswith("cu"), serves.accelerator == "mps"
    for name in serves.platforms:
        if name.startswith("macos") != is_apple and (is_cuda or is_apple):
            problem = f"{shown(name)} has no {'CUDA' if is_cuda else 'Apple MPS'}"
            serves_table.mistake("platforms", problem, index=serves_table.position("platforms", name))
    if draft.cuda and not is_cuda:
        health.mistake("cuda", f"cannot hold with {shown(serves.accelerator)}", expected="`false`")
    if draft.torch_backend is not None and draft.torch_backend != serves.accelerator:
        problem = f"{shown(draft.torch_backend)} is not the accelerator {shown(serves.accelerator)}"
        packages.mistake("torch-backend", problem, suggestion=serves.accelerator)
    for name in draft.lockfiles:
        if serves.platforms and name not in serves.platforms:
            packages.table("lockfiles").mistake(name, "is not one of the platforms that the profile serves")


def _capability(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def _text(table: Table, key: str, pattern: str = "", expected: str = "") -> str | None:
    """None also for a mistake, which is reported."""
    found = table.string(key, pattern=pattern, expected=expected)
    return found if found or (key in table and not pattern) else None


def _texts(table: Table, key: str, pattern: str, expected: str) -> tuple[str, ...] | None:
    found = table.strings(key, pattern=pattern, expected=expected)
    return found if key in table else None


def _choice(table: Table, key: str, choices: tuple[str, ...]) -> str | None:
    """One of `choices`; None also for a mistake, which is reported."""
    found = table.choice(key, choices, "")
    return found or None


def _platforms(serves: Table) -> tuple[str, ...] | None:
    found = serves.strings("platforms", choices=tuple(PLATFORMS))
    return found if "platforms" in serves else None


def _flag(table: Table, key: str) -> bool | None:
    found = table.boolean(key)
    return found if key in table else None


def _code(health: Table) -> str | None:
    """The smoke test; what Python cannot compile is found now, not after the download."""
    code = _text(health, "code")
    if code:
        try:
            compile(code, "<code>", "exec")
        except (SyntaxError, ValueError) as error:
            line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
            health.mistake("code", f"is no Python: {line}{error.msg if isinstance(error, SyntaxError) else error}")
    return code


def _lockfiles(packages: Table, places: Places) -> dict[str, Path]:
    """Platform -> lockfile; it need not exist: locking writes it."""
    found = {}
    table = packages.table("lockfiles")
    for name, text in packages.string_table("lockfiles").items():
        place = places.find(text)
        if name not in PLATFORMS:
            table.mistake(name, f"{shown(name)} is no platform", expected=listed(PLATFORMS))
        elif place.objection:
            object_to(table, name, text, place.objection)
        elif place.kind not in ("file", "missing"):
            table.mistake(name, f"{shown(text)} is no file")
        else:
            found[name] = Path(place.path)
    return found
