"""What a model needs, read from its own files, whatever is in them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from kit.isolation import environment

from envyard.errors import ModelNotFound, ModelUnreadable
from envyard.model import is_hub_id, read_model


def make(folder: Path, name: str = "config.json", content: object = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"model_type": "llama"} if content is None else content), encoding="utf-8")
    return folder


def needs(path: Path | str, **options: Any) -> tuple[str, str]:
    model = read_model(path, **options)
    assert model.reasons
    return model.backend, model.quantization


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        pytest.param(None, "", id="null"),
        pytest.param({}, "", id="empty"),
        pytest.param({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bnb", id="bitsandbytes"),
        pytest.param({"load_in_8bit": True}, "bnb", id="without method"),
        pytest.param({"quant_method": "AWQ"}, "awq", id="awq"),
        pytest.param({"quant_method": "gptq", "bits": 4}, "gptq", id="gptq"),
        pytest.param({"quant_method": "compressed-tensors"}, "compressed-tensors", id="another by its name"),
        pytest.param({"quant_method": "../x"}, "x", id="a name that is no word"),
        pytest.param({"bits": 4}, "", id="no method"),
    ],
)
def test_quantization_is_that_of_the_configuration(tmp_path: Path, quantization: object, expected: str) -> None:
    make(tmp_path / "m", content={"model_type": "llama", "quantization_config": quantization})
    assert needs(tmp_path / "m") == ("transformers", expected)


def test_gguf_is_for_llamacpp(tmp_path: Path) -> None:
    (tmp_path / "file.GGUF").touch()
    (tmp_path / "both").mkdir()
    for name in ("m-q4.gguf", "m-q8.gguf"):
        (tmp_path / "both" / name).touch()
    make(tmp_path / "both")
    assert needs(tmp_path / "file.GGUF") == ("llamacpp", "")
    assert needs(tmp_path / "both") == ("llamacpp", "")
    (tmp_path / "both" / "model.safetensors").touch()
    assert needs(tmp_path / "both") == ("transformers", "")


def test_file_of_weights_is_read_with_its_folder(tmp_path: Path) -> None:
    folder = make(tmp_path / "m", content={"quantization_config": {"quant_method": "awq"}})
    (folder / "model.safetensors").touch()
    assert needs(folder / "model.safetensors") == ("transformers", "awq")


def test_nothing_known_is_a_plain_transformers_model_and_says_that_it_guesses(tmp_path: Path) -> None:
    model = read_model(tmp_path)
    assert (model.backend, model.quantization) == ("transformers", "")
    assert "taken for" in model.reasons[0]


def test_pipeline_is_for_diffusers(tmp_path: Path) -> None:
    make(tmp_path, "model_index.json", {})
    assert needs(tmp_path) == ("diffusers", "")


# --- adapters


def test_adapter_needs_what_its_base_needs(tmp_path: Path) -> None:
    base = make(tmp_path / "base", content={"model_type": "x", "quantization_config": {"load_in_4bit": True}})
    absolute = make(tmp_path / "a", "adapter_config.json", {"base_model_name_or_path": str(base)})
    beside = make(tmp_path / "b", "adapter_config.json", {"base_model_name_or_path": "../base"})
    chained = make(tmp_path / "c", "adapter_config.json", {"base_model_name_or_path": "../a"})
    for adapter in (absolute, beside, chained):
        assert needs(adapter) == ("transformers", "bnb")


def test_base_model_is_found_in_the_hubs_cache(tmp_path: Path) -> None:
    revision = "0123456789abcdef"
    snapshot = tmp_path / "hub" / "models--acme--base" / "snapshots" / revision
    make(snapshot, content={"model_type": "x", "quantization_config": {"quant_method": "gptq"}})
    refs = tmp_path / "hub" / "models--acme--base" / "refs"
    refs.mkdir()
    (refs / "main").write_text(revision, encoding="ascii")
    adapter = make(tmp_path / "a", "adapter_config.json", {"base_model_name_or_path": "acme/base"})
    assert needs(adapter) == ("transformers", "")
    with environment({**os.environ, "HF_HOME": str(tmp_path)}):
        assert needs(adapter) == ("transformers", "gptq")
        assert needs("acme/base") == ("transformers", "gptq")
    (refs / "main").write_text("../../../..", encoding="ascii")
    with environment({**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub")}):
        assert needs("acme/base") == ("transformers", "")


@pytest.mark.parametrize("base", [None, "", 3, "nowhere/at-all", "/nowhere", "a\0b", ["x"]])
def test_adapter_without_a_base_that_is_here_is_taken_for_plain(tmp_path: Path, base: object) -> None:
    make(tmp_path / "a", "adapter_config.json", {"base_model_name_or_path": base})
    assert needs(tmp_path / "a") == ("transformers", "")


def test_adapters_in_a_circle_are_told(tmp_path: Path) -> None:
    make(tmp_path / "a", "adapter_config.json", {"base_model_name_or_path": "../b"})
    make(tmp_path / "b", "adapter_config.json", {"base_model_name_or_path": "../a"})
    with pytest.raises(ModelUnreadable, match="in a circle"):
        read_model(tmp_path / "a")


# --- what is broken


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"model_type": ', id="cut short"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b'{"quantization_config": 3}', id="no object"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b"[" * 100_000, id="nested too deeply"),
    ],
)
def test_unreadable_configuration_is_told_with_its_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ModelUnreadable, match=r"config\.json cannot be read"):
        read_model(tmp_path)


def test_overrides_win_and_with_both_nothing_is_read(tmp_path: Path) -> None:
    make(tmp_path / "m", content={"model_type": "x", "quantization_config": {"quant_method": "awq"}})
    assert needs(tmp_path / "m", backend="vllm") == ("vllm", "awq")
    assert needs(tmp_path / "m", quantization="") == ("transformers", "")
    (tmp_path / "m" / "config.json").write_text("broken", encoding="utf-8")
    assert read_model(tmp_path / "m", backend="vllm", quantization="").backend == "vllm"


def test_configuration_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    assert needs(tmp_path) == ("transformers", "")


def test_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b'\xef\xbb\xbf{"quantization_config": {"quant_method": "awq"}}')
    assert needs(tmp_path) == ("transformers", "awq")


# --- names


def test_every_way_to_a_model_is_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "models" / "ein Modell 模型")
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    ways: list[str | Path] = [folder, str(folder), f"{folder}/", folder / ".." / folder.name, tmp_path / "link", "."]
    assert {read_model(way).identity for way in ways} == {str(folder.resolve())}


def test_path_goes_before_a_hub_id_of_the_same_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_model("acme/llama").path is None
    make(tmp_path / "acme" / "llama")
    assert read_model("acme/llama").path == tmp_path / "acme" / "llama"


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "nowhere", "/nowhere/at/all", "a/b/c", "../x", "x" * 5000])
def test_name_that_leads_nowhere_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFound) as caught:
        read_model(name)
    assert len(caught.value.message) < 300


def test_dangling_link_in_the_form_of_a_hub_id_is_called_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "llama").symlink_to(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFound, match="`models/llama` is a link that leads nowhere"):
        read_model("models/llama")


def test_slip_of_the_hand_below_a_folder_of_here_is_told_to_be_taken_for_a_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    (reason,) = read_model("models/lama").reasons
    assert reason.startswith("there is no `models/lama` here, so it counts as the id of a model on the hub; ")
    (reason,) = read_model("organisation/lama").reasons
    assert reason == "organisation/lama is not on this machine: taken for plain"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_device_is_no_model() -> None:
    with pytest.raises(ModelNotFound, match="neither a folder nor a file"):
        read_model("/dev/null")


def test_dangling_link_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ModelNotFound, match="leads nowhere"):
        read_model(tmp_path / "link")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("meta-llama/Llama-3.1-8B", True),
        ("org/..", False),
        ("../x", False),
        ("a/b/c", False),
        ("/a", False),
        ("a--b/c", False),
        ("one", False),
    ],
)
def test_form_of_a_hub_id(name: str, expected: bool) -> None:
    assert is_hub_id(name) == expected
