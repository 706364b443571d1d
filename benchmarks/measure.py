"""Runs the alternatives of a scenario in interleaved rounds and times them."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from processes import CommandFailed
from results import Result, Sample, ScenarioResult, Target

ROOM = 12 * 10**9  # bytes: a cache and the environments of the reference workspace, with some to spare


class Alternative:
    """One way to reach the result. `prepare`, `check` and `keep` are not timed.

    `units` is the number of environments that a run makes or reads.
    """

    name: str = ""
    units: int = 1

    def prepare(self, folder: Path) -> None:
        """Fill the empty `folder` with what the run needs."""

    def run(self, folder: Path) -> None:
        """Do the measured thing; raises `CommandFailed`."""
        raise NotImplementedError

    def seconds(self, folder: Path) -> float | None:
        """What the run itself measured, in place of its wall-clock time; None: that time counts."""
        del folder
        return None

    def check(self, folder: Path) -> None:
        """Raise `CommandFailed` unless the run made what every other alternative makes."""

    def keep(self, folder: Path) -> None:
        """Take from `folder` what later runs need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A question put to several alternatives.

    - `fresh`: a new folder every round; otherwise one folder, prepared once, for all rounds. Folders stay until the end
      of the benchmark: ext4 does not give out inodes of deleted files for minutes, and the search past thousands of
      them doubles the time of whoever makes folders next (`recently_deleted` in the kernel's fs/ext4/ialloc.c).
    - `warm_up`: rounds before the first that counts, to fill page cache and byte code.
    - `count_disk`: count the unique bytes of the folder after each run.
    """

    name: str
    title: str
    alternatives: tuple[Alternative, ...]
    rounds: int
    notes: tuple[str, ...] = ()
    subject: str = "envyard"
    targets: tuple[Target, ...] = ()
    fresh: bool = True
    warm_up: int = 1
    count_disk: bool = False


def measure(scenario: Scenario, folder: Path, tell: Callable[[str], None]) -> ScenarioResult:
    """All rounds of `scenario` below `folder`. An alternative that fails is given up; the others go on."""
    results = {
        alternative.name: Result(name=alternative.name, units=alternative.units)
        for alternative in scenario.alternatives
    }
    load_before = os.getloadavg()[0]
    for number in range(-scenario.warm_up, scenario.rounds):
        for alternative in _order(scenario.alternatives, number):
            if not results[alternative.name].failure:
                place = folder / alternative.name.replace(" ", "-")
                if scenario.fresh:
                    _make_room(folder)
                    place = place.with_name(f"{place.name}-{number + scenario.warm_up}")
                _run_once(scenario, alternative, results[alternative.name], place, number, tell)
    return ScenarioResult(
        name=scenario.name,
        title=scenario.title,
        notes=scenario.notes,
        subject=scenario.subject,
        results=tuple(results.values()),
        targets=scenario.targets,
        load_before=load_before,
    )


def unique_bytes(folder: Path) -> int:
    """Bytes that `folder` takes on disk: allocated blocks, each (device, inode) counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                total += status.st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
    return total


def remove_tree(folder: Path) -> None:
    """Remove `folder` if it is there. A link is removed, not what it points to."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _make_room(folder: Path) -> None:
    """Remove finished runs, the oldest first, while the disk is too full for one more."""
    runs = sorted(folder.iterdir(), key=lambda run: run.stat().st_mtime) if folder.exists() else []
    while runs and shutil.disk_usage(folder).free < ROOM:
        remove_tree(runs.pop(0))


def _order(alternatives: tuple[Alternative, ...], number: int) -> tuple[Alternative, ...]:
    """A B C, then B C A, then C A B: nobody always runs behind the same neighbour's deletions."""
    start = number % len(alternatives)
    return alternatives[start:] + alternatives[:start]


def _run_once(
    scenario: Scenario,
    alternative: Alternative,
    result: Result,
    folder: Path,
    number: int,
    tell: Callable[[str], None],
) -> None:
    label = f"{scenario.name}: {alternative.name}, " + ("warm-up" if number < 0 else f"round {number + 1}")
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
            alternative.prepare(folder)
        os.sync()  # the writes of the one before are not this one's to wait for
        sample = _timed(alternative, folder)
        alternative.check(folder)
        if scenario.count_disk:
            sample = Sample(seconds=sample.seconds, cpu_seconds=sample.cpu_seconds, disk=unique_bytes(folder))
    except CommandFailed as error:
        result.failure = str(error)
        tell(f"{label}: failed: {str(error).splitlines()[-1].strip()}")
    else:
        if number >= 0:
            result.samples.append(sample)
        tell(
            f"{label}: {1000 * sample.seconds:.3f} ms" if sample.seconds < 0.01 else f"{label}: {sample.seconds:.2f} s"
        )
    alternative.keep(folder)


def _timed(alternative: Alternative, folder: Path) -> Sample:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    alternative.run(folder)
    elapsed = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    told = alternative.seconds(folder)
    return Sample(seconds=elapsed if told is None else told, cpu_seconds=cpu)
