"""The older hardware profiles of AI applications, JSON with `format_version` "1.0", read as they are.

The format: architecture, cuda_version, profile_id, python_version {min, max, recommended}, torch_index, hardware
{compute_capability, cuda_versions, gpu_examples}, packages {name: version or range}, binary_packages {name: {type,
url}}, tested, tested_on, notes. Versions may be numbers; what is a list may be one text; other keys are told, not used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from envyard.fields import Table
from envyard.jsonlines import key_lines, read_json
from envyard.problems import Location
from envyard.profile import ACCELERATOR, Serves
from envyard.requirements import canonical_name
from envyard.wording import closest, shown

FORMAT_VERSION = "1.0"
_REFERENCE = "docs/profiles-import.md"
_MINOR = r"\d+\.\d+(?:\.\d+)?"
_MINOR_WORDS = "a version of Python such as `3.11`"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9 ,._-]+\])?"
_ANY_VERSION = ("", "*", "any", "latest")
_LISTS = (("tested_on",), ("notes",), ("hardware", "compute_capability"), ("hardware", "cuda_versions"))
_KNOWN = [
    "format_version",
    "architecture",
    "cuda_version",
    "profile_id",
    "python_version",
    "torch_index",
    "hardware",
    "packages",
    "binary_packages",
    "tested",
    "tested_on",
    "notes",
]
_BACKENDS = {"vllm": "vllm", "sglang": "sglang", "llama-cpp-python": "llamacpp", "transformers": "transformers"}
_BACKENDS |= {"diffusers": "diffusers", "onnxruntime": "onnxruntime", "onnxruntime-gpu": "onnxruntime", "mlx": "mlx"}
_QUANTIZATIONS = {"bitsandbytes": "bnb", "autoawq": "awq", "auto-gptq": "gptq", "gptqmodel": "gptq", "hqq": "hqq"}
IMPORTS = {
    **{name: name for name in ("torch", "transformers", "accelerate", "peft", "diffusers", "bitsandbytes", "vllm")},
    "llama-cpp-python": "llama_cpp",
    "autoawq": "awq",
    "auto-gptq": "auto_gptq",
    "gptqmodel": "gptqmodel",
}
"""Package -> the module whose import shows that it works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonProfile:
    """One file. `requirements` are PEP 508 lines, and `lines` says in which line of the file each of them stands.

    `remarks` are what a person should know about the reading: keys not used, what was decided between two values.
    """

    file: Path
    profile_id: str
    architecture: str
    serves: Serves
    python: str
    preferred_python: str
    requirements: tuple[str, ...]
    lines: Mapping[str, int]
    torch_backend: str
    indexes: tuple[str, ...]
    gpu_examples: tuple[str, ...]
    tested: bool
    tested_on: tuple[str, ...]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]


def load_json_profile(file: Path) -> JsonProfile:
    """The profile in `file`. Raises `ConfigurationInvalid` with every mistake of the file."""
    values, problems, text = read_json(file, file.name, reference=_REFERENCE)
    _make_lists(values)
    top = Table(values, problems)
    remarks: list[str] = []
    top.choice("format_version", (FORMAT_VERSION, "1"), FORMAT_VERSION)
    hardware = top.table("hardware")
    requirements, lines = _requirements(top, key_lines(text), remarks)
    serves, torch_backend, indexes = _serves(top, hardware, requirements, remarks)
    python, preferred = _python(top.table("python_version"))
    profile = JsonProfile(
        file=file,
        profile_id=top.string("profile_id"),
        architecture=top.string("architecture"),
        serves=serves,
        python=python,
        preferred_python=preferred,
        requirements=requirements,
        lines=lines,
        torch_backend=torch_backend,
        indexes=indexes,
        gpu_examples=hardware.strings("gpu_examples"),
        tested=top.boolean("tested"),
        tested_on=top.strings("tested_on"),
        notes=top.strings("notes"),
        remarks=(*remarks, *_unused(values)),
    )
    top.problems.raise_if_any()
    return profile


def _make_lists(document: dict[str, object]) -> None:
    """One text where a list may be, as a list; the same text only once."""
    for *above, key in (*_LISTS, ("hardware", "gpu_examples")):
        values: object = document
        for name in above:
            values = values.get(name) if isinstance(values, dict) else None
        if isinstance(values, dict) and key in values:
            value = values[key]
            if isinstance(value, str):
                values[key] = [value] if value else []
            elif isinstance(value, list) and all(isinstance(each, str) for each in value):
                values[key] = list(dict.fromkeys(value))


