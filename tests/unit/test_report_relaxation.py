"""Contradictions and relaxations as text."""

from __future__ import annotations

from pathlib import Path

from envyard.commands.relax import RelaxResult
from envyard.contradictions import Examination
from envyard.loosening import Level
from envyard.relaxation import Change, Contradiction, Relaxation
from envyard.report.relaxation import relax_data, relax_text
from envyard.report.text import Style
from envyard.resolver import Question, Target

ROOT = Path("workspace").absolute()
TARGETS = tuple(Target(python="3.11", platform=name) for name in ("linux-x86_64", "macos-arm64", "windows-x86_64"))
EVERYWHERE = "Python 3.11 on linux-x86_64, macos-arm64 and windows-x86_64"
FOUND = Relaxation(
    changes=(Change(before="a==1.0", after="a==1.*", package="a", version="1.4", level=Level.MAJOR),),
    contradictions=(Contradiction(lines=("a==1.0", "b==1.0"), target=TARGETS[0], reasons=("b 1.0 needs a >=1.2",)),),
    runs=7,
)


def result(relaxation: Relaxation, *, written: bool = False, note: str = "", outdated: bool = False) -> RelaxResult:
    return RelaxResult(
        key="torch-cpu-transformers",
        file=ROOT / "profiles" / "torch-cpu-transformers.toml",
        examination=Examination(relaxation=relaxation, question=Question(targets=TARGETS, folder=ROOT), note=note),
        places={"a==1.0": "profiles/x.toml:4: ", "b==1.0": "profiles/x.toml:5: "},
        written=written,
        dry_run=not written,
        stale={"torch-cpu-transformers": (ROOT / "requirements" / "cpu.txt",)} if outdated else {},
        built=outdated,
    )


def text(relaxation: Relaxation, *, width: int | None = None, written: bool = False, note: str = "") -> list[str]:
    return relax_text(result(relaxation, written=written, note=note), ROOT, Style(), width).splitlines()


def test_change_is_told_with_its_reasons_and_places() -> None:
    assert text(FOUND, written=True) == [
        f"the requirements contradict each other (checked for {EVERYWHERE}, 7 runs of the resolver)",
        "",
        "these cannot be installed together:",
        "  profiles/x.toml:4: a==1.0",
        "  profiles/x.toml:5: b==1.0",
        "  because b 1.0 needs a >=1.2",
        "",
        "the smallest change that resolves (1 line):",
        "  a==1.0  ->  a==1.*   resolves to 1.4",
        "",
        f"{Path('profiles', 'torch-cpu-transformers.toml')} changed",
    ]


def test_lines_keep_to_the_width_of_a_terminal() -> None:
    assert max(map(len, text(FOUND, width=60, note="the index of cu121 could not be asked " * 3))) <= 60


def test_search_without_an_end_is_no_success() -> None:
    lines = text(Relaxation(found=False, smallest=False, runs=4, note="no end after 4 runs of the resolver"))
    assert lines[0].startswith("the requirements contradict each other")
    assert "no end after 4 runs of the resolver" in lines
    assert lines[-1].endswith("was not changed")


def test_sound_profile_needs_no_change() -> None:
    lines = text(Relaxation(runs=3))
    assert lines[0] == f"the requirements resolve (checked for {EVERYWHERE}, 3 runs of the resolver)"
    assert lines[-1].endswith("needs no change")
    assert relax_data(result(Relaxation(runs=3)))["resolves"] is True


def test_what_is_older_than_the_changed_profile_is_told_with_the_next_command() -> None:
    lines = relax_text(result(FOUND, written=True, outdated=True), ROOT, Style(), None).splitlines()
    assert lines[-2:] == [
        (
            "note: requirements/cpu.txt is older than `torch-cpu-transformers` now; "
            "run `invoke profiles.lock torch-cpu-transformers`"
        ),
        (
            "note: its environment is as it was; "
            "`invoke envs.resolve --profile torch-cpu-transformers --update` builds what it asks for now"
        ),
    ]
