"""What goes wrong around envyard: one clear error each time; the environment before and the others stay."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import MakeWorkspace
from kit.disks import Disk, small_disk
from kit.engine import Engine, clear, texts
from kit.faults import Rule
from kit.index import LocalIndex
from kit.wheels import make_sdist
from kit.workspaces import ProjectPlan

from envyard.definition import Kind
from envyard.environment import COMMIT_FILE
from envyard.errors import (
    EnvyardError,
    InstallFailed,
    InterpreterNotFound,
    LockfileMissing,
    LockfileStale,
    RequirementsConflict,
    RequirementsUnreadable,
    StoreUnusable,
)
from envyard.events import Phase, PhaseStarted
from envyard.health import Grade
from envyard.provision import Action

# --- the index


def _index_down(index: LocalIndex) -> None:
    index.down()


def _fault(pattern: str, spoil: Callable[[Rule], object]) -> Callable[[LocalIndex], None]:
    def apply(index: LocalIndex) -> None:
        spoil(index.on(pattern))

    return apply


WHEEL = "demo-2.0*.whl"
UNREACHABLE = "could not be reached"
INDEX_FAULTS = {
    "the connection breaks in the middle of a wheel": (_fault(WHEEL, lambda on: on.cut_after(100)), UNREACHABLE),
    "the connection is closed without a word": (_fault(WHEEL, lambda on: on.down()), UNREACHABLE),
    "nobody listens": (_index_down, UNREACHABLE),
    "the server is overloaded": (_fault(WHEEL, lambda on: on.fail_with(503)), UNREACHABLE),
    "the page of a project fails": (_fault("demo", lambda on: on.fail_with(500)), UNREACHABLE),
    "the wheel has vanished": (_fault(WHEEL, lambda on: on.fail_with(404)), UNREACHABLE),
    "the wheel has another hash": (_fault(WHEEL, lambda on: on.wrong_bytes()), "does not have the hash"),
    "the index wants a password": (_fault("demo", lambda on: on.fail_with(401)), "refuses access"),
    "the index does not know the project": (_fault("demo", lambda on: on.fail_with(404)), "has nothing that satisfies"),
}


@pytest.mark.parametrize(("spoil", "match"), INDEX_FAULTS.values(), ids=INDEX_FAULTS)
def test_a_fault_of_the_index_fails_one_project_and_loses_nothing(
    workspace_kit: MakeWorkspace, local_index: LocalIndex, spoil: Callable[[LocalIndex], None], match: str
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["alpha==1.0"]}))
    engine.build("alpha")
    before = engine.environment("alpha").generation
    engine.kit.pin("alpha", "demo", "2.0")
    if spoil is _index_down:
        engine.build("beta")
    spoil(local_index)

    alpha, beta = engine.setup().outcomes

    assert alpha.action == Action.FAILED
    assert isinstance(alpha.error, InstallFailed | RequirementsConflict)
    assert match in clear(alpha.error).message
    assert "alpha" in alpha.error.message
    assert alpha.environment is not None
    assert alpha.environment.generation == before
    assert beta.action in (Action.BUILT, Action.KEPT)
    assert engine.sound("alpha") == {"demo": "1.0"}
    assert engine.sound("beta") == {"alpha": "1.0"}
    assert engine.leftovers() == []

    local_index.clear()
    local_index.up()
    assert engine.outcome("alpha").action == Action.REBUILT
    assert engine.sound("alpha") == {"demo": "2.0"}


def test_an_index_that_breaks_off_once_is_asked_again_by_the_same_command(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    local_index.on("demo-1.0*.whl").cut_after(50, times=1)

    engine.build("alpha")

    assert engine.sound("alpha") == {"demo": "1.0"}


# --- disks


@pytest.fixture
def on_disk() -> Iterator[Callable[[Path], Disk]]:
    """Puts a folder on a small disk of its own until the test ends."""
    disks = []

    def mount(path: Path) -> Disk:
        disks.append(small_disk(path))
        return disks[-1].__enter__()

    yield mount
    for disk in reversed(disks):
        disk.__exit__(None, None, None)


def test_a_full_disk_stops_a_build_wherever_it_is_and_loses_nothing(
    workspace_kit: MakeWorkspace, on_disk: Callable[[Path], Disk]
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    disk = on_disk(engine.kit.store)
    engine.build("alpha")
    before = engine.environment("alpha")
    size, needed = disk.used, disk.size_of(before.path)
    engine.kit.pin("alpha", "demo", "2.0")
    stopped_in = set()

    for free in (0, 8_000, 100_000, needed // 2, *(needed - pages * 4096 for pages in range(13, 1, -2))):
        disk.leave(free)
        engine.events.clear()
        error = engine.failure("alpha")
        assert "no space left" in error.message, error
        stopped_in |= set([event.phase for event in engine.events if isinstance(event, PhaseStarted)][-1:])
        assert engine.leftovers() == []
        if engine.environment("alpha").generation != before.generation:
            break  # all was written, only the link could not be made
        assert engine.sound("alpha") == {"demo": "1.0"}
        assert disk.used < size + 100_000, "a build that failed left files behind"

    assert stopped_in >= {Phase.CREATE, Phase.INSTALL, Phase.VERIFY}
    disk.resize(200_000_000)
    engine.build("alpha")
    assert engine.sound("alpha") == {"demo": "2.0"}


def test_a_full_disk_of_the_installers_cache_is_told(
    workspace_kit: MakeWorkspace, on_disk: Callable[[Path], Disk], tmp_path: Path
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    disk = on_disk(tmp_path / "cache")
    engine.kit.env["UV_CACHE_DIR"] = str(disk.path)
    disk.resize(1_000_000)

    error = engine.failure("alpha")

    assert isinstance(error, InstallFailed)
    assert "no space left on the device" in error.message
    assert engine.generations() == set()
    assert engine.leftovers() == []
    disk.resize(100_000_000)
    engine.build("alpha")
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_project_folder_in_which_nothing_can_be_made_keeps_its_link(
    workspace_kit: MakeWorkspace, on_disk: Callable[[Path], Disk]
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"]}))
    disk = on_disk(engine.kit.project("alpha"))
    engine.build()
    engine.kit.pin("alpha", "demo", "2.0")
    engine.kit.pin("beta", "demo", "1.0")
    disk.take_inodes()

    alpha, beta = engine.setup().outcomes

    assert alpha.error is not None
    assert "no space left" in clear(alpha.error).message
    assert isinstance(alpha.error, StoreUnusable)
    assert beta.action == Action.REBUILT
    assert engine.sound("alpha") == {"demo": "1.0"}
    disk.give_inodes()
    assert engine.outcome("alpha").action == Action.LINKED
    assert engine.sound("alpha") == {"demo": "2.0"}


def test_a_store_that_became_read_only_serves_what_it_holds(
    workspace_kit: MakeWorkspace, on_disk: Callable[[Path], Disk]
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"]}))
    disk = on_disk(engine.kit.store)
    engine.build()
    engine.kit.pin("beta", "demo", "1.0")
    disk.read_only()

    alpha, beta = engine.setup().outcomes

    assert alpha.action == Action.KEPT
    assert isinstance(beta.error, StoreUnusable)
    assert "read-only file system" in clear(beta.error).message
    assert beta.environment is not None
    assert engine.sound("beta") == {"demo": "2.0"}
    assert engine.rows()["beta"].grade == Grade.STALE
    assert {finding.check for finding in engine.doctor().problems} == {"store", "environment", "sharing"}
    for command in (engine.clean, engine.prune):
        with pytest.raises(EnvyardError, match="read-only") as caught:
            _raise_first(command())
        clear(caught.value)
    disk.read_only(False)
    engine.build()
    assert engine.sound("beta") == {"demo": "1.0"}


def _raise_first(result: object) -> None:
    for removal in getattr(result, "removals", ()):
        if removal.error is not None:
            raise removal.error


def test_a_read_only_project_folder_is_told_and_healed_by_the_next_call(
    workspace_kit: MakeWorkspace, on_disk: Callable[[Path], Disk]
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    disk = on_disk(engine.kit.project("alpha"))
    disk.read_only()

    error = engine.failure("alpha")

    assert isinstance(error, StoreUnusable)
    assert "read-only file system" in error.message
    disk.read_only(False)
    assert engine.outcome("alpha").action == Action.LINKED
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_read_only_cache_of_the_installer_is_told(
    workspace_kit: MakeWorkspace, on_disk: Callable[[Path], Disk], tmp_path: Path
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    disk = on_disk(tmp_path / "cache")
    engine.kit.env["UV_CACHE_DIR"] = str(disk.path)
    disk.read_only()

    error = engine.failure("alpha")

    assert "read-only" in error.message
    assert "UV_CACHE_DIR" in error.hint


# --- what is in the store


DAMAGED = {
    "empty": b"",
    "truncated": None,  # half of what was there
    "not JSON": b"\x00\xffgarbage",
    "no object": b"[1, 2]",
    "null": b"null",
    "another format": b'{"format": 99, "generation": "00000000"}',
    "wrong types": b'{"format": 1, "current": ["x"], "previous": 3, "reasons": null, "updated": "x"}',
    "a path for a name": b'{"current": "../../../../tmp", "previous": [], "reasons": [], "updated": 1}',
}


def _damage(file: Path, content: bytes | None) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)


def test_a_damaged_pointer_is_recovered_without_a_build(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    before = engine.environment("alpha").generation
    for how, content in DAMAGED.items():
        _damage(engine.store().pointer_path(Kind.PROJECT, "alpha"), content)

        assert {finding.check for finding in engine.doctor().problems} == {"environment", "pointer"}, how
        assert engine.rows()["alpha"].grade == Grade.MISSING, how
        assert engine.show("alpha").environment is None, how
        (outcome,) = engine.build().outcomes

        assert outcome.reasons == (f"what it had is damaged or gone, the newest that is whole is {before}",), how
        assert engine.environment("alpha").generation == before, how
        assert engine.doctor().problems == (), how
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_an_environment_that_was_emptied_through_its_link_is_told(workspace_kit: MakeWorkspace) -> None:
    """`rm -rf venv/`: with the slash it empties the generation, and the link stays."""
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    first = engine.environment("alpha").generation
    engine.build(force=True)
    shutil.rmtree(engine.environment("alpha").path)

    (outcome,) = engine.build().outcomes

    assert outcome.action == Action.LINKED
    assert outcome.reasons == (f"what it had is damaged or gone, the newest that is whole is {first}",)
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_damaged_commit_file_means_a_new_build(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    for how in ("empty", "truncated", "no object", "another format"):
        content = DAMAGED[how]
        before = engine.environment("alpha")
        _damage(before.path / COMMIT_FILE, content)

        assert {finding.check for finding in engine.doctor().problems} == {"environment", "pointer"}, how
        assert engine.rows()["alpha"].grade == Grade.MISSING, how
        engine.build()

        assert engine.environment("alpha").generation != before.generation, how
        assert engine.sound("alpha") == {"demo": "1.0"}, how
    engine.prune()
    assert not before.path.exists()
    assert engine.leftovers() == []


def test_a_lost_commit_file_leaves_the_previous_generation_for_a_rollback_of_none(
    workspace_kit: MakeWorkspace,
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    first = engine.environment("alpha").generation
    engine.kit.pin("alpha", "demo", "2.0")
    engine.build()
    (engine.environment("alpha").path / COMMIT_FILE).unlink()

    result = engine.rollback("alpha")

    assert (result.before, result.now.generation) == (None, first)
    assert engine.sound("alpha") == {"demo": "1.0"}


# --- interpreters


class PrivatePython:
    """A base interpreter that a test may break: a copy of an executable over links to its library."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.executable = folder / "bin" / "python3"
        self.executable.parent.mkdir(parents=True)
        self.library = folder / "lib"
        self.library.mkdir()
        self.become(source)
        if _version(self.executable) == "":
            pytest.skip(f"{source} does not start from another place")

    def become(self, source: Path) -> None:
        """Replace the executable in place, as an update of the system does."""
        temporary = self.executable.with_name("new")
        shutil.copy(source, temporary)
        temporary.replace(self.executable)
        library = Path(_ask(source, "import os; print(os.path.dirname(os.__file__))"))
        link = self.library / library.name
        if not link.exists():
            link.symlink_to(library)


