"""Contradictions and the smallest relaxation, asked from uv's real resolver and a real index of empty wheels."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from kit.hardware_profiles import ALL_WRONG, NEW_NUMPY, OLD_TRANSFORMERS, SOUND, STACK, WRONG_VISION, add_stack
from kit.index import LocalIndex
from kit.isolation import DEAD_INDEX
from kit.wheels import make_sdist, make_wheel

from envyard.contradictions import Verdict, examine, refuse_contradictions
from envyard.errors import RequirementsConflict
from envyard.installers.uv import Uv, find_uv
from envyard.profile import Profile, Serves
from envyard.relaxation import Relaxation, find_contradiction, find_relaxation
from envyard.requirements import CONSTRAINT
from envyard.resolver import NotAsked, Question, Resolver, Target

LINUX = Target(python="3.11", platform="linux-x86_64")


@pytest.fixture
def index(local_index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> LocalIndex:
    """The index that uv asks in this test."""
    for name, value in local_index.environment().items():
        monkeypatch.setenv(name, value)
    return local_index


@pytest.fixture
def stack(index: LocalIndex) -> LocalIndex:
    """The same, with the packages of hardware profiles."""
    add_stack(index)
    return index


def lines_of(packages: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}{version if version[0] in '<>' else f'=={version}'}" for name, version in packages.items())


def question(folder: Path, *targets: Target, indexes: Sequence[str] = ()) -> Question:
    return Question(targets=targets or (LINUX,), folder=folder, indexes=tuple(indexes))


def relaxation(folder: Path, lines: Sequence[str], *targets: Target, limit: int = 250) -> Relaxation:
    with Resolver(question(folder, *targets), limit=limit) as resolver:
        return find_relaxation(resolver, lines)


def changes(found: Relaxation) -> dict[str, str]:
    return {change.before: change.after for change in found.changes}


# --- what is found


def test_pins_that_fit_need_no_change_and_one_run(stack: LocalIndex, tmp_path: Path) -> None:
    found = relaxation(tmp_path, lines_of(SOUND))
    assert (found.found, found.changes, found.contradictions, found.runs) == (True, (), (), 1)


@pytest.mark.parametrize(
    ("packages", "expected", "versions"),
    [
        pytest.param(
            OLD_TRANSFORMERS, {"tokenizers==0.15.0": "tokenizers==0.13.*"}, ["0.13.3"], id="transformers and tokenizers"
        ),
        pytest.param(
            WRONG_VISION, {"torchvision==0.15.0": "torchvision==0.16.*"}, ["0.16.0"], id="torch and torchvision"
        ),
        pytest.param(NEW_NUMPY, {"pandas==2.1.4": "pandas==2.*"}, ["2.2.2"], id="numpy 2 and an old pandas"),
        pytest.param(
            ALL_WRONG,
            {
                "torchvision==0.15.0": "torchvision==0.16.*",
                "tokenizers==0.15.0": "tokenizers==0.13.*",
                "pandas==2.1.4": "pandas==2.*",
            },
            ["0.16.0", "0.13.3", "2.2.2"],
            id="all three",
        ),
    ],
)
def test_fewest_lines_are_loosened_as_little_as_possible(
    stack: LocalIndex, tmp_path: Path, packages: dict[str, str], expected: dict[str, str], versions: list[str]
) -> None:
    lines = lines_of(packages)
    found = relaxation(tmp_path, lines)
    assert found.found
    assert found.smallest
    assert changes(found) == expected
    assert [change.version for change in found.changes] == versions
    with Resolver(question(tmp_path), limit=5) as resolver:
        assert resolver.ask([expected.get(line, line) for line in lines]).resolves


def test_contradiction_is_told_by_its_own_lines_only(stack: LocalIndex, tmp_path: Path) -> None:
    found = relaxation(tmp_path, lines_of(ALL_WRONG))
    assert [one.lines for one in found.contradictions] == [
        ("torch==2.1.0", "torchvision==0.15.0"),
        ("transformers==4.30.0", "tokenizers==0.15.0"),
        ("pandas==2.1.4", "numpy==2.0.0"),
    ]
    assert found.contradictions[0].reasons == ("torchvision 0.15.0 needs torch ==2.0.0",)
    assert found.contradictions[0].target == LINUX


def test_one_line_that_contradicts_two_is_loosened_rather_than_the_two(index: LocalIndex, tmp_path: Path) -> None:
    index.add("base", "1.0")
    index.add("base", "2.0")
    index.add("left", "1.0", requires=["base>=2"])
    index.add("left", "0.9", requires=["base<2"])
    index.add("right", "1.0", requires=["base>=2"])
    index.add("right", "0.9", requires=["base<2"])
    found = relaxation(tmp_path, ["base==1.0", "left==1.0", "right==1.0"])
    assert changes(found) == {"base==1.0": "base==2.0.*"}


def test_same_minor_version_is_tried_before_the_same_major_version(index: LocalIndex, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.0.5", "1.4.0"):
        index.add("base", version)
    index.add("top", "3.0", requires=["base>=1.0.1"])
    found = relaxation(tmp_path, ["base==1.0.0", "top==3.0"])
    assert changes(found) == {"base==1.0.0": "base==1.0.*"}
    assert found.changes[0].version == "1.0.5"


def test_line_further_down_is_loosened_where_all_else_is_equal(index: LocalIndex, tmp_path: Path) -> None:
    for name, other in (("first", "second"), ("second", "first")):
        index.add(name, "1.0.0", requires=[f"{other}==1.0.1"])
        index.add(name, "1.0.1")
    assert list(changes(relaxation(tmp_path, ["first==1.0.0", "second==1.0.0"]))) == ["second==1.0.0"]
    assert list(changes(relaxation(tmp_path, ["second==1.0.0", "first==1.0.0"]))) == ["first==1.0.0"]


def test_answer_is_the_same_every_time(stack: LocalIndex, tmp_path: Path) -> None:
    assert relaxation(tmp_path, lines_of(WRONG_VISION)) == relaxation(tmp_path, lines_of(WRONG_VISION))


def test_every_target_counts(index: LocalIndex, tmp_path: Path) -> None:
    index.add("native", "1.0.0", python_tag="cp311-cp311-manylinux_2_17_x86_64")
    for version in ("1.0.1", "1.1.0"):
        index.add("native", version, python_tag="cp311-cp311-manylinux_2_17_x86_64")
    index.add("native", "1.0.1", python_tag="cp311-cp311-win_amd64")
    windows = Target(python="3.11", platform="windows-x86_64")
    assert relaxation(tmp_path, ["native==1.0.0"]).changes == ()
    found = relaxation(tmp_path, ["native==1.0.0"], LINUX, windows)
    assert changes(found) == {"native==1.0.0": "native==1.0.*"}
    assert found.contradictions[0].target == windows


def test_python_of_the_target_counts_and_not_that_of_envyard(index: LocalIndex, tmp_path: Path) -> None:
    index.add("young", "2.0", requires_python=">=3.13")
    index.add("young", "1.9", requires_python=">=3.9")
    assert relaxation(tmp_path, ["young==2.0"], Target(python="3.13", platform="linux-x86_64")).changes == ()
    found = relaxation(tmp_path, ["young==2.0"], Target(python="3.10", platform="linux-x86_64"))
    assert changes(found) == {"young==2.0": "young==1.9.*"}
    assert "young 2.0 needs Python >=3.13" in found.contradictions[0].reasons


def test_package_that_is_not_there_is_no_matter_of_versions(stack: LocalIndex, tmp_path: Path) -> None:
    found = relaxation(tmp_path, ["torch==2.1.0", "nosuch==1.0"])
    assert not found.found
    assert "`nosuch` cannot be installed" in found.note
    assert found.contradictions[0].reasons[0].startswith("the index has no")


def test_direct_reference_is_not_loosened_but_what_contradicts_it(index: LocalIndex, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "built", "1.0", requires=["alpha>=2"])
    found = relaxation(tmp_path, [f"built @ {wheel.as_uri()}", "alpha==1.0"])
    assert list(changes(found)) == ["alpha==1.0"]


def test_constraint_narrows_and_asks_for_nothing(index: LocalIndex, tmp_path: Path) -> None:
    with Resolver(question(tmp_path), limit=9) as resolver:
        assert resolver.ask(["alpha", f"{CONSTRAINT}alpha<3", f"{CONSTRAINT}demo<2"]).pins == {LINUX: {"alpha": "2.0"}}
        found = find_contradiction(resolver, ["bulky", "alpha>=3", f"{CONSTRAINT}alpha<3"])
    assert found is not None
    assert found.lines == ("alpha>=3", f"{CONSTRAINT}alpha<3")


def test_preferred_pins_stay_where_they_can(index: LocalIndex, tmp_path: Path) -> None:
    with Resolver(replace(question(tmp_path), preferences="alpha==1.0\ndemo==1.0\n"), limit=9) as resolver:
        assert resolver.ask(["alpha>1", "demo"]).pins == {LINUX: {"alpha": "3.0", "demo": "1.0"}}


# --- what it costs, and what it depends on


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for uv")
def test_lines_that_have_nothing_to_do_with_it_are_left_out_in_parts(index: LocalIndex, tmp_path: Path) -> None:
    others = [f"other{number}" for number in range(60)]
    for name in others:
        index.add(name, "1.0")
    lines = [*others[:20], "demo==1.0", *others[20:50], "demo==2.0", *others[50:]]
    real = find_uv()
    assert real is not None
    silent = tmp_path / "uv"  # without words nothing hints at the lines
    silent.write_text(f'#!/bin/sh\nexec "{real.program}" "$@" 2>/dev/null\n')
    silent.chmod(0o755)
    with Resolver(question(tmp_path), limit=40) as resolver:
        resolver._uv = Uv(str(silent))
        found = find_contradiction(resolver, lines)
    assert found is not None
    assert found.lines == ("demo==1.0", "demo==2.0")
    assert resolver.runs < len(lines) / 2


def test_nothing_but_metadata_is_downloaded(stack: LocalIndex, tmp_path: Path) -> None:
    relaxation(tmp_path, lines_of(ALL_WRONG))
    assert stack.requests
    assert not stack.counts()


def test_resolver_stops_at_its_limit_and_says_so(stack: LocalIndex, tmp_path: Path) -> None:
    found = relaxation(tmp_path, lines_of(ALL_WRONG), limit=4)
    assert (found.found, found.smallest, found.runs) == (False, False, 4)
    assert "no end after 4 runs" in found.note


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for uv")
def test_answer_does_not_depend_on_the_words_of_uv(stack: LocalIndex, tmp_path: Path) -> None:
    real = find_uv()
    assert real is not None
    silent = tmp_path / "uv"
    silent.write_text(f'#!/bin/sh\n"{real.program}" "$@" 2>/dev/null\nstatus=$?\necho moonshine >&2\nexit $status\n')
    silent.chmod(0o755)
    with Resolver(question(tmp_path), limit=250) as resolver:
        resolver._uv = Uv(str(silent))
        found = find_relaxation(resolver, lines_of(ALL_WRONG))
    assert changes(found) == changes(relaxation(tmp_path, lines_of(ALL_WRONG)))
    assert [len(one.lines) for one in found.contradictions] == [2, 2, 2]
    assert found.contradictions[0].reasons == ("moonshine",)


def test_index_that_cannot_be_reached_gives_no_answer(stack: LocalIndex, tmp_path: Path) -> None:
    stack.down()
    with Resolver(question(tmp_path), limit=5) as resolver, pytest.raises(NotAsked, match="could not be reached"):
        find_contradiction(resolver, lines_of(SOUND))


def test_line_that_uv_does_not_understand_gives_no_answer(stack: LocalIndex, tmp_path: Path) -> None:
    with Resolver(question(tmp_path), limit=5) as resolver, pytest.raises(NotAsked, match="not understood"):
        resolver.ask(["torch==="])


def test_common_index_is_asked_where_a_further_one_cannot_be_reached(stack: LocalIndex, tmp_path: Path) -> None:
    lines = ["torch==2.1.0+cu121", "torchvision==0.15.0+cu121"]
    found = examine(lines, question(tmp_path, indexes=[DEAD_INDEX]))
    assert changes(found.relaxation) == {"torchvision==0.15.0+cu121": "torchvision==0.16.*"}
    assert found.contradictions[0].lines == tuple(lines)
    assert "could not be asked, so this holds for the common index" in found.note


def test_what_only_a_build_could_tell_is_left_out_and_told(stack: LocalIndex, tmp_path: Path) -> None:
    make_sdist(stack.folder, "kernels", "1.0", fail_with="needs a compiler")
    found = examine(["kernels==1.0", *lines_of(WRONG_VISION)], question(tmp_path))
    assert list(changes(found.relaxation)) == ["torchvision==0.15.0"]
    assert "kernels==1.0" in found.note


# --- the refusal before a build


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    return tmp_path


def profile(root: Path, packages: Mapping[str, str], *, lockfile: str = "") -> Profile:
    """A profile as its loader would make it, with its file."""
    lines = lines_of(packages)
    file = root / "profiles" / "torch-cpu-transformers.toml"
    listed = "".join(f'    "{line}",\n' for line in lines)
    file.write_text(f"[packages]\nrequirements = [\n{listed}]\n", encoding="utf-8")
    return Profile(
        key="torch-cpu-transformers",
        title="Transformers (CPU)",
        file=file,
        serves=Serves(backend="transformers", accelerator="cpu", platforms=("linux-x86_64",)),
        preferred_python="3.11",
        requirements=lines,
        lockfiles={"linux-x86_64": root / lockfile} if lockfile else {},
    )


def refuse(root: Path, packages: Mapping[str, str], *, lockfile: str = "") -> Verdict:
    given = profile(root, packages, lockfile=lockfile)
    return refuse_contradictions(given, root=root, store=root / ".envs", platform="linux-x86_64")


def test_contradicting_profile_is_refused_with_the_lines_that_ask(stack: LocalIndex, root: Path) -> None:
    with pytest.raises(RequirementsConflict, match="contradict each other, so nothing was downloaded") as caught:
        refuse(root, WRONG_VISION)
    assert caught.value.details == (
        "profiles/torch-cpu-transformers.toml:3: torch==2.1.0",
        "profiles/torch-cpu-transformers.toml:4: torchvision==0.15.0",
        "  cannot be installed together with Python 3.11 on linux-x86_64:",
        "  torchvision 0.15.0 needs torch ==2.0.0",
    )
    assert "profiles.relax torch-cpu-transformers" in caught.value.hint
    assert not stack.counts()


def test_set_that_resolved_is_not_asked_about_again(stack: LocalIndex, root: Path) -> None:
    assert refuse(root, SOUND) == Verdict(resolves=True, runs=1)
    stack.down()
    assert refuse(root, SOUND) == Verdict(resolves=True, cached=True)


def test_set_that_resolved_with_another_index_is_asked_about_anew(
    stack: LocalIndex, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(root, SOUND)
    monkeypatch.setenv("UV_INDEX", stack.url)
    assert refuse(root, SOUND) == Verdict(resolves=True, runs=1)


def test_changed_set_is_asked_about_anew(stack: LocalIndex, root: Path) -> None:
    refuse(root, SOUND)
    with pytest.raises(RequirementsConflict, match="contradict"):
        refuse(root, WRONG_VISION)


def test_refusal_is_not_remembered(stack: LocalIndex, root: Path) -> None:
    with pytest.raises(RequirementsConflict, match="contradict"):
        refuse(root, {"torch": "2.1.0", "torchvision": "0.99.0"})
    stack.add("torchvision", "0.99.0", requires=STACK["torchvision", "0.16.0"])
    assert refuse(root, {"torch": "2.1.0", "torchvision": "0.99.0"}).resolves


def test_without_an_index_nothing_is_refused(stack: LocalIndex, root: Path) -> None:
    stack.down()
    verdict = refuse(root, WRONG_VISION)
    assert verdict.resolves is None
    assert verdict.note.startswith("not checked for contradictions: the package index could not be reached")


def test_profile_with_a_lockfile_is_not_asked_about(stack: LocalIndex, root: Path) -> None:
    (root / "pins.txt").write_text("torch==2.1.0\n", encoding="utf-8")
    verdict = refuse(root, WRONG_VISION, lockfile="pins.txt")
    assert (verdict.resolves, verdict.runs) == (True, 0)
    assert not stack.requests


# --- the real index


@pytest.mark.network
def test_real_contradiction_is_resolved_with_the_real_index(tmp_path: Path) -> None:
    found = relaxation(tmp_path, ["transformers==4.30.0", "tokenizers==0.15.0"])
    assert [one.lines for one in found.contradictions] == [("transformers==4.30.0", "tokenizers==0.15.0")]
    assert changes(found) == {"tokenizers==0.15.0": "tokenizers==0.13.*"}
