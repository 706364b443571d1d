"""From a chosen environment to the answer that the caller gets."""

from __future__ import annotations

from envyard.candidates import Judgement
from envyard.environment import Environment
from envyard.envspec import EnvMetadata, EnvSpec, Source
from envyard.health import Grade
from envyard.legacy import LegacyEnvironment
from envyard.profile import Profile


def shared_answer(
    source: Source,
    profile: Profile,
    environment: Environment,
    judgement: Judgement,
    *,
    model: str,
    warning: str = "",
    reasons: tuple[str, ...] = (),
    since: float = 0.0,
) -> EnvSpec:
    """A generation of a profile environment. Whatever is not current counts as degraded."""
    grade = judgement.grade if source == Source.SHARED else Grade.DEGRADED
    metadata = EnvMetadata(
        env_key=profile.key,
        status=grade.upper(),
        source=source,
        profile=profile.key,
        title=profile.title,
        migration_target="",
        legacy_path="",
        warning=warning or _warning(profile, judgement),
        reasons=[*reasons, *judgement.reasons],
        path=str(environment.path),
        generation=environment.generation,
        python_version=judgement.version,
        environment=dict(profile.environment),
        model=model,
        degraded_since=since,
    )
    return EnvSpec(key=profile.key, python_executable=environment.python, metadata=metadata)


def old_answer(
    source: Source,
    profile: Profile | None,
    legacy: LegacyEnvironment,
    judgement: Judgement,
    *,
    model: str,
    warning: str,
    reasons: tuple[str, ...] = (),
    since: float = 0.0,
) -> EnvSpec:
    """An old per-model environment."""
    metadata = EnvMetadata(
        env_key=legacy.name,
        status="OK" if source == Source.LEGACY else "DEGRADED",
        source=source,
        profile=profile.key if profile else "",
        title=profile.title if profile else "",
        migration_target=profile.key if profile else "",
        legacy_path=str(legacy.path),
        warning=warning,
        reasons=[*reasons, *judgement.reasons],
        path=str(legacy.venv),
        generation="",
        python_version=judgement.version,
        environment={},
        model=model,
        degraded_since=since,
    )
    return EnvSpec(key=legacy.name, python_executable=legacy.python, metadata=metadata)


def _warning(profile: Profile, judgement: Judgement) -> str:
    why = "; ".join(judgement.reasons)
    if judgement.grade == Grade.STALE:
        return (
            f"`{profile.key}` works, and is not what its profile asks for now ({why}); "
            f"`invoke envs.resolve --profile {profile.key} --update` builds that"
        )
    if judgement.grade == Grade.DRIFTED:
        return f"`{profile.key}` works, and was changed by hand ({why})"
    if judgement.grade == Grade.DEGRADED:
        return f"`{profile.key}` works, but does less than its profile promises: {why}"
    return ""
