"""From the words of an installer to the cause; the words are real, cut short."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from kit.engine import clear

from envyard.errors import EnvyardError, InstallFailed, RequirementsConflict
from envyard.events import ignore
from envyard.installers.base import NotCached, Work
from envyard.installers.failures import Cause, explain
from envyard.installers.pip import _WORDS as PIP_WORDS
from envyard.installers.uv import explain_failure
from envyard.process import Cancellation, Completed
from envyard.reasons import without_tracebacks


def _work(log: Path | None = None) -> Work:
    return Work(key="alpha", listener=ignore, cancellation=Cancellation(), log=log)


def _completed(stderr: str) -> Completed:
    return Completed(returncode=2, stdout="", stderr=stderr)


UV: Mapping[str, tuple[str, str]] = {
    "full disk": (
        (
            "error: Failed to install: pip-26.3-py3-none-any.whl (pip==26.3)\n"
            '  cause: No space left on device (os error 28) at path "/x/.tmp"\n'
        ),
        "no space left on the device",
    ),
    "read-only cache": (
        "error: Failed to initialize cache at `/x`\n  cause: Read-only file system (os error 30)\n",
        "read-only",
    ),
    "hash": (
        "error: Failed to download `demo==2.0`\n  cause: Hash mismatch for `demo==2.0`\n",
        "does not have the hash",
    ),
    "refused": (
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because demo was not found in the package registry and you require demo\n"
            "hint: An index URL could not be queried due to a lack of valid authentication credentials\n"
        ),
        "refuses access",
    ),
    "down": (
        (
            "error: Failed to fetch: http://h/simple/demo/\n  cause: error sending request for url\n"
            "  cause: tcp connect error\n"
        ),
        "could not be reached",
    ),
    "cut": ("error: Failed to download `demo==2.0`\n  cause: error decoding response body\n", "could not be reached"),
    "name": ("error: Failed to fetch: x\n  cause: dns error\n", "could not be reached"),
    "no requirement": (
        "error: Couldn't parse requirement in `requirements/alpha.txt` at position 0\n",
        "is not understood",
    ),
    "a line that goes on": (
        "error: Couldn't parse requirement in `requirements.txt` \n  cause: found `\\`\n  demo \\\n  >=1\n",
        "is not understood",
    ),
    "merge conflict": ("error: Unexpected '<', expected '-c', '-e', '-r' or the start\n", "is not understood"),
    "bad hash": ("error: Invalid hash digest length (expected 64, found 2)\n", "is not understood"),
    "broken build": (
        (
            "   Building broken==1.0\nerror: Failed to build `broken==1.0`\n  cause: The build backend\n"
            '      Traceback (most recent call last):\n        File "<string>", line 8\n      RuntimeError: boom\n'
        ),
        "building `broken` for `alpha` failed",
    ),
    "broken project": ("error: Failed to build `alpha @ file:///x`\n", "building `alpha` failed"),
    "unknown project": (
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because nosuch was not found in the package registry and you require nosuch, we can conclude\n"
        ),
        "has nothing that satisfies",
    ),
    "unknown version": (
        "error: No solution found when resolving dependencies\n  cause: Because there is no version of demo==9 and\n",
        "has nothing that satisfies",
    ),
    "no newer version": (
        "error: No solution found when resolving dependencies\n  cause: Because only demo<=2.0 is available and\n",
        "has nothing that satisfies",
    ),
    "conflict": (
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because gamma>=2.0 depends on beta>=2 and you require beta==1.0, we can conclude\n"
        ),
        "cannot be installed together",
    ),
    "direct conflict": (
        "error: No solution found when resolving dependencies\n  cause: Because you require a==1 and a==2, we can\n",
        "cannot be installed together",
    ),
    "not TOML": (
        "error: Failed to parse: /x/pyproject.toml\n  cause: TOML parse error at line 1, column 8\n  1 | [tool.x\n",
        "a file that the installation of `alpha` reads is no TOML, or not as it has to be",
    ),
    "anything else": ("error: the sky is falling\n", "installing `alpha` failed (uv exit code 2)"),
    "nothing": ("", "installing `alpha` failed (uv exit code 2)"),
}


@pytest.mark.parametrize(("stderr", "match"), UV.values(), ids=UV)
def test_the_words_of_uv_are_one_clear_error(tmp_path: Path, stderr: str, match: str) -> None:
    for log in (None, tmp_path / "log"):
        error = explain_failure(
            _work(log), _completed(f"Using Python 3.11.7\nResolved 2 packages\n{stderr}"), offline=False
        )

        assert match in clear(error).message
        assert "alpha" in error.message
        assert "Traceback" not in str(error)
        if stderr:
            assert error.details[0].startswith("error: "), "progress before the first error"


def test_a_conflict_can_be_told_from_other_failures() -> None:
    for name, (stderr, _match) in UV.items():
        error = explain_failure(_work(), _completed(stderr), offline=False)
        expected: type[EnvyardError] = RequirementsConflict if "No solution found" in stderr else InstallFailed
        if name != "refused":
            assert type(error) is expected, name


@pytest.mark.parametrize(
    "stderr",
    [
        "error: No solution found when resolving\n hint: Packages were unavailable because the network was disabled",
        "error: Failed to download `demo`\n cause: Network connectivity is disabled, but the requested data wasn't",
        "error: No solution found when resolving dependencies\n cause: Because there is no version of demo==2.0",
    ],
    ids=["no page", "no wheel", "an old page"],
)
def test_offline_what_is_missing_is_only_not_cached(stderr: str) -> None:
    assert isinstance(explain_failure(_work(), _completed(stderr), offline=True), NotCached)
    assert not isinstance(explain_failure(_work(), _completed(stderr), offline=False), NotCached)


@pytest.mark.parametrize("name", ["full disk", "hash", "no requirement", "broken build"])
def test_offline_what_the_index_would_not_heal_is_an_error_at_once(name: str) -> None:
    error = explain_failure(_work(), _completed(UV[name][0]), offline=True)

    assert not isinstance(error, NotCached)
    assert UV[name][1] in error.message


PIP: Mapping[str, tuple[str, str]] = {
    "hash": ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n", "does not have the hash"),
    "retries": ("ERROR: HTTPConnectionPool: Max retries exceeded with url: /demo/\n", "could not be reached"),
    "closed": ("error: connection-failed\n  the connection was closed\n", "could not be reached"),
    "cut": ("error: incomplete-download\n", "could not be reached"),
    "vanished": ("ERROR: HTTP error 404 while getting http://h/x.whl\n", "could not be reached"),
    "refused": ("ERROR: 401 Client Error: Unauthorized for url: http://h\n", "refuses access"),
    "unknown": ("ERROR: No matching distribution found for nosuch\n", "has nothing that satisfies"),
    "conflict": ("ERROR: ResolutionImpossible: for help visit\n", "cannot be installed together"),
    "broken build": (
        "error: subprocess-exited-with-error\nERROR: Failed to build 'source' when\n",
        "building `source`",
    ),
    "broken folder": ("ERROR: Failed to build 'file:///x/y'\n", "building a package from its source for `alpha`"),
    "not TOML": ("ERROR: Exception:\ntomllib.TOMLDecodeError: Invalid value\n", "is no TOML"),
    "no requirement": ("ERROR: Invalid requirement: 'demo ==== 1'\n", "is not understood"),
    "full disk": (
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
        "no space",
    ),
    "anything else": ("ERROR: the sky is falling\n", "installing `alpha` failed (pip exit code 2)"),
}


@pytest.mark.parametrize(("stderr", "match"), PIP.values(), ids=PIP)
def test_the_words_of_pip_are_one_clear_error(stderr: str, match: str) -> None:
    assert match in clear(explain("pip", _work(), _completed(stderr), PIP_WORDS)).message


def test_every_cause_has_an_error() -> None:
    for cause in Cause:
        clear(explain("uv", _work(), _completed("error: x"), {cause: re.compile("x")}))


def test_frames_of_tracebacks_are_left_out_and_what_was_raised_stays() -> None:
    text = """\
error: Failed to build
  [stderr]
  Traceback (most recent call last):
    File "a.py", line 1, in <module>
      raise RuntimeError
           ^^^^^
  ValueError: first

  During handling of the above exception, another exception occurred:

  Traceback (most recent call last):
    File "b.py", line 1, in <module>
  RuntimeError: second
hint: look at it"""

    assert [line.strip() for line in without_tracebacks(text.splitlines()) if line.strip()] == [
        "error: Failed to build",
        "[stderr]",
        "ValueError: first",
        "During handling of the above exception, another exception occurred:",
        "RuntimeError: second",
        "hint: look at it",
    ]


def test_a_requirement_on_two_lines_is_told_as_what_uv_does_not_take() -> None:
    """pip does, so the line may have worked for years."""
    text, _message = UV["a line that goes on"]
    error = explain_failure(_work(), _completed(text), offline=False)
    assert "uv wants a requirement on one line" in error.hint
    assert "envs.lock" not in error.hint
