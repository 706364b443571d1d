"""Platforms as markers."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker

from envyard.errors import ConfigurationInvalid
from envyard.platforms import PLATFORMS, this_platform
from envyard.workspace import load_workspace


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_marker_of_a_platform_holds_there_and_nowhere_else(name: str) -> None:
    marker = Marker(PLATFORMS[name].marker)

    assert [other for other, entry in PLATFORMS.items() if marker.evaluate(dict(entry.variables))] == [name]


def test_names_and_keys_agree() -> None:
    assert all(entry.name == name for name, entry in PLATFORMS.items())


def test_every_platform_that_a_workspace_may_name_can_be_locked_for(tmp_path: Path) -> None:
    text = f"[workspace]\nplatforms = {json.dumps(list(PLATFORMS))}\n[projects.alpha]\n"
    (tmp_path / "workspace.toml").write_text(text, encoding="utf-8")
    (tmp_path / "alpha").mkdir()

    assert load_workspace(tmp_path).platforms == tuple(PLATFORMS)
    (tmp_path / "workspace.toml").write_text(text.replace("linux-x86_64", "windows-arm64"), encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match="windows-arm64"):
        load_workspace(tmp_path)


def test_this_platform_has_the_variables_of_this_python() -> None:
    if this_platform() not in PLATFORMS:
        pytest.skip("locked for no such machine")
    variables = PLATFORMS[this_platform()].variables
    here = (sys.platform, platform.system(), platform.machine(), os.name)
    names = ("sys_platform", "platform_system", "platform_machine", "os_name")

    assert tuple(variables[name] for name in names) == here


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "x86_64", "linux-x86_64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("darwin", "arm64", "macos-arm64"),
        ("win32", "AMD64", "windows-x86_64"),
        ("freebsd14", "amd64", "freebsd14-x86_64"),
    ],
)
def test_platforms_are_named_by_system_and_machine(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)

    assert this_platform() == expected
