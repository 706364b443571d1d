"""What tells that the graphics driver is another one, on each system, without starting anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envyard.driver import driver_identity


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any driver: what would tell is looked for in an empty folder."""
    monkeypatch.setattr("envyard.driver._KERNEL", str(tmp_path / "version"))
    monkeypatch.setattr("envyard.driver._WSL", str(tmp_path / "libcuda.so.1"))
    monkeypatch.setattr("envyard.driver._AMD", (str(tmp_path / "amdgpu"), str(tmp_path / "rocm")))
    monkeypatch.setenv("SystemRoot", str(tmp_path / "Windows"))
    return tmp_path


def test_no_driver_has_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    assert driver_identity() == ""
    monkeypatch.delenv("SystemRoot")
    assert driver_identity() == ""


@pytest.mark.parametrize(
    "text",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\n",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.129.03  Release Build\n",
    ],
    ids=["closed", "open"],
)
def test_kernel_tells_the_version(bare: Path, text: str) -> None:
    (bare / "version").write_text(text, encoding="utf-8")
    assert driver_identity() == "535.129.03"


@pytest.mark.parametrize("place", ["libcuda.so.1", "Windows/System32/nvcuda.dll"], ids=["WSL", "Windows"])
def test_another_library_is_another_driver(bare: Path, place: str) -> None:
    library = bare / place
    library.parent.mkdir(parents=True, exist_ok=True)
    library.write_bytes(b"driver 550")
    os.utime(library, ns=(1, 1_000_000_000))
    first = driver_identity()
    assert first.startswith(library.name)
    assert driver_identity() == first
    os.utime(library, ns=(1, 2_000_000_000))
    second = driver_identity()
    library.write_bytes(b"driver 551.1")
    os.utime(library, ns=(1, 2_000_000_000))
    assert len({first, second, driver_identity()}) == 3


def test_rocm_and_the_module_of_amd_count_together(bare: Path) -> None:
    (bare / "rocm").write_text("6.1.2-129\n", encoding="utf-8")
    before = driver_identity()
    (bare / "amdgpu").write_text("6.7.0\n", encoding="utf-8")
    assert (before, driver_identity()) == ("6.1.2-129", "6.7.0 6.1.2-129")


def test_what_is_no_file_tells_nothing(bare: Path) -> None:
    (bare / "version").mkdir()
    (bare / "amdgpu").write_bytes(b"\xff\x00")
    assert isinstance(driver_identity(), str)
