"""Loosen the fewest requirements of a profile so that all of them resolve: `profiles.relax`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.commands.profiles import stale_lockfiles
from envyard.contradictions import Examination, examine, profile_question, requirement_places
from envyard.definition import Kind
from envyard.errors import ExitCode
from envyard.events import Listener, ignore
from envyard.files import replacing
from envyard.process import Cancellation
from envyard.profilefile import load_profile
from envyard.profiletext import comments_of, relaxed_text
from envyard.project import Workspace
from envyard.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxResult:
    """What the resolver said about a profile, and whether its file was changed.

    `places` says for each requirement in which file and line it stands, as it begins a line of a message.
    `stale` are the lockfiles that the change made older than their profile (env key -> paths): of this profile, and of
    those that extend it. `built`: it has an environment, which is not what the profile asks for any more.
    """

    key: str
    file: Path
    examination: Examination
    places: Mapping[str, str]
    written: bool
    dry_run: bool
    stale: Mapping[str, tuple[Path, ...]]
    built: bool

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE if self.examination.relaxation.found else ExitCode.FAILED


def relax(
    workspace: Workspace,
    key: str,
    *,
    platforms: Sequence[str] = (),
    dry_run: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> RelaxResult:
    """Find the smallest relaxation of the profile `key` and write it, with a comment on each changed line.

    A requirement that comes from a file it extends is not changed there: the profile gets a line of its own instead.
    Raises `ProfileNotFound`, `ConfigurationInvalid`, and `NotAsked` when the resolver cannot be asked.
    """
    profile = load_profile(workspace.root, key)
    question = profile_question(profile, workspace.root, platforms=platforms)
    examination = examine(profile.requirements, question, key=profile.key, listener=listener, cancellation=cancellation)
    where = requirement_places(profile, workspace.root)
    relaxation = examination.relaxation
    written = bool(relaxation.found and relaxation.changes and not dry_run)
    before = stale_lockfiles(workspace) if written else {}
    if written:
        text = profile.file.read_bytes().decode("utf-8-sig")
        new = relaxed_text(text, relaxation.changes, comments_of(relaxation))
        with replacing(profile.file) as temporary:
            temporary.write_text(new, encoding="utf-8", newline="")
    stale = stale_lockfiles(workspace) if written else {}
    stale = {name: files for name, files in stale.items() if name not in before}
    own = tuple(dict.fromkeys(file for file in profile.lockfiles.values() if file.is_file()))
    if written and own:
        stale[profile.key] = own
    current = Store(workspace.store).current(Kind.PROFILE, profile.key)
    return RelaxResult(
        key=profile.key,
        file=profile.file,
        examination=examination,
        places={line: where(line) for line in profile.requirements},
        written=written,
        dry_run=dry_run,
        stale=stale,
        built=written and current is not None,
    )
