"""`direnv.setup` and `direnv.status` as text and as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from envyard.commands.direnv import DirenvSetupResult, DirenvStatus, EnvrcAction, EnvrcOutcome, EnvrcStatus
from envyard.integrations.direnv import Permission, State
from envyard.process import environment_variable
from envyard.report import as_typed
from envyard.report.data import error_data
from envyard.report.table import Column, table
from envyard.report.tables import relative
from envyard.report.text import Style, count, hanging

Data = dict[str, Any]


def envrc_text(result: DirenvSetupResult, root: Path, style: Style, width: int | None) -> str:
    """What became of each `.envrc`, and for those left alone the lines that they lack."""
    if not result.outcomes:
        return "the workspace has no projects"
    columns = (
        Column(title="project", paint=style.strong),
        Column(title="result", paint=lambda text: _paint(text, style)),
        Column(title="file", drop=1),
        Column(title="why", fold=True),
    )
    rows = [(one.title, _word(one, result.dry_run), relative(one.file, root), _why(one)) for one in result.outcomes]
    lines = table(columns, rows, width)
    lines[0] = style.strong(lines[0])
    for outcome in result.outcomes:
        if outcome.lines:
            where = relative(outcome.file, root)
            lines += ["", style.strong(f"to add to {where}:"), "", *(f"    {line}" for line in outcome.lines)]
    skipped = [f"{name} of `{one.key}`" for one in result.outcomes for name in one.skipped]
    if skipped:
        lines += ["", *hanging("not set, since it means something to shells: ", ", ".join(skipped), width)]
    advice = _advice(result)
    return "\n".join([*lines, *(["", *hanging("", as_typed(advice), width)] if advice else [])])


def envrc_notice(result: DirenvSetupResult) -> str:
    """What `envs.setup-all` says of it: nothing when there is nothing to do."""
    new = [one for one in result.outcomes if one.action in (EnvrcAction.WRITTEN, EnvrcAction.UPDATED)]
    left = [one for one in result.outcomes if one.action == EnvrcAction.LEFT and one.state != State.ADDED]
    lines = []
    if new and result.dry_run:
        lines.append(f"dry run: {count(len(new), '`.envrc`', '`.envrc` files')} to write")
    elif new:
        lines.append(
            f"{count(len(new), '`.envrc`', '`.envrc` files')} written; `invoke direnv.setup --allow` allows them"
        )
    if left:
        names = " ".join(one.key for one in left)
        lines.append(f"{count(len(left), '`.envrc`', '`.envrc` files')} not made by envyard left alone; "
                     f"`invoke direnv.setup {names}` shows the lines to add")  # fmt: skip
    return "\n".join(lines)


def status_text(status: DirenvStatus, root: Path, style: Style, width: int | None) -> str:
    """direnv itself, then a row for each project with the next thing to do."""
    version = f"direnv {status.direnv.version}" if status.direnv else style.warn("direnv is not installed")
    hook = f"in {status.hook}" if status.hook else style.warn("not found in the start-up files of your shell")
    columns = (
        Column(title="project", paint=style.strong),
        Column(title=".envrc", paint=lambda text: _paint(text, style)),
        Column(title="direnv", paint=lambda text: _paint(text, style)),
        Column(title="environment", paint=lambda text: _paint(text, style)),
        Column(title="next", fold=True),
    )
    rows = [
        (row.title, str(row.state), str(row.permission), "there" if row.environment else "missing", _next(row, root))
        for row in status.rows
    ]
    head = [f"installed:  {version}", f"hooked:     {hook}"]
    if status.own_hook:
        head.append(f"shell.hook: in {status.own_hook}")
    if status.direnv and not status.hook and not status.own_hook:
        head.append(f"            add `{_hook_line()}` to the start-up file of your shell")
    if not rows:
        return "\n".join(head)
    lines = table(columns, rows, width)
    return "\n".join([*head, "", style.strong(lines[0]), *lines[1:]])


def envrc_data(result: DirenvSetupResult) -> Data:
    return {
        "outcomes": [
            {
                "key": one.key,
                "title": one.title,
                "file": str(one.file),
                "state": str(one.state),
                "action": str(one.action),
                "allowed": one.allowed,
                "lines": list(one.lines),
                "skipped": list(one.skipped),
                "error": error_data(one.error),
            }
            for one in result.outcomes
        ],
        "installed": result.installed,
        "dry_run": result.dry_run,
    }


def status_data(status: DirenvStatus) -> Data:
    return {
        "installed": status.direnv.version if status.direnv else None,
        "hooked": status.hook or None,
        "shell_hook": status.own_hook or None,
        "projects": [
            {
                "key": row.key,
                "title": row.title,
                "file": str(row.file),
                "state": str(row.state),
                "stale": row.state == State.STALE,
                "permission": str(row.permission) or None,
                "allowed": row.permission == Permission.ALLOWED,
                "blocked": row.permission in (Permission.BLOCKED, Permission.DENIED),
                "environment": row.environment,
            }
            for row in status.rows
        ],
    }


def _word(outcome: EnvrcOutcome, dry_run: bool) -> str:
    planned = {EnvrcAction.WRITTEN: "to write", EnvrcAction.UPDATED: "to update"}
    word = planned.get(outcome.action, str(outcome.action)) if dry_run else str(outcome.action)
    return f"{word}, allowed" if outcome.allowed else word


def _why(outcome: EnvrcOutcome) -> str:
    return {
        State.STALE: "the workspace or envyard changed",
        State.ADDED: "not made by envyard, and has its lines",
        State.EDITED: "edited by hand: move your lines to .envrc.local, delete it, and run this again",
        State.FOREIGN: "not made by envyard: add the lines below",
    }.get(outcome.state, "") if outcome.error is None else "see below"  # fmt: skip


def _advice(result: DirenvSetupResult) -> str:
    if not result.installed:
        return "direnv is not installed, so nothing loads these files yet; `invoke shell.hook bash` does without it"
    ours = [one for one in result.outcomes if one.action in (EnvrcAction.WRITTEN, EnvrcAction.UPDATED)]
    if ours and not result.dry_run and not all(one.allowed for one in ours):
        return (
            "direnv loads a file when you allowed it: `invoke direnv.setup --allow`, or `direnv allow` in the project"
        )
    return ""


def _hook_line() -> str:
    shell = os.path.basename(environment_variable("SHELL"))
    if shell == "fish":
        return "direnv hook fish | source"
    return f'eval "$(direnv hook {shell if shell == "zsh" else "bash"})"'


def _next(row: EnvrcStatus, root: Path) -> str:
    if row.state in (State.MISSING, State.STALE, State.FOREIGN, State.EDITED):
        return f"`invoke direnv.setup {row.key}`"
    if row.permission in (Permission.BLOCKED, Permission.DENIED):
        own = row.state == State.CURRENT
        return f"`invoke direnv.setup {row.key} --allow`" if own else f"`direnv allow {relative(row.file, root)}`"
    return "" if row.environment else f"`invoke envs.setup {row.key}`"


_GOOD = ("current", "written", "updated", "allowed", "there", "added by hand")
_BAD = ("failed", "blocked", "denied", "missing")


def _paint(text: str, style: Style) -> str:
    word = text.split(",")[0]
    if word in _BAD:
        return style.bad(text)
    return style.good(text) if word in _GOOD else style.faint(text) if word == "kept" else style.warn(text)
