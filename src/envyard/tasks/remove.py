"""Take environments away, or one step back: `envs.clean`, `envs.prune`, `envs.rollback`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from invoke.context import Context

from envyard.errors import UsageError
from envyard.project import Project, Workspace
from envyard.report import complain, render_error, tell, write
from envyard.report.text import Style, count, size, width_of
from envyard.tasks.task import command, is_dry, workspace_here
from envyard.tasks.values import named_projects, one_project, parse_duration, parse_size, split_names

if TYPE_CHECKING:  # imported by each command
    from envyard.commands.removal import RemovalResult


@command(
    names="Projects, each by its key, title or path; profiles by their env key.",
    all="All projects.",
    yes="Do not ask.",
)
def clean(
    context: Context,
    names: Sequence[str] = (),
    all: bool = False,  # noqa: A002 - the name of the option
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Remove the environments of NAME ..., projects or profiles.

    What is kept for a rollback goes too; what a running process uses stays. The
    packages remain in uv's cache, so building anew is quick; what the disk gets
    back is told, and what that cache has still.
    """
    from envyard.commands.clean import clean as remove

    workspace = workspace_here()
    if all and names:
        raise UsageError("`envs.clean` takes names or `--all`, not both", hint="leave one of them out")
    shared, others = split_names(workspace, names, _shared_keys(workspace))
    projects = workspace.projects if all else named_projects(workspace, others, "envs.clean") if others else ()
    if not projects and not shared and not all:
        named_projects(workspace, (), "envs.clean")
    dry = is_dry(context, dry_run)
    if not dry and not yes and not _agreed(workspace, projects, shared):
        complain("nothing was removed")
        return 1
    return _report(workspace, remove(workspace, projects, profiles=shared, dry_run=dry), json=json)


@command(
    unused_for="Also remove environments not used for so long: `12h`, `30d`, `2w`.",
    keep_size="Also remove the longest unused until the rest fits into so much: `500MB`, `50GB`, `20GiB`.",
)
def prune(
    context: Context, unused_for: str = "", keep_size: str = "", dry_run: bool = False, json: bool = False
) -> int:
    """Free disk space: remove what nobody needs.

    That is builds that never ended, forgotten generations, old logs, the trash.
    Environments go only with `--unused-for` or `--keep-size`, and never one that
    a running process uses.
    """
    from envyard.commands.prune import prune as remove

    workspace = workspace_here()
    result = remove(
        workspace,
        unused_for=parse_duration("unused-for", unused_for),
        keep_size=parse_size("keep-size", keep_size),
        dry_run=is_dry(context, dry_run),
    )
    return _report(workspace, result, json=json)


@command(metavar="NAME", names="The project: its key, title or path; or the env key of a profile.")
def rollback(_context: Context, names: Sequence[str] = (), json: bool = False) -> int:
    """Go back to the previous environment of NAME, a project or a profile.

    Doing it twice is where you started. The lockfile stays as it is, so the next
    set-up builds what it asks for.
    """
    from envyard.commands.rollback import rollback as roll_back
    from envyard.commands.rollback import rollback_profile

    workspace = workspace_here()
    shared, others = split_names(workspace, names, _shared_keys(workspace))
    if len(shared) == 1 and not others:
        result = rollback_profile(workspace, shared[0])
    else:
        result = roll_back(workspace, one_project(workspace, names, "envs.rollback"))
    if json:
        from envyard.report.data import as_json, rollback_data

        write(as_json(rollback_data(result)))
    else:
        from envyard.report.findings import rollback_text

        tell(rollback_text(result, width_of(sys.stdout)))
    return 0


def _shared_keys(workspace: Workspace) -> frozenset[str]:
    """The env keys of profiles, also of those that are gone and whose environments are not."""
    from envyard.definition import Kind
    from envyard.profilefile import profile_keys
    from envyard.store import Store

    built = [pointer.key for pointer in Store(workspace.store).pointers() if pointer.kind == Kind.PROFILE]
    return frozenset([*profile_keys(workspace.root), *built])


def _agreed(workspace: Workspace, projects: Sequence[Project], profiles: Sequence[str]) -> bool:
    """Ask on the terminal. Raises `UsageError` where there is nobody to ask."""
    from envyard.commands.clean import clean as remove

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "`envs.clean` asks before it removes anything, and there is no terminal to ask on",
            hint="say `--yes` to remove without a question, or `--dry-run` to see what would go",
        )
    planned = remove(workspace, projects, profiles=profiles, dry_run=True)
    keys = [removal.key for removal in planned.removals if removal.error is None]
    if not keys:
        return True  # nothing there to lose
    stay = f", {size(planned.cached)} more stay in uv's cache" if planned.cached else ""
    frees = f"frees {size(planned.freed)}{stay}"
    question = f"Remove {count(len(keys), 'environment')} ({', '.join(keys)}; {frees})? [y/N] "
    sys.stdout.flush()
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _report(workspace: Workspace, result: RemovalResult, *, json: bool) -> int:
    if json:
        from envyard.report.data import as_json, removal_data

        write(as_json(removal_data(result)))
    else:
        from envyard.report.findings import left_text, removal_table

        tell(removal_table(result, workspace.root, Style.of(sys.stdout), width_of(sys.stdout)))
        for removal in result.removals:
            if removal.error is not None:
                complain(f"\n{render_error(removal.error)}")
        if result.left:
            complain("\n" + left_text(result.left))
    return result.exit_code


COMMANDS = (clean, prune, rollback)
