"""Profiles as people use them: the commands, an environment that is built, further indexes, and the ones that ship."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kit.gpus import install_nvidia_smi
from kit.index import LocalIndex
from kit.isolation import environment as variables
from kit.wheels import make_wheel
from kit.workspaces import SOURCE, WorkspaceKit

from envyard.commands.profiles import list_profiles, show_profile
from envyard.definition import Definition, profile_definition
from envyard.errors import LockfileMissing
from envyard.fingerprint import take_fingerprint
from envyard.installers.base import Work
from envyard.installers.uv import find_uv
from envyard.lockfile import Renewal, write_lockfile
from envyard.outcome import Action
from envyard.platforms import PLATFORMS, this_platform
from envyard.process import Cancellation
from envyard.profile import Profile
from envyard.profilefile import load_profile, load_profiles
from envyard.provision import ensure, ensure_all
from envyard.requirements import inputs_digest
from envyard.store import Store
from envyard.workspace import load_workspace

MakeWorkspace = Callable[..., WorkspaceKit]
ROOT = Path(__file__).resolve().parents[2]
SHIPPED = load_profiles(ROOT)
BASE = """\
[serves]
backend = "transformers"
[packages]
requirements = ["alpha==1.0"]
[health]
imports = ["alpha"]
"""
CPU = 'extends = "_base"\n[serves]\naccelerator = "cpu"\n'
AMPERE = 'extends = "_base"\n[serves]\naccelerator = "cu121"\ncompute-capabilities = ["8.0", "8.6"]\n'


def write_profiles(root: Path, **files: str) -> None:
    (root / "profiles").mkdir(exist_ok=True)
    for name, text in files.items():
        (root / "profiles" / f"{name.replace('__', '-')}.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def kit(workspace_kit: MakeWorkspace) -> Iterator[WorkspaceKit]:
    """A workspace with two profiles and no project; its variables are those of this process."""
    kit = workspace_kit({})
    write_profiles(kit.root, _base=BASE, torch__cpu__transformers=CPU, torch__cu121__transformers=AMPERE)
    with variables(kit.env):
        yield kit


# --- commands


def envyard(kit: WorkspaceKit, *words: str, code: int = 0) -> str:
    """What a command prints on stdout, or with a `code` on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "envyard", *words],
        cwd=kit.root,
        env=kit.env | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture
def gpu(kit: WorkspaceKit, tmp_path: Path) -> None:
    """The machine has an RTX 3060."""
    gpu = {"name": "NVIDIA GeForce RTX 3060", "memory.total": "12288", "compute_cap": "8.6"}
    (tmp_path / "programs").mkdir()
    install_nvidia_smi(tmp_path / "programs", [gpu], driver="550.54.15", cuda="12.4")
    kit.env["PATH"] = f"{tmp_path / 'programs'}:{kit.env['PATH']}"


@pytest.mark.usefixtures("gpu")
def test_detect_says_what_is_here_and_why_each_profile_fits(kit: WorkspaceKit) -> None:
    text = envyard(kit, "profiles.detect")
    assert "gpu:           0: NVIDIA GeForce RTX 3060, compute capability 8.6, 12 GiB\n" in text
    assert "driver:        550.54.15, up to CUDA 12.4\n" in text
    assert "Transformers  torch-cu121-transformers\n" in text
    data = json.loads(envyard(kit, "profiles.detect", "--json"))
    assert (data["hardware"]["kind"], data["hardware"]["capability"]) == ("cuda", "8.6")
    assert {one["key"]: one["fits"] for one in data["profiles"]} == {
        "torch-cpu-transformers": True,
        "torch-cu121-transformers": True,
    }
    assert data["needs"] == [
        {"backend": "transformers", "quantization": "", "profile": "torch-cu121-transformers", "warnings": []}
    ]


@pytest.mark.usefixtures("gpu")
def test_another_hardware_can_be_said(kit: WorkspaceKit) -> None:
    data = json.loads(envyard(kit, "profiles.list", "--hardware", "cuda:8.9:470.57.02", "--json"))
    assert data["hardware"]["source"] == "--hardware"
    ampere = data["profiles"][1]
    assert (ampere["key"], ampere["fits"], ampere["grade"]) == ("torch-cu121-transformers", False, "missing")
    assert ampere["reasons"] == [
        "needs driver 525.60.13 or newer; this is 470.57.02",
        "serves compute capability 8.0, 8.6; this is 8.9",
    ]
    (kit.root / "workspace.toml").write_text('[workspace]\nhardware = "cpu"\n')
    assert json.loads(envyard(kit, "profiles.detect", "--json"))["hardware"]["source"] == "workspace.toml"


