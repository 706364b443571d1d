"""Where uv keeps its cache, and whether environments can share its files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from envyard.process import child_environment


def cache_device_warning(store: Path) -> str:
    """Why environments will be copied instead of linked, or "" when links work: cache and store on two devices."""
    environment = child_environment()
    folder = environment.get("UV_CACHE_DIR", "")
    if folder:
        cache = Path(folder)
    elif sys.platform == "win32":
        cache = Path(environment.get("LOCALAPPDATA", "~")).expanduser() / "uv" / "cache"
    else:
        cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
    if _device(cache) == _device(store):
        return ""
    return (
        f"uv's cache {cache} is on another device than {store}: every environment is a full copy. "
        "Set UV_CACHE_DIR to a folder on the store's device to share the files"
    )


def _device(path: Path) -> int:
    """The device of a folder that may not exist yet: that of its nearest existing parent."""
    for folder in (path, *path.parents):
        try:
            return os.stat(folder).st_dev
        except OSError:
            continue
    return -1
