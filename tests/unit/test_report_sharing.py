"""`envs.explain` as text, in terminals of different widths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from envyard.commands.explain import Explanation, Present
from envyard.definition import Kind
from envyard.demands import Demand
from envyard.obstacles import Cause, Obstacle
from envyard.report.sharing import explain_data, explain_text
from envyard.report.text import Style
from envyard.resolver import Target
from envyard.together import Sharing

ROOT = Path("workspace").absolute()
TARGETS = tuple(Target(python="3.11", platform=name) for name in ("linux-x86_64", "windows-x86_64"))

EVERYWHERE = "Python 3.11 on linux-x86_64 and windows-x86_64"


def present(key: str, pins: dict[str, str] | None, **changes: Any) -> Present:
    values: dict[str, Any] = {"kind": Kind.PROJECT, "title": key.title(), "stale": False}
    return Present(key=key, lockfile=ROOT / "requirements" / f"{key}.txt", pins=pins, **{**values, **changes})


def demand(key: str, number: int, text: str) -> Demand:
    return Demand(key=key, text=text, file=ROOT / "requirements" / f"{key}.in", number=number, line=text)


ONE = present("one", {"alpha": "1.0", "demo": "1.0", "gone": "1.0"})
TWO = present("two", {"alpha": "2.0", "demo": "1.0"})
YES = Explanation(
    present=(ONE, TWO),
    sharing=Sharing(
        keys=("one", "two"),
        possible=True,
        targets=TARGETS,
        pins={TARGETS[0]: {"alpha": "1.0", "demo": "1.0", "new": "3.0"}, TARGETS[1]: {"alpha": "9.0"}},
        runs=2,
    ),
    platform="linux-x86_64",
)
NO = Explanation(
    present=(ONE, TWO),
    sharing=Sharing(
        keys=("one", "two"),
        possible=False,
        targets=TARGETS,
        obstacles=(
            Obstacle(
                cause=Cause.REQUIREMENTS,
                demands=(demand("one", 3, "alpha==1.0"), demand("two", 1, "alpha==2.0")),
                reasons=("one environment holds one version of alpha",),
                target=TARGETS[0],
            ),
        ),
        notes=("they do fit together on windows-x86_64",),
        runs=5,
    ),
    platform="linux-x86_64",
)


def lines(found: Explanation, width: int | None = None) -> list[str]:
    return explain_text(found, ROOT, Style(), width).splitlines()


def test_yes_tells_the_versions_and_whose_pins_change() -> None:
    requirements = Path("requirements")
    assert lines(YES) == [
        "`one` and `two` can share one environment",
        "",
        f"by their requirements: yes, they resolve together (checked for {EVERYWHERE}, 2 runs of the resolver)",
        "",
        "as they are locked: no, of the 2 packages that both pin 1 differs on linux-x86_64: alpha",
        "",
        "together they would have 3 packages on linux-x86_64:",
        "  package  together  one  two",
        "  alpha    1.0       1.0  2.0",
        "  and as they are locked: demo==1.0, new==3.0",
        "",
        f"{requirements / 'one.txt'}: no pin would change",
        f"{requirements / 'two.txt'}: 1 pin would change",
    ]


def test_no_tells_the_lines_and_the_reason() -> None:
    assert lines(NO) == [
        "`one` and `two` cannot share one environment",
        "",
        f"by their requirements: no, these lines exclude each other (checked for {EVERYWHERE}, 5 runs of the resolver)",
        "",
        "  requirements/one.in:3: alpha==1.0",
        "  requirements/two.in:1: alpha==2.0",
        "  because one environment holds one version of alpha",
        "",
        "as they are locked: no, of the 2 packages that both pin 1 differs on linux-x86_64: alpha",
        "",
        "note: they do fit together on windows-x86_64",
    ]


def test_lines_keep_to_the_width_of_a_terminal() -> None:
    for found in (YES, NO):
        assert max(map(len, lines(found, 60))) <= 60


def test_missing_and_stale_lockfiles_are_told() -> None:
    found = replace(YES, present=(present("one", None), replace(TWO, stale=True)))
    text = lines(found)
    assert "as they are locked: not known, one has no lockfile" in text
    assert text[-1] == f"note: {Path('requirements', 'two.txt')} is older than the requirements of `two`"
    assert explain_data(found)["differences"] is None


def test_data_has_every_place() -> None:
    (obstacle,) = explain_data(NO)["obstacles"]
    assert obstacle["lines"][0] == {
        "key": "one",
        "file": str(ROOT / "requirements" / "one.in"),
        "line": 3,
        "text": "alpha==1.0",
    }
    assert (obstacle["cause"], obstacle["target"]) == ("requirements", "Python 3.11 on linux-x86_64")