def test_show_fills_in_what_is_extended(kit: WorkspaceKit) -> None:
    text = envyard(kit, "profiles.show", "Transformers (cuda 12.1)", "--hardware=cpu")
    assert "profile:       torch-cu121-transformers: Transformers (CUDA 12.1)\n" in text
    assert "requirements:\n  alpha==1.0\n" in text
    data = json.loads(envyard(kit, "profiles.show", "torch-cu121-transformers", "--hardware=cpu", "--json"))
    assert data["health"]["imports"] == ["alpha"]
    assert data["reasons"] == ["needs CUDA 12.1; this machine has no GPU that can be used"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["profiles.show"], "takes one env key, and none is named"),
        (["profiles.show", "a", "b"], "takes one env key, not 2: a, b"),
        (["profiles.show", "torch-cpu-transfomers"], "did you mean `torch-cpu-transformers`?"),
        (["profiles.show", "../../etc/passwd"], "no profile `../../etc/passwd`"),
        (["profiles.detect", "--hardware", "rtx"], "`--hardware` says `rtx`, which is no hardware"),
    ],
)
def test_a_mistake_on_the_command_line_is_told(kit: WorkspaceKit, words: list[str], message: str) -> None:
    assert message in envyard(kit, *words, code=2)


def test_all_mistakes_in_files_are_told(kit: WorkspaceKit) -> None:
    write_profiles(kit.root, CON=CPU, vllm__cpu="x = 3.10\n")
    text = " ".join(envyard(kit, "profiles.list", code=2).split())
    assert "did you mean `torch-cpu-transformers.toml`?" in text
    assert "profiles/vllm-cpu.toml:1: x: unknown key" in text


