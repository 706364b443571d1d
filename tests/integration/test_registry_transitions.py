"""From every answer of the registry to every other one, creations that fail at each of their steps, old environments
that somebody damaged, and what makes an answer be looked for anew."""

from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MakeWorkspace
from kit.index import LocalIndex
from kit.models import CPU, PINS, TORCH, ModelsKit
from kit.workspaces import SOURCE

from envyard.definition import Kind
from envyard.environment import Environment
from envyard.envspec import EnvSpec
from envyard.errors import EnvyardError, ExitCode, NoEnvironmentForModel
from envyard.events import Phase, PhaseStarted
from envyard.interpreter import current_interpreter
from envyard.records import load_failure
from envyard.registry import EnvRegistry


@pytest.fixture
def models(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> ModelsKit:
    return ModelsKit(workspace_kit({}), local_index)


# --- from every source to every other


class World:
    """Two generations of the shared environment and an old one, each of which can be taken away and given back."""

    def __init__(self, models: ModelsKit) -> None:
        self.models = models
        self.model = models.model()
        self.first = self._generation(models.resolve(self.model))
        models.index.add("torch", "2.0", files={"torch/__init__.py": TORCH})
        models.profile(requirements=["torch==2.0", *PINS[1:]])
        self.second = self._generation(models.resolve(self.model, update=True))
        self.legacy = models.legacy(self.model)
        models.profile(requirements=["torch==9.9", *PINS[1:]])  # from now on nothing can be built

    def become(self, *, second: bool, first: bool, legacy: str) -> None:
        """`legacy` is `healthy`, `unhealthy` or `none`."""
        for environment, there in ((self.second, second), (self.first, first)):
            hidden = environment.python.with_name("python.hidden")
            if there and hidden.is_symlink():
                hidden.rename(environment.python)
            elif not there and environment.python.is_symlink():
                environment.python.rename(hidden)
        away = self.legacy.with_name("away")
        if legacy == "none" and self.legacy.exists():
            self.legacy.rename(away)
        elif legacy != "none" and away.exists():
            away.rename(self.legacy)
        if legacy != "none":
            (site,) = (self.legacy / ".venv" / "lib").glob("python*/site-packages")
            present = site / "peft-1.0.dist-info"
            if legacy == "healthy":
                self.models.install(self.legacy, "peft")
            elif present.exists():
                shutil.rmtree(present)
                shutil.rmtree(site / "peft")

    def _generation(self, spec: EnvSpec) -> Environment:
        found = self.models.store.load(spec.metadata["generation"])
        assert found is not None
        return found


STATES: dict[str, Callable[[World], None]] = {
    "shared": lambda world: world.become(second=True, first=True, legacy="healthy"),
    "legacy-per-model": lambda world: world.become(second=False, first=True, legacy="healthy"),
    "shared-previous": lambda world: world.become(second=False, first=True, legacy="unhealthy"),
    "legacy-per-model-fallback": lambda world: world.become(second=False, first=False, legacy="unhealthy"),
    "nothing": lambda world: world.become(second=False, first=False, legacy="none"),
}


def _every_transition() -> list[str]:
    """A walk through the states that takes each step between two different ones at least once."""
    names = list(STATES)
    walk = [names[0]]
    for one in names:
        for other in names:
            if one < other:
                walk += [one, other, one]
    return [name for number, name in enumerate(walk) if not number or walk[number - 1] != name]


def test_every_answer_can_follow_every_other(models: ModelsKit) -> None:
    """By one registry that remembers its answers, and by one that was made a moment ago."""
    walk = _every_transition()
    steps = set(itertools.pairwise(walk))
    assert {(one, other) for one in STATES for other in STATES if one != other} <= steps
    world = World(models)
    with models.here():
        lasting = models.registry()
        for name in walk:
            STATES[name](world)
            for registry in (lasting, models.registry()):
                assert _source(registry, world.model) == name, walk
        STATES["nothing"](world)
        models.profile()
        assert lasting.get_env_for_model(world.model).metadata["status"] == "OK"
    assert models.store.uncommitted() == []


def _source(registry: EnvRegistry, model: Path) -> str:
    try:
        spec = registry.get_env_for_model(model)
    except NoEnvironmentForModel:
        return "nothing"
    assert spec.python_executable.exists()
    assert spec.degraded == (spec.source in ("shared-previous", "legacy-per-model-fallback"))
    return str(spec.source)


# --- a creation that fails at each step


def _no_interpreter(models: ModelsKit) -> None:
    _edit(models, 'requires = "', 'requires = "3.98" # "')


def _dead_interpreter(models: ModelsKit) -> None:
    python = models.root / "python"
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    _edit(models, 'requires = "', f'requires = "{python}" # "')


def _file_for(*parts: str) -> Callable[[ModelsKit], None]:
    """A file stands where the engine needs a folder."""

    def spoil(models: ModelsKit) -> None:
        models.store.prepare()
        place = models.store.root.joinpath(*parts)
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("in the way", encoding="utf-8")

    return spoil


def _edit(models: ModelsKit, old: str, new: str) -> None:
    path = models.profile()
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")


STEPS: dict[str, Callable[[ModelsKit], object]] = {
    "lock: a file where locks belong": _file_for("locks"),
    "resolve: a package that nobody has": lambda models: models.profile(requirements=["nowhere==1.0"]),
    "resolve: a line that nobody understands": lambda models: models.profile(requirements=["torch @ nonsense"]),
    "create: no such interpreter": _no_interpreter,
    "create: an interpreter that does not start": _dead_interpreter,
    "create: a file where generations belong": _file_for("g"),
    "fetch: the connection breaks": lambda models: models.index.on("torch-1.0*.whl").cut_after(50),
    "fetch: the server fails": lambda models: models.index.on("torch-1.0*.whl").fail_with(500),
    "install: a file where its own files belong": _file_for("cache"),
    "verify: the probe fails": lambda models: models.profile(imports=["torch", "nowhere"]),
    "verify: the probe ends its python": lambda models: models.profile(code="import os; os._exit(3)"),
    "point: a file where pointers belong": _file_for("pointers", "profile"),
}


@pytest.mark.parametrize("name", STEPS)
def test_creation_that_fails_at_any_step_falls_back_and_can_be_made_good(models: ModelsKit, name: str) -> None:
    model = models.model()
    folder = models.legacy(model, [])
    STEPS[name](models)
    spec = models.resolve(model)
    assert (spec.source, spec.metadata["status"]) == ("legacy-per-model-fallback", "DEGRADED")
    assert spec.python_executable == folder / ".venv" / "bin" / "python"
    assert "Traceback" not in json.dumps(spec.metadata)
    assert models.environment() is None
    with models.here(), pytest.raises(NoEnvironmentForModel, match="no environment runs") as caught:
        models.registry().get_env_for_model(models.model("other"))
    assert caught.value.hint
    _make_good(models)
    assert models.resolve(model, retry=True).source == "shared"
    assert models.store.uncommitted() == []
    assert load_failure(models.store, CPU) is None


def _make_good(models: ModelsKit) -> None:
    models.index.clear()
    models.index.add("torch", "1.0", files={"torch/__init__.py": TORCH})
    models.profile()
    for parts in (("locks",), ("g",), ("cache",), ("pointers", "profile")):
        place = models.store.root.joinpath(*parts)
        if place.is_file():
            place.unlink()


def test_what_stands_at_the_link_for_people_is_set_aside_and_told(models: ModelsKit) -> None:
    """An application may have made its environment there before."""
    (models.store.root / CPU).mkdir(parents=True)
    (models.store.root / CPU / "mine.txt").write_text("mine", encoding="utf-8")
    assert models.resolve(models.model()).source == "shared"
    (aside,) = (models.store.root / "replaced").iterdir()
    assert (aside / "mine.txt").read_text(encoding="utf-8") == "mine"
    assert any(f"is in {aside} now" in line for line in models.said)
    assert (models.store.root / CPU).is_symlink()


def test_link_for_people_that_cannot_be_made_stops_nothing(models: ModelsKit, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(1, "this disk knows no links")

    monkeypatch.setattr("envyard.publish._make_link", refuse)
    assert models.resolve(models.model()).metadata["status"] == "OK"
    assert any("no link torch-cpu-transformers was made" in line for line in models.said)


@pytest.mark.parametrize("phase", [Phase.CREATE, Phase.INSTALL, Phase.VERIFY])
def test_listener_that_fails_leaves_nothing_behind(models: ModelsKit, phase: Phase) -> None:
    """A listener must not raise; when it does, its caller hears that, and the store is as it was."""

    def fail(event: object) -> None:
        if isinstance(event, PhaseStarted) and event.phase == phase:
            raise RuntimeError("a listener of somebody else")

    with pytest.raises(RuntimeError, match="somebody else"):
        models.resolve(models.model(), listener=fail)
    assert models.store.uncommitted() == []
    assert models.environment() is None
    assert models.resolve(models.model()).source == "shared"


# --- old environments that somebody damaged


def _link_to_nowhere(folder: Path) -> None:
    shutil.rmtree(folder / ".venv")
    (folder / ".venv").symlink_to(folder / "nowhere")


def _loop(folder: Path) -> None:
    shutil.rmtree(folder / ".venv")
    (folder / ".venv").symlink_to(folder / ".venv")


def _whole_link(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder.with_name("gone"))


def _file_for_a_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"\xff\x00")


def _python_is_a_folder(folder: Path) -> None:
    (folder / ".venv" / "bin" / "python").unlink()
    (folder / ".venv" / "bin" / "python").mkdir()


def _python_is_gone(folder: Path) -> None:
    for python in (folder / ".venv" / "bin").glob("python*"):
        python.unlink()


def _base_is_gone(folder: Path) -> None:
    _python_is_gone(folder)
    (folder / ".venv" / "bin" / "python").symlink_to("/nowhere/python")


def _foreign_metadata(folder: Path) -> None:
    (folder / "environment_metadata.json").write_bytes(b"\x80\x00 no JSON")
    _python_is_gone(folder)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "link to nowhere": _link_to_nowhere,
    "link to itself": _loop,
    "its folder is a link to nowhere": _whole_link,
    "a file in place of its folder": _file_for_a_folder,
    "its python is a folder": _python_is_a_folder,
    "its python is gone": _python_is_gone,
    "its base interpreter is gone": _base_is_gone,
    "metadata of somebody else": _foreign_metadata,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_old_environment_is_told_and_replaced(models: ModelsKit, name: str) -> None:
    model = models.model()
    folder = models.legacy(model)
    DAMAGES[name](folder)
    models.index.down()
    with models.here(), pytest.raises(NoEnvironmentForModel, match="no environment runs") as caught:
        models.registry().get_env_for_model(model)
    assert any(line.startswith("old environment: ") and str(folder) in line for line in caught.value.details)
    models.index.up()
    assert models.resolve(model).source == "shared"
    for task in ("envs.list --json", "envs.doctor", "envs.migrate --all --dry-run", "envs.prune"):
        told = models.kit.run(*task.split())
        assert told.returncode in (ExitCode.DONE, ExitCode.FAILED), told.stderr
        assert "Traceback" not in told.stderr
    assert os.path.lexists(folder), "nobody asked to take it away"


# --- what makes an answer be looked for anew


def test_patch_upgrade_of_the_interpreter_makes_the_verdicts_anew_and_keeps_the_environments(
    models: ModelsKit, tmp_path: Path
) -> None:
    """The executable is another file then, of the same minor version; what was installed still serves."""
    base = _own_interpreter(models, tmp_path)
    model, other = models.model(), models.model("other")
    old = models.legacy(other)
    python = old / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(base)
    with models.here():
        registry = models.registry()
        before = registry.get_env_for_model(other)
        assert before.source == "legacy-per-model"
        shared = registry.get_env_for_profile(CPU)
        verdicts = [models.store.root / "legacy" / f"{old.name}.json", _verdict(models)]
        tried = [file.read_bytes() for file in verdicts]
        assert registry.get_env_for_model(other).source == "shared", "what is shared goes first, once it is there"
        os.utime(base, (1, 1))
        again = registry.get_env_for_profile(CPU)
        models.registry().get_env_for_model(model)
        assert again.python_executable == shared.python_executable
        assert again.metadata["status"] == "OK", "the version is the same"
        shutil.rmtree(shared.metadata["path"])
        models.index.down()
        assert registry.get_env_for_model(other).source == "legacy-per-model"
    assert verdicts[0].read_bytes() != tried[0]
    assert tried[1] != b""


def _own_interpreter(models: ModelsKit, tmp_path: Path) -> Path:
    """A copy of the interpreter that the profile asks for from now on, so that a test may change it."""
    base = tmp_path / "python" / "bin" / "python3"
    base.parent.mkdir(parents=True)
    shutil.copy(current_interpreter().executable, base)
    _edit(models, 'requires = "', f'requires = "{base}" # "')
    return base


def _verdict(models: ModelsKit) -> Path:
    environment = models.environment()
    assert environment is not None
    return models.store.root / "leases" / environment.generation / "probe.json"


def test_another_interpreter_under_the_shared_environment_makes_its_verdict_anew(
    models: ModelsKit, tmp_path: Path
) -> None:
    base = _own_interpreter(models, tmp_path)
    with models.here():
        registry = models.registry()
        registry.get_env_for_profile(CPU)
        tried = _verdict(models).stat().st_mtime_ns
        registry.get_env_for_profile(CPU)
        assert _verdict(models).stat().st_mtime_ns == tried
        os.utime(base, (1, 1))
        registry.get_env_for_profile(CPU)
        assert _verdict(models).stat().st_mtime_ns != tried


def test_package_installed_by_hand_is_looked_at_anew_for_that_environment_only(models: ModelsKit) -> None:
    model, other = models.model(), models.model("other")
    olds = [models.legacy(one) for one in (model, other)]
    with models.here():
        registry = models.registry()
        for one in (model, other):
            assert registry.get_env_for_model(one).source == "legacy-per-model"
        tried = [_old_verdict(models, old) for old in olds]
        models.install(olds[0], "extra")
        for one in (model, other):
            assert registry.get_env_for_model(one).source == "legacy-per-model"
    assert _old_verdict(models, olds[0]) != tried[0]
    assert _old_verdict(models, olds[1]) == tried[1]


def _old_verdict(models: ModelsKit, old: Path) -> int:
    return (models.store.root / "legacy" / f"{old.name}.json").stat().st_mtime_ns


def test_clock_that_jumps_forgets_nothing_that_works(models: ModelsKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that wakes up years ago, or years ahead: the same environment, and no build."""
    model = models.model()
    with models.here():
        registry = models.registry()
        before = registry.get_env_for_model(model)
        now = time.time()
        models.index.down()
        for jump in (-10 * 365 * 86400.0, 10 * 365 * 86400.0):
            monkeypatch.setattr("time.time", lambda jump=jump: now + jump)
            for one in (registry, models.registry()):
                assert one.get_env_for_model(model).python_executable == before.python_executable
        monkeypatch.undo()
    pointer = models.store.pointer(Kind.PROFILE, CPU)
    assert pointer is not None
    models.store.write_pointer(replace(pointer, updated=now + 10**9))
    os.utime(models.store.pointer_path(Kind.PROFILE, CPU).with_suffix(".used"), (now + 10**9, now + 10**9))
    models.kit.run("envs.list", check=True)
    models.kit.run("envs.prune", "--unused-for", "1d", check=True)
    assert before.python_executable.exists(), "used in the future is not unused"


# --- embedding


def test_the_logger_gets_the_sentences_and_steps_that_people_read(
    models: ModelsKit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="envyard")
    models.resolve(models.model())
    assert [record.getMessage() for record in caplog.records] == models.said
    assert {(record.name, record.levelname) for record in caplog.records} == {("envyard", "INFO")}


def test_the_registry_builds_where_no_library_of_the_edges_is_installed(models: ModelsKit) -> None:
    program = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("rich", "nox", "invoke"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
from envyard.errors import EnvyardError
from envyard.registry import EnvRegistry
registry = EnvRegistry(sys.argv[1], hardware="cpu")
print(registry.get_env_for_model(sys.argv[2]).source)
try:
    registry.get_env_for_model("nowhere")
except EnvyardError as error:
    print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, models.root, models.model()],
        env=models.kit.env | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["shared", "there is no model at `nowhere`"], done.stderr
    assert done.stderr == ""


def test_embedding_application_sees_nothing_on_its_own_output(
    models: ModelsKit, capfd: pytest.CaptureFixture[str]
) -> None:
    models.resolve(models.model())
    models.index.down()
    with pytest.raises(EnvyardError):
        models.resolve(models.model("other"), profile="nowhere")
    assert capfd.readouterr() == ("", "")


# --- mistakes on the command line


HOSTILE = ["../x", "CON", "/etc/passwd", "x" * 300, "torch-cpu-transformers/..", "_base", "-"]


@pytest.mark.parametrize(
    "task",
    ["envs.resolve --profile", "envs.setup", "profiles.show", "profiles.relax", "profiles.lock"],
)
def test_hostile_names_of_profiles_are_refused_by_every_command(models: ModelsKit, task: str) -> None:
    for name in HOSTILE:
        done = models.kit.run(*task.split(), name)
        assert done.returncode in (ExitCode.FAILED, ExitCode.USAGE), (name, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, (name, done.stderr)
        assert "bug" not in done.stderr, (name, done.stderr)
    assert os.listdir(models.root / "profiles") == [f"{CPU}.toml"]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and permissions of POSIX")
@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x01\x02", b"[" * 100_000, b"{" * 5000, b'{"quantization_config": 3}', b"null", b"\xff\xfe{}"],
    ids=["empty", "binary", "deep", "open", "another form", "null", "UTF-16"],
)
def test_malformed_configuration_of_a_model_is_told(models: ModelsKit, content: bytes) -> None:
    model = models.model()
    (model / "config.json").write_bytes(content)
    done = models.kit.run("envs.resolve", "--model", str(model))
    assert done.returncode == 1
    assert "config.json cannot be read: " in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
    models.kit.run("envs.resolve", "--model", str(model), "--profile", CPU, check=True)
