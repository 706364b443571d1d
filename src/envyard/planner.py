"""Looks for the fewest environments that could hold all projects, with as few questions to the resolver as possible.

The groups that nothing is known against are asked about as a whole. A no is reduced to the lines that exclude each
other, which tells of every other project with these lines too; then the groups are made anew. So the number of
questions grows with the contradictions there are, and not with the pairs of projects.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from envyard.clashes import clashing
from envyard.errors import EnvyardError, InterpreterNotFound, RequirementsUnreadable
from envyard.events import Finished, Listener, Told
from envyard.findings import Findings
from envyard.grouping import fewest_groups
from envyard.inquiry import Inquiry, Side, called, pythons_of, side_of
from envyard.needs import project_needs
from envyard.obstacles import Obstacle, setting_obstacles
from envyard.pinned import pins_to_keep
from envyard.process import Cancellation
from envyard.project import Project, Workspace
from envyard.resolver import NotAsked
from envyard.together import Sharing, settle, share

PAIRS = 12
"""Projects of which each two are asked about, so that all that cannot share an environment are known."""

_AT_A_TIME = 4  # the resolver waits for the index most of the time

Keys = tuple[str, ...]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A project that cannot be installed even by itself, so that nothing was tried with it, and why."""

    key: str
    error: EnvyardError | None = None
    obstacle: Obstacle | None = None


