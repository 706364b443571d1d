"""Several names after a task: `envs.setup model config-load --jobs 2`, also with the stock `invoke`.

Invoke's parser gives one word to each positional parameter and takes the next one for another task. But before anything
else it looks every word up in the `flags` of the task's `ParserContext`. So the flags of a task that takes names answer
"yes" to each plain word, and give out a flag that needs no value and adds its own word to the names.

Invoke has no hook to choose the class of that context: it copies the namespace of a `tasks.py` into a `Collection` of
its own, whose `to_contexts` makes them. `accept_names` therefore puts `TaskContext` where that method looks the class
up. A task without a `Names` argument is parsed as ever.

The price: a task with names is the last of its command line, since what follows it is a name, even one of a task.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import invoke.collection
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext


def accept_names() -> None:
    """Let every `Collection` of this process parse tasks with a `Names` argument."""
    invoke.collection.ParserContext = TaskContext  # type: ignore[misc,attr-defined,unused-ignore]


class Names(Argument):
    """The parameter that gets the words, as a list; `metavar` is how the help calls it: `NAME ...`."""

    def __init__(self, name: str, *, metavar: str, help: str | None) -> None:  # noqa: A002 - Invoke's word
        super().__init__(name=name, kind=list, default=[], help=help)
        self.metavar = metavar


class Option(Argument):
    """A flag that the help shows with a word for its value: `--jobs=N`; a list may be given several times."""

    SHORTS: ClassVar = {"jobs": "j", "yes": "y"}

    def __init__(self, like: Argument, *, metavar: str, kind: type) -> None:
        short = self.SHORTS.get(like.names[0])
        super().__init__(
            names=(*like.names, *([short] if short else [])),
            kind=kind,
            default=[] if kind is list else like.default,
            help=like.help,
            attr_name=like.attr_name,
        )
        if kind is list:
            self.raw_value = None  # type: ignore[assignment,unused-ignore]  # as yet; or Invoke takes no value for one
        self.metavar = metavar

    def __repr__(self) -> str:
        return f"--{self.names[0]}"  # so it stands in Invoke's messages


class TaskContext(ParserContext):
    """What a task accepts on the command line: its flags and, when it has a `Names` argument, any number of words."""

    def __init__(self, name: str | None = None, aliases: Iterable[str] = (), args: Iterable[Argument] = ()) -> None:
        args = list(args)
        super().__init__(name, aliases, [one for one in args if not isinstance(one, Names)])
        self.names = next((one for one in args if isinstance(one, Names)), None)
        if self.names is not None:
            self.args[self.names.name] = self.names
            self.flags = _FlagsAndWords(self.flags, self.names)  # type: ignore[assignment]  # used as a mapping only

    def help_for(self, flag: str) -> tuple[str, str]:
        spec, text = super().help_for(flag)
        argument = self.flags[flag]
        if isinstance(argument, Option) and argument.metavar:
            names = sorted(self.names_for(flag), key=len)
            spec = ", ".join(f"{name}={argument.metavar}" if name.startswith("--") else name for name in names)
        return spec, text

    def help_tuples(self) -> list[tuple[str, str | None]]:
        flags = super().help_tuples()
        return flags if self.names is None else [(self.names.metavar, self.names.help), *flags]


class _FlagsAndWords:
    """The flags of a context, to which every word belongs that is not the value of the flag before it."""

    def __init__(self, flags: Any, names: Names) -> None:
        self._flags, self._names = flags, names
        self._last: Argument | None = None
        self._values_before = 0

    def __contains__(self, token: str) -> bool:
        return token in self._flags or self._is_word(token)

    def __getitem__(self, token: str) -> Argument:
        if token not in self._flags and self._is_word(token):
            return _Word(token, self._names)
        last: Argument = self._flags[token]
        self._last = last
        self._values_before = _values(last)
        return last

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked by `copy.deepcopy` before there are any attributes
            raise AttributeError(name)
        return getattr(self._flags, name)

    def _is_word(self, token: str) -> bool:
        last = self._last
        waits = last is not None and last.takes_value and _values(last) == self._values_before
        return not token.startswith("-") and not waits


class _Word(Argument):
    """A word as a flag without value: when the parser sees it, it is one more name."""

    def __init__(self, word: str, names: Names) -> None:
        super().__init__(names=(word,), kind=bool)  # as `name` it could not be empty
        self._names = names

    def set_value(self, value: Any, cast: bool = True) -> None:
        del value, cast  # "the flag was seen" is all there is to it
        self._names.set_value(self.names[0])


def _values(argument: Argument) -> int:
    """How many values a flag has got so far."""
    if argument.kind is list:
        return len(argument.value)
    return 0 if argument.raw_value is None else 1
