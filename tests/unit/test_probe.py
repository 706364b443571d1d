"""The probe: what a python can do, tried in it, and remembered while nothing that it depends on changes."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kit.isolation import environment

from envyard.errors import Cancelled
from envyard.health import Grade
from envyard.probe import Subject, Verdict, probed, remember, remembered, try_out
from envyard.process import Cancellation
from envyard.profile import Probe

PYTHON = Path(sys.executable)


def subject(folder: Path, **changes: Any) -> Subject:
    values: dict[str, Any] = {
        "identity": "01234567",
        "python": PYTHON,
        "listing": ("demo-1.0.dist-info",),
        "file": folder / "probe.json",
        "environment": {},
    }
    return Subject(**{**values, **changes})


def test_what_works_is_ok_and_tells_its_version() -> None:
    verdict = try_out(PYTHON, Probe(imports=("json",), code="import csv"), {})
    assert (verdict.grade, verdict.reasons) == (Grade.OK, ())
    assert verdict.version == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        (Probe(imports=("nowhere",)), "importing nowhere fails: ModuleNotFoundError"),
        (Probe(code="1 / 0"), "the smoke test fails: ZeroDivisionError"),
        (Probe(code="no python"), "the smoke test fails: SyntaxError"),
        (Probe(code="raise SystemExit(0)"), "the smoke test fails: SystemExit"),
        (Probe(code="import os; os.abort()"), "its python ended while running the smoke test (signal 6)"),
        (Probe(code="import os; os._exit(0)"), "its python ended while running the smoke test (exit code 0)"),
    ],
)
def test_what_fails_is_broken_with_the_reason(probe: Probe, reason: str) -> None:
    verdict = try_out(PYTHON, probe, {})
    assert verdict.grade == Grade.BROKEN
    assert reason in verdict.reasons[0]


def test_output_of_the_libraries_is_not_taken_for_the_answer() -> None:
    endless = "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()"
    code = f"print('{{}}'); import os; os.write(1, b'noise'); {endless}"
    assert try_out(PYTHON, Probe(code=code), {}).grade == Grade.OK


def test_missing_cuda_is_degraded_and_a_torch_that_cannot_look_too(tmp_path: Path) -> None:
    assert try_out(PYTHON, Probe(cuda=True), {}).grade == Grade.DEGRADED


def test_hang_is_told_by_name() -> None:
    verdict = try_out(PYTHON, Probe(code="import time; time.sleep(60)"), {}, timeout=1)
    assert verdict.reasons == ("running the smoke test did not end within 1 s",)


def test_python_that_is_none_is_broken(tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("#!/nowhere\n", encoding="utf-8")
    script.chmod(0o755)
    assert try_out(script, Probe(), {}).grade == Grade.BROKEN
    script.write_text("#!/bin/sh\necho broken >&2; exit 3\n", encoding="utf-8")
    verdict = try_out(script, Probe(), {})
    assert verdict.reasons == ("its python does not start (exit code 3)",)
    assert verdict.evidence == ("broken",)


def test_callers_modules_do_not_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "helper.py").touch()
    monkeypatch.chdir(tmp_path)
    with environment({**os.environ, "PYTHONPATH": str(tmp_path)}):
        assert try_out(PYTHON, Probe(imports=("helper",)), {}).grade == Grade.BROKEN


def test_variables_of_the_profile_are_set() -> None:
    code = "import os; assert os.environ['ANSWER'] == '42'"
    assert try_out(PYTHON, Probe(code=code), {"ANSWER": "42"}).grade == Grade.OK


def test_cancellation_is_no_verdict() -> None:
    stop = Cancellation()
    stop.cancel()
    with pytest.raises(Cancelled, match="stopped"):
        try_out(PYTHON, Probe(), {}, cancellation=stop)


# --- remembered


def test_verdict_is_remembered(tmp_path: Path) -> None:
    one = subject(tmp_path)
    first = probed(one, Probe(imports=("json",)))
    assert remembered(one, Probe(imports=("json",))) == first


CHANGES: dict[str, dict[str, Any]] = {
    "generation": {"identity": "76543210"},
    "packages": {"listing": ()},
    "interpreter": {"python": Path("/bin/sh")},
    "variables": {"environment": {"X": "1"}},
}


@pytest.mark.parametrize("name", CHANGES)
def test_verdict_is_forgotten_when_its_subject_changed(tmp_path: Path, name: str) -> None:
    one, probe = subject(tmp_path), Probe()
    remember(one, probe, Verdict(grade=Grade.OK, checked=time.time()))
    assert remembered(replace(one, **CHANGES[name]), probe) is None
    assert remembered(one, probe) is not None


def test_patch_upgrade_of_the_interpreter_is_another_one(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("3.11.7", encoding="utf-8")
    one, probe = subject(tmp_path, python=python), Probe()
    remember(one, probe, Verdict(grade=Grade.OK, checked=time.time()))
    assert remembered(one, probe) is not None
    python.write_text("3.11.10", encoding="utf-8")
    assert remembered(one, probe) is None


def test_driver_counts_only_with_cuda(tmp_path: Path) -> None:
    good = Verdict(grade=Grade.OK, checked=time.time())
    for cuda in (False, True):
        one, probe = subject(tmp_path), Probe(cuda=cuda)
        remember(one, probe, good, driver="550.1")
        assert (remembered(one, probe, driver="550.2") is None) == cuda


def test_hidden_devices_count_with_cuda(tmp_path: Path) -> None:
    one, probe = subject(tmp_path), Probe(cuda=True)
    remember(one, probe, Verdict(grade=Grade.OK, checked=time.time()))
    with environment({**os.environ, "CUDA_VISIBLE_DEVICES": ""}):
        assert remembered(one, probe) is None


@pytest.mark.parametrize(("age", "kept"), [(10, True), (3700, False), (-3700, False)])
def test_bad_verdict_is_tried_again_after_an_hour_or_when_it_is_from_the_future(
    tmp_path: Path, age: float, kept: bool
) -> None:
    one = subject(tmp_path)
    remember(one, Probe(), Verdict(grade=Grade.BROKEN, checked=time.time() - age))
    assert (remembered(one, Probe()) is not None) == kept
    remember(one, Probe(), Verdict(grade=Grade.OK, checked=time.time() - age))
    assert remembered(one, Probe()) is not None


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"depends": 1}'])
def test_damaged_verdict_counts_as_none(tmp_path: Path, content: str) -> None:
    one = subject(tmp_path)
    one.file.write_text(content, encoding="utf-8")
    assert remembered(one, Probe()) is None
    assert probed(one, Probe()).grade == Grade.OK
    assert json.loads(one.file.read_text(encoding="utf-8"))["grade"] == "ok"


def test_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one = subject(tmp_path, file=tmp_path / "file" / "probe.json")
    assert probed(one, Probe()).grade == Grade.OK
