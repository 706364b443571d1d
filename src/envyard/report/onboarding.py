"""`init` and the `projects` commands, as text: what was found, what is written, what to do next."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from typing import Any

from envyard.commands.init import FileAction, FileChange, InitPlan
from envyard.commands.projects import ProjectList
from envyard.report.table import Column, table
from envyard.report.text import Style, count, hanging
from envyard.workspace_entry import tests_to_name
from envyard.workspace_file import ProjectChange, Status

_SIGNS = {FileAction.NEW: "+", FileAction.CHANGED: "~", FileAction.REMOVED: "-", FileAction.KEPT: "="}
_MOST_LINES = 400  # of one file in a dry run
_MOST_NAMES = 6  # of carried files one by one


def init_text(plan: InitPlan, style: Style, width: int | None, *, dry_run: bool) -> str:
    """What `envyard init` found and did, or would do: with a dry run every line of every file that people read."""
    changed = [each for each in plan.projects if each.status != Status.DECLARED]
    shown = plan.projects if plan.first else changed
    lines = []
    if shown:
        lines += [*projects_table(shown, style, width), ""]
    same = len(plan.projects) - len(changed)
    if same:
        lines += [f"{count(same, 'project')} as before", ""]
    lines += _notes([*plan.notes, *_nested(plan.projects, shown), *_tested_twice(changed)], style, width)
    lines += _files(plan, style, width, dry_run=dry_run)
    lines += [*_by_hand(plan.files, width), *_end(plan, style, width, dry_run=dry_run)]
    return "\n".join(lines)


def list_text(result: ProjectList, style: Style, width: int | None) -> str:
    """The table of `projects.list`, and what is missing in workspace.toml."""
    if not result.projects:
        return "no projects were found"
    lines = [*projects_table(result.projects, style, width), ""]
    lines += _notes(result.notes, style, width)
    new = sum(each.status != Status.DECLARED for each in result.projects)
    if new:
        what = "make this monorepo a workspace" if not result.declared else "bring workspace.toml up to date"
        lines.append(f"{style.strong('hint:')} `envyard init` would {what}")
    return "\n".join(lines).rstrip("\n")


def added_text(change: ProjectChange, style: Style, width: int | None) -> str:
    """One line about a project that was added, what else it means, and the next command."""
    lines = [f"{style.good('added')} `{change.path}` to workspace.toml as `{change.key}`", ""]
    lines += _notes(_tested_twice([change]), style, width)
    return "\n".join([*lines, f"next: `envyard envs.setup {change.key}` makes its environment"])


def projects_data(result: ProjectList) -> dict[str, Any]:
    """The JSON of `projects.list`."""
    return {"projects": [project_data(change) for change in result.projects], "notes": list(result.notes)}


def project_data(change: ProjectChange) -> dict[str, Any]:
    """One project as JSON; what nobody could look at is null."""
    found = change.found
    manifest = found.manifest if found else None
    return {
        "key": change.key,
        "title": change.title or change.path.rsplit("/", 1)[-1],
        "path": change.path,
        "status": str(change.status),
        "before": change.before or None,
        "python": manifest.python if manifest else None,
        "requirements": list(manifest.requirements) if manifest else None,
        "extras": list(manifest.extras) if manifest else None,
        "groups": list(manifest.groups) if manifest else None,
        "editable": manifest.editable if manifest else None,
        "has_pytest": manifest.has_pytest if manifest else None,
        "test_requirements": list(manifest.test_list.requirements) if manifest and manifest.test_list else None,
        "stack": list(manifest.stack) if manifest else None,
        "tests": list(found.tests) if found else None,
        "nested": list(found.nested) if found else None,
        "inside": change.inside or None,
        "notes": list(manifest.notes) if manifest else None,
    }


def projects_table(changes: Sequence[ProjectChange], style: Style, width: int | None) -> list[str]:
    columns = (
        Column(title="project", paint=style.strong),
        Column(title="path", fold=True),
        Column(title="state", paint=lambda text: _paint_state(text, style)),
        Column(title="python", drop=2),
        Column(title="requirements", fold=True, drop=3),
        Column(title="tests", fold=True, drop=1),
        Column(title="stack", fold=True, drop=4),
    )
    lines = table(columns, [_row(change) for change in changes], width)
    return [style.strong(lines[0]), *lines[1:]]


def _row(change: ProjectChange) -> tuple[str, ...]:
    path = f"{change.before} -> {change.path}" if change.before else change.path
    found = change.found
    if found is None:
        return (change.key, path, str(change.status), "", "", "", "")
    tests = ", ".join(tests_to_name(found) or found.manifest.pytest_paths or found.tests) or "none found"
    wanted = [*found.manifest.requirements, *(["itself"] if found.manifest.editable else [])]
    listed = found.manifest.test_list
    more = listed.source.replace("`", "") if listed else "pytest"
    if found.manifest.has_pytest or change.status == Status.DECLARED:
        more = ""
    return (
        change.key,
        path,
        str(change.status),
        found.manifest.python,
        " + ".join(filter(None, (", ".join(wanted), more))),
        tests,
        ", ".join(found.manifest.stack),
    )


def _paint_state(text: str, style: Style) -> str:
    paint = {"new": style.good, "moved": style.warn, "gone": style.bad}.get(text.strip(), str)
    return paint(text)


def _notes(notes: Sequence[str], style: Style, width: int | None) -> list[str]:
    lines: list[str] = []
    for note in notes:
        first, *rest = hanging("note: ", note, width)
        lines += [style.warn("note:") + first.removeprefix("note:"), *rest]
    return [*lines, ""] if lines else []


def _nested(projects: Sequence[ProjectChange], shown: Sequence[ProjectChange]) -> list[str]:
    """What stands inside a project and could be one by itself."""
    known = {project.path for project in projects}
    notes = []
    for project in shown:
        for path in project.found.nested if project.found else ():
            if path not in known:
                command = f"`envyard projects.add {shlex.quote(path)}`"
                notes.append(f"{path}: belongs to `{project.key}`; {command} gives it an environment of its own")
    if len(notes) > 1:
        notes.append(f"`envyard init --nested` gives each of these {len(notes)} an environment of its own")
    return notes


def _tested_twice(projects: Sequence[ProjectChange]) -> list[str]:
    """New projects whose tests an older one around them runs too, until people tell it not to."""
    return [
        f"{project.path}: `{project.inside}` runs its tests too; to prevent that add `--ignore={project.place}` to the "
        f"`test-command` of `{project.inside}`"
        for project in projects
        if project.inside
    ]


def _files(plan: InitPlan, style: Style, width: int | None, *, dry_run: bool) -> list[str]:
    lines = []
    carried = [file for file in plan.files if _is_carried(file, plan) and file.action != FileAction.KEPT]
    for file in plan.files:
        if file.action == FileAction.SAME or file in carried:
            continue
        text = f"{file.path}{f' ({file.reason})' if file.reason else ''}"
        lines += hanging(f"{file.action:<8} ", text, width)
        if dry_run and file.action != FileAction.KEPT:
            lines += _difference(file, style)
    for action in (FileAction.NEW, FileAction.CHANGED, FileAction.REMOVED):
        paths = sorted(file.path for file in carried if file.action == action)
        if len(paths) > _MOST_NAMES and not dry_run:
            known = f"{plan.scripts}/setup_all_envs"
            paths = [f"{known}.sh, .ps1, .bat and {len(paths) - 3} files that they need"]
        if paths:
            lines += hanging(f"{action:<8} ", ", ".join(paths), width)
    return [*lines, ""] if lines else []


def _is_carried(file: FileChange, plan: InitPlan) -> bool:
    return file.path.startswith((f"{plan.scripts}/", "requirements/"))


def _difference(file: FileChange, style: Style) -> list[str]:
    """The lines that go and come, with a little of what is around them."""
    old, new = ((data or b"").decode("utf-8", "replace").splitlines() for data in (file.old, file.new))
    lines: list[str] = []
    for line in list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]:
        if line.startswith("@@"):
            lines += [style.faint("  ...")] if lines else []
            continue
        paint = {"+": style.good, "-": style.bad}.get(line[0], style.faint)
        lines.append(paint(f"  {line}".rstrip()))
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"  ... and {len(lines) - _MOST_LINES} more lines"]
    return lines


def _by_hand(files: Sequence[FileChange], width: int | None) -> list[str]:
    """What people have to add to runner files of their own."""
    lines = []
    for file in files:
        if file.lines:
            lines += hanging("", f"`{file.path}` is your own and stays as it is; add these lines at its end:", width)
            lines += ["", *(f"    {line}" for line in file.lines.splitlines()), ""]
    return lines


def _end(plan: InitPlan, style: Style, width: int | None, *, dry_run: bool) -> list[str]:
    if dry_run:
        return [] if plan.changes_anything else ["nothing to do"]
    if not plan.changes_anything:
        return ["nothing to do: everything is as it should be"]
    has_scripts = any(file.path == f"{plan.scripts}/setup_all_envs.sh" for file in plan.files)
    script = f"./{plan.scripts}/setup_all_envs.sh" if has_scripts else "envyard envs.setup-all"
    text = f"`{script}` makes the environment of every project; commit what was written: your colleagues type the same"
    first, *rest = hanging("next: ", text, width)
    return [style.strong("next:") + first.removeprefix("next:"), *rest]
