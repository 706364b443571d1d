"""What must hold of a workspace at every moment, also right after a kill, checked without envyard's own code."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, Self

from kit.audit import audit_environment, installed
from kit.workspaces import WorkspaceKit


def holder(kit: WorkspaceKit, key: str) -> dict[str, Any]:
    """Who builds the environment of a project, or built it last; {} when nobody did."""
    try:
        return dict(json.loads((kit.store / "locks" / f"project-{key}.json").read_bytes()))
    except FileNotFoundError:
        return {}


def pointer(kit: WorkspaceKit, key: str) -> dict[str, Any]:
    """The pointer of a project; {} when there is none."""
    try:
        return dict(json.loads((kit.store / "pointers" / "project" / f"{key}.json").read_bytes()))
    except FileNotFoundError:
        return {}


def generations(kit: WorkspaceKit) -> set[str]:
    """The generations that exist: those with a whole commit file."""
    return {path.parent.name for path in kit.store.glob("g/*/env.json") if _is_json(path)}


def versions(kit: WorkspaceKit, generation: str) -> dict[str, str]:
    """What is installed in a generation, without pip."""
    found = installed(kit.store / "g" / generation)
    found.pop("pip", None)
    return found


def faults(kit: WorkspaceKit, key: str, *, audited: set[str] | None = None) -> list[str]:
    """What is wrong with the environment of a project, by its link, its pointer and every file of its generations.

    The content of every file is read; of the generations in `audited` only the sizes. `audited` gets the sound ones.
    Between two steps of a build the pointer may be one generation further than the link. An environment that was never
    published has neither, and nothing is wrong with it.
    """
    problems: list[str] = []
    link = kit.venv(key)
    names = generations(kit)
    for name in names:
        data = json.loads((kit.store / "g" / name / "env.json").read_bytes())
        if data["generation"] != name:
            problems.append(f"{name}: its commit file is that of {data['generation']}")
        deep = audited is None or name not in audited
        wrong = audit_environment(kit.store / "g" / name, deep)
        problems += [f"{name}: {each}" for each in wrong]
        if audited is not None and not wrong:
            audited.add(name)
    points = pointer(kit, key)
    if points:
        problems += [f"pointer leads to {name}" for name in [points["current"]] if name not in names]
    if link.is_symlink():
        target = os.path.basename(os.readlink(link))
        if target not in names:
            problems.append(f"link leads to {target}, which does not exist")
        if not points:
            problems.append("there is a link without a pointer")
        elif target not in (points["current"], *points["previous"]):
            problems.append(f"link leads to {target}, pointer to {points['current']}")
    elif os.path.lexists(link):
        problems.append(f"{link} is no link")
    return problems


def settled(kit: WorkspaceKit, key: str) -> list[str]:
    """`faults`, and whatever a finished set-up must not leave: another link than the pointer, other versions than asked
    for."""
    problems = faults(kit, key)
    points = pointer(kit, key)
    if not points or not kit.venv(key).is_symlink():
        return [*problems, f"{key} is not set up"]
    current = points["current"]
    if os.path.basename(os.readlink(kit.venv(key))) != current:
        problems.append("the link does not lead where the pointer does")
    if versions(kit, current) != kit.pins(key):
        problems.append(f"{versions(kit, current)} is installed instead of {kit.pins(key)}")
    return problems


def litter(kit: WorkspaceKit) -> list[str]:
    """Everything in the store and beside the links that belongs to no current or previous generation."""
    kept: set[str] = set()
    for file in kit.store.glob("pointers/*/*.json"):
        data = json.loads(file.read_bytes())
        kept |= {data["current"], *data["previous"]}
    found = [path for path in kit.store.glob("g/*") if path.name not in kept]
    found += [path for path in kit.store.glob("leases/*") if path.name not in kept]
    found += kit.store.glob("trash/*")
    found += kit.store.glob("cache/fetch-*")
    for folder in (".", "locks", "pointers/*", "cache", "cache/seed", "cache/seed/*"):
        found += [path for path in kit.store.glob(f"{folder}/.*") if path.is_file() and path.name != ".gitignore"]
    for key in kit.plans:
        found += list(kit.project(key).glob(".venv*"))
    return sorted(str(path.relative_to(kit.root)) for path in found)


def make_old(kit: WorkspaceKit) -> None:
    """Let temporary files of the store look as if they had been there for long."""
    for path in kit.store.glob("**/.*"):
        if path.is_file() and "g" not in path.relative_to(kit.store).parts[:1]:
            os.utime(path, (1, 1))


class Watch:
    """Follows the link of a project all the time, as somebody who uses the environment would.

    From the first moment it leads somewhere until the end of the `with` block it must lead to a finished environment
    with a python in it; what was seen otherwise is in `problems`.
    """

    def __init__(self, kit: WorkspaceKit, key: str) -> None:
        self.problems: list[str] = []
        self.looks = 0
        self.seen: set[str] = set()
        self._link = kit.venv(key)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        published = False
        while not self._stop.wait(0.001):
            published = published or self._link.exists()
            if published:
                self._look()

    def _look(self) -> None:
        self.looks += 1
        try:
            self.seen.add(json.loads(_read(self._link / "env.json"))["generation"])
            _read(self._link / "pyvenv.cfg")
            os.stat(self._link / "bin" / "python")
        except (OSError, ValueError) as error:
            self.problems.append(repr(error))


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return True


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read()
