"""The file of a page that envyard writes: `envs.report --html FILE`."""

from __future__ import annotations

from pathlib import Path

from envyard.errors import EnvyardError, UsageError
from envyard.files import storage_errors, write_bytes

MARK = "written by envyard"  # in the first bytes of a page, so that it may be replaced
_HEAD = 400  # bytes in which the mark stands


def save_page(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write a page in one step. It replaces a page that envyard wrote; anything else only with `overwrite`.

    Raises `UsageError` for what must not or cannot be replaced, and `StoreUnusable`.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint=f"write `--html {path / 'report.html'}`")
    try:
        with path.open("rb") as file:
            ours = MARK.encode() in file.read(_HEAD)
    except (FileNotFoundError, NotADirectoryError):  # the second one is for the writing to tell
        ours = True
    except OSError as error:
        raise EnvyardError(f"{path} cannot be read: {error.strerror}", hint="choose another file") from error
    if not ours and not overwrite:
        raise UsageError(
            f"{path} was not written by envyard, so it stays as it is",
            hint="choose another file, or add `--overwrite`",
        )
    with storage_errors(path):
        write_bytes(path, text.encode("utf-8", "backslashreplace"))
