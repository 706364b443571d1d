"""Kill -9, Ctrl-C and a second process at the worst moments; afterwards nobody has to clean up."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import IO

import pytest
from kit.audit import audit_environment, installed
from kit.processes import alive, children_of, command_of
from scripts.copies import ScriptsCopy, witness

EXTRA = ["envyard.pth"]

MOMENTS = {
    "before the folder": ("os.mkdir", "/tools-g/"),
    "before the virtual environment": ("subprocess.Popen", "--without-pip"),
    "before pip": ("subprocess.Popen", "--require-hashes"),
    "before the verification": ("subprocess.Popen", "__import__"),
    "before the commit file": ("os.rename", "/tools-g/"),
    "before the pointer": ("os.rename", ".envs/tools.json"),
}
AFTERWARDS = {
    "before the link": ("os.symlink", "tools-g/"),
    "before the link is in its place": ("os.rename", ".envs/tools.tmp"),
}


def update(copy: ScriptsCopy) -> tuple[Path, str]:
    """Change the lockfile; the generation of before and the version that the next one should have."""
    before = copy.current
    version = "2.0" if installed(before)["rich"] == "1.0" else "1.0"
    copy.lock(nox="1.0", rich=version)
    return before, version


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_update_leaves_the_old_environment_and_the_next_run_finishes_it(
    moment: str, ready: ScriptsCopy
) -> None:
    before, version = update(ready)
    ready.run_killed_before(*MOMENTS[moment])
    assert ready.current == before
    assert (ready.store / "tools").resolve() == before
    assert audit_environment(before, allow=EXTRA) == []
    ready.setup()
    assert installed(ready.current)["rich"] == version
    assert audit_environment(ready.current, allow=EXTRA) == []
    assert set(ready.generations()) == {before, ready.current}
    assert not list(ready.store.rglob("*.tmp"))


@pytest.mark.parametrize("moment", AFTERWARDS)
def test_a_run_killed_after_the_publication_is_repaired_without_a_build(moment: str, ready: ScriptsCopy) -> None:
    before, _ = update(ready)
    ready.run_killed_before(*AFTERWARDS[moment])
    assert ready.current != before
    assert "making" not in ready.setup().stderr
    assert (ready.store / "tools").resolve() == ready.current
    assert not list(ready.store.rglob("*.tmp"))


@pytest.mark.parametrize("moment", ["before pip", "before the commit file", "before the pointer"])
def test_a_killed_first_run_leaves_nothing_to_see(moment: str, copy: ScriptsCopy) -> None:
    copy.run_killed_before(*MOMENTS[moment])
    assert not copy.published
    assert not (copy.store / "tools").exists()
    copy.setup()
    assert copy.generations() == [copy.current]
    assert audit_environment(copy.current, allow=EXTRA) == []


def test_nobody_builds_beside_the_pip_of_a_killed_process(copy: ScriptsCopy) -> None:
    hold = copy.index.on("rich-1.0*.whl").hold()
    first = copy.start_bootstrap("--tools-only")
    hold.wait_reached()
    (pip,) = (one for one in children_of(first.pid) if "--require-hashes" in command_of(one))
    first.kill()
    first.communicate()
    assert alive(pip)
    second = copy.start_bootstrap("--tools-only")
    said = first_line(second.stderr)
    assert f"waiting for process {first.pid} " in said
    assert alive(pip)
    hold.release()
    out, _ = second.communicate(timeout=120)
    assert not alive(pip)
    assert out == f"{copy.current}/bin/python\n"
    assert copy.generations() == [copy.current]


def test_of_two_at_once_one_builds_and_the_other_says_whom_it_waits_for(copy: ScriptsCopy) -> None:
    hold = copy.index.on("rich-1.0*.whl").hold()
    first = copy.start_bootstrap("setup-all", "one")
    hold.wait_reached()
    second = copy.start_bootstrap("setup-all", "two")
    said = first_line(second.stderr)
    assert f"waiting for process {first.pid} " in said
    assert " for " in said
    hold.release()
    results = [finish(process) for process in (first, second)]
    assert [witness(done)["arguments"][1:] for done in results] == [["one"], ["two"]]
    assert {witness(done)["prefix"] for done in results} == {str(copy.current)}
    assert "making" not in results[1].stderr
    assert copy.generations() == [copy.current]
    assert copy.index.fetches("nox-1.0-py3-none-any.whl") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_ctrl_c_ends_pip_too_and_leaves_nothing_half_made(number: signal.Signals, copy: ScriptsCopy) -> None:
    hold = copy.index.on("rich-1.0*.whl").hold()
    process = copy.start(copy.scripts / "setup_all_envs.sh")
    hold.wait_reached()
    children = children_of(process.pid)
    assert children
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "[tools] stopped; the tool environment is as it was before"
    assert not any(alive(one) for one in children)
    assert copy.generations() == []
    assert not copy.published


def test_ctrl_c_ends_a_pip_that_does_not_listen(copy: ScriptsCopy) -> None:
    hold = copy.index.on("rich-1.0*.whl").hold()
    process = copy.start_bootstrap("--tools-only")
    hold.wait_reached()
    (pip,) = children_of(process.pid)
    os.kill(pip, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not alive(pip)
    assert copy.generations() == []
    hold.release()
    copy.setup()


def test_ctrl_c_ends_the_waiting(copy: ScriptsCopy) -> None:
    hold = copy.index.on("rich-1.0*.whl").hold()
    first = copy.start_bootstrap("--tools-only")
    hold.wait_reached()
    second = copy.start_bootstrap("--tools-only")
    first_line(second.stderr)
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=60)
    assert second.returncode == 130
    hold.release()
    assert finish(first).returncode == 0


def test_the_log_of_a_build_is_kept(ready: ScriptsCopy) -> None:
    assert "Successfully installed nox-1.0 rich-" in (ready.store / "logs" / "tools.log").read_text()


def first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
