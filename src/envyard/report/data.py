"""Results as one JSON object; the shapes are documented in docs/commands.md and only ever grow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from envyard.environment import Environment
from envyard.errors import EnvyardError
from envyard.outcome import Outcome

if TYPE_CHECKING:  # each command imports its own
    from envyard.commands.doctor import DoctorResult
    from envyard.commands.inspect import EnvironmentDetails, EnvironmentRow
    from envyard.commands.lock import LockResult
    from envyard.commands.removal import Removal, RemovalResult
    from envyard.commands.rollback import RollbackResult
    from envyard.commands.setup import SetupResult

Data = dict[str, Any]


def as_json(data: Data) -> str:
    return json.dumps(data, indent=2)


def setup_data(result: SetupResult, locked: LockResult | None = None) -> Data:
    disk = result.disk
    return {
        "outcomes": [_outcome(outcome) for outcome in result.outcomes],
        "disk": None if disk is None else {"apparent": disk.apparent, "actual": disk.actual, "saved": disk.saved},
        "seconds": round(result.seconds, 3),
        "dry_run": result.dry_run,
        **({} if locked is None else {"locked": lock_data(locked)["outcomes"]}),
    }


def lock_data(result: LockResult) -> Data:
    return {
        "outcomes": [
            {
                "key": outcome.key,
                "lockfile": None if outcome.lockfile is None else str(outcome.lockfile),
                "changed": outcome.changed,
                "changes": list(outcome.changes),
                "seconds": round(outcome.seconds, 3),
                "error": error_data(outcome.error),
            }
            for outcome in result.outcomes
        ],
        "seconds": round(result.seconds, 3),
    }


def list_data(rows: Sequence[EnvironmentRow]) -> Data:
    return {"environments": [_row(row) for row in rows]}


def show_data(details: EnvironmentDetails) -> Data:
    environment, holder = details.environment, details.last_builder
    return {
        **_row(details.row),
        "published": str(details.published),
        "lockfile_stale": details.lockfile_stale,
        "in_use": details.in_use,
        "build_reasons": list(details.build_reasons),
        "python": None if environment is None else str(environment.python),
        "environment": None if environment is None else _environment(environment),
        "previous": [_environment(one) for one in details.previous],
        "last_builder": None
        if holder is None
        else {
            "pid": holder.pid,
            "host": holder.host,
            "phase": holder.phase,
            "since": holder.since,
            "log": holder.log,
        },
    }


def doctor_data(result: DoctorResult) -> Data:
    return {
        "findings": [
            {
                "check": finding.check,
                "key": finding.key,
                "ok": finding.ok,
                "fixed": finding.fixed,
                "message": finding.message,
                "fix": finding.fix,
            }
            for finding in result.findings
        ],
        "problems": len(result.problems),
        "seconds": round(result.seconds, 3),
    }


def removal_data(result: RemovalResult) -> Data:
    return {
        "removals": [_removal(removal) for removal in result.removals],
        "freed": result.freed,
        "cached": result.cached,
        "left": list(result.left),
        "dry_run": result.dry_run,
    }


def rollback_data(result: RollbackResult) -> Data:
    before = result.before
    return {
        "key": result.key,
        "before": None if before is None else before.generation,
        "now": result.now.generation,
        "python": str(result.now.python),
    }


def error_data(error: EnvyardError | None) -> Data | None:
    if error is None:
        return None
    return {"message": error.message, "hint": error.hint, "details": list(error.details)}


def _outcome(outcome: Outcome) -> Data:
    environment, link = outcome.environment, outcome.definition.link
    return {
        "key": outcome.key,
        "title": outcome.definition.title,
        "action": str(outcome.action),
        "path": None if link is None else str(link),
        "python": None if environment is None else str(environment.python),
        "generation": None if environment is None else environment.generation,
        "reasons": list(outcome.reasons),
        "seconds": round(outcome.seconds, 3),
        "error": error_data(outcome.error),
    }


def _row(row: EnvironmentRow) -> Data:
    return {
        "key": row.key,
        "kind": str(row.kind),
        "project": row.project,
        "path": str(row.path),
        "python_version": row.python_version,
        "generation": row.generation,
        "grade": str(row.grade),
        "reasons": list(row.reasons),
        "packages": row.packages,
        "apparent_bytes": row.apparent_bytes,
        "unique_bytes": row.unique_bytes,
        "created": row.created,
        "last_used": row.last_used,
    }


def _environment(environment: Environment) -> Data:
    return {
        "generation": environment.generation,
        "path": str(environment.path),
        "fingerprint": environment.fingerprint,
        "interpreter": environment.interpreter.executable,
        "version": environment.interpreter.version,
        "installer": environment.installer,
        "created": environment.created,
        "seconds": dict(environment.seconds),
        "files": environment.files,
        "apparent_bytes": environment.apparent_bytes,
        "packages": dict(environment.packages),
    }


def _removal(removal: Removal) -> Data:
    return {
        "key": removal.key,
        "what": removal.what,
        "path": str(removal.path),
        "bytes": removal.bytes,
        "reason": removal.reason,
        "error": error_data(removal.error),
    }
