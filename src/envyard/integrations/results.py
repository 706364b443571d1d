"""What became of a session, as files that CI systems show: `<session>.xml` (JUnit) and `<session>.json`."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from envyard.environment import Environment
from envyard.files import replacing, write_json
from envyard.project import Project

_NOT_XML = re.compile(r"\x1b\[[0-9;]*m|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Report:
    """The two files of one session. Older ones are removed at once: a session that is killed leaves none.

    pytest writes the JUnit file itself. For any other test command, and for tests that never began, it has one case:
    the session. `environment` is the one the tests ran in, for the JSON file.
    """

    def __init__(self, folder: Path, project: Project) -> None:
        self.environment: Environment | None = None
        self._project = project
        self._xml = folder / f"{project.key}.xml"
        self._json = folder / f"{project.key}.json"
        self._started = time.time()
        self._xml.unlink(missing_ok=True)
        self._json.unlink(missing_ok=True)

    def arguments(self, command: Sequence[str]) -> list[str]:
        """What to add to a test command so that it writes the JUnit file: for pytest only, and not if it writes one."""
        runs_pytest = any(os.path.basename(word).removesuffix(".exe") in ("pytest", "py.test") for word in command)
        if not runs_pytest or any(word.startswith(("--junitxml", "--junit-xml")) for word in command):
            return []
        return [f"--junitxml={self._xml}"]

    def write(self, outcome: str, *, exit_code: int | None = None, message: str = "") -> None:
        """`outcome`: `passed`; `failed` (the test command said so); `error` (it was never run, or stopped)."""
        seconds = time.time() - self._started
        tests = _counts(self._xml)
        if tests is None:
            self._write_xml(outcome, message, seconds)
        environment = self.environment
        write_json(
            self._json,
            {
                "session": self._project.key,
                "title": self._project.title,
                "outcome": outcome,
                "exit_code": exit_code,
                "message": message,
                "started": round(self._started, 3),
                "seconds": round(seconds, 3),
                "python": None if environment is None else environment.interpreter.version,
                "generation": None if environment is None else environment.generation,
                "fingerprint": None if environment is None else environment.fingerprint,
                "tests": tests,
                "junit": self._xml.name,
            },
            durable=False,
        )

    def _write_xml(self, outcome: str, message: str, seconds: float) -> None:
        failures, errors = int(outcome == "failed"), int(outcome == "error")
        took = f"{seconds:.3f}"
        suites = ET.Element("testsuites")
        suite = ET.SubElement(suites, "testsuite", name=self._project.key, tests="1", time=took, skipped="0")
        suite.attrib |= {"failures": str(failures), "errors": str(errors)}
        command = " ".join(self._project.test_command)
        case = ET.SubElement(suite, "testcase", classname=self._project.key, name=_printable(command), time=took)
        if outcome != "passed":
            first, *_rest = message.splitlines() or [outcome]
            problem = ET.SubElement(case, "failure" if failures else "error", message=_printable(first))
            problem.text = _printable(message)
        with replacing(self._xml) as temporary:
            ET.ElementTree(suites).write(temporary, encoding="utf-8", xml_declaration=True)


def _counts(path: Path) -> dict[str, int] | None:
    """How many tests, by the JUnit file that the test command wrote; None without a whole one."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - written by this user's own tests
        suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
        names = ("tests", "failures", "errors", "skipped")
        return {name: sum(int(suite.get(name, "0")) for suite in suites) for name in names} if suites else None
    except (OSError, ET.ParseError, ValueError):
        return None


def _printable(text: str) -> str:
    """Without colours and what XML cannot hold."""
    return _NOT_XML.sub("", text)
