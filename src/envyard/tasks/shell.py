"""Shells without direnv: `shell.hook`."""

from __future__ import annotations

from collections.abc import Sequence

from invoke.context import Context

from envyard.errors import UsageError
from envyard.report import write
from envyard.tasks.task import command


@command(metavar="bash|zsh|fish|pwsh", names="The shell that will evaluate it.")
def hook(_context: Context, names: Sequence[str] = ()) -> int:
    """Print what a shell needs to activate environments on `cd`.

    Put one line into its start-up file, for bash:
    eval "$(envyard shell.hook bash)". It knows the projects that you have set up,
    activates one when you enter its folder, and restores all when you leave it.
    """
    from envyard.integrations.shells import SHELLS, hook_text

    if len(names) != 1:
        known = f"{', '.join(SHELLS[:-1])} or {SHELLS[-1]}"
        raise UsageError("`shell.hook` needs the name of one shell", hint=f"say {known}")
    write(hook_text(names[0]))
    return 0


COMMANDS = (hook,)
