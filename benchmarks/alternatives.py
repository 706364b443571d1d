"""The ways to make the environments of the six reference projects: envyard and its peers."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from measure import Alternative, remove_tree
from processes import Command, CommandFailed, run, run_together
from workplace import ReferenceProject, Workplace

NOXFILE = """\
import functools

import nox

nox.options.default_venv_backend = "uv"
PROJECTS = {projects!r}


def test(session, lockfile):
    session.install("-r", lockfile)
    session.run("python", "-m", "pytest", *session.posargs)


for key, python, lockfile in PROJECTS:
    install = functools.partial(test, lockfile=lockfile)
    nox.session(install, name=key, python=python, allow_parallel=True)
"""

TOX_HEAD = """\
[tox]
env_list = {names}
no_package = true

[testenv]
runner = uv-venv-runner
commands = python -m pytest
"""

TOX_ENVIRONMENT = """
[testenv:{key}]
base_python = python{python}
deps = -r {lockfile}
"""


class ReferenceAlternative(Alternative):
    """Makes the reference environments.

    - `cold`: with a cache of its own inside its folder, over the network.
    - `offline`: with the shared cache only.
    """

    def __init__(self, name: str, place: Workplace, *, cold: bool = False, offline: bool = True) -> None:
        self.name = name
        self.place = place
        self.cold = cold
        self.offline = offline
        self.units = len(place.projects)

    def environments(self, folder: Path) -> dict[str, Path]:
        """Where each project's environment is after the run, by key."""
        return {project.key: folder / project.key for project in self.place.projects}

    def check(self, folder: Path) -> None:
        """Every environment holds at least the distributions that uv installs from its lockfile."""
        for key, environment in self.environments(folder).items():
            expected = distributions(self.place.reference.get(key, environment))
            missing = sorted(expected - distributions(environment))
            if missing or not expected:
                shown = ", ".join(missing[:3]) or "everything"
                raise CommandFailed(f"{key} lacks {len(missing)} distributions: {shown}")

    def command(self, folder: Path, *arguments: str, log: str = "log.txt") -> Command:
        """A process in `folder` with the environment that all alternatives share."""
        environment = self.place.environment(offline=self.offline)
        if self.cold:
            environment = self.place.environment(cache=folder / "cache", home=folder / "home", offline=False)
        return Command(arguments=arguments, folder=folder, environment=environment, log=folder / log)


class Envyard(ReferenceAlternative):
    """`envs.setup-all` in a copy of the reference workspace."""

    def prepare(self, folder: Path) -> None:
        self.place.copy_workspace(folder)

    def run(self, folder: Path) -> None:
        run(self.command(folder, self.place.tool_python, "-m", "envyard", "envs.setup-all"))

    def environments(self, folder: Path) -> dict[str, Path]:
        return {project.key: folder / project.path / "venv" for project in self.place.projects}


class UvOneByOne(ReferenceAlternative):
    """`uv venv` and `uv pip sync`, one project after the other."""

    def run(self, folder: Path) -> None:
        for project in self.place.projects:
            run(self._create(folder, project))
            run(self._sync(folder, project))

    def _create(self, folder: Path, project: ReferenceProject) -> Command:
        target = str(self.environments(folder)[project.key])
        arguments = (self.place.peer("uv"), "venv", "--no-project", "--python", project.python, target)
        return self.command(folder, *arguments, log=f"{project.key}.log")

    def _sync(self, folder: Path, project: ReferenceProject) -> Command:
        target = str(self.environments(folder)[project.key])
        arguments = (self.place.peer("uv"), "pip", "sync", "--python", target, str(project.lockfile))
        return self.command(folder, *arguments, log=f"{project.key}.log")


class AdoptedUv(UvOneByOne):
    """Sequential uv on a cold cache. The shared cache, if there is none yet, is the one it has filled."""

    def keep(self, folder: Path) -> None:
        if not self.place.cache.exists() and (folder / "cache").exists():
            os.rename(folder / "cache", self.place.cache)


class UvTogether(UvOneByOne):
    """The same, all projects at once."""

    def run(self, folder: Path) -> None:
        run_together([self._create(folder, project) for project in self.place.projects])
        run_together([self._sync(folder, project) for project in self.place.projects])


