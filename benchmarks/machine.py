"""What the numbers were measured on, without the name of the machine or its folders."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from processes import read_output


def describe_machine(folder: Path) -> dict[str, str]:
    """Processor, memory, system, and the filesystem that holds `folder`."""
    return {
        "processor": f"{len(usable_cores())} usable cores, {_processor()}",
        "memory": f"{_memory_bytes() / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "filesystem": f"{_filesystem(folder)}, {shutil.disk_usage(folder).free / 1e9:.0f} GB free",
        "load at start": f"{os.getloadavg()[0]:.2f}",
    }


def usable_cores() -> list[int]:
    """The cores this process may use (a container may see more than it has)."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return read_output(("sysctl", "-n", "machdep.cpu.brand_string")) or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _filesystem(folder: Path) -> str:
    """The type of the nearest mount above `folder`: fields 5 and the one after " - " of proc(5) mountinfo."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown filesystem"
    mounts = {}
    for line in lines:
        fields, _, source = line.partition(" - ")
        mounts[fields.split()[4]] = source.split()[0]
    above = [str(parent) for parent in (folder.resolve(), *folder.resolve().parents)]
    return next((mounts[path] for path in above if path in mounts), "unknown filesystem")
