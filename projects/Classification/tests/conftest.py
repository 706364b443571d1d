from __future__ import annotations

import os

# Before transformers is imported: a test that needs a file of the model hub fails, it does not download.
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Threads cost more than they gain on tensors this small, and suites of several projects run at once."""
    torch.set_num_threads(1)
