"""Environments for models: `envs.resolve`, `envs.migrate`. The engine is imported by the task that runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from invoke.context import Context

from envyard.errors import UsageError
from envyard.process import Cancellation
from envyard.report import complain, render_error, tell, write
from envyard.report.text import Style, width_of
from envyard.tasks.task import command, is_dry, workspace_here


@command(
    model="The folder or file of a model, or its hub id `organisation/name`.",
    profile="The env key of a profile: with `--model` in place of the one that fits.",
    hardware="What to choose a profile for: `cpu`, `cuda:8.6`; default: what this machine has.",
    no_build="Build nothing; wait for a build that is under way.",
    no_wait="Do not wait for a build that is under way.",
    retry="Try again what failed before, also when nothing changed since.",
    update="Also build anew what works but is not what its profile asks for now.",
)
def resolve(
    _context: Context,
    model: str = "",
    profile: str = "",
    hardware: str = "",
    environments: str = "",
    no_build: bool = False,
    no_wait: bool = False,
    retry: bool = False,
    update: bool = False,
    json: bool = False,
) -> int:
    """Say which Python runs a model, and make its environment if need be.

    In this order: the shared environment of the profile that fits, the model's
    old environment if it works, a new shared one, the previous shared one, the
    old one even if unhealthy. Example: `envs.resolve --model models/llama`.
    """
    from envyard.commands.resolve import resolve as find
    from envyard.report.progress import progress

    workspace = workspace_here(environments)
    with progress(workspace, quiet=json) as listener:
        spec = find(
            workspace,
            model=model,
            profile=profile,
            hardware=hardware,
            build=not no_build,
            wait=not no_wait,
            retry=retry,
            update=update,
            listener=listener,
            cancellation=Cancellation(),
        )
    if json:
        from envyard.report.data import as_json
        from envyard.report.models import spec_data

        write(as_json(spec_data(spec)))
    else:
        from envyard.report.models import spec_text

        tell(spec_text(spec, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


@command(
    iterable=("model",),
    model="The model whose old environment goes; may be given several times.",
    all="Every old environment.",
    keep="Leave the old environment where it is, once the model runs in the shared one.",
    undo="Bring back what was migrated since the last `envs.prune`.",
)
def migrate(
    context: Context,
    model: Sequence[str] = (),
    all: bool = False,  # noqa: A002 - the name of the option
    keep: bool = False,
    undo: bool = False,
    environments: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Move models from their old environments to the shared ones.

    The shared one is made, and what the model needs is tried in it, before the
    old one goes. It can come back (`--undo`) until the next `envs.prune`.
    """
    from envyard.commands.migrate import migrate as move
    from envyard.commands.migrate import undo as take_back
    from envyard.report.progress import progress

    workspace = workspace_here(environments)
    if undo:
        if keep or dry_run:
            raise UsageError("`--undo` goes with `--model` and `--json` only", hint="leave the other options out")
        result = take_back(workspace, model)
    else:
        with progress(workspace, quiet=json) as listener:
            result = move(
                workspace,
                model,
                every=all,
                dry_run=is_dry(context, dry_run),
                keep=keep,
                listener=listener,
                cancellation=Cancellation(),
            )
    if json:
        from envyard.report.data import as_json
        from envyard.report.models import migration_data

        write(as_json(migration_data(result)))
    else:
        from envyard.report.models import migration_table

        style, width = Style.of(sys.stdout), width_of(sys.stdout)
        tell(migration_table(result, workspace.root, style, width))
        for one in result.migrations:
            if one.error is not None:
                complain(f"\n{render_error(one.error)}")
    return result.exit_code


COMMANDS = (resolve, migrate)
