"""A bug of envyard: the traceback goes to a file, the person gets one line and the path."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

from envyard import __version__
from envyard.errors import EnvyardError
from envyard.workspace import find_workspace, load_workspace


def bug_report(error: Exception) -> EnvyardError:
    """Write the traceback of `error` below the store's `logs/` and return what to tell about it."""
    name = f"bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    text = "".join(traceback.format_exception(error))
    head = f"envyard {__version__}, Python {platform.python_version()} on {platform.platform()}\n{sys.argv}\n\n"
    for folder in (_logs(), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(head + text, encoding="utf-8")
        except OSError:
            continue
        hint = f"please report it with `{folder / name}`, which holds the details"
        break
    else:
        hint = f"please report it with these details:\n\n{text}"
    last = traceback.format_exception_only(error)[-1].strip()
    return EnvyardError(f"this is a bug of envyard: {last}", hint=hint)


def _logs() -> Path:
    try:
        return load_workspace(find_workspace()).store / "logs"
    except Exception:  # noqa: BLE001 - this must not fail too
        return Path(tempfile.gettempdir())