def _ask(python: Path, code: str) -> str:
    return subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True).stdout.strip()


def _version(python: Path) -> str:
    return _ask(python, "import platform; print(platform.python_version())")


def _other_python(same_minor: bool) -> Path:
    """Another interpreter of this machine, of the same or of another minor version."""
    here = _version(BASE).split(".")
    for candidate in [*Path("/usr/bin").glob("python3.*"), *Path("/").glob("root/.pyenv/versions/*/bin/python3.*")]:
        if candidate.name.removeprefix("python3.").isdigit():
            there = _version(candidate).split(".")
            if len(there) == 3 and there != here and (there[:2] == here[:2]) == same_minor and int(there[1]) >= 9:
                return candidate
    pytest.skip("this machine has no other interpreter that fits")


BASE = Path(getattr(__import__("sys"), "_base_executable", ""))


@pytest.fixture
def private_python(tmp_path: Path) -> PrivatePython:
    return PrivatePython(tmp_path / "base", BASE)


def test_a_deleted_base_interpreter_breaks_only_what_was_made_from_it(
    workspace_kit: MakeWorkspace, private_python: PrivatePython
) -> None:
    plan = ProjectPlan(requirements=["demo==1.0"], python=str(private_python.executable))
    engine = Engine(workspace_kit({"alpha": plan, "beta": ["demo==1.0"]}))
    engine.build()
    private_python.executable.unlink()

    assert engine.rows()["alpha"].grade == Grade.BROKEN
    assert "base interpreter is gone" in engine.rows()["alpha"].reasons[0]
    problems = engine.doctor().problems
    assert {(finding.key, finding.check) for finding in problems} == {
        ("alpha", "environment"),
        ("alpha", "interpreter"),
    }
    alpha, beta = engine.setup().outcomes
    assert isinstance(alpha.error, InterpreterNotFound)
    assert "is not there" in clear(alpha.error).message
    assert beta.action == Action.KEPT

    private_python.become(BASE)
    engine.build()
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_base_interpreter_that_is_deleted_for_good_is_replaced_by_what_the_definition_asks_for(
    workspace_kit: MakeWorkspace, private_python: PrivatePython
) -> None:
    plan = ProjectPlan(requirements=["demo==1.0"], python=str(private_python.executable))
    engine = Engine(workspace_kit({"alpha": plan}))
    engine.build()
    private_python.executable.unlink()
    engine.kit.change("alpha", python="")

    assert engine.outcome("alpha").action == Action.REBUILT
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_an_interpreter_with_a_new_patch_version_makes_stale_but_not_broken(
    workspace_kit: MakeWorkspace, private_python: PrivatePython
) -> None:
    other = _other_python(same_minor=True)
    plan = ProjectPlan(requirements=["demo==1.0"], python=str(private_python.executable))
    engine = Engine(workspace_kit({"alpha": plan}))
    engine.build()
    before = engine.environment("alpha").generation
    private_python.become(other)
    reason = f"python {_version(BASE)} -> {_version(other)}"

    row = engine.rows()["alpha"]
    assert (row.grade, row.reasons) == (Grade.STALE, (reason,))
    kept = engine.outcome("alpha")
    assert (kept.action, kept.reasons) == (Action.KEPT, (reason,))
    assert engine.sound("alpha") == {"demo": "1.0"}
    engine.kit.run("envs.update-all", check=True)  # a new process: interpreters are looked at once in each

    after = engine.environment("alpha")
    assert after.generation != before
    assert after.reasons == (reason,)
    assert after.interpreter.version == _version(other)
    assert engine.rows()["alpha"].grade == Grade.OK


