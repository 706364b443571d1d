"""Taking environments away and getting the previous one back; and that nothing else is ever deleted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import MakeWorkspace
from kit.audit import site_packages
from kit.engine import Engine, clear
from kit.index import LocalIndex
from kit.processes import wait_for

from envyard.commands.removal import RemovalResult
from envyard.definition import Kind
from envyard.errors import (
    EnvironmentInUse,
    EnvironmentMissing,
    EnvyardError,
    ExitCode,
    ForeignEnvironment,
)
from envyard.health import Grade
from envyard.locks import write_holder
from envyard.provision import Action
from envyard.publish import Published
from envyard.sizes import count_links

DAY = 86400.0


@contextmanager
def _running_in(engine: Engine, key: str) -> Iterator[None]:
    """A process that lives in the environment of `key` while the block runs."""
    code = "import sys; print('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [engine.kit.python(key), "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=engine.kit.env,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.communicate(timeout=30)


def _used(engine: Engine, key: str, days_ago: float) -> None:
    """Pretend that an environment was used so long ago: the clock is the one thing to fake here."""
    then = time.time() - days_ago * DAY
    generation = engine.environment(key).generation
    store = engine.store()
    paths = [store.root / "pointers" / Kind.PROJECT / f"{key}.used", *(store.root / "leases" / generation).glob("*")]
    for path in paths:
        os.utime(path, (then, then))


def _real_size(*folders: Path) -> int:
    """Bytes of the files below, every inode once, without the two that envyard writes after it has counted."""
    return sum(_inodes(*folders, without={"env.json", "inodes.bin"}).values())


def _inodes(*folders: Path, without: Collection[str] = ()) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for folder in folders:
        for parent, _folders, names in os.walk(folder):
            for name in set(names) - set(without):
                status = os.lstat(os.path.join(parent, name))
                if not stat.S_ISLNK(status.st_mode):
                    sizes[status.st_ino] = status.st_size
    return sizes


def _said(result: RemovalResult) -> list[tuple[str, str, str, int, str]]:
    return [(one.key, one.what, str(one.path), one.bytes, one.reason) for one in result.removals]


# --- clean


def test_clean_removes_every_generation_and_the_link_of_what_was_named_only(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"]}))
    engine.build()
    engine.kit.pin("alpha", "demo", "2.0")
    engine.build()
    assert len(engine.generations("alpha")) == 2

    result = engine.clean("alpha")

    assert [(one.key, one.what, one.error) for one in result.removals] == [("alpha", "environment", None)]
    assert result.exit_code == ExitCode.DONE
    assert engine.generations("alpha") == set()
    assert not os.path.lexists(engine.kit.venv("alpha"))
    assert engine.rows()["alpha"].grade == Grade.MISSING
    assert sorted(os.listdir(engine.store().generations)) == sorted(engine.generations("beta"))
    assert engine.sound("beta") == {"demo": "2.0"}
    assert engine.leftovers() == []
    assert engine.kit.lockfile("alpha").is_file()
    assert engine.outcome("alpha").action == Action.BUILT
    assert engine.clean("beta").removals != ()
    assert engine.clean("beta").removals == ()


def test_a_dry_run_says_what_the_real_one_does_and_touches_nothing(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"]}))
    engine.build()
    engine.kit.pin("alpha", "demo", "2.0")
    engine.build()
    files = sorted(engine.root.rglob("*"))

    dry = engine.clean("alpha", dry_run=True)

    assert dry.dry_run
    assert sorted(engine.root.rglob("*")) == files
    real = engine.clean("alpha")
    assert _said(dry) == _said(real)
    assert dry.freed == real.freed > 0


def test_clean_leaves_what_a_process_uses_and_takes_the_rest(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"]}))
    engine.build()
    with _running_in(engine, "alpha"):
        for dry_run in (True, False):
            alpha, _beta = engine.clean(dry_run=dry_run).removals
            assert isinstance(alpha.error, EnvironmentInUse)
            clear(alpha.error)
        assert engine.sound("alpha") == {"demo": "1.0"}
        assert engine.rows()["beta"].grade == Grade.MISSING

    assert engine.clean("alpha").removals[0].error is None
    assert engine.generations() == set()


def test_where_nothing_was_built_nothing_is_taken_away_or_made(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))

    for result in (engine.clean(), engine.prune(unused_for=0, keep_size=0), engine.prune(dry_run=True)):
        assert (result.removals, result.freed, result.exit_code) == ((), 0, ExitCode.DONE)
    assert engine.rows()["alpha"].grade == Grade.MISSING
    assert engine.show("alpha").environment is None
    assert not engine.kit.store.exists()


@pytest.mark.parametrize(
    ("publish", "keys"),
    [("link", ("alpha",)), ("copy", ("alpha", "beta")), ("link", ("alpha", "beta", "gamma"))],
    ids=["one", "copies of two", "all"],
)
def test_freed_is_what_the_disk_gets_back_and_cached_what_only_uv_has_then(
    workspace_kit: MakeWorkspace, publish: str, keys: tuple[str, ...]
) -> None:
    plans = {"alpha": ["demo==1.0", "bulky==1.0"], "beta": ["bulky==1.0"], "gamma": ["bulky==1.0"]}
    kit = workspace_kit(plans, settings={"publish": publish})
    engine = Engine(kit)
    engine.build()
    mine = site_packages(engine.environment("alpha").path) / "mine.py"
    mine.write_text("x = 1\n" * 100)
    os.link(mine, mine.with_name("again.py"))  # two links in one environment, none elsewhere
    environments = [engine.kit.store / "leases", engine.kit.store / "g", *(kit.venv(key) for key in keys)]
    cache = Path(kit.env["UV_CACHE_DIR"])
    before, had = _inodes(*environments, cache), _inodes(*environments)

    dry = engine.clean(*keys, dry_run=True)
    real = engine.clean(*keys)

    after = _inodes(*environments, cache)
    assert real.freed == sum(before[inode] for inode in before.keys() - after.keys()) > 0
    only_cached = had.keys() & after.keys() - _inodes(*environments).keys()
    assert real.cached == sum(had[inode] for inode in only_cached)
    assert (real.cached > 1500 * 200) == (len(keys) == 3), "while one environment stays it has the large files"
    assert (dry.freed, dry.cached) == (real.freed, real.cached)


def test_a_dry_run_counts_once_what_goes_for_two_reasons(workspace_kit: MakeWorkspace) -> None:
    """A generation that is kept for a rollback, and the environment that it is one of."""
    engine = Engine(workspace_kit({"alpha": ["bulky==1.0"]}))
    engine.build()
    engine.build(force=True)

    dry = engine.prune(keep_size=0, dry_run=True)
    real = engine.prune(keep_size=0)

    assert (dry.freed, dry.cached) == (real.freed, real.cached)


def test_a_dry_run_counts_no_profile_of_the_same_name(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["bulky==1.0"]}))
    engine.build()
    store, mine = engine.store(), engine.environment("alpha")
    shutil.copytree(mine.path, store.generation_path("0a0b0c0d"), symlinks=True, copy_function=os.link)
    commit = store.generation_path("0a0b0c0d") / "env.json"
    commit.unlink()
    facts = json.loads((mine.path / "env.json").read_text(encoding="utf-8"))
    commit.write_text(json.dumps(facts | {"kind": "profile", "generation": "0a0b0c0d"}), encoding="utf-8")
    other = store.load("0a0b0c0d")
    assert other is not None
    store.point(other, ())

    dry = engine.clean("alpha", dry_run=True)
    real = engine.clean("alpha")

    assert (dry.freed, dry.cached) == (real.freed, real.cached)
    assert store.current(Kind.PROFILE, "alpha") == other


def test_what_a_link_leads_to_counts_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_bytes(b"x" * 100)
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "folder").symlink_to(tmp_path / "precious")
    (tmp_path / "gone" / "file").symlink_to(tmp_path / "precious" / "file")

    assert count_links([tmp_path / "gone", tmp_path / "gone" / "folder", tmp_path / "nothing"]) == {}


# --- prune


def test_prune_takes_away_abandoned_builds_and_what_no_pointer_leads_to(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    store = engine.store()
    abandoned = store.generations / "0badf00d"
    (abandoned / "lib").mkdir(parents=True)
    (abandoned / "lib" / "half").write_bytes(b"x" * 1000)
    forgotten = engine.environment("alpha").path
    store.remove_pointer(Kind.PROJECT, "alpha")
    engine.kit.pin("alpha", "demo", "2.0")
    trash = store.trash / "old-0badf00d"
    trash.mkdir()

    dry = engine.prune(dry_run=True)
    assert {(one.what, one.path) for one in dry.removals} == {
        ("abandoned build", abandoned),
        ("generation", forgotten),
    }
    assert abandoned.exists()
    real = engine.prune()

    assert _said(dry) == _said(real)
    assert dry.freed == real.freed
    assert not abandoned.exists()
    assert not forgotten.exists()
    assert engine.leftovers() == []
    assert engine.prune().removals == ()


def test_a_dry_run_of_prune_frees_what_the_real_one_frees(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["bulky==1.0"]}))
    engine.build()
    store = engine.store()
    pointer = store.pointer(Kind.PROJECT, "alpha")
    assert pointer is not None
    engine.build(force=True)
    newer = engine.environment("alpha").path
    store.write_pointer(pointer)  # as if the newer had never been pointed to

    dry = engine.prune(dry_run=True)
    real = engine.prune()

    assert [one.path for one in real.removals] == [newer]
    assert dry.freed == real.freed < 600_000, "the generation that stays shares nearly everything"
    assert engine.environment("alpha").generation == pointer.current


def test_prune_does_not_take_a_build_that_is_under_way(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    hold = local_index.on("demo-1.0*.whl").hold()
    process = engine.kit.start("envs.setup", "alpha")
    hold.wait_reached()
    (building,) = wait_for(engine.store().uncommitted)

    assert engine.prune().removals == ()
    assert engine.clean("alpha").removals == ()

    hold.release()
    _out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert engine.environment("alpha").generation == building
    assert engine.sound("alpha") == {"demo": "1.0"}


def test_a_holder_file_that_names_another_process_keeps_no_abandoned_build_alive(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    store = engine.store()
    abandoned = store.generations / "0badf00d"
    abandoned.mkdir()
    holder = engine.show("alpha").last_builder
    assert holder is not None
    changed = {name: getattr(holder, name) for name in holder.__slots__} | {"pid": 1, "generation": "0badf00d"}
    write_holder(store, Kind.PROJECT, "alpha", type(holder)(**changed))

    (removal,) = engine.prune().removals

    assert (removal.key, removal.what, removal.path) == ("alpha", "abandoned build", abandoned)
    assert not abandoned.exists()


def test_prune_takes_environments_that_nobody_used_for_so_long(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"], "gamma": ["alpha==1.0"]}))
    engine.build()
    _used(engine, "alpha", 40)
    _used(engine, "beta", 20)
    _used(engine, "gamma", 40)
    assert engine.kit.run_python("gamma", "-c", "pass").returncode == 0  # a python that starts is a use

    dry = engine.prune(unused_for=30 * DAY, dry_run=True)
    real = engine.prune(unused_for=30 * DAY)

    assert [(one.key, one.reason) for one in real.removals] == [("alpha", "not used for 40 days")]
    assert _said(dry) == _said(real)
    assert dry.freed == real.freed
    assert engine.generations("alpha") == set()
    assert not os.path.lexists(engine.kit.venv("alpha"))
    assert engine.sound("beta") == {"demo": "2.0"}
    assert engine.sound("gamma") == {"alpha": "1.0"}


def test_prune_keeps_an_unused_environment_in_which_a_process_lives(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    with _running_in(engine, "alpha"):
        _used(engine, "alpha", 40)
        for options in ({"unused_for": 30 * DAY}, {"keep_size": 0}):
            engine.prune(**options)
            assert engine.sound("alpha") == {"demo": "1.0"}


def test_keep_size_gives_up_rollbacks_first_and_then_the_least_recently_used(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["bulky==1.0"], "beta": ["bulky==2.0"]}))
    engine.build()
    engine.kit.pin("alpha", "bulky", "2.0")
    engine.build()
    _used(engine, "alpha", 1)
    _used(engine, "beta", 2)
    store = engine.store()
    current = engine.environment("alpha").path, engine.environment("beta").path
    (previous,) = [path for path in store.generations.iterdir() if path not in current]
    everything = _real_size(store.generations)
    without_previous = _real_size(*current)

    assert engine.prune(keep_size=everything).removals == ()
    dry = engine.prune(keep_size=without_previous, dry_run=True)
    real = engine.prune(keep_size=without_previous)
    assert [(one.path, one.reason) for one in real.removals] == [(previous, "only kept for a rollback")]
    assert (_said(dry), dry.freed) == (_said(real), real.freed)
    assert not previous.exists()
    with pytest.raises(EnvironmentMissing, match="previous environment of `alpha` is missing"):
        engine.rollback("alpha")

    dry = engine.prune(keep_size=without_previous - 50_000, dry_run=True)
    real = engine.prune(keep_size=without_previous - 50_000)
    assert [(one.key, one.what) for one in real.removals] == [("beta", "environment")]
    assert (_said(dry), dry.freed) == (_said(real), real.freed)
    assert engine.sound("alpha") == {"bulky": "2.0"}
    assert engine.prune(keep_size=0).removals[0].key == "alpha"
    assert engine.generations() == set()


def test_logs_of_failed_builds_are_kept_for_a_week(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    logs = engine.kit.store / "logs"
    (kept,) = logs.iterdir()
    young, old = logs / "project-alpha-0000aaaa.log", logs / "project-alpha-0000bbbb.log"
    for log, days in ((young, 6.9), (old, 7.1), (kept, 100)):
        log.touch()
        os.utime(log, (time.time() - days * DAY,) * 2)

    engine.prune()

    assert set(logs.iterdir()) == {kept, young}


def test_what_was_set_aside_goes_after_a_week(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.kit.venv("alpha").mkdir()
    (engine.kit.venv("alpha") / "precious.txt").touch()
    engine.build(replace_foreign=True)
    (aside,) = (engine.kit.store / "replaced").iterdir()
    mine = aside.with_name("what-I-put-here")
    mine.mkdir()
    assert engine.prune().removals == ()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(time.time() - 8 * DAY))
    old = aside.rename(aside.with_name(f"alpha-{stamp}-beef"))

    dry = engine.prune(dry_run=True)
    assert old.exists()
    real = engine.prune()

    assert _said(dry) == _said(real)
    assert [(one.what, one.path, one.reason) for one in real.removals] == [
        ("replaced folder", old, "replaced 8 days ago")
    ]
    assert not old.exists()
    assert mine.exists()


# --- rollback


def test_rollback_twice_is_where_you_started(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    first = engine.environment("alpha").generation
    engine.kit.pin("alpha", "demo", "2.0")
    engine.build()
    second = engine.environment("alpha").generation

    result = engine.rollback("alpha")

    assert result.before is not None
    assert (result.before.generation, result.now.generation) == (second, first)
    assert engine.sound("alpha") == {"demo": "1.0"}
    assert engine.rows()["alpha"].grade == Grade.STALE
    assert engine.show("alpha").build_reasons == ("rollback",)
    assert engine.show("alpha").published == Published.CURRENT
    again = engine.rollback("alpha")
    assert again.now.generation == second
    assert engine.sound("alpha") == {"demo": "2.0"}
    assert engine.outcome("alpha").action == Action.KEPT


def test_only_one_previous_generation_is_kept(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    for _ in range(4):
        engine.build(force=True)

    assert len(engine.generations("alpha")) == 2
    assert engine.leftovers() == []
    (previous,) = engine.show("alpha").previous
    assert engine.rollback("alpha").now.generation == previous.generation


def test_what_a_process_kept_alive_beyond_the_previous_generation_goes_with_the_next_prune(
    workspace_kit: MakeWorkspace,
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    first = engine.environment("alpha").generation
    with _running_in(engine, "alpha"):
        engine.build(force=True)
        engine.build(force=True)
        assert engine.prune().removals == ()
        assert len(engine.generations("alpha")) == 3

    dry = engine.prune(dry_run=True)
    assert [(removal.path.name, removal.reason) for removal in dry.removals] == [
        (first, "older than what is kept for a rollback")
    ]
    assert engine.prune().removals == dry.removals
    pointer = engine.store().pointer(Kind.PROJECT, "alpha")
    assert pointer is not None
    assert {pointer.current, *pointer.previous} == set(engine.generations("alpha"))
    assert len(pointer.previous) == 1
    assert engine.prune().removals == ()


def _without_a_file(path: Path) -> None:
    (site_packages(path) / "demo" / "__init__.py").unlink()


def _without_python(path: Path) -> None:
    (path / "bin" / "python").unlink()


def _without_commit_file(path: Path) -> None:
    (path / "env.json").unlink()


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (_without_a_file, "is damaged: 1 of its files"),
        (_without_python, "is broken: its python is gone"),
        (_without_commit_file, "is missing"),
    ],
    ids=["a file is missing", "no python", "no commit file"],
)
def test_a_damaged_previous_environment_is_refused_and_the_current_one_stays(
    workspace_kit: MakeWorkspace, damage: Callable[[Path], None], match: str
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    previous = engine.environment("alpha").path
    engine.kit.pin("alpha", "demo", "2.0")
    engine.build()
    current = engine.environment("alpha").generation
    damage(previous)

    with pytest.raises(EnvironmentMissing, match=match) as caught:
        engine.rollback("alpha")

    clear(caught.value)
    assert engine.environment("alpha").generation == current
    assert engine.sound("alpha") == {"demo": "2.0"}


def test_there_is_nothing_to_go_back_to_at_first(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    for expected in ("no previous environment", "no previous environment"):
        with pytest.raises(EnvironmentMissing, match=expected) as caught:
            engine.rollback("alpha")
        clear(caught.value)
        engine.build()


def test_a_rollback_over_a_foreign_folder_is_refused_and_changes_nothing(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    engine.build(force=True)
    current = engine.environment("alpha").generation
    engine.kit.venv("alpha").unlink()
    engine.kit.venv("alpha").mkdir()
    (engine.kit.venv("alpha") / "precious.txt").touch()

    with pytest.raises(ForeignEnvironment, match="did not make"):
        engine.rollback("alpha")

    assert engine.environment("alpha").generation == current


def test_a_rollback_leaves_a_process_in_the_environment_it_started_in(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    engine.kit.pin("alpha", "demo", "2.0")
    engine.build()
    with _running_in(engine, "alpha"):
        engine.rollback("alpha")
        engine.prune(keep_size=0)
        assert len(engine.generations("alpha")) >= 1
        assert engine.clean("alpha").removals[0].error is not None


# --- list and show


def test_rows_tell_of_every_project_built_or_not(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==1.0"], "client-backend": ["demo"]}))
    engine.build("alpha")

    rows = engine.rows()

    assert list(rows) == ["alpha", "beta", "client-backend"]
    alpha, beta = rows["alpha"], rows["beta"]
    environment = engine.environment("alpha")
    assert (alpha.grade, alpha.reasons, alpha.generation) == (Grade.OK, (), environment.generation)
    assert alpha.path == engine.kit.venv("alpha")
    assert alpha.packages == 2  # demo and pip
    assert alpha.created is not None
    assert alpha.last_used is not None
    assert abs(time.time() - alpha.last_used) < 120
    assert (beta.grade, beta.reasons, beta.generation, beta.apparent_bytes) == (Grade.MISSING, (), "", 0)
    assert (beta.created, beta.last_used) == (None, None)


def test_sizes_count_every_inode_once(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["bulky==1.0"], "beta": ["bulky==1.0"], "gamma": ["bulky==2.0"]}))
    result = engine.build()
    paths = {key: engine.environment(key).path for key in ("alpha", "beta", "gamma")}
    assert result.disk is not None

    assert result.disk.actual == _real_size(*paths.values())
    assert result.disk.apparent == sum(map(_real_size, paths.values()))
    assert result.disk.saved > 1500 * 200
    rows = engine.rows()
    assert rows["alpha"].unique_bytes < 1500 * 200 < rows["gamma"].unique_bytes
    for key, row in rows.items():
        others = [path for other, path in paths.items() if other != key]
        unique = _real_size(*paths.values()) - _real_size(*others)
        assert row.unique_bytes == unique
        assert row.apparent_bytes == _real_size(paths[key])


def test_show_tells_why_it_was_built_and_what_can_be_gone_back_to(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    assert engine.show("alpha").environment is None
    engine.build()
    first = engine.environment("alpha").generation
    engine.kit.pin("alpha", "demo", "2.0")
    assert engine.show("alpha").row.reasons == ("demo 1.0 -> 2.0",)
    engine.build()

    details = engine.show("alpha")

    assert details.environment is not None
    assert details.environment.packages["demo"] == "2.0"
    assert details.build_reasons == ("demo 1.0 -> 2.0",)
    assert [environment.generation for environment in details.previous] == [first]
    assert details.published == Published.CURRENT
    assert details.last_builder is not None
    assert details.last_builder.pid == os.getpid()
    assert not details.in_use
    with _running_in(engine, "alpha"):
        assert engine.show("alpha").in_use


# --- hostile layouts: nothing outside, nothing foreign


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with something in it that nobody may delete."""
    folder = tmp_path / "outside"
    (folder / "deeper").mkdir(parents=True)
    (folder / "deeper" / "precious.txt").write_text("a week of work", encoding="utf-8")
    return folder


