"""The questions the benchmark asks, with their alternatives and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alternatives import AdoptedUv, Envyard, Nox, PlainPip, Tox, warm_alternatives
from measure import Scenario
from resolving import ASKED, Answers
from results import Target
from single_commands import Again, OneCommand, SmallCommand
from workplace import Workplace

ENVYARD = "envyard"
GB = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asked for; `rounds` None: each scenario's own number."""

    quick: bool = False
    full: bool = False
    rounds: int | None = None

    def rounds_or(self, usual: int) -> int:
        """The number of rounds of a scenario that usually has `usual`."""
        return self.rounds or (1 if self.quick else usual)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to make a scenario, and what must be there first. `disk` is what it needs besides the shared cache."""

    make: Callable[[Workplace, Options], Scenario]
    disk: int
    needs_reference: bool = True


def cold(place: Workplace, options: Options) -> Scenario:
    """Empty caches: download, unpack, link."""
    pip = (PlainPip("venv and pip, one by one", place, cold=True),) if options.full else ()
    uv = "uv one by one"
    return Scenario(
        name="cold",
        title="Cold caches: everything is downloaded",
        alternatives=(AdoptedUv(uv, place, cold=True), Envyard(ENVYARD, place, cold=True), *pip),
        rounds=options.rounds_or(2),
        warm_up=0,
        count_disk=True,
        notes=("Disk is cache + environments, each (device, inode) counted once.",),
        targets=(
            Target(subject=ENVYARD, against=uv, limit=1.0),
            Target(subject=ENVYARD, against=uv, limit=1.02, quantity="disk"),
        ),
    )


def warm(place: Workplace, options: Options) -> Scenario:
    """A filled cache, no environments."""
    return Scenario(
        name="warm",
        title="Warm caches, new environments",
        alternatives=warm_alternatives(place),
        rounds=options.rounds_or(5),
        notes=("All use one filled uv cache and `UV_OFFLINE=1`: nobody waits for the network.",),
        targets=(
            Target(subject=ENVYARD, against="tox-uv, parallel", limit=0.75),
            Target(subject=ENVYARD, against="cp -al", limit=2.5),
        ),
    )


def nothing(place: Workplace, options: Options) -> Scenario:
    """Every environment is there and right."""
    invoke = str(Path(place.tool_python).parent / "invoke")
    return Scenario(
        name="nothing",
        title="Nothing to do",
        alternatives=(
            Again(ENVYARD, Envyard(ENVYARD, place)),
            Again("tox-uv, parallel", Tox("tox", place)),
            Again("nox -R -j 3 with uv", Nox("nox", place, "-R", "-j", "3")),
            OneCommand("invoke --list of one empty task", place, invoke, "--list", files=_empty_tasks),
            OneCommand("python -c pass", place, place.tool_python, "-c", "pass"),
        ),
        rounds=options.rounds_or(15),
        fresh=False,
        notes=("Whole processes. With `-R` nox compares nothing; envyard and tox do.",),
        targets=(Target(subject=ENVYARD, limit=0.35, comparison="value"),),
    )


def session(place: Workplace, options: Options) -> Scenario:
    """What a nox session costs over the tests themselves."""
    ready = (_envyard(place, "envs.setup", "model"),)
    model = next(project for project in place.projects if project.key == "model")
    nox = str(Path(place.tool_python).parent / "nox")
    runs = "nox -R -s model"
    return Scenario(
        name="session",
        title="One session: `nox -R -s model`",
        subject=runs,
        alternatives=(
            OneCommand(runs, place, nox, "-R", "-s", "model", files=place.copy_workspace, first=ready),
            OneCommand(
                "plain pytest",
                place,
                "venv/bin/python",
                "-m",
                "pytest",
                files=place.copy_workspace,
                first=ready,
                below=model.path,
            ),
        ),
        rounds=options.rounds_or(10),
        fresh=False,
        targets=(Target(subject=runs, against="plain pytest", limit=0.3, comparison="difference"),),
    )


def growth(place: Workplace, options: Options) -> Scenario:
    """Does the price of one environment stay the same?"""
    counts = (6, 30, 60 if options.quick else 300)
    few, many = f"{counts[1]} projects", f"{counts[2]} projects"
    return Scenario(
        name="growth",
        title="Growth: many small projects",
        subject="",
        alternatives=tuple(
            SmallCommand(f"{count} projects", place, count, *_envyard(place, "envs.setup-all")) for count in counts
        ),
        rounds=options.rounds_or(2),
        warm_up=0,
        notes=("`envs.setup-all`; every project installs three of five tiny local wheels.",),
        targets=(Target(subject=many, against=few, limit=1.2, comparison="unit ratio"),),
    )


def list_(place: Workplace, options: Options) -> Scenario:
    """`envs.list` of many environments."""
    count = 60 if options.quick else 300
    name = f"envs.list of {count}"
    setup = (_envyard(place, "envs.setup-all"),)
    return Scenario(
        name="list",
        title="Listing many environments",
        subject="",
        alternatives=(SmallCommand(name, place, count, *_envyard(place, "envs.list", "--json"), first=setup),),
        rounds=options.rounds_or(5),
        fresh=False,
        targets=(Target(subject=name, limit=1.0, comparison="value"),),
    )


def resolve(place: Workplace, options: Options) -> Scenario:
    """Which Python runs a model, asked in an application's own process."""
    warm_name = "get_env_for_model, median"
    return Scenario(
        name="resolve",
        title="Which Python runs a model",
        subject="",
        alternatives=(
            Answers(warm_name, place, "p50"),
            Answers("get_env_for_model, 99 of 100", place, "p99"),
            Answers("first answer of a process, with the import", place, "first"),
        ),
        rounds=options.rounds_or(5),
        fresh=False,
        notes=(f"{ASKED} answers a round, of one registry, for one model; no child process, or the row fails.",),
        targets=(Target(subject=warm_name, limit=0.001, comparison="value"),),
    )


PLANS = {
    "cold": Plan(make=cold, disk=20 * GB, needs_reference=False),
    "warm": Plan(make=warm, disk=GB),
    "nothing": Plan(make=nothing, disk=GB),
    "session": Plan(make=session, disk=GB),
    "growth": Plan(make=growth, disk=GB),
    "list": Plan(make=list_, disk=GB),
    "resolve": Plan(make=resolve, disk=GB, needs_reference=False),
}


def _envyard(place: Workplace, *arguments: str) -> tuple[str, ...]:
    return (place.tool_python, "-m", "envyard", *arguments)


def _empty_tasks(folder: Path) -> None:
    text = 'from invoke import task\n\n\n@task\ndef nothing(_context):\n    """Do nothing."""\n'
    (folder / "tasks.py").write_text(text, encoding="utf-8")