def test_an_interpreter_of_the_same_version_that_was_installed_again_changes_nothing(
    workspace_kit: MakeWorkspace, private_python: PrivatePython
) -> None:
    plan = ProjectPlan(requirements=["demo==1.0"], python=str(private_python.executable))
    engine = Engine(workspace_kit({"alpha": plan}))
    engine.build()
    private_python.become(BASE)
    private_python.executable.touch()

    assert engine.outcome("alpha").action == Action.KEPT
    assert engine.rows()["alpha"].grade == Grade.OK


def test_an_interpreter_that_became_another_minor_version_breaks_the_environment(
    workspace_kit: MakeWorkspace, private_python: PrivatePython
) -> None:
    other = _other_python(same_minor=False)
    plan = ProjectPlan(requirements=["demo==1.0"], python=str(private_python.executable))
    engine = Engine(workspace_kit({"alpha": plan}))
    engine.build()
    private_python.become(other)

    row = engine.rows()["alpha"]

    assert row.grade == Grade.BROKEN
    assert f"python {_version(BASE)} -> {_version(other)}" in row.reasons[0]
    engine.kit.run("envs.setup-all", check=True)  # a new process: interpreters are looked at once in each
    assert engine.environment("alpha").interpreter.version == _version(other)
    assert engine.sound("alpha") == {"demo": "1.0"}


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\nexit 3\n"], ids=["an empty file", "a script that fails"])
def test_an_interpreter_replaced_by_something_that_does_not_start_is_told(
    workspace_kit: MakeWorkspace, private_python: PrivatePython, content: bytes
) -> None:
    plan = ProjectPlan(requirements=["demo==1.0"], python=str(private_python.executable))
    engine = Engine(workspace_kit({"alpha": plan}))
    engine.build()
    private_python.executable.write_bytes(content)

    row = engine.rows()["alpha"]
    done = engine.kit.run("envs.setup", "alpha")  # a new process: interpreters are looked at once in each

    assert row.grade == Grade.BROKEN
    assert "does not start" in row.reasons[0]
    assert done.returncode == 1
    assert f"the interpreter `{private_python.executable}` does not start" in texts(done.stderr.splitlines())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("request_", ["3.99", "/nowhere/bin/python3"], ids=["version", "path"])
