"""`envs.lock`: hashed pins that hold on every platform, stay until asked, and say what they were made from."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import MakeWorkspace
from kit.engine import Engine, clear, texts
from kit.index import LocalIndex
from kit.wheels import backend_files, make_wheel
from kit.workspaces import ProjectPlan
from packaging.markers import Marker

from envyard.definition import Definition
from envyard.errors import InstallFailed, InterpreterNotFound, RequirementsConflict
from envyard.events import Warned
from envyard.platforms import PLATFORMS, this_platform
from envyard.provision import Action
from envyard.requirements import inputs_digest, lockfile_is_stale, parse_lockfile, recorded_inputs

EVERY_PLATFORM = ("linux-x86_64", "linux-aarch64", "macos-arm64", "macos-x86_64", "windows-x86_64")
_CPYTHON = "cp{0}{1}-cp{0}{1}".format(*sys.version_info)
WHEEL_TAGS = {
    "linux-x86_64": f"{_CPYTHON}-manylinux_2_17_x86_64",
    "linux-aarch64": f"{_CPYTHON}-manylinux_2_17_aarch64",
    "macos-arm64": f"{_CPYTHON}-macosx_11_0_arm64",
    "macos-x86_64": f"{_CPYTHON}-macosx_10_9_x86_64",
    "windows-x86_64": f"{_CPYTHON}-win_amd64",
}


def _text(engine: Engine, key: str = "alpha") -> str:
    return engine.kit.lockfile(key).read_text(encoding="utf-8")


def _pins_on(text: str, platform: str) -> dict[str, str]:
    """What the lockfile pins for a platform, by its markers."""
    variables = {
        **PLATFORMS[platform].variables,
        "python_version": "3.11",
        "python_full_version": "3.11.7",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    pins: dict[str, str] = {}
    for pin in parse_lockfile(text):
        if not pin.marker or Marker(pin.marker).evaluate(variables):
            assert pin.name not in pins, f"two versions of {pin.name} on {platform}"
            pins[pin.name] = pin.version
    return pins


def _warnings(engine: Engine) -> list[str]:
    return [event.message for event in engine.events if isinstance(event, Warned)]


def _lock(engine: Engine, key: str = "alpha", **options: bool) -> tuple[str, ...]:
    """Lock, and return what changed."""
    outcome = engine.lock_one(key, **options)
    assert outcome.error is None, outcome.error
    return outcome.changes


# --- what is in it


def test_a_lockfile_pins_everything_with_every_hash_and_can_be_installed(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    for tag in WHEEL_TAGS.values():
        local_index.add("many", "1.0", python_tag=tag)
    engine = Engine(workspace_kit({"alpha": ["gamma==2.0", "many"]}))
    engine.kit.lockfile("alpha").unlink()

    assert _lock(engine) == ("added alpha 2.0", "added beta 2.0", "added gamma 2.0", "added many 1.0")

    for pin in parse_lockfile(_text(engine)):
        offered = {f"sha256:{one.sha256}" for one in local_index.distributions(pin.name)}
        assert pin.hashes, pin.name
        assert set(pin.hashes) <= offered
        if pin.name == "many":
            assert set(pin.hashes) == offered, "a wheel of another platform has no hash"
    assert "invoke envs.lock alpha" in _text(engine)
    engine.build()
    assert engine.sound("alpha") == {"alpha": "2.0", "beta": "2.0", "gamma": "2.0", "many": "1.0"}


@pytest.mark.parametrize(
    ("line", "installer"),
    [("-e ../../libs/core", "uv"), ("-e ../../libs/core", "pip"), ("../../libs/core", "uv"), ("-e libs/core", "uv")],
)
def test_a_folder_and_a_wheel_of_the_monorepo_are_locked_and_installed(
    workspace_kit: MakeWorkspace, line: str, installer: str
) -> None:
    wheel = line.removeprefix("-e ").replace("libs/core", "./wheels/own-1.0-py3-none-any.whl")
    plan = ProjectPlan(
        files={"requirements.txt": f"{line}\n-r ../../common.txt\n{wheel}\n"},
        settings={"requirements": ["projects/alpha/requirements.txt"]},
    )
    kit = workspace_kit({"alpha": plan}, settings={"installer": installer})
    (kit.root / "common.txt").write_text("gamma==2.0\n", encoding="utf-8")
    make_wheel(kit.root / "wheels", "own", "1.0")
    for name, content in {**backend_files("core", "1.0", requires=["beta"]), "src/core/__init__.py": ""}.items():
        file = kit.root / "libs/core" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    engine = Engine(kit)

    _lock(engine)

    text = _text(engine)
    assert re.findall(r"(?m)^[^#]*libs/core$", text) == [
        "-e libs/core" if line == "-e libs/core" else f"{line.removesuffix('../../libs/core')}./libs/core"
    ]
    assert str(kit.root) not in text
    assert "common.txt" in text
    engine.build()
    assert {"core": "1.0", "gamma": "2.0", "beta": "2.0", "own": "1.0"}.items() <= engine.sound("alpha").items()


def test_a_folder_that_uv_takes_for_a_package_is_locked_and_installed(workspace_kit: MakeWorkspace) -> None:
    sources = '[tool.uv.sources]\ncore = { path = "../core", editable = true }\n'
    plans = {
        "alpha": ProjectPlan(
            files={"pyproject.toml": f'[project]\nname = "x"\nversion = "1"\ndependencies = ["core"]\n{sources}'},
            settings={"requirements": ["projects/alpha/pyproject.toml"]},
        ),
        "core": ProjectPlan(editable=True),
    }
    engine = Engine(workspace_kit(plans))

    _lock(engine)

    assert "\n-e ./projects/core\n    # via x (projects/alpha/pyproject.toml)\n" in _text(engine)
    engine.build()
    assert "core" in engine.sound("alpha")


def test_locking_again_changes_not_one_byte_and_no_time(workspace_kit: MakeWorkspace) -> None:
    plan = ProjectPlan(requirements=["gamma==2.0"], test_requirements=["demo"])
    engine = Engine(workspace_kit({"alpha": plan, "beta": ["demo==1.0"]}))
    for outcome in engine.lock().outcomes:
        assert outcome.error is None
    lockfile = engine.kit.lockfile("alpha")
    before, status = lockfile.read_bytes(), lockfile.stat()

    for options in ({}, {"upgrade": True}, {"stale_only": True}):
        result = engine.lock(**options)
        assert not any(outcome.changed or outcome.changes for outcome in result.outcomes), options

    assert lockfile.read_bytes() == before
    assert lockfile.stat().st_mtime_ns == status.st_mtime_ns
    assert engine.leftovers() == []


def test_a_lockfile_holds_no_address_and_no_path_of_this_machine(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, tmp_path: Path
) -> None:
    plan = ProjectPlan(requirements=["gamma==2.0"], test_requirements=["demo"], editable=True)
    engine = Engine(workspace_kit({"alpha": plan}))
    base = engine.root / "requirements" / "base.in"
    base.write_text("bulky\n", encoding="utf-8")
    own = engine.kit.requirements("alpha")
    own.write_text(f"--index-url {local_index.url}\n-r base.in\ngamma==2.0\n", encoding="utf-8")

    _lock(engine)

    text = _text(engine)
    assert "bulky==2.0" in text
    assert "-r requirements/base.in" in text
    assert "test-requirements in workspace.toml" in text
    for word in ("://", "127.0.0.1", str(local_index.port), str(tmp_path), str(engine.root), ".envs", "lock-", "/tmp"):
        assert word not in text, word


def test_line_endings_of_windows_change_nothing(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["gamma==2.0"]}))
    _lock(engine)
    engine.build()
    lockfile = engine.kit.lockfile("alpha")
    lockfile.write_bytes(lockfile.read_bytes().replace(b"\n", b"\r\n"))

    assert engine.outcome("alpha").action == Action.KEPT
    assert not engine.lock_one("alpha").changed
    engine.build(force=True)
    assert engine.sound("alpha")["gamma"] == "2.0"


def test_a_project_that_asks_for_nothing_gets_an_empty_lockfile(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": []}))

    _lock(engine)

    assert parse_lockfile(_text(engine)) == ()
    assert not engine.lock_one("alpha").changed
    engine.build(frozen=True)
    assert engine.sound("alpha") == {}


def test_extras_and_groups_of_a_pyproject_are_locked(workspace_kit: MakeWorkspace) -> None:
    text = (
        '[project]\nname = "alpha"\nversion = "1"\ndependencies = ["demo==1.0"]\n'
        '[project.optional-dependencies]\nfast = ["alpha==3.0"]\nslow = ["bulky"]\n'
        '[dependency-groups]\ntest = ["beta==2.0"]\n'
    )
    settings = {"requirements": ["projects/alpha/pyproject.toml"], "extras": ["fast"], "groups": ["test"]}
    plan = ProjectPlan(files={"pyproject.toml": text}, settings=settings)
    engine = Engine(workspace_kit({"alpha": plan}))

    _lock(engine)

    assert _pins_on(_text(engine), "linux-x86_64") == {"alpha": "3.0", "beta": "2.0", "demo": "1.0"}
    assert str(engine.root) not in _text(engine)
    assert not engine.lock_one("alpha").changed


def test_what_a_killed_command_left_in_the_store_goes_a_day_later(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    old, young = (engine.kit.store / "cache" / name for name in ("lock-0badf00d", "lock-0badcafe"))
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 100_000,) * 2)

    _lock(engine)

    assert not old.exists()
    assert young.exists(), "another command may work there now"


def test_projects_without_a_lockfile_are_left_out(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ProjectPlan(requirements=["demo"], locked=False), "beta": ["demo"]}))

    assert [outcome.key for outcome in engine.lock().outcomes] == ["beta"]


def test_the_first_lockfile_is_told_by_the_versions_that_it_changes(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    local_index.add("fresh", "1.0", requires=["demo==1.0"])
    plan = ProjectPlan(requirements=["fresh"], locked=False, editable=True)
    engine = Engine(workspace_kit({"alpha": plan}))
    engine.build()
    local_index.add("fresh", "2.0", requires=["demo==1.0"])

    engine.kit.change("alpha", locked=True)

    outcome = engine.outcome("alpha")
    assert (outcome.action, outcome.error) == (Action.REBUILT, None)
    assert outcome.reasons == ("locked by requirements/alpha.txt now", "fresh 1.0 -> 2.0")


# --- platforms


def _torchy(index: LocalIndex, requires: Mapping[str, list[str]]) -> None:
    """A project whose wheels do not agree on what they need, as torch 2.0.0."""
    for platform, tag in WHEEL_TAGS.items():
        index.add("torchy", "1.0", python_tag=tag, requires=["alpha>=1", *requires.get(platform, [])])


# Not macos-x86_64: uv takes the metadata of that wheel for all, so what only it needs is pinned everywhere.
@pytest.mark.parametrize("platform", ["linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"])
def test_what_only_the_wheel_of_one_platform_needs_is_pinned_for_it_alone(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, platform: str
) -> None:
    _torchy(local_index, {platform: ["cuda-lib==7.0", "tool>=1"]})
    local_index.add("cuda-lib", "7.0", python_tag=WHEEL_TAGS[platform], requires=["demo==1.0"])
    local_index.add("tool", "1.0")
    engine = Engine(workspace_kit({"alpha": ProjectPlan()}, settings={"platforms": list(EVERY_PLATFORM)}))
    engine.kit.requirements("alpha").write_text("torchy==1.0\n", encoding="utf-8")

    _lock(engine)

    text = _text(engine)
    common = {"alpha": "3.0", "torchy": "1.0"}
    alone = {"cuda-lib": "7.0", "demo": "1.0", "tool": "1.0"}
    assert _pins_on(text, platform) == common | alone
    for other in set(EVERY_PLATFORM) - {platform}:
        assert _pins_on(text, other) == common, other
    assert not engine.lock_one("alpha").changed


def test_what_two_platforms_need_and_the_rest_does_not_is_pinned_for_both(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    _torchy(local_index, {"linux-x86_64": ["cuda-lib==7.0"], "linux-aarch64": ["cuda-lib==7.0"]})
    for platform in ("linux-x86_64", "linux-aarch64"):
        local_index.add("cuda-lib", "7.0", python_tag=WHEEL_TAGS[platform])
    engine = Engine(workspace_kit({"alpha": ProjectPlan()}, settings={"platforms": list(EVERY_PLATFORM)}))
    engine.kit.requirements("alpha").write_text("torchy==1.0\n", encoding="utf-8")

    _lock(engine)

    text = _text(engine)
    for platform in ("linux-x86_64", "linux-aarch64"):
        assert _pins_on(text, platform) == {"alpha": "3.0", "torchy": "1.0", "cuda-lib": "7.0"}
    assert not engine.lock_one("alpha").changed


@pytest.mark.skipif(this_platform() != "linux-x86_64", reason="the wheels of this test are for Linux on x86-64")
def test_what_was_added_for_this_platform_is_installed(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    _torchy(local_index, {"linux-x86_64": ["cuda-lib==7.0"]})
    local_index.add("cuda-lib", "7.0", python_tag=WHEEL_TAGS["linux-x86_64"])
    engine = Engine(workspace_kit({"alpha": ProjectPlan()}))
    engine.kit.requirements("alpha").write_text("torchy==1.0\n", encoding="utf-8")
    _lock(engine)

    engine.build()

    assert engine.sound("alpha") == {"alpha": "3.0", "torchy": "1.0", "cuda-lib": "7.0"}


def test_markers_of_the_requirements_stay(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ProjectPlan()}))
    lines = 'demo==1.0 ; sys_platform == "win32"\ndemo==2.0 ; sys_platform != "win32"\n'
    engine.kit.requirements("alpha").write_text(lines, encoding="utf-8")

    _lock(engine)

    assert _pins_on(_text(engine), "windows-x86_64") == {"demo": "1.0"}
    assert _pins_on(_text(engine), "linux-x86_64") == {"demo": "2.0"}
    engine.build()
    assert engine.sound("alpha") == {"demo": "1.0" if this_platform().startswith("windows") else "2.0"}


def test_a_platform_without_a_wheel_is_a_warning_elsewhere_and_an_error_here(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    other = "windows-x86_64" if this_platform() != "windows-x86_64" else "linux-x86_64"
    local_index.add("elsewhere", "1.0", python_tag=WHEEL_TAGS[other])
    local_index.add("here", "1.0", python_tag=WHEEL_TAGS[this_platform()])
    engine = Engine(workspace_kit({"alpha": ProjectPlan(), "beta": ProjectPlan()}))
    engine.kit.requirements("alpha").write_text("here\n", encoding="utf-8")
    engine.kit.requirements("beta").write_text("elsewhere\n", encoding="utf-8")

    alpha, beta = engine.lock().outcomes

    assert alpha.error is None
    warnings = [event.message for event in engine.events if isinstance(event, Warned) and event.key == "alpha"]
    assert any(f"cannot be installed on {other}" in message for message in warnings)
    assert isinstance(beta.error, RequirementsConflict)
    assert "elsewhere" in texts(clear(beta.error).details)


# --- staleness


def _definition(engine: Engine) -> Definition:
    return engine.definition("alpha")


def test_the_lockfile_says_what_it_was_made_from(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    assert recorded_inputs(_text(engine)) == "", "the kit writes none"
    assert not lockfile_is_stale(_definition(engine)), "what cannot be known is not held against it"

    _lock(engine)

    assert re.fullmatch(r"[0-9a-f]{64}", recorded_inputs(_text(engine)))
    assert recorded_inputs(_text(engine)) == inputs_digest(_definition(engine))
    assert not lockfile_is_stale(_definition(engine))
    assert engine.lock(stale_only=True).outcomes == ()


def test_what_makes_a_lockfile_stale_and_what_does_not(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    own, base = engine.kit.requirements("alpha"), engine.root / "requirements" / "base.in"
    own.write_text("-r base.in\ndemo==1.0\n", encoding="utf-8")
    base.write_text("alpha==1.0\n", encoding="utf-8")
    _lock(engine)

    own.write_text("# why\n\n-r base.in\n  demo==1.0\n", encoding="utf-8")
    assert not lockfile_is_stale(_definition(engine)), "comments and blank lines"
    base.write_text("alpha==2.0\n", encoding="utf-8")
    assert lockfile_is_stale(_definition(engine)), "an included file"
    assert engine.show("alpha").lockfile_stale
    assert {finding.check for finding in engine.doctor().problems} >= {"lockfile"}
    (outcome,) = engine.lock(stale_only=True).outcomes
    assert outcome.changes == ("alpha 1.0 -> 2.0",)
    for change in ({"test_requirements": ["bulky"]}, {"settings": {"torch-backend": "cpu"}}):
        engine.kit.plans["alpha"] = engine.kit.plans["alpha"].__class__(requirements=["demo==1.0"], **change)
        engine.kit.write_definition()
        assert lockfile_is_stale(_definition(engine)), change


def test_a_stale_lockfile_is_told_at_every_setup_and_used(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    _lock(engine)
    engine.kit.requirements("alpha").write_text("demo==2.0\n", encoding="utf-8")

    engine.build()

    assert engine.sound("alpha") == {"demo": "1.0"}
    told = [event.message for event in engine.events if isinstance(event, Warned)]
    assert any("envs.lock alpha" in message for message in told)


# --- changes


def test_pins_stay_until_an_upgrade_is_asked_for(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    local_index.add("fresh", "1.0")
    engine = Engine(workspace_kit({"alpha": ["fresh", "demo==1.0"]}))
    _lock(engine)
    local_index.add("fresh", "2.0")

    assert _lock(engine) == ()
    engine.kit.requirements("alpha").write_text("fresh\ndemo==2.0\n", encoding="utf-8")
    assert _lock(engine) == ("demo 1.0 -> 2.0",)
    assert _lock(engine, upgrade=True) == ("fresh 1.0 -> 2.0",)
    assert engine.outcome("alpha").error is None
    assert engine.sound("alpha") == {"demo": "2.0", "fresh": "2.0"}


def test_a_requirement_that_is_gone_takes_its_dependencies_with_it(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["gamma==2.0", "demo==1.0"]}))
    _lock(engine)
    engine.kit.requirements("alpha").write_text("demo==1.0\n", encoding="utf-8")

    assert _lock(engine) == ("removed alpha 2.0", "removed beta 2.0", "removed gamma 2.0")


def test_a_conflict_names_the_packages_and_leaves_the_lockfile_as_it_was(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["beta==1.0"], "other": ["demo==1.0"]}))
    _lock(engine)
    before = engine.kit.lockfile("alpha").read_bytes()
    engine.kit.requirements("alpha").write_text("beta==1.0\ngamma==2.0\n", encoding="utf-8")

    alpha, other = engine.lock().outcomes

    assert isinstance(alpha.error, RequirementsConflict)
    assert "cannot be installed together" in clear(alpha.error).message
    assert "gamma" in texts(alpha.error.details)
    assert "beta" in texts(alpha.error.details)
    assert not alpha.changed
    assert engine.kit.lockfile("alpha").read_bytes() == before
    assert other.error is None
    assert engine.leftovers() == []


def test_a_project_of_another_python_is_locked_for_it(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    local_index.add("modern", "2.0", requires_python=">=3.99")
    local_index.add("modern", "1.0")
    engine = Engine(workspace_kit({"alpha": ["modern==1.0"], "beta": ProjectPlan(python="3.99")}))
    engine.kit.requirements("alpha").write_text("modern\n", encoding="utf-8")

    alpha, beta = engine.lock(upgrade=True).outcomes

    assert alpha.error is None
    assert _pins_on(_text(engine), this_platform()) == {"modern": "1.0"}
    assert isinstance(beta.error, InterpreterNotFound)


def test_without_an_index_the_lockfile_stays(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    before = engine.kit.lockfile("alpha").read_bytes()
    local_index.down()

    error = engine.lock_one("alpha", upgrade=True).error

    assert isinstance(error, InstallFailed)
    assert "could not be reached" in clear(error).message
    assert engine.kit.lockfile("alpha").read_bytes() == before


UNREADABLE = {
    "no UTF-8": b"demo==1.0\n\xff\xfe",
    "missing include": b"-r nowhere.in\n",
    "nonsense": b"demo ==== 1\n",
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_requirements_that_cannot_be_read_are_one_clear_error(workspace_kit: MakeWorkspace, content: bytes) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    before = engine.kit.lockfile("alpha").read_bytes()
    engine.kit.requirements("alpha").write_bytes(content)

    error = engine.lock_one("alpha").error

    assert error is not None
    clear(error)
    assert "alpha" in str(error)
    assert engine.kit.lockfile("alpha").read_bytes() == before


def test_a_changed_file_behind_the_same_name_is_not_locked_again_by_accident(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    _lock(engine)
    before = _text(engine)
    local_index.add("demo", "1.0", files={"demo/__init__.py": "import evil\n"})

    assert _lock(engine) == ()
    assert _text(engine) == before, "the hashes that were locked stay"
    (warning,) = _warnings(engine)
    assert warning == (
        "demo 1.0: the index has other files than those that were locked; if that is as it should be, run "
        "`invoke envs.lock alpha --rehash`"
    )
    error = engine.failure("alpha")
    assert "does not have the hash" in error.message
    assert "--upgrade" in error.hint
    engine.lock_one("alpha", upgrade=True)
    assert _text(engine) != before
    engine.build()


def test_hashes_for_one_platform_only_are_told_and_can_be_taken_anew(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, tmp_path: Path
) -> None:
    """The first index is a folder of wheels that somebody built on one platform; the versions are the same."""
    with LocalIndex(tmp_path / "built-here") as built:
        for name in ("one", "two", "pure"):
            for platform, tag in WHEEL_TAGS.items():
                if name != "pure":
                    local_index.add(name, "1.0", python_tag=tag)
                elif platform == this_platform():
                    local_index.add(name, "1.0")
        local_index.add("one", "2.0")
        built.add("one", "1.0", python_tag=WHEEL_TAGS[this_platform()], files={"one.py": "built_here = True\n"})
        built.add("two", "1.0", python_tag=WHEEL_TAGS[this_platform()], files={"two.py": "built_here = True\n"})
        engine = Engine(workspace_kit({"alpha": ProjectPlan()}, settings={"platforms": list(EVERY_PLATFORM)}))
        engine.kit.requirements("alpha").write_text("one<2\ntwo\npure\n", encoding="utf-8")
        usual = dict(engine.kit.env)
        engine.kit.env = usual | {"UV_INDEX": built.url, "UV_INDEX_STRATEGY": "unsafe-best-match"}
        _lock(engine)
        others = ", ".join(platform for platform in EVERY_PLATFORM if platform != this_platform())
        (warning,) = _warnings(engine)
        assert warning == (
            f"one 1.0, two 1.0: no hash fits {others}; the index that comes first here, or came first when they were "
            "locked, has files for other platforms only; run `invoke envs.lock alpha --rehash` where the first index "
            "has them all"
        )

        engine.kit.env = usual
        engine.events.clear()
        _lock(engine)
        assert "one 1.0, two 1.0: the index has other files than those that were locked" in _warnings(engine)[0]

    engine.events.clear()
    assert engine.lock_one("alpha", rehash=True).changed
    assert _warnings(engine) == []
    pins = {pin.name: (pin.version, len(pin.hashes)) for pin in parse_lockfile(_text(engine))}
    assert pins == {"one": ("1.0", 5), "two": ("1.0", 5), "pure": ("1.0", 1)}
    assert not engine.lock_one("alpha").changed


def test_hashes_that_an_old_lockfile_lacks_are_told(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    for tag in WHEEL_TAGS.values():
        local_index.add("one", "1.0", python_tag=tag)
    engine = Engine(workspace_kit({"alpha": ["one==1.0"]}, settings={"platforms": list(EVERY_PLATFORM)}))
    (wheel,) = local_index.folder.glob(f"one-1.0-{WHEEL_TAGS['macos-arm64']}.whl")
    kept = f"one==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    engine.kit.lockfile("alpha").write_text(kept, encoding="utf-8")
    _lock(engine)
    (warning,) = _warnings(engine)
    others = [platform for platform in EVERY_PLATFORM if platform != "macos-arm64"]
    assert warning.startswith(f"one 1.0: no hash fits {', '.join(others)}; ")


def test_two_commands_that_lock_the_same_at_once_leave_one_whole_lockfile(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["gamma==2.0", "demo==1.0"]}))
    engine.kit.lockfile("alpha").unlink()

    processes = [engine.kit.start("envs.lock", "alpha") for _ in range(2)]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in processes]

    assert [code for _said, code in ended] == [0, 0], ended
    assert not engine.lock_one("alpha").changed
    assert engine.leftovers() == []
