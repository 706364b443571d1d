"""Move models from their old environments to the shared ones: `envs.migrate`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.envspec import Source
from envyard.errors import Cancelled, EnvyardError, ExitCode, UsageError
from envyard.events import Listener, Phase, PhaseStarted, ignore
from envyard.health import Grade
from envyard.legacy import LegacyEnvironment, find_legacy, list_legacy
from envyard.migrated import bring_back, list_put_away, put_away, size_of
from envyard.model import read_model
from envyard.probe import try_out
from envyard.process import Cancellation
from envyard.profile import Probe
from envyard.project import Workspace
from envyard.records import ModelRecord, forget_model, save_model
from envyard.registry import EnvRegistry
from envyard.sizes import disk_use
from envyard.store import Store
from envyard.target import Target

MIGRATED, PLANNED, KEPT, SKIPPED, FAILED, RESTORED = "migrated", "planned", "kept", "skipped", "failed", "restored"

# Whether the libraries of the new environment know this very model; its own code (`auto_map`) is never run.
_READ_CONFIG = """\
import json, os
import transformers
path = {path}
config = os.path.join(path, "config.json")
if os.path.isfile(config) and hasattr(transformers, "AutoConfig"):
    with open(config, encoding="utf-8-sig") as file:
        if "auto_map" not in json.load(file):
            transformers.AutoConfig.from_pretrained(path, local_files_only=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What became of one old environment; `bytes` is its size, each inode counted once."""

    name: str
    path: Path
    model: str
    target: str
    action: str
    reason: str
    bytes: int = 0
    error: EnvyardError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationResult:
    """`before` and `after`: bytes of the shared and these old environments; `after` is after the next `envs.prune`."""

    migrations: tuple[Migration, ...]
    before: int = 0
    after: int = 0
    dry_run: bool = False

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if any(one.action == FAILED for one in self.migrations) else ExitCode.DONE


def migrate(
    workspace: Workspace,
    models: Sequence[str],
    *,
    every: bool = False,
    dry_run: bool = False,
    keep: bool = False,
    listener: Listener = ignore,
    cancellation: Cancellation | None = None,
) -> MigrationResult:
    """For each old environment of `models`, or `every` one: make the shared one, try the model's needs in it, then move
    the old one away (not with `keep`). One that fails stops none of the others, and stays.

    Raises `ModelNotFound` for a model that is not there, and `Cancelled`.
    """
    if bool(models) == every:
        raise UsageError("`envs.migrate` takes models or `--all`", hint="say `--model PATH` or `--all`")
    folder = workspace.environments
    found = list(list_legacy(folder)) if every else [_of_model(folder, model) for model in models]
    store = Store(workspace.store)
    sizes = {one.path: size_of(one.path) for one in found}
    before = disk_use(store.committed()).actual + sum(sizes.values())
    move = _Migrate(workspace, store, dry_run, keep, listener, cancellation or Cancellation())
    migrations = tuple(move.one(legacy, sizes[legacy.path]) for legacy in found)
    gone = sum(one.bytes for one in migrations if one.action in (MIGRATED, PLANNED))
    after = disk_use(store.committed()).actual + sum(sizes.values()) - gone
    return MigrationResult(migrations=migrations, before=before, after=after, dry_run=dry_run)


def undo(workspace: Workspace, models: Sequence[str] = ()) -> MigrationResult:
    """Bring back what was migrated and not pruned yet, of `models` or all."""
    store = Store(workspace.store)
    wanted = {read_model(model, backend="transformers", quantization="").identity for model in models}
    restored = []
    for one in list_put_away(store):
        if wanted and one.model not in wanted:
            continue
        error: EnvyardError | None = None
        try:
            bring_back(store, one)
            forget_model(store, one.model)
        except EnvyardError as problem:
            error = problem
        restored.append(
            Migration(
                name=one.origin.name,
                path=one.origin,
                model=one.model,
                target=one.key,
                action=FAILED if error else RESTORED,
                reason=error.message if error else "is where it was",
                error=error,
            )
        )
    return MigrationResult(migrations=tuple(restored))


class _Migrate:
    """What is the same for every old environment of one call."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        dry_run: bool,
        keep: bool,
        listener: Listener,
        cancellation: Cancellation,
    ) -> None:
        self.workspace, self.store, self.dry_run, self.keep = workspace, store, dry_run, keep
        self.listener, self.cancellation = listener, cancellation
        self.registry = EnvRegistry(workspace.root, environments=workspace.environments, listener=listener)

    def one(self, legacy: LegacyEnvironment, size: int) -> Migration:
        key = ""
        try:
            target = self._target(legacy)
            key = target.profile.key if target is not None and target.profile is not None else ""
            if target is None:
                note = f" ({legacy.note})" if legacy.note else ""
                action, reason = SKIPPED, f"nobody knows its model{note}: name it with `--model PATH`"
            elif self._obstacle(legacy):
                action, reason = KEPT, self._obstacle(legacy)
            elif self.dry_run:
                action, reason = PLANNED, f"would go, once `{key}` runs the model"
            else:
                action, reason = self._move(legacy, target)
        except Cancelled:
            raise
        except EnvyardError as error:
            return self._result(legacy, key, FAILED, error.message, size, error)
        return self._result(legacy, key, action, reason, size)

    def _target(self, legacy: LegacyEnvironment) -> Target | None:
        if not legacy.model:
            return None
        target = self.registry.target(legacy.model)
        if target.objection is not None:
            raise target.objection
        return target

    def _obstacle(self, legacy: LegacyEnvironment) -> str:
        """Why it must stay although the model could move."""
        for other in list_legacy(legacy.path.parent):
            inside = os.path.realpath(other.venv).startswith(os.path.realpath(legacy.path) + os.sep)
            if other.path != legacy.path and inside:
                return f"{other.name} is a link into it"
        running = _processes_in(legacy.venv)
        return f"process {running[0]} runs in it" if running else ""

    def _move(self, legacy: LegacyEnvironment, target: Target) -> tuple[str, str]:
        assert target.profile is not None, "a target without objection has a profile"
        key = target.profile.key
        spec = self.registry.get_env_for_profile(key, retry=True, cancellation=self.cancellation)
        if spec.source != Source.SHARED or spec.degraded:
            return FAILED, f"stays: {spec.metadata['warning']}"
        self.listener(PhaseStarted(key=key, phase=Phase.VERIFY, detail=f"for {legacy.model}"))
        verdict = try_out(
            spec.python_executable,
            probe_of(target),
            target.profile.environment,
            cancellation=self.cancellation,
        )
        if verdict.grade != Grade.OK:
            return FAILED, f"stays: the model does not run in `{key}`: {'; '.join(verdict.reasons)}"
        if self.keep:
            return KEPT, f"the model runs in `{key}` now; `--keep` leaves the old one"
        put_away(self.store, legacy.path, legacy.model, key)
        save_model(self.store, ModelRecord(model=legacy.model, key=key, source=Source.SHARED))
        return MIGRATED, f"the model runs in `{key}`; `invoke envs.migrate --undo` brings it back until the next prune"

    def _result(
        self,
        legacy: LegacyEnvironment,
        key: str,
        action: str,
        reason: str,
        size: int,
        error: EnvyardError | None = None,
    ) -> Migration:
        return Migration(
            name=legacy.name,
            path=legacy.path,
            model=legacy.model,
            target=key,
            action=action,
            reason=reason,
            bytes=size,
            error=error,
        )


