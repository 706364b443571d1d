"""Write docs/reference.md from the code, and the usage lines of docs/commands.md.

    python docs/reference.py            write them
    python docs/reference.py --check    write nothing; end with 1 and show what differs

It needs what envyard needs, so run it in the tool environment, or as `nox -s lint -- --fix`.
"""

from __future__ import annotations

import difflib
import inspect
import re
import runpy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import nox.registry  # noqa: E402 - envyard is found beside this file first
from invoke.collection import Collection  # noqa: E402
from invoke.parser.argument import Argument  # noqa: E402

from envyard.errors import EXIT_CODE_MEANINGS  # noqa: E402
from envyard.sessions import PROJECTS_TAG  # noqa: E402
from envyard.tasks import namespace  # noqa: E402
from envyard.tasks.names import Names  # noqa: E402
from envyard.tasks.program import OPTIONS  # noqa: E402
from envyard.tasks.task import Command  # noqa: E402
from envyard.tasks.usage import option_spec, usage  # noqa: E402

PAGE = "docs/reference.md"
EXPLAINED = "docs/commands.md"

HEAD = """\
# Reference

<!-- Written by `python docs/reference.py` from the code. Change the code, then run that. -->

Every command with its parameters, exactly as the code has them. What they are for, what they print and the shape of
their JSON is in [commands](commands.md); `envyard --help envs.setup` shows the same in a terminal.

Each is typed behind `invoke` or `envyard`. In a usage line `[...]` may be left out, `...` repeats what stands before
it, and `|` stands between alternatives. An option takes its value as the next word or behind `=`: `--jobs 4`,
`--jobs=4`.
"""


def pages(root: Path) -> dict[str, str]:
    """What the generated files should hold: relative path -> text."""
    explained = (root / EXPLAINED).read_text(encoding="utf-8")
    return {PAGE: reference(root), EXPLAINED: with_usage_lines(explained)}


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the pages, or with `--check` compare them. Returns the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    code = 0
    for name, text in pages(root).items():
        path = root / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if text == before:
            continue
        if arguments:
            sys.stdout.writelines(
                difflib.unified_diff(before.splitlines(True), text.splitlines(True), name, "the code")
            )
            code = 1
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{name} written")
    if code:
        print("\nerror: the command reference is not what the code says\n\nhint: run `python docs/reference.py`")
    return code


# --- the reference


def reference(root: Path) -> str:
    """The text of docs/reference.md."""
    return "\n".join([HEAD, *_commands(), *_common_options(), *_exit_codes(), *_sessions(root), *_keys()])


def _commands() -> Iterator[str]:
    for name, command in _tasks(namespace, ""):
        yield from _command("##", name, command)
    for collection in namespace.collections.values():
        yield f"## {collection.name}\n"
        yield f"{inspect.getdoc(collection)}\n"
        for name, command in _tasks(collection, f"{collection.name}."):
            yield from _command("###", name, command)


def _tasks(collection: Collection, prefix: str) -> list[tuple[str, Command]]:
    """The commands of a collection, without those of the collections in it."""
    found = [(f"{prefix}{collection.transform(name)}", task) for name, task in collection.tasks.items()]
    return [(name, task) for name, task in found if isinstance(task, Command)]


def _command(heading: str, name: str, command: Command) -> Iterator[str]:
    yield f"{heading} {name}\n"
    yield f"    {usage(name, command)}\n"
    yield f"{inspect.getdoc(command)}\n"
    arguments = sorted(command.get_arguments(), key=lambda one: not isinstance(one, Names))
    if arguments:
        rows = [_parameter(argument, command) for argument in arguments]
        yield from _table(("parameter", "value", "default", "meaning"), rows)


def _parameter(argument: Argument, command: Command) -> tuple[str, str, str, str]:
    """A row of the table of a command. Where the help says what the default means, that is the default."""
    meaning, told = _without_default(argument.help or "")
    if isinstance(argument, Names):
        words = "words" if "..." in argument.metavar and "--" not in argument.metavar else "word"
        default = "none" if argument.metavar.startswith("[") else "required"
        return f"`{argument.metavar}`", words, told or default, meaning
    short = "".join(f"`-{one}`, " for one in argument.names if len(one) == 1)
    value = "flag" if argument.kind is bool else "text, repeatable" if argument.kind is list else "text"
    if argument.names[0] in command.required:
        default = "required"
    else:
        default = "off" if argument.kind is bool else f"`{argument.default}`" if argument.default else "none"
    return f"{short}`{option_spec(argument)}`", value, told or default, meaning


def _without_default(text: str) -> tuple[str, str]:
    """`Where (default: there).` is `Where.` and `there`."""
    found = re.search(r"(?: \(|; )default: ([^()]+?)\)?\.$", text)
    return (f"{text[: found.start()]}.", found[1]) if found else (text, "")


def _common_options() -> Iterator[str]:
    yield "## Options of the program\n"
    yield "Before the name of a command. What `invoke` has besides is Invoke's own.\n"
    yield from _table(("option", "meaning"), [(f"`{option}`", meaning) for option, meaning in OPTIONS])


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield from _table(("code", "meaning"), [(str(int(code)), text) for code, text in EXIT_CODE_MEANINGS.items()])
    yield "`envs.run` passes on the exit code of its command. What Invoke itself cannot parse (an unknown option) ends"
    yield "with 1 when typed with `invoke`, and with 2 when typed with `envyard`.\n"


def _sessions(root: Path) -> Iterator[str]:
    """The sessions of the noxfile that belong to no project; `nox -l --json` lists those run by default only."""
    runpy.run_path(str(root / "noxfile.py"))
    own = {name: session for name, session in nox.registry.get().items() if PROJECTS_TAG not in session.tags}
    yield "## nox sessions\n"
    yield "One for each project of the workspace, under its key: [nox sessions](nox.md). envyard itself has:\n"
    rows = [(f"`{name}`", inspect.getdoc(session) or "") for name, session in own.items()]
    yield from _table(("session", "what it does"), rows)


def _keys() -> Iterator[str]:
    yield "## Files\n"
    yield "Their keys: [`workspace.toml`](workspace-toml.md), [profiles](profiles.md#every-key).\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        cells = [cell.replace("|", "\\|") for cell in row]
        yield f"| {' | '.join(cells)} |" if row[0] != "---" else f"|{'|'.join(cells)}|"
    yield ""


# --- the explained page


def with_usage_lines(page: str) -> str:
    """docs/commands.md with the usage line of each command as the first code line of its chapter."""
    for name in namespace.task_names:
        command = namespace[name]
        assert isinstance(command, Command)
        found = re.search(rf"^## {re.escape(name)}\n\n    ({re.escape(name)}\b.*)$", page, re.MULTILINE)
        if found is None:
            hint = (
                f"write a chapter that begins with `## {name}`, an empty line and `    {name}`; the code has the rest"
            )
            raise SystemExit(f"error: {EXPLAINED} has no chapter `{name}`\n\nhint: {hint}")
        page = page[: found.start(1)] + usage(name, command) + page[found.end(1) :]
    return page


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
