"""Could projects share environments: `envs.explain`, `envs.plan`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from invoke.context import Context

from envyard.errors import UsageError
from envyard.process import Cancellation
from envyard.report import tell, write
from envyard.report.text import Style, width_of
from envyard.tasks.task import command, workspace_here


@command(metavar="A B", names="Two projects or profiles, each by its key, title or path.")
def explain(_context: Context, names: Sequence[str] = (), json: bool = False) -> int:
    """Say whether A and B can share one environment, and if not why.

    The resolver is asked about all that both require. If they exclude each other,
    the smallest sets of lines that do are shown, with file and line.
    """
    from envyard.commands.explain import explain as ask
    from envyard.report.progress import progress

    workspace = workspace_here()
    if len(names) != 2:
        told = f"not {len(names)}: {', '.join(names)}" if names else "and none is named"
        example = " ".join([project.key for project in workspace.projects[:2]])
        hint = f"write for example `invoke envs.explain {example}`"
        raise UsageError(f"`envs.explain` takes two projects or profiles, {told}", hint=hint)
    with progress(workspace, quiet=json) as listener:
        found = ask(workspace, names[0], names[1], listener=listener, cancellation=Cancellation())
    if json:
        from envyard.report.data import as_json
        from envyard.report.sharing import explain_data

        write(as_json(explain_data(found)))
    else:
        from envyard.report.sharing import explain_text

        tell(explain_text(found, workspace.root, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


@command()
def plan(_context: Context, json: bool = False) -> int:
    """Say how few environments could hold all projects.

    Every group is proven by the resolver, as a whole. Also what merging would
    save on disk, which is often little: environments share files. Nothing is
    changed.
    """
    from envyard.commands.plan import plan as make_plan
    from envyard.report.progress import progress

    workspace = workspace_here()
    with progress(workspace, quiet=json) as listener:
        found = make_plan(workspace, listener=listener, cancellation=Cancellation())
    if json:
        from envyard.report.data import as_json
        from envyard.report.plan import plan_data

        write(as_json(plan_data(found)))
    else:
        from envyard.report.plan import plan_text

        tell(plan_text(found, workspace.root, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


COMMANDS = (explain, plan)
