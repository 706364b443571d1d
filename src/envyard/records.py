"""What is remembered of models: which environment each of them uses, and which creations failed and why.

Small files in the store, each replaced in one step. They are hints, never the truth: one that is damaged, from the
future, or cannot be written counts as none, and everything works without them.

    models/<16 hex>.json     what a model was given last; its time of change is the time of the last use
    failures/<env key>.json  why an environment could not be made, and what has to change before it is tried again
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from envyard.errors import EnvyardError
from envyard.files import write_json
from envyard.jsonobject import JsonObject, json_object
from envyard.store import Store

RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """What a model was given last. `degraded_since` is 0 unless it is less than its profile promises.

    `source` is a value of `Source`, `legacy` the folder of its old environment while that is used, or "".
    """

    model: str
    key: str
    source: str
    degraded_since: float = 0.0
    reason: str = ""
    legacy: str = ""
    used: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A creation that failed: `since` in seconds since the epoch, and what it was made from then."""

    key: str
    since: float
    reason: str
    hint: str = ""
    fingerprint: str = ""
    driver: str = ""
    model: str = ""

    def stands(self, *, fingerprint: str, driver: str) -> bool:
        """Whether trying again would most likely fail again: nothing changed, and no hour has passed."""
        age = time.time() - self.since  # negative: the clock was set back, so nobody knows
        return (self.fingerprint, self.driver) == (fingerprint, driver) and 0 <= age < RETRY_SECONDS


def save_model(store: Store, record: ModelRecord) -> None:
    """Remember what a model was given; `degraded_since` of an unchanged choice stays."""
    path = _model_path(store, record.model)
    try:
        old = dict(_load(path).values)
    except (OSError, ValueError):
        old = {}
    new = {name: value for name, value in asdict(record).items() if name != "used"}
    with contextlib.suppress(EnvyardError, OSError):
        if old == new:
            os.utime(path)
        elif store.root.is_dir():
            write_json(path, new, durable=False)


def load_models(store: Store) -> tuple[ModelRecord, ...]:
    """Every model that was ever given an environment, by name."""
    found = []
    for path in _files(store.root / "models"):
        record = _model(path)
        found += [] if record is None else [record]
    return tuple(sorted(found, key=lambda record: record.model))


def load_model(store: Store, model: str) -> ModelRecord | None:
    """What the model was given last."""
    return _model(_model_path(store, model))


def forget_model(store: Store, model: str) -> None:
    with contextlib.suppress(OSError):
        _model_path(store, model).unlink()


def failure_path(store: Store, key: str) -> Path:
    return store.root / "failures" / f"{key}.json"


def save_failure(store: Store, failure: Failure) -> None:
    with contextlib.suppress(EnvyardError, OSError):
        if store.root.is_dir():  # made by who asked, unless it cannot be
            write_json(failure_path(store, failure.key), asdict(failure), durable=False)


def load_failure(store: Store, key: str) -> Failure | None:
    """Why the environment could not be made the last time, None when it could or nobody tried."""
    try:
        data = _load(failure_path(store, key))
        return Failure(
            key=key,
            since=data.moment("since"),
            reason=data.text("reason"),
            hint=data.text("hint"),
            fingerprint=data.text("fingerprint"),
            driver=data.text("driver"),
            model=data.text("model"),
        )
    except (OSError, ValueError):
        return None


def load_failures(store: Store) -> tuple[Failure, ...]:
    found = [load_failure(store, path.stem) for path in _files(store.root / "failures")]
    return tuple(failure for failure in found if failure is not None)


def forget_failure(store: Store, key: str) -> None:
    with contextlib.suppress(OSError):
        failure_path(store, key).unlink()


def _model(path: Path) -> ModelRecord | None:
    try:
        data = _load(path)
        return ModelRecord(
            model=data.text("model"),
            key=data.text("key"),
            source=data.text("source"),
            degraded_since=data.moment("degraded_since"),
            reason=data.text("reason"),
            legacy=data.text("legacy"),
            used=path.stat().st_mtime,
        )
    except (OSError, ValueError):
        return None


def _model_path(store: Store, model: str) -> Path:
    digest = hashlib.sha256(model.encode("utf-8", "surrogateescape")).hexdigest()
    return store.root / "models" / f"{digest[:16]}.json"


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".json") and name[0] != ".")
    except OSError:
        return []


def _load(path: Path) -> JsonObject:
    return json_object(path.read_bytes())