def _requirements(
    top: Table, places: Mapping[Location, int], remarks: list[str]
) -> tuple[tuple[str, ...], dict[str, int]]:
    """The lines of `packages` and `binary_packages`, and where they stand."""
    found: dict[str, tuple[tuple[str, str], str]] = {}  # package -> where it stands, its line
    packages = top.table("packages")
    if "packages" not in top:
        top.mistake("packages", "is missing", expected='packages such as `"torch": "2.1.0"`')
    for name, version in top.string_table("packages", names=_NAME, expected="the name of a package").items():
        requirement = _requirement(name, version)
        if _plain(name) in found:
            packages.mistake(name, f"is the same package as {shown(found[_plain(name)][0][1])}")
        elif not requirement:
            packages.mistake(name, f"{shown(version)} is no version", expected="`1.2.3`, `>=1,<2` or `*`")
        else:
            found[_plain(name)] = (("packages", name), requirement)
    for name, table in top.tables("binary_packages"):
        kind = table.choice("type", ("wheel", "url"), "wheel")
        url = table.required_string("url", pattern=r"https?://\S+|file://\S+", expected="the address of a file")
        if not re.fullmatch(_NAME, name):
            table.problems.add(table.location, f"{shown(name)} is no name of a package")
        elif kind and url:
            if _plain(name) in found:
                remarks.append(f"`{name}` is taken from its address in `binary_packages`, not by its version")
            found[_plain(name)] = (("binary_packages", name), f"{name} @ {url}")
    lines = {line: places.get(place, 1) for place, line in found.values()}
    return tuple(lines), lines


def _plain(name: str) -> str:
    return canonical_name(name.partition("[")[0])


def _requirement(name: str, version: str) -> str:
    """The PEP 508 line for one entry of `packages`, or "" when it is none."""
    from packaging.requirements import InvalidRequirement, Requirement  # 75 ms, and only to import

    version = version.strip()
    if re.match(r"(?:git\+)?(?:https?|file)://", version):
        line = f"{name} @ {version}"
    elif version.lower() in _ANY_VERSION:
        line = name
    elif version[0] in "<>=!~":
        line = f"{name}{''.join(version.split())}"
    else:
        line = f"{name}=={version}"
    try:
        Requirement(line)
    except InvalidRequirement:
        return ""
    return line


def _serves(
    top: Table, hardware: Table, requirements: tuple[str, ...], remarks: list[str]
) -> tuple[Serves, str, tuple[str, ...]]:
    """What it serves, uv's torch backend or "", and further indexes."""
    names = [canonical_name(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in requirements]
    address = top.string("torch_index", pattern=r"https?://\S+|file://\S+", expected="the address of an index")
    found = re.search(rf"/whl/({ACCELERATOR})/?$", address)
    said = _accelerator(top)
    accelerator = found[1] if found else said
    if found and found[1] != said:
        remarks.append(f"`torch_index` is that of {found[1]}, the rest is about {said}: the index decides")
    capabilities = hardware.strings(
        "compute_capability", pattern=r"\d{1,2}\.\d|sm_?\d{2,3}", expected="a compute capability such as `8.6`"
    )
    hardware.strings("cuda_versions")
    is_cuda = accelerator.startswith("cu")
    serves = Serves(
        backend=next((_BACKENDS[name] for name in _BACKENDS if name in names), "transformers"),
        accelerator=accelerator,
        quantization=next((_QUANTIZATIONS[name] for name in _QUANTIZATIONS if name in names), ""),
        compute_capabilities=tuple(sorted({_capability(text) for text in capabilities})) if is_cuda else (),
    )
    return serves, found[1] if found else "", (address,) if address and not found else ()


def _accelerator(top: Table) -> str:
    """`12.1` as `cu121`; without a CUDA version what the architecture says."""
    text = top.string("cuda_version", pattern=r"|(?i:none|n/a|cpu)|\d{2}\.\d(?:\.\d+)?", expected="such as `12.1`")
    if text[:1].isdigit():
        return "cu" + "".join(text.split(".")[:2])
    architecture = top.string("architecture").lower()
    rocm = re.search(r"rocm[ -]?(\d{1,2}\.\d)", architecture)
    if rocm:
        return f"rocm{rocm[1]}"
    return "mps" if re.search(r"apple|mps|metal", architecture) else "cpu"


def _capability(text: str) -> tuple[int, int]:
    digits = re.sub(r"\D", "", text)
    return int(digits[:-1]), int(digits[-1])


def _python(table: Table) -> tuple[str, str]:
    """The range and the preferred version. `max` is meant with all its patch releases."""
    least = table.string("min", pattern=_MINOR, expected=_MINOR_WORDS)
    most = table.string("max", pattern=_MINOR, expected=_MINOR_WORDS)
    preferred = table.string("recommended", pattern=_MINOR, expected=_MINOR_WORDS)
    order = [_numbers(text)[:2] for text in (least, preferred, most) if text]
    if order != sorted(order):
        table.problems.add(table.location, "does not hold together", expected="min <= recommended <= max")
    parts = [f">={least}"] if least else []
    if most:
        numbers = _numbers(most)
        parts.append(f"<={most}" if len(numbers) > 2 else f"<{numbers[0]}.{numbers[1] + 1}")
    return ",".join(parts), ".".join(preferred.split(".")[:2])


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _unused(values: Mapping[str, object]) -> list[str]:
    remarks = []
    for key in values:
        if key not in _KNOWN:
            guess = closest(key, _KNOWN)
            meant = f"; did you mean `{guess}`?" if guess and guess not in values else ""
            remarks.append(f"{shown(key)} is not used{meant}")
    return remarks
