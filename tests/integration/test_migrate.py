"""Moving models from their old environments: nothing that works is taken away before the new one works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWorkspace
from kit.disks import small_disk
from kit.index import LocalIndex
from kit.models import CPU, ModelsKit

from envyard.commands.doctor_models import doctor_models
from envyard.commands.migrate import MigrationResult, migrate, undo
from envyard.commands.prune import prune
from envyard.commands.shared import list_model_environments
from envyard.errors import ModelNotFound, StoreUnusable, UsageError
from envyard.migrated import list_put_away
from envyard.workspace import load_workspace

KNOWS_LLAMA = """\
import json, os


class AutoConfig:
    @staticmethod
    def from_pretrained(path, local_files_only):
        with open(os.path.join(path, "config.json")) as file:
            if json.load(file)["model_type"] != "llama":
                raise ValueError("unknown model type")
"""


@pytest.fixture
def models(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> ModelsKit:
    return ModelsKit(workspace_kit({}), local_index)


def run(models: ModelsKit, *names: Path | str, **options: Any) -> MigrationResult:
    with models.here():
        return migrate(load_workspace(models.root), [str(name) for name in names], **options)


def actions(result: MigrationResult) -> dict[str, str]:
    return {one.name: one.action for one in result.migrations}


def test_migration_moves_the_old_environment_away_and_undo_brings_it_back(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    result = run(models, model)
    (one,) = result.migrations
    assert (one.action, one.target, one.path) == ("migrated", CPU, folder)
    assert 0 < one.bytes == result.before  # nothing was there but the old environment
    assert not folder.exists()
    assert models.resolve(model).source == "shared"
    (restored,) = undo(load_workspace(models.root), [str(model)]).migrations
    assert restored.action == "restored"
    python = folder / ".venv" / "bin" / "python"
    subprocess.run([python, "-c", "import torch, peft"], check=True)
    assert list_put_away(models.store) == ()


def test_prune_deletes_what_was_migrated(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    run(models, model)
    planned = prune(load_workspace(models.root), dry_run=True)
    assert [one.what for one in planned.removals] == ["old environment"]
    assert len(list_put_away(models.store)) == 1
    pruned = prune(load_workspace(models.root))
    assert [(one.key, one.what) for one in pruned.removals] == [(folder.name, "old environment")]
    assert pruned.freed > 0
    assert list_put_away(models.store) == ()
    assert os.listdir(models.store.root / "migrated") == []
    assert undo(load_workspace(models.root)).migrations == ()


def test_dry_run_builds_and_moves_nothing(models: ModelsKit) -> None:
    folder = models.legacy(models.model())
    result = run(models, every=True, dry_run=True)
    assert actions(result) == {folder.name: "planned"}
    assert result.after < result.before
    assert folder.exists()
    assert models.environment() is None


def test_keep_builds_and_moves_nothing(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    assert actions(run(models, model, keep=True)) == {folder.name: "kept"}
    assert folder.exists()
    assert models.resolve(model).source == "shared"


def test_model_that_the_new_libraries_do_not_know_keeps_its_old_environment(models: ModelsKit) -> None:
    models.index.add("transformers", "2.0", files={"transformers/__init__.py": KNOWS_LLAMA})
    models.profile(requirements=["torch", "transformers==2.0", "peft", "accelerate"])
    known, unknown = models.model("known"), models.model("unknown", {"model_type": "brand-new"})
    own = models.model("own", {"model_type": "brand-new", "auto_map": {"AutoConfig": "own.Config"}})
    folders = {name: models.legacy(path) for name, path in (("k", known), ("u", unknown), ("o", own))}
    result = run(models, every=True)
    assert actions(result) == {
        folders["k"].name: "migrated",
        folders["u"].name: "failed",
        folders["o"].name: "migrated",
    }
    (failed,) = (one for one in result.migrations if one.action == "failed")
    assert "unknown model type" in failed.reason
    assert folders["u"].exists()
    assert result.exit_code == 1


def test_creation_that_fails_keeps_the_old_environment(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    models.index.down()
    result = run(models, model)
    assert actions(result) == {folder.name: "failed"}
    assert folder.exists()
    assert models.resolve(model).source == "legacy-per-model"


def test_degraded_shared_environment_takes_nobodys_place(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    models.with_cuda()
    (one,) = run(models, model).migrations
    assert one.action == "failed"
    assert "no CUDA device" in one.reason
    assert folder.exists()


def test_environment_that_another_one_leads_into_stays(models: ModelsKit) -> None:
    model, other = models.model(), models.model("other")
    folder, second = models.legacy(model), models.legacy(other)
    shutil.rmtree(second / ".venv")
    (second / ".venv").symlink_to(folder / ".venv")
    result = run(models, model)
    assert actions(result) == {folder.name: "kept"}
    assert second.name in result.migrations[0].reason
    assert models.resolve(other).source == "legacy-per-model"


def test_environment_with_a_running_process_stays(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    process = subprocess.Popen(
        [folder / ".venv" / "bin" / "python", "-c", "import sys; print(1, flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        (one,) = run(models, model).migrations
        assert (one.action, one.reason) == ("kept", f"process {process.pid} runs in it")
    finally:
        process.communicate(timeout=30)
    assert actions(run(models, model)) == {folder.name: "migrated"}


def test_foreign_trees_are_skipped_or_told(models: ModelsKit) -> None:
    good = models.legacy(models.model())
    unknown = models.legacy(models.model("foreign"), metadata=["somebody", "else's"])
    gone = models.model("gone")
    without = models.legacy(gone)
    shutil.rmtree(gone)
    link = models.environments / "local_0123456789ab"
    link.symlink_to(models.root / "nowhere")
    (models.environments / "notes.txt").write_text("mine", encoding="utf-8")
    (models.environments / "cache").mkdir()
    result = run(models, every=True)
    assert actions(result) == {
        good.name: "migrated",
        unknown.name: "skipped",
        without.name: "failed",
        link.name: "skipped",
    }
    assert unknown.exists()
    assert link.is_symlink()
    assert sorted(os.listdir(models.environments)) == sorted(
        [unknown.name, without.name, link.name, "notes.txt", "cache"]
    )


def test_hub_ids_migrate_too(models: ModelsKit) -> None:
    folder = models.legacy("acme/llama-7b")
    assert folder.name == "acme__llama-7b"
    assert models.resolve("acme/llama-7b").source == "legacy-per-model"
    assert actions(run(models, every=True)) == {folder.name: "migrated"}
    assert models.resolve("acme/llama-7b").source == "shared"


def test_old_environments_on_another_device_are_renamed_in_place(models: ModelsKit) -> None:
    models.environments.mkdir()
    with small_disk(models.environments):
        model = models.model()
        folder = models.legacy(model)
        assert actions(run(models, model)) == {folder.name: "migrated"}
        (away,) = list_put_away(models.store)
        assert away.place.parent == models.environments
        prune(load_workspace(models.root))
        assert os.listdir(models.environments) == []


def test_undo_replaces_nothing(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    run(models, model)
    models.legacy(model, [])
    (one,) = undo(load_workspace(models.root)).migrations
    assert (one.action, type(one.error)) == ("failed", StoreUnusable)
    assert len(list_put_away(models.store)) == 1
    assert folder.exists()


@pytest.mark.parametrize("place", ["/", "{root}", "{root}/.envs/g", "{root}/.envs/migrated", "../../.."])
def test_note_that_names_another_place_deletes_nothing(models: ModelsKit, place: str) -> None:
    model = models.model()
    models.store.prepare()
    note = models.store.root / "migrated" / "local_0123456789ab-01234567.json"
    note.parent.mkdir()
    data = {"origin": str(models.environments / "local_0123456789ab"), "model": "", "key": CPU, "moved": 1.0}
    note.write_text(json.dumps({**data, "place": place.format(root=models.root)}), encoding="utf-8")
    assert list_put_away(models.store) == ()
    prune(load_workspace(models.root))
    assert model.exists()


def test_words_that_make_no_sense_are_usage_errors(models: ModelsKit) -> None:
    model = models.model()
    with pytest.raises(UsageError, match="takes models or"):
        run(models)
    with pytest.raises(UsageError, match="takes models or"):
        run(models, model, every=True)
    with pytest.raises(UsageError, match="has no old environment"):
        run(models, model)
    with pytest.raises(ModelNotFound, match="no model at"):
        run(models, "nowhere")


# --- what people see


def test_list_shows_new_old_and_degraded_with_their_models(models: ModelsKit) -> None:
    fine, old, ill = models.model("fine"), models.model("old"), models.model("ill")
    old_folder, ill_folder = models.legacy(old), models.legacy(ill, ["torch"])
    models.resolve(old)
    models.index.down()
    models.resolve(ill)
    models.index.up()
    rows = {row.key: row for row in list_model_environments(load_workspace(models.root))}
    assert {key: row.source for key, row in rows.items()} == {
        CPU: "degraded",
        old_folder.name: "old",
        ill_folder.name: "degraded",
    }
    assert rows[ill_folder.name].models == (str(ill),)
    assert rows[ill_folder.name].degraded_since
    for model in (fine, ill):
        models.resolve(model, retry=True)
    rows = {row.key: row for row in list_model_environments(load_workspace(models.root))}
    assert (rows[CPU].source, rows[CPU].models) == ("new", (str(fine), str(ill)))
    assert rows[ill_folder.name].source == "old"
    text = models.kit.run("envs.list", check=True).stdout
    assert "models/fine" in text
    listed = json.loads(models.kit.run("envs.list", "--json", check=True).stdout)["environments"]
    assert {row["key"]: row["kind"] for row in listed}[CPU] == "profile"


def test_doctor_finds_failures_and_damage_and_heals_them(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model, ["torch"])
    models.index.down()
    models.resolve(model)
    models.index.up()
    workspace = load_workspace(models.root)
    with models.here():
        result = doctor_models(workspace)
        assert {(one.check, one.key) for one in result.problems} == {
            ("environment", CPU),
            ("creation", CPU),
            ("model", CPU),
        }
        assert [one.key for one in result.findings if one.check == "old"] == [folder.name]
        doctor_models(workspace, fix=True)
        models.resolve(model)
        assert doctor_models(workspace).problems == ()
        environment = models.environment()
        assert environment is not None
        os.truncate(environment.path / environment.site_packages / "peft" / "__init__.py", 0)
        damaged = doctor_models(workspace)
        assert [one.check for one in damaged.problems] == ["files"]
        assert doctor_models(workspace, fix=True).problems == ()
        assert doctor_models(workspace).problems == ()


def test_prune_names_the_models_that_an_environment_serves(models: ModelsKit) -> None:
    models.resolve(models.model())
    planned = prune(load_workspace(models.root), unused_for=0, dry_run=True)
    assert [(one.key, one.path.name) for one in planned.removals] == [(CPU, CPU)]
    assert planned.removals[0].reason.endswith("it serves llama")


def test_command_migrates_and_undoes(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    data = json.loads(models.kit.run("envs.migrate", "--all", "--json", check=True).stdout)
    assert [one["action"] for one in data["migrations"]] == ["migrated"]
    assert data["before"] == data["migrations"][0]["bytes"]
    done = models.kit.run("envs.migrate", "--undo", check=True)
    assert "restored" in done.stdout
    assert folder.exists()
    refused = models.kit.run("envs.migrate", "--undo", "--keep")
    assert refused.returncode == 2
    assert "nothing to migrate" in models.kit.run("envs.migrate", "--undo", "--model", str(model / "..")).stdout


# --- old environments that lie elsewhere


@pytest.mark.parametrize("how", ["option", "variable", "workspace.toml"])
def test_old_environments_elsewhere_are_found_listed_and_migrated(models: ModelsKit, tmp_path: Path, how: str) -> None:
    model = models.model()
    folder = models.legacy(model)
    place = (models.root / "app" / "old") if how == "workspace.toml" else tmp_path / "elsewhere" / "old"
    place.parent.mkdir()
    models.environments.rename(place)
    # what is inside still names the folder where it was made, which only its scripts would mind
    assert folder.name in os.listdir(place)
    option: list[str] = []
    if how == "option":
        option = ["--environments", str(place)]
    elif how == "variable":
        models.kit.env["ENVYARD_ENVIRONMENTS"] = str(place)
    else:
        models.kit.settings["environments"] = "app/old"
        models.kit.write_definition()
    found = models.kit.run("envs.resolve", "--model", str(model), "--json", *option, check=True)
    assert json.loads(found.stdout)["metadata"]["legacy_path"] == str(place / folder.name)
    listed = json.loads(models.kit.run("envs.list", "--json", *option, check=True).stdout)["environments"]
    assert [row["path"] for row in listed if row["kind"] == "legacy"] == [str(place / folder.name)]
    moved = models.kit.run("envs.migrate", "--all", *option, check=True)
    assert "migrated" in moved.stdout
    assert os.listdir(place) == []
    models.kit.run("envs.migrate", "--undo", check=True)
    assert os.listdir(place) == [folder.name]


def test_registry_takes_the_folder_of_old_environments_from_its_caller(models: ModelsKit, tmp_path: Path) -> None:
    model = models.model()
    models.legacy(model)
    models.environments.rename(tmp_path / "old")
    with models.here():
        assert models.registry(environments=tmp_path / "old").get_env_for_model(model).source == "legacy-per-model"
