"""Reads the layers, checks every value and remembers where each one came from."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from dotenv import dotenv_values

from config_load.settings import Settings

PREFIX = "IDEAS_"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}


class InvalidSettings(ValueError):
    """Everything that is wrong with the settings, not only the first thing: a line for each in `problems`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings, and for every dotted key (`service.port`) the layer that decided it."""

    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    *, toml: Path | None = None, dotenv: Path | None = None, environ: Mapping[str, str] | None = None
) -> Loaded:
    """Defaults, then `toml`, then `dotenv`, then `environ`.

    Files that do not exist are layers without values. In the two text layers `IDEAS_SERVICE__PORT` is
    `service.port`; other variables are not ours and ignored. Raises `InvalidSettings`.
    """
    types = _types_of_settings()
    values: dict[str, object] = {}
    origins = dict.fromkeys(types, "default")
    problems: list[str] = []
    for layer in _layers(toml, dotenv, environ or {}, problems):
        for key, (name, value) in layer.values.items():
            if key not in types:
                problems.append(f"{layer.origin}: `{name}` is not a setting{_did_you_mean(key, types)}")
                continue
            try:
                values[key] = _convert(value, types[key], is_text=layer.is_text)
            except ValueError:
                problems.append(f"{layer.origin}: `{name}` expected {_NAMES[types[key]]}, found {value!r}")
            else:
                origins[key] = layer.origin
    if problems:
        raise InvalidSettings(problems)
    return Loaded(settings=_build(values), origins=origins)


# Dotted key -> (the name as its author wrote it, the raw value).
_Values = dict[str, tuple[str, object]]


@dataclass(frozen=True, slots=True)
class _Layer:
    origin: str
    values: _Values
    is_text: bool


def _layers(
    toml: Path | None, dotenv: Path | None, environ: Mapping[str, str], problems: list[str]
) -> Iterator[_Layer]:
    if toml is not None and toml.is_file():
        try:
            yield _Layer(str(toml), dict(_flatten(tomllib.loads(toml.read_text("utf-8")))), is_text=False)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{toml}: not TOML: {error}")
    if dotenv is not None and dotenv.is_file():
        # Without interpolation: `${HOME}` would read the process environment behind the caller's back.
        variables = dotenv_values(dotenv, interpolate=False, encoding="utf-8")
        yield _Layer(str(dotenv), _of_variables(variables), is_text=True)
    yield _Layer("environment", _of_variables(environ), is_text=True)


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, tuple[str, object]]]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _flatten(value, f"{key}.")
        else:
            yield key, (key, value)


def _of_variables(variables: Mapping[str, str | None]) -> _Values:
    return {
        name.removeprefix(PREFIX).lower().replace("__", "."): (name, value)
        for name, value in variables.items()
        if name.startswith(PREFIX)
    }


def _types_of_settings() -> dict[str, type]:
    return {
        f"{section}.{name}": kind
        for section, of in get_type_hints(Settings).items()
        for name, kind in get_type_hints(of).items()
    }


def _convert(value: object, kind: type, *, is_text: bool) -> object:
    """`value` as `kind`, or ValueError. Text layers hold only text; TOML has types and must use them."""
    if is_text and isinstance(value, str):
        if kind is bool:
            if value.lower() not in _TRUE | _FALSE:
                raise ValueError(value)
            return value.lower() in _TRUE
        return kind(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # exactly: True is an int for isinstance
        raise ValueError(value)
    return value


def _did_you_mean(key: str, known: Mapping[str, type]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _build(values: Mapping[str, object]) -> Settings:
    sections = {}
    for section in fields(Settings):
        prefix = f"{section.name}."
        own = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
        sections[section.name] = get_type_hints(Settings)[section.name](**own)
    return Settings(**sections)
