"""The small JSON files of a store, changed by anybody into anything that is still JSON: no command ends as a bug of
envyard. What is damaged counts as none, or is one clear error."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWorkspace
from kit.index import LocalIndex
from kit.isolation import environment as variables
from kit.models import CPU, ModelsKit
from kit.values import make_environment
from kit.workspaces import ProjectPlan

from envyard.definition import Kind
from envyard.errors import ExitCode
from envyard.health import Grade
from envyard.history import Event, What, history_path, record
from envyard.locks import ExclusiveLock, holder_path
from envyard.migrated import put_away
from envyard.probe import LENIENT, Subject, Verdict, remember, subject_of
from envyard.records import Failure, ModelRecord, failure_path, save_failure, save_model
from envyard.store import Store
from envyard.tasks import namespace
from envyard.tasks.program import EnvyardProgram

NOW, BEFORE, SHARED = "0123abcd", "0123abce", "0123abcf"
DEEP = "DEEP"  # stands for a list in a list in a list ..., which Python cannot write


class Records:
    """A workspace with every record that envyard keeps; nothing is installed in its environments."""

    def __init__(self, models: ModelsKit) -> None:
        self.models = models
        self.kit = models.kit
        self.pristine = self.kit.root.with_name("pristine")
        self.model = models.model()
        self.old = models.legacy(self.model, packages=())
        store = models.store
        store.prepare()
        for generation in (BEFORE, NOW):
            made = make_environment(store.generation_path(generation), key="alpha", reasons=("first build",))
            store.point(made, ("first build",))
        shared = make_environment(store.generation_path(SHARED), kind=Kind.PROFILE, key=CPU)
        store.point(shared, ("first build",))
        os.symlink(os.path.relpath(made.path, self.kit.project("alpha")), self.kit.venv("alpha"))
        shutil.copytree(made.path, self.kit.venv("beta"), symlinks=True)
        event = Event(time=made.created, what=What.BUILT, grade=Grade.OK, generation=NOW, seconds={"install": 1.0})
        record(store, Kind.PROJECT, "alpha", event)
        with ExclusiveLock(store, Kind.PROJECT, "alpha") as lock:
            assert lock.try_acquire()
            lock.write_intent(phase="install", generation=NOW)
        save_model(store, ModelRecord(model=str(self.model), key=CPU, source="shared", degraded_since=1.0, reason="x"))
        save_failure(store, Failure(key=CPU, since=time.time(), reason="no index"))
        remember(self._subject(), LENIENT, Verdict(grade=Grade.OK, version="1", checked=time.time()))
        moved = models.legacy("org/moved", packages=())
        put_away(store, moved, "org/moved", CPU)
        for editor in ("vscode", "pycharm"):
            assert self.run(f"ide.{editor}") == ExitCode.DONE
        editors = json.loads(self.files()["editors"].read_text(encoding="utf-8"))
        editors["pycharm-sdks"] = {"names": {"alpha": "alpha"}, "tables": {"/x/jdk.table.xml": {"alpha": "/x/python"}}}
        self.files()["editors"].write_text(json.dumps(editors), encoding="utf-8")
        self.kit.root.rename(self.pristine)

    def _subject(self) -> Subject:
        shared = self.models.store.load(SHARED)
        assert shared is not None
        return subject_of(self.models.store, shared, {})

    def files(self) -> dict[str, Path]:
        store = Store(self.kit.store)
        return {
            "commit file": store.generation_path(NOW) / "env.json",
            "commit file of a shared one": store.generation_path(SHARED) / "env.json",
            "commit file of a copy": self.kit.venv("beta") / "env.json",
            "pointer": store.pointer_path(Kind.PROJECT, "alpha"),
            "pointer of a shared one": store.pointer_path(Kind.PROFILE, CPU),
            "holder": holder_path(store, Kind.PROJECT, "alpha"),
            "history": history_path(store, Kind.PROJECT, "alpha"),
            "model": next((store.root / "models").glob("*.json"), Path()),
            "failure": failure_path(store, CPU),
            "probe": store.root / "leases" / SHARED / "probe.json",
            "put away": next((store.root / "migrated").glob("*.json"), Path()),
            "metadata of an old one": self.old / "environment_metadata.json",
            "editors": store.root / "editors.json",
        }

    def restore(self) -> None:
        """Everything as it was before any command."""
        shutil.rmtree(self.kit.root, ignore_errors=True)
        shutil.copytree(self.pristine, self.kit.root, symlinks=True)
        os.chdir(self.kit.root)

    def run(self, *words: str) -> int:
        """A command in this process; returns its exit code."""
        program = EnvyardProgram(name="envyard", binary="envyard", namespace=namespace, version="0")
        with variables(self.kit.env):
            os.chdir(self.kit.root)
            try:
                program.run(["envyard", *words])
            except SystemExit as ended:
                return int(ended.code or 0)
        return 0


@pytest.fixture
def records(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> Iterator[Records]:
    plans = {"alpha": ProjectPlan(), "beta": ProjectPlan()}
    here = os.getcwd()
    try:
        yield Records(ModelsKit(workspace_kit(plans), local_index))
    finally:
        os.chdir(here)


LIST, SHOW, REPORT = ("envs.list", "--json"), ("envs.show", "alpha"), ("envs.report", "--html", "page.html")
PRUNE = ("envs.prune", "--dry-run")
RESOLVE = ("envs.resolve", "--model", "models/llama", "--no-build", "--no-wait")
VSCODE, PYCHARM = ("ide.vscode", "--check"), ("ide.pycharm", "--check")
READERS = {
    "commit file": (SHOW, REPORT),
    "commit file of a shared one": (RESOLVE,),
    "commit file of a copy": (PRUNE,),
    "pointer": (SHOW, REPORT, PRUNE),
    "pointer of a shared one": (LIST, RESOLVE),
    "holder": (SHOW, PRUNE),
    "history": (REPORT,),
    "model": (LIST, REPORT, RESOLVE),
    "failure": (LIST, REPORT, RESOLVE),
    "probe": (LIST, RESOLVE),
    "put away": (PRUNE,),
    "metadata of an old one": (LIST, REPORT, RESOLVE),
    "editors": (VSCODE, PYCHARM),
}
"""For each record who reads it, and shows what is in it."""
CHANGES = (
    ("envs.list",),
    ("envs.doctor",),
    ("envs.prune",),
    ("envs.migrate", "--undo"),
    ("envs.rollback", "alpha"),
    ("envs.clean", "alpha", CPU, "--yes"),
)
WHOLE = ("[]", "{}", "null", "7", '"text"', "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000)
VALUES: tuple[Any, ...] = (
    *(..., None, [], {}, -1, 10**400, 1e300, float("nan")),
    *("../etc", "\0", "\ud800", "\udc80", DEEP),
)


def _places(data: dict[str, Any], top: bool = True) -> Iterator[tuple[str, ...]]:
    """Where values are in an object and in those inside it; below the top in the first of many that are alike."""
    for number, (key, value) in enumerate(data.items()):
        if top or number == 0 or not isinstance(value, dict):
            yield (key,)
            if isinstance(value, dict):
                yield from ((key, *rest) for rest in _places(value, top=False))


def _variants(data: dict[str, Any]) -> Iterator[str]:
    """The text with each value in turn missing or another."""
    for place in _places(data):
        for value in VALUES:
            copy: dict[str, Any] = json.loads(json.dumps(data))
            inner = copy
            for key in place[:-1]:
                inner = inner[key]
            if value is ...:
                del inner[place[-1]]
            else:
                inner[place[-1]] = value
            yield json.dumps(copy).replace(f'"{DEEP}"', "[" * 500 + "]" * 500)


@pytest.mark.parametrize("name", READERS)
def test_a_record_of_another_shape_is_no_bug_of_envyard(
    records: Records, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    looks: tuple[tuple[str, ...], ...] = READERS[name]
    changes: tuple[tuple[str, ...], ...] = CHANGES
    if name == "editors":
        changes = tuple((editor, *words) for editor in ("ide.vscode", "ide.pycharm") for words in ((), ("--remove",)))
    records.restore()
    file = records.files()[name]
    whole = file.read_text(encoding="utf-8")

    def attempt(text: str, commands: Iterable[tuple[str, ...]]) -> None:
        for command in commands:
            file.write_text(text, encoding="utf-8")
            code = records.run(*command)
            said = capsys.readouterr()
            assert code in (ExitCode.DONE, ExitCode.FAILED), (command, text[:1000], said.err[-1500:])

    for text in (whole, *_variants(json.loads(whole))):
        attempt(text, looks)
    for text in (whole, *WHOLE):
        for command in (*looks, *changes):
            records.restore()
            attempt(text, [command])
