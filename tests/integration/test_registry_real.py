"""The registry with the real stack: torch and transformers from the index, and a model that runs in what it answers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from envyard.errors import ProfileNotFound
from envyard.registry import EnvRegistry

KEY = "torch-cpu-transformers"
PROFILE = """\
[serves]
backend = "transformers"
accelerator = "cpu"
platforms = ["linux-x86_64", "linux-aarch64"]

[python]
requires = ">=3.10,<3.12"

[packages]
requirements = ["torch==2.0.0", "transformers==TRANSFORMERS", "numpy<2"]

[health]
imports = ["torch", "transformers"]
code = '''
import torch
assert torch.ones(2, 2).sum().item() == 4
'''
"""
RUN = """\
import sys
import torch, transformers
config = transformers.AutoConfig.from_pretrained(sys.argv[1])
model = transformers.AutoModelForCausalLM.from_config(config).eval()
with torch.no_grad():
    logits = model(torch.arange(8)[None]).logits
print(torch.__version__.partition("+")[0], transformers.__version__, tuple(logits.shape))
"""
CONFIG = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "n_layer": 1,
    "n_head": 2,
    "n_embd": 16,
    "vocab_size": 64,
    "n_positions": 16,
}


@pytest.mark.network
def test_a_model_runs_in_the_environment_that_was_made_for_it_and_after_a_failed_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "workspace.toml").write_text('[workspace]\nname = "real"\n')
    (tmp_path / "profiles").mkdir()
    profile = tmp_path / "profiles" / f"{KEY}.toml"
    profile.write_text(PROFILE.replace("TRANSFORMERS", "4.30.0"))
    model = tmp_path / "models" / "tiny gpt2"
    model.mkdir(parents=True)
    (model / "config.json").write_text(json.dumps(CONFIG))
    registry = EnvRegistry(tmp_path, hardware="cpu")

    spec = registry.get_env_for_model(model)
    assert (spec.key, spec.source, spec.metadata["status"]) == (KEY, "shared", "OK")
    done = subprocess.run([spec.python_executable, "-c", RUN, model], capture_output=True, text=True, timeout=300)
    assert done.stdout.split(maxsplit=2)[:2] == ["2.0.0", "4.30.0"], done.stderr
    assert done.stdout.strip().endswith("(1, 8, 64)")
    assert registry.get_env_for_model(model).python_executable == spec.python_executable

    profile.write_text(PROFILE.replace("TRANSFORMERS", "4.30.999"))
    with_the_old = registry.get_env_for_model(model, update=True)
    assert with_the_old.python_executable == spec.python_executable
    assert "4.30.999" in json.dumps(with_the_old.metadata)

    other = tmp_path / "models" / "none"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({**CONFIG, "quantization_config": {"quant_method": "awq"}}))
    with pytest.raises(ProfileNotFound, match="with awq"):
        registry.get_env_for_model(other)
