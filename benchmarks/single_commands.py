"""Alternatives that are one command: run again with nothing to do, or run in a folder made ready for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alternatives import ReferenceAlternative
from measure import Alternative
from processes import Command, CommandFailed, run
from small_projects import write_wheels, write_workspace
from workplace import Workplace


class Again(Alternative):
    """A reference alternative run once more: everything is there already."""

    def __init__(self, name: str, made: ReferenceAlternative) -> None:
        self.name = name
        self.made = made

    def prepare(self, folder: Path) -> None:
        self.made.prepare(folder)
        self.made.run(folder)
        self.made.check(folder)

    def run(self, folder: Path) -> None:
        self.made.run(folder)


class OneCommand(Alternative):
    """A single command, run in `below` its folder.

    `files` fills the folder, the commands `first` then make it ready; neither is timed.
    """

    def __init__(
        self,
        name: str,
        place: Workplace,
        *arguments: str,
        files: Callable[[Path], None] | None = None,
        first: tuple[tuple[str, ...], ...] = (),
        below: str = ".",
    ) -> None:
        self.name = name
        self.place = place
        self.arguments = arguments
        self.files = files
        self.first = first
        self.below = below

    def prepare(self, folder: Path) -> None:
        if self.files is not None:
            self.files(folder)
        for arguments in self.first:
            run(self.command(folder, arguments))

    def run(self, folder: Path) -> None:
        run(self.command(folder / self.below, self.arguments))

    def command(self, folder: Path, arguments: tuple[str, ...]) -> Command:
        """A process in `folder` with the environment that all alternatives share."""
        return Command(
            arguments=arguments,
            folder=folder,
            environment=self.place.environment(),
            log=folder / "log.txt",
        )


class SmallCommand(OneCommand):
    """A command in a workspace of `count` small projects, after which every one has its environment."""

    def __init__(
        self, name: str, place: Workplace, count: int, *arguments: str, first: tuple[tuple[str, ...], ...] = ()
    ) -> None:
        super().__init__(name, place, *arguments, files=self._write, first=first)
        self.units = count
        self.wheels = place.root / "wheels"

    def check(self, folder: Path) -> None:
        """Nobody was left out."""
        environments = [path / "venv" / "pyvenv.cfg" for path in (folder / "projects").iterdir()]
        missing = sum(not path.exists() for path in environments)
        if missing or len(environments) != self.units:
            raise CommandFailed(f"{missing} of {self.units} small projects have no environment")

    def command(self, folder: Path, arguments: tuple[str, ...]) -> Command:
        environment = self.place.environment() | {"UV_FIND_LINKS": str(self.wheels)}
        return Command(arguments=arguments, folder=folder, environment=environment, log=folder / "log.txt")

    def _write(self, folder: Path) -> None:
        write_workspace(folder, self.units, write_wheels(self.wheels), self.place.projects[0].python)
