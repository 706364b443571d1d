"""The `noxfile.py`, `tasks.py` and `.gitignore` of a workspace, and how written files are told from people's own.

The last line of a file that envyard wrote holds the digest of the rest: who changed it, owns it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import Path

NOXFILE = '''\
"""Every project is tested in its own environment, which is made when it is not there.

nox                        all projects, one after the other (`-j 3`: three at a time)
nox -s NAME -- -k words    one project; what follows `--` goes to its tests
nox -t TAG                 the projects with a tag; `-t projects` are all
nox -R -s NAME             take the environment as it is
"""

import sys
from pathlib import Path

try:
    from envyard.sessions import register_sessions
except ImportError as error:
    sys.exit(
        f"error: this nox, of Python {sys.version.split()[0]}, cannot use envyard: {error}\\n\\n"
        "hint: run nox as `./@scripts@/run_tests.sh`, which needs nothing but Python 3.11,\\n"
        "      or type `. .envs/tools/bin/activate` after `./@scripts@/setup_all_envs.sh`"
    )

register_sessions(Path(__file__).resolve().parent)
'''

TASKS = '''\
"""The environments of this workspace: `invoke --list` shows the tasks, `invoke --help envs.setup` explains one."""

import sys

from invoke.exceptions import Exit

try:
    from envyard.tasks import namespace as ns
except ImportError as error:
    raise Exit(
        f"error: this invoke, of Python {sys.version.split()[0]}, cannot use envyard: {error}\\n\\n"
        "hint: run `./@scripts@/setup_all_envs.sh`, then `. .envs/tools/bin/activate`",
        code=2,
    ) from None

__all__ = ["ns"]
'''

NOXFILE_LINES = """\
from pathlib import Path
from envyard.sessions import register_sessions
register_sessions(Path(__file__).resolve().parent)"""
"""What to add to a noxfile.py that people wrote."""

TASKS_LINES = """\
from envyard.tasks import namespace as envyard
for collection in envyard.collections.values():
    ns.add_collection(collection)"""
"""What to add to a tasks.py with a namespace of its own."""

TASKS_WITHOUT_NAMESPACE_LINES = f"""\
import sys
from invoke import Collection
ns = Collection.from_module(sys.modules[__name__])
{TASKS_LINES}"""
"""What to add to a tasks.py that only defines tasks, at its end."""

_IGNORED = (
    ("venv", ("venv", "**/venv")),
    (".envs", (".envs", ".envs/", "/.envs", "/.envs/")),
    (".nox", (".nox", ".nox/")),
)
_COMMENT = "# envyard: `venv` is a link, so no trailing slash"
_MARK = re.compile(rb"(?:#|rem) `envyard init` wrote this file: sha256 ([0-9a-f]{64})\s*\Z")


def marked(name: str, data: bytes) -> bytes:
    """`data` with a last line that lets `wrote` recognise it."""
    sign = b"rem" if name.endswith(".bat") else b"#"
    end = b"\r\n" if b"\r\n" in data else b"\n"
    data = data if data.endswith(b"\n") else data + end
    return data + sign + b" `envyard init` wrote this file: sha256 " + _digest(data).encode() + end


def wrote(data: bytes) -> bool | None:
    """True for a file that `envyard init` wrote, False when it was changed since, None for one it never wrote."""
    found = _MARK.search(data)
    return None if found is None else found[1].decode() == _digest(data[: found.start()])


def scripts_folder(root: Path) -> str:
    """The name of the folder with envyard's scripts in a workspace, as `init --scripts` chose it; "" without one."""
    found = sorted(root.glob("*/bootstrap.py"), key=lambda path: (path.parent.name != "scripts", path))
    for path in found:
        with contextlib.suppress(OSError):
            if path.parent.name == "scripts" or wrote(path.read_bytes()) is not None:
                return path.parent.name
    return ""


def with_ignored(text: str, scripts: str = "scripts") -> str:
    """A `.gitignore` with the lines that envyard needs; what it says already stays.

    Where wheels are ignored, that of envyard in the folder `scripts` is not.
    """
    there = {line.strip() for line in text.splitlines()}
    missing = [line for line, others in _IGNORED if there.isdisjoint(others)]
    carried = f"!/{scripts}/envyard-*.whl"
    if "*.whl" in there and carried not in there:
        missing.append(carried)
    if not missing:
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    before = text if not text or text.endswith("\n") else text + end
    gap = end if before else ""
    return before + gap + end.join([_COMMENT, *missing]) + end


def _digest(data: bytes) -> str:
    return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()
