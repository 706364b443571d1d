"""The settings of the application and their defaults. Every leaf is a str, int, float, bool or Path."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import psutil

_MIB = 1024 * 1024


def _physical_cores() -> int:
    # Two hyper-threads of one core gain nothing for matrix products. None where the system does not tell.
    return int(psutil.cpu_count(logical=False) or psutil.cpu_count() or 1)


def _half_of_the_memory() -> int:
    return int(psutil.virtual_memory().total) // 2 // _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where the service listens."""

    host: str = "127.0.0.1"
    port: int = 8000
    reload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Which model is used and how."""

    folder: Path = Path("models")
    device: str = "cpu"
    temperature: float = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the machine can give: one worker per physical core and half of the memory (MiB), unless set."""

    workers: int = field(default_factory=_physical_cores)
    memory: int = field(default_factory=_half_of_the_memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, one section a field."""

    service: Service = field(default_factory=Service)
    models: Models = field(default_factory=Models)
    limits: Limits = field(default_factory=Limits)
