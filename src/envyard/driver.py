"""Which graphics driver this machine has now, as far as files tell it at once; nothing is started for it.

An update of the driver may mend, or break, what was tried before, so verdicts, failures and the hardware that was found
are remembered together with it. Where the kernel does not tell a version (Windows, WSL), the driver's own library is a
good sign: each release of the driver brings another file.
"""

from __future__ import annotations

import os
import re

from envyard.process import environment_variable

_KERNEL = "/proc/driver/nvidia/version"
_WSL = "/usr/lib/wsl/lib/libcuda.so.1"  # WSL shows the library of the driver of Windows there
_AMD = ("/sys/module/amdgpu/version", "/opt/rocm/.info/version")


def driver_identity() -> str:
    """The driver: `550.54.15`, or `nvcuda.dll 3478912 1731000000000000000` (size, time); "" when nothing tells it.

    Apple's GPUs have no driver of their own: it comes with macOS, whose update changes nothing that was tried.
    """
    return _kernel_version() or _library(_WSL) or _library(_windows_library()) or _amd_versions()


def _kernel_version() -> str:
    found = re.search(r"Kernel Module[^\n]*?\s(\d+(?:\.\d+)+)", _text(_KERNEL))
    return found[1] if found else ""


def _windows_library() -> str:
    root = environment_variable("SystemRoot")
    return os.path.join(root, "System32", "nvcuda.dll") if root else ""


def _library(path: str) -> str:
    """A file by its name, size and time, "" when it is not there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{os.path.basename(path)} {status.st_size} {status.st_mtime_ns}"


def _amd_versions() -> str:
    """The kernel's module where it is AMD's own, and ROCm."""
    return " ".join(filter(None, (_text(path).strip() for path in _AMD)))


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(4096)
    except OSError:
        return ""