class Planner:
    """The search among the projects of a workspace; the results are attributes.

    - `groups` of env keys; `proofs`: the versions that each of several projects would have.
    - `apart`: smallest sets that cannot be in one group; `proven`: they rule out fewer groups.
    - `unusable`: projects that are in no group; `sides`: the others; `runs`: how often the resolver ran.
    """

    def __init__(self, workspace: Workspace, listener: Listener, cancellation: Cancellation) -> None:
        self.workspace, self.listener, self.cancellation = workspace, listener, cancellation
        self.groups: tuple[Keys, ...] = ()
        self.proofs: dict[Keys, Sharing] = {}
        self.apart: set[frozenset[str]] = set()
        self.proven = True
        self.unusable: list[Unusable] = []
        self.sides: dict[str, Side] = {}
        self.runs = 0
        self._counting = threading.Lock()
        self._findings = Findings()
        self._fitting: set[frozenset[str]] = set()

    def search(self) -> None:
        """Find the groups. Raises `NotAsked` when the resolver cannot be asked."""
        for one in self._at_once(self._begin, self.workspace.projects):
            self._take(one)
        self._exclude_by_settings()
        self._exclude_by_versions()
        while True:
            found = fewest_groups(list(self.sides), self.apart)
            if len(found.groups) != len(self.groups):
                self._say(f"trying {len(self.sides)} projects in {len(found.groups)} environments")
            self.groups, self.proven = found.groups, found.proven
            unknown = [group for group in self.groups if not self._holds(group)]
            if not unknown:  # part of a group that fits, of which only the versions are unknown
                unknown = [group for group in self.groups if len(group) > 1 and group not in self.proofs]
            if not unknown:
                break
            self._try(unknown)
        if len(self.sides) <= PAIRS:
            self._ask_pairs()

    # --- rounds

    def _try(self, groups: Sequence[Keys]) -> None:
        """Ask about groups as a whole, and find out what to do differently where they do not hold."""
        failed = []
        for group, sharing in zip(groups, self._at_once(self._prove, groups), strict=True):
            if sharing is not None and sharing.possible:
                self.proofs[group] = sharing
                self._fitting.add(frozenset(group))
            else:
                failed.append((group, sharing is None))
        doubtful = [
            self.sides[key]
            for group, alone in failed
            for key in group
            if not self.sides[key].settled and (alone or self._fails_alone(self.sides[key]))
        ]
        for one in self._at_once(self._settle, doubtful):
            self._take(one)
        self._spread()
        if not doubtful:
            for group, _alone in failed:
                self.apart |= self._misfits(group)

    def _prove(self, group: Keys) -> Sharing | None:
        """The versions that a group would have, if it fits; None for one project, and where one cannot be read."""
        if len(group) == 1:
            return None
        sides = [self.sides[key] for key in group]
        started = time.monotonic()
        inquiry = self._inquiry(pins_to_keep(sides))
        try:
            sharing = share(inquiry, sides, explain=False)
        except RequirementsUnreadable:
            if all(side.settled for side in sides):
                raise
            return None
        finally:
            self._count(inquiry)
        self._tell(called(group), "fits" if sharing.possible else "apart", started)
        return sharing

    def _holds(self, group: Keys) -> bool:
        if len(group) == 1:
            return self.sides[group[0]].settled
        return any(one.issuperset(group) for one in self._fitting)

    def _misfits(self, group: Keys) -> set[frozenset[str]]:
        """Smallest sets of a group that do not fit: all those that follow from what is known, or one."""
        found, kept = set(), list[str]()
        for key in group:
            if self._excluded([*kept, key]):
                found.add(self._smallest([*kept, key]))
            else:
                kept.append(key)
        return found or {self._smallest(group)}

    def _smallest(self, group: Sequence[str]) -> frozenset[str]:
        """Members are left out of a group that does not fit as long as the rest does not fit either."""
        rest = list(group)
        for fits_not in (self._excluded, lambda keys: not self._fits(keys)):
            for key in tuple(rest):
                without = [one for one in rest if one != key]
                if len(without) > 1 and fits_not(without):
                    rest = without
        return frozenset(rest)

    # --- one project

    def _begin(self, project: Project) -> Side | Unusable:
        """A project of which nothing is known but what it asks for."""
        started = time.monotonic()
        try:
            side = side_of(project_needs(self.workspace, project))
            obstacle = next(iter(setting_obstacles([side.needs])), None)
        except (RequirementsUnreadable, InterpreterNotFound) as error:
            self._tell(project.key, "failed", started)
            return Unusable(key=project.key, error=error)
        return Unusable(key=project.key, obstacle=obstacle) if obstacle else side

    def _settle(self, side: Side) -> Side | Unusable:
        """What can be asked about a project, found out by asking about it alone."""
        key, started = side.needs.key, time.monotonic()
        inquiry = Inquiry(workspace=self.workspace, listener=self.listener, cancellation=self.cancellation)
        try:
            side = settle(inquiry, side, pythons_of([side])[0])
        except (RequirementsUnreadable, InterpreterNotFound) as error:
            self._tell(key, "failed", started)
            return Unusable(key=key, error=error)
        finally:
            self._count(inquiry)
        self._tell(key, "failed" if side.failure else "checked", started)
        return Unusable(key=key, obstacle=side.failure) if side.failure else side

    def _take(self, one: Side | Unusable) -> None:
        if isinstance(one, Side):
            self.sides[one.needs.key] = one
        else:
            self.sides.pop(one.key, None)
            self.unusable.append(one)

    def _fails_alone(self, side: Side) -> bool:
        """Whether it follows from what was found that a project must be looked at by itself."""
        return self._inquiry().refused([side], pythons_of([side])[0])

    # --- what is known

    def _exclude_by_settings(self) -> None:
        for one, other in itertools.combinations(self.sides, 2):
            if setting_obstacles([self.sides[one].needs, self.sides[other].needs]):
                self.apart.add(frozenset([one, other]))

    def _exclude_by_versions(self) -> None:
        """Lines that have no version in common, once the resolver has seen one such pair of the package likewise.

        It does not where uv's configuration overrides what is asked for.
        """
        asking = self._inquiry().lines(list(self.sides.values()))
        packages = list(clashing(asking).values())

        def confirmed(pairs: Sequence[tuple[str, str]]) -> bool:
            line, other = pairs[0]
            sides = [self.sides[asking[each][0].key] for each in (line, other)]
            inquiry = self._inquiry()
            python = pythons_of(sides[:1])[0]
            with inquiry.resolver(sides, python) as resolver:
                try:
                    answer = resolver.ask([line, other], resolver.question.targets[0])
                except NotAsked:
                    return False
                finally:
                    inquiry.runs += resolver.runs
                    self._count(inquiry)
            return not answer.resolves

        for pairs, is_so in zip(packages, self._at_once(confirmed, packages), strict=True):
            for line, other in pairs if is_so else ():
                self._findings.exclude(line, other)
                askers = [{demand.key for demand in asking[each]} for each in (line, other)]
                self.apart |= {frozenset(pair) for pair in itertools.product(*askers) if pair[0] != pair[1]}

    def _spread(self) -> None:
        """What lines that exclude each other say of each two projects."""
        asking = self._inquiry().lines(list(self.sides.values()))
        askers = {line: {demand.key for demand in demands} for line, demands in asking.items()}
        for part in self._findings.failing():
            everybody = [askers.get(line, set[str]()) for line in part]
            for one in min(everybody, key=len):
                for other in set.intersection(*(keys for keys in everybody if one not in keys), *[set(self.sides)]):
                    pair = frozenset([one, other])
                    if len(pair) == 2 and pair not in self.apart and self._excluded([one, other]):
                        self.apart.add(pair)

    def _excluded(self, group: Sequence[str]) -> bool:
        """Whether it follows from what was found that a group does not fit, with whatever Python."""
        sides = [self.sides[key] for key in group]
        if setting_obstacles([side.needs for side in sides]):
            return True
        inquiry = self._inquiry()
        return all(inquiry.refused(sides, python) for python in pythons_of(sides))

    def _fits(self, group: Sequence[str]) -> bool:
        keys = frozenset(group)
        if any(one >= keys for one in self._fitting):
            return True
        if any(one <= keys for one in self.apart) or self._excluded(group):
            return False
        started = time.monotonic()
        inquiry = self._inquiry()
        try:
            possible = share(inquiry, [self.sides[key] for key in group], explain=False, remembered=True).possible
        finally:
            self._count(inquiry)
        self._tell(called(group), "fits" if possible else "apart", started)
        if possible:
            self._fitting = {*self._fitting, keys}  # a new set: other threads look through the old one
        return possible

    def _ask_pairs(self) -> None:
        """Which other two projects do not fit, though that changes no group."""
        pairs = list(itertools.combinations(self.sides, 2))
        together = self._at_once(self._fits, pairs)
        self.apart |= {frozenset(pair) for pair, fits in zip(pairs, together, strict=True) if not fits}

    # --- asking

    def _inquiry(self, preferences: str = "") -> Inquiry:
        return Inquiry(
            workspace=self.workspace,
            preferences=preferences,
            listener=self.listener,
            cancellation=self.cancellation,
            findings=self._findings,
        )

    def _at_once(self, ask: Callable[[T], R], about: Iterable[T]) -> list[R]:
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            try:
                return list(pool.map(ask, about))
            except BaseException:
                self.cancellation.cancel()
                raise

    def _count(self, inquiry: Inquiry) -> None:
        with self._counting:
            self.runs += inquiry.runs

    def _say(self, message: str) -> None:
        self.listener(Told(key="", message=message))

    def _tell(self, key: str, action: str, started: float) -> None:
        message = "cannot be installed by itself" if action == "failed" else ""
        self.listener(Finished(key=key, action=action, seconds=time.monotonic() - started, message=message))
