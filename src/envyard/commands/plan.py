"""The fewest environments that could hold all projects, and what that would save: `envs.plan`. It changes nothing."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from envyard.definition import Kind
from envyard.environment import Environment
from envyard.errors import EnvyardError, InterpreterNotFound, RequirementsUnreadable
from envyard.events import Finished, Listener, ignore
from envyard.grouping import EXACT, fewest_groups
from envyard.inquiry import Inquiry, Side, keys_of, pythons_of, side_of
from envyard.merging import MergedUse, merged_use
from envyard.needs import project_needs
from envyard.obstacles import Obstacle, setting_obstacles
from envyard.pinned import pins_to_keep
from envyard.platforms import this_platform
from envyard.process import Cancellation
from envyard.project import Project, Workspace
from envyard.sizes import inode_table
from envyard.store import Store
from envyard.together import Sharing, settle, share

_AT_A_TIME = 4  # the resolver waits for the index most of the time

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Bytes now and after merging. `apparent` sums all files; `actual` counts once what links share."""

    apparent: int
    apparent_merged: int
    actual: int
    actual_merged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEnvironment:
    """One environment of the plan, for the projects `keys`.

    `sharing` is the proof, None for a project that stays alone. `saving` is None where nothing is merged, or what is
    cannot be measured because the `unbuilt` projects have no environment; what no other environment has counts for its
    `actual`. `unknown` are packages that would get a version that is installed nowhere: they are not counted.
    """

    keys: tuple[str, ...]
    sharing: Sharing | None = None
    saving: Saving | None = None
    unbuilt: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A project that cannot be installed even by itself, so that nothing was tried with it, and why."""

    key: str
    error: EnvyardError | None = None
    obstacle: Obstacle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The fewest environments, in the order of the projects.

    - `apart`: smallest sets of projects that cannot share one; `proven`: they make fewer environments impossible.
    - `exact`: there were few enough projects to search for the smallest number.
    - `saving`: of everything that is measured together; None when nothing is.
    - `runs`: how often the resolver ran.
    """

    environments: tuple[PlannedEnvironment, ...]
    apart: tuple[tuple[str, ...], ...]
    unusable: tuple[Unusable, ...]
    notes: tuple[str, ...]
    exact: bool
    proven: bool
    saving: Saving | None
    runs: int


def plan(workspace: Workspace, *, listener: Listener = ignore, cancellation: Cancellation | None = None) -> Plan:
    """The fewest environments for all projects, each proven by a resolution of all its projects together.

    Raises `NotAsked` when the resolver cannot be asked.
    """
    planner = _Planner(workspace, listener, cancellation or Cancellation())
    prepared = planner.at_once(planner.prepare, workspace.projects)
    unusable = tuple(one for one in prepared if isinstance(one, Unusable))
    sides = {one.needs.key: one for one in prepared if isinstance(one, Side)}
    exact = len(sides) <= EXACT
    pairs = list(itertools.combinations(sides.values(), 2)) if exact else []
    together = planner.at_once(planner.fits, pairs)
    found = fewest_groups(
        list(sides),
        lambda keys: planner.fits([sides[key] for key in keys]),
        apart=[frozenset(keys_of(pair)) for pair, fits in zip(pairs, together, strict=True) if not fits],
    )
    groups = sorted([*found.groups, *((one.key,) for one in unusable)], key=lambda keys: _order(workspace, keys))
    proofs = planner.at_once(lambda keys: planner.proof([sides[key] for key in keys if key in sides]), groups)
    environments, saving = _measured(workspace, groups, proofs)
    return Plan(
        environments=environments,
        apart=tuple(tuple(sorted(one, key=lambda key: _order(workspace, (key,)))) for one in found.apart),
        unusable=unusable,
        notes=tuple(note for side in sides.values() for note in side.notes),
        exact=exact,
        proven=found.proven,
        saving=saving,
        runs=planner.runs,
    )


def _order(workspace: Workspace, keys: Sequence[str]) -> int:
    return next(place for place, project in enumerate(workspace.projects) if project.key in keys)


