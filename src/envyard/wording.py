"""How messages name what a file says: text in backticks, choices, kinds of values, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable


class WrittenFloat(float):
    """A number of a TOML file that remembers how it was written (give it to tomllib as `parse_float`)."""

    written: str

    def __new__(cls, written: str) -> WrittenFloat:
        """The number that `written` stands for."""
        number = super().__new__(cls, written)
        number.written = written
        return number


def shown(text: str) -> str:
    """Text from a file within backticks, on one line and not too long."""
    text = escaped(text)
    return f"`{text[:77]}...`" if len(text) > 80 else f"`{text}`"


def listed(words: Iterable[str]) -> str:
    """Words within backticks, as a choice: `a`, `b` or `c`."""
    quoted = [f"`{word}`" for word in words]
    return " or ".join(quoted) if len(quoted) < 3 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or ""."""
    import difflib  # only mistakes need it

    folded = {each.casefold(): each for each in known}
    matches = difflib.get_close_matches(word[:100].casefold(), folded, n=1)
    return folded[matches[0]] if matches else ""


def kind_of(value: object) -> str:
    """What a TOML value is, in words that follow "is"."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, int | float):
        return f"the number {written_form(value)}"
    if isinstance(value, list):
        return "a list of tables" if value and isinstance(value[0], dict) else "a list"
    return "a table" if isinstance(value, dict) else "a date or time"


def written_form(value: float) -> str:
    """A number as the file writes it."""
    if isinstance(value, WrittenFloat):
        return value.written
    try:
        return str(value)
    except ValueError:  # Python refuses to print an integer of more than 4300 digits
        return hex(value)[:20] + "..." if isinstance(value, int) else repr(value)


def escaped(text: str) -> str:
    """Text on one line, whatever it holds."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
