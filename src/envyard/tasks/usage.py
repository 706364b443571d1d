"""The usage line of a command, made from its parameters: `envs.setup NAME ... [--rebuild] [--jobs N] [--json]`.

The program's help and docs/ show the same line, so none of them can be wrong alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from invoke.parser.argument import Argument

from envyard.tasks.names import Names, Option
from envyard.tasks.task import Command


def usage(name: str, command: Command) -> str:
    """How to type the command `name`, on one line.

    `[...]` may be left out, `...` repeats what is before it, `|` stands between alternatives.
    """
    return " ".join([name, *usage_words(command)])


def usage_words(command: Command) -> list[str]:
    """What follows the command's name in its usage line; each element belongs on one line."""
    arguments = command.get_arguments()
    options = [one for one in arguments if isinstance(one, Option)]
    words = [one.metavar for one in arguments if isinstance(one, Names)]
    if words and not words[0].startswith("[") and any(one.names[0] == "all" for one in options):
        words = [f"({words[0]} | --all)"]
        options = [one for one in options if one.names[0] != "all"]
    return [*words, *_options(options, command.required)]


def option_spec(option: Argument) -> str:
    """`--jobs N`, or `--json` for a flag."""
    metavar = option.metavar if isinstance(option, Option) else ""
    return f"--{option.names[0]} {metavar}".rstrip()


def _options(options: Sequence[Option], required: Sequence[str]) -> Iterator[str]:
    names = {option.names[0] for option in options}
    for option in options:
        name = option.names[0]
        if name.removeprefix("no-") in names - {name}:
            continue  # it stands beside its opposite
        spec = option_spec(option)
        if f"no-{name}" in names:
            spec = f"{spec} | --no-{name}"
        if name not in required:
            spec = f"[{spec}]"
        yield f"{spec}..." if option.kind is list else spec