def test_a_workspace_without_profiles_says_so(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({})
    assert "the workspace has no profiles" in envyard(kit, "profiles.list")
    assert "the workspace has no profiles" in envyard(kit, "profiles.detect")


# --- environments


def definition_of(kit: WorkspaceKit, key: str = "torch-cpu-transformers") -> Definition:
    return profile_definition(load_workspace(kit.root), load_profile(kit.root, key), this_platform())


def store_of(kit: WorkspaceKit) -> Store:
    return Store(load_workspace(kit.root).store)


def test_a_change_of_pins_makes_the_environment_stale(kit: WorkspaceKit) -> None:
    environment = ensure(store_of(kit), definition_of(kit))
    assert environment.packages["alpha"] == "1.0"
    assert str(show_profile(load_workspace(kit.root), "torch-cpu-transformers").health.grade) == "ok"
    write_profiles(kit.root, _base=BASE.replace("1.0", "2.0"))
    row = list_profiles(load_workspace(kit.root)).rows[0]
    assert (str(row.health.grade), row.health.reasons) == ("stale", ("added alpha==2.0", "removed alpha==1.0"))
    assert ensure(store_of(kit), definition_of(kit)).packages["alpha"] == "2.0"


def test_what_is_said_about_a_profile_does_not_make_its_environment_stale(kit: WorkspaceKit) -> None:
    ensure(store_of(kit), definition_of(kit))
    write_profiles(kit.root, torch__cpu__transformers='description = "x"\n' + CPU)
    (outcome,) = ensure_all(store_of(kit), [definition_of(kit)])
    assert outcome.action == Action.KEPT


def test_a_preferred_python_that_is_missing_gives_way(kit: WorkspaceKit) -> None:
    text = CPU + '[python]\nrequires = ">=3.11"\npreferred = "3.10.77"\n'
    write_profiles(kit.root, torch__cpu__transformers=text)
    environment = ensure(store_of(kit), definition_of(kit))
    assert environment.interpreter.minor != "3.10"
    assert environment.inputs["preferred python"] == "3.10.77"


@pytest.fixture
def further_index(tmp_path: Path) -> Iterator[LocalIndex]:
    """Another index: with `rare`, and an `alpha` that is newer than those of the usual one."""
    folder = tmp_path / "further"
    folder.mkdir()
    make_wheel(folder, "rare", "1.0", requires=["alpha"])
    make_wheel(folder, "alpha", "9.0")
    with LocalIndex(folder) as index:
        yield index


def with_index(kit: WorkspaceKit, index: LocalIndex) -> Definition:
    text = f'{CPU}[packages]\nrequirements = ["rare", "alpha", "demo"]\nindexes = ["{index.url}"]\n'
    write_profiles(kit.root, torch__cpu__transformers=text)
    return definition_of(kit)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_further_index_serves_besides_the_usual_one(
    kit: WorkspaceKit, further_index: LocalIndex, installer: str
) -> None:
    environment = ensure(store_of(kit), replace(with_index(kit, further_index), installer=installer))
    assert {name: environment.packages[name] for name in ("rare", "alpha", "demo")} == {
        "rare": "1.0",
        "alpha": "9.0",
        "demo": "2.0",
    }


def test_a_further_index_serves_lockfiles_too(kit: WorkspaceKit, further_index: LocalIndex) -> None:
    definition = replace(with_index(kit, further_index), lockfile=kit.root / "locked.txt")
    uv = find_uv()
    assert uv is not None
    work = Work(key=definition.key, listener=lambda _event: None, cancellation=Cancellation())
    store = store_of(kit)
    store.prepare()
    assert write_lockfile(store, definition, [this_platform()], uv, work, Renewal())
    text = (kit.root / "locked.txt").read_text()
    assert "rare==1.0" in text
    assert "alpha==9.0" in text
    assert further_index.url not in text
    assert ensure(store, definition).packages["alpha"] == "9.0"


def test_the_lockfiles_of_a_profile_are_written_and_installed(kit: WorkspaceKit) -> None:
    other = "windows-x86_64" if this_platform() != "windows-x86_64" else "linux-x86_64"
    lockfiles = f'[packages.lockfiles]\n{this_platform()} = "one.txt"\n{other} = "two.txt"\n'
    write_profiles(kit.root, torch__cpu__transformers=CPU + lockfiles)
    with pytest.raises(LockfileMissing, match="has no lockfile") as caught:
        ensure(store_of(kit), definition_of(kit))
    assert caught.value.hint == "run `invoke profiles.lock torch-cpu-transformers`"
    data = json.loads(envyard(kit, "profiles.lock", "torch-cpu-transformers", "--json"))
    assert [(Path(one["lockfile"]).name, one["changes"]) for one in data["outcomes"]] == [
        ("one.txt", ["added alpha 1.0"]),
        ("two.txt", ["added alpha 1.0"]),
    ]
    assert "invoke profiles.lock torch-cpu-transformers" in (kit.root / "one.txt").read_text()
    assert ensure(store_of(kit), definition_of(kit)).packages["alpha"] == "1.0"
    assert "as it was" in envyard(kit, "profiles.lock", "torch-cpu-transformers")


def test_locking_a_profile_without_a_lockfile_says_how_to_name_one(kit: WorkspaceKit) -> None:
    assert "[packages.lockfiles]" in envyard(kit, "profiles.lock", "torch-cpu-transformers", code=2)
    assert "needs an env key" in envyard(kit, "profiles.lock", code=2)


def test_an_index_is_part_of_the_fingerprint(kit: WorkspaceKit) -> None:
    plain = definition_of(kit)
    other = replace(plain, indexes=("https://wheels.example/",))
    assert take_fingerprint(plain).digest != take_fingerprint(other).digest
    assert inputs_digest(plain) != inputs_digest(other)
    assert "indexes" not in take_fingerprint(plain).inputs


# --- the profiles that ship


def test_the_shipped_profiles_say_what_they_are_for_and_how_they_are_checked() -> None:
    assert {profile.key for profile in SHIPPED} >= {
        *(f"torch-{cuda}-transformers{end}" for cuda in ("cu118", "cu121", "cu124", "cu128") for end in ("", "-bnb")),
        *("torch-cpu-transformers", "torch-mps-transformers", "llamacpp-cpu"),
    }
    for profile in SHIPPED:
        assert profile.description, profile.key
        assert profile.serves.platforms, profile.key
        assert profile.python, profile.key
        assert profile.probe.imports, profile.key
        if profile.serves.accelerator.startswith("cu"):
            assert profile.serves.minimum_driver, profile.key
            assert profile.serves.compute_capabilities, profile.key
            assert profile.probe.cuda, profile.key


def test_no_gpu_generation_is_served_twice_for_one_need() -> None:
    seen: dict[tuple[str, str, tuple[int, int]], str] = {}
    for profile in SHIPPED:
        serves = profile.serves
        for capability in serves.compute_capabilities:
            first = seen.setdefault((serves.backend, serves.quantization, capability), profile.key)
            assert first == profile.key, f"{capability}: {first} and {profile.key}"


@pytest.mark.network
@pytest.mark.parametrize("profile", SHIPPED, ids=[profile.key for profile in SHIPPED])
def test_the_requirements_of_a_shipped_profile_resolve_on_each_of_its_platforms(
    profile: Profile, tmp_path: Path
) -> None:
    uv = find_uv()
    assert uv is not None
    (tmp_path / "in.txt").write_text("".join(f"{line}\n" for line in profile.requirements))
    for platform in profile.serves.platforms:
        command = [uv.program, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "in.txt"]
        command += ["--python-platform", PLATFORMS[platform].uv, "--python-version", profile.preferred_python]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{platform}: {done.stderr}"
        # the builds of the general index for Linux are those for the CUDA version that the notes claim
        runtime = {"cu124": "nvidia-cuda-runtime-cu12==12.4.", "cu128": "nvidia-cuda-runtime-cu12==12.8."}
        if platform == "linux-x86_64" and profile.serves.accelerator in runtime:
            assert runtime[profile.serves.accelerator] in done.stdout


@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="needs an NVIDIA GPU")
def test_the_real_nvidia_smi_is_understood() -> None:
    from envyard.nvidia import find_nvidia

    found = find_nvidia()
    assert found.gpus or found.warnings
    assert all(gpu.capability for gpu in found.gpus)
