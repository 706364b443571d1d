"""Own entries in somebody's file: added, kept up to date and taken out, and nothing else is touched.

An entry is ours as long as its value is the one that we wrote, which a record says. What somebody else wrote is theirs,
also when it is what we would have written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Wish(Protocol):
    """An entry that should be in a file; each kind of file has its own: `JsonWish`, `XmlWish`."""

    @property
    def slot(self) -> str:
        """What tells this wish from the others of a file."""

    @property
    def label(self) -> str:
        """Its place, for people."""

    @property
    def depth(self) -> int:
        """How deep in the file it is: entries are taken out before those that hold them."""

    @property
    def record(self) -> Mapping[str, Any]:
        """What `read` makes this wish from, as JSON."""

    def look(self, text: str) -> bool | None:
        """True: it is there as wished; False: something else is there; None: nothing is."""

    def added(self, text: str) -> str:
        """The text with the entry, where there was none."""

    def replaced(self, text: str) -> str:
        """The text with the entry in place of another value."""

    def removed(self, text: str) -> str:
        """The text without the entry; "" when nothing is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The new text; `ours` is the record of what is in it by us; `kept` are places with values of the user."""

    text: str
    ours: Mapping[str, Any]
    kept: tuple[str, ...] = ()


def merge(
    text: str, wishes: Sequence[Wish], before: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Wish]
) -> Merged:
    """The text with every wish, unless the user has another value there, and without what was wished before only.

    `before` is the record of the last time, `read` makes a wish from an entry of it. "" when nothing is left. Raises
    what the wishes raise about a text that they cannot read.
    """
    old = {slot: read(data) for slot, data in before.items()}
    wished = {wish.slot for wish in wishes}
    gone = [wish for slot, wish in old.items() if slot not in wished]
    for wish in sorted(gone, key=lambda one: one.depth, reverse=True):
        if wish.look(text):
            text = wish.removed(text)
    ours: dict[str, Any] = {}
    kept: list[str] = []
    for wish in wishes:
        there = wish.look(text)
        wrote = wish.slot in old and old[wish.slot].look(text) is True
        if there is None:
            text = wish.added(text)
        elif not wrote:
            if not there:
                kept.append(wish.label)
            continue
        elif not there:
            text = wish.replaced(text)
        ours[wish.slot] = wish.record
    return Merged(text=text, ours=ours, kept=tuple(kept))
