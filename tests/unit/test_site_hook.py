"""What every python of an environment does at its start: resolve the link it came through, and hold its generation."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.processes import alive, wait_for

from envyard.builder import create_environment, site_packages_of
from envyard.interpreter import Interpreter, current_interpreter, find_interpreter
from envyard.locks import in_use
from envyard.store import PROCESSES_LOCK, Store

HOOK = Path(__file__).resolve().parents[2] / "src" / "envyard" / "site_hook"
SHOW = """
import json, sys, sysconfig, site
print(json.dumps({
    "prefix": sys.prefix, "exec_prefix": sys.exec_prefix, "executable": sys.executable, "path": sys.path,
    "purelib": sysconfig.get_path("purelib"), "site": site.getsitepackages(), "scripts": sysconfig.get_path("scripts"),
}))
"""


class Place:
    """A store with two bare environments, and `venv`, a link that leads to the first."""

    def __init__(self, root: Path, interpreter: Interpreter) -> None:
        self.store = Store(root / ".envs")
        self.store.prepare()
        self.interpreter = interpreter
        self.old, self.new = (self._make(name) for name in ("01d01d01", "0e30e30e"))
        self.link = root / "project" / "venv"
        self.link.parent.mkdir()
        self.point(self.old)

    def _make(self, name: str) -> Path:
        path = self.store.generation_path(name)
        create_environment(path, self.interpreter, "alpha", self.store)
        (self.packages(path) / "lazy.py").write_text(f"name = {name!r}\n")
        return path

    def packages(self, path: Path) -> Path:
        return site_packages_of(path, self.interpreter)

    def point(self, generation: Path) -> None:
        new = self.link.with_name(".new")
        new.symlink_to(os.path.relpath(generation, self.link.parent))
        new.replace(self.link)

    @property
    def python(self) -> Path:
        return self.link / "bin" / "python"

    def in_use(self, generation: Path) -> bool:
        return in_use(self.store, generation.name)

    def show(self, *options: str, python: Path | None = None) -> dict[str, object]:
        done = subprocess.run([python or self.python, *options, "-c", SHOW], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return dict(json.loads(done.stdout))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, current_interpreter())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command and returns when it has said its first line."""
    started: list[subprocess.Popen[str]] = []

    def begin(*command: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


WAIT = "import sys; print('ready', flush=True); sys.stdin.readline()"
LAZY = WAIT + "; import lazy; print(lazy.name)"


# --- resolved


def test_a_python_started_through_the_link_is_that_of_the_generation(place: Place) -> None:
    seen = place.show()
    assert seen["prefix"] == seen["exec_prefix"] == str(place.old)
    assert seen["executable"] == str(place.old / "bin" / "python")
    assert seen["purelib"] == str(place.packages(place.old))
    assert seen["site"] == [str(place.packages(place.old))]
    assert seen["scripts"] == str(place.old / "bin")


def test_no_path_leads_through_the_link_and_none_stands_twice(place: Place) -> None:
    path = place.show()["path"]
    assert isinstance(path, list)
    assert str(place.packages(place.old)) in path
    assert [each for each in path if str(place.link) in each] == []
    assert len(path) == len(set(path))


def test_it_is_the_same_by_the_path_of_the_generation(place: Place) -> None:
    assert place.show(python=place.old / "bin" / "python") == place.show()


@pytest.mark.parametrize("option", ["-I", "-s", "-E", "-P", "-B"])
def test_it_is_the_same_with_every_option(place: Place, option: str) -> None:
    assert place.show(option)["prefix"] == str(place.old)


def test_a_link_on_the_way_to_the_link_changes_nothing(place: Place, tmp_path: Path) -> None:
    (tmp_path / "other-way").symlink_to(tmp_path / "project")
    assert place.show(python=tmp_path / "other-way" / "venv" / "bin" / "python") == place.show()


def test_a_process_imports_from_the_generation_it_was_started_from(
    place: Place, start: Callable[..., subprocess.Popen[str]]
) -> None:
    before = start(place.python, "-c", LAZY)
    place.point(place.new)
    after = start(place.python, "-c", LAZY)
    assert before.communicate("\n", timeout=20)[0] == "01d01d01\n"
    assert after.communicate("\n", timeout=20)[0] == "0e30e30e\n"


def test_what_it_starts_later_is_of_the_same_generation(
    place: Place, start: Callable[..., subprocess.Popen[str]]
) -> None:
    child = "import lazy; print(lazy.name)"
    process = start(place.python, "-c", f"{WAIT}; import subprocess; subprocess.run([sys.executable, '-c', {child!r}])")
    place.point(place.new)
    assert process.communicate("\n", timeout=20)[0] == "01d01d01\n"


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing_is_of_the_same_generation(
    place: Place, start: Callable[..., subprocess.Popen[str]], tmp_path: Path, method: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, sys\n"
        "def work():\n    import lazy\n    print(lazy.name, flush=True)\n"
        "if __name__ == '__main__':\n"
        "    print('ready', flush=True)\n    sys.stdin.readline()\n"
        f"    process = multiprocessing.get_context({method!r}).Process(target=work)\n"
        "    process.start()\n    process.join()\n"
    )
    process = start(place.python, script)
    place.point(place.new)
    assert process.communicate("\n", timeout=20)[0] == "01d01d01\n"


def test_paths_of_other_start_up_files_are_resolved_too(
    place: Place, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """A `.pth` file of a package may add a folder beside it (pywin32 does)."""
    for generation in (place.old, place.new):
        folder = place.packages(generation) / "extra"
        folder.mkdir()
        (folder / "deep.py").write_text(f"name = {generation.name!r}\n")
        (place.packages(generation) / "Extra.pth").write_text("extra\n")  # before ours
        (place.packages(generation) / "zzz.pth").write_text("extra\n")  # after it
    process = start(
        place.python, "-c", WAIT + "; import deep; print(deep.name); print(sys.path.count(deep.__file__[:-8]))"
    )
    place.point(place.new)
    assert process.communicate("\n", timeout=20)[0] == "01d01d01\n1\n"


# --- held


def test_a_running_python_holds_its_generation_and_no_other(
    place: Place, start: Callable[..., subprocess.Popen[str]]
) -> None:
    assert not place.in_use(place.old)
    process = start(place.python, "-c", WAIT)
    place.point(place.new)
    assert place.in_use(place.old)
    assert not place.in_use(place.new)
    process.communicate("\n", timeout=20)
    assert not place.in_use(place.old)


def test_a_killed_python_holds_nothing(place: Place, start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(place.python, "-c", WAIT)
    assert place.in_use(place.old)
    process.kill()
    process.wait()
    assert not place.in_use(place.old)


def test_many_pythons_hold_it_until_the_last_has_ended(
    place: Place, start: Callable[..., subprocess.Popen[str]]
) -> None:
    processes = [start(place.python, "-c", WAIT) for _ in range(3)]
    for process in processes:
        assert place.in_use(place.old)
        process.communicate("\n", timeout=20)
    assert not place.in_use(place.old)


def test_a_forked_child_holds_it_when_its_parent_has_ended(
    place: Place, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    code = (
        "import os, sys, time\nchild = os.fork()\nif not child: time.sleep(600)\n"
        "open(sys.argv[1], 'w').write(str(child))\nprint('ready', flush=True)"
    )
    process = start(place.python, "-c", code, tmp_path / "pid")
    process.wait(20)
    child = int((tmp_path / "pid").read_text())
    try:
        assert place.in_use(place.old)
    finally:
        os.kill(child, signal.SIGKILL)
    wait_for(lambda: not alive(child))
    assert not place.in_use(place.old)


def test_what_is_no_python_of_the_environment_does_not_inherit_the_hold(
    place: Place, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """Else a daemon started by a test run would keep a generation for ever."""
    process = start(
        place.python,
        "-c",
        f"import subprocess; subprocess.Popen([{sys.executable!r}, '-c', {WAIT!r}]); import time; time.sleep(600)",
    )
    process.kill()
    process.wait()
    assert not place.in_use(place.old)


def test_an_audit_is_no_use_of_the_environment_and_a_run_is(place: Place) -> None:
    lock = place.store.root / "leases" / place.old.name / PROCESSES_LOCK
    place.show()
    os.utime(lock, (1, 1))
    place.show("-I")
    assert lock.stat().st_mtime == 1
    place.show()
    assert lock.stat().st_mtime > 1


# --- never in the way


def test_a_python_starts_when_nothing_can_be_held(place: Place) -> None:
    shutil.rmtree(place.store.root / "leases")
    (place.store.root / "leases").write_text("")
    assert place.show()["prefix"] == str(place.old)


def test_a_python_starts_when_its_lock_cannot_be_opened(place: Place) -> None:
    (place.store.root / "leases" / place.old.name / PROCESSES_LOCK).mkdir(parents=True)
    assert place.show()["prefix"] == str(place.old)


def test_an_environment_outside_a_store_makes_no_files_around_it(place: Place, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "project" / "venv"
    copy.parent.mkdir(parents=True)
    shutil.copytree(place.old, copy, symlinks=True)
    assert place.show(python=copy / "bin" / "python")["prefix"] == str(copy)
    assert sorted(path.name for path in copy.parent.parent.iterdir()) == ["project"]


def test_the_start_costs_next_to_nothing(place: Place) -> None:
    """Every python of every environment pays it: nothing heavy may be imported."""
    code = "import sys; print(sorted(sys.modules))"
    with_hook = subprocess.run([place.python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("_envyard.pth", "_envyard_site.py"):
        (place.packages(place.old) / name).unlink()
    without = subprocess.run([place.python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    more = set(json.loads(with_hook.replace("'", '"'))) - set(json.loads(without.replace("'", '"')))
    reader = "encodings.utf_8_sig"  # `site` itself reads any .pth with it since Python 3.13
    assert more <= {"_envyard_site", "__future__", "fcntl", reader}


OTHERS = ["3.8", "3.9", "3.10", "3.12", "3.13", "3.14"]


@pytest.mark.parametrize("version", OTHERS)
def test_other_pythons_are_served_too(tmp_path: Path, version: str) -> None:
    from envyard.errors import InterpreterNotFound

    try:
        interpreter = find_interpreter(version)
    except InterpreterNotFound:
        pytest.skip(f"no Python {version} on this machine")
    place = Place(tmp_path, interpreter)
    seen = place.show()
    assert seen["prefix"] == str(place.old)
    assert seen["executable"] == str(place.old / "bin" / "python")
    assert seen["path"] == list(dict.fromkeys(seen["path"]))  # type: ignore[call-overload]
    process = subprocess.Popen([place.python, "-c", LAZY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    place.point(place.new)
    assert place.in_use(place.old)
    assert process.communicate("\n", timeout=20)[0] == "01d01d01\n"
    assert not place.in_use(place.old)


def test_the_hook_is_understood_by_every_python_that_virtualenv_serves() -> None:
    import ast

    ast.parse((HOOK / "_envyard_site.py").read_text(encoding="utf-8"), feature_version=(3, 7))
    assert (HOOK / "_envyard.pth").read_text(encoding="utf-8").splitlines() == [
        "import _envyard_site; _envyard_site.settle()"
    ]
