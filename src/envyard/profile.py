"""A profile: the named definition of a shared environment for one hardware and model stack, as plain values.

The env key is derived from what a profile serves, and can be read back: `env_key` and `parse_env_key`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from envyard.errors import ProfileNotFound
from envyard.wording import closest, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Serves:
    """What an environment of the profile can run, and on which machine.

    - `backend`: one of `BACKENDS`; `quantization`: one of `QUANTIZATIONS`, or "" for none.
    - `accelerator`: `cpu`, `cu118`, `cu121`, ..., `rocm6.1`, `mps`.
    - `compute_capabilities`: CUDA compute capabilities as (major, minor); empty: any.
    - `minimum_driver`: of the NVIDIA driver on Linux, as `525.60.13`, or ""; `minimum_driver_windows` on Windows.
    - `platforms`: as in `workspace.toml`: `linux-x86_64`, `macos-arm64`, `windows-x86_64`; empty: any.
    """

    backend: str
    accelerator: str
    quantization: str = ""
    compute_capabilities: tuple[tuple[int, int], ...] = ()
    minimum_driver: str = ""
    minimum_driver_windows: str = ""
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What an environment of the profile must be able to do: tier 2 of its health.

    `imports` are module names; `cuda`: `torch.cuda.is_available()` must hold, or the environment is `degraded`; `code`
    is a smoke test in Python, which must end without an exception.
    """

    imports: tuple[str, ...] = ()
    cuda: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One file `profiles/<env key>.toml`, everything it extends filled in. All paths are absolute.

    - `key`: the env key, derived from what it serves: `torch-cu121-transformers-bnb`, `vllm-cu124`, `llamacpp-cpu`.
    - `title`: for people: "Transformers + bitsandbytes (CUDA 12.1)".
    - `python`: an interpreter request such as `>=3.10,<3.13`; `preferred_python` is tried first, or "".
    - `requirements`: PEP 508 lines; `lockfiles`: per platform, installed in their place.
    - `torch_backend`: uv's `--torch-backend` value, or ""; `indexes`: further package indexes, as addresses.
    - `tested`: whether somebody ran it, and `tested_on` on what.
    """

    key: str
    title: str
    file: Path
    serves: Serves
    description: str = ""
    python: str = ""
    preferred_python: str = ""
    requirements: tuple[str, ...] = ()
    lockfiles: Mapping[str, Path] = field(default_factory=dict)
    torch_backend: str = ""
    indexes: tuple[str, ...] = ()
    probe: Probe = Probe()
    environment: Mapping[str, str] = field(default_factory=dict)
    tested: bool = False
    tested_on: tuple[str, ...] = ()
    notes: str = ""


class Backend(NamedTuple):
    """A program or library that runs models. `built_in` are the quantizations it runs without a further package."""

    title: str
    on_torch: bool = False
    built_in: tuple[str, ...] = ()


BACKENDS: Mapping[str, Backend] = {
    "transformers": Backend("Transformers", on_torch=True),
    "diffusers": Backend("Diffusers", on_torch=True),
    "vllm": Backend("vLLM", built_in=("awq", "gptq", "fp8")),
    "sglang": Backend("SGLang", built_in=("awq", "gptq", "fp8")),
    "llamacpp": Backend("llama.cpp"),
    "onnxruntime": Backend("ONNX Runtime"),
    "mlx": Backend("MLX"),
}
"""Key word -> backend. Those `on_torch` are libraries beside torch, which then leads the env key."""

QUANTIZATIONS: Mapping[str, str] = {
    "bnb": "bitsandbytes",
    "awq": "AWQ",
    "gptq": "GPTQ",
    "hqq": "HQQ",
    "fp8": "FP8",
}
"""Key word -> what people call it."""

ACCELERATOR = r"cpu|mps|cu[0-9]{3}|rocm[0-9]{1,2}(?:\.[0-9]{1,2}){0,2}"
ACCELERATOR_WORDS = "`cpu`, `mps`, a CUDA version such as `cu124` or a ROCm version such as `rocm6.2`"


def env_key(serves: Serves) -> str:
    """The env key of an environment that serves this: `torch-cu121-transformers-bnb`, `llamacpp-cpu`."""
    on_torch = BACKENDS[serves.backend].on_torch
    parts = ["torch", serves.accelerator, serves.backend] if on_torch else [serves.backend, serves.accelerator]
    return "-".join([*parts, *([serves.quantization] if serves.quantization else [])])


def parse_env_key(key: str) -> Serves:
    """What an env key says: backend, accelerator and quantization. Raises `ProfileNotFound` for what is no env key."""
    first, *rest = key.split("-")
    backend = first
    if first == "torch" and len(rest) >= 2:
        backend = rest.pop(1)
    accelerator = rest.pop(0) if rest else ""
    quantization = rest.pop(0) if rest else ""
    known = backend in BACKENDS and BACKENDS[backend].on_torch == (first == "torch")
    sound = re.fullmatch(ACCELERATOR, accelerator) is not None and (not quantization or quantization in QUANTIZATIONS)
    serves = Serves(backend=backend, accelerator=accelerator, quantization=quantization)
    if not known or not sound or env_key(serves) != key:
        raise ProfileNotFound(
            f"{shown(key)} is no env key",
            hint="an env key is made like `torch-cu121-transformers-bnb`, `vllm-cu124` or `llamacpp-cpu`; "
            "run `invoke profiles.list` to see those of this workspace",
        )
    return serves


def title_of(serves: Serves) -> str:
    """What people call it: "Transformers + bitsandbytes (CUDA 12.1)"."""
    names = [BACKENDS[serves.backend].title]
    if serves.quantization:
        names.append(QUANTIZATIONS[serves.quantization])
    return f"{' + '.join(names)} ({accelerator_title(serves.accelerator)})"


def accelerator_title(accelerator: str) -> str:
    """`cu121` as "CUDA 12.1", `rocm6.1` as "ROCm 6.1", `mps` as "Apple MPS", `cpu` as "CPU"."""
    if accelerator.startswith("cu"):
        return f"CUDA {accelerator[2:-1]}.{accelerator[-1]}"
    if accelerator.startswith("rocm"):
        return f"ROCm {accelerator.removeprefix('rocm')}"
    return {"mps": "Apple MPS", "cpu": "CPU"}[accelerator]


def find_profile(profiles: Sequence[Profile], key: str) -> Profile:
    """The profile with this env key or title, in upper or lower case. Raises `ProfileNotFound`."""
    folded = key.strip().casefold()
    for profile in profiles:
        if folded in (profile.key, profile.title.casefold()):
            return profile
    raise profile_not_found(key, [profile.key for profile in profiles])


def profile_not_found(key: str, known: Iterable[str]) -> ProfileNotFound:
    """The error for an env key that no profile has."""
    known = sorted(known)
    meant = closest(key, known)
    details = [f"did you mean `{meant}`?"] if meant else []
    return ProfileNotFound(
        f"no profile {shown(key)}",
        details=[*details, f"known profiles: {', '.join(known) or 'none'}"],
        hint="run `invoke profiles.list` to see what each of them serves",
    )
