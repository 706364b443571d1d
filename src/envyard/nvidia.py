"""What `nvidia-smi` says of the NVIDIA GPUs of this machine, whatever its age and mood.

The program's words are no stable interface, so fields are asked for by name, fewer where an older one does not know
them, and what it calls N/A is simply not known.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from envyard.errors import CommandFailed
from envyard.process import Completed, child_environment, environment_variable, run

SECONDS = 20.0
"""How long one answer may take: without persistence mode the driver first starts every GPU, some seconds each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU. `capability` is None and `memory` (bytes) 0 where it was not told; `parts`: it is split by MIG.

    `architecture` is what AMD calls a compute capability: `gfx90a`.
    """

    index: int
    name: str
    uuid: str = ""
    capability: tuple[int, int] | None = None
    memory: int = 0
    parts: bool = False
    architecture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nvidia:
    """`cuda` is the newest CUDA that the driver supports, as `12.4`; `warnings` say what was not understood."""

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    cuda: str = ""
    warnings: tuple[str, ...] = ()


def find_nvidia(seconds: float = SECONDS) -> Nvidia:
    """The NVIDIA GPUs that a program started now would see (`CUDA_VISIBLE_DEVICES` counts). Never raises."""
    for program in _PROGRAMS:
        try:
            return _ask(program, seconds)
        except FileNotFoundError:
            continue
        except CommandFailed as error:
            return Nvidia(warnings=(f"the NVIDIA driver could not be asked: {error.message}",))
    return Nvidia()


def visible(gpus: Sequence[Gpu], value: str, parts: Sequence[tuple[str, int]] = ()) -> tuple[Gpu, ...]:
    """The GPUs that `CUDA_VISIBLE_DEVICES` leaves, in its order; `parts` are (MIG identity, index of its GPU).

    As CUDA reads it: indexes or beginnings of identities, and nothing counts behind the first that fits none.
    """
    found: list[Gpu] = []
    for word in filter(None, map(str.strip, value.split(","))):
        folded = word.casefold()
        if re.fullmatch(r"\d+", word):
            fitting = [gpu for gpu in gpus if gpu.index == int(word)]
        elif folded.startswith("mig-"):
            owners = {index for identity, index in parts if identity.casefold().startswith(folded)}
            owners |= {
                gpu.index for gpu in gpus if gpu.uuid and gpu.uuid.casefold() in folded
            }  # MIG-GPU-<identity>/1/0
            fitting = [gpu for gpu in gpus if gpu.index in owners]
        else:
            fitting = [gpu for gpu in gpus if gpu.uuid.casefold().startswith(folded)]
        if len(fitting) != 1:
            break
        if fitting[0] not in found:
            found += fitting
    return tuple(found)


_PROGRAMS = ("nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")
_FIELDS = ("index", "uuid", "name", "driver_version", "memory.total", "compute_cap", "mig.mode.current")
_OLDER_FIELDS = (_FIELDS, _FIELDS[:6], _FIELDS[:5])  # `mig.mode.current` came with driver 450, `compute_cap` with 510
_UNKNOWN = re.compile(r"\[?(?:n/a|not supported|unknown.*|insufficient.*|requested.*|err!?)\]?|", re.IGNORECASE)
_NO_DEVICES = re.compile(r"No devices were found", re.IGNORECASE)
_MISMATCH = re.compile(r"Driver/library version mismatch", re.IGNORECASE)
_CUDA = re.compile(r"CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)")
_PART = re.compile(r"\(UUID:\s*(MIG-[^)\s]+)\)")
_WHOLE = re.compile(r"GPU\s+(\d+):")

_CAPABILITIES = (
    (r"\b(?:GB\d00|B[1-3]00)\b", (10, 0)),
    (r"RTX 50\d\d|RTX PRO \d000 Blackwell", (12, 0)),
    (r"\b(?:H100|H200|H800|H20|GH200)\b", (9, 0)),
    (r"RTX 40\d\d|\bL40S?\b|\bL4\b|\bL20\b|RTX \d000 Ada|RTX \d000 SFF Ada", (8, 9)),
    (r"RTX 30\d\d|\bA(?:2|10|10G|16|40)\b|RTX A\d000", (8, 6)),
    (r"\bA(?:100|30|800)\b", (8, 0)),
    (r"RTX 20\d\d|GTX 16\d\d|\bT4G?\b|Quadro RTX|TITAN RTX|\bT(?:400|500|600|1000|1200|2000)\b", (7, 5)),
    (r"\bV100S?\b|TITAN V\b|Quadro GV100", (7, 0)),
    (r"GTX 10\d\d|\bP(?:4|6|40)\b|TITAN Xp?\b|Quadro P\d+", (6, 1)),
    (r"\bP100\b|Quadro GP100", (6, 0)),
)
"""Name -> compute capability, for drivers that do not tell (from NVIDIA's list of CUDA GPUs)."""


def _ask(program: str, seconds: float) -> Nvidia:
    for fields in _OLDER_FIELDS:
        done = _run([program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"], seconds)
        if done.returncode == 0 or "not a valid field" not in done.stdout + done.stderr:
            break
    said = (done.stdout + done.stderr).strip()
    if _NO_DEVICES.search(said):
        return Nvidia(warnings=("the NVIDIA driver is installed, but finds no GPU",))
    if done.returncode != 0 or not said:
        return Nvidia(warnings=(_failure(done, said),))
    rows = [row for row in csv.reader(done.stdout.splitlines(), skipinitialspace=True) if len(row) == len(fields)]
    if not rows:
        return Nvidia(warnings=(f"the answer of nvidia-smi was not understood: {_first_line(said)}",))
    gpus = tuple(_gpu(dict(zip(fields, row, strict=True)), number) for number, row in enumerate(rows))
    driver = next((value for row in rows if (value := _known(row[fields.index("driver_version")]))), "")
    header = _CUDA.search(_output([program], seconds))
    shown, warnings = _visible(program, gpus, seconds)
    return Nvidia(gpus=shown, driver=driver, cuda=header[1] if header else "", warnings=warnings)


def _run(command: Sequence[str], seconds: float) -> Completed:
    """Raises `FileNotFoundError` where there is no such program, `CommandFailed` where it does not answer."""
    try:
        return run(command, environment=child_environment({"LC_ALL": "C"}), timeout=seconds)
    except CommandFailed as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise FileNotFoundError(command[0]) from error
        raise


def _output(command: Sequence[str], seconds: float) -> str:
    """What a further question is answered with; "" when it is not, which costs a detail only."""
    try:
        return _run(command, seconds).stdout
    except (CommandFailed, FileNotFoundError):
        return ""


def _failure(done: Completed, said: str) -> str:
    if _MISMATCH.search(said):
        return "the NVIDIA driver was updated while it was in use; restart the machine, or load its modules anew"
    return f"the NVIDIA driver does not work: {_first_line(said) or f'nvidia-smi ended with {done.returncode}'}"


def _gpu(values: dict[str, str], number: int) -> Gpu:
    index, name = _known(values["index"]), _known(values["name"]) or "unknown NVIDIA GPU"
    told = re.fullmatch(r"(\d+)\.(\d+)", _known(values.get("compute_cap", "")))
    memory = _known(values["memory.total"])
    return Gpu(
        index=int(index) if index.isdecimal() else number,
        name=name,
        uuid=_known(values["uuid"]),
        capability=(int(told[1]), int(told[2])) if told else _capability_of(name),
        memory=int(memory) << 20 if memory.isdecimal() else 0,
        parts=_known(values.get("mig.mode.current", "")).casefold() == "enabled",
    )


def _capability_of(name: str) -> tuple[int, int] | None:
    return next((capability for pattern, capability in _CAPABILITIES if re.search(pattern, name)), None)


def _visible(program: str, gpus: tuple[Gpu, ...], seconds: float) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The GPUs that the caller's variables leave, and what that means."""
    value = environment_variable("CUDA_VISIBLE_DEVICES", "all")
    if value == "all":
        return gpus, ()
    parts: list[tuple[str, int]] = []
    if "mig-" in value.casefold():
        owner = 0
        for line in _output([program, "-L"], seconds).splitlines():
            whole, part = _WHOLE.match(line), _PART.search(line)
            owner = int(whole[1]) if whole else owner
            parts += [(part[1], owner)] if part else []
    shown = visible(gpus, value, parts)
    warnings = []
    if len(shown) < len(gpus):
        warnings.append(f"`CUDA_VISIBLE_DEVICES={value}` leaves {len(shown)} of {len(gpus)} GPUs")
    by_index = re.search(r"(?:^|,)\s*\d+\s*(?:,|$)", value) is not None
    differ = len({gpu.capability for gpu in gpus}) > 1
    if by_index and differ and environment_variable("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        warnings.append(
            "the GPUs differ, and CUDA may count them in another order than nvidia-smi; "
            "set `CUDA_DEVICE_ORDER=PCI_BUS_ID` to make sure"
        )
    return shown, tuple(warnings)


def _known(text: str) -> str:
    """A value, or "" for the many words for not knowing it."""
    text = text.strip()
    return "" if _UNKNOWN.fullmatch(text) else text


def _first_line(text: str) -> str:
    return text.strip().partition(os.linesep)[0].partition("\n")[0].strip()[:200]
