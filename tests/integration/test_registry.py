"""Which Python runs a model: every strategy, and how one takes the place of another, with real environments."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWorkspace
from kit.disks import small_disk
from kit.engine import clear, texts
from kit.index import LocalIndex
from kit.models import CPU, PINS, TORCH, ModelsKit
from kit.processes import kill_tree
from kit.workspaces import SOURCE

from envyard.commands.shared import list_model_environments
from envyard.definition import Kind
from envyard.errors import Cancelled, EnvironmentMissing, EnvyardError, ExitCode, NoEnvironmentForModel, ProfileNotFound
from envyard.events import Phase, PhaseStarted, Waiting
from envyard.locks import ExclusiveLock
from envyard.platforms import this_platform
from envyard.process import Cancellation
from envyard.records import failure_path, load_failure, load_models, save_failure
from envyard.workspace import load_workspace


@pytest.fixture
def models(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> ModelsKit:
    return ModelsKit(workspace_kit({}), local_index)


def test_first_call_builds_the_shared_environment_and_says_so_step_by_step(models: ModelsKit) -> None:
    spec = models.resolve(models.model())
    assert (spec.key, spec.source, spec.metadata["status"]) == (CPU, "shared", "OK")
    assert models.python(spec, "import torch; print(torch.__version__)") == "2.1.0"
    assert models.said[0] == f"creating the shared environment `{CPU}` for {models.root}/models/llama, step by step"
    steps = [line for line in models.said if line.startswith(f"[{CPU}] ")]
    assert [step.split()[1].rstrip(":") for step in steps][:3] == ["resolve", "why", "create"]
    assert models.said[-1].startswith(f"using the shared environment `{CPU}`")


# --- strategies


def test_existing_shared_environment_is_used_by_every_model_of_its_profile(models: ModelsKit) -> None:
    first = models.resolve(models.model())
    second = models.resolve(models.model("other"))
    assert second.python_executable == first.python_executable
    assert models.said == [
        f"using the shared environment `{CPU}` for {models.root}/models/other ({first.metadata['generation']})"
    ]


def test_healthy_old_environment_is_used_and_its_folder_is_named(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    spec = models.resolve(model)
    assert (spec.source, spec.metadata["status"], spec.metadata["migration_target"]) == ("legacy-per-model", "OK", CPU)
    assert spec.python_executable == folder / ".venv" / "bin" / "python"
    assert spec.metadata["warning"] == models.said[0]
    assert f"delete {folder} to migrate to `{CPU}`" in models.said[0]
    assert models.environment() is None


def test_deleting_the_old_environment_migrates(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model)
    with models.here():
        registry = models.registry()
        assert registry.get_env_for_model(model).source == "legacy-per-model"
        shutil.rmtree(folder)
        assert registry.get_env_for_model(model).source == "shared"


def test_shared_environment_goes_before_a_healthy_old_one(models: ModelsKit) -> None:
    models.resolve(models.model("other"))
    model = models.model()
    models.legacy(model)
    assert models.resolve(model).source == "shared"


def test_old_environment_that_lacks_a_library_is_replaced(models: ModelsKit) -> None:
    model = models.model()
    models.legacy(model, ["torch", "transformers", "accelerate"])
    spec = models.resolve(model)
    assert spec.source == "shared"
    assert any("importing peft fails" in reason for reason in spec.metadata["reasons"])


def test_old_environment_needs_cuda_only_where_the_profile_demands_it(models: ModelsKit, tmp_path: Path) -> None:
    model = models.model()
    models.legacy(model)
    assert models.resolve(model).source == "legacy-per-model"
    models.with_cuda()
    models.index.down()
    fallen = models.resolve(model)
    assert (fallen.source, fallen.metadata["status"]) == ("legacy-per-model-fallback", "DEGRADED")
    (tmp_path / "cuda").touch()
    models.kit.env["TEST_CUDA_FILE"] = str(tmp_path / "cuda")
    assert models.resolve(model, retry=True).source == "legacy-per-model"


def test_failed_creation_falls_back_to_the_unhealthy_old_environment(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model, ["torch"])
    models.index.down()
    spec = models.resolve(model)
    assert (spec.source, spec.metadata["status"]) == ("legacy-per-model-fallback", "DEGRADED")
    assert spec.python_executable == folder / ".venv" / "bin" / "python"
    assert "creating it failed" in spec.metadata["warning"]
    assert spec.metadata["degraded_since"] > 0
    assert models.said[-1] == spec.metadata["warning"]


def test_failed_update_keeps_what_works_and_says_that_it_is_stale(models: ModelsKit) -> None:
    model = models.model()
    before = models.resolve(model)
    models.profile(requirements=["torch==9.9"])
    plain = models.resolve(model)
    assert (plain.source, plain.metadata["status"]) == ("shared", "STALE")
    updated = models.resolve(model, update=True)
    assert (updated.source, updated.python_executable) == ("shared", before.python_executable)
    assert "stays as it was" in updated.metadata["warning"]


def test_update_builds_what_the_profile_asks_for_now(models: ModelsKit) -> None:
    model = models.model()
    before = models.resolve(model)
    models.index.add("torch", "2.0")
    models.profile(requirements=["torch==2.0", "transformers==1.0", "peft==1.0", "accelerate==1.0"])
    after = models.resolve(model, update=True)
    assert (after.metadata["status"], after.source) == ("OK", "shared")
    assert after.python_executable != before.python_executable


def test_broken_current_and_failed_creation_fall_back_to_the_previous_generation(models: ModelsKit) -> None:
    model = models.model()
    first = models.resolve(model)
    models.index.add("torch", "2.0", files={"torch/__init__.py": TORCH})
    models.profile(requirements=["torch==2.0", "transformers==1.0", "peft==1.0", "accelerate==1.0"])
    second = models.resolve(model, update=True)
    os.unlink(second.python_executable)
    models.profile(requirements=["torch==9.9"])
    spec = models.resolve(model)
    assert (spec.source, spec.metadata["status"]) == ("shared-previous", "DEGRADED")
    assert spec.python_executable == first.python_executable


def test_nothing_left_is_one_error_that_says_what_each_step_found(models: ModelsKit) -> None:
    model = models.model()
    folder = models.legacy(model, [])
    os.unlink(folder / ".venv" / "bin" / "python")
    models.index.down()
    with pytest.raises(NoEnvironmentForModel, match="no environment runs") as caught:
        models.resolve(model)
    text = texts(caught.value.details)
    for words in ("shared environment: ", "old environment: ", "its python is missing", "creation: "):
        assert words in text
    clear(caught.value)


def test_profile_with_mistakes_takes_no_old_environment_away(models: ModelsKit) -> None:
    model = models.model()
    models.legacy(model)
    (models.root / "profiles" / f"{CPU}.toml").write_text("[serves]\nbackend = 3\n", encoding="utf-8")
    spec = models.resolve(model)
    assert (spec.source, spec.metadata["migration_target"]) == ("legacy-per-model", "")
    with pytest.raises(EnvyardError, match="mistake"):
        models.resolve(models.model("other"))


# --- a creation that fails at each step


def _wrong_hash(models: ModelsKit) -> None:
    lock = models.root / "requirements" / "cpu.txt"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text(f"torch==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    path = models.profile()
    text = path.read_text(encoding="utf-8")
    lockfiles = f'lockfiles = {{ {this_platform()} = "requirements/cpu.txt" }}\n[health]'
    path.write_text(text.replace("[health]", lockfiles), encoding="utf-8")


FAILURES: dict[str, Callable[[ModelsKit], object]] = {
    "index gone": lambda models: models.index.down(),
    "unknown version": lambda models: models.profile(requirements=["torch==9.9"]),
    "wrong hash": _wrong_hash,
    "import fails": lambda models: models.profile(imports=["torch", "nowhere"]),
    "smoke test fails": lambda models: models.profile(code="raise RuntimeError('no good')"),
    "python crashes": lambda models: models.profile(code="import os; os.abort()"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_creation_that_fails_leaves_nothing_and_falls_back(models: ModelsKit, name: str) -> None:
    model = models.model()
    models.legacy(model, [])
    FAILURES[name](models)
    spec = models.resolve(model)
    assert spec.source == "legacy-per-model-fallback"
    assert models.environment() is None
    assert models.store.uncommitted() == []
    assert list(models.store.committed()) == []


def test_contradictory_pins_are_refused_before_anything_is_downloaded(models: ModelsKit) -> None:
    model = models.model()
    models.legacy(model, [])
    models.index.add("torch", "2.0")
    models.index.add("needs-two", "1.0", requires=["torch>=2"])
    models.profile(requirements=["torch==1.0", "needs-two==1.0"])
    spec = models.resolve(model)
    assert spec.source == "legacy-per-model-fallback"
    assert "contradict" in spec.metadata["warning"]
    assert not models.index.counts()
    assert os.listdir(models.store.generations) == []


def test_full_disk_falls_back(models: ModelsKit) -> None:
    model = models.model()
    models.legacy(model, [])
    models.store.prepare()
    with small_disk(models.kit.store) as disk:
        disk.leave(100_000)
        spec = models.resolve(model)
        assert spec.source == "legacy-per-model-fallback"
        disk.resize(200_000_000)
        assert models.resolve(model, retry=True).source == "shared"


def test_read_only_store_still_answers(models: ModelsKit) -> None:
    model = models.model()
    models.legacy(model, [])
    models.store.prepare()
    with small_disk(models.kit.store) as disk:
        disk.read_only()
        assert models.resolve(model).source == "legacy-per-model-fallback"


# --- degraded, and tried again


def test_failed_creation_is_not_tried_again_for_every_model(models: ModelsKit) -> None:
    model = models.model()
    models.legacy(model, [])
    models.index.down()
    models.resolve(model)
    models.index.up()
    models.index.forget()
    again = models.resolve(model)
    assert again.source == "legacy-per-model-fallback"
    assert "failed before" in again.metadata["warning"]
    assert not models.index.counts()
    row = {row.key: row for row in list_model_environments(load_workspace(models.root))}[CPU]
    assert (row.source, row.grade) == ("degraded", "missing")
    assert row.degraded_since == again.metadata["degraded_since"]


def _an_hour_ago(models: ModelsKit) -> dict[str, Any]:
    _set_back(models, -4000)
    return {}


def _in_the_future(models: ModelsKit) -> dict[str, Any]:
    _set_back(models, 4000)
    return {}


def _set_back(models: ModelsKit, seconds: float) -> None:
    failure = load_failure(models.store, CPU)
    assert failure is not None
    save_failure(models.store, replace(failure, since=failure.since + seconds))


def _new_driver(models: ModelsKit) -> dict[str, Any]:
    failure = load_failure(models.store, CPU)
    assert failure is not None
    save_failure(models.store, replace(failure, driver="1.2.3"))
    return {}


def _new_pins(models: ModelsKit) -> dict[str, Any]:
    models.profile(requirements=["torch", "transformers", "peft", "accelerate"])
    return {}


def _damaged_record(models: ModelsKit) -> dict[str, Any]:
    failure_path(models.store, CPU).write_text('{"since": ', encoding="utf-8")
    return {}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_an_hour_ago, id="an hour has passed"),
        pytest.param(_in_the_future, id="the clock was set back"),
        pytest.param(_new_driver, id="another driver"),
        pytest.param(_new_pins, id="other pins"),
        pytest.param(_damaged_record, id="the record is damaged"),
        pytest.param(lambda _models: {"retry": True}, id="asked for"),
    ],
)
def test_failed_creation_is_tried_again_when_its_cause_may_be_gone(
    models: ModelsKit, change: Callable[[ModelsKit], dict[str, Any]]
) -> None:
    model = models.model()
    models.legacy(model, [])
    models.index.down()
    models.resolve(model)
    models.index.up()
    spec = models.resolve(model, **change(models))
    assert (spec.source, spec.metadata["status"]) == ("shared", "OK")
    assert load_failure(models.store, CPU) is None


# --- what is remembered, and what makes it forgotten


def test_second_answer_of_a_registry_starts_no_process(models: ModelsKit, monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.model()
    with models.here():
        registry = models.registry()
        first = registry.get_env_for_model(model)
        monkeypatch.setattr("subprocess.Popen", _no_process)
        first.metadata["reasons"].append("whoever gets an answer may change it")
        second = registry.get_env_for_model(model)
        third = models.registry().get_env_for_model(model)
    assert second.python_executable == third.python_executable == first.python_executable
    assert "whoever gets an answer may change it" not in second.metadata["reasons"]


def _no_process(*_arguments: object, **_options: object) -> None:
    raise AssertionError("a process was started")


def _tried(models: ModelsKit) -> str:
    environment = models.environment()
    assert environment is not None
    verdict = models.store.root / "leases" / environment.generation / "probe.json"
    return str(verdict.stat().st_mtime_ns)


def _changed_packages(models: ModelsKit) -> None:
    environment = models.environment()
    assert environment is not None
    (environment.path / environment.site_packages / "extra-1.0.dist-info").mkdir()


def _changed_probe(models: ModelsKit) -> None:
    models.profile(imports=["torch"])


def _changed_variables(models: ModelsKit) -> None:
    models.profile(environment={"TOKENIZERS_PARALLELISM": "false"})


@pytest.mark.parametrize(
    ("change", "again"),
    [
        pytest.param(_changed_packages, True, id="packages"),
        pytest.param(_changed_probe, True, id="health"),
        pytest.param(_changed_variables, True, id="variables"),
        pytest.param(lambda models: models.model("llama", {"model_type": "other"}), False, id="the model"),
        pytest.param(lambda models: models.profile(key="llamacpp-cpu"), False, id="another profile"),
    ],
)
def test_verdict_is_made_again_when_what_it_depends_on_changed(
    models: ModelsKit, change: Callable[[ModelsKit], object], again: bool
) -> None:
    model = models.model()
    with models.here():
        registry = models.registry()
        before = registry.get_env_for_model(model)
        tried = _tried(models)
        change(models)
        after = registry.get_env_for_model(model)
    assert after.python_executable == before.python_executable
    assert (_tried(models) != tried) == again


def test_new_driver_makes_the_verdict_anew_only_where_cuda_counts(
    models: ModelsKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = tmp_path / "version"
    monkeypatch.setattr("envyard.driver._KERNEL", str(driver))
    device = tmp_path / "device"
    models.kit.env["TEST_CUDA_FILE"] = str(device)
    model = models.model()
    models.with_cuda()
    with models.here():
        registry = models.registry()
        degraded = registry.get_env_for_model(model)
        assert degraded.metadata["status"] == "DEGRADED"
        assert "torch finds no CUDA device" in degraded.metadata["reasons"]
        device.touch()
        assert models.registry().get_env_for_model(model).metadata["status"] == "DEGRADED"
        driver.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue\n", encoding="utf-8")
        assert registry.get_env_for_model(model).metadata["status"] == "OK"


def test_broken_verdict_rebuilds_the_environment(models: ModelsKit) -> None:
    model = models.model()
    before = models.resolve(model)
    environment = models.environment()
    assert environment is not None
    shutil.rmtree(environment.path / environment.site_packages / "peft")
    _changed_packages(models)
    after = models.resolve(model)
    assert (after.source, after.metadata["status"]) == ("shared", "OK")
    assert after.python_executable != before.python_executable


def test_pointer_to_a_vanished_generation_is_built_again(models: ModelsKit) -> None:
    model = models.model()
    with models.here():
        registry = models.registry()
        before = registry.get_env_for_model(model)
        shutil.rmtree(before.metadata["path"])
        after = registry.get_env_for_model(model)
    assert after.python_executable != before.python_executable
    assert after.python_executable.exists()


def test_profile_edited_during_the_build_is_noticed(models: ModelsKit) -> None:
    """The answer is of the profile as it was read, and the next question sees the edit."""
    model = models.model()
    with models.here():
        registry = models.registry()

        def edit(event: object) -> None:
            if isinstance(event, PhaseStarted) and event.phase == Phase.VERIFY:
                models.profile(imports=["torch"], requirements=["torch==1.0", "transformers==1.0"])

        first = registry.get_env_for_model(model, listener=edit)
        second = registry.get_env_for_model(model)
    assert (first.metadata["status"], second.metadata["status"]) == ("OK", "STALE")
    assert second.python_executable == first.python_executable


def test_answer_of_a_caller_who_wants_nothing_built_is_nobody_elses(models: ModelsKit) -> None:
    model = models.model()
    models.legacy(model, [])
    with models.here():
        registry = models.registry()
        assert registry.get_env_for_model(model, build=False).source == "legacy-per-model-fallback"
        assert registry.get_env_for_model(model).source == "shared"


def test_relative_path_and_a_link_mean_what_they_mean_now(models: ModelsKit, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = models.model("a/model"), models.model("b/model")
    for model in (first, second):
        models.legacy(model)
    link = models.root / "link"
    with models.here():
        registry = models.registry()
        for model in (first, second):
            monkeypatch.chdir(model.parent)
            assert registry.get_env_for_model("model").metadata["model"] == str(model)
            link.unlink(missing_ok=True)
            link.symlink_to(model)
            assert registry.get_env_for_model(link).metadata["model"] == str(model)


def test_lease_on_an_environment_that_was_updated_is_refused(models: ModelsKit) -> None:
    model = models.model()
    spec = models.resolve(model)
    models.profile(requirements=[*PINS[:-1], "accelerate"])
    models.resolve(model, update=True)
    with models.here(), pytest.raises(EnvironmentMissing, match="another generation"):
        models.registry().lease(spec)


# --- many at once


def test_twenty_processes_build_once(models: ModelsKit) -> None:
    names = [models.model(f"model {number}") for number in range(20)]
    running = [models.kit.start("envs.resolve", "--json", "--model", str(name)) for name in names]
    answers = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 20, answers[0][1]
    assert len({json.loads(out)["python"] for out, _ in answers}) == 1
    assert len(list(models.store.committed())) == 1
    assert len(load_models(models.store)) == 20


def test_killed_builder_is_noticed_by_who_waits_without_building(models: ModelsKit) -> None:
    """`build=False` waits for the builder; when that is killed, the answer is what is there."""
    model = models.model()
    models.legacy(model, [])
    hold = models.index.on("torch-1.0*.whl").hold()
    builder = models.kit.start("envs.resolve", "--model", str(model))
    hold.wait_reached()
    waits: list[Waiting] = []

    def kill(event: object) -> None:
        if isinstance(event, Waiting) and not waits:
            waits.append(event)
            kill_tree(builder.pid)
            builder.wait()

    spec = models.resolve(model, build=False, listener=kill)
    assert [event.holder_pid for event in waits] == [builder.pid]
    assert spec.source == "legacy-per-model-fallback"
    hold.release()
    models.index.clear()
    assert models.resolve(model).source == "shared"
    assert models.store.uncommitted() == []


def test_threads_share_one_registry(models: ModelsKit) -> None:
    paths = [models.model(f"model-{number}") for number in range(8)]
    with models.here():
        registry = models.registry()
        with ThreadPoolExecutor(8) as pool:
            specs = list(pool.map(registry.get_env_for_model, paths))
    assert len({spec.python_executable for spec in specs}) == 1
    assert len(list(models.store.committed())) == 1


def test_without_wait_and_without_build_the_answer_is_what_there_is(models: ModelsKit) -> None:
    model = models.model()
    models.legacy(model, [])
    with models.here(), ExclusiveLock(models.store, Kind.PROFILE, CPU) as lock:
        models.store.prepare()
        assert lock.try_acquire()
        lock.write_intent(phase="install")
        spec = models.registry().get_env_for_model(model, wait=False)
    assert spec.source == "legacy-per-model-fallback"
    assert f"being built by process {os.getpid()}" in spec.metadata["warning"]
    assert models.resolve(model, build=False).source == "legacy-per-model-fallback"
    with pytest.raises(NoEnvironmentForModel, match="no environment runs") as caught:
        models.resolve(models.model("other"), build=False)
    assert "wants nothing built" in texts(caught.value.details)
    assert models.resolve(model).source == "shared"  # none of these counts as a failure


def test_cancellation_stops_a_creation_and_leaves_nothing(models: ModelsKit) -> None:
    model = models.model()
    models.legacy(model, [])
    stop = Cancellation()

    def cancel(event: object) -> None:
        if isinstance(event, PhaseStarted) and event.phase == Phase.INSTALL:
            stop.cancel()

    with pytest.raises(Cancelled, match="stopped"):
        models.resolve(model, listener=cancel, cancellation=stop)
    assert models.store.uncommitted() == []
    assert load_failure(models.store, CPU) is None
    assert models.resolve(model).source == "shared"


@pytest.mark.parametrize("build", [True, False])
def test_cancellation_stops_waiting_for_somebody_else(models: ModelsKit, build: bool) -> None:
    model = models.model()
    hold = models.index.on("torch-1.0*.whl").hold()
    builder = models.kit.start("envs.resolve", "--model", str(model))
    hold.wait_reached()
    stop = Cancellation()

    def cancel(event: object) -> None:
        if isinstance(event, Waiting):
            stop.cancel()

    with pytest.raises(Cancelled, match="stopped"):
        models.resolve(models.model("other"), listener=cancel, cancellation=stop, build=build)
    hold.release()
    builder.communicate(timeout=60)
    assert builder.returncode == 0, "whom nobody cancelled goes on"


def test_lease_keeps_a_shared_environment_from_prune(models: ModelsKit) -> None:
    model = models.model()
    spec = models.resolve(model)
    with models.here(), models.registry().lease(spec):
        models.kit.run("envs.prune", "--unused-for", "0s")
        assert spec.python_executable.exists()
    models.kit.run("envs.prune", "--unused-for", "0s", check=True)
    assert not spec.python_executable.exists()


# --- names


@pytest.mark.parametrize("name", ["with space", "日本語 モデル", "-dash", "a'b\"c", "%41", "$HOME"])
def test_model_paths_of_any_form(models: ModelsKit, name: str) -> None:
    folder = models.model(name)
    models.legacy(folder)
    link = models.root / "link"
    link.symlink_to(folder)
    for path in (folder, str(folder), folder / ".." / folder.name, link):
        spec = models.resolve(path)
        assert (spec.source, spec.metadata["model"]) == ("legacy-per-model", str(folder))
    (record,) = load_models(models.store) if models.store.root.is_dir() else (None,)
    assert record is None or record.model == str(folder)


@pytest.mark.parametrize("key", ["../x", "CON", "/etc/passwd", "", " ", "x" * 300, "torch-cpu-transformers/..", "a\0b"])
def test_hostile_names_of_profiles_are_a_usage_error(models: ModelsKit, key: str) -> None:
    with models.here(), pytest.raises(ProfileNotFound, match="no") as caught:
        models.registry().get_env_for_profile(key)
    assert caught.value.exit_code == ExitCode.USAGE
    assert os.listdir(models.root / "profiles") == [f"{CPU}.toml"]
    assert not models.kit.store.exists()


@pytest.mark.parametrize("name", ["", " ", "nowhere", "/", "a\0b", "x" * 5000, "../../nowhere", "org/../x"])
def test_hostile_names_of_models_end_without_a_traceback(models: ModelsKit, name: str) -> None:
    models.index.down()
    with models.here(), pytest.raises(EnvyardError) as caught:
        models.registry().get_env_for_model(name)
    assert caught.value.message


# --- the command


def test_command_speaks_json_and_refuses_in_words(models: ModelsKit) -> None:
    model = models.model()
    done = models.kit.run("envs.resolve", "--model", str(model), "--json", check=True)
    data = json.loads(done.stdout)
    assert (data["key"], data["metadata"]["source"]) == (CPU, "shared")
    assert Path(data["python"]).exists()
    for arguments, words in (
        ((), "needs to know what for"),
        (("--model", "nowhere"), "there is no model at `nowhere`"),
        (("--profile", "nowhere"), "no profile `nowhere`"),
        (("--model", str(model), "--profile", CPU, "--hardware", "abacus"), ""),
    ):
        failed = models.kit.run("envs.resolve", *arguments)
        assert "Traceback" not in failed.stderr
        assert words in failed.stderr
        assert failed.returncode == (2 if words else 0)


def test_importing_the_registry_loads_no_library_of_the_edges() -> None:
    program = "import envyard.registry, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=True
    )
    assert not {"rich", "nox", "invoke", "filelock", "virtualenv", "packaging"} & set(done.stdout.split())


# --- by env key, with the commands for projects


def test_setup_takes_the_env_key_of_a_profile(models: ModelsKit) -> None:
    first = models.kit.run("envs.setup", CPU, "--json", check=True)
    (outcome,) = json.loads(first.stdout)["outcomes"]
    assert (outcome["key"], outcome["action"], outcome["path"]) == (CPU, "built", None)
    environment = models.environment()
    assert environment is not None
    assert outcome["generation"] == environment.generation
    kept = models.kit.run("envs.setup", CPU, check=True)
    assert "1 kept, nothing to do" in kept.stdout
    assert CPU in kept.stdout
    models.profile(requirements=["torch", *PINS[1:]])
    models.kit.run("envs.setup", CPU, "--dry-run", check=True)
    assert models.environment() == environment
    models.kit.run("envs.setup", CPU, check=True)
    assert models.environment() != environment
    rebuilt = models.kit.run("envs.setup", CPU, "--rebuild", check=True)
    assert "1 rebuilt" in rebuilt.stdout


def test_setup_of_a_profile_that_fails_is_remembered_for_models_and_a_success_forgets_it(models: ModelsKit) -> None:
    models.index.down()
    failed = models.kit.run("envs.setup", CPU)
    assert failed.returncode == 1
    assert f"then run `envyard envs.setup {CPU}`" in failed.stderr
    assert load_failure(models.store, CPU) is not None
    models.index.up()
    models.kit.run("envs.setup", CPU, check=True)
    assert load_failure(models.store, CPU) is None


def test_setup_of_a_profile_refuses_contradictions_before_anything_is_downloaded(models: ModelsKit) -> None:
    models.index.add("torch", "2.0")
    models.index.add("needs-two", "1.0", requires=["torch>=2"])
    models.profile(requirements=["torch==1.0", "needs-two==1.0"])
    refused = models.kit.run("envs.setup", CPU)
    assert refused.returncode == 1
    assert "contradict each other" in refused.stderr
    assert f"profiles/{CPU}.toml:8: torch==1.0" in refused.stderr
    assert not models.index.counts()


def test_update_all_brings_shared_environments_up_to_date_that_were_built(models: ModelsKit) -> None:
    models.profile("llamacpp-cpu")
    models.kit.run("envs.setup", CPU, check=True)
    before = models.environment()
    assert "1 kept" in models.kit.run("envs.update-all", check=True).stdout
    models.profile(requirements=["torch", *PINS[1:]])
    updated = models.kit.run("envs.update-all", check=True).stdout
    assert "1 rebuilt" in updated
    assert "llamacpp" not in updated
    assert models.environment() != before
    (models.root / "profiles" / f"{CPU}.toml").write_text("[serves\n", encoding="utf-8")
    failed = models.kit.run("envs.update-all")
    assert failed.returncode == 1
    assert "not valid TOML" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_rollback_and_clean_take_env_keys(models: ModelsKit) -> None:
    missing = models.kit.run("envs.rollback", CPU)
    assert (missing.returncode, "has no previous environment" in missing.stderr) == (1, True)
    model = models.model()
    first = models.resolve(model)
    models.index.add("torch", "2.0", files={"torch/__init__.py": TORCH})
    models.profile(requirements=["torch==2.0", *PINS[1:]])
    second = models.resolve(model, update=True)
    told = models.kit.run("envs.rollback", CPU, check=True).stdout
    assert "torch 2.0 -> 1.0" in told
    back = models.resolve(model)
    assert (back.python_executable, back.metadata["status"]) == (first.python_executable, "STALE")
    assert (models.store.root / CPU).resolve() == Path(first.metadata["path"])
    dry = models.kit.run("envs.clean", CPU, "--dry-run", check=True).stdout
    assert "it serves llama" in dry
    assert first.python_executable.exists()
    (models.root / "profiles" / f"{CPU}.toml").unlink()
    models.kit.run("envs.clean", CPU, "--yes", check=True)
    assert not first.python_executable.exists()
    assert not second.python_executable.exists()
    assert not os.path.lexists(models.store.root / CPU)
    assert models.kit.run("envs.clean", "--yes").returncode == 2


@pytest.mark.parametrize("task", ["envs.show", "envs.run"])
def test_commands_for_projects_say_what_an_env_key_is(models: ModelsKit, task: str) -> None:
    told = models.kit.run(task, CPU, *(["--", "python"] if task == "envs.run" else []))
    assert told.returncode == 2
    assert f"`{CPU}` is a profile, whose environment many models share" in told.stderr
    assert "hint: " in told.stderr
    assert f"did you mean the profile `{CPU}`?" in models.kit.run("envs.setup", f"{CPU}x").stderr
