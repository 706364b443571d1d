"""File-tree operations that survive read-only files, never follow a link, and never leave their tree."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path
from typing import Any


def remove_tree(path: Path) -> list[str]:
    """Delete a folder or file and all below it; links are removed, never followed.

    Read-only entries are made writable first. Returns what could not be deleted, one line each; nothing is raised for
    a file somebody holds open, because the caller (the trash) tries again another time.
    """
    problems: list[str] = []
    if path.is_symlink() or not path.is_dir():
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
        return problems

    def retry(function: Any, name: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        with contextlib.suppress(OSError):
            parent = os.path.dirname(name)
            os.chmod(parent, os.stat(parent).st_mode | stat.S_IRWXU)
            if not os.path.islink(name):
                os.chmod(name, os.stat(name).st_mode | stat.S_IRWXU)
        if function in (os.unlink, os.rmdir, os.remove):
            try:
                function(name)
            except FileNotFoundError:
                return
            except OSError as second:
                problems.append(f"{name}: {second.strerror}")
        elif os.path.isdir(name) and not os.path.islink(name):
            problems.extend(remove_tree(Path(name)) if os.access(name, os.R_OK | os.X_OK) else [f"{name}: {error}"])

    _rmtree(path, retry)
    return problems


def _rmtree(path: Path, retry: Any) -> None:
    import sys

    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=retry)
    else:
        shutil.rmtree(path, onerror=lambda function, name, info: retry(function, name, info[1]))
