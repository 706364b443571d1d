"""A profile: the named definition of a shared environment for one hardware and model stack, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Serves:
    """What an environment of the profile can run, and on which machine.

    - `backend`: `transformers`, `vllm`, `llamacpp`, ...
    - `quantization`: `bnb`, `awq`, `gptq`, or "" for none.
    - `accelerator`: `cpu`, `cu118`, `cu121`, ..., `rocm6.1`, `mps`.
    - `compute_capabilities`: CUDA compute capabilities as (major, minor); empty: any.
    - `minimum_driver`: of the NVIDIA driver on Linux, as `525.60.13`, or "".
    - `platforms`: as in `workspace.toml`: `linux-x86_64`, `macos-arm64`, `windows-x86_64`.
    """

    backend: str
    accelerator: str
    quantization: str = ""
    compute_capabilities: tuple[tuple[int, int], ...] = ()
    minimum_driver: str = ""
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
