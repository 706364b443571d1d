"""Every project is tested in its own environment, which is made when it is not there.

nox                               all projects, one after the other (`-j 3`: three at a time)
nox -s classification -- -k bert  one project; what follows `--` goes to its tests
nox -t ai                         the projects with a tag; `-t projects` are all
nox -R -s model                   take the environment as it is
nox -s lint types tests           envyard itself
"""

import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))

try:
    from envyard.sessions import register_sessions
except ImportError as error:
    sys.exit(
        f"error: this nox, of Python {sys.version.split()[0]}, cannot use envyard: {error}\n\n"
        "hint: run nox as `./scripts/run_tests.sh`, which needs nothing but Python 3.11,\n"
        "      or type `. .envs/tools/bin/activate` after `./scripts/setup_all_envs.sh`"
    )

nox.options.default_venv_backend = "uv|virtualenv"
register_sessions(ROOT)


@nox.session(default=False, reuse_venv=True, allow_parallel=True)
def tests(session: nox.Session) -> None:
    """envyard: its unit and integration tests, on all cores (pytest's arguments after `--`)"""
    install_tools(session)
    marks = "windows or portable" if sys.platform == "win32" else "not workspace and not windows"
    session.run("python", "-m", "pytest", "-m", marks, *(session.posargs or ["-n", "auto", "--dist", "loadfile"]))


@nox.session(default=False, reuse_venv=True, allow_parallel=True)
def lint(session: nox.Session) -> None:
    """envyard: style, format, the generated reference (`-- --fix` corrects what it can)"""
    install_tools(session)
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []))
    session.run("ruff", "format", *([] if fix else ["--check"]))
    session.run("python", "docs/reference.py", *([] if fix else ["--check"]))


@nox.session(default=False, reuse_venv=True, allow_parallel=True)
def types(session: nox.Session) -> None:
    """envyard: static types, of the library also as other systems see it"""
    install_tools(session)
    session.run("mypy")
    for there in ("--platform=linux", "--platform=darwin", "--platform=win32"):
        session.run("mypy", "--no-incremental", there, "src", "scripts/bootstrap.py", env={"MYPYPATH": "scripts"})


def install_tools(session: nox.Session) -> None:
    session.install("--require-hashes", "-r", "requirements/dev.txt")
