"""Profiles and hardware, as text and as JSON: `profiles.list`, `profiles.show`, `profiles.detect`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envyard.hardware import Hardware, capability_text
from envyard.health import Grade
from envyard.matching import Match
from envyard.nvidia import Gpu
from envyard.profile import BACKENDS, QUANTIZATIONS, Profile
from envyard.report.table import Column, table
from envyard.report.tables import relative
from envyard.report.text import Style, hanging

if TYPE_CHECKING:  # each command imports its own
    from envyard.commands.profiles import Detection, Preference, ProfileList, ProfileRow

Data = dict[str, Any]
_NONE = "the workspace has no profiles; docs/profiles.md says how to write one"


def profiles_table(result: ProfileList, style: Style, width: int | None) -> str:
    """One row a profile: what it serves, whether it fits this machine, the health of its environment."""
    if not result.rows:
        return _NONE
    columns = (
        Column(title="profile", paint=style.strong),
        Column(title="serves", drop=3),
        Column(title="python", drop=2),
        Column(title="environment", paint=lambda text: _paint_grade(text, style)),
        Column(title="tested", drop=1),
        Column(title="fits", paint=lambda text: _paint_fits(text, style)),
        Column(title="why", fold=True),
    )
    rows = [
        (
            row.profile.key,
            row.profile.title,
            row.profile.python,
            str(row.health.grade),
            "yes" if row.profile.tested else "no",
            _fits(row.match),
            _why(row.match),
        )
        for row in result.rows
    ]
    lines = table(columns, rows, width)
    return "\n".join([style.strong(lines[0]), *lines[1:], "", *_hardware_lines(result.hardware, style, width)])


def profile_text(row: ProfileRow, root: Path, style: Style, width: int | None) -> str:
    """Everything about one profile, as `name: value` lines."""
    profile, serves, probe = row.profile, row.profile.serves, row.profile.probe
    capabilities = ", ".join(map(capability_text, serves.compute_capabilities))
    windows = f", on Windows {serves.minimum_driver_windows}" if serves.minimum_driver_windows else ""
    facts = [
        ("profile", f"{profile.key}: {profile.title}"),
        ("description", profile.description),
        ("file", relative(profile.file, root)),
        ("fits", f"{_fits(row.match)}: {_why(row.match)}"),
        ("environment", ": ".join(filter(None, [str(row.health.grade), "; ".join(row.health.reasons)]))),
        ("generation", row.environment.generation if row.environment else ""),
        ("capabilities", capabilities),
        ("driver", f"{serves.minimum_driver} or newer{windows}" if serves.minimum_driver else ""),
        ("platforms", ", ".join(serves.platforms)),
        ("python", _python(profile)),
        ("torch backend", profile.torch_backend),
        ("indexes", ", ".join(profile.indexes)),
        ("lockfiles", ", ".join(f"{name}: {relative(path, root)}" for name, path in profile.lockfiles.items())),
        (
            "health",
            "; ".join(filter(None, [_imports(probe.imports), "CUDA" if probe.cuda else "", _smoke(probe.code)])),
        ),
        ("variables", ", ".join(f"{name}={value}" for name, value in profile.environment.items())),
        ("tested", "; ".join(profile.tested_on) if profile.tested else "no"),
        ("notes", " ".join(profile.notes.split())),
    ]
    lines: list[str] = []
    for name, text in facts:
        lines += hanging(f"{name + ':':15}", text, width) if text else []
    lines[0] = lines[0][:15] + style.strong(lines[0][15:])
    return "\n".join([*lines, "", "requirements:", *(f"  {line}" for line in profile.requirements)])


def detection_text(result: Detection, style: Style, width: int | None) -> str:
    """What was found of the machine, what each need would get, and why each profile fits or not."""
    lines = [*_hardware_lines(result.hardware, style, width), f"{'platform:':15}{result.platform}"]
    if not result.matches:
        return "\n".join([*lines, "", _NONE])
    columns = (
        Column(title="a model for", paint=style.strong),
        Column(title="gets", paint=lambda text: _paint_fits(text, style)),
        Column(title="but", fold=True),
    )
    needs = [(_need(one), one.key or "no profile", "; ".join(one.warnings)) for one in result.preferences]
    lines += ["", *table(columns, needs, width), ""]
    columns = (
        Column(title="profile", paint=style.strong),
        Column(title="fits", paint=lambda text: _paint_fits(text, style)),
        Column(title="why", fold=True),
    )
    rows = [(match.profile.key, _fits(match), _why(match)) for match in result.matches]
    return "\n".join([*lines, *table(columns, rows, width)])


# --- JSON


def profiles_data(result: ProfileList) -> Data:
    return {
        "hardware": hardware_data(result.hardware),
        "platform": result.platform,
        "profiles": [row_data(row) for row in result.rows],
    }


def row_data(row: ProfileRow) -> Data:
    environment = row.environment
    return {
        **_profile_data(row.profile),
        **_match_data(row.match),
        "grade": str(row.health.grade),
        "health_reasons": list(row.health.reasons),
        "generation": None if environment is None else environment.generation,
        "environment_python": None if environment is None else str(environment.python),
    }


def detection_data(result: Detection) -> Data:
    return {
        "hardware": hardware_data(result.hardware),
        "platform": result.platform,
        "profiles": [{"key": match.profile.key, **_match_data(match)} for match in result.matches],
        "needs": [
            {
                "backend": one.backend,
                "quantization": one.quantization,
                "profile": one.key or None,
                "warnings": list(one.warnings),
            }
            for one in result.preferences
        ],
    }


def hardware_data(hardware: Hardware) -> Data:
    return {
        "kind": hardware.kind,
        "capability": None if hardware.capability is None else capability_text(hardware.capability),
        "driver": hardware.driver,
        "cuda": hardware.cuda,
        "rocm": hardware.rocm,
        "source": hardware.source,
        "gpus": [
            {
                "index": gpu.index,
                "name": gpu.name,
                "uuid": gpu.uuid,
                "capability": None if gpu.capability is None else capability_text(gpu.capability),
                "architecture": gpu.architecture,
                "memory": gpu.memory,
                "mig": gpu.parts,
            }
            for gpu in hardware.gpus
        ],
        "warnings": list(hardware.warnings),
    }


def _profile_data(profile: Profile) -> Data:
    serves = profile.serves
    return {
        "key": profile.key,
        "title": profile.title,
        "file": str(profile.file),
        "description": profile.description,
        "serves": {
            "backend": serves.backend,
            "quantization": serves.quantization,
            "accelerator": serves.accelerator,
            "compute_capabilities": [capability_text(each) for each in serves.compute_capabilities],
            "minimum_driver": serves.minimum_driver,
            "minimum_driver_windows": serves.minimum_driver_windows,
            "platforms": list(serves.platforms),
        },
        "python": profile.python,
        "preferred_python": profile.preferred_python,
        "requirements": list(profile.requirements),
        "lockfiles": {name: str(path) for name, path in profile.lockfiles.items()},
        "torch_backend": profile.torch_backend,
        "indexes": list(profile.indexes),
        "health": {"imports": list(profile.probe.imports), "cuda": profile.probe.cuda, "code": profile.probe.code},
        "variables": dict(profile.environment),
        "tested": profile.tested,
        "tested_on": list(profile.tested_on),
        "notes": profile.notes,
    }


def _match_data(match: Match) -> Data:
    return {"fits": match.fits, "reasons": list(match.reasons), "warnings": list(match.warnings)}


# --- words


def _hardware_lines(hardware: Hardware, style: Style, width: int | None) -> list[str]:
    kinds = {"cuda": "NVIDIA", "rocm": "AMD", "mps": "Apple MPS", "cpu": "CPU only"}
    said = "" if hardware.source == "detected" else f" (said by `{hardware.source}`)"
    facts = [("hardware", f"{kinds[hardware.kind]}{said}")]
    facts += [("gpu", _gpu_words(gpu)) for gpu in hardware.gpus]
    newest = f", up to CUDA {hardware.cuda}" if hardware.cuda else ""
    facts += [("driver", f"{hardware.driver}{newest}"), ("rocm", hardware.rocm)]
    lines: list[str] = []
    for name, text in facts:
        lines += hanging(f"{name + ':':15}", text, width) if text else []
    for warning in hardware.warnings:
        first, *rest = hanging(f"{'note:':15}", warning, width)
        lines += [style.warn(first), *map(style.warn, rest)]
    return lines


def _gpu_words(gpu: Gpu) -> str:
    capability = f"compute capability {capability_text(gpu.capability)}" if gpu.capability else gpu.architecture
    memory = f"{gpu.memory / 2**30:.0f} GiB" if gpu.memory else ""  # the unit that makers mean
    return ", ".join(filter(None, [f"{gpu.index}: {gpu.name}", capability, memory, "MIG" if gpu.parts else ""]))


def _need(preference: Preference) -> str:
    names = [BACKENDS[preference.backend].title]
    names += [QUANTIZATIONS[preference.quantization]] if preference.quantization else []
    return " + ".join(names)


def _fits(match: Match) -> str:
    return "yes" if match.fits else "nearly" if match.near else "no"


def _why(match: Match) -> str:
    return "; ".join([*match.reasons, *match.warnings])


def _python(profile: Profile) -> str:
    preferred = f"{profile.preferred_python} preferred" if profile.preferred_python else ""
    return ", ".join(filter(None, [profile.python, preferred]))


def _imports(names: Sequence[str]) -> str:
    return f"imports {', '.join(names)}" if names else ""


def _smoke(code: str) -> str:
    return "smoke test" if code else ""


def _paint_fits(text: str, style: Style) -> str:
    return {"yes": style.good, "nearly": style.warn, "no": style.bad, "no profile": style.bad}.get(text, str)(text)


def _paint_grade(text: str, style: Style) -> str:
    if text == Grade.OK:
        return style.good(text)
    return style.bad(text) if text == Grade.BROKEN else text
