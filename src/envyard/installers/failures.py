"""What an installer's last words mean: the error that names the cause and the next thing to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum, auto

from envyard.errors import EnvyardError, InstallFailed, RequirementsConflict
from envyard.installers.base import Work
from envyard.process import Completed
from envyard.reasons import without_tracebacks


class Cause(Enum):
    """Why an installer failed, the most certain causes first."""

    NO_SPACE = auto()
    READ_ONLY = auto()
    WRONG_HASH = auto()
    NO_ACCESS = auto()
    UNREACHABLE = auto()
    UNREADABLE = auto()
    NOT_TOML = auto()
    BUILD = auto()
    OFFLINE = auto()
    NOT_FOUND = auto()
    CONFLICT = auto()


STORAGE = {
    Cause.NO_SPACE: re.compile(r"No space left on device|\bos error 28\b|Errno 28"),
    Cause.READ_ONLY: re.compile(r"Read-only file system|\bos error 30\b|Errno 30"),
}


def explain(installer: str, work: Work, completed: Completed, words: Mapping[Cause, re.Pattern[str]]) -> EnvyardError:
    """The error for a child that failed; `words` tells by what the causes are known in its output."""
    text = completed.stderr
    lines = _evidence(text)
    known = {**STORAGE, **words}
    for cause in Cause:
        if cause in known and known[cause].search(text):
            return _ERRORS[cause](work, lines)
    return InstallFailed(
        f"installing `{work.key}` failed ({installer} exit code {completed.returncode})",
        details=lines[-12:],
        hint=_log(work) or f"run `{installer}` by hand to see more",
    )


def _evidence(text: str) -> list[str]:
    """What an installer said from its first error on; before that it tells its progress."""
    lines = [line.strip() for line in without_tracebacks(text.splitlines()) if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.lower().startswith("error:")]
    return lines[errors[0] :] if errors else lines


def _no_space(work: Work, lines: list[str]) -> EnvyardError:
    return InstallFailed(
        f"no space left on the device while installing `{work.key}`",
        details=lines[-4:],
        hint="free some space (`invoke envs.prune` lists what can go), then run the same command again",
    )


def _read_only(work: Work, lines: list[str]) -> EnvyardError:
    return InstallFailed(
        f"a file system is read-only, so `{work.key}` cannot be installed",
        details=lines[-4:],
        hint="make the folder named above writable; the variable UV_CACHE_DIR says where uv keeps its cache",
    )


def _wrong_hash(work: Work, lines: list[str]) -> EnvyardError:
    return InstallFailed(
        f"a file for `{work.key}` does not have the hash that is demanded",
        details=lines[-8:],
        hint="the index serves another file than was locked: find out why before you lock it with `--upgrade`",
    )


def _no_access(work: Work, lines: list[str]) -> EnvyardError:
    return InstallFailed(
        f"the package index refuses access for `{work.key}`",
        details=lines[:8],
        hint="check the user name, password or token in the index settings",
    )


def _unreachable(work: Work, lines: list[str]) -> EnvyardError:
    return InstallFailed(
        f"the package index could not be reached for `{work.key}`, or broke off",
        details=lines[:8],
        hint="check the network and the index settings, then run the same command again",
    )


def _unreadable(work: Work, lines: list[str]) -> EnvyardError:
    more = f"`invoke envs.lock {work.key}` writes a lockfile anew"
    if any(line.endswith("\\") for line in lines):
        more = "uv wants a requirement on one line, and joins lines only before options such as `--hash`"
    return InstallFailed(
        f"a requirement file or lockfile of `{work.key}` is not understood",
        details=lines[:8],
        hint=f"correct what is named above; {more}",
    )


def _not_toml(work: Work, lines: list[str]) -> EnvyardError:
    return InstallFailed(
        f"a file that the installation of `{work.key}` reads is no TOML, or not as it has to be",
        details=lines[:8],
        hint=f"correct it; {_log(work)}".removesuffix("; "),
    )


def _build(work: Work, lines: list[str]) -> EnvyardError:
    found = re.search(
        r"(?:[Ff]ailed to build|Failed building \w+ for) [`']?(?!file:)([A-Za-z0-9][\w.-]*)", "\n".join(lines)
    )
    what = f"`{found[1]}`" if found else "a package from its source"
    whom = "" if found and found[1] == work.key else f" for `{work.key}`"
    return InstallFailed(
        f"building {what}{whom} failed",
        details=lines[-12:],
        hint=f"its build must work by itself first; {_log(work)}".removesuffix("; "),
    )


def _offline(work: Work, lines: list[str]) -> EnvyardError:
    return InstallFailed(
        f"`{work.key}` needs packages that are not in the cache, and the network is switched off",
        details=lines[:8],
        hint="unset the variable UV_OFFLINE, or `offline` in the configuration of uv",
    )


def _not_found(work: Work, lines: list[str]) -> EnvyardError:
    return RequirementsConflict(
        f"the index has nothing that satisfies a requirement of `{work.key}`",
        details=lines[-12:],
        hint="check the name and version named above, and the index settings",
    )


def _conflict(work: Work, lines: list[str]) -> EnvyardError:
    return RequirementsConflict(
        f"the requirements of `{work.key}` cannot be installed together",
        details=lines[-12:],
        hint="change one of the requirements named above",
    )


def _log(work: Work) -> str:
    return f"the whole output is in {work.log}" if work.log else ""


_ERRORS: Mapping[Cause, Callable[[Work, list[str]], EnvyardError]] = {
    Cause.NO_SPACE: _no_space,
    Cause.READ_ONLY: _read_only,
    Cause.WRONG_HASH: _wrong_hash,
    Cause.NO_ACCESS: _no_access,
    Cause.UNREACHABLE: _unreachable,
    Cause.UNREADABLE: _unreadable,
    Cause.NOT_TOML: _not_toml,
    Cause.BUILD: _build,
    Cause.OFFLINE: _offline,
    Cause.NOT_FOUND: _not_found,
    Cause.CONFLICT: _conflict,
}
