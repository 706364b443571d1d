"""What is looked for: the needs of a model, the profile that serves them on this machine, and its old environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from envyard.definition import Definition, profile_definition
from envyard.errors import ConfigurationInvalid, EnvyardError, ModelUnreadable, ProfileNotFound
from envyard.hardware import Hardware
from envyard.legacy import LegacyEnvironment, find_legacy, legacy_name
from envyard.matching import choose_profile
from envyard.model import Model, read_model
from envyard.platforms import this_platform
from envyard.profile import Profile, find_profile
from envyard.profilefile import load_profile, load_profiles
from envyard.project import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a caller asks for, as said: a model, a profile, or both; a profile that is named is not chosen."""

    model: str = ""
    profile: str = ""
    backend: str = ""
    quantization: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a question means. Without a `profile`, because of `objection`, only an old environment can serve.

    - `model`: its resolved path or hub id, "" when no model was named; `reasons`: why this profile.
    - `witnesses`: the files that decided, besides the workspace's own.
    """

    model: str
    profile: Profile | None
    definition: Definition | None
    legacy: LegacyEnvironment | None
    reasons: tuple[str, ...] = ()
    objection: EnvyardError | None = None
    witnesses: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.model or (self.profile.title if self.profile else "")


def find_target(
    workspace: Workspace, question: Question, hardware: Callable[[Workspace], Hardware], environments: Path | None
) -> Target:
    """Read what is needed and choose. `hardware` is asked only when a profile has to be chosen.

    Raises `ModelNotFound`, and `ProfileNotFound` or `ConfigurationInvalid` for a profile that the caller named. What
    stands against choosing one is an objection, since the model may still have an old environment.
    """
    model, objection = _read(question)
    profile: Profile | None = None
    reasons: tuple[str, ...] = ()
    if question.profile or not question.model:
        profile, reasons = _named(workspace, question.profile), ("the caller named the profile",)
        objection = None
    elif objection is None and model is not None:
        try:
            choice = choose_profile(
                load_profiles(workspace.root), model.backend, model.quantization, hardware(workspace), this_platform()
            )
            profile, reasons = choice.profile, (*model.reasons, *choice.reasons, *choice.warnings)
        except (ProfileNotFound, ConfigurationInvalid) as error:
            objection, reasons = error, model.reasons
    folder = environments or workspace.environments
    witnesses: tuple[Path, ...] = ()
    if model is not None:
        named = Path(os.path.abspath(os.path.expanduser(question.model)))  # a link may lead elsewhere tomorrow
        path = (model.path,) if model.path else ()
        witnesses = (named, *path, *model.files, folder / legacy_name(model.identity))
    return Target(
        model=model.identity if model else "",
        profile=profile,
        definition=None if profile is None else profile_definition(workspace, profile, this_platform()),
        legacy=find_legacy(folder, model.identity) if model else None,
        reasons=reasons,
        objection=objection,
        witnesses=witnesses,
    )


def _read(question: Question) -> tuple[Model | None, EnvyardError | None]:
    """The model, and why it could not be read: then at least it is known which one it is."""
    if not question.model:
        return None, None
    plain = read_model(question.model, backend="transformers", quantization="")  # reads nothing, finds the path
    if question.profile:
        return plain, None
    try:
        return read_model(question.model, backend=question.backend, quantization=question.quantization), None
    except ModelUnreadable as error:
        return plain, error


def _named(workspace: Workspace, name: str) -> Profile:
    """A profile by its env key, or by its title for people; mistakes in the files of others do not matter."""
    try:
        return load_profile(workspace.root, name)
    except ProfileNotFound:
        return find_profile(load_profiles(workspace.root), name)
