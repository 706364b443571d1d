"""One environment on its way through the protocol: check, lock, check again, build, publish.

The only caller of `Build`. It starts where `check` found something to do; `schedule` orders the steps of many jobs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from envyard.builder import Build, audit
from envyard.check import Checked, reasons_to_build, recovered_environment
from envyard.environment import Environment
from envyard.errors import Cancelled, CommandFailed, EnvironmentIncomplete, EnvyardError
from envyard.events import BuildReasons, Finished, Listener, Phase, PhaseStarted, Warned
from envyard.fetch import fetch_lock
from envyard.files import file_unusable
from envyard.fingerprint import take_fingerprint
from envyard.health import Grade, Health, check_health
from envyard.history import Event, What, record
from envyard.installers.base import ANCESTORS, Installer, NotCached, Work
from envyard.installers.choose import choose_installer
from envyard.interpreter import Interpreter, find_preferred
from envyard.locks import ExclusiveLock, Holder
from envyard.outcome import Action, Options, Outcome
from envyard.process import Cancellation, environment_variable
from envyard.publish import link_for_people, publish, refuse_foreign
from envyard.requirements import load_text, parse_lockfile, refuse_invalid_toml
from envyard.restart import remember_proof, unproven
from envyard.retention import forget_old
from envyard.store import Store
from envyard.waiting import waiting_event


class Job:
    """One environment on its way. Every step is run by `attempt`, which turns an expected error into the outcome."""

    def __init__(
        self, store: Store, checked: Checked, options: Options, listener: Listener, cancellation: Cancellation
    ) -> None:
        self.store, self.options, self.cancellation = store, options, cancellation
        self.definition, self.fingerprint, self.health = checked.definition, checked.fingerprint, checked.health
        self.work = Work(key=self.definition.key, listener=listener, cancellation=cancellation)
        self.lock = ExclusiveLock(store, self.definition.kind, self.definition.key)
        self.locked = False
        self.lacking = False  # built offline, and something was not in the cache
        self._build: Build | None = None
        self._broken = False  # whether the generation that was current is of no use any more
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
            self.fail(file_unusable(self.definition.key, error))

    # --- steps

    def try_lock(self) -> None:
        self._refuse_recursion()
        if self.definition.link is not None and not self.options.replace_foreign:
            refuse_foreign(self.store, self.definition.link, self.definition.key)
        self.locked = self.lock.try_acquire()
        if self.locked:
            self.lock.write_intent(phase=Phase.CHECK)

    def wait_and_build_offline(self) -> None:
        """Somebody else builds it: wait, then build offline; most often nothing is left to do."""
        self.tell_phase(Phase.WAIT)
        self.lock.acquire(self._tell_waiting, self.cancellation)
        self.locked = True
        self.lock.write_intent(phase=Phase.CHECK)
        self.build_offline()

    def build_offline(self) -> None:
        """Under the lock: check again, then build from the cache. Not done afterwards when something is not cached."""
        self.fingerprint = take_fingerprint(self.definition)  # the files may have changed while this process waited
        environment, told = recovered_environment(self.store, self.definition.kind, self.definition.key)
        self.health = health = check_health(environment, self.fingerprint)
        proved = environment is not None and health.grade.usable and unproven(self.store, environment)
        if environment is not None and proved:
            self.tell_phase(Phase.VERIFY)
            audited = self._audit(environment)
            if audited.grade.usable:
                remember_proof(self.store, environment)
            else:
                self.health = health = audited
        if environment is not None and not health.grade.usable:
            self._broken = True
        forced = self.options.force and not self._built_since_start(environment)
        if not forced and not health.needs_build(update=self.options.update):
            assert environment is not None
            self._publish(environment)
            self._forget_old()
            self._finish(Action.KEPT if proved and not told else Action.LINKED, environment, (*told, *health.reasons))
            return
        self.reasons = reasons_to_build(health, self.options)
        self.work.tell(BuildReasons(key=self.definition.key, reasons=self.reasons))
        definition = self.definition
        self.interpreter: Interpreter = find_preferred(
            definition.preferred_python, definition.python, definition.python_key
        )
        self.installer: Installer = choose_installer(self.definition.installer, self.interpreter)
        refuse_invalid_toml(definition)
        self._create()
        try:
            self._install(offline=True)
        except NotCached:
            assert self._build is not None
            self._build.check_paths()
            self.lacking = True
            return
        self._complete()

    def build_fetched(self) -> None:
        """After the common fetch: from the cache again; online only when the fetch did not bring everything."""
        try:
            self._install(offline=True)
        except NotCached:
            self._install(offline=False)
        self._complete()

    def fail(self, error: EnvyardError) -> None:
        if self.done:
            return
        before = self.store.current(self.definition.kind, self.definition.key)
        if self.locked:
            generation = "" if before is None else before.generation
            self._record(What.FAILED, self.health.grade, (error.message,), generation, {})
        self._finish(Action.FAILED, before, (), error)

    def close(self) -> None:
        """Leave nothing behind: a half-built generation goes to the trash, the lock is released."""
        if self._build is not None:
            self._build.abandon()
            self._build = None
        self.lock.release()
        self.locked = False

    @property
    def pins_file(self) -> Path | None:
        """The pins of the build under way, if there is one and they are known."""
        return None if self._build is None else self._build.pins_file

    def tell_phase(self, phase: Phase) -> None:
        self.work.tell(PhaseStarted(key=self.definition.key, phase=phase))

    # --- parts of the steps

    def _audit(self, environment: Environment) -> Health:
        """Broken, when files of a generation are missing or short; ok otherwise."""
        try:
            count = audit(environment.path, environment.path / environment.site_packages, self.work).problem_count
        except CommandFailed as error:
            return Health(grade=Grade.BROKEN, reasons=(error.message,))
        if count:
            return Health(
                grade=Grade.BROKEN, reasons=(f"{count} of its files did not survive a restart of the machine",)
            )
        return Health(grade=Grade.OK)

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
            limit=self.options.path_limit(),
        )
        self._build.create()

    def _install(self, *, offline: bool) -> None:
        try:
            self._fill(offline=offline)
        except EnvironmentIncomplete as error:
            self._start_over(error)

    def _fill(self, *, offline: bool) -> None:
        assert self._build is not None
        if offline:
            self._build.install(offline=True)
        else:
            with fetch_lock(self.store, self.work) as descriptors:
                self._build.install(offline=False, inherit=descriptors)

    def _start_over(self, error: EnvironmentIncomplete) -> None:
        """Drop what is damaged from the cache and build anew; should that not be all of it, drop everything."""
        assert self._build is not None
        pins = parse_lockfile(load_text(self._build.pins_file)) if self._build.pins_file else ()
        last = error
        everything = sorted({"pip", *error.packages, *(pin.name for pin in pins)})  # pip: the seed of every environment
        for packages in (error.packages, everything):
            message = f"damaged files in the cache ({', '.join(last.packages)}): once more"
            self.work.tell(Warned(key=self.definition.key, message=message))
            self.installer.forget(packages, self.work)
            self._build.abandon()
            self._create()
            try:
                self._fill(offline=False)
                return
            except EnvironmentIncomplete as again:
                last = again
        raise last

    def _complete(self) -> None:
        """Verify, commit, point, publish. A damaged cache is cleaned and the build done once more, from the start."""
        assert self._build is not None
        try:
            environment = self._build.commit()
        except EnvironmentIncomplete as error:
            self._start_over(error)
            environment = self._build.commit()
        verdict = self._build.verdict
        self._build = None
        first = self.health.grade == Grade.MISSING
        self.store.point(environment, self.reasons)
        what, reasons = What.BUILT if first else What.REBUILT, (*self.reasons, *(verdict.reasons if verdict else ()))
        grade = verdict.grade if verdict else Grade.OK
        self._record(what, grade, reasons, environment.generation, environment.seconds)
        self._publish(environment)
        self._forget_old()
        self._finish(Action.BUILT if first else Action.REBUILT, environment, self.reasons)

    def _record(
        self, what: What, grade: Grade, reasons: tuple[str, ...], generation: str, seconds: Mapping[str, float]
    ) -> None:
        event = Event(time=time.time(), what=what, grade=grade, reasons=reasons, generation=generation, seconds=seconds)
        record(self.store, self.definition.kind, self.definition.key, event)

    def _publish(self, environment: Environment) -> None:
        self.lock.write_intent(phase=Phase.PUBLISH)
        link = self.definition.link or self.store.root / self.definition.key
        aside = self._linked_for_people(environment) if self.definition.link is None else self._published(environment)
        if aside is not None:
            message = f"what stood at {link} is in {aside} now"
            self.work.tell(Warned(key=self.definition.key, message=message))
        self.store.touch(self.definition.kind, self.definition.key)

    def _published(self, environment: Environment) -> Path | None:
        assert self.definition.link is not None, "that of a project"
        mode, foreign = self.definition.publish, self.options.replace_foreign
        return publish(self.store, self.definition.link, environment, mode, replace_foreign=foreign)

    def _linked_for_people(self, environment: Environment) -> Path | None:
        """Only people look at this link, so an environment is as good without it."""
        try:
            return link_for_people(self.store, environment)
        except (EnvyardError, OSError, NotImplementedError) as error:
            message = f"no link {self.definition.key} was made in the store: {error}"
            self.work.tell(Warned(key=self.definition.key, message=message))
            return None

    def _forget_old(self) -> None:
        pointer = self.store.pointer(self.definition.kind, self.definition.key)
        assert pointer is not None, "written a moment ago, under the lock that is still held"
        # what broke the current one may have broken the others, which share most of their files
        forget_old(self.store, pointer, (lambda one: self._audit(one).grade.usable) if self._broken else None)

    def _built_since_start(self, environment: Environment | None) -> bool:
        """Whether another process built it while this one waited; forcing once more would be for nothing."""
        return environment is not None and environment.created > time.time() - (time.monotonic() - self._started)

    def _refuse_recursion(self) -> None:
        """A build that asks for the environment it builds would wait for itself for ever."""
        if self.definition.key in environment_variable(ANCESTORS).split():
            raise EnvyardError(
                f"the build of `{self.definition.key}` asks for its own environment",
                hint="look for a call of envyard in the project's build script",
            )

    def _tell_waiting(self, holder: Holder | None, seconds: float) -> None:
        self.work.tell(waiting_event(self.definition.key, holder, seconds))

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
