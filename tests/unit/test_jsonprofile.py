"""The older JSON profiles: read as they are, with every mistake of a file in one run."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from kit.hardware_profiles import ALL_WRONG, hardware_profile, write_profile

from envyard.errors import ConfigurationInvalid
from envyard.jsonlines import key_lines
from envyard.jsonprofile import JsonProfile, load_json_profile


def load(folder: Path, packages: dict[str, Any], **more: Any) -> JsonProfile:
    return load_json_profile(write_profile(folder, packages, **more))


def mistakes(file: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigurationInvalid, match="mistake") as caught:
        load_json_profile(file)
    return caught.value.details


def test_whole_profile_is_read(tmp_path: Path) -> None:
    profile = load(tmp_path, ALL_WRONG)
    assert profile.profile_id == "ampere_cu121"
    assert (profile.serves.backend, profile.serves.quantization, profile.serves.accelerator) == (
        "transformers",
        "bnb",
        "cu121",
    )
    assert profile.serves.compute_capabilities == ((8, 0), (8, 6))
    assert (profile.python, profile.preferred_python) == (">=3.10,<3.13", "3.11")
    assert profile.requirements[:2] == ("torch==2.1.0", "torchvision==0.15.0")
    assert profile.tested_on == ("RTX 3090, Ubuntu 22.04",)
    assert profile.notes == ("Flash attention is built by hand.",)
    assert profile.gpu_examples == ("RTX 3090", "A100")
    assert profile.remarks == ()


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("1.2.3", "x==1.2.3"),
        ("2.5.1+cu121", "x==2.5.1+cu121"),
        (">=1, <2", "x>=1,<2"),
        ("~=1.4", "x~=1.4"),
        ("*", "x"),
        ("", "x"),
        (None, ""),
        (2, "x==2"),
        ("https://example.org/x-1-py3-none-any.whl", "x @ https://example.org/x-1-py3-none-any.whl"),
    ],
)
def test_version_of_a_package_becomes_a_requirement(tmp_path: Path, version: Any, line: str) -> None:
    profile = load(tmp_path, {"x": version})
    assert profile.requirements == ((line,) if line else ())


def test_number_keeps_the_digits_it_is_written_with(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    text = json.dumps(hardware_profile({"x": "1.20"}))
    file.write_text(re.sub(r'"(3\.10|12\.1|1\.20|1\.0)"', r"\1", text), encoding="utf-8")
    profile = load_json_profile(file)
    assert profile.python == ">=3.10,<3.13"
    assert profile.serves.accelerator == "cu121"
    assert profile.requirements == ("x==1.20",)


def test_binary_package_is_a_direct_reference_and_goes_before_a_version(tmp_path: Path) -> None:
    url = "https://example.org/flash_attn-2.5.0-cp311-cp311-linux_x86_64.whl"
    binary = {"flash-attn": {"type": "wheel", "url": url}}
    profile = load(tmp_path, {"flash_attn": "2.5.0"}, binary_packages=binary)
    assert profile.requirements == (f"flash-attn @ {url}",)
    assert "by its version" not in profile.requirements[0]
    assert len(profile.remarks) == 1


@pytest.mark.parametrize(
    ("index", "backend", "indexes", "accelerator", "remarks"),
    [
        ("https://example.org/whl/cu121", "cu121", (), "cu121", 0),
        ("https://example.org/whl/cu118/", "cu118", (), "cu118", 1),
        ("https://example.org/simple", "", ("https://example.org/simple",), "cu121", 0),
    ],
)
def test_torch_index_becomes_a_backend_where_its_address_names_one(
    tmp_path: Path, index: str, backend: str, indexes: tuple[str, ...], accelerator: str, remarks: int
) -> None:
    profile = load(tmp_path, {"torch": "2.1.0"}, torch_index=index)
    assert (profile.torch_backend, profile.indexes) == (backend, indexes)
    assert profile.serves.accelerator == accelerator
    assert len(profile.remarks) == remarks


@pytest.mark.parametrize(
    ("architecture", "packages", "accelerator", "backend"),
    [
        ("CPU", {"transformers": "4.30.0"}, "cpu", "transformers"),
        ("Apple Silicon", {"torch": "2.1.0"}, "mps", "transformers"),
        ("AMD ROCm 6.1", {"vllm": "0.4.0", "transformers": "4.40.0"}, "rocm6.1", "vllm"),
        ("CPU", {"llama-cpp-python": "0.2.0"}, "cpu", "llamacpp"),
    ],
)
def test_without_cuda_the_architecture_says_what_it_runs_on(
    tmp_path: Path, architecture: str, packages: dict[str, str], accelerator: str, backend: str
) -> None:
    profile = load(tmp_path, packages, architecture=architecture, cuda_version=None)
    assert (profile.serves.accelerator, profile.serves.backend) == (accelerator, backend)
    assert profile.serves.compute_capabilities == ()


def test_unknown_keys_are_told_and_not_used(tmp_path: Path) -> None:
    profile = load(tmp_path, {"x": "1"}, created_by="me", tested_onn="y")
    assert profile.remarks == ("`created_by` is not used", "`tested_onn` is not used")


def test_every_mistake_is_told_in_one_run_with_its_line(tmp_path: Path) -> None:
    file = write_profile(
        tmp_path,
        {"torch": "2.1.0", "Torch": "2.0.0", "x": "two", "a b": "1"},
        format_version="2.0",
        python_version={"min": "3.12", "max": "3.10"},
        tested="yes",
    )
    details = mistakes(file)
    expected = ["format_version", "python_version", "packages.Torch", "packages.x", 'packages."a b"', "tested"]
    assert [detail.split(": ")[1] for detail in details] == expected
    assert details[0].startswith("ampere.json:2: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param('{"a": 1,}', "is no JSON", id="no JSON"),
        pytest.param("[]", "is no object", id="a list"),
        pytest.param("[" * 100_000, "nested too deeply", id="deep"),
        pytest.param('{"packages": {"x": "1", "x": "2"}}', "wrong.json:1: packages.x: is there twice", id="twice"),
        pytest.param('{"packages": []}', "is a list", id="list of packages"),
        pytest.param('{"format_version": "1.0"}', "is missing", id="no packages"),
    ],
)
def test_file_that_is_no_profile_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(text, encoding="utf-8")
    assert problem in "\n".join(mistakes(file))


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_bytes(b"\xff\xfe{}")
    assert mistakes(file) == ("wrong.json: is not UTF-8",)


def test_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(ConfigurationInvalid, match="cannot be read: is no regular file"):
        load_json_profile(tmp_path / "pipe.json")


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot be read: no such file"):
        load_json_profile(tmp_path / "none.json")


def test_lines_of_keys_and_elements_are_found() -> None:
    text = '{\n "a": {"b": [1,\n  {"c": "}]"}]},\n\n "d\\"": 2}'
    assert key_lines(text) == {
        (): 1,
        ("a",): 2,
        ("a", "b"): 2,
        ("a", "b", 0): 2,
        ("a", "b", 1): 3,
        ("a", "b", 1, "c"): 3,
        ('d"',): 5,
    }
