"""Continuous integration: `ci.matrix`, `ci.workflow`."""

from __future__ import annotations

from invoke.context import Context

from envyard.errors import UsageError
from envyard.report import complain, write
from envyard.tasks.task import command, workspace_here

_NAMES = {"github": "GitHub", "gitlab": "GitLab"}
_FORMATS = ("table", "github", "gitlab", "json")


@command(
    changed_since="Only what changes since the commit REF affect, and why.",
    format="For programs, instead of a table for people.",
)
def matrix(_context: Context, changed_since: str | None = None, format: str = "table") -> int:  # noqa: A002 - the option
    """List the projects to test, a job for each platform.

    With `--changed-since` those that a change affects: by its own files, what it
    requires, the projects it depends on, or the suite's own configuration.
    """
    from envyard.commands.ci import matrix as make_matrix
    from envyard.report.ci import matrix_lines, matrix_text

    _one_of("format", format, _FORMATS)
    found = make_matrix(workspace_here(), changed_since)
    write(matrix_text(found, format))
    if format in ("github", "gitlab"):  # a log should say what the outputs mean
        complain("\n".join(matrix_lines(found)))
    return 0


@command(
    required=("provider",),
    provider="For which CI system.",
    check="Write nothing; fail when the file is not what would be written.",
    stdout="Print it instead.",
)
def workflow(_context: Context, provider: str = "", check: bool = False, stdout: bool = False) -> int:
    """Write the workflow that tests every project.

    A job plans, one job for each project and platform tests, and a last one says
    whether all is well. `[ci]` in workspace.toml says more.
    """
    from envyard.commands.ci import PROVIDERS, workflow_text, write_workflow

    _one_of("provider", provider, PROVIDERS)
    if check and stdout:
        raise UsageError("`--check` compares and `--stdout` prints", hint="leave one of them out")
    workspace = workspace_here()
    if stdout:
        write(workflow_text(workspace, provider).rstrip("\n"))
        return 0
    written = write_workflow(workspace, provider, check=check)
    name = written.path.relative_to(workspace.root).as_posix()
    if check and written.before != "same":
        state = "is missing" if written.before == "missing" else "is not what envyard would write"
        complain(f"error: `{name}` {state}\n\nhint: run `invoke ci.workflow --provider {provider}`")
    else:
        write(f"{name} {'is as it should be' if written.before == 'same' else 'written'}")
    if written.unread is not None:
        complain(f"warning: {_NAMES[provider]} reads it only at the top of the repository, `{written.unread}`")
    return written.exit_code


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        problem = "is unknown" if value else "is missing"
        hint = "write " + " or ".join(f"`--{option} {one}`" for one in known)
        raise UsageError(f"`{f'--{option} {value}'.rstrip()}` {problem}", hint=hint)


COMMANDS = (matrix, workflow)