def probe_of(target: Target) -> Probe:
    """What the new environment must do for this model: the profile's probe, and reading the model's configuration."""
    assert target.profile is not None, "only a model with a profile can move"
    probe = target.profile.probe
    folder = target.model if os.path.isabs(target.model) else ""
    if target.profile.serves.backend != "transformers" or not folder:
        return probe
    path = folder if os.path.isdir(folder) else os.path.dirname(folder)
    code = _READ_CONFIG.format(path=json.dumps(path))
    return Probe(imports=probe.imports, cuda=probe.cuda, code=f"{probe.code}\n{code}" if probe.code else code)


def _of_model(folder: Path, name: str) -> LegacyEnvironment:
    model = read_model(name, backend="transformers", quantization="")
    legacy = find_legacy(folder, model.identity)
    if legacy is None:
        raise UsageError(
            f"`{name}` has no old environment in {folder}", hint="run `invoke envs.list` to see which models have one"
        )
    return legacy


def _processes_in(venv: Path) -> list[int]:
    """Processes that were started by the python of an old environment, where the system tells (Linux)."""
    found = []
    inside = os.fsencode(venv) + b"/"
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for name in names:
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                command = file.read().split(b"\0")[0]
        except OSError:
            continue
        if command.startswith(inside):
            found.append(int(name))
    return found
