"""What a look at an environment finds, and the command that heals it."""

from __future__ import annotations

import pytest

from envyard.commands.checks import check_environment
from envyard.health import MISSING, Grade, Health


@pytest.mark.parametrize(
    ("health", "fix"),
    [
        pytest.param(Health(grade=Grade.OK), "", id="good"),
        pytest.param(MISSING, "invoke envs.setup alpha", id="missing"),
        pytest.param(Health(grade=Grade.BROKEN, reasons=("gone",)), "invoke envs.setup alpha", id="broken"),
        pytest.param(
            Health(grade=Grade.STALE, reasons=("demo 1 -> 2",), outdated=True),
            "invoke envs.setup alpha",
            id="another lockfile",
        ),
        pytest.param(
            Health(grade=Grade.STALE, reasons=("python 3.11.6 -> 3.11.7",)),
            "invoke envs.setup alpha --rebuild",
            id="a patch of Python, which a set-up keeps",
        ),
        pytest.param(
            Health(grade=Grade.DRIFTED, reasons=("installed by hand: demo",)),
            "invoke envs.setup alpha --rebuild",
            id="changes by hand, which a set-up keeps",
        ),
    ],
)
def test_the_command_that_is_named_heals_what_was_found(health: Health, fix: str) -> None:
    found = check_environment("alpha", health)
    assert (found.ok, found.fix) == (not fix, fix)
    assert health.needs_build(update=False) or found.ok or "--rebuild" in found.fix