class Nox(ReferenceAlternative):
    """Sessions with nox's uv backend, installs only."""

    def __init__(self, name: str, place: Workplace, *options: str, offline: bool = True) -> None:
        super().__init__(name, place, offline=offline)
        self.options = options

    def prepare(self, folder: Path) -> None:
        projects = [(project.key, project.python, str(project.lockfile)) for project in self.place.projects]
        (folder / "noxfile.py").write_text(NOXFILE.format(projects=projects), encoding="utf-8")

    def run(self, folder: Path) -> None:
        run(self.command(folder, self.place.peer("nox"), "--install-only", *self.options))

    def environments(self, folder: Path) -> dict[str, Path]:
        return {project.key: folder / ".nox" / project.key for project in self.place.projects}


class Tox(ReferenceAlternative):
    """`tox run-parallel --notest` with tox-uv."""

    def prepare(self, folder: Path) -> None:
        text = TOX_HEAD.format(names=",".join(project.key for project in self.place.projects))
        for project in self.place.projects:
            text += TOX_ENVIRONMENT.format(key=project.key, python=project.python, lockfile=project.lockfile)
        (folder / "tox.ini").write_text(text, encoding="utf-8")

    def run(self, folder: Path) -> None:
        options = ("--notest", "--parallel", "all", "--parallel-no-spinner")
        run(self.command(folder, self.place.peer("tox"), "run-parallel", *options))

    def environments(self, folder: Path) -> dict[str, Path]:
        return {project.key: folder / ".tox" / project.key for project in self.place.projects}


class HardLinks(ReferenceAlternative):
    """`cp -al` of finished environments: the floor for anything that links files."""

    def run(self, folder: Path) -> None:
        sources = [str(path) for path in self.place.reference.values()]
        run(self.command(folder, "cp", "-al", *sources, str(folder)))


class PlainPip(ReferenceAlternative):
    """`python -m venv` and pip, one project after the other, with a pip cache of its own."""

    def run(self, folder: Path) -> None:
        for project in self.place.projects:
            target = folder / project.key
            run(self.command(folder, f"python{project.python}", "-m", "venv", str(target)))
            pip = (str(target / "bin" / "python"), "-m", "pip", "--cache-dir", str(folder / "cache"))
            run(self.command(folder, *pip, "install", "-r", str(project.lockfile)))

    def command(self, folder: Path, *arguments: str, log: str = "log.txt") -> Command:
        environment = self.place.pip_environment()
        return Command(arguments=arguments, folder=folder, environment=environment, log=folder / log)


def fill(place: Workplace) -> None:
    """Fill the shared cache: uv makes the reference environments, the others fetch what only they need.

    envyard needs pip; `uv pip install`, which nox and tox-uv run, resolves and so needs the metadata of every package.
    """
    folder = place.root / "reference"
    remove_tree(folder)
    reference = UvOneByOne("reference", place, offline=False)
    folder.mkdir()
    reference.run(folder)
    reference.check(folder)
    place.reference = reference.environments(folder)
    for alternative in (Envyard("envyard", place, offline=False), Nox("nox", place, offline=False)):
        folder = place.root / "rounds" / f"fill-{alternative.name}"
        folder.mkdir(parents=True)
        alternative.prepare(folder)
        with contextlib.suppress(CommandFailed):  # its own rows will say so
            alternative.run(folder)


def warm_alternatives(place: Workplace) -> tuple[Alternative, ...]:
    """Everybody who can make new environments from a filled cache."""
    links = (HardLinks("cp -al", place),) if sys.platform == "linux" else ()
    return (
        Envyard("envyard", place),
        Tox("tox-uv, parallel", place),
        UvTogether("uv pip sync, parallel", place),
        Nox("nox -j 3 with uv", place, "-j", "3"),
        Nox("nox with uv", place),
        UvOneByOne("uv one by one", place),
        *links,
    )


def distributions(environment: Path) -> frozenset[str]:
    """Names of the `.dist-info` folders of an environment."""
    return frozenset(path.name for path in environment.glob("lib/python3.*/site-packages/*.dist-info"))