def test_an_unknown_python_fails_one_project_with_its_name(workspace_kit: MakeWorkspace, request_: str) -> None:
    plan = ProjectPlan(requirements=["demo==1.0"], python=request_)
    engine = Engine(workspace_kit({"alpha": plan, "beta": ["demo==1.0"]}))

    alpha, beta = engine.setup().outcomes

    assert isinstance(alpha.error, InterpreterNotFound)
    assert request_ in clear(alpha.error).message
    assert beta.action == Action.BUILT


# --- requirements and lockfiles


def test_a_conflict_names_the_packages(workspace_kit: MakeWorkspace) -> None:
    plan = ProjectPlan(requirements=["beta==1.0"], locked=False)
    engine = Engine(workspace_kit({"alpha": plan}))
    engine.build()
    engine.kit.change("alpha", requirements=["beta==1.0", "gamma==2.0"])

    error = engine.failure("alpha")

    assert isinstance(error, RequirementsConflict)
    assert "cannot be installed together" in error.message
    assert "gamma==2.0" in texts(error.details)
    assert "beta==1.0" in texts(error.details)
    assert engine.sound("alpha")["beta"] == "1.0"
    assert engine.leftovers() == []


def test_a_narrow_terminal_does_not_break_the_words_of_uv(
    workspace_kit: MakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    engine = Engine(workspace_kit({"alpha": ProjectPlan(requirements=["demo==9.9"], locked=False)}))

    error = engine.failure("alpha")

    assert "has nothing that satisfies" in error.message
    assert any("there is no version of demo==9.9" in line for line in error.details)


@pytest.mark.parametrize("line", ["nosuch", "demo==9.9", "demo>=7"], ids=["no project", "no version", "no newer"])
def test_what_the_index_does_not_have_is_called_so(workspace_kit: MakeWorkspace, line: str) -> None:
    engine = Engine(workspace_kit({"alpha": ProjectPlan(requirements=["demo==1.0"], locked=False)}))
    engine.kit.change("alpha", requirements=[line])

    error = engine.failure("alpha")

    assert "has nothing that satisfies" in error.message
    assert line in texts(error.details)


def test_a_missing_lockfile_names_the_command_that_writes_it(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==1.0"]}))
    engine.kit.lockfile("alpha").unlink()

    alpha, beta = engine.setup().outcomes

    assert isinstance(alpha.error, LockfileMissing)
    assert "requirements/alpha.txt is missing" in clear(alpha.error).message
    assert alpha.error.hint == "run `invoke envs.lock alpha`"
    assert beta.action == Action.BUILT
    assert {finding.fix for finding in engine.doctor("alpha").problems} >= {"invoke envs.lock alpha"}


def test_frozen_refuses_a_lockfile_that_is_older_than_its_requirements(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    assert engine.lock_one("alpha").error is None
    engine.build(frozen=True)
    engine.kit.requirements("alpha").write_text("demo==2.0\n", encoding="utf-8")

    error = engine.failure("alpha", frozen=True)

    assert isinstance(error, LockfileStale)
    assert error.hint.startswith("run `invoke envs.lock alpha`")
    assert engine.outcome("alpha").action == Action.KEPT
    assert engine.lock_one("alpha").changes == ("demo 1.0 -> 2.0",)
    assert engine.outcome("alpha", frozen=True).action == Action.REBUILT


LINE = "demo==1.0\n"
UNREADABLE_TEXT = {
    "UTF-16": (LINE.encode("utf-16"), "is UTF-16, not UTF-8"),
    "latin-1": (b"demo==1.0\n# gr\xfc\xdfe\n", "has a byte in line 2 that is not UTF-8"),
    "binary": (b"\x7fELF\x02\xff\xfe\x00", "has a byte in line 1 that is not UTF-8"),
}


@pytest.mark.parametrize(("content", "match"), UNREADABLE_TEXT.values(), ids=UNREADABLE_TEXT)
@pytest.mark.parametrize("which", ["requirements", "lockfile", "included file"])
def test_a_file_that_is_no_text_is_named_with_its_line(
    workspace_kit: MakeWorkspace, content: bytes, match: str, which: str
) -> None:
    engine = Engine(workspace_kit({"alpha": ProjectPlan(requirements=["demo==1.0"], locked=which == "lockfile")}))
    file = {"requirements": engine.kit.requirements, "lockfile": engine.kit.lockfile}.get(which, engine.kit.lockfile)(
        "alpha"
    )
    if which == "included file":
        engine.kit.requirements("alpha").write_text("-r alpha.txt\n", encoding="utf-8")
    file.write_bytes(content)

    error = engine.failure("alpha")

    assert isinstance(error, RequirementsUnreadable)
    assert match in error.message
    assert file.name in error.message
    assert "UTF-8" in error.hint
    assert engine.failure("alpha", frozen=True).message == error.message
    assert match in texts(engine.rows()["alpha"].reasons)
    assert match in texts([finding.message for finding in engine.doctor("alpha").problems])
    engine.show("alpha")


GARBAGE = {
    "prose": "this is not a lockfile\n",
    "merge conflict": "<<<<<<< HEAD\n{whole}=======\n{whole}>>>>>>> other\n",
    "a pin cut in two": "demo=\n",
    "a marker that is none": "demo==1.0 ; foo bar\n",
    "a hash that is none": "demo==1.0 --hash=sha256:00\n",
}


def test_a_garbage_lockfile_is_refused_and_written_anew_by_locking(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    lockfile = engine.kit.lockfile("alpha")
    whole = lockfile.read_text(encoding="utf-8")
    for what, text in GARBAGE.items():
        before = engine.environment("alpha").generation
        lockfile.write_text(text.replace("{whole}", whole), encoding="utf-8")

        error = engine.failure("alpha")

        assert "lockfile of `alpha`" in error.message, what
        assert "envs.lock alpha" in error.hint, what
        assert engine.environment("alpha").generation == before, what
        assert engine.sound("alpha") == {"demo": "1.0"}, what
        outcome = engine.lock_one("alpha")
        assert outcome.error is None, what
        assert outcome.changed, what
        assert engine.kit.pins("alpha") == {"demo": "1.0"}, what
        assert lockfile.read_text(encoding="utf-8").count("--hash=sha256:") == whole.count("--hash=sha256:"), what
        engine.build()


def test_a_lockfile_without_the_hash_of_one_pin_is_refused(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0", "alpha==1.0"]}))
    lockfile = engine.kit.lockfile("alpha")
    text = lockfile.read_text(encoding="utf-8")
    lockfile.write_text(text[: text.rindex("    --hash=")].rstrip(" \\\n") + "\n", encoding="utf-8")

    error = engine.failure("alpha")

    assert "demo" in texts(error.details)
    assert "hash" in texts(error.details)


@pytest.mark.parametrize("include", ["-r alpha.in", "-r ../requirements/alpha.in"], ids=["by name", "by a detour"])
def test_a_requirement_file_that_includes_itself_ends(workspace_kit: MakeWorkspace, include: str) -> None:
    engine = Engine(workspace_kit({"alpha": ProjectPlan(requirements=["demo==1.0"], locked=False)}))
    engine.kit.requirements("alpha").write_text(f"{include}\ndemo==1.0\n", encoding="utf-8")

    outcome = engine.outcome("alpha")

    if outcome.error is not None:
        clear(outcome.error)


def test_an_included_file_that_is_missing_is_named_with_who_includes_it(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ProjectPlan(requirements=["demo==1.0"], locked=False)}))
    engine.kit.requirements("alpha").write_text("-r base.in\n", encoding="utf-8")

    error = engine.failure("alpha")

    assert isinstance(error, RequirementsUnreadable)
    assert "base.in is missing, which alpha.in includes" in error.message
    assert engine.doctor("alpha").problems
    engine.show("alpha")


# --- source builds


def test_a_source_distribution_is_built_and_installed(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    make_sdist(local_index.folder, "source", "1.0")
    engine = Engine(workspace_kit({"alpha": ["source==1.0"]}))

    engine.build()

    assert engine.sound("alpha") == {"source": "1.0"}


def test_a_source_distribution_that_cannot_be_built_is_named(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    make_sdist(local_index.folder, "source", "1.0", fail_with="needs a compiler for Fortran 66")
    engine = Engine(workspace_kit({"alpha": ["source==1.0"], "beta": ["demo==1.0"]}))

    alpha, beta = engine.setup().outcomes

    assert isinstance(alpha.error, InstallFailed)
    assert clear(alpha.error).message == "building `source` for `alpha` failed"
    assert "needs a compiler for Fortran 66" in texts(alpha.error.details)
    assert "Traceback" not in str(alpha.error)
    assert beta.action == Action.BUILT


BROKEN_PACKAGING = {
    "a backend that raises": ("in_tree_backend.py", "raise RuntimeError('no such plug-in')\n"),
    "a backend that exits": ("in_tree_backend.py", "raise SystemExit(7)\n"),
}


@pytest.mark.parametrize(("name", "text"), BROKEN_PACKAGING.values(), ids=BROKEN_PACKAGING)
def test_a_project_with_broken_packaging_fails_with_one_line_and_keeps_its_environment(
    workspace_kit: MakeWorkspace, name: str, text: str
) -> None:
    engine = Engine(workspace_kit({"alpha": ProjectPlan(requirements=["demo==1.0"], editable=True)}))
    engine.build()
    (engine.kit.project("alpha") / name).write_text(text, encoding="utf-8")

    error = engine.failure("alpha", force=True)

    assert isinstance(error, InstallFailed)
    assert "building" in error.message
    assert "Traceback" not in str(error)
    assert engine.sound("alpha") == {"alpha": "0.1.0", "demo": "1.0"}
    assert engine.leftovers() == []


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize("way", ["editable", "requirements", "a folder beside it"])
def test_a_pyproject_that_is_no_toml_is_named_with_its_mistake(
    workspace_kit: MakeWorkspace, way: str, installer: str
) -> None:
    text = '[project]\nname = "x"\ndependencies = [demo]\n'
    plans = {
        "editable": ProjectPlan(editable=True, requirements=["demo==1.0"]),
        "requirements": ProjectPlan(locked=False, settings={"requirements": ["projects/alpha/pyproject.toml"]}),
        "a folder beside it": ProjectPlan(
            locked=False,
            files={"requirements.txt": "-e ../beta\n"},
            settings={"requirements": ["projects/alpha/requirements.txt"]},
        ),
    }
    kit = workspace_kit({"alpha": plans[way], "beta": []}, settings={"installer": installer})
    file = kit.project("beta" if way == "a folder beside it" else "alpha") / "pyproject.toml"
    file.write_text(text, encoding="utf-8")

    error = Engine(kit).failure("alpha")

    assert isinstance(error, RequirementsUnreadable)
    assert clear(error).message == f"{file} is not valid TOML: invalid value (at line 3, column 17)"
