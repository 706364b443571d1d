"""A machine with other GPUs: programs on PATH that answer as the tools of their makers do."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = """\
#!{python} -IS
import sys, time
answers = {answers!r}
words = sys.argv[1:]
rules = [one for one in answers if all(any(word in each for each in words) for word in one[0])]
_, code, out, err, hang = rules[0] if rules else ((), 2, "", "unknown question\\n", False)
sys.stdout.write(out)
sys.stderr.write(err)
sys.stdout.flush()
if hang:
    time.sleep(600)
sys.exit(code)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program says when all of `words` are in its arguments; with `hang` it does not end by itself."""

    words: tuple[str, ...] = ()
    out: str = ""
    err: str = ""
    code: int = 0
    hang: bool = False


def install_program(folder: Path, name: str, answers: list[Answer]) -> None:
    """Put an executable `name` into `folder`; the first answer whose words fit counts."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    table = [(one.words, one.code, one.out, one.err, one.hang) for one in answers]
    path.write_text(_PROGRAM.format(python=sys.executable, answers=table), encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def install_nvidia_smi(
    folder: Path, gpus: list[Mapping[str, str]], *, driver: str, cuda: str = "", unknown: tuple[str, ...] = ()
) -> None:
    """An `nvidia-smi` of the age that does not know the fields `unknown`; a GPU is field -> what is printed."""
    known = ("index", "uuid", "name", "driver_version", "memory.total", "compute_cap", "mig.mode.current")
    answers = [
        Answer(words=(field,), out=f'Field "{field}" is not a valid field to query.\n\n', code=2) for field in unknown
    ]
    for count in (7, 6, 5):
        fields = known[:count]
        rows = []
        for number, gpu in enumerate(gpus):
            usual = {"index": str(number), "uuid": f"GPU-{number:08x}", "driver_version": driver}
            rows.append(", ".join({**usual, **gpu}.get(field, "[N/A]") for field in fields))
        answers.append(Answer(words=(f"--query-gpu={','.join(fields)}",), out="".join(f"{row}\n" for row in rows)))
    listing = "".join(
        f"GPU {number}: {gpu.get('name', '')} (UUID: GPU-{number:08x})\n{gpu.get('parts', '')}"
        for number, gpu in enumerate(gpus)
    )
    header = f"| NVIDIA-SMI {driver}    Driver Version: {driver}    CUDA Version: {cuda or 'N/A'} |\n"
    install_program(folder, "nvidia-smi", [*answers, Answer(words=("-L",), out=listing), Answer(out=header)])


def path_with(folder: Path) -> str:
    """PATH with the programs of `folder` first."""
    return os.pathsep.join([str(folder), os.environ["PATH"]])