class _Planner:
    """Asks about sets of projects; what was asked is counted."""

    def __init__(self, workspace: Workspace, listener: Listener, cancellation: Cancellation) -> None:
        self.workspace, self.listener, self.cancellation = workspace, listener, cancellation
        self.runs = 0
        self._counting = threading.Lock()

    def inquiry(self, sides: Sequence[Side] = ()) -> Inquiry:
        return Inquiry(
            workspace=self.workspace,
            preferences=pins_to_keep(sides) if sides else "",
            listener=self.listener,
            cancellation=self.cancellation,
        )

    def prepare(self, project: Project) -> Side | Unusable:
        """What can be asked about a project."""
        started = time.monotonic()
        inquiry = self.inquiry()
        try:
            side = side_of(project_needs(self.workspace, project))
            for obstacle in setting_obstacles([side.needs]):
                return Unusable(key=project.key, obstacle=obstacle)
            side = settle(inquiry, side, pythons_of([side])[0])
        except (RequirementsUnreadable, InterpreterNotFound) as error:
            self._tell(project.key, "failed", started)
            return Unusable(key=project.key, error=error)
        self._count(inquiry)
        self._tell(project.key, "failed" if side.failure else "checked", started)
        return Unusable(key=project.key, obstacle=side.failure) if side.failure else side

    def fits(self, sides: Sequence[Side]) -> bool:
        started = time.monotonic()
        inquiry = self.inquiry()
        possible = share(inquiry, sides, explain=False).possible
        self._count(inquiry)
        self._tell(" + ".join(keys_of(sides)), "fits" if possible else "apart", started)
        return possible

    def proof(self, sides: Sequence[Side]) -> Sharing | None:
        """The versions that several sides which fit would have together."""
        if len(sides) < 2:
            return None
        inquiry = self.inquiry(sides)
        sharing = share(inquiry, sides)
        self._count(inquiry)
        return sharing

    def at_once(self, ask: Callable[[T], R], about: Iterable[T]) -> list[R]:
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            try:
                return list(pool.map(ask, about))
            except BaseException:
                self.cancellation.cancel()
                raise

    def _count(self, inquiry: Inquiry) -> None:
        with self._counting:
            self.runs += inquiry.runs

    def _tell(self, key: str, action: str, started: float) -> None:
        message = "cannot be installed by itself" if action == "failed" else ""
        self.listener(Finished(key=key, action=action, seconds=time.monotonic() - started, message=message))


# --- sizes


def _measured(
    workspace: Workspace, groups: Sequence[tuple[str, ...]], proofs: Sequence[Sharing | None]
) -> tuple[tuple[PlannedEnvironment, ...], Saving | None]:
    """The environments with what each merge saves, and all of them together."""
    store = Store(workspace.store)
    built: dict[str, Environment] = {}
    for project in workspace.projects:
        environment = store.current(Kind.PROJECT, project.key)
        if environment is not None:
            built[project.key] = environment
    merged: dict[tuple[str, ...], MergedUse] = {}
    environments = []
    for keys, sharing in zip(groups, proofs, strict=True):
        unbuilt = tuple(key for key in keys if key not in built)
        pins = _pins_here(sharing)
        if sharing is None or unbuilt or pins is None:
            environments.append(PlannedEnvironment(keys=keys, sharing=sharing, unbuilt=unbuilt))
            continue
        merged[keys] = use = merged_use([built[key] for key in keys], pins)
        saving = _saving(built, {keys: use})
        environments.append(PlannedEnvironment(keys=keys, sharing=sharing, saving=saving, unknown=use.unknown))
    return tuple(environments), _saving(built, merged) if merged else None


def _pins_here(sharing: Sharing | None) -> Mapping[str, str] | None:
    """The versions on this platform; None where an environment could not be here."""
    pins = {} if sharing is None else sharing.pins
    return next((found for target, found in pins.items() if target.platform == this_platform()), None)


def _saving(built: Mapping[str, Environment], merged: Mapping[tuple[str, ...], MergedUse]) -> Saving:
    """What merging saves, without the files that environments have which are not merged."""
    tables = {key: inode_table(environment) for key, environment in built.items()}
    members = {key for keys in merged for key in keys}
    elsewhere = {inode for key in built if key not in members for inode in tables[key]}
    now: dict[int, int] = {}
    for key in members:
        now.update(tables[key])
    after: dict[int, int] = {}
    for use in merged.values():
        after.update(use.inodes)
    return Saving(
        apparent=sum(sum(tables[key].values()) for key in members),
        apparent_merged=sum(use.apparent for use in merged.values()),
        actual=sum(size for inode, size in now.items() if inode not in elsewhere),
        actual_merged=sum(size for inode, size in after.items() if inode not in elsewhere),
    )
