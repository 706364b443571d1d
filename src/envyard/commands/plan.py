"""The fewest environments that could hold all projects, and what that would save: `envs.plan`. It changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envyard.definition import Kind
from envyard.environment import Environment
from envyard.events import Listener, ignore
from envyard.merging import MergedUse, merged_use
from envyard.planner import PAIRS, Planner, Unusable
from envyard.platforms import this_platform
from envyard.process import Cancellation
from envyard.project import Workspace
from envyard.sizes import inode_table
from envyard.store import Store
from envyard.together import Sharing


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
class Plan:
    """The fewest environments, in the order of the projects.

    - `apart`: smallest sets of projects that cannot share one; `proven`: they make fewer environments impossible.
    - `complete`: `apart` has each two that cannot share one; else those that were seen, be it without need.
    - `saving`: of everything that is measured together; None when nothing is.
    - `runs`: how often the resolver ran.
    """

    environments: tuple[PlannedEnvironment, ...]
    apart: tuple[tuple[str, ...], ...]
    unusable: tuple[Unusable, ...]
    notes: tuple[str, ...]
    complete: bool
    proven: bool
    saving: Saving | None
    runs: int


def plan(workspace: Workspace, *, listener: Listener = ignore, cancellation: Cancellation | None = None) -> Plan:
    """The fewest environments for all projects, each proven by a resolution of all its projects together.

    Raises `NotAsked` when the resolver cannot be asked.
    """
    planner = Planner(workspace, listener, cancellation or Cancellation())
    planner.search()
    order = {project.key: place for place, project in enumerate(workspace.projects)}
    alone = [(one.key,) for one in planner.unusable]
    groups = sorted([*planner.groups, *alone], key=lambda keys: min(order[key] for key in keys))
    environments, saving = _measured(workspace, groups, [planner.proofs.get(keys) for keys in groups])
    apart = [tuple(sorted(one, key=order.__getitem__)) for one in planner.apart if one <= planner.sides.keys()]
    return Plan(
        environments=environments,
        apart=tuple(sorted(apart, key=lambda keys: (len(keys), [order[key] for key in keys]))),
        unusable=tuple(sorted(planner.unusable, key=lambda one: order[one.key])),
        notes=tuple(note for side in planner.sides.values() for note in side.notes),
        complete=len(planner.sides) <= PAIRS,
        proven=planner.proven,
        saving=saving,
        runs=planner.runs,
    )


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
