"""Contradictions and what resolves them: `profiles.import`, `profiles.relax`, as text or data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envyard.contradictions import Examination
from envyard.profiledraft import package_of
from envyard.relaxation import Relaxation
from envyard.report.tables import relative
from envyard.report.text import Style, count, hanging, listing
from envyard.resolver import Question

if TYPE_CHECKING:
    from envyard.commands.profile_import import ImportResult
    from envyard.commands.relax import RelaxResult

Data = dict[str, Any]
Where = Callable[[str], str]


def import_text(result: ImportResult, root: Path, style: Style, width: int | None) -> str:
    """What was read, what the resolver said, and where the profile is now."""
    source = result.source
    file = relative(result.file, root)
    lines: list[str] = []
    if result.examination:
        by_package = {package_of(line): number for line, number in source.lines.items()}

        def where(line: str) -> str:
            number = by_package.get(package_of(line))
            return f"{source.file.name}:{number}: " if number else ""

        lines += _examination(result.examination, where, style, width)
    for remark in (*source.remarks, *([result.unchecked] if result.unchecked else [])):
        lines += hanging("note: ", remark, width)
    if result.refused:
        return "\n".join([*lines, "", style.bad(f"{file} was not written")])
    done = "would be written" if result.dry_run else "written"
    end = [style.good(f"{file} {done}: {result.title}")]
    if result.lockfiles:
        named = ", ".join(relative(one, root) for one in result.lockfiles)
        told = f"the profile before named the lockfile {named}, and this one names none: name it in "
        told += f"`[packages.lockfiles]`, then run `invoke profiles.lock {result.key}`, or delete it"
        end += hanging("note: ", told, width)
    return "\n".join([*lines, *([""] if lines else []), *end])


def relax_text(result: RelaxResult, root: Path, style: Style, width: int | None) -> str:
    """What contradicts in a profile, and what was changed."""
    by_package = {package_of(line): place for line, place in result.places.items()}
    lines = _examination(result.examination, lambda line: by_package.get(package_of(line), ""), style, width)
    relaxation = result.examination.relaxation
    file = relative(result.file, root)
    if result.written:
        end = style.good(f"{file} changed")
    elif not relaxation.found:
        end = style.bad(f"{file} was not changed")
    elif relaxation.changes:
        end = f"{file} would be changed"
    else:
        end = style.good(f"{file} needs no change")
    return "\n".join([*lines, "", end, *_next_steps(result, root, width)])


def _next_steps(result: RelaxResult, root: Path, width: int | None) -> list[str]:
    """What is older than the profile now, and the command that brings it up to date."""
    lines = []
    for key, files in result.stale.items():
        named = ", ".join(relative(one, root) for one in files)
        lines += hanging("note: ", f"{named} is older than `{key}` now; run `invoke profiles.lock {key}`", width)
    if result.built:
        command = f"invoke envs.resolve --profile {result.key} --update"
        lines += hanging("note: ", f"its environment is as it was; `{command}` builds what it asks for now", width)
    return lines


def import_data(result: ImportResult) -> Data:
    return {
        "key": result.key,
        "title": result.title,
        "file": str(result.file),
        "written": not result.refused and not result.dry_run,
        "refused": result.refused,
        "dry_run": result.dry_run,
        "remarks": list(result.source.remarks),
        "unchecked": result.unchecked,
        "text": result.text,
        "lockfiles": [str(one) for one in result.lockfiles],
        **(_data(result.examination) if result.examination else {}),
    }


def relax_data(result: RelaxResult) -> Data:
    return {
        "key": result.key,
        "file": str(result.file),
        "written": result.written,
        "dry_run": result.dry_run,
        "stale_lockfiles": {key: [str(one) for one in files] for key, files in result.stale.items()},
        "built": result.built,
        **_data(result.examination),
    }


def _examination(found: Examination, where: Where, style: Style, width: int | None) -> list[str]:
    relaxation = found.relaxation
    asked = f"checked for {_targets(found.question)}, {count(relaxation.runs, 'run')} of the resolver"
    lines = []
    if found.resolves:
        lines += hanging("", f"{style.good('the requirements resolve')} ({asked})", width)
    else:
        lines += hanging("", f"{style.bad('the requirements contradict each other')} ({asked})", width)
    for one in relaxation.contradictions:
        many = len(one.lines) > 1
        lines += ["", f"{'these cannot' if many else 'this cannot'} be installed{' together' if many else ''}:"]
        for line in one.lines:
            lines += hanging("  ", f"{where(line)}{style.strong(line)}", width)
        for reason in one.reasons:
            lines += hanging("  because ", reason, width)
    lines += _way_out(relaxation, style, width)
    if found.note:
        lines += ["", *hanging("note: ", found.note, width)]
    return lines


def _targets(question: Question) -> str:
    """`Python 3.11 on linux-x86_64 and windows-x86_64`: a question is about one Python."""
    return f"Python {question.targets[0].python} on {listing([target.platform for target in question.targets])}"


def _way_out(relaxation: Relaxation, style: Style, width: int | None) -> list[str]:
    if not relaxation.found:
        return ["", *hanging("", relaxation.note, width)]
    if not relaxation.changes:
        return []
    longest = max(len(change.before) for change in relaxation.changes)
    lines = ["", f"the smallest change that resolves ({count(len(relaxation.changes), 'line')}):"]
    for change in relaxation.changes:
        text = f"{style.strong(change.after)}   resolves to {change.version or 'nothing on this platform'}"
        lines += hanging(f"  {change.before:{longest}}  ->  ", text, width)
    return lines


def _data(found: Examination) -> Data:
    relaxation = found.relaxation
    return {
        "resolves": found.resolves,
        "targets": [{"python": one.python, "platform": one.platform} for one in found.question.targets],
        "note": found.note,
        "contradictions": [
            {"lines": list(one.lines), "target": str(one.target), "reasons": list(one.reasons)}
            for one in relaxation.contradictions
        ],
        "relaxation": {
            "found": relaxation.found,
            "smallest": relaxation.smallest,
            "note": relaxation.note,
            "changes": [
                {"package": one.package, "before": one.before, "after": one.after, "version": one.version}
                for one in relaxation.changes
            ],
        },
        "runs": relaxation.runs,
    }
