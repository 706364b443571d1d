"""Put into every environment by envyard: ties a starting process to the generation it starts from.

`<project>/venv` is a link that an update points elsewhere. A process started through the link would import the rest of
its modules from the new generation, so the paths are resolved here, once, at start-up. The process also holds a shared
lock (freed by the operating system when it ends) so that nobody collects the generation under it.
"""

from __future__ import annotations

import os
import sys


def _resolve() -> str:
    prefix = sys.prefix
    real = os.path.realpath(prefix)
    if real != prefix:
        before = prefix + os.sep

        def resolved(path: str) -> str:
            return real + os.sep + path[len(before) :] if path.startswith(before) else path

        sys.path[:] = [resolved(path) for path in sys.path]
        sys.executable = resolved(sys.executable)
        sys.prefix = sys.exec_prefix = real
    return real


def _hold(generation: str) -> None:
    import fcntl

    store = os.path.dirname(os.path.dirname(generation))
    folder = os.path.join(store, "leases", os.path.basename(generation))
    if not os.path.isdir(os.path.join(store, "g")):
        return
    try:
        os.mkdir(folder)
    except FileExistsError:
        pass
    descriptor = os.open(os.path.join(folder, "processes.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    # a collector tests the lock for a moment only, so this does not wait
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if not sys.flags.isolated:  # an audit is no use of the environment
        os.utime(descriptor)


def settle() -> None:
    """Drop paths that stand twice: `site` adds the packages again once it sees the resolved prefix."""
    sys.path[:] = list(dict.fromkeys(sys.path))


try:
    _hold(_resolve())
except Exception:  # a python that starts matters more than this
    pass
