"""One environment on its way through the protocol: check, lock, check again, build, publish.

The only caller of `Build`. `provision` decides the order of the steps of many jobs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from envyard.builder import Build
from envyard.definition import Definition
from envyard.environment import Environment
from envyard.errors import Cancelled, EnvironmentIncomplete, EnvyardError, LockfileStale
from envyard.events import BuildReasons, Finished, Listener, Phase, PhaseStarted, Waiting, Warned
from envyard.fetch import fetch_lock
from envyard.fingerprint import take_fingerprint
from envyard.health import Grade, Health, check_health
from envyard.installers.base import Installer, NotCached, Work
from envyard.installers.choose import choose_installer
from envyard.interpreter import Interpreter, find_interpreter
from envyard.locks import ExclusiveLock, Holder, collect
from envyard.process import Cancellation, environment_variable
from envyard.publish import Published, link_for_people, publish, published, refuse_foreign
from envyard.requirements import lockfile_is_stale
from envyard.store import KEEP_PREVIOUS, PointerInvalid, Store

ANCESTORS = "ENVYARD_BUILDING"  # env keys whose build started this process, separated by spaces


class Action(StrEnum):
    """What setting up did to an environment."""

    KEPT = "kept"
    BUILT = "built"
    REBUILT = "rebuilt"
    LINKED = "linked"
    PLANNED = "planned"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`update` also rebuilds what works but is stale; `force` rebuilds all; `frozen` refuses a stale lockfile;

    `replace_foreign` moves a folder that envyard did not make to the trash; `dry_run` only says what would be done;
    `jobs` builds at a time (0: as many as there are environments, at most eight).
    """

    update: bool = False
    force: bool = False
    frozen: bool = False
    replace_foreign: bool = False
    dry_run: bool = False
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one environment. `environment` is the one to use, also after a failure when an old one is left."""

    definition: Definition
    action: Action
    environment: Environment | None = None
    health: Health | None = None
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0
    error: EnvyardError | None = None

    @property
    def key(self) -> str:
        return self.definition.key


class Job:
    """One environment on its way. Every step is run by `attempt`, which turns an expected error into the outcome."""

    def __init__(
        self,
        store: Store,
        definition: Definition,
        options: Options,
        listener: Listener,
        cancellation: Cancellation,
    ) -> None:
        self.store, self.definition, self.options, self.cancellation = (
            store,
            definition,
            options,
            cancellation,
        )
        self.work = Work(key=definition.key, listener=listener, cancellation=cancellation)
        self.lock = ExclusiveLock(store, definition.kind, definition.key)
        self.locked = False
        self.health: Health | None = None
        self.lacking = False  # built offline, and something was not in the cache
        self._build: Build | None = None
        self._outcome: Outcome | None = None
        self._started = time.monotonic()

    @property
    def done(self) -> bool:
        return self._outcome is not None

    def outcome(self) -> Outcome:
        assert self._outcome is not None, f"{self.definition.key} was never finished"
        return self._outcome

    def attempt(self, step: Callable[[], None]) -> None:
        """Run one step; an expected error becomes the outcome."""
        try:
            step()
        except Cancelled:
            self.close()
            raise
        except EnvyardError as error:
            self.fail(error)
        except OSError as error:
            self.fail(EnvyardError(f"`{self.definition.key}`: {error.strerror or error}: {error.filename or ''}"))

    # --- steps

    def check(self) -> None:
        """The fast path, without a lock: done when the environment is there and is what is asked for."""
        self.fingerprint = take_fingerprint(self.definition)
        if self.options.frozen and lockfile_is_stale(self.definition):
            raise LockfileStale(
                f"the lockfile of `{self.definition.key}` is older than its requirements",
                hint=f"run `invoke envs.lock {self.definition.key}` and commit the result",
            )
        environment = self._current()
        self.health = health = check_health(environment, self.fingerprint)
        if self.options.force or health.needs_build(update=self.options.update):
            if self.options.dry_run:
                self._finish(Action.PLANNED, environment, self._reasons(health))
            return
        assert environment is not None
        link = self.definition.link
        if link is None or published(self.store, link, environment) == Published.CURRENT:
            self.store.touch(self.definition.kind, self.definition.key)
            self._finish(Action.KEPT, environment, health.reasons)
        elif self.options.dry_run:
            self._finish(Action.PLANNED, environment, (f"{link.name} does not lead to the environment",))

    def try_lock(self) -> None:
        self._refuse_recursion()
        if self.definition.link is not None and not self.options.replace_foreign:
            refuse_foreign(self.store, self.definition.link, self.definition.key)
        self.locked = self.lock.try_acquire()

    def wait_and_build_offline(self) -> None:
        """Somebody else builds it: wait, then build offline; most often nothing is left to do."""
        self.tell_phase(Phase.WAIT)
        self.lock.acquire(self._tell_waiting, self.cancellation)
        self.locked = True
        self.build_offline()

    def build_offline(self) -> None:
        """Under the lock: check again, then build from the cache. Not done afterwards when something is not cached."""
        environment = self._current(recover=True)
        self.health = health = check_health(environment, self.fingerprint)
        forced = self.options.force and not self._built_since_start(environment)
        if not forced and not health.needs_build(update=self.options.update):
            assert environment is not None
            self._publish(environment)
            self._finish(Action.LINKED, environment, health.reasons)
            return
        self.reasons = self._reasons(health)
        self.work.tell(BuildReasons(key=self.definition.key, reasons=self.reasons))
        self.interpreter: Interpreter = find_interpreter(self.definition.python)
        self.installer: Installer = choose_installer(self.definition.installer, self.interpreter)
        self._create()
        try:
            assert self._build is not None
            self._build.install(offline=True)
        except NotCached:
            self.lacking = True
            return
        self._complete()

    def build_fetched(self) -> None:
        """After the common fetch: from the cache again; online only when the fetch did not bring everything."""
        assert self._build is not None
        try:
            self._build.install(offline=True)
        except NotCached:
            with fetch_lock(self.store, self.work) as descriptors:
                self._build.work = replace(self._build.work, pass_fds=(*self._build.work.pass_fds, *descriptors))
                self._build.install(offline=False)
        self._complete()

    def fail(self, error: EnvyardError) -> None:
        if self.done:
            return
        before = self.store.current(self.definition.kind, self.definition.key)
        self._finish(Action.FAILED, before, (), error)

    def close(self) -> None:
        """Leave nothing behind: a half-built generation goes to the trash, the lock is released."""
        if self._build is not None:
            self._build.abandon()
            self._build = None
        self.lock.release()
        self.locked = False

    def tell_phase(self, phase: Phase) -> None:
        self.work.tell(PhaseStarted(key=self.definition.key, phase=phase))

    # --- parts of the steps

    def _create(self) -> None:
        self._build = Build(
            store=self.store,
            definition=self.definition,
            fingerprint=self.fingerprint,
            interpreter=self.interpreter,
            installer=self.installer,
            lock=self.lock,
            work=self.work,
            reasons=self.reasons,
        )
        self._build.create()

    def _complete(self) -> None:
        """Verify, commit, point, publish. A damaged cache is cleaned and the build done once more, from the start."""
        assert self._build is not None
        try:
            environment = self._build.commit()
        except EnvironmentIncomplete as error:
            packages = sorted({line.split("-")[0].replace("_", "-") for line in error.details})
            self.work.tell(
                Warned(
                    key=self.definition.key,
                    message=f"damaged files in the cache ({', '.join(packages)}): once more",
                )
            )
            self.installer.forget(packages, self._build.work)
            self._build.abandon()
            self._create()
            with fetch_lock(self.store, self.work):
                self._build.install(offline=False)
            environment = self._build.commit()
        self._build = None
        first = self.health is not None and self.health.grade == Grade.MISSING
        pointer = self.store.point(environment, self.reasons)
        self._publish(environment)
        self._forget_old(pointer.previous)
        self._finish(Action.BUILT if first else Action.REBUILT, environment, self.reasons)

    def _publish(self, environment: Environment) -> None:
        self.lock.write_intent(phase=Phase.PUBLISH)
        if self.definition.link is None:
            link_for_people(self.store, environment)
        else:
            publish(
                self.store,
                self.definition.link,
                environment,
                self.definition.publish,
                replace_foreign=self.options.replace_foreign,
            )
        self.store.touch(self.definition.kind, self.definition.key)

    def _forget_old(self, previous: Sequence[str]) -> None:
        """Collect the generations behind the one kept for a rollback, unless somebody still uses them."""
        kept = list(previous[:KEEP_PREVIOUS])
        for generation in previous[KEEP_PREVIOUS:]:
            try:
                if not collect(self.store, generation):
                    kept.append(generation)
            except (EnvyardError, OSError):
                kept.append(generation)
        pointer = self.store.pointer(self.definition.kind, self.definition.key)
        if pointer is not None and tuple(kept) != pointer.previous:
            self.store.write_pointer(replace(pointer, previous=tuple(kept)))

    def _current(self, *, recover: bool = False) -> Environment | None:
        kind, key = self.definition.kind, self.definition.key
        try:
            pointer = self.store.pointer(kind, key)
        except PointerInvalid:
            pointer = self.store.recover_pointer(kind, key) if recover else None
        if pointer is None:
            return None
        return self.store.load(pointer.current)

    def _built_since_start(self, environment: Environment | None) -> bool:
        """Whether another process built it while this one waited; forcing once more would be for nothing."""
        return environment is not None and environment.created > time.time() - (time.monotonic() - self._started)

    def _reasons(self, health: Health) -> tuple[str, ...]:
        if self.options.force and not health.needs_build(update=self.options.update):
            return (*health.reasons, "rebuild was asked for")
        return health.reasons

    def _refuse_recursion(self) -> None:
        """A build that asks for the environment it builds would wait for itself for ever."""
        if self.definition.key in environment_variable(ANCESTORS).split():
            raise EnvyardError(
                f"the build of `{self.definition.key}` asks for its own environment",
                hint="look for a call of envyard in the project's build script",
            )

    def _tell_waiting(self, holder: Holder | None, seconds: float) -> None:
        self.work.tell(
            Waiting(
                key=self.definition.key,
                holder_pid=holder.pid if holder else 0,
                holder_host=holder.host if holder else "",
                holder_phase=holder.phase if holder else "",
                holder_seconds=holder.seconds if holder else 0.0,
                holder_alive=holder.alive if holder else True,
                seconds=seconds,
            )
        )

    def _finish(
        self,
        action: Action,
        environment: Environment | None,
        reasons: tuple[str, ...],
        error: EnvyardError | None = None,
    ) -> None:
        self._outcome = Outcome(
            definition=self.definition,
            action=action,
            environment=environment,
            health=self.health,
            reasons=reasons,
            seconds=time.monotonic() - self._started,
            error=error,
        )
        self.close()
        message = error.message if error else "; ".join(reasons)
        self.work.tell(Finished(key=self.definition.key, action=action, seconds=self._outcome.seconds, message=message))
