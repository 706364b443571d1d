"""Which Python runs a model: every strategy, and how one takes the place of another, with real environments."""

from __future__ import annotations

import pytest
from conftest import MakeWorkspace
from kit.index import LocalIndex
from kit.models import CPU, ModelsKit


@pytest.fixture
def models(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> ModelsKit:
    return ModelsKit(workspace_kit({}), local_index)


def test_first_call_builds_the_shared_environment_and_says_so_step_by_step(models: ModelsKit) -> None:
    spec = models.resolve(models.model())
    assert (spec.key, spec.source, spec.metadata["status"]) == (CPU, "shared", "OK")
    assert models.python(spec, "import torch; print(torch.__version__)") == "2.1.0"
    assert models.said[0] == f"creating the shared environment `{CPU}` for {models.root}/models/llama, step by step"
    steps = [line for line in models.said if line.startswith(f"[{CPU}] ")]
    assert [step.split()[1].rstrip(":") for step in steps][:2] == ["why", "create"]
    assert models.said[-1].startswith(f"using the shared environment `{CPU}`")
