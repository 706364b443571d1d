"""Why a profile fits a machine or not, and which one a model gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envyard.errors import ProfileNotFound
from envyard.hardware import Hardware
from envyard.matching import choose_profile, matches
from envyard.nvidia import Gpu
from envyard.profile import Profile, parse_env_key, title_of
from envyard.profilefile import load_profiles

ROOT = Path(__file__).resolve().parents[2]
LINUX, WINDOWS, MAC = "linux-x86_64", "windows-x86_64", "macos-arm64"
CPU = Hardware()
MPS = Hardware(kind="mps")
ROCM = Hardware(kind="rocm", rocm="6.1")


def nvidia(*capabilities: tuple[int, int] | None, driver: str = "580.82.07") -> Hardware:
    gpus = tuple(Gpu(index=number, name="GPU", capability=each) for number, each in enumerate(capabilities))
    return Hardware(kind="cuda", gpus=gpus, driver=driver)


def profile(key: str, *capabilities: tuple[int, int], **serves: Any) -> Profile:
    wanted = replace(parse_env_key(key), compute_capabilities=capabilities, **serves)
    return Profile(key=key, title=title_of(wanted), file=Path(f"/w/profiles/{key}.toml"), serves=wanted)


AMPERE = profile("torch-cu121-transformers", (8, 0), (8, 6), platforms=(LINUX, WINDOWS))


# --- one profile


@pytest.mark.parametrize(
    ("one", "hardware", "platform", "reasons"),
    [
        pytest.param(AMPERE, CPU, LINUX, ["needs CUDA 12.1; this machine has no GPU that can be used"], id="no GPU"),
        pytest.param(AMPERE, ROCM, LINUX, ["needs CUDA 12.1; this machine has an AMD GPU"], id="AMD"),
        pytest.param(
            AMPERE,
            MPS,
            MAC,
            [
                "serves linux-x86_64, windows-x86_64; this is macos-arm64",
                "needs CUDA 12.1; this machine has an Apple GPU",
            ],
            id="all reasons, not the first",
        ),
        pytest.param(
            AMPERE, nvidia((8, 9)), LINUX, ["serves compute capability 8.0, 8.6; this is 8.9"], id="capability"
        ),
        pytest.param(
            AMPERE,
            nvidia(None),
            LINUX,
            ["serves compute capability 8.0, 8.6; that of the GPU is not known"],
            id="capability not known",
        ),
        pytest.param(
            AMPERE,
            nvidia((8, 6), driver="470.256.02"),
            LINUX,
            ["needs driver 525.60.13 or newer; this is 470.256.02"],
            id="driver, by NVIDIA's table",
        ),
        pytest.param(
            AMPERE,
            nvidia((8, 6), driver="528.24"),
            WINDOWS,
            ["needs driver 528.33 or newer; this is 528.24"],
            id="driver on Windows",
        ),
        pytest.param(
            profile("vllm-cu128", minimum_driver="570.26"),
            nvidia((12, 0), driver="570.9"),
            LINUX,
            ["needs driver 570.26 or newer; this is 570.9"],
            id="driver, compared as numbers",
        ),
        pytest.param(
            profile("torch-mps-transformers"),
            CPU,
            LINUX,
            ["needs Apple MPS; this machine has no GPU that can be used"],
            id="Apple",
        ),
    ],
)
def test_why_a_profile_does_not_fit(one: Profile, hardware: Hardware, platform: str, reasons: list[str]) -> None:
    found = matches(one, hardware, platform)
    assert not found.fits
    assert list(found.reasons) == reasons


@pytest.mark.parametrize(
    ("one", "hardware", "platform"),
    [
        pytest.param(AMPERE, nvidia((8, 6), driver="525.60.13"), LINUX, id="the very driver"),
        pytest.param(AMPERE, nvidia((8, 6), driver="528.33"), WINDOWS, id="the very driver of Windows"),
        pytest.param(AMPERE, nvidia((8, 0), (8, 6)), LINUX, id="two GPUs"),
        pytest.param(profile("vllm-cu124"), nvidia((5, 2)), LINUX, id="any capability"),
        pytest.param(profile("vllm-cu124"), nvidia(None), LINUX, id="any capability, also one not known"),
        pytest.param(profile("llamacpp-cpu"), nvidia((8, 6)), LINUX, id="the CPU is everywhere"),
        pytest.param(profile("torch-rocm6.1-transformers"), ROCM, LINUX, id="AMD"),
        pytest.param(profile("torch-mps-transformers"), MPS, MAC, id="Apple"),
    ],
)
def test_a_profile_fits_and_says_why(one: Profile, hardware: Hardware, platform: str) -> None:
    found = matches(one, hardware, platform)
    assert found.fits
    assert found.reasons


def test_a_driver_that_is_not_known_is_a_warning() -> None:
    found = matches(AMPERE, nvidia((8, 6), driver=""), LINUX)
    assert found.fits
    assert found.warnings == ("the driver is not known; 525.60.13 or newer is needed",)


def test_gpus_newer_than_the_profile_are_a_warning() -> None:
    found = matches(AMPERE, nvidia((8, 6), (12, 0)), LINUX)
    assert found.fits
    assert "12.0 are newer than what torch-cu121-transformers is made for" in found.warnings[0]


# --- the best one: the profiles that ship


def choose(backend: str, quantization: str, hardware: Hardware, platform: str = LINUX) -> tuple[str, tuple[str, ...]]:
    choice = choose_profile(load_profiles(ROOT), backend, quantization, hardware, platform)
    return choice.profile.key, choice.warnings


@pytest.mark.parametrize(
    ("hardware", "platform", "key"),
    [
        pytest.param(nvidia((7, 5), driver="450.80.02"), LINUX, "torch-cu118-transformers", id="Turing"),
        pytest.param(nvidia((6, 1), driver="470.256.02"), LINUX, "torch-cu118-transformers", id="Pascal"),
        pytest.param(nvidia((8, 6), driver="535.161.08"), LINUX, "torch-cu121-transformers", id="Ampere"),
        pytest.param(nvidia((8, 9), driver="550.54.15"), WINDOWS, "torch-cu124-transformers", id="Ada"),
        pytest.param(nvidia((9, 0), driver="550.54.15"), LINUX, "torch-cu124-transformers", id="Hopper"),
        pytest.param(nvidia((12, 0), driver="570.26"), LINUX, "torch-cu128-transformers", id="Blackwell"),
        pytest.param(nvidia((8, 9), (8, 6)), LINUX, "torch-cu121-transformers", id="Ada and Ampere"),
        pytest.param(CPU, LINUX, "torch-cpu-transformers", id="no GPU"),
        pytest.param(CPU, "linux-aarch64", "torch-cpu-transformers", id="no GPU, ARM"),
        pytest.param(MPS, MAC, "torch-mps-transformers", id="Apple"),
    ],
)
def test_a_machine_gets_its_profile_without_a_warning(hardware: Hardware, platform: str, key: str) -> None:
    assert choose("transformers", "", hardware, platform) == (key, ())


def test_a_quantization_gets_its_own_profile() -> None:
    assert choose("transformers", "bnb", nvidia((8, 9)))[0] == "torch-cu124-transformers-bnb"


@pytest.mark.parametrize("quantization", ["", "awq", "gptq", "fp8"])
def test_what_a_backend_has_built_in_needs_no_other_profile(quantization: str) -> None:
    assert choose("vllm", quantization, nvidia((9, 0)))[0] == "vllm-cu124"


@pytest.mark.parametrize(
    ("capability", "key", "words"),
    [
        pytest.param((8, 8), "torch-cu121-transformers", "this one is for 8.7, the nearest lower", id="between"),
        pytest.param((12, 5), "torch-cu128-transformers", "this one is for 12.1, the nearest lower", id="newest"),
        pytest.param((13, 0), "torch-cu128-transformers", "may have no code for this GPU", id="another generation"),
    ],
)
def test_a_capability_that_no_profile_lists_gets_the_nearest_lower_with_a_warning(
    capability: tuple[int, int], key: str, words: str
) -> None:
    found, (warning,) = choose("transformers", "", nvidia(capability))
    assert found == key
    assert words in warning


def test_a_capability_that_is_not_known_gets_the_lowest_with_a_warning() -> None:
    found, (warning,) = choose("transformers", "", nvidia(None))
    assert found == "torch-cu118-transformers"
    assert "is not known: this is the profile for the lowest" in warning


def test_a_capability_below_all_profiles_gets_the_cpu_with_the_reasons() -> None:
    found, (warning,) = choose("transformers", "", nvidia((3, 5)))
    assert found == "torch-cpu-transformers"
    assert "although there is a GPU" in warning
    assert "torch-cu118-transformers: serves compute capability 6.0" in warning


def test_an_old_driver_gets_an_older_cuda_and_the_driver_is_named() -> None:
    found, (warning,) = choose("transformers", "", nvidia((8, 6), driver="470.256.02"))
    assert found == "torch-cu118-transformers"
    assert "torch-cu121-transformers needs driver 525.60.13 or newer; this is 470.256.02" in warning


def test_a_driver_too_old_for_all_gets_the_cpu_and_the_driver_is_named() -> None:
    found, (warning,) = choose("transformers", "", nvidia((8, 6), driver="390.157"))
    assert found == "torch-cpu-transformers"
    assert "torch-cu121-transformers: needs driver 525.60.13 or newer; this is 390.157" in warning


def test_nothing_fits_and_every_reason_is_told() -> None:
    with pytest.raises(ProfileNotFound, match="no profile can run Transformers with bnb on this machine") as caught:
        choose("transformers", "bnb", CPU)
    assert len(caught.value.details) == 4
    assert all("needs CUDA" in line for line in caught.value.details)


@pytest.mark.parametrize(
    ("backend", "quantization", "detail"),
    [
        ("sglang", "", "no profile serves the backend `sglang`"),
        ("transformers", "awq", "no profile serves `transformers` with `awq`"),
    ],
)
def test_what_no_profile_serves_is_told(backend: str, quantization: str, detail: str) -> None:
    with pytest.raises(ProfileNotFound) as caught:
        choose(backend, quantization, nvidia((8, 6)))
    assert caught.value.details == (detail,)


def test_a_workspace_without_profiles_says_so() -> None:
    with pytest.raises(ProfileNotFound) as caught:
        choose_profile([], "transformers", "", CPU, LINUX)
    assert caught.value.details == ("the workspace has no profiles",)


# --- the order of preference


@pytest.mark.parametrize(
    ("keys", "quantization", "best"),
    [
        pytest.param(["torch-cpu-transformers", "torch-cu118-transformers"], "", 1, id="GPU before CPU"),
        pytest.param(["torch-cpu-transformers", "torch-cu118-transformers-bnb"], "", 1, id="GPU before exact"),
        pytest.param(["torch-cu124-transformers-bnb", "torch-cu118-transformers"], "", 1, id="exact before newer"),
        pytest.param(["torch-cu118-transformers", "torch-cu124-transformers"], "", 1, id="newer CUDA"),
        pytest.param(["torch-cu124-transformers-awq", "torch-cu124-transformers-bnb"], "bnb", 1, id="the quantization"),
        pytest.param(["vllm-cu124-awq", "vllm-cu124"], "awq", 0, id="its own before built in"),
        pytest.param(["vllm-cu124-bnb", "vllm-cu124"], "awq", 1, id="built in, no more"),
    ],
)
def test_order_of_preference(keys: list[str], quantization: str, best: int) -> None:
    profiles = [profile(key) for key in keys]
    backend = profiles[0].serves.backend
    choice = choose_profile(profiles, backend, quantization, nvidia((8, 6)), LINUX)
    assert choice.profile.key == keys[best]
    assert choose_profile(profiles[::-1], backend, quantization, nvidia((8, 6)), LINUX).profile == choice.profile
