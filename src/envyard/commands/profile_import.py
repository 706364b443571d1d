"""Turn an older JSON hardware profile into `profiles/<env key>.toml`: `profiles.import`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from envyard.contradictions import Examination, examine, question_for
from envyard.errors import ConfigurationInvalid, EnvyardError, ExitCode, UsageError
from envyard.events import Listener, ignore
from envyard.files import replacing
from envyard.jsonprofile import JsonProfile, load_json_profile
from envyard.process import Cancellation
from envyard.profile import Serves, env_key, parse_env_key, title_of
from envyard.profilefile import PROFILES_FOLDER, load_profile
from envyard.profiletext import comments_of, toml_of
from envyard.project import Workspace
from envyard.resolver import NotAsked


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What became of one JSON profile.

    - `file`: the profile that was written or, with a dry run or a refusal, would be; `text`: its content.
    - `examination`: what the resolver said; None when it was not asked, and `unchecked` says why.
    - `refused`: its requirements contradict each other, so it was not written.
    - `lockfiles`: those that the profile named that it replaces, or would; the new one names none.
    """

    source: JsonProfile
    key: str
    title: str
    file: Path
    text: str
    examination: Examination | None
    unchecked: str
    refused: bool
    dry_run: bool
    lockfiles: tuple[Path, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if self.refused else ExitCode.DONE


def import_profile(
    workspace: Workspace,
    source: Path,
    *,
    key: str = "",
    relax: bool = False,
    check: bool = True,
    overwrite: bool = False,
    platforms: Sequence[str] = (),
    dry_run: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> ImportResult:
    """Read `source`, ask the resolver, and write the profile, with `relax` also the loosened one.

    `key` replaces the env key that the packages suggest. A set that does not resolve is not written unless `relax`
    finds one that does. Without network the profile is written unchecked, and the result says so. Raises
    `ConfigurationInvalid`, `UsageError`.
    """
    profile = load_json_profile(source)
    if key:
        profile = replace(profile, serves=_serves(profile.serves, key))
    name = env_key(profile.serves)
    file = workspace.root / PROFILES_FOLDER / f"{name}.toml"
    if file.exists() and not overwrite:
        raise UsageError(
            f"there is already a profile `{name}`: {file}",
            hint="say `--overwrite` to replace it, or `--key` to give the new one another env key",
        )
    examination, unchecked = None, "its requirements were not checked (`--no-check`)"
    if check:
        examination, unchecked = _examine(workspace.root, profile, name, platforms, listener, cancellation)
    relaxation = examination.relaxation if examination else None
    refused = examination is not None and not examination.resolves and not (relax and examination.relaxation.found)
    changes = {one.before: one for one in relaxation.changes} if relaxation and relax else {}
    text = toml_of(profile, changes, comments_of(relaxation) if relaxation and relax else {}, platforms)
    _check_text(text, name)
    lockfiles = _named_lockfiles(workspace, name) if file.exists() else ()
    if not refused and not dry_run:
        with replacing(file) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return ImportResult(
        source=profile,
        key=name,
        title=title_of(profile.serves),
        file=file,
        text=text,
        examination=examination,
        unchecked=unchecked,
        refused=refused,
        dry_run=dry_run,
        lockfiles=lockfiles,
    )


def _examine(
    root: Path,
    profile: JsonProfile,
    key: str,
    platforms: Sequence[str],
    listener: Listener,
    cancellation: Cancellation | None,
) -> tuple[Examination | None, str]:
    """What the resolver says about the profile; None, and why, when it cannot be asked."""
    question = question_for(
        root,
        python=profile.python,
        preferred_python=profile.preferred_python,
        platforms=platforms,
        indexes=profile.indexes,
        torch_backend=profile.torch_backend,
    )
    try:
        lines = profile.requirements
        return examine(lines, question, key=key, listener=listener, cancellation=cancellation), ""
    except NotAsked as error:
        return None, f"its requirements were not checked: {error.message}"


def _named_lockfiles(workspace: Workspace, key: str) -> tuple[Path, ...]:
    """What the profile that is there names; one with mistakes names nothing that anybody could install."""
    try:
        return tuple(dict.fromkeys(load_profile(workspace.root, key).lockfiles.values()))
    except EnvyardError:
        return ()


def _serves(serves: Serves, key: str) -> Serves:
    """What the file says about hardware, with backend, accelerator and quantization from an env key."""
    said = parse_env_key(key)
    return replace(serves, backend=said.backend, accelerator=said.accelerator, quantization=said.quantization)


def _check_text(text: str, key: str) -> None:
    """That the new file is a profile. Raises `ConfigurationInvalid` with what stands against it."""
    with tempfile.TemporaryDirectory(prefix="envyard-import-") as folder:
        file = Path(folder, PROFILES_FOLDER, f"{key}.toml")
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
        try:
            load_profile(Path(folder), key)
        except ConfigurationInvalid as error:
            raise ConfigurationInvalid(
                f"what would become `{PROFILES_FOLDER}/{key}.toml` is no valid profile",
                details=error.details,
                hint="correct the JSON file, or choose another env key with `--key`",
            ) from None
