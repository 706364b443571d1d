"""Which Python runs this model? The door for applications that embed envyard; docs/registry.md is its manual.

Importing this module imports neither rich nor nox nor invoke, and making an `EnvRegistry` reads nothing yet.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from envyard.definition import Definition, Kind
from envyard.driver import driver_identity
from envyard.environment import Environment
from envyard.envspec import EnvSpec, Source
from envyard.errors import EnvironmentMissing, EnvyardError, ModelNotFound
from envyard.events import BuildReasons, Event, Finished, Listener, PhaseStarted, Told, Waiting, Warned, ignore
from envyard.hardware import Hardware, resolve_hardware
from envyard.locks import Lease, take_lease
from envyard.memory import Memory, signatures
from envyard.pointer import PointerInvalid
from envyard.process import Cancellation, environment_variable
from envyard.profilefile import PROFILES_FOLDER
from envyard.project import Workspace
from envyard.records import ModelRecord, failure_path, load_model, save_model
from envyard.store import Store
from envyard.strategies import Resolution, Wishes
from envyard.target import Question, Target, find_target
from envyard.workspace import find_workspace, load_workspace

__all__ = ["EnvRegistry", "EnvSpec", "Source"]

_logger = logging.getLogger("envyard")
_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "ENVYARD_ENVIRONMENTS",
    "ENVYARD_HARDWARE",
    "ENVYARD_WORKSPACE",
    "HF_HOME",
    "HF_HUB_CACHE",
    "XDG_CACHE_HOME",
)  # that decide too

Say = Callable[[str], None]


class EnvRegistry:
    """The shared profile environments of one workspace. Every method may be called from any thread.

    - `root`: the workspace; None finds it from the current folder upwards.
    - `environments`: the folder of old per-model environments; None is that of the workspace.
    - `hardware`: what profiles are chosen for, such as `cpu` or `cuda:8.6`; "" is what the machine has.
    - `listener` hears the events of `envyard.events`, from worker threads; `log` gets each line that the logger
      `envyard` gets. Both must be quick and must not raise.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        *,
        environments: str | Path | None = None,
        hardware: str = "",
        listener: Listener = ignore,
        log: Say | None = None,
    ) -> None:
        self._root = Path(os.path.abspath(root)) if root is not None else None
        self._environments = Path(os.path.abspath(environments)) if environments is not None else None
        self._listener, self._log = listener, log
        self._hardware = hardware
        self._found: tuple[tuple[str, ...], Hardware] | None = None
        self._mutex = threading.Lock()
        self._memory = Memory(_machine)

    # --- questions

    def get_env_for_model(
        self,
        model_path: str | Path,
        *,
        profile: str = "",
        backend: str = "",
        quantization: str | None = None,
        build: bool = True,
        wait: bool = True,
        retry: bool = False,
        update: bool = False,
        listener: Listener | None = None,
        cancellation: Cancellation | None = None,
    ) -> EnvSpec:
        """The environment that runs the model at `model_path` (a path or a hub id), made if need be.

        `profile`, `backend` and `quantization` override what its files say. Without `build` nothing is built; without
        `wait` nobody else's build is waited for; `retry` tries again what failed a moment ago; `update` also builds
        anew what works but is not what its profile asks for. `cancellation.cancel()` stops it from any thread.

        Raises `NoEnvironmentForModel`, `ModelNotFound`, `ModelUnreadable`, `ProfileNotFound`, `ConfigurationInvalid`
        and `Cancelled`, all of them `EnvyardError`.
        """
        question = Question(model=os.fspath(model_path), profile=profile, backend=backend, quantization=quantization)
        if not question.model:
            raise ModelNotFound(
                "the name of the model is empty, or holds a NUL character", hint="name its folder, or a hub id"
            )
        wishes = Wishes(build=build, wait=wait, retry=retry, update=update)
        return self._ask(question, wishes, listener, cancellation)

    def get_env_for_profile(
        self,
        key: str,
        *,
        build: bool = True,
        wait: bool = True,
        retry: bool = False,
        update: bool = False,
        listener: Listener | None = None,
        cancellation: Cancellation | None = None,
    ) -> EnvSpec:
        """The shared environment of the profile `key`, for whatever model."""
        wishes = Wishes(build=build, wait=wait, retry=retry, update=update)
        return self._ask(Question(profile=key), wishes, listener, cancellation)

    def lease(self, spec: EnvSpec) -> Lease | contextlib.AbstractContextManager[None]:
        """Hold a shared environment while processes are started in it, so that no clean-up takes it away meanwhile.

        A context manager. A python that runs in the environment holds it by itself; what is not shared needs nothing.
        Raises `EnvironmentMissing` when the environment was updated since: ask again.
        """
        if spec.source != Source.SHARED:
            return contextlib.nullcontext()
        lease = take_lease(Store(self._workspace().store), Kind.PROFILE, spec.key)
        if lease.environment.generation != spec.metadata["generation"]:
            lease.release()
            raise EnvironmentMissing(f"`{spec.key}` is another generation by now", hint="ask for the model again")
        return lease

    def target(self, model_path: str | Path, *, profile: str = "") -> Target:
        """What a model would get: its profile and why, and its old environment. Nothing is built or started."""
        question = Question(model=os.fspath(model_path), profile=profile)
        return find_target(self._workspace(), question, self._hardware_of, self._environments)

    # --- the long way

    def _ask(
        self,
        question: Question,
        wishes: Wishes,
        listener: Listener | None,
        cancellation: Cancellation | None,
    ) -> EnvSpec:
        asked = (question, wishes.build, wishes.wait, self._folder(question))
        if not wishes.retry and not wishes.update:
            known = self._memory.recall(asked)
            if known is not None:
                return known
        workspace = self._workspace()
        before = signatures([workspace.file, *_profile_files(workspace.root)])  # before they are read
        store = Store(workspace.store)
        target = find_target(workspace, question, self._hardware_of, self._environments)
        before += signatures(target.witnesses)
        with contextlib.suppress(EnvyardError, OSError):  # one that cannot be written may still serve
            store.prepare()
        hear = _Hearing(listener or self._listener, self._log, target.profile.key if target.profile else "")
        search = Resolution(
            store, target, wishes, listener=hear, say=hear.say, cancellation=cancellation or Cancellation()
        )
        spec = _recorded(store, search.run())
        self._memory.keep(asked, spec, before + signatures(_evidence(store, spec, target)), store)
        return spec

    def _folder(self, question: Question) -> str:
        """The current folder, where the meaning of the question depends on it."""
        if self._root is not None and (not question.model or os.path.isabs(question.model)):
            return ""
        with contextlib.suppress(OSError):
            return os.getcwd()
        return ""

    def _workspace(self) -> Workspace:
        return load_workspace(self._root if self._root is not None else find_workspace())

    def _hardware_of(self, workspace: Workspace) -> Hardware:
        """Asking the tools takes long, so it is done once for a driver and what the user says."""
        known = (*_machine(), workspace.hardware)
        with self._mutex:
            if self._found is None or self._found[0] != known:
                self._found = (known, resolve_hardware(self._hardware, workspace.hardware))
            return self._found[1]