def _whole(outside: Path) -> bool:
    return (outside / "deeper" / "precious.txt").read_text(encoding="utf-8") == "a week of work"


def test_links_inside_an_environment_are_removed_and_never_followed(
    workspace_kit: MakeWorkspace, outside: Path
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    path = engine.environment("alpha").path
    (path / "link").symlink_to(outside)
    (site_packages(path) / "link").symlink_to(outside / "deeper")
    (site_packages(path) / "demo" / "precious.txt").symlink_to(outside / "deeper" / "precious.txt")
    (path / "up").symlink_to("../../../..")
    (engine.store().trash / "link").symlink_to(outside)
    (engine.store().generations / "0badf00d").symlink_to(outside)

    engine.prune()
    engine.clean()

    assert _whole(outside)
    assert engine.generations() == set()
    assert not os.path.lexists(path)
    assert os.listdir(engine.store().trash) == []
    assert engine.kit.lockfile("alpha").is_file()


OWN_FOLDERS = ("g", "trash", "leases", "cache", "replaced", "logs", "pointers")


@pytest.mark.parametrize("name", OWN_FOLDERS)
def test_a_folder_of_the_store_that_is_a_link_deletes_nothing_behind_it(
    workspace_kit: MakeWorkspace, outside: Path, name: str
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    for entry in ("0badf00d", "old-0badf00d", "alpha-20200101-000000-beef", "fetch-0badf00d"):
        (outside / entry).mkdir()
        (outside / entry / "precious.txt").touch()
    files = sorted(outside.rglob("*"))
    engine.kit.store.mkdir()
    (engine.kit.store / name).symlink_to(outside)

    for command in (engine.setup, engine.prune, engine.clean, lambda: engine.doctor(fix=True)):
        with contextlib.suppress(EnvyardError):
            command()

    assert [path for path in files if not path.exists()] == []
    assert _whole(outside)


def test_a_store_that_is_a_link_inside_the_workspace_works_and_stays(
    workspace_kit: MakeWorkspace, outside: Path
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    real = engine.root / "build" / "environments"
    real.mkdir(parents=True)
    (real / "mine.txt").write_text("not of the store", encoding="utf-8")
    engine.kit.store.symlink_to(real)

    engine.build()
    assert engine.sound("alpha") == {"demo": "1.0"}
    assert engine.outcome("alpha").action == Action.KEPT
    engine.prune(keep_size=0)
    engine.clean()

    assert engine.generations() == set()
    assert (real / "mine.txt").is_file()
    assert engine.kit.store.is_symlink()


def test_files_of_people_in_the_store_are_left_alone(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    store = engine.kit.store
    mine = [store / "notes.txt", store / "g" / "notes", store / "g" / "my-env" / "x", store / "logs" / "notes.txt"]
    mine += [store / "pointers" / "notes.json", store / "locks" / "notes", store / "cache" / "notes"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))

    engine.prune(unused_for=0, keep_size=0)
    engine.clean()

    assert [path for path in mine if not path.exists()] == []


def test_the_link_of_another_tool_survives_clean(workspace_kit: MakeWorkspace, outside: Path) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==1.0"]}))
    engine.build()
    for key, target in (("alpha", outside), ("beta", outside / "on-a-disk-that-is-not-mounted")):
        engine.kit.venv(key).unlink()
        engine.kit.venv(key).symlink_to(target)

    engine.clean()

    assert engine.generations() == set()
    assert engine.kit.venv("alpha").readlink() == outside
    assert engine.kit.venv("beta").readlink() == outside / "on-a-disk-that-is-not-mounted"
    assert _whole(outside)


def test_a_pointer_that_names_a_path_deletes_nothing(workspace_kit: MakeWorkspace, outside: Path) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    pointer = engine.store().pointer_path(Kind.PROJECT, "alpha")
    there = os.path.relpath(outside, engine.store().generations)
    pointer.write_text(
        f'{{"current": "{there}", "previous": ["{there}", ".", ".."], "reasons": [], "updated": 0}}', encoding="utf-8"
    )

    engine.prune()
    engine.prune(keep_size=0, unused_for=0)
    engine.clean()

    assert _whole(outside)
    assert engine.store().generations.is_dir()
