"""What was found and what was taken away, as text: `envs.doctor`, `envs.clean`, `envs.prune`, `envs.rollback`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envyard.commands.checks import Finding
from envyard.commands.doctor import DoctorResult
from envyard.commands.removal import RemovalResult
from envyard.commands.rollback import RollbackResult
from envyard.report.table import Column, table
from envyard.report.tables import relative
from envyard.report.text import Style, age, count, duration, hanging, size
from envyard.requirements import changes

_SHOWN = 5  # lines of what could not be deleted


def doctor_text(result: DoctorResult, style: Style, width: int | None) -> str:
    """Every check, one environment after the other, each problem with the command that heals it."""
    lines: list[str] = []
    key = None
    longest = max((len(finding.check) for finding in result.findings), default=0)
    for finding in result.findings:
        if finding.key != key:
            key = finding.key
            lines += [*([""] if lines else []), style.strong(key or "workspace")]
        lines += _finding(finding, longest, style, width)
    problems = len(result.problems)
    fixed = sum(finding.fixed for finding in result.findings)
    words = [style.bad(count(problems, "problem")) if problems else style.good("no problems")]
    words += [f"{count(fixed, 'problem')} fixed"] if fixed else []
    return "\n".join([*lines, "", f"{', '.join(words)}; {count(len(result.findings), 'check')} in {_took(result)}"])


def removal_table(result: RemovalResult, root: Path, style: Style, width: int | None) -> str:
    """What went, or with a dry run would go; errors are told elsewhere."""
    gone = [removal for removal in result.removals if removal.error is None]
    if not gone:
        return "nothing to remove"
    columns = (
        Column(title="environment", paint=style.strong),
        Column(title="what"),
        Column(title="size", right=True),
        Column(title="path", drop=1),
        Column(title="why", fold=True),
    )
    rows = [
        (one.key or "-", one.what, size(one.bytes) if one.bytes else "", relative(one.path, root), one.reason)
        for one in gone
    ]
    lines = table(columns, rows, width)
    freed = size(result.freed)
    total = f"{len(gone)} to remove, {freed} to free" if result.dry_run else f"{len(gone)} removed, {freed} freed"
    return "\n".join([style.strong(lines[0]), *lines[1:], "", total, *cached_lines(result, width)])


def cached_lines(result: RemovalResult, width: int | None) -> list[str]:
    """What the disk does not get back, where it is, and how to get it; nothing where there is nothing of it."""
    if not result.cached:
        return []
    words = "stay in uv's cache for the next build; `uv cache clean` empties it, and all is downloaded again"
    return hanging(f"{size(result.cached)} more ", words, width)


def left_text(left: Sequence[str]) -> str:
    """What of the trash could not be deleted."""
    shown = [f"  {one}" for one in left[:_SHOWN]]
    more = [f"  and {len(left) - _SHOWN} more"] if len(left) > _SHOWN else []
    what = f"still in use, so it stays in the trash: {count(len(left), 'path')}"
    hint = "hint: close what uses it, then run `invoke envs.prune`"
    return "\n".join([what, *shown, *more, "", hint])


def rollback_text(result: RollbackResult, width: int | None) -> str:
    """What the environment is now, and how it differs from the one before."""
    now, before = result.now, result.before
    was = f"instead of {before.generation}" if before is not None else "what was there is gone"
    lines = [f"`{result.key}` is generation {now.generation} again, built {age(now.created)} ({was})"]
    if before is not None:
        differences = changes(before.packages, now.packages)
        if before.interpreter.version != now.interpreter.version:
            differences.insert(0, f"python {before.interpreter.version} -> {now.interpreter.version}")
        lines += hanging("packages: ", "; ".join(differences) or "the same", width)
    return "\n".join(lines)


def _finding(finding: Finding, longest: int, style: Style, width: int | None) -> list[str]:
    mark = "ok" if finding.ok else "fixed" if finding.fixed else "problem"
    first, *rest = hanging(f"  {mark:7}  {finding.check:{longest}}  ", finding.message, width)
    paint = style.good if mark != "problem" else style.bad
    lines = [first.replace(mark, paint(mark), 1), *rest]
    if mark == "problem" and finding.fix:
        command = finding.fix.split()[0] in ("invoke", "pip")
        lines += hanging(" " * (longest + 13) + "fix: ", f"`{finding.fix}`" if command else finding.fix, width)
    return lines


def _took(result: DoctorResult) -> str:
    return duration(result.seconds)
