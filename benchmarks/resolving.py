"""Which Python runs a model: what an application pays for the answer, in its own process."""

from __future__ import annotations

import json
from pathlib import Path

from measure import Alternative
from processes import Command, CommandFailed, run
from small_projects import VERSION, WHEELS_A_PROJECT, write_wheels
from workplace import Workplace

ASKED = 5000  # answers; the hundredth part of them still is fifty
_KEY = "torch-cpu-transformers"
_ASK = Path(__file__).with_name("ask.py")


class Answers(Alternative):
    """`quantity` of `ask.py`: `p50`, `p99` or `first`, with a shared environment of tiny wheels."""

    def __init__(self, name: str, place: Workplace, quantity: str) -> None:
        self.name, self.place, self.quantity = name, place, quantity

    def prepare(self, folder: Path) -> None:
        """A profile, its environment, and a model that it serves."""
        wheels = self.place.root / "wheels"
        names = list(write_wheels(wheels))[:WHEELS_A_PROJECT]
        requirements = json.dumps([f"{name}=={VERSION}" for name in names])
        imports = json.dumps([name.replace("-", "_") for name in names])
        profile = (
            f'[serves]\nbackend = "transformers"\naccelerator = "cpu"\n'
            f'[python]\nrequires = "{self.place.projects[0].python}"\n'
            f"[packages]\nrequirements = {requirements}\n[health]\nimports = {imports}\n"
        )
        for file, text in (
            ("workspace.toml", '[workspace]\nname = "models"\n'),
            (f"profiles/{_KEY}.toml", profile),
            ("model/config.json", '{"model_type": "llama"}\n'),
        ):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
        environment = self.place.environment() | {"UV_FIND_LINKS": str(wheels)}
        arguments = (self.place.tool_python, "-m", "envyard", "envs.setup", _KEY)
        run(Command(arguments=arguments, folder=folder, environment=environment, log=folder / "log.txt"))

    def run(self, folder: Path) -> None:
        places = (str(folder), str(folder / "model"), str(ASKED), str(folder / "answer.json"))
        arguments = (self.place.tool_python, str(_ASK), *places)
        environment = self.place.environment()
        run(Command(arguments=arguments, folder=folder, environment=environment, log=folder / "log.txt"))

    def check(self, folder: Path) -> None:
        """The answers came without a child process."""
        children = json.loads((folder / "answer.json").read_text(encoding="utf-8"))["children"]
        if children:
            raise CommandFailed(f"{children} processes were started for {ASKED} answers")

    def seconds(self, folder: Path) -> float:
        return float(json.loads((folder / "answer.json").read_text(encoding="utf-8"))[self.quantity])
