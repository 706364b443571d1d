"""JSON hardware profiles as applications have them, pinned by hand over months, and an index that knows their packages.

The wheels are empty, but ask for what the real ones ask for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.index import LocalIndex

STACK: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("torch", "2.0.0"): (),
    ("torch", "2.0.1"): (),
    ("torch", "2.1.0"): (),
    ("torch", "2.1.2"): (),
    ("torchvision", "0.15.0"): ("torch==2.0.0",),
    ("torchvision", "0.15.2"): ("torch==2.0.1",),
    ("torchvision", "0.16.0"): ("torch==2.1.0",),
    ("torchvision", "0.16.2"): ("torch==2.1.2",),
    ("tokenizers", "0.13.2"): (),
    ("tokenizers", "0.13.3"): (),
    ("tokenizers", "0.14.1"): ("huggingface-hub>=0.16.4,<0.18",),
    ("tokenizers", "0.15.0"): ("huggingface-hub>=0.16.4,<1.0",),
    ("tokenizers", "0.15.2"): ("huggingface-hub>=0.16.4,<1.0",),
    ("huggingface-hub", "0.14.1"): (),
    ("huggingface-hub", "0.17.3"): (),
    ("huggingface-hub", "0.19.4"): (),
    ("transformers", "4.30.0"): ("huggingface-hub>=0.14.1,<1.0", "numpy>=1.17", "tokenizers>=0.11.1,!=0.11.3,<0.14"),
    ("transformers", "4.30.2"): ("huggingface-hub>=0.14.1,<1.0", "numpy>=1.17", "tokenizers>=0.11.1,!=0.11.3,<0.14"),
    ("transformers", "4.35.0"): ("huggingface-hub>=0.16.4,<1.0", "numpy>=1.17", "tokenizers>=0.14,<0.15"),
    ("transformers", "4.36.2"): ("huggingface-hub>=0.19.3,<1.0", "numpy>=1.17", "tokenizers>=0.14,<0.19"),
    ("accelerate", "0.20.3"): ("numpy>=1.17", "torch>=1.6.0"),
    ("accelerate", "0.25.0"): ("huggingface-hub", "numpy>=1.17", "torch>=1.10.0"),
    ("peft", "0.4.0"): ("accelerate", "torch>=1.13.0", "transformers"),
    ("bitsandbytes", "0.41.1"): (),
    ("numpy", "1.24.4"): (),
    ("numpy", "1.26.4"): (),
    ("numpy", "2.0.0"): (),
    ("pandas", "2.1.4"): ("numpy>=1.22.4,<2",),
    ("pandas", "2.2.2"): ("numpy>=1.22.4",),
}
"""Package and version -> what it needs, as the real metadata has it where these packages meet."""

SOUND = {"torch": "2.1.0", "torchvision": "0.16.0", "transformers": "4.36.2", "tokenizers": "0.15.0", "numpy": "1.26.4"}
OLD_TRANSFORMERS = {"torch": "2.1.0", "transformers": "4.30.0", "tokenizers": "0.15.0", "accelerate": ">=0.20, <0.30"}
WRONG_VISION = {"torch": "2.1.0", "torchvision": "0.15.0", "numpy": "1.24.4"}
NEW_NUMPY = {"torch": "2.1.0", "pandas": "2.1.4", "numpy": "2.0.0"}
ALL_WRONG = {
    "torch": "2.1.0",
    "torchvision": "0.15.0",
    "transformers": "4.30.0",
    "tokenizers": "0.15.0",
    "accelerate": ">=0.20,<0.30",
    "peft": "0.4.0",
    "bitsandbytes": "0.41.1",
    "pandas": "2.1.4",
    "numpy": "2.0.0",
}
"""Three contradictions at once."""


def add_stack(index: LocalIndex) -> None:
    """Offer the packages of `STACK`."""
    for (name, version), requires in STACK.items():
        index.add(name, version, requires=requires)


def hardware_profile(packages: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A whole profile for Ampere; `more` replaces its other keys."""
    return {
        "format_version": "1.0",
        "profile_id": "ampere_cu121",
        "architecture": "Ampere",
        "cuda_version": "12.1",
        "python_version": {"min": "3.10", "max": "3.12", "recommended": "3.11"},
        "hardware": {
            "compute_capability": ["8.0", "8.6"],
            "cuda_versions": ["12.1", "12.2"],
            "gpu_examples": ["RTX 3090", "A100"],
        },
        "packages": dict(packages),
        "tested": True,
        "tested_on": "RTX 3090, Ubuntu 22.04",
        "notes": "Flash attention is built by hand.",
        **more,
    }


def write_profile(folder: Path, packages: Mapping[str, Any], name: str = "ampere.json", **more: Any) -> Path:
    """The profile as a file, one key a line."""
    file = folder / name
    file.write_text(json.dumps(hardware_profile(packages, **more), indent=2), encoding="utf-8")
    return file
