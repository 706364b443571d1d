"""Put into every environment by envyard: ties a starting process to the generation it starts from.

`<project>/venv` is a link that an update points elsewhere. A process started through the link would import the rest of
its modules from the new generation, so the paths are resolved here, once, at start-up. The process also holds a shared
lock (freed by the operating system when it ends) so that nobody collects the generation under it.
"""

from __future__ import annotations

import os
import sys

_STARTED_FROM = sys.prefix  # a link, most often; this module is imported before anything changes it


def _resolved(path: str) -> str:
    before = _STARTED_FROM + os.sep
    return sys.prefix + os.sep + path[len(before) :] if path.startswith(before) else path


def _resolve() -> str:
    real = os.path.realpath(_STARTED_FROM)
    if real != _STARTED_FROM:
        sys.prefix = sys.exec_prefix = real
        sys.executable = _resolved(sys.executable)
        settle()
    return real


def _hold(generation: str) -> None:
    store = os.path.dirname(os.path.dirname(generation))
    folder = os.path.join(store, "leases", os.path.basename(generation))
    if not os.path.isdir(os.path.join(store, "g")):
        return
    try:
        os.mkdir(folder)
    except FileExistsError:
        pass
    shared = os.path.join(folder, "processes.lock")
    descriptor = os.open(shared, os.O_RDWR | os.O_CREAT, 0o666)
    if sys.platform == "win32":
        import msvcrt

        # what can be locked there without loading ctypes is never shared, so each process has a file of its own
        os.close(descriptor)
        own = os.path.join(folder, "%d-%s.lock" % (os.getpid(), os.urandom(4).hex()))
        descriptor = os.open(own, os.O_RDWR | os.O_CREAT | os.O_TEMPORARY, 0o666)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        # a collector tests the lock for a moment only, so this does not wait
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    if not sys.flags.isolated:  # an audit is no use of the environment
        os.utime(shared)


def settle() -> None:
    """Resolve every path once more, for those that other `.pth` files added in the meantime, and drop repetitions.

    `site` goes through the packages twice, the second time by the resolved prefix.
    """
    sys.path[:] = list(dict.fromkeys(map(_resolved, sys.path)))


try:
    _hold(_resolve())
except Exception:  # a python that starts matters more than this
    pass