class _Hearing:
    """Passes events on, and writes the sentences and steps of a search to the logger and to `log`."""

    def __init__(self, listener: Listener, log: Say | None, key: str) -> None:
        self._listener, self._log, self._key = listener, log, key

    def __call__(self, event: Event) -> None:
        text = _step(event)
        if text:
            self._write(f"[{event.key}] {text}")
        self._listener(event)

    def say(self, text: str) -> None:
        self._write(text)
        self._listener(Told(key=self._key, message=text))

    def _write(self, line: str) -> None:
        _logger.info("%s", line)
        if self._log is not None:
            self._log(line)


def _step(event: Event) -> str:
    """A step of a creation in words; "" for what is no step."""
    match event:
        case BuildReasons():
            return f"why: {'; '.join(event.reasons)}"
        case PhaseStarted():
            return f"{event.phase}: {event.detail}" if event.detail else str(event.phase)
        case Waiting():
            return f"waiting for process {event.holder_pid} on {event.holder_host} ({event.holder_phase})"
        case Warned():
            return f"warning: {event.message}"
        case Finished(action="kept" | "linked"):
            return ""
        case Finished():
            return f"{event.action}: {event.message}" if event.message else event.action
        case _:
            return ""


def _recorded(store: Store, spec: EnvSpec) -> EnvSpec:
    """Remember what the model was given. A choice that was degraded before is so since then."""
    data = spec.metadata
    if data["generation"]:
        store.touch(Kind.PROFILE, spec.key)
    if not data["model"]:
        return spec
    before = load_model(store, data["model"])
    since = data["degraded_since"]
    if since and before is not None and before.degraded_since and before.source == data["source"]:
        since = min(since, before.degraded_since)
        spec = replace(spec, metadata={**data, "degraded_since": since})
    save_model(
        store,
        ModelRecord(
            model=data["model"],
            key=data["profile"],
            source=data["source"],
            degraded_since=since,
            reason=data["warning"] if since else "",
            legacy=data["legacy_path"],
        ),
    )
    return spec


def _evidence(store: Store, spec: EnvSpec, target: Target) -> list[Path]:
    """The files on disk that the answer was made from, besides the inputs."""
    paths: list[Path] = [spec.python_executable]
    definition, legacy = target.definition, target.legacy
    if definition is not None:
        paths += [store.pointer_path(Kind.PROFILE, definition.key), failure_path(store, definition.key)]
        paths += [definition.lockfile] if definition.lockfile else []
    for environment in _generations(store, definition):  # also those that were passed over: they may be mended
        paths += [environment.path / "env.json", environment.path / environment.site_packages, environment.python]
        paths += [Path(environment.interpreter.executable)]
    if legacy is not None:
        paths += [legacy.venv, legacy.python, legacy.venv / "pyvenv.cfg", legacy.venv / "Lib" / "site-packages"]
        with contextlib.suppress(OSError):
            paths += sorted((legacy.venv / "lib").glob("python*/site-packages"))
    return paths


def _generations(store: Store, definition: Definition | None) -> list[Environment]:
    """The current one of a profile, and those before it."""
    pointer = None
    with contextlib.suppress(PointerInvalid):
        pointer = store.pointer(Kind.PROFILE, definition.key) if definition is not None else None
    names = (pointer.current, *pointer.previous) if pointer is not None else ()
    return [environment for name in names if (environment := store.load(name)) is not None]


def _profile_files(root: Path) -> list[Path]:
    folder = root / PROFILES_FOLDER
    try:
        return [folder, *(folder / name for name in sorted(os.listdir(folder)))]
    except OSError:
        return [folder]


def _machine() -> tuple[str, ...]:
    return (driver_identity(), *(environment_variable(name, "-") for name in _VARIABLES))
