"""The environments of this workspace: `invoke --list` shows the tasks, `invoke --help envs.setup` explains one."""

import importlib.util
import sys
from pathlib import Path

from invoke.exceptions import Exit

SOURCES = Path(__file__).resolve().parent / "src"

# Invoke turned the writing of byte code off to keep folders tidy; envyard would be compiled anew every time.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
if importlib.util.find_spec("envyard") is None:
    sys.path.insert(0, str(SOURCES))

try:
    from envyard.tasks import namespace as ns
except ImportError as error:
    raise Exit(
        f"error: this invoke, of Python {sys.version.split()[0]}, cannot use envyard: {error}\n\n"
        "hint: run `./scripts/setup_all_envs.sh`, then `. .envs/tools/bin/activate`",
        code=2,
    ) from None

__all__ = ["ns"]
