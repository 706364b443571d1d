"""The platforms a lockfile must serve: their names here, in uv, and as environment markers (PEP 508)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """`uv` is the value of `--python-platform`; `variables` are the marker variables that tell platforms apart."""

    name: str
    uv: str
    variables: Mapping[str, str]

    @property
    def marker(self) -> str:
        """A marker that holds on this platform only."""
        return (
            f"sys_platform == '{self.variables['sys_platform']}' "
            f"and platform_machine == '{self.variables['platform_machine']}'"
        )


def _platform(name: str, uv: str, sys_platform: str, system: str, machine: str) -> Platform:
    os_name = "nt" if sys_platform == "win32" else "posix"
    variables = {
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_machine": machine,
        "os_name": os_name,
    }
    return Platform(name=name, uv=uv, variables=variables)


PLATFORMS = {
    entry.name: entry
    for entry in (
        # manylinux_2_31: the oldest glibc (Debian 11, Ubuntu 20.04) that current torch wheels are used on
        _platform("linux-x86_64", "x86_64-manylinux_2_31", "linux", "Linux", "x86_64"),
        _platform("linux-aarch64", "aarch64-manylinux_2_31", "linux", "Linux", "aarch64"),
        _platform("macos-arm64", "aarch64-apple-darwin", "darwin", "Darwin", "arm64"),
        _platform("macos-x86_64", "x86_64-apple-darwin", "darwin", "Darwin", "x86_64"),
        _platform("windows-x86_64", "x86_64-pc-windows-msvc", "win32", "Windows", "AMD64"),
        _platform("windows-arm64", "aarch64-pc-windows-msvc", "win32", "Windows", "ARM64"),
    )
}

HARDWARE = (
    r"auto|cpu|mps|rocm(?::[0-9]{1,2}\.[0-9]{1,2})?"
    r"|cuda(?::[0-9]{1,2}\.[0-9](?::[0-9]{3}(?:\.[0-9]{1,3}){0,2})?)?"
)
HARDWARE_WORDS = (
    "`auto`, `cpu`, `mps`, `rocm:6.1`, `cuda:8.9` (compute capability) or `cuda:8.9:550.54.15` (and driver)"
)


def this_platform() -> str:
    """The name of the platform this process runs on (it need not be one of `PLATFORMS`)."""
    import platform  # 8 ms, and only to lock

    system = {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    return f"{system}-{'x86_64' if machine in ('amd64', 'x86_64') else machine}"
