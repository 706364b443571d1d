"""Where the tool environment is and whether it is complete: what every start of a script asks, in milliseconds.

    .envs/tools-g/<8 hex>/             a generation: made in place, verified, never moved
    .envs/tools-g/<8 hex>/tools.json   its commit file, written last: without it the generation does not exist
    .envs/tools.json                   the pointer: which generation is the current one
    .envs/tools                        a link to that generation, for people: `. .envs/tools/bin/activate`

The folder must also be recognised after a move, an update of Python and a hand that removed something.
"""

import contextlib
import hashlib
import json
import os
import re
import sys
from typing import NamedTuple

FORMAT = 1  # part of the fingerprint: raise it when the scripts make something else from the same lockfile
WINDOWS = sys.platform == "win32"
ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
LOCKFILE = os.path.join(ROOT, "requirements", "tools.txt")
SOURCES = os.path.join(ROOT, "src")
STORE = os.path.join(ROOT, ".envs")
GENERATIONS = os.path.join(STORE, "tools-g")
POINTER = os.path.join(STORE, "tools.json")
LINK = os.path.join(STORE, "tools")
COMMIT_NAME = "tools.json"
VERSION = ".".join(map(str, sys.version_info[:3]))

# Variables that a child must not see, each with its reason. All other pip settings (indexes, proxies) stay.
SCRUBBED = {
    "PYTHONHOME": "names the standard library of another interpreter: the child would not start",
    "__PYVENV_LAUNCHER__": "macOS: makes the child take itself for the virtual environment of its parent",
    "VIRTUAL_ENV": "names an environment that has nothing to do with this one",
    "PIP_REQUIRE_VIRTUALENV": "meant for the user's own pip; this one always runs inside its environment",
    "PIP_PYTHON": "pip would install into another interpreter",
    "PIP_TARGET": "pip would install into another folder",
    "PIP_PREFIX": "pip would install below another prefix",
    "PIP_ROOT": "pip would install below another root",
    "PIP_USER": "an environment has no user site: pip would stop",
    "PIP_DRY_RUN": "pip would install nothing and report success",
    "PIP_REQUIREMENT": "pip would install more than the lockfile",
    "PIP_CONSTRAINT": "the lockfile is complete: a constraint can only contradict it",
}


class BootstrapError(Exception):
    """An expected failure: what went wrong, its evidence and the next thing to do."""

    def __init__(self, message: str, hint: str, details: tuple[str, ...] = ()) -> None:
        evidence = [f"  {line}" for line in details]
        super().__init__("\n".join([f"error: {message}", *evidence, "", f"hint: {hint}"]))


class Commit(NamedTuple):
    """The commit file: what a complete tool environment is, and what it was made from."""

    fingerprint: str
    version: str  # of its Python
    base: str  # the interpreter it was made from
    location: str  # its own absolute folder
    site_packages: str
    distributions: list[str]


def find_tools() -> tuple[str, str]:
    """The folder of the current generation ("" if there is none) and why it cannot be used ("" if it can)."""
    folder = ""
    try:
        with open(POINTER, encoding="utf-8") as file:
            name = json.load(file)["generation"]
        if not is_generation(name):
            return "", "its pointer is damaged"
        folder = os.path.join(GENERATIONS, name)
        with open(os.path.join(folder, COMMIT_NAME), encoding="utf-8") as file:
            return folder, reason_to_rebuild(folder, Commit(**json.load(file)))
    except FileNotFoundError:
        return folder, "the current one is incomplete" if folder else "there is none yet"
    except (ValueError, KeyError, TypeError, RecursionError):
        return folder, "its records are damaged"


def reason_to_rebuild(folder: str, commit: Commit) -> str:
    base = base_interpreter()
    if not (os.path.exists(commit.location) and os.path.samefile(commit.location, folder)):
        return f"the workspace was moved or copied; the present one belongs to `{commit.location}`"
    if commit.fingerprint != fingerprint(read_lockfile(), commit.version, commit.location):
        return "`requirements/tools.txt` changed"
    if not os.path.exists(commit.base):
        return f"its base interpreter `{commit.base}` is gone"
    if commit.base == base and commit.version != VERSION:
        return f"its base interpreter `{base}` was updated from {commit.version} to {VERSION}"
    if commit.base != base and os.environ.get("ENVYARD_PYTHON"):
        # Only on this explicit wish: otherwise two people with different PATHs would rebuild it in turns.
        return f"ENVYARD_PYTHON asks for `{base}`"
    missing = set(commit.distributions).difference(os.listdir(commit.site_packages))
    if missing or not os.access(python_of(folder), os.X_OK):
        return f"somebody removed {', '.join(sorted(missing)) or 'its python'}"
    return ""


def fingerprint(lock: bytes, version: str, location: str) -> str:
    facts = [FORMAT, hashlib.sha256(lock).hexdigest(), version, location, has_library()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def read_lockfile() -> bytes:
    try:
        with open(LOCKFILE, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise BootstrapError(f"`{LOCKFILE}` is missing", "restore it from version control") from None


def has_library() -> bool:
    """Whether the workspace holds envyard itself; elsewhere `requirements/tools.txt` lists it."""
    return os.path.isdir(os.path.join(SOURCES, "envyard"))


def base_interpreter() -> str:
    """The real interpreter behind links and virtual environments: its removal or update must be noticed."""
    base: str = sys._base_executable  # type: ignore[attr-defined] # what `venv` itself uses, undocumented
    return base if WINDOWS else os.path.realpath(base)  # Windows Store: a real path there does not start


def python_of(folder: str) -> str:
    return os.path.join(folder, "Scripts", "python.exe") if WINDOWS else os.path.join(folder, "bin", "python")


def is_generation(name: str) -> bool:
    return re.fullmatch("[0-9a-f]{8}", name) is not None


def link(folder: str) -> None:
    """Point `.envs/tools` at the generation, for people. Where links cannot be made, there is none."""
    with contextlib.suppress(OSError):
        if os.path.basename(os.readlink(LINK)) == os.path.basename(folder):
            return
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            import _winapi

            with contextlib.suppress(FileNotFoundError):
                os.rmdir(LINK)  # removes a junction, and refuses a folder that holds anything
            try:
                _winapi.CreateJunction(folder, LINK)
            except OSError:
                os.rmdir(LINK)  # where junctions cannot be made, an empty folder is left of the attempt
        else:
            temporary = f"{LINK}.tmp"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            os.symlink(os.path.join("tools-g", os.path.basename(folder)), temporary)
            try:
                os.replace(temporary, LINK)
            except OSError:
                os.unlink(temporary)  # a real folder stands there, and it is not ours


def clean_environment(*, pip: bool) -> dict[str, str]:
    """The environment of a child: `pip` for pip itself; the tools see all pip settings and decide themselves."""
    scrubbed = [name for name in SCRUBBED if pip or not name.startswith("PIP_")]
    return {name: value for name, value in os.environ.items() if name not in scrubbed}


def say(text: str) -> None:
    print(f"[tools] {text}", file=sys.stderr, flush=True)
