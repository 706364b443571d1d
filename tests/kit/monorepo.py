"""A monorepo that has never heard of envyard, as messy as they are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kit.index import LocalIndex
from kit.wheels import backend_files
from kit.workspaces import SOURCE

# A good test and a bad one, each of which says which version it saw.
_TESTS = """\
import importlib.metadata


def test_good():
    assert importlib.metadata.version("{package}") == "{version}"


def test_bad():
    assert importlib.metadata.version("{package}") == "0.0"
"""


def tests_of(package: str, version: str) -> str:
    return _TESTS.format(package=package, version=version)


def messy_files() -> dict[str, str | bytes]:
    """Relative path -> content; twelve projects and some folders that only look like one."""
    own = (
        "import unittest\n\nimport {name}\n\n\nclass Case(unittest.TestCase):\n    def test_own(self):\n        pass\n"
    )
    return {
        "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
        "common/base.txt": "beta==1.0\n",
        "common/constraints.txt": "alpha<2\n",
        # two projects called Backend, one of them inside a third
        "services/Client/requirements.txt": "demo==1.0\n",
        "services/Client/tests/test_client.py": tests_of("demo", "1.0"),
        "services/Client/Backend/requirements.txt": "demo==2.0\n",
        "services/Server/Backend/requirements.txt": "demo==2.0\n",
        "services/Server/Backend/tests/test_server.py": tests_of("demo", "2.0"),
        "apps/Backend/requirements.txt": "demo\n",
        # includes, constraints, tests where nobody looks, settings of pytest beside them
        "ml/classifier/requirements.txt": "-r ../../common/base.txt\n-c ../../common/constraints.txt\n",
        "ml/classifier/_meta/tests/test_alpha.py": tests_of("alpha", "1.0"),
        "ml/classifier/_meta/tests/pytest.ini": "[pytest]\naddopts = -p no:cacheprovider\n",
        "ml/outside/requirements.txt": "demo==2.0\n",
        "_meta/tests/outside/test_outside.py": tests_of("demo", "2.0"),
        # installs itself, in two ways
        "libs/selfish/requirements.txt": "-e .\ndemo==1.0\n",
        **{f"libs/selfish/{name}": text for name, text in backend_files("selfish", "1.0").items()},
        "libs/selfish/src/selfish/__init__.py": "",
        "libs/selfish/tests/test_selfish.py": own.format(name="selfish"),
        **{
            f"libs/sourced/{name}": text
            for name, text in backend_files("sourced", "1.0", requires=["demo"], requires_python=">=3.9").items()
        },
        "libs/sourced/src/sourced/__init__.py": "",
        "libs/sourced/test_sourced.py": own.format(name="sourced"),
        # requirements of the tests in files and groups of their own
        "tools/multi/requirements/base.txt": "demo==1.0\n",
        "tools/multi/requirements/dev.txt": "-r base.txt\npytest\n",
        "tools/multi/test_multi.py": tests_of("demo", "1.0"),
        "tools/tests/pyproject.toml": '[dependency-groups]\ndev = ["pytest", "demo==1.0"]\n',
        "tools/tests/test_grouped.py": tests_of("demo", "1.0"),
        # broken in three ways
        "broken/con/pyproject.toml": "[project\nname = broken",
        "broken/unknown/requirements.txt": "no-such-package==1.0\n",
        "broken/utf16/requirements.txt": "demo==1.0\n".encode("utf-16"),
        # no projects
        "venv/lib/x/requirements.txt": "demo\n",
        "ml/environment/pyvenv.cfg": "home = /\n",
        "ml/environment/requirements.txt": "demo\n",
        "web/node_modules/gyp/setup.py": "",
        ".github/actions/requirements.txt": "demo\n",
        "_meta/requirements.txt": "demo\n",
    }


class Monorepo:
    """Files below `root`, and envyard, nox and hand-made environments on them."""

    def __init__(self, root: Path, index: LocalIndex, files: Mapping[str, str | bytes]) -> None:
        self.root = root
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "UV_INDEX"))}
        self.env |= index.environment() | {"PYTHONPATH": str(SOURCE)}
        root.mkdir(parents=True, exist_ok=True)
        self.write(files)

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def snapshot(self, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
        """Every file and link that envyard did not make, with its content."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in (".envs", "__pycache__", ".pytest_cache", ".nox")]
            for name in [*names, *(each for each in folders if os.path.islink(os.path.join(folder, each)))]:
                path = Path(folder, name)
                relative = path.relative_to(self.root).as_posix()
                if not relative.endswith("/venv") and not relative.startswith(without):
                    found[relative] = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        return found

    def envyard(
        self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self._run([sys.executable, "-m", "envyard", *words], cwd or self.root, env)

    def nox(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run([sys.executable, "-m", "nox", *words], self.root)

    def hand_made(self, project: str, installs: list[str], *pytest: str) -> dict[str, str]:
        """What the tests of a project say in an environment as people make it, in its folder."""
        folder = self.root / project
        venv = self.root.parent / f"hand-made-{project.replace('/', '-')}"
        python = str(venv / "bin" / "python")
        for command in (
            [sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(venv)],
            [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *installs],
        ):
            done = self._run(command, folder)
            assert done.returncode == 0, done.stderr
        done = self._run([python, "-m", "pytest", "-rA", *pytest], folder, {"PYTHONPATH": ""})
        return outcomes(done.stdout)

    def _run(
        self, command: list[str], cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.env | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=180,
        )
        assert "Traceback (most" not in done.stderr, done.stderr
        return done


def outcomes(output: str) -> dict[str, str]:
    """Test -> PASSED or FAILED, from the summary that `pytest -rA` prints."""
    found = re.findall(r"^(PASSED|FAILED|ERROR) (\S+)", output, re.MULTILINE)
    assert found, output
    return {test: outcome for outcome, test in found}
