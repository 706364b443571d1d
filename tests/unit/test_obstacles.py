"""What the settings of environments have against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kit.values import make_definition

from envyard.demands import Demand
from envyard.needs import Needs
from envyard.obstacles import Cause, setting_obstacles
from envyard.pythons import parse_request

ROOT = Path("workspace").absolute()


def needs(
    key: str,
    *,
    python: str = "3.11",
    platforms: tuple[str, ...] = ("linux-x86_64",),
    index: str = "",
    package: str = "",
    **definition: Any,
) -> Needs:
    def demand(text: str) -> Demand:
        return Demand(key=key, text=text, file=ROOT / f"{key}.toml", number=1, line=text)

    return Needs(
        definition=make_definition(ROOT, key=key, editable=ROOT / key if package else None, **definition),
        requirements=(),
        pythons=((parse_request(python), demand(f"python {python}")),),
        platforms=platforms,
        options=(demand(index),) if index else (),
        settings={name: demand(f"{name} of {key}") for name in ("platforms", "torch-backend", "editable")},
        package=package,
    )


@pytest.mark.parametrize(
    ("first", "second", "cause", "lines"),
    [
        pytest.param(
            {"python": "3.11"}, {"python": ">=3.12"}, Cause.PYTHON, ["python 3.11", "python >=3.12"], id="Python"
        ),
        pytest.param(
            {"platforms": ("macos-arm64",)},
            {"platforms": ("linux-x86_64", "windows-x86_64")},
            Cause.PLATFORMS,
            ["platforms of one", "platforms of two"],
            id="platforms",
        ),
        pytest.param(
            {"torch_backend": "cpu"},
            {"torch_backend": "cu121"},
            Cause.TORCH_BACKEND,
            ["torch-backend of one", "torch-backend of two"],
            id="torch backends",
        ),
        pytest.param(
            {"index": "--index-url=https://a.example"},
            {"index": "-i https://b.example"},
            Cause.INDEX,
            ["--index-url=https://a.example", "-i https://b.example"],
            id="package indexes",
        ),
        pytest.param(
            {"package": "app"},
            {"package": "app"},
            Cause.PACKAGE,
            ["editable of one", "editable of two"],
            id="two packages of one name",
        ),
    ],
)
def test_settings_that_exclude_each_other(
    first: dict[str, Any], second: dict[str, Any], cause: Cause, lines: list[str]
) -> None:
    (found,) = setting_obstacles([needs("one", **first), needs("two", **second)])
    assert (found.cause, [demand.text for demand in found.demands]) == (cause, lines)
    assert found.reasons


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"python": "3.11"}, {"python": ">=3.10,<3.13"}, id="Python"),
        pytest.param({"platforms": ("linux-x86_64", "macos-arm64")}, {"platforms": ("linux-x86_64",)}, id="platforms"),
        pytest.param({"torch_backend": "cpu"}, {"torch_backend": ""}, id="one torch backend"),
        pytest.param({"torch_backend": "auto"}, {"torch_backend": "cu121"}, id="any torch backend"),
        pytest.param({"index": "--index-url https://a.example"}, {}, id="one index"),
        pytest.param(
            {"index": "--extra-index-url https://a.example"},
            {"index": "--extra-index-url https://b.example"},
            id="further indexes",
        ),
        pytest.param({"package": "app"}, {"package": "lib"}, id="two packages"),
    ],
)
def test_settings_that_do_not(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert setting_obstacles([needs("one", **first), needs("two", **second)]) == ()


def test_two_of_three_pythons_that_exclude_each_other_are_shown_alone() -> None:
    (found,) = setting_obstacles([needs("one"), needs("two", python=">=3.9"), needs("three", python="3.10")])
    assert [demand.key for demand in found.demands] == ["one", "three"]


def test_every_pair_of_a_group_counts() -> None:
    group = [needs("one", torch_backend="cpu"), needs("two"), needs("three", torch_backend="cu121")]
    (found,) = setting_obstacles(group)
    assert [demand.key for demand in found.demands] == ["one", "three"]
