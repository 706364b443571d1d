"""Grades of environments by what can be seen without starting them."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from kit.values import make_definition, make_environment, make_interpreter

from envyard.environment import Environment
from envyard.fingerprint import Fingerprint
from envyard.health import MISSING, Grade, Health, check_health

GENERATION = "0123abcd"


def _fingerprint(tmp_path: Path, digest: str = "0" * 64, **inputs: str) -> Fingerprint:
    everything = {"format": "1", "python": "3.11", "installer": "auto", "torch-backend": "", **inputs}
    return Fingerprint(digest=digest, inputs=everything, definition=make_definition(tmp_path))


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return make_environment(tmp_path / GENERATION, distributions=("demo-1.0.dist-info", "pip-26.dist-info"))


def _made_from_a_copy(tmp_path: Path, environment: Environment) -> tuple[Environment, Path]:
    """The same environment with a base interpreter that may be changed."""
    base = tmp_path / "base"
    shutil.copy(environment.interpreter.executable, base)
    (environment.path / "bin" / "python").unlink()
    (environment.path / "bin" / "python").symlink_to(base)
    return replace(environment, interpreter=make_interpreter(base, environment.interpreter.version)), base


def test_nothing_is_missing() -> None:
    assert check_health(None, None) == MISSING
    assert MISSING.reasons == ("first build",)


def test_what_is_as_it_was_built_is_ok(tmp_path: Path, environment: Environment) -> None:
    assert check_health(environment, None) == Health(grade=Grade.OK)
    assert check_health(environment, _fingerprint(tmp_path)) == Health(grade=Grade.OK)


def test_another_definition_makes_stale_and_outdated(tmp_path: Path, environment: Environment) -> None:
    health = check_health(environment, _fingerprint(tmp_path, "1" * 64))

    assert health.grade == Grade.STALE
    assert health.outdated
    assert "python any -> 3.11" in health.reasons


def test_a_touched_interpreter_of_the_same_version_is_ok(tmp_path: Path, environment: Environment) -> None:
    environment, base = _made_from_a_copy(tmp_path, environment)
    os.utime(base, (0, 0))

    assert check_health(environment, None).grade == Grade.OK


@pytest.mark.parametrize(
    ("version", "grade", "reason"),
    [
        ("{minor}.99", Grade.STALE, "python {minor}.99 -> {now}"),
        ("3.2.0", Grade.BROKEN, "its base interpreter was replaced: python 3.2.0 -> {now}"),
    ],
    ids=["another patch", "another minor"],
)
def test_an_interpreter_replaced_in_place_is_graded_by_its_version(
    tmp_path: Path, environment: Environment, version: str, grade: Grade, reason: str
) -> None:
    now = environment.interpreter.version
    minor = ".".join(now.split(".")[:2])
    environment, base = _made_from_a_copy(tmp_path, environment)
    environment = replace(environment, interpreter=make_interpreter(base, version.format(minor=minor)))
    os.utime(base, (0, 0))

    health = check_health(environment, None)

    assert health == Health(grade=grade, reasons=(reason.format(minor=minor, now=now),))
    assert not health.outdated
    assert health.needs_build(update=True)
    assert health.needs_build(update=False) == (grade == Grade.BROKEN)


def _remove_interpreter(environment: Environment) -> None:
    os.unlink(environment.interpreter.executable)


def _spoil_interpreter(environment: Environment) -> None:
    Path(environment.interpreter.executable).write_bytes(b"nothing that starts")


def _remove_python(environment: Environment) -> None:
    environment.python.unlink()


def _remove_packages(environment: Environment) -> None:
    shutil.rmtree(environment.path / environment.site_packages)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_remove_interpreter, "its base interpreter is gone: "),
        (_spoil_interpreter, "its base interpreter was replaced, and does not start: "),
        (_remove_python, "its python is gone: "),
        (_remove_packages, "its packages are gone: "),
    ],
    ids=["base gone", "base spoiled", "python gone", "packages gone"],
)
def test_what_cannot_work_is_broken_with_the_reason(
    tmp_path: Path, environment: Environment, damage: object, reason: str
) -> None:
    environment, _base = _made_from_a_copy(tmp_path, environment)
    assert callable(damage)
    damage(environment)

    for fingerprint in (None, _fingerprint(tmp_path), _fingerprint(tmp_path, "1" * 64)):
        health = check_health(environment, fingerprint)
        assert health.grade == Grade.BROKEN
        assert health.reasons[0].startswith(reason)
        assert len(health.reasons) == 1


def test_a_moved_environment_is_broken_and_one_behind_a_link_is_not(tmp_path: Path, environment: Environment) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    through_a_link = replace(environment, path=tmp_path / "link" / GENERATION)
    assert check_health(through_a_link, None).grade == Grade.OK

    moved = environment.path.rename(tmp_path / "elsewhere")
    health = check_health(replace(environment, path=moved), None)

    assert health.grade == Grade.BROKEN
    assert health.reasons == (f"the workspace was moved: the environment was built at {environment.path}",)


def test_distributions_that_came_and_went_by_hand_are_drift(environment: Environment) -> None:
    site_packages = environment.path / environment.site_packages
    (site_packages / "my_tool-2.0.dist-info").mkdir()
    (site_packages / "demo-1.0.dist-info").rename(site_packages / "demo-1.1.dist-info")

    assert check_health(environment, None) == Health(
        grade=Grade.DRIFTED,
        reasons=("installed by hand: demo 1.1", "installed by hand: my_tool 2.0", "removed by hand: demo 1.0"),
    )


def test_the_gravest_reason_goes_first(tmp_path: Path, environment: Environment) -> None:
    site_packages = environment.path / environment.site_packages
    (site_packages / "by_hand-1.dist-info").mkdir()
    environment, base = _made_from_a_copy(tmp_path, environment)
    os.utime(base, (0, 0))
    old = replace(environment, interpreter=make_interpreter(base, environment.interpreter.version + "1"))
    os.utime(base, (1, 1))

    assert check_health(environment, None).grade == Grade.DRIFTED
    assert check_health(old, None).grade == Grade.STALE
    assert check_health(old, _fingerprint(tmp_path, "1" * 64)).outdated
    environment.python.unlink()
    assert check_health(old, _fingerprint(tmp_path, "1" * 64)).grade == Grade.BROKEN


@pytest.mark.parametrize(
    ("health", "without_update", "with_update"),
    [
        (Health(grade=Grade.OK), False, False),
        (Health(grade=Grade.STALE), False, True),
        (Health(grade=Grade.STALE, outdated=True), True, True),
        (Health(grade=Grade.DRIFTED), False, False),
        (Health(grade=Grade.DEGRADED), False, False),
        (Health(grade=Grade.BROKEN), True, True),
        (Health(grade=Grade.MISSING), True, True),
    ],
    ids=lambda value: str(value.grade) + "*" * value.outdated if isinstance(value, Health) else None,
)
def test_what_needs_a_build(health: Health, without_update: bool, with_update: bool) -> None:
    assert health.needs_build(update=False) == without_update
    assert health.needs_build(update=True) == with_update
    assert health.grade.usable == (health.grade not in (Grade.BROKEN, Grade.MISSING))
