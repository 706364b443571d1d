"""The files `profiles/<env key>.toml` of a workspace, read and checked; docs/profiles.md describes them.

A file whose name begins with `_` is a base: others extend it, and it is no profile itself.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from envyard.configuration import read_toml
from envyard.errors import ConfigurationInvalid
from envyard.fields import Table
from envyard.places import Places
from envyard.problems import Problems, invalid
from envyard.profile import Profile, profile_not_found
from envyard.profiledraft import Draft, complete, extend, read_draft
from envyard.wording import closest, shown

PROFILES_FOLDER = "profiles"
_REFERENCE = "docs/profiles.md"
_NAME = r"_?[a-z0-9][a-z0-9._-]{0,99}"
_DEPTH = 16  # a chain of bases this long is a mistake


def load_profiles(root: Path) -> tuple[Profile, ...]:
    """Every profile of the workspace in the folder `root`, by env key; none without a folder `profiles`.

    Raises `ConfigurationInvalid` with all mistakes of all files at once.
    """
    return _Folder(root).load_all()


def load_profile(root: Path, key: str) -> Profile:
    """The one profile with this env key; mistakes in the files of others do not matter.

    Raises `ProfileNotFound`, and `ConfigurationInvalid` with the mistakes of its file and of those that it extends.
    """
    return _Folder(root).load_one(key)


def profile_keys(root: Path) -> tuple[str, ...]:
    """The env keys that there are files for, whatever is in them."""
    return tuple(name for name in _Folder(root).files if not name.startswith("_"))


class _Folder:
    """The folder while it is read: each file once, its mistakes gathered."""

    def __init__(self, root: Path) -> None:
        self.path = os.path.join(os.path.abspath(root), PROFILES_FOLDER)
        self.places = Places(os.path.abspath(root))
        self.files = self._list()
        self.mistakes: dict[str, list[str]] = {}
        self._drafts: dict[str, tuple[Draft, Table] | None] = {}
        self._whole: dict[str, Draft | None] = {}

    def load_all(self) -> tuple[Profile, ...]:
        for name in self.files:
            if name.startswith("_"):
                self._resolve(name, ())
        found = [self._profile(name) for name in self.files if not name.startswith("_")]
        self._raise_if_any()
        return tuple(sorted((each for each in found if each is not None), key=lambda profile: profile.key))

    def load_one(self, key: str) -> Profile:
        if key not in self.files or key.startswith("_"):
            raise profile_not_found(key, [name for name in self.files if not name.startswith("_")])
        profile = self._profile(key)
        self._raise_if_any()
        assert profile is not None, "without a mistake there is a profile"
        return profile

    def _list(self) -> dict[str, str]:
        """Name without `.toml` -> file name. What is hidden, or no TOML by its name, is somebody else's."""
        try:
            names = sorted(os.listdir(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            problem = f"{PROFILES_FOLDER}: cannot be read: {error.strerror}"
            raise invalid(self.path, [problem], reference=_REFERENCE) from error
        found = {}
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix.casefold() == ".toml" and not name.startswith("."):
                found[stem] = name
        return found

    def _profile(self, name: str) -> Profile | None:
        draft = self._resolve(name, ())
        read = self._drafts.get(name)
        if draft is None or read is None:
            return None
        table = read[1]
        profile = complete(draft, table, Path(self.path, self.files[name]))
        if profile is not None and self.files[name] != f"{profile.key}.toml":
            table.problems.add(
                ("serves",),
                f"the file is called {shown(self.files[name])}, but serves what has another env key",
                suggestion=f"{profile.key}.toml",
            )
        return profile if self._collect(name, table.problems) else None

    def _resolve(self, name: str, below: tuple[str, ...]) -> Draft | None:
        """What a file and all that it extends say together; None when any of them has a mistake."""
        if name not in self._whole:
            read = self._read(name)
            self._whole[name] = None if read is None else self._extended(name, *read, below)
        return self._whole[name]

    def _extended(self, name: str, draft: Draft, table: Table, below: tuple[str, ...]) -> Draft | None:
        above = None
        if draft.extends and self._may_extend(draft.extends, table, (*below, name)):
            above = self._resolve(draft.extends, (*below, name))
        sound = self._collect(name, table.problems)
        if sound and above is not None:
            draft = extend(above, draft, table)
            sound = self._collect(name, table.problems)
        return draft if sound and (above is not None or not draft.extends) else None

    def _may_extend(self, parent: str, table: Table, chain: tuple[str, ...]) -> bool:
        if re.fullmatch(_NAME, parent) is None:
            expected = "the name of another file in `profiles`, without `.toml`"
            table.mistake("extends", f"{shown(parent)} is not valid", expected=expected)
        elif parent in chain:
            circle = " -> ".join(f"`{each}`" for each in (*chain[chain.index(parent) :], parent))
            table.mistake("extends", f"goes round in a circle: {circle}")
        elif parent not in self.files:
            guess = closest(parent, [each for each in self.files if each not in chain])
            expected = "" if guess else "another file in `profiles`, without `.toml`"
            table.mistake("extends", f"there is no {shown(f'{parent}.toml')}", expected=expected, suggestion=guess)
        elif len(chain) >= _DEPTH:
            table.mistake("extends", f"is step {_DEPTH} of a chain", expected="a shorter chain")
        else:
            return True
        return False

    def _read(self, name: str) -> tuple[Draft, Table] | None:
        if name not in self._drafts:
            self._drafts[name] = None
            self._drafts[name] = self._read_file(name)
        return self._drafts[name]

    def _read_file(self, name: str) -> tuple[Draft, Table] | None:
        shown_name = f"{PROFILES_FOLDER}/{self.files[name]}"
        file = os.path.join(self.path, self.files[name])
        place = self.places.find(shown_name)
        if place.objection:
            self.mistakes[name] = [f"{_printable(shown_name)}: its name {place.objection}"]
            return None
        try:
            table = read_toml(file, _printable(shown_name), reference=_REFERENCE)
        except ConfigurationInvalid as error:
            self.mistakes[name] = list(error.details)
            return None
        except FileNotFoundError:  # removed since the folder was listed, or a link to nothing
            self.mistakes[name] = [f"{_printable(shown_name)}: is a link that leads to nothing"]
            return None
        draft = read_draft(table, self.places)
        table.finish()
        return draft, table

    def _collect(self, name: str, problems: Problems) -> bool:
        """Whether a file has no mistakes so far; its list is that of the last look, which has all of them."""
        try:
            problems.raise_if_any()
        except ConfigurationInvalid as error:
            self.mistakes[name] = list(error.details)
            return False
        return True

    def _raise_if_any(self) -> None:
        details = [line for name in sorted(self.mistakes) for line in self.mistakes[name]]
        if details:
            raise invalid(self.path, details, reference=_REFERENCE)


def _printable(text: str) -> str:
    shortened = f"{text[:60]}...{text[-10:]}" if len(text) > 80 else text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in shortened)
