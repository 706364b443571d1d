"""Env keys and titles of profiles, and finding a profile by what a person types."""

from __future__ import annotations

from pathlib import Path

import pytest

from envyard.errors import ProfileNotFound
from envyard.profile import Profile, Serves, env_key, find_profile, parse_env_key, title_of

NAMED = [
    pytest.param(
        Serves(backend="transformers", accelerator="cu121", quantization="bnb"),
        "torch-cu121-transformers-bnb",
        "Transformers + bitsandbytes (CUDA 12.1)",
        id="quantized",
    ),
    pytest.param(
        Serves(backend="transformers", accelerator="cpu"), "torch-cpu-transformers", "Transformers (CPU)", id="cpu"
    ),
    pytest.param(Serves(backend="vllm", accelerator="cu124"), "vllm-cu124", "vLLM (CUDA 12.4)", id="own stack"),
    pytest.param(Serves(backend="llamacpp", accelerator="cpu"), "llamacpp-cpu", "llama.cpp (CPU)", id="llama.cpp"),
    pytest.param(
        Serves(backend="transformers", accelerator="mps"),
        "torch-mps-transformers",
        "Transformers (Apple MPS)",
        id="mps",
    ),
    pytest.param(
        Serves(backend="diffusers", accelerator="rocm6.1", quantization="gptq"),
        "torch-rocm6.1-diffusers-gptq",
        "Diffusers + GPTQ (ROCm 6.1)",
        id="rocm",
    ),
]

NO_KEYS = [
    "",
    ".",
    "..",
    "../x",
    "/etc/passwd",
    "C:\\Windows",
    "CON",
    "con",
    "tools",
    "torch",
    "torch-cpu",
    "torch-cpu-",
    "torch-cpu-vllm",
    "transformers-cpu",
    "vllm",
    "vllm-",
    "vllm-cu12",
    "vllm-cu124-",
    "vllm-cu124-bnb-",
    "vllm-cu124-bnb-awq",
    "vllm-cu124-none",
    "VLLM-cu124",
    "vllm-cu124\n",
    "vllm-cu124\0",
    "vllm-cu1\u0662\u0663",
    "vllm--cu124",
    "-".join(["torch-cpu-transformers"] * 14),
]


@pytest.mark.parametrize(("serves", "key", "title"), NAMED)
def test_key_and_title_come_from_what_is_served(serves: Serves, key: str, title: str) -> None:
    assert env_key(serves) == key
    assert title_of(serves) == title


@pytest.mark.parametrize(("serves", "key", "title"), NAMED)
def test_a_key_can_be_read_back(serves: Serves, key: str, title: str) -> None:
    assert parse_env_key(key) == serves


@pytest.mark.parametrize("text", NO_KEYS, ids=[repr(each)[:40] for each in NO_KEYS])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ProfileNotFound, match="is no env key") as caught:
        parse_env_key(text)
    assert len(caught.value.message) < 120
    assert caught.value.message.isprintable()


def profile(key: str) -> Profile:
    serves = parse_env_key(key)
    return Profile(key=key, title=title_of(serves), file=Path(f"/w/profiles/{key}.toml"), serves=serves)


PROFILES = [profile("torch-cu121-transformers-bnb"), profile("llamacpp-cpu")]


@pytest.mark.parametrize(
    "typed",
    ["llamacpp-cpu", "LlamaCpp-CPU", " llamacpp-cpu ", "llama.cpp (CPU)", "LLAMA.CPP (cpu)"],
)
def test_a_profile_is_found_by_key_or_title(typed: str) -> None:
    assert find_profile(PROFILES, typed).key == "llamacpp-cpu"


def test_an_unknown_profile_names_the_nearest_and_all() -> None:
    with pytest.raises(ProfileNotFound, match="no profile `lamacpp-cpu`") as caught:
        find_profile(PROFILES, "lamacpp-cpu")
    assert caught.value.details == (
        "did you mean `llamacpp-cpu`?",
        "known profiles: llamacpp-cpu, torch-cu121-transformers-bnb",
    )


@pytest.mark.parametrize("typed", ["../x", "CON", "/etc/passwd", "", "x" * 300, "a\nb"])
def test_a_hostile_name_finds_nothing(typed: str) -> None:
    with pytest.raises(ProfileNotFound) as caught:
        find_profile([], typed)
    assert caught.value.details == ("known profiles: none",)
    assert len(caught.value.message) < 120
