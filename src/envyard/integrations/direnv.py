"""direnv: the `.envrc` of a project, whose it is, and what the installed direnv says about it.

The file is static: values of `workspace.toml` are written into it as quoted words, and its first line holds the digest
of all that follows. So a file that somebody edited is told from one that is only older than the workspace.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from envyard.errors import CommandFailed
from envyard.integrations.shells import for_shells, quoted
from envyard.process import environment_variable, run
from envyard.project import Project, Workspace

ENVRC = ".envrc"


class State(StrEnum):
    """Whose a project's `.envrc` is, and whether it is what this workspace asks for."""

    CURRENT = "current"
    ADDED = "added by hand"  # somebody's own file, which holds our lines
    STALE = "stale"  # ours and unedited, but the workspace or envyard changed
    EDITED = "edited"  # was ours
    FOREIGN = "foreign"
    MISSING = "missing"


class Permission(StrEnum):
    """What direnv does with a project's `.envrc`."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"  # not allowed yet, or changed since
    DENIED = "denied"  # by the person: `direnv deny`
    NONE = ""  # there is nothing to allow, or no direnv


@dataclass(frozen=True, slots=True, kw_only=True)
class Direnv:
    """The installed direnv."""

    program: str
    version: str


def direnv_installed() -> bool:
    """Whether there is a direnv on PATH, without starting it."""
    return shutil.which("direnv") is not None


def find_direnv() -> Direnv | None:
    """The direnv on PATH, if it starts."""
    program = shutil.which("direnv")
    if program is None:
        return None
    try:
        done = run([program, "version"], timeout=20)
    except CommandFailed:
        return None
    return Direnv(program=program, version=done.stdout.strip()) if done.returncode == 0 else None


# --- the file


def envrc_text(workspace: Workspace, project: Project) -> str:
    """The whole `.envrc` of a project."""
    rest = "\n".join([*_INTRODUCTION, "", *envrc_lines(workspace, project), "", *_EXTRAS, ""])
    return f"{_HEAD} `{project.key}`, sha256 {_digest(rest)}\n{rest}"


def envrc_lines(workspace: Workspace, project: Project) -> tuple[str, ...]:
    """The lines that variables and environment of a project need in any `.envrc`."""
    variables = {"PROJECT_NAME": project.title, **for_shells(project.environment)}
    lines = [f"export {name}={quoted(value)}" for name, value in variables.items()]
    lines.append("watch_file venv/pyvenv.cfg")
    word = "if"
    for python, scripts in (("venv/bin/python", "venv/bin"), ("venv/Scripts/python.exe", "venv/Scripts")):
        lines += [
            f"{word} [[ -x {python} ]]; then",
            f'    export VIRTUAL_ENV="$PWD/venv" VIRTUAL_ENV_PROMPT={quoted(project.key)}',
            "    unset PYTHONHOME",
            f"    PATH_add {scripts}",
        ]
        word = "elif"
    lines += ["else", f"    log_status 'no environment here yet, type: {setup_command(workspace, project)}'", "fi"]
    return tuple(lines)


def setup_command(workspace: Workspace, project: Project) -> str:
    """What a person types in the workspace to get the environment of a project."""
    program = "invoke" if (workspace.root / "tasks.py").is_file() else "envyard"
    return f"{program} envs.setup {project.key}"


def read_state(workspace: Workspace, project: Project) -> State:
    """Look at the `.envrc` of a project. What is no readable file of its own counts as foreign."""
    file = project.path / ENVRC
    if not os.path.lexists(file):
        return State.MISSING
    if file.is_symlink() or not file.is_file():
        return State.FOREIGN
    try:
        raw = file.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return State.FOREIGN
    if raw == envrc_text(workspace, project):
        return State.CURRENT
    text = raw.replace("\r\n", "\n")
    head, _, rest = text.partition("\n")
    if re.fullmatch(rf"{re.escape(_HEAD)} `[a-z0-9-]+`, sha256 [0-9a-f]{{64}}", head):
        return State.STALE if head.endswith(_digest(rest)) else State.EDITED
    return State.ADDED if "\n".join(envrc_lines(workspace, project)) in text else State.FOREIGN


_HEAD = "# Made by envyard for the project"
_INTRODUCTION = (
    "# Your own lines belong in .envrc.local beside this file, which is read at the end and stays yours.",
    "# `envyard direnv.setup` writes this file anew when workspace.toml changes, unless somebody edited it.",
)
# Instead of `dotenv_if_exists` and `source_env_if_exists`, which an old direnv lacks.
_EXTRAS = (
    "watch_file .env",
    "if [[ -f .env ]]; then dotenv .env; fi",
    "watch_file .envrc.local",
    "if [[ -f .envrc.local ]]; then source_env .envrc.local; fi",
)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- what direnv thinks of it


def allow(direnv: Direnv, file: Path, text: str) -> None:
    """Allow `file` as long as it holds exactly `text`. Raises `CommandFailed`.

    direnv allows a path with its content, which somebody could change right before direnv reads it: then it is
    denied again.
    """
    if _content(file) != text:
        raise CommandFailed(f"`{file}` changed meanwhile, so it was not allowed", hint="look at it, then try again")
    _run(direnv, "allow", file)
    if _content(file) != text:
        _run(direnv, "deny", file)
        raise CommandFailed(f"`{file}` changed meanwhile, so it was not allowed", hint="look at it, then try again")


def permission(direnv: Direnv, file: Path) -> Permission:
    """Whether direnv loads `file`; `NONE` when it does not even find it."""
    done = run([direnv.program, "status"], cwd=file.parent, timeout=20)
    found = dict(re.findall(r"^Found RC (path|allowed) (.*)$", done.stdout, re.MULTILINE))
    path = found.get("path", "")
    if not path or not os.path.lexists(path) or not os.path.lexists(file) or not os.path.samefile(path, file):
        return Permission.NONE
    return _PERMISSIONS.get(found.get("allowed", ""), Permission.BLOCKED)


# direnv up to 2.32 says true or false, later ones give a number
_PERMISSIONS = {"true": Permission.ALLOWED, "0": Permission.ALLOWED, "2": Permission.DENIED}


def _content(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return ""


def _run(direnv: Direnv, word: str, file: Path) -> None:
    done = run([direnv.program, word, file], cwd=file.parent, timeout=20)
    if done.returncode != 0:
        raise CommandFailed(
            f"`direnv {word}` of `{file}` ended with {done.returncode}",
            details=done.stderr.splitlines()[-5:],
            hint=f"run `direnv {word}` in that folder by hand",
        )


# --- its hook


def find_hook(word: str) -> str:
    """Where the person's shell is told to call a hook: a start-up file that says `word`, `this shell`, or "".

    A guess from the text of the usual files: only the shell itself knows.
    """
    if word == "direnv" and environment_variable("DIRENV_DIFF"):
        return "this shell"
    for file in _startup_files():
        try:
            lines = file.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        if any(re.search(rf"\b{re.escape(word)}\b", line) for line in lines if not line.lstrip().startswith("#")):
            return str(file)
    return ""


def _startup_files() -> list[Path]:
    home = Path(os.path.expanduser("~"))
    shell = os.path.basename(environment_variable("SHELL"))
    zsh = Path(environment_variable("ZDOTDIR") or home)
    fish = Path(environment_variable("XDG_CONFIG_HOME") or home / ".config") / "fish"
    if shell == "zsh":
        return [zsh / ".zshrc", zsh / ".zshenv", zsh / ".zprofile"]
    if shell == "fish":
        return [fish / "config.fish", *sorted(fish.glob("conf.d/*.fish"))]
    return [home / ".bashrc", home / ".bash_profile", home / ".profile"]
