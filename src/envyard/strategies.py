"""The order in which an environment for a model is looked for: shared, old, built, previous, old even if unhealthy.

Each strategy gives an answer, or a finding: one line that says why not. docs/registry.md has the order for people.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from envyard.answers import old_answer, shared_answer
from envyard.candidates import Judgement, judge_generation, judge_legacy
from envyard.definition import Definition, Kind
from envyard.driver import driver_identity
from envyard.environment import Environment
from envyard.envspec import EnvSpec, Source
from envyard.errors import EnvyardError, NoEnvironmentForModel
from envyard.events import Listener
from envyard.fingerprint import Fingerprint, take_fingerprint
from envyard.health import Grade
from envyard.legacy import LegacyEnvironment
from envyard.outcome import Options
from envyard.pointer import PointerInvalid
from envyard.process import Cancellation
from envyard.records import Failure, load_failure
from envyard.sharing import digest_of, ensure_shared
from envyard.store import Store
from envyard.target import Target
from envyard.waiting import being_built, builder_words, wait_for_builder


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the caller allows: to `build`, to `wait` for somebody else's build; to `retry` what failed a moment ago; to
    `update` what works but is stale."""

    build: bool = True
    wait: bool = True
    retry: bool = False
    update: bool = False


class Resolution:
    """One search. `say` gets the sentences that a person should read."""

    def __init__(
        self,
        store: Store,
        target: Target,
        wishes: Wishes,
        *,
        listener: Listener,
        say: Callable[[str], None],
        cancellation: Cancellation,
    ) -> None:
        self.store, self.target, self.wishes = store, target, wishes
        self.listener, self.say, self.cancellation = listener, say, cancellation
        self.key = target.profile.key if target.profile else ""
        self.findings: list[str] = []
        self.since = 0.0  # when it became less than it should be
        self._error: EnvyardError | None = target.objection
        self._why_not_built = target.objection.message if target.objection else ""
        self._legacy: Judgement | None = None
        self._rebuild = False

    def run(self) -> EnvSpec:
        """The best environment there is. Raises `NoEnvironmentForModel`, `Cancelled`, or why no profile was chosen."""
        if self.target.objection is not None:
            self._find("profile", self.target.objection.message)
        for strategy in (self._shared, self._healthy_legacy, self._built, self._previous, self._any_legacy):
            self.cancellation.check()
            found = strategy()
            if found is not None:
                return found
        raise self._nothing()

    # --- strategies

    def _shared(self) -> EnvSpec | None:
        definition = self.target.definition
        if definition is None:
            return None
        environment = self.store.current(Kind.PROFILE, self.key)
        if environment is None:
            self._find("shared environment", f"`{self.key}` is not built")
            return None
        judgement = self._judge(environment, definition)
        if not judgement.grade.usable:
            self._rebuild = judgement.probed
            self._find("shared environment", f"`{self.key}` is {judgement.words}")
            return None
        if self.wishes.update and self.wishes.build and judgement.grade == Grade.STALE:
            built = self._build(definition)
            if built is not None:
                return built
            warning = f"`{self.key}` stays as it was: {self._why_not_built}"
            self.say(warning)
            return self._answer(Source.SHARED, environment, judgement, warning)
        self.say(f"using the shared environment `{self.key}` for {self.target.name} ({environment.generation})")
        return self._answer(Source.SHARED, environment, judgement)

    def _healthy_legacy(self) -> EnvSpec | None:
        legacy = self.target.legacy
        if legacy is None:
            self._find("old environment", "the model has none")
            return None
        judgement = self._judge_legacy(legacy)
        if judgement.grade != Grade.OK:
            self._find("old environment", f"{legacy.path} is {judgement.words}")
            return None
        warning = f"{self.target.name} uses its old environment, which works"
        if self.key:
            warning += f"; delete {legacy.path} to migrate to `{self.key}`, or run `invoke envs.migrate`"
        self.say(warning)
        return self._old_answer(Source.LEGACY, legacy, judgement, warning)

    def _built(self) -> EnvSpec | None:
        definition = self.target.definition
        if definition is None:
            return None
        building = being_built(self.store, Kind.PROFILE, self.key)
        if building and not self.wishes.wait:
            who = builder_words(self.store, Kind.PROFILE, self.key)
            self._not_built(f"it is being built by {who}, and the caller does not wait")
            return None
        if building and not self.wishes.build:
            wait_for_builder(self.store, Kind.PROFILE, self.key, self.listener, self.cancellation)
            found = self._shared()
            if found is not None:
                return found
        if not self.wishes.build:
            self._not_built("the caller wants nothing built")
            return None
        failure = self._standing_failure(definition)
        if failure is not None and not building and self._has_fallback(definition):
            self.since = failure.since
            self._not_built(f"creating it failed before: {failure.reason}")
            return None
        return self._build(definition)

    def _build(self, definition: Definition) -> EnvSpec | None:
        assert self.target.profile is not None, "a definition comes from a profile"
        verb = "updating" if self.wishes.update else "creating"
        self.say(f"{verb} the shared environment `{self.key}` for {self.target.name}, step by step")
        options = Options(force=self._rebuild, update=self.wishes.update)
        self._rebuild = False
        outcome = ensure_shared(
            self.store,
            self.target.profile,
            definition,
            model=self.target.model,
            options=options,
            listener=self.listener,
            cancellation=self.cancellation,
        )
        if outcome.error is not None:
            failure = load_failure(self.store, self.key)
            self._error, self.since = outcome.error, failure.since if failure else time.time()
            self._not_built(f"creating it failed: {outcome.error.message}")
            return None
        environment = outcome.environment
        assert environment is not None, "what did not fail is there"
        judgement = self._judge(environment, definition)
        if not judgement.grade.usable:
            self._not_built(f"it was created, and is {judgement.words}")
            return None
        self.say(f"using the shared environment `{self.key}` for {self.target.name} ({environment.generation})")
        return self._answer(Source.SHARED, environment, judgement)

    def _previous(self) -> EnvSpec | None:
        definition = self.target.definition
        if definition is None:
            return None
        for environment in self._older():
            judgement = self._judge(environment, definition, current=False)
            if judgement.grade.usable:
                warning = f"{self.target.name} falls back to the previous `{self.key}`: {self._why_not_built}"
                self.say(warning)
                return self._answer(Source.SHARED_PREVIOUS, environment, judgement, warning)
            self._find("previous environment", f"{environment.generation} is {judgement.words}")
        return None

    def _any_legacy(self) -> EnvSpec | None:
        legacy = self.target.legacy
        if legacy is None:
            return None
        judgement = self._judge_legacy(legacy)
        if not judgement.starts:
            return None
        why = self._why_not_built or "nothing better is there"
        warning = f"{self.target.name} falls back to its old environment ({judgement.words}): {why}"
        self.say(warning)
        return self._old_answer(Source.LEGACY_FALLBACK, legacy, judgement, warning)

    # --- parts

    def _judge(self, environment: Environment, definition: Definition, *, current: bool = True) -> Judgement:
        return judge_generation(
            self.store,
            environment,
            definition,
            self._fingerprint(definition) if current else None,
            again=self.wishes.retry,
            cancellation=self.cancellation,
        )

    def _judge_legacy(self, legacy: LegacyEnvironment) -> Judgement:
        if self._legacy is None:
            probe = self.target.profile.probe if self.target.profile else None
            self._legacy = judge_legacy(
                self.store, legacy, probe, again=self.wishes.retry, cancellation=self.cancellation
            )
        return self._legacy

    def _fingerprint(self, definition: Definition) -> Fingerprint | None:
        """None when the definition cannot be read: what was built before is still of use."""
        try:
            return take_fingerprint(definition)
        except EnvyardError:
            return None

    def _standing_failure(self, definition: Definition) -> Failure | None:
        failure = load_failure(self.store, self.key)
        if failure is None or self.wishes.retry or self.wishes.update:
            return None
        stands = failure.stands(fingerprint=digest_of(definition), driver=driver_identity())
        return failure if stands else None

    def _has_fallback(self, definition: Definition) -> bool:
        legacy = self.target.legacy
        if legacy is not None and self._judge_legacy(legacy).starts:
            return True
        return any(self._judge(one, definition, current=False).grade.usable for one in self._older())

    def _older(self) -> tuple[Environment, ...]:
        """The generations before the current one; and that one, which the failed build may have recovered."""
        try:
            pointer = self.store.pointer(Kind.PROFILE, self.key)
        except PointerInvalid:
            pointer = None
        names = (pointer.current, *pointer.previous) if pointer else ()
        return tuple(environment for name in names if (environment := self.store.load(name)) is not None)

    def _not_built(self, why: str) -> None:
        self._why_not_built = why
        self._find("creation", why)

    def _find(self, strategy: str, words: str) -> None:
        self.findings.append(f"{strategy}: {words}")

    # --- answers

    def _answer(self, source: Source, environment: Environment, judgement: Judgement, warning: str = "") -> EnvSpec:
        assert self.target.profile is not None, "a shared environment has a profile"
        degraded = source != Source.SHARED or judgement.grade == Grade.DEGRADED
        return shared_answer(
            source,
            self.target.profile,
            environment,
            judgement,
            model=self.target.model,
            warning=warning,
            reasons=self._reasons(),
            since=(self.since or time.time()) if degraded else 0.0,
        )

    def _old_answer(self, source: Source, legacy: LegacyEnvironment, judgement: Judgement, warning: str) -> EnvSpec:
        return old_answer(
            source,
            self.target.profile,
            legacy,
            judgement,
            model=self.target.model,
            warning=warning,
            reasons=self._reasons(),
            since=(self.since or time.time()) if source == Source.LEGACY_FALLBACK else 0.0,
        )

    def _reasons(self) -> tuple[str, ...]:
        """Why this profile, then what each strategy found."""
        return (*self.target.reasons, *self.findings)

    def _nothing(self) -> EnvyardError:
        if self.target.objection is not None and self.target.legacy is None:
            return self.target.objection  # nothing else was looked for, so nothing else is to be told
        details = list(self.findings)
        error = self._error
        if error is not None:
            details += [f"  {line}" for line in error.details]
        hint = error.hint if error is not None and error.hint else ""
        if not hint:
            hint = f"run `invoke envs.resolve --profile {self.key}` to build it" if self.key else "name a profile"
        return NoEnvironmentForModel(f"no environment runs {self.target.name}", details=details, hint=hint)
