"""`envs.report`: what it finds, what it writes and what it leaves alone; and what is remembered of environments."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWorkspace
from kit.audit import site_packages
from kit.engine import Engine
from kit.index import LocalIndex
from kit.models import CPU, CUDA, ModelsKit
from kit.workspaces import ProjectPlan, WorkspaceKit

from envyard.commands.overview import EnvironmentReport, take_overview
from envyard.definition import Kind
from envyard.health import Grade
from envyard.history import Event, What, history_path, load_history, record
from envyard.provision import Action

DAY = 86400.0


@pytest.fixture
def engine(workspace_kit: MakeWorkspace) -> Engine:
    return Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0"]}))


def reports(engine: Engine) -> dict[str, EnvironmentReport]:
    return {one.key: one for one in take_overview(engine.workspace()).environments}


def told(engine: Engine, key: str) -> list[tuple[str, str]]:
    """What happened to a project's environment, and its grade from then on."""
    return [(str(one.what), str(one.grade)) for one in load_history(engine.store(), Kind.PROJECT, key)]


def data(kit: WorkspaceKit, *arguments: str) -> dict[str, Any]:
    found = json.loads(kit.run("envs.report", "--json", *arguments, check=True).stdout)
    assert isinstance(found, dict)
    return found


def everything(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file and folder below, with its size and time of change."""
    return {path: (status.st_size, status.st_mtime_ns) for path in folder.rglob("*") for status in [os.lstat(path)]}


# --- the command


def test_the_page_has_every_environment_and_says_what_was_written(engine: Engine) -> None:
    engine.build("alpha")
    done = engine.kit.run("envs.report", "--html", "out/report.html", check=True)
    assert done.stdout == "wrote out/report.html: 2 environments, 1 needs attention\n"
    page = (engine.root / "out" / "report.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    for words in ("Alpha", "Beta", "never built", "envyard envs.setup beta"):
        assert words in page


def test_looking_changes_nothing(engine: Engine) -> None:
    engine.build()
    before = everything(engine.root)
    overview = take_overview(engine.workspace())
    assert [one.grade for one in overview.environments] == [Grade.OK, Grade.OK]
    assert everything(engine.root) == before


def test_json_has_what_the_page_shows_and_the_numbers_of_the_list(engine: Engine) -> None:
    engine.build()
    found = data(engine.kit, "--html", "r.html")
    listed = json.loads(engine.kit.run("envs.list", "--json", check=True).stdout)["environments"]
    assert found["file"] == "r.html"
    assert (engine.root / "r.html").is_file()
    same = ("key", "kind", "grade", "reasons", "python_version", "generation", "apparent_bytes", "unique_bytes")
    assert [{name: one[name] for name in same} for one in found["environments"]] == [
        {name: one[name] for name in same} for one in listed
    ]
    assert found["environments"][0]["packages"]["demo"] == "1.0"
    assert [event["what"] for event in found["environments"][0]["history"]] == ["built"]
    assert [row["package"] for row in found["matrix"]["packages"]] == ["demo", "pip"]
    disk = found["disk"]
    assert disk["saved"] == disk["apparent"] - disk["actual"] > 0
    assert data(engine.kit)["file"] is None


def test_without_a_file_the_next_command_to_type_is_told(engine: Engine) -> None:
    done = engine.kit.run("envs.report")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "needs a file to write" in done.stderr
    assert "envyard envs.report --html report.html" in done.stderr


@pytest.mark.parametrize("content", ["<html>mine</html>", "", "x" * 1000 + "written by envyard"])
def test_a_file_of_somebody_else_stays_unless_it_may_go(engine: Engine, content: str) -> None:
    mine = engine.root / "mine.html"
    mine.write_text(content)
    done = engine.kit.run("envs.report", "--html", "mine.html")
    assert done.returncode == 2
    assert "mine.html was not written by envyard" in done.stderr
    assert mine.read_text() == content
    engine.kit.run("envs.report", "--html", "mine.html", "--overwrite", check=True)
    assert "never built" in mine.read_text("utf-8")


def test_a_page_of_envyard_is_replaced_in_one_step(engine: Engine) -> None:
    page = engine.root / "report.html"
    engine.kit.run("envs.report", "--html", str(page), check=True)
    first, before = page.read_bytes(), os.stat(page).st_ino
    engine.build("alpha")
    engine.kit.run("envs.report", "--html", str(page), check=True)
    assert page.read_bytes() != first
    assert os.stat(page).st_ino != before
    assert [path.name for path in engine.root.glob(".report*")] == []


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        pytest.param("projects", 2, "projects is a folder", id="a folder"),
        pytest.param("workspace.toml/x.html", 1, "a file stands where a folder belongs", id="below a file"),
    ],
)
def test_what_cannot_be_written_is_said(engine: Engine, target: str, code: int, words: str) -> None:
    done = engine.kit.run("envs.report", "--html", target)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_an_empty_workspace_has_a_page_too(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({})
    done = kit.run("envs.report", "--html", "r.html", check=True)
    assert done.stdout == "wrote r.html: no environments\n"
    assert "The workspace has no projects." in (kit.root / "r.html").read_text("utf-8")


def test_a_title_from_workspace_toml_is_only_text(workspace_kit: MakeWorkspace) -> None:
    title = "<script>alert(1)</script>"
    kit = workspace_kit({"alpha": ProjectPlan(requirements=["demo"], title=title)}, settings={"name": title})
    kit.run("envs.report", "--html", "r.html", check=True)
    page = (kit.root / "r.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


# --- what it finds


def problems(one: EnvironmentReport) -> list[tuple[str, str]]:
    return [(problem.check, problem.fix) for problem in one.problems]


def test_each_state_has_its_grade_and_what_heals_it(workspace_kit: MakeWorkspace) -> None:
    keys = ("good", "stale", "drifted", "broken", "unlinked", "unlocked")
    engine = Engine(workspace_kit({key: ["demo==1.0"] for key in (*keys, "missing")}))
    engine.build(*keys)
    engine.kit.pin("stale", "demo", "2.0")
    (site_packages(engine.kit.venv("drifted")) / "extra-1.0.dist-info").mkdir()
    os.unlink(engine.environment("broken").python)
    os.unlink(engine.kit.venv("unlinked"))
    engine.kit.lockfile("unlocked").unlink()

    found = reports(engine)

    assert {key: (str(one.grade), problems(one)) for key, one in found.items()} == {
        "good": ("ok", []),
        "stale": ("stale", [("environment", "invoke envs.setup stale")]),
        "drifted": ("drifted", [("environment", "invoke envs.setup drifted --rebuild")]),
        "broken": ("broken", [("environment", "invoke envs.setup broken")]),
        "unlinked": ("ok", [("link", "invoke envs.setup unlinked")]),
        "unlocked": (
            "stale",
            [("environment", "invoke envs.setup unlocked"), ("lockfile", "invoke envs.lock unlocked")],
        ),
        "missing": ("missing", [("environment", "invoke envs.setup missing")]),
    }


def test_a_failed_build_is_told_until_the_environment_is_as_asked_for(engine: Engine) -> None:
    engine.build("alpha")
    engine.kit.change("alpha", requirements=["demo==1.0", "alpha"], locked=False)
    sound = engine.kit.requirements("alpha").read_text()
    engine.kit.change("alpha", requirements=["nowhere==9.0"], locked=False)
    assert engine.outcome("alpha").action == Action.FAILED
    one = reports(engine)["alpha"]
    assert one.grade == Grade.STALE
    assert [problem.check for problem in one.problems] == ["environment", "build"]
    assert "the last build failed" in one.problems[1].message
    engine.kit.requirements("alpha").write_text(sound)
    engine.build("alpha")
    assert reports(engine)["alpha"].problems == ()


def test_damage_that_only_the_doctor_sees_is_told_until_it_is_healed(engine: Engine) -> None:
    engine.build("alpha")
    (site_packages(engine.kit.venv("alpha")) / "demo" / "__init__.py").unlink()
    assert reports(engine)["alpha"].problems == ()
    engine.doctor("alpha")
    one = reports(engine)["alpha"]
    assert problems(one) == [("files", "invoke envs.doctor alpha --fix")]
    assert "1 file is missing or changed" in one.problems[0].message
    engine.doctor("alpha", fix=True)
    assert reports(engine)["alpha"].problems == ()


def test_a_damaged_pointer_is_told_and_not_taken_for_an_environment_that_was_never_built(engine: Engine) -> None:
    engine.build()
    engine.store().pointer_path(Kind.PROJECT, "alpha").write_text("{")
    assert [problem.check for problem in reports(engine)["alpha"].problems] == ["environment", "pointer"]
    engine.kit.run("envs.report", "--html", "r.html", check=True)
    page = (engine.root / "r.html").read_text("utf-8")
    assert "never built" not in page
    assert "envyard envs.setup alpha" in page
    engine.build("alpha")
    assert reports(engine)["alpha"].problems == ()


def test_the_environment_of_a_project_that_is_none_any_more_is_not_forgotten(engine: Engine) -> None:
    engine.build()
    engine.kit.remove("beta")
    one = reports(engine)["beta"]
    assert one.apparent_bytes > 0
    assert problems(one) == [("environment", "invoke envs.prune --unused-for 30d")]


def test_own_bytes_are_what_no_environment_of_a_model_has_either(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.build()
    alone = engine.rows()["alpha"]
    models = ModelsKit(engine.kit, local_index)
    models.profile(requirements=["demo==1.0"], imports=())
    models.resolve(models.model())
    assert engine.rows()["alpha"].unique_bytes < alone.unique_bytes
    found = reports(engine)
    assert found["alpha"].unique_bytes == engine.rows()["alpha"].unique_bytes
    assert 0 < found[CPU].unique_bytes < found[CPU].apparent_bytes


def test_environments_of_models_and_what_is_less_than_promised(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({}))
    models = ModelsKit(engine.kit, local_index)
    old = models.model("old")
    folder = models.legacy(old)
    models.resolve(old)
    models.resolve(models.model())
    models.profile("torch-cu121-transformers", requirements=["nowhere==1.0"])
    fallen = models.model("fallen")
    broken = models.legacy(fallen, packages=())
    models.resolve(fallen, profile="torch-cu121-transformers")

    overview = take_overview(engine.workspace())
    found = {one.key: one for one in overview.of_models}

    assert (found[CPU].grade, found[CPU].models) == (Grade.OK, (str(models.root / "models" / "llama"),))
    assert [str(event.what) for event in found[CPU].history] == ["built"]
    assert (found[folder.name].kind, found[folder.name].models) == ("legacy", (str(old),))
    assert found["torch-cu121-transformers"].grade == Grade.MISSING
    checks = [problem.check for problem in found["torch-cu121-transformers"].problems]
    assert checks == ["environment", "creation", "model"]
    assert found[broken.name].degraded_since is not None
    given = {Path(record.model).name: (record.source, bool(record.degraded_since)) for record in overview.models}
    assert given == {
        "llama": ("shared", False),
        "old": ("legacy-per-model", False),
        "fallen": ("legacy-per-model-fallback", True),
    }
    page = engine.root / "r.html"
    engine.kit.run("envs.report", "--html", str(page), check=True)
    assert "legacy-per-model-fallback" in page.read_text("utf-8")


def test_an_environment_without_the_cuda_that_it_was_made_for_was_degraded_from_its_build(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    models = ModelsKit(workspace_kit({}), local_index)
    models.with_cuda()
    models.resolve(models.model())
    with models.here():
        (one,) = take_overview(Engine(models.kit).workspace()).of_models
    (event,) = one.history
    assert (one.key, one.grade) == (CUDA, Grade.DEGRADED)
    assert (event.what, event.grade) == (What.BUILT, Grade.DEGRADED)
    assert event.reasons == ("first build", *one.reasons)
    assert "CUDA" in one.reasons[0]


# --- what is remembered


def test_everything_that_happens_to_an_environment_is_remembered(engine: Engine) -> None:
    engine.build("alpha")
    engine.kit.pin("alpha", "demo", "2.0")
    engine.build("alpha")
    engine.rollback("alpha")
    engine.doctor("alpha")
    engine.doctor("alpha")
    lockfile = engine.kit.lockfile("alpha")
    lockfile.write_text(lockfile.read_text().replace("demo==2.0", "demo==9.9"))
    engine.setup("alpha")
    assert told(engine, "alpha") == [
        ("built", "ok"),
        ("rebuilt", "ok"),
        ("rolled back", "ok"),
        ("checked", "stale"),
        ("failed", "stale"),
    ]
    built, rebuilt, back, checked, failed = load_history(engine.store(), Kind.PROJECT, "alpha")
    assert (built.reasons, rebuilt.reasons, checked.reasons) == (
        ("first build",),
        ("demo 1.0 -> 2.0",),
        ("demo 1.0 -> 2.0",),
    )
    assert built.generation == back.generation == failed.generation != rebuilt.generation
    assert {*built.seconds} == {"create", "install", "verify"}
    assert "satisfies a requirement" in failed.reasons[0]
    assert told(engine, "beta") == []


def test_a_rollback_to_what_was_changed_by_hand_is_remembered_as_that(engine: Engine) -> None:
    engine.build("alpha")
    shutil.rmtree(site_packages(engine.kit.venv("alpha")) / "demo-1.0.dist-info")
    engine.kit.pin("alpha", "demo", "2.0")
    engine.build("alpha")
    engine.rollback("alpha")
    assert told(engine, "alpha")[-1] == ("rolled back", "drifted")


def test_a_first_build_that_fails_is_remembered_although_there_is_no_environment(engine: Engine) -> None:
    engine.kit.change("alpha", requirements=["nowhere==9.0"], locked=False)
    engine.failure("alpha")
    assert told(engine, "alpha") == [("failed", "missing")]
    assert [problem.check for problem in reports(engine)["alpha"].problems] == ["environment", "build"]


def test_nothing_is_written_where_nothing_happened(engine: Engine) -> None:
    engine.build()
    engine.doctor()
    folder = history_path(engine.store(), Kind.PROJECT, "alpha").parent
    before = everything(folder)
    assert [outcome.action for outcome in engine.setup().outcomes] == [Action.KEPT, Action.KEPT]
    engine.doctor()
    engine.doctor(deep=True)
    assert everything(folder) == before


def test_a_build_that_cannot_be_remembered_is_a_build(engine: Engine) -> None:
    engine.kit.store.mkdir()
    (engine.kit.store / "history").write_text("a file where the folder belongs")
    engine.build("alpha")
    assert engine.sound("alpha") == {"demo": "1.0"}
    assert [event.what for event in reports(engine)["alpha"].history] == [What.BUILT]


def test_the_history_goes_with_its_environment(engine: Engine) -> None:
    engine.build()
    engine.clean("alpha", dry_run=True)
    assert told(engine, "alpha") != []
    engine.clean("alpha")
    assert told(engine, "alpha") == []
    assert told(engine, "beta") == [("built", "ok")]
    engine.prune(keep_size=0)
    assert os.listdir(history_path(engine.store(), Kind.PROJECT, "beta").parent) == []


def test_prune_forgets_failures_of_what_was_never_built_after_a_week(engine: Engine) -> None:
    engine.build("beta")
    store = engine.store()
    now = reports(engine)["beta"].history[0].time
    for key, days in (("old", 8), ("young", 6), ("beta", 8)):
        event = Event(time=now - days * DAY, what=What.FAILED, grade=Grade.MISSING)
        record(store, Kind.PROJECT, key, event)
    engine.prune(dry_run=True)
    assert told(engine, "old") != []
    engine.prune()
    assert told(engine, "old") == []
    assert told(engine, "young") == [("failed", "missing")]
    assert told(engine, "beta") == [("built", "ok"), ("failed", "missing")]
