"""The expected failures of envyard: what went wrong, where, and the next command to type.

Library code raises these and never prints or exits; `report.render_error` turns one into text, the edges choose the
exit code from `exit_code`. An exception that is not an `EnvyardError` is a bug of envyard (exit code 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every entry point (`envyard`, `invoke`, the scripts)."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BUG = 3
    INTERRUPTED = 130


EXIT_CODE_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "an expected failure: an environment could not be built, a check found a problem",
    ExitCode.USAGE: "the command makes no sense: an unknown name, a wrong number, a mistake in `workspace.toml`",
    ExitCode.BUG: "a bug of envyard; its traceback is in a file whose path is told",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C or SIGTERM",
}
"""What people are told about them, in docs/reference.md."""


class EnvyardError(Exception):
    """An expected failure.

    `message` says what, which and where in one or a few lines; `hint` is the next thing to do, without the word
    "hint"; `details` are further lines of evidence, such as the end of an installer's output.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)

    def __str__(self) -> str:
        lines = [self.message, *(f"  {line}" for line in self.details)]
        if self.hint:
            lines += ["", f"hint: {self.hint}"]
        return "\n".join(lines)


class UsageError(EnvyardError):
    """The command line makes no sense: an unknown name, a wrong number, options that exclude each other."""

    exit_code = ExitCode.USAGE


class Cancelled(EnvyardError):
    """The user stopped the work (Ctrl-C or SIGTERM)."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, message: str = "stopped by the user; what was not finished is as it was before") -> None:
        super().__init__(message)


# --- configuration


class ConfigurationInvalid(EnvyardError):
    """A configuration file has mistakes; `details` lists all of them, one line each, as `file:line: key: problem`."""

    exit_code = ExitCode.USAGE


class WorkspaceNotFound(EnvyardError):
    """No `workspace.toml` in this folder or any above it."""

    exit_code = ExitCode.USAGE


class UnknownEnvironment(UsageError):
    """A name on the command line is no project of the workspace."""


class ProfileNotFound(UsageError):
    """No profile has this env key, or none serves what is needed on this hardware; `details` say why not."""


# --- building


class InterpreterNotFound(EnvyardError):
    """No interpreter on this machine satisfies what the environment asks for."""


class LockfileMissing(EnvyardError):
    """The declared lockfile is not there."""


class RequirementsUnreadable(EnvyardError):
    """A requirement file or lockfile is missing, no file, or no text; or a `pyproject.toml` is no TOML."""


class FileUnusable(EnvyardError):
    """The operating system refuses a file or folder that envyard has to read or write."""


class LockfileStale(EnvyardError):
    """The requirements changed after their lockfile was written (`--frozen` only)."""


class RequirementsConflict(EnvyardError):
    """The requirements contradict each other; `details` is the resolver's explanation."""


class CommandFailed(EnvyardError):
    """A child process ended with an error; `details` holds the end of its output."""


class InstallFailed(CommandFailed):
    """The installer could not fill the environment."""


class EnvironmentIncomplete(EnvyardError):
    """Files are missing or damaged in an environment that is being built, or in the cache that it is built from.

    `packages` are those whose files they are.
    """

    def __init__(self, message: str, *, packages: Sequence[str], hint: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint, details=details)
        self.packages = tuple(packages)


class PathTooLong(EnvyardError):
    """A file of a package would have a path that Windows refuses; `details` hold the path."""


class EnvironmentMissing(EnvyardError):
    """The environment was never built, or nothing usable is left of it."""


class EnvironmentInUse(EnvyardError):
    """A live process runs in the environment, so it cannot be taken away."""


class ForeignEnvironment(EnvyardError):
    """A real folder that envyard did not make stands where the link should be."""


class OutputUnwritable(EnvyardError):
    """What a command has to say cannot be written, such as into a file on a full disk."""


class StoreUnusable(EnvyardError):
    """The store cannot be written: read-only, full, or not a folder."""


class LockTimeout(EnvyardError):
    """Another process still builds the environment after the longest time this call may wait."""


class OutsideStore(EnvyardError):
    """Refused to delete something that the store does not own. Reaching this is a bug worth reporting."""


class EditorRuns(EnvyardError):
    """An editor is running that would overwrite what is to be written."""


# --- models


class ModelNotFound(UsageError):
    """The name of a model leads nowhere."""


class ModelUnreadable(EnvyardError):
    """A file of the model that says what it needs cannot be read."""


class ProbeFailed(EnvyardError):
    """A new environment is complete, but cannot do what its profile promises; `details` hold what python said."""


class NoEnvironmentForModel(EnvyardError):
    """No strategy found an environment that runs the model; `details` say what each of them found."""
