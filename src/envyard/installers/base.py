"""What an installer must be able to do, and what it is given to do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from envyard.definition import Definition
from envyard.errors import EnvyardError
from envyard.events import DownloadFinished, DownloadStarted, Event, Listener, OutputLine
from envyard.folders import without_folders
from envyard.process import Cancellation, Completed, child_environment, environment_variable, run
from envyard.wheelfile import WheelFile

ANCESTORS = "ENVYARD_BUILDING"  # for children: the env keys whose builds started them, separated by spaces


class NotCached(EnvyardError):
    """Something to install is not in the local cache; nothing was installed. Fetch it, then install again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the steps of one build share: who listens, who may stop it, what its children inherit, where it logs.

    `waiting` are the env keys that wait for work which several share.
    """

    key: str
    listener: Listener
    cancellation: Cancellation
    pass_fds: tuple[int, ...] = ()
    waiting: tuple[str, ...] = ()
    log: Path | None = None

    def tell(self, event: Event) -> None:
        self.listener(event)

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        enough: Callable[[str], bool] | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """Run a child of this build: it inherits the lock, stops with it, and writes into its log."""
        ancestors = " ".join(filter(None, [environment_variable(ANCESTORS), self.key, *self.waiting]))
        return run(
            command,
            cwd=cwd,
            environment={**(child_environment() if environment is None else environment), ANCESTORS: ancestors},
            on_line=on_line,
            enough=enough,
            pass_fds=self.pass_fds,
            cancellation=self.cancellation,
            timeout=timeout,
            log=self.log,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One installation: `python` is the environment's own; `seed` is a requirement file that pins pip itself.

    `resolved` is where the pins of an environment without a lockfile are written. `lines` is a file with the
    requirements that stand in no file of the user, `options` one with what the files of the user say of all that is
    installed, such as further indexes. `seed_folder` holds pip's wheel; `fixed_folder` is where the installer runs: the
    workspace, whose uv configuration counts, never the caller's folder.
    """

    definition: Definition
    python: Path
    interpreter: Path
    resolved: Path
    seed: Path
    seed_folder: Path
    fixed_folder: Path
    lines: Path | None
    options: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPlan:
    """Distinct pins to bring into the cache; `batches` hold requirement texts with at most one version a package."""

    interpreter: Path
    batches: tuple[str, ...]
    torch_backend: str
    indexes: tuple[str, ...]
    options: Path | None
    scratch: Path
    seed_folder: Path
    fixed_folder: Path


class Installer(Protocol):
    """Fills environments. Every method raises `InstallFailed`, `RequirementsConflict` or `Cancelled`."""

    name: str

    def describe(self) -> str:
        """Name and version, for the commit file."""

    def install(self, plan: Plan, work: Work, *, offline: bool) -> None:
        """Install everything of the plan. With `offline`, raises `NotCached` before anything was installed."""

    def wheels(self, plan: Plan, work: Work) -> list[WheelFile]:
        """The files that an install would download; none where that cannot be told before."""

    def fetch(self, plan: FetchPlan, work: Work) -> None:
        """Bring all batches into the cache, each distinct wheel once."""

    def forget(self, packages: Sequence[str], work: Work) -> None:
        """Drop packages from the cache, because their files there turned out to be damaged."""


def progress_events(key: str, line: str) -> Event:
    """An installer's line as an event. uv's lines on a pipe: `Downloading numpy (15.6MiB)`, ` Downloaded numpy`."""
    words = line.split()
    if len(words) >= 2 and words[0] == "Downloading":
        return DownloadStarted(key=key, package=words[1], size=_bytes(words[-1].strip("()")))
    if len(words) == 2 and words[0] == "Downloaded":
        return DownloadFinished(key=key, package=words[1])
    return OutputLine(key=key, line=line)


def _bytes(text: str) -> int:
    units = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "GB": 10**9, "MB": 10**6, "kB": 10**3, "B": 1}
    for unit, factor in units.items():
        if text.endswith(unit):
            try:
                return int(float(text.removesuffix(unit)) * factor)
            except ValueError:
                return 0
    return 0


def split_lockfile(plan: Plan, text: str) -> tuple[str, str]:
    """The files to install from: the lockfile with the hashed pins, and one with the folders it names, or "".

    Without hashes it is one file as it is, also with what it may include from its own folder.
    """
    assert plan.definition.lockfile is not None
    pins, folders = without_folders(text)
    if not folders or "--hash=" not in pins:
        return str(plan.definition.lockfile), ""
    files = plan.resolved.with_name("pins.txt"), plan.resolved.with_name("folders.txt")
    for file, lines in zip(files, (pins, folders), strict=True):
        file.write_text(lines, encoding="utf-8")
    return str(files[0]), str(files[1])
