"""Which accelerator this machine has: found through the tools of its maker, or said by the user.

Said, first to last: an option, the variable ENVYARD_HARDWARE, `hardware` in `workspace.toml`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from envyard.errors import CommandFailed, UsageError
from envyard.nvidia import SECONDS, Gpu, find_nvidia
from envyard.platforms import HARDWARE, HARDWARE_WORDS
from envyard.process import environment_variable, run
from envyard.wording import shown

VARIABLE = "ENVYARD_HARDWARE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a model can run on.

    - `kind`: `cuda`, `rocm`, `mps` or `cpu`; `gpus` in the order of their indexes.
    - `driver` of NVIDIA, as `550.54.15`, and `cuda`, the newest CUDA version it supports; "" where not known.
    - `rocm`: the installed version, as `6.1`, or "".
    - `source`: `detected`, or who said so: `--hardware`, `ENVYARD_HARDWARE`, `workspace.toml`.
    - `warnings`: what could not be found out, or may be wrong.
    """

    kind: str = "cpu"
    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    cuda: str = ""
    rocm: str = ""
    source: str = "detected"
    warnings: tuple[str, ...] = ()

    @property
    def capability(self) -> tuple[int, int] | None:
        """The compute capability that all GPUs have: the lowest; None when there is none, or one is not known."""
        known = [gpu.capability for gpu in self.gpus if gpu.capability is not None]
        return min(known) if known and len(known) == len(self.gpus) else None


def resolve_hardware(option: str = "", configured: str = "", *, seconds: float = SECONDS) -> Hardware:
    """The hardware to choose a profile for. `option` is from the command line, `configured` from `workspace.toml`.

    Raises `UsageError` for a word that says nothing. Asking the tools takes up to `seconds` each.
    """
    said = [("--hardware", option), (VARIABLE, environment_variable(VARIABLE)), ("workspace.toml", configured)]
    for source, text in said:
        if text.strip():
            if re.fullmatch(HARDWARE, text.strip().casefold()) is None:
                raise UsageError(f"`{source}` says {shown(text)}, which is no hardware", hint=f"write {HARDWARE_WORDS}")
            return _said(text.strip().casefold(), source, seconds)
    return detect_hardware(seconds)


def detect_hardware(seconds: float = SECONDS) -> Hardware:
    """What this machine has: NVIDIA before AMD before Apple; `cpu` where there is nothing. Never raises."""
    nvidia = find_nvidia(seconds)
    if nvidia.gpus:
        found = Hardware(kind="cuda", gpus=nvidia.gpus, driver=nvidia.driver, cuda=nvidia.cuda)
        return replace(found, warnings=(*nvidia.warnings, *_notes(nvidia.gpus)))
    amd, warnings = _find_amd(seconds)
    if amd:
        return Hardware(kind="rocm", gpus=amd, rocm=_rocm_version(), warnings=(*nvidia.warnings, *warnings))
    apple = _find_apple(seconds)
    kind = "mps" if apple else "cpu"
    return Hardware(kind=kind, gpus=apple, warnings=(*nvidia.warnings, *warnings))


def capability_text(capability: tuple[int, int]) -> str:
    """(8, 6) as `8.6`."""
    return f"{capability[0]}.{capability[1]}"


def _said(text: str, source: str, seconds: float) -> Hardware:
    kind, _, rest = text.partition(":")
    if kind == "auto":
        return detect_hardware(seconds)
    if kind == "rocm":
        return Hardware(kind=kind, rocm=rest, source=source)
    capability, _, driver = rest.partition(":")
    gpus: tuple[Gpu, ...] = ()
    if kind == "cuda":
        numbers = tuple(map(int, capability.split("."))) if capability else ()
        gpus = (Gpu(index=0, name="GPU", capability=(numbers[0], numbers[1]) if numbers else None),)
    return Hardware(kind=kind, gpus=gpus, driver=driver, source=source)


def _notes(gpus: Sequence[Gpu]) -> list[str]:
    """What is worth knowing of these GPUs together."""
    notes = []
    unknown = [gpu for gpu in gpus if gpu.capability is None]
    if unknown:
        names = ", ".join(gpu.name for gpu in unknown)
        notes.append(f"the compute capability is not known of {names}; say it with `--hardware cuda:8.6`")
    known = sorted({gpu.capability for gpu in gpus if gpu.capability is not None})
    if len(known) > 1 and not unknown:
        listed = ", ".join(map(capability_text, known))
        notes.append(
            f"{len(gpus)} GPUs with compute capability {listed}: the lowest is what they share, "
            f"{capability_text(known[0])} counts"
        )
    if any(gpu.parts for gpu in gpus):
        notes.append("a GPU is split by MIG: a program gets one part of it, with less memory than is shown")
    return notes


# --- AMD and Apple


def _find_amd(seconds: float) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The GPUs that `rocminfo` lists; it heeds ROCR_VISIBLE_DEVICES by itself."""
    try:
        done = run(["rocminfo"], timeout=seconds)
    except CommandFailed as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return (), ()
        return (), (f"ROCm could not be asked: {error.message}",)
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        return (), (f"ROCm does not work: {lines[-1].strip()[:200] if lines else 'rocminfo failed'}",)
    gpus: list[Gpu] = []
    for agent in re.split(r"(?m)^Agent \d+\s*$", done.stdout)[1:]:
        values = dict(re.findall(r"(?m)^ {2}([A-Z][A-Za-z ]+?):\s+(.*?)\s*$", agent))
        if values.get("Device Type") != "GPU":
            continue
        size = re.search(r"(?s)Segment:\s+GLOBAL.*?Size:\s+(\d+)", agent)
        gpus.append(
            Gpu(
                index=len(gpus),
                name=values.get("Marketing Name") or values.get("Name") or "unknown AMD GPU",
                uuid=values.get("Uuid", ""),
                memory=int(size[1]) << 10 if size else 0,
                architecture=values.get("Name", ""),
            )
        )
    return tuple(gpus), ()


def _rocm_version() -> str:
    root = environment_variable("ROCM_PATH") or "/opt/rocm"
    try:
        with open(os.path.join(root, ".info", "version"), encoding="ascii", errors="replace") as file:
            found = re.match(r"\d+\.\d+", file.read())
    except OSError:
        return ""
    return found[0] if found else ""


def _find_apple(seconds: float) -> tuple[Gpu, ...]:
    """The GPU of an Apple chip, which shares the memory of the machine."""
    import platform  # 8 ms, and only where there is no other GPU

    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return ()
    try:
        lines = run(["sysctl", "-n", "machdep.cpu.brand_string", "hw.memsize"], timeout=seconds).stdout.splitlines()
    except CommandFailed:
        lines = []
    memory = lines[1].strip() if len(lines) > 1 else ""
    name = lines[0].strip() if lines else "Apple GPU"
    return (Gpu(index=0, name=name, memory=int(memory) if memory.isdecimal() else 0),)
