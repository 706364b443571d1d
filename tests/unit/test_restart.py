"""After a restart of the machine the files of an environment count as unproven until they were audited once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kit.values import make_environment

from envyard.environment import COMMIT_FILE, Environment
from envyard.locks import collect
from envyard.restart import current_start, remember_proof, unproven
from envyard.store import Store

pytestmark = pytest.mark.skipif(not current_start(), reason="this system does not tell when it was started")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / ".envs")
    made.prepare()
    return made


@pytest.fixture
def committed(store: Store) -> Callable[[str], Environment]:
    """Commits a generation as if the machine had been started at the time of that name."""

    return lambda start: make_environment(store.generation_path(store.new_generation()), start=start)


def test_what_was_built_since_the_start_needs_no_proof(store: Store, committed: Callable[[str], Environment]) -> None:
    assert not unproven(store, committed(current_start()))


def test_what_was_built_before_needs_one_proof(store: Store, committed: Callable[[str], Environment]) -> None:
    environment = committed("before")
    assert unproven(store, environment)
    remember_proof(store, environment)
    assert not unproven(store, environment)


def test_the_proof_of_one_generation_is_none_of_another(store: Store, committed: Callable[[str], Environment]) -> None:
    first, second = committed("before"), committed("before")
    remember_proof(store, first)
    assert unproven(store, second)


def test_the_proof_goes_with_its_generation(store: Store, committed: Callable[[str], Environment]) -> None:
    environment = committed("before")
    remember_proof(store, environment)
    assert collect(store, environment.generation)
    assert list((store.root / "leases").iterdir()) == []


def test_the_start_is_in_the_commit_file_and_may_be_missing_there(
    store: Store, committed: Callable[[str], Environment]
) -> None:
    environment = committed("before")
    assert store.load(environment.generation) == environment
    file = environment.path / COMMIT_FILE
    data = json.loads(file.read_text())
    del data["start"]
    file.write_text(json.dumps(data))
    older = store.load(environment.generation)
    assert older == replace(environment, start="")
    assert older is not None
    assert not unproven(store, older)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_cannot_be_written_is_taken_as_it_is(
    store: Store, committed: Callable[[str], Environment]
) -> None:
    environment = committed("before")
    store.root.chmod(0o500)
    try:
        assert not unproven(store, environment)
    finally:
        store.root.chmod(0o700)


def test_a_proof_that_cannot_be_written_is_no_error(store: Store, committed: Callable[[str], Environment]) -> None:
    environment = committed("before")
    (store.root / "leases").rmdir()
    (store.root / "leases").write_text("")
    remember_proof(store, environment)
    assert unproven(store, environment)
