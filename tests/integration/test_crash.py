"""Killed at any moment: the same command again is all that is ever needed, and the old environment works throughout.

The builds are real (`python -m envyard envs.setup-all`, uv, an index), the kills are SIGKILL, and what is looked at is
every file of every environment, by an audit of its own. The moments are spread over the phases of a build by a seeded
random generator; two of them, between commit file, pointer and link, are too short to be hit without watching for them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from kit.engine import Engine
from kit.index import LocalIndex
from kit.isolation import environment, isolated_environment
from kit.processes import alive, children_of, kill_tree
from kit.soundness import Watch, faults, generations, holder, litter, make_old, pointer, settled
from kit.wheels import make_wheel, seed_wheels
from kit.workspaces import WorkspaceKit, make_workspace

from envyard.events import Phase, PhaseStarted
from envyard.outcome import Action

KEY = "alpha"
COMMAND = ("envs.setup-all",)

# Moments of a build, and how long after their beginning (in seconds) a kill may come.
EARLY = {"start": 0.5, "check": 0.02, "create": 0.35, "fetch": 0.3, "install": 0.3, "verify": 0.15}
LATE = {"committed": 0.004, "pointed": 0.004, "publish": 0.004}
KILLS_A_ROUND = 6


@pytest.fixture
def thick_index(tmp_path: Path, local_index: LocalIndex) -> LocalIndex:
    """`thick` in three versions: enough files to be stopped between them, and few enough to be fast."""
    for version in ("1.0", "2.0", "3.0"):
        local_index.add("thick", version, bulk_files=400, bulk_bytes=150, scripts={"thick": "thick:main"})
    return local_index


# --- kills


@dataclass(kw_only=True)
class Campaign:
    """Kills of the same command on one workspace, and what they hit."""

    kit: WorkspaceKit
    dice: random.Random
    hits: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    cold: bool = False
    orphans: int = 0
    too_late: int = 0
    audited: set[str] = field(default_factory=set)

    @property
    def kills(self) -> int:
        return self.hits.total()

    def strike(self, moment: str, delay: float, *, whole: bool) -> bool:
        """Start the command, and kill it `delay` seconds after `moment`; False when it had already ended.

        `whole` kills everything it started too; otherwise the installer goes on as an orphan.
        """
        before = generations(self.kit), pointer(self.kit, KEY)
        process = self.kit.start(*COMMAND)
        while process.poll() is None and not self._reached(moment, process.pid, *before):
            time.sleep(0.0005)
        time.sleep(delay)  # the moment is meant to be random
        if process.poll() is not None:
            said = process.communicate()
            assert process.returncode == 0, said
            self.too_late += 1
            return False
        if whole:
            kill_tree(process.pid)
        else:
            children = children_of(process.pid)
            process.kill()
            self.orphans += any(alive(child) for child in children)
        process.wait()
        self.hits[moment] += 1
        return True

    def strike_often(self) -> Iterator[bool]:
        """Kill again and again, at the moments tried least often so far, until the command is through."""
        moments = [moment for moment in EARLY if moment != "fetch" or self.cold]
        self.dice.shuffle(moments)
        moments = sorted(moments, key=lambda moment: self.tries[moment])[: KILLS_A_ROUND - 1]
        self.dice.shuffle(moments)
        for moment in (*moments, min(LATE, key=lambda moment: self.tries[moment])):
            self.tries[moment] += 1
            delay = self.dice.uniform(0, (EARLY | LATE)[moment])
            hit = self.strike(moment, delay, whole=self.dice.random() < 0.5)
            yield hit
            if not hit:
                break

    def begin_round(self, kit: WorkspaceKit) -> None:
        """Every second round begins with an empty cache of the installer, so that there is something to fetch."""
        self.kit, self.rounds = kit, self.rounds + 1
        self.cold = self.rounds % 2 == 1
        if self.cold:
            kit.env["UV_CACHE_DIR"] = str(kit.root / f"uv-cache-{self.rounds}")

    def look(self) -> None:
        """Whatever was finished before is whole, and nothing half finished can be seen."""
        assert faults(self.kit, KEY, audited=self.audited) == []

    def complete(self) -> None:
        """The same command, left alone: nothing else is needed."""
        done = self.kit.run(*COMMAND)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert settled(self.kit, KEY) == []

    def _reached(self, moment: str, pid: int, before: set[str], points: dict[str, object]) -> bool:
        match moment:
            case "start":
                return True
            case "committed":
                return generations(self.kit) != before
            case "pointed":
                return pointer(self.kit, KEY) != points
            case _:
                now = holder(self.kit, KEY)
                return now.get("pid") == pid and now.get("phase") == moment


def first_builds(make: Callable[[str], WorkspaceKit], kills: int, seed: int) -> Campaign:
    """Kill first builds, in a new workspace every round, until there were so many kills."""
    kit = make("first-0")
    campaign = Campaign(kit=kit, dice=random.Random(seed))
    while campaign.kills < kills:
        campaign.begin_round(kit)
        with Watch(kit, KEY) as watch:
            for _hit in campaign.strike_often():
                campaign.look()
            campaign.complete()
        assert watch.problems == []
        make_old(kit)
        Engine(kit).prune()
        assert litter(kit) == []
        kit = make(f"first-{campaign.rounds}")
    return campaign


def updates(kit: WorkspaceKit, kills: int, seed: int) -> Campaign:
    """Kill updates of one environment, after each of which the versions of two packages are others."""
    campaign = Campaign(kit=kit, dice=random.Random(seed))
    campaign.complete()
    with Watch(kit, KEY) as watch:
        while campaign.kills < kills:
            campaign.begin_round(kit)
            kit.pin(KEY, "thick", f"{campaign.rounds % 3 + 1}.0")
            kit.pin(KEY, "demo", f"{campaign.rounds % 2 + 1}.0")
            for _hit in campaign.strike_often():
                campaign.look()
                done = kit.run_python(KEY, "-c", "import demo, thick; print(thick.__version__)")
                assert done.returncode == 0, done.stderr
            campaign.complete()
    assert watch.problems == []
    assert watch.looks > kills
    assert len(watch.seen) > 1
    make_old(kit)
    Engine(kit).prune()
    assert litter(kit) == []
    assert len(generations(kit)) == 2, "more than the current and the previous generation are left"
    assert settled(kit, KEY) == []
    return campaign


@pytest.fixture
def new_workspace(thick_index: LocalIndex, workspace_kit: Callable[..., WorkspaceKit]) -> Callable[[str], WorkspaceKit]:
    return lambda name: workspace_kit({KEY: ["demo==1.0", "thick==1.0"]}, name=name)


def test_a_first_build_killed_at_any_moment_needs_only_the_same_command_again(
    new_workspace: Callable[[str], WorkspaceKit],
) -> None:
    campaign = first_builds(new_workspace, kills=18, seed=1)
    assert len(campaign.hits) >= len(EARLY), campaign.hits


def test_an_update_killed_at_any_moment_leaves_the_old_environment_working(
    new_workspace: Callable[[str], WorkspaceKit],
) -> None:
    campaign = updates(new_workspace("updates"), kills=36, seed=2)
    assert len(campaign.hits) >= len(EARLY) + 1, campaign.hits
    assert campaign.orphans > 0, "no kill left an installer behind"


# --- what a power loss may leave on the disk


@dataclass(frozen=True, kw_only=True)
class Ruin:
    """A workspace with one environment and its predecessor, before something happens to it."""

    kit: WorkspaceKit
    current: Path
    previous: Path

    @property
    def store(self) -> Path:
        return self.kit.store

    @property
    def pointer(self) -> Path:
        return self.store / "pointers" / "project" / f"{KEY}.json"

    @property
    def holder(self) -> Path:
        return self.store / "locks" / f"project-{KEY}.json"

    @property
    def link(self) -> Path:
        return self.kit.venv(KEY)

    def point(self, name: str) -> None:
        self.link.unlink()
        self.link.symlink_to(os.path.relpath(self.store / "g" / name, self.link.parent))

    def half_generation(self, name: str) -> Path:
        """What a killed install leaves: a generation with some of its files."""
        half = self.store / "g" / name
        shutil.copytree(self.current, half, symlinks=True)
        (half / "env.json").unlink()
        shutil.rmtree(next(half.glob("lib/*/site-packages/thick")))
        (self.store / "leases" / name).mkdir()
        return half

    def abandon(self, name: str) -> None:
        self.half_generation(name)
        data = json.loads(self.holder.read_text())
        self.holder.write_text(json.dumps({**data, "pid": 2**22 + 1, "phase": "install", "generation": name}))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def leave_temporary_files(ruin: Ruin) -> None:
    for path in (ruin.pointer, ruin.holder, ruin.store / "cache" / "lines-0123.txt", ruin.current / "env.json"):
        path.with_name(f".{path.name}.4711-0123abcd").write_text("{")
    for name in (".venv-0123abcd", ".venv-4567cdef"):
        (ruin.link.parent / name).symlink_to(os.readlink(ruin.link))


def leave_trash(ruin: Ruin) -> None:
    folder = ruin.store / "trash" / "0123abcd-1" / "lib"
    folder.mkdir(parents=True)
    (folder / "file").write_text("x")
    (folder / "link").symlink_to(ruin.current)
    folder.chmod(0o500)
    (ruin.store / "trash" / "file").write_text("x")


def lose_folders(ruin: Ruin) -> None:
    for name in ("locks", "leases", "logs", "trash", "cache"):
        shutil.rmtree(ruin.store / name)


def lose_link(ruin: Ruin) -> None:
    ruin.link.unlink()


def keep_only_generations(ruin: Ruin) -> None:
    for folder in ruin.store.iterdir():
        if folder.is_dir() and folder.name != "g":
            shutil.rmtree(folder)


def replace_name(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# What happens, step by step, and whether the environment that was current is kept.
RUINS: dict[str, tuple[list[Callable[[Ruin], object]], bool]] = {
    "a truncated pointer": ([lambda ruin: truncated(ruin.pointer)], True),
    "an empty pointer": ([lambda ruin: ruin.pointer.write_bytes(b"")], True),
    "a pointer of zeros": ([lambda ruin: ruin.pointer.write_bytes(bytes(200))], True),
    "a pointer that names a path": ([lambda ruin: replace_name(ruin.pointer, ruin.current.name, "../../..")], True),
    "a pointer to nothing": ([lambda ruin: replace_name(ruin.pointer, ruin.current.name, "0123abcd")], True),
    "a generation without pointer": ([lambda ruin: ruin.pointer.unlink()], True),
    "neither pointer nor link": ([lambda ruin: ruin.pointer.unlink(), lose_link], True),
    "a pointer without link": ([lose_link], True),
    "a link to the previous generation": ([lambda ruin: ruin.point(ruin.previous.name)], True),
    "a link to nothing": ([lambda ruin: ruin.point("0123abcd")], True),
    "an empty folder where the link was": ([lose_link, lambda ruin: ruin.link.mkdir()], True),
    "a truncated commit file": ([lambda ruin: truncated(ruin.current / "env.json")], False),
    "an empty commit file": ([lambda ruin: (ruin.current / "env.json").write_bytes(b"")], False),
    "a generation without commit file": ([lambda ruin: (ruin.current / "env.json").unlink()], False),
    "a generation that is gone": ([lambda ruin: shutil.rmtree(ruin.current)], False),
    "a generation without packages": ([lambda ruin: shutil.rmtree(ruin.current / "lib")], False),
    "a generation without python": ([lambda ruin: shutil.rmtree(ruin.current / "bin")], False),
    "every generation gone": ([lambda ruin: shutil.rmtree(ruin.store / "g")], False),
    "only the generations left": ([keep_only_generations], True),
    "only generations and pointers left": ([lose_folders], True),
    "a holder file of garbage": ([lambda ruin: ruin.holder.write_bytes(b"\xff\0{"), lose_link], True),
    "a holder file that names a path": (
        [lambda ruin: replace_name(ruin.holder, '"generation": "', '"generation": "../../'), lose_link],
        True,
    ),
    "a lock file with something in it": (
        [lambda ruin: (ruin.store / "locks" / f"project-{KEY}.lock").write_bytes(b"4711"), lose_link],
        True,
    ),
    "an abandoned build": ([lambda ruin: ruin.abandon("0123abcd")], True),
    "an abandoned build that nobody names": ([lambda ruin: ruin.half_generation("0123abcd")], True),
    "temporary files": ([leave_temporary_files], True),
    "things in the trash": ([leave_trash], True),
    "what a killed fetch left": (
        [lambda ruin: (ruin.store / "cache/fetch-0123abcd/0/thick").mkdir(parents=True)],
        True,
    ),
}


@pytest.fixture(scope="module")
def module_kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceKit]:
    """One workspace for all ruins: each is healed by one call, so the next begins where it ended."""
    base = tmp_path_factory.mktemp("ruins")
    folder = base / "wheels"
    for version in ("1.0", "2.0"):
        make_wheel(folder, "demo", version)
        make_wheel(folder, "thick", version, bulk_files=60)
    seed_wheels(folder)
    with environment(isolated_environment(base, os.environ)), LocalIndex(folder) as index:
        kit = make_workspace(base / "workspace", index, {KEY: ["demo==1.0", "thick==1.0"]})
        yield kit
        kit.close()


@pytest.fixture
def ruin(module_kit: WorkspaceKit) -> Ruin:
    kit = module_kit
    Engine(kit).build()
    if not pointer(kit, KEY)["previous"]:
        kit.pin(KEY, "demo", "2.0" if kit.pins(KEY)["demo"] == "1.0" else "1.0")
        Engine(kit).build()
    points = pointer(kit, KEY)
    return Ruin(kit=kit, current=kit.store / "g" / points["current"], previous=kit.store / "g" / points["previous"][0])


@pytest.mark.parametrize(("happens", "kept"), RUINS.values(), ids=RUINS)
def test_one_call_heals(ruin: Ruin, happens: list[Callable[[Ruin], object]], kept: bool) -> None:
    kit = ruin.kit
    for step in happens:
        step(ruin)
    Engine(kit).build()
    assert settled(kit, KEY) == []
    assert (pointer(kit, KEY)["current"] == ruin.current.name) == kept
    make_old(kit)
    Engine(kit).prune()
    assert litter(kit) == []
    assert settled(kit, KEY) == []


BEFORE_AN_UPDATE = [
    "an empty pointer",
    "neither pointer nor link",
    "a link to nothing",
    "a truncated commit file",
    "a generation that is gone",
    "a generation without packages",
    "an abandoned build",
]


@pytest.mark.parametrize(("happens", "kept"), [RUINS[name] for name in BEFORE_AN_UPDATE], ids=BEFORE_AN_UPDATE)
def test_the_next_update_heals_too(ruin: Ruin, happens: list[Callable[[Ruin], object]], kept: bool) -> None:
    kit = ruin.kit
    kit.pin(KEY, "demo", "2.0" if kit.pins(KEY)["demo"] == "1.0" else "1.0")
    for step in happens:
        step(ruin)
    Engine(kit).build()
    assert settled(kit, KEY) == []
    if kept:
        assert ruin.current.name in generations(kit)
    make_old(kit)
    Engine(kit).prune()
    assert litter(kit) == []


# --- caches that a power loss damaged


def damage_below(folder: Path, damage: Callable[[Path], object]) -> None:
    files = files_below(folder)
    assert files, f"nothing in {folder}"
    for file in files:
        damage(file)


def cut_apart(path: Path) -> None:
    """Half a file in its place; the environments, which hold the same file by a hard link, keep the whole."""
    half = path.read_bytes()[: path.stat().st_size // 2]
    path.unlink()
    path.write_bytes(half)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def emptied_apart(path: Path) -> None:
    path.unlink()
    path.touch()


def damage_records(ruin: Ruin, shorten: Callable[[list[str]], list[str]]) -> None:
    record = next(installer_cache(ruin).glob(f"*/demo-{ruin.kit.pins(KEY)['demo']}.dist-info/RECORD"))
    lines = record.read_text().splitlines(keepends=True)
    record.unlink()
    record.write_text("".join(shorten(lines)))


def installer_cache(ruin: Ruin) -> Path:
    return Path(ruin.kit.env["UV_CACHE_DIR"]) / "archive-v0"


CACHES: dict[str, Callable[[Ruin], None]] = {
    "pip's wheel cut in half": lambda ruin: truncated(next(ruin.store.glob("cache/seed/*/pip-*.whl"))),
    "pip's wheel of zeros": lambda ruin: zeros(next(ruin.store.glob("cache/seed/*/pip-*.whl"))),
    "pip's pin empty": lambda ruin: emptied(next(ruin.store.glob("cache/seed/*.txt"))),
    "pip's wheel without pin": lambda ruin: next(ruin.store.glob("cache/seed/*.txt")).unlink(),
    "what is remembered of interpreters": lambda ruin: damage_below(ruin.store / "cache/virtualenv", truncated),
    "half of a RECORD, up to the end of a line": lambda ruin: damage_records(ruin, lambda lines: lines[:-2]),
    "a RECORD with nothing in it": lambda ruin: damage_records(ruin, lambda _lines: []),
    "empty files, as after a power loss": lambda ruin: damage_below(installer_cache(ruin), emptied_apart),
    "half of every installed file": lambda ruin: damage_below(installer_cache(ruin), cut_apart),
    "the installer's cache gone": lambda ruin: shutil.rmtree(ruin.kit.env["UV_CACHE_DIR"]),
}


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("happens", CACHES.values(), ids=CACHES)
def test_a_damaged_cache_needs_no_manual_clean_up(ruin: Ruin, happens: Callable[[Ruin], None]) -> None:
    kit = ruin.kit
    happens(ruin)
    done = kit.run("envs.setup", KEY, "--rebuild")  # in a process of its own, that remembers nothing
    assert done.returncode == 0, done.stderr
    assert settled(kit, KEY) == []
    assert pointer(kit, KEY)["current"] != ruin.current.name


# --- what the disk had not written yet when the power went


def restart_machine(ruin: Ruin) -> None:
    """Let the current generation be one that was committed before the machine was last started."""
    data = json.loads((ruin.current / "env.json").read_text())
    assert data["start"]
    shutil.rmtree(ruin.store / "leases" / ruin.current.name)
    (ruin.current / "env.json").write_text(json.dumps({**data, "start": "another"}))


def phases(engine: Engine) -> list[Phase]:
    found = [event.phase for event in engine.events if isinstance(event, PhaseStarted)]
    engine.events.clear()
    return found


def test_after_a_restart_the_files_are_checked_once(ruin: Ruin) -> None:
    restart_machine(ruin)
    engine = Engine(ruin.kit)
    assert engine.outcome(KEY).action == Action.KEPT
    assert phases(engine) == [Phase.VERIFY]
    assert engine.outcome(KEY).action == Action.KEPT
    assert phases(engine) == []
    assert pointer(ruin.kit, KEY)["current"] == ruin.current.name


@pytest.mark.parametrize(
    "lost",
    [
        "lib/*/site-packages/thick/bulk/d000/f00007.txt",
        "lib/*/site-packages/demo/__init__.py",
        "lib/*/site-packages/demo-*.dist-info/RECORD",
        "lib/*/site-packages/demo-*.dist-info/METADATA",
        "lib/*/site-packages/pip/__main__.py",
    ],
)
def test_files_that_did_not_survive_a_restart_are_made_anew(ruin: Ruin, lost: str) -> None:
    """The files are hard links into the installer's cache, where the same content is lost."""
    kit = ruin.kit
    restart_machine(ruin)
    (file,) = ruin.current.glob(lost)
    emptied(file)
    outcome = Engine(kit).outcome(KEY)
    assert outcome.action == Action.REBUILT, outcome.error
    assert outcome.reasons == ("1 of its files did not survive a restart of the machine",)
    assert settled(kit, KEY) == []
    Engine(kit).prune()
    assert litter(kit) == []
