"""Shells without direnv: the hook that a shell evaluates once, and the index of projects that it reads.

The hook activates only what the index lists, and the index lists what this person has set up: a folder that somebody
else made, with a program called `python` in its `venv`, does nothing. No Python runs at a prompt.

The index is text, one `word value` a line, in values `\\`, line feed, carriage return and tab as `\\\\`, `\\n`, `\\r`,
`\\t`. Its first line changes with its content:

    envyard 1 <digest>
    project /repo/projects/Client/Backend     the absolute path; begins a project
    root /repo
    key client-backend
    name Client/Backend
    set TOKENIZERS_PARALLELISM=false          any number of them
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from envyard.errors import EnvyardError, UsageError
from envyard.files import replacing
from envyard.process import WINDOWS, environment_variable
from envyard.project import Project, Workspace
from envyard.workspace import WORKSPACE_FILE

SHELLS = ("bash", "zsh", "fish", "pwsh")


def hook_text(shell: str) -> str:
    """The hook of a shell, to be evaluated when it starts. Raises `UsageError` for a shell that has none."""
    if shell not in SHELLS:
        raise UsageError(
            f"there is no hook for the shell `{shell}`",
            hint=f"the shells are {', '.join(SHELLS[:-1])} and {SHELLS[-1]}",
        )
    if shell == "pwsh":
        return _source("hook.ps1")
    index = str(index_file())
    if shell == "fish":
        escaped = index.replace("\\", "\\\\").replace("'", "\\'")
        return f"set -g _envyard_index '{escaped}'\n{_source('hook.fish')}"
    return f"_envyard_index={quoted(index)}\n{_source('hook.sh')}{_source(f'register.{shell}')}"


def index_file() -> Path:
    """The index of this person: in the folder for such things of the system."""
    home = os.path.expanduser("~")
    if WINDOWS:
        folder = environment_variable("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    else:
        folder = environment_variable("XDG_STATE_HOME") or os.path.join(home, ".local", "state")
    return Path(folder, "envyard", "projects")


def remember(workspace: Workspace) -> bool:
    """Put the projects of a workspace into the index, in place of what it said about them; true when that worked.

    Workspaces that are gone are forgotten. A home that cannot be written is no reason to fail: the hook is a
    convenience.
    """
    file = index_file()
    try:
        before = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        before = ""
    kept = [block for root, block in _blocks(before) if root != str(workspace.root) and _is_workspace(root)]
    rest = "".join([*kept, *(_block(workspace, project) for project in workspace.projects)])
    text = f"envyard 1 {hashlib.sha256(rest.encode('utf-8', 'replace')).hexdigest()[:16]}\n{rest}"
    if text != before:
        try:
            with replacing(file) as temporary:
                temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
        except (EnvyardError, OSError, UnicodeEncodeError):
            return False
    return True


# --- values in shells

_SPECIAL = re.compile(
    # shells, direnv and this module by their own prefix
    r"(?:_envyard|BASH|COMP|DIRENV|ENVYARD|PROMPT|READLINE|TRY|ZLE|ZSH|_?_?fish)_.*"
    r"|BASH(?:OPTS|PID)?|EPOCH(?:REALTIME|SECONDS)|MAIL(?:CHECK|PATH|WARNING)?|direnv|R?PROMPT\d?|R?PS\d|SPROMPT|_.?"
    r"|HIST(?:CHARS|CMD|CONTROL|FILE|FILESIZE|IGNORE|ORY_IGNORE|SIZE|TIMEFORMAT)"
    # bash and zsh: run as code, arithmetic, read-only, or what the shell itself works with
    r"|ARGC|BAUD|CDPATH|COLUMNS|CPUTYPE|DIRSTACK(?:SIZE)?|E?[GU]ID|ENV|ERRNO|FCEDIT|FIGNORE|FPATH|FUNCNAME|FUNCNEST|GLOBIGNORE"
    r"|GROUPS|HOSTTYPE|IFS|INPUTRC|KEYTIMEOUT|LINENO|LINES|LISTMAX|LOGCHECK|MACHTYPE|MAPFILE|MODULE_PATH|NULLCMD|OLDPWD"
    r"|OPT(?:ARG|ERR|IND)|OSTYPE|PATH|PIPESTATUS|POSIXLY_CORRECT|POSTEDIT|PPID|PSVAR|PWD|RANDOM|READNULLCMD|REPLY|SAVEHIST"
    r"|SECONDS|SHELL|SHELLOPTS|SHLVL|SRANDOM|TIMEFMT|TMOUT|TMPPREFIX|TTYIDLE|USERNAME|VENDOR|WATCH(?:FMT)?|WORDCHARS|ZDOTDIR"
    # zsh and fish
    r"|aliases|argv|builtins|cdpath|commands|dirstack|errnos|fignore|fpath|func(?:file|source)?(?:stack|trace)|functions"
    r"|galiases|histchars|history|historywords|hostname|job(?:dirs|states|texts)|keymaps|mailpath|manpath|mapfile"
    r"|module_path|modules|nameddirs|options|parameters|patchars|path|pid|pipestatus|prompt|psvar|reswords|saliases"
    r"|signals|status|sysparams|termcap|terminfo|umask|user(?:dirs|groups)|version|watch|widgets|zsh_eval_context"
)


def for_shells(variables: Mapping[str, str]) -> dict[str, str]:
    """`variables` without those that mean something to a shell or direnv itself.

    Some run their value as code (`PROMPT_COMMAND`, `PS1`, `BASH_ENV`, and `RANDOM`, whose value is arithmetic), others
    cannot be set (`UID`), and `PATH` would hide the environment.
    """
    return {name: value for name, value in variables.items() if _SPECIAL.fullmatch(name) is None}


def quoted(text: str) -> str:
    """A word of bash and zsh that means exactly `text`."""
    return "'" + text.replace("'", "'\\''") + "'"


# --- the index


def _block(workspace: Workspace, project: Project) -> str:
    lines = [
        f"project {_escaped(str(project.path))}",
        f"root {_escaped(str(workspace.root))}",
        f"key {project.key}",
        f"name {_escaped(project.title)}",
        *(f"set {name}={_escaped(value)}" for name, value in for_shells(project.environment).items()),
    ]
    return "\n".join(lines) + "\n"


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """The root and the text of each project in an index."""
    for block in re.split(r"^(?=project )", text, flags=re.MULTILINE)[1:]:
        root = re.search(r"^root (.*)$", block, re.MULTILINE)
        if root is not None:
            yield _unescaped(root[1]), block


def _is_workspace(root: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return os.path.isfile(os.path.join(root, WORKSPACE_FILE))
    return False


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = {escape: character for character, escape in _ESCAPES.items()}


def _escaped(text: str) -> str:
    return re.sub(r"[\\\n\r\t]", lambda found: _ESCAPES[found[0]], text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\[\\nrt]", lambda found: _ESCAPED[found[0]], text)


def _source(name: str) -> str:
    return (Path(__file__).parent / "hooks" / name).read_text("utf-8")
