"""The kit does what tests believe it does: real installers really install from it, and its faults really happen."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import uv
from kit.audit import audit_environment, installed, site_packages
from kit.faults import Rule
from kit.index import LocalIndex
from kit.isolation import DEAD_INDEX, isolated_environment, network_environment
from kit.processes import alive, children_of, command_of, kill_tree, wait_for
from kit.wheels import backend_files, make_sdist, make_wheel
from kit.workspaces import SOURCE, THIS_PYTHON, ProjectPlan, WorkspaceKit

from envyard.workspace import load_workspace

DEMO = "demo-1.0-py3-none-any.whl"
Kit = Callable[..., WorkspaceKit]
Damage = Callable[[Path], None]


def call(*command: str | Path, env: Mapping[str, str], cwd: Path | None = None) -> tuple[int, str]:
    done = subprocess.run(
        command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def uv_call(*arguments: str | Path, env: Mapping[str, str], cwd: Path | None = None) -> tuple[int, str]:
    return call(uv.find_uv_bin(), *arguments, env=env, cwd=cwd)


def new_environment(path: Path) -> Path:
    code, output = uv_call("venv", "--python", sys.executable, path, env=os.environ)
    assert code == 0, output
    return path


def index_environment(index: LocalIndex, retries: int = 0) -> dict[str, str]:
    return {**os.environ, **index.environment(retries=retries)}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty environment."""
    return new_environment(tmp_path / "environment")


# --- isolation


def test_tests_cannot_touch_the_real_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    ours = tmp_path_factory.getbasetemp().resolve()
    folders = {
        "home": str(Path.home()),
        "home of a child": call(sys.executable, "-c", "from pathlib import Path; print(Path.home())", env=os.environ)[
            1
        ],
        "uv's cache": uv_call("cache", "dir", env=os.environ)[1],
        "uv's interpreters": uv_call("python", "dir", env=os.environ)[1],
        "pip's cache": call(sys.executable, "-m", "pip", "cache", "dir", env=os.environ)[1],
        "virtualenv's app data": os.environ["VIRTUALENV_OVERRIDE_APP_DATA"],
        "user caches": call(
            sys.executable, "-c", "import platformdirs as p; print(p.user_cache_dir())", env=os.environ
        )[1],
        "temporary files of a child": call(
            sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())", env=os.environ
        )[1],
    }

    assert Path.home() == home
    assert not list(home.iterdir())
    assert {name: path for name, path in folders.items() if not Path(path.strip()).is_relative_to(ours)} == {}


def test_tests_see_no_configuration_of_the_real_user() -> None:
    code, settings = call(sys.executable, "-m", "pip", "config", "list", env=os.environ)

    assert code == 0, settings
    assert {line.partition("=")[0] for line in settings.splitlines()} <= {
        f":env:.{name}" for name in ("cache-dir", "config-file", "disable-pip-version-check", "index-url", "retries")
    }
    assert call("git", "config", "--global", "--list", env=os.environ)[1].startswith("fatal")


def test_what_configures_tools_is_scrubbed(tmp_path: Path) -> None:
    real = dict.fromkeys(
        ("UV_INDEX", "PIP_FIND_LINKS", "PYTHONPATH", "VIRTUAL_ENV", "NOXSESSION", "ENVYARD_STORE", "CI"), "/elsewhere"
    )

    values = isolated_environment(tmp_path, {**real, "SSL_CERT_FILE": "/certificates.pem"})

    assert not [name for name in real if name in values]
    assert values["SSL_CERT_FILE"] == "/certificates.pem"


def test_a_test_without_index_cannot_reach_the_real_one(target: Path) -> None:
    code, output = uv_call("pip", "install", "--python", target, "iniconfig", env=os.environ)

    assert code != 0
    assert DEAD_INDEX in output


def test_network_tests_get_the_real_index_but_no_real_cache(tmp_path: Path) -> None:
    configuration = tmp_path / "real" / ".config" / "pip" / "pip.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text("[global]\nfind-links = /wheels\n")
    real = {
        "HOME": str(tmp_path / "real"),
        "PIP_FIND_LINKS": "/more-wheels",
        "UV_INDEX": "https://index.example",
        "UV_CACHE_DIR": "/real/cache",
        "PIP_CACHE_DIR": "/real/cache",
        "PYTHONPATH": "/elsewhere",
    }

    values = network_environment(tmp_path / "base", real, tmp_path / "caches")

    assert values["PIP_FIND_LINKS"] == "/more-wheels"
    assert values["UV_INDEX"] == "https://index.example"
    assert "PIP_INDEX_URL" not in values
    assert values["UV_CACHE_DIR"] == str(tmp_path / "caches" / "uv-cache")
    assert values["PIP_CACHE_DIR"] == str(tmp_path / "caches" / "pip-cache")
    assert Path(values["HOME"], ".config/pip/pip.conf").read_text() == configuration.read_text()
    assert "PYTHONPATH" not in values


@pytest.mark.network
def test_network_tests_reach_the_real_index(tmp_path: Path) -> None:
    code, output = call(
        sys.executable, "-m", "pip", "download", "--no-deps", "--dest", tmp_path, "iniconfig==2.1.0", env=os.environ
    )

    assert code == 0, output
    assert [path.name for path in tmp_path.iterdir()] == ["iniconfig-2.1.0-py3-none-any.whl"]


def test_windows_tests_say_why_they_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import pytest\n\n@pytest.mark.windows\ndef test_it() -> None: ...\n")
    ours = ("-c", str(SOURCE.parent / "pyproject.toml"), "-p", "conftest")

    code, output = call(
        sys.executable, "-m", "pytest", *ours, "--basetemp", tmp_path / "base", tmp_path,
        env={**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(SOURCE.parent / "tests")},
    )  # fmt: skip

    assert code == 0, output
    assert "`wine` is not on PATH" in output


# --- wheels and source distributions


def test_wheels_are_the_same_every_time(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "requires": ["alpha"],
        "scripts": {"demo": "demo:main"},
        "bulk_files": 30,
        "bulk_bytes": 100,
    }

    first, second = (make_wheel(tmp_path / name, "demo", "1.0", **options) for name in ("a", "b"))

    assert first.read_bytes() == second.read_bytes()


def test_a_wheel_brings_its_files_scripts_and_extras(local_index: LocalIndex, target: Path) -> None:
    local_index.add(
        "my-tool",
        "1.0",
        files={"my_tool.py": "def main():\n    print('hello')\n", "data/blob.bin": b"\0\1"},
        scripts={"hello": "my_tool:main"},
        extras={"more": ["demo<2"]},
        bulk_files=250,
        bulk_bytes=1000,
    )

    env = index_environment(local_index)

    code, output = uv_call("pip", "install", "--python", target, "my-tool[more]", env=env)

    assert code == 0, output
    assert installed(target) == {"demo": "1.0", "my-tool": "1.0"}
    assert audit_environment(target) == []
    assert call(target / "bin" / "hello", env=os.environ) == (0, "hello\n")
    bulk = sorted((site_packages(target) / "my_tool" / "bulk").rglob("*.txt"))
    assert [path.stat().st_size for path in bulk] == [1000] * 250


def test_requires_python_keeps_a_version_away(local_index: LocalIndex, target: Path) -> None:
    local_index.add("demo", "9.0", requires_python=">=3.99")

    code, output = uv_call("pip", "install", "--python", target, "demo", env=index_environment(local_index))

    assert (code, installed(target)) == (0, {"demo": "2.0"}), output


def test_a_source_distribution_builds_without_an_index(local_index: LocalIndex, target: Path) -> None:
    make_sdist(local_index.folder, "from-source", "1.0", requires=["demo"])
    env = index_environment(local_index)

    code, output = uv_call("pip", "install", "--python", target, "from-source", env=env)

    assert code == 0, output
    assert installed(target) == {"demo": "2.0", "from-source": "1.0"}
    assert audit_environment(target) == []


def test_a_source_distribution_can_fail_to_build(local_index: LocalIndex, target: Path) -> None:
    make_sdist(local_index.folder, "from-source", "1.0", fail_with="no compiler on this machine")
    env = index_environment(local_index)

    code, output = uv_call("pip", "install", "--python", target, "from-source", env=env)

    assert code != 0
    assert "no compiler on this machine" in output


def test_a_project_with_the_backend_installs_editable(tmp_path: Path, target: Path) -> None:
    project = tmp_path / "project"
    (project / "src" / "mine").mkdir(parents=True)
    (project / "src" / "mine" / "__init__.py").write_text("VALUE = 42\n")
    for name, text in backend_files("mine", "0.1.0").items():
        (project / name).write_text(text)

    code, output = uv_call("pip", "install", "--python", target, "--editable", project, env=os.environ)

    assert code == 0, output
    assert audit_environment(target) == []
    assert call(target / "bin" / "python", "-c", "import mine; print(mine.VALUE)", env=os.environ) == (0, "42\n")


def test_a_repacked_pytest_runs(tmp_path: Path, wheels_of_pytest: Path, target: Path) -> None:
    with LocalIndex(tmp_path / "index", wheels_of_pytest) as index:
        code, output = uv_call("pip", "install", "--python", target, "pytest", env=index_environment(index))

    assert code == 0, output
    assert audit_environment(target) == []
    assert call(target / "bin" / "python", "-m", "pytest", "--version", env=os.environ)[0] == 0


# --- the index


def test_uv_installs_a_lockfile_and_fetches_every_wheel_once(
    local_index: LocalIndex, workspace_kit: Kit, target: Path
) -> None:
    kit = workspace_kit({"alpha": ["gamma", "demo==1.0"]})

    code, output = uv_call("pip", "sync", "--require-hashes", "--python", target, kit.lockfile("alpha"), env=kit.env)

    assert code == 0, output
    assert installed(target) == kit.pins("alpha") == {"alpha": "2.0", "beta": "2.0", "demo": "1.0", "gamma": "2.0"}
    assert audit_environment(target) == []
    assert set(local_index.counts().values()) == {1}
    assert local_index.fetches(DEMO) == 1


def test_pip_installs_a_lockfile(local_index: LocalIndex, workspace_kit: Kit, target: Path) -> None:
    kit = workspace_kit({"alpha": ["gamma"]})

    code, output = call(
        sys.executable, "-m", "pip", "--python", target, "install", "--require-hashes", "-r", kit.lockfile("alpha"),
        env=kit.env,
    )  # fmt: skip

    assert code == 0, output
    assert installed(target) == kit.pins("alpha")
    assert audit_environment(target) == []
    assert local_index.fetches("gamma-2.0-py3-none-any.whl") == 1


def test_pages_are_html_or_json_with_hashes_and_metadata(local_index: LocalIndex) -> None:
    wheel = hashlib.sha256((local_index.distributions("demo")[0].path).read_bytes()).hexdigest()

    html = get(f"{local_index.url}demo/")[1].decode()
    page = json.loads(get(f"{local_index.url}demo/", Accept="application/vnd.pypi.simple.v1+json")[1])
    metadata = get(local_index.file_url(f"{DEMO}.metadata"))[1]

    assert f"../../files/{DEMO}#sha256={wheel}" in html
    assert [file["filename"] for file in page["files"]] == [DEMO, "demo-2.0-py3-none-any.whl"]
    assert page["files"][0]["hashes"] == {"sha256": wheel}
    assert page["files"][0]["core-metadata"] == {"sha256": hashlib.sha256(metadata).hexdigest()}
    assert b"Name: demo\nVersion: 1.0\n" in metadata


def test_files_come_in_parts_and_only_when_they_changed(local_index: LocalIndex) -> None:
    url = local_index.file_url(DEMO)
    _status, whole, headers = get(url)

    assert get(url, Range="bytes=10-19")[:2] == (206, whole[10:20])
    assert get(url, Range="bytes=-7")[:2] == (206, whole[-7:])
    assert get(url, **{"If-None-Match": headers["ETag"]})[:2] == (304, b"")


def test_a_wheel_added_later_is_offered_at_once(local_index: LocalIndex, target: Path) -> None:
    env = index_environment(local_index)
    uv_call("pip", "install", "--python", target, "demo", env=env)
    local_index.add("demo", "3.0")

    uv_call("pip", "install", "--python", target, "--upgrade", "demo", env=env)

    assert installed(target) == {"demo": "3.0"}


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        pytest.param(lambda rule: rule.fail_with(503), "503", id="status"),
        pytest.param(lambda rule: rule.cut_after(100), "demo", id="cut in the middle"),
        pytest.param(lambda rule: rule.down(), "demo", id="no answer"),
        pytest.param(lambda rule: rule.wrong_bytes(), "Hash mismatch", id="wrong bytes"),
    ],
)
def test_faults_happen_until_they_are_cleared(
    break_it: Callable[[Rule], object],
    expected: str,
    local_index: LocalIndex,
    workspace_kit: Kit,
    target: Path,
) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"]})
    install = ("pip", "sync", "--require-hashes", "--python", target, kit.lockfile("alpha"))
    break_it(local_index.on("demo-1.0*.whl"))

    code, output = uv_call(*install, env=kit.env)
    assert code != 0
    assert expected in output
    assert installed(target) == {}

    local_index.clear()
    code, output = uv_call(*install, env=kit.env)
    assert code == 0, output
    assert installed(target) == {"demo": "1.0"}


def test_a_fault_can_happen_a_number_of_times(local_index: LocalIndex) -> None:
    local_index.on("demo-1.0*.whl").fail_with(503, times=2)

    assert [get(local_index.file_url(DEMO))[0] for _ in range(3)] == [503, 503, 200]
    assert local_index.fetches(DEMO) == 3


def test_pip_notices_wrong_bytes(local_index: LocalIndex, workspace_kit: Kit, target: Path) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"]})
    local_index.on("*.whl").wrong_bytes()

    code, output = call(
        sys.executable, "-m", "pip", "--python", target, "install", "--require-hashes", "-r", kit.lockfile("alpha"),
        env=kit.env,
    )  # fmt: skip

    assert code != 0
    assert "DO NOT MATCH THE HASHES" in output


@pytest.mark.parametrize("after", [0, 100], ids=["before the answer", "in the middle of the body"])
def test_a_held_installer_can_be_killed(after: int, local_index: LocalIndex, target: Path) -> None:
    hold = local_index.on("demo-2.0*.whl").hold(after=after)
    process = subprocess.Popen(
        [uv.find_uv_bin(), "pip", "install", "--python", target, "demo"],
        env=index_environment(local_index),
        stderr=subprocess.DEVNULL,
        process_group=0,
    )

    hold.wait_reached()
    assert process.poll() is None
    kill_tree(process.pid)

    assert process.wait(timeout=10) == -signal.SIGKILL
    assert installed(target) == {}


def test_a_released_request_goes_on(local_index: LocalIndex, target: Path) -> None:
    hold = local_index.on("demo-2.0*.whl").hold(after=100)
    with subprocess.Popen(
        [uv.find_uv_bin(), "pip", "install", "--python", target, "demo"],
        env=index_environment(local_index),
        stderr=subprocess.DEVNULL,
    ) as process:
        hold.wait_reached()
        hold.release()
        assert process.wait(timeout=30) == 0

    assert installed(target) == {"demo": "2.0"}


def test_a_slow_file_is_slow(local_index: LocalIndex) -> None:
    url = local_index.file_url(DEMO)
    size = len(get(url)[1])
    local_index.on("demo-1.0*.whl").slow(size * 4)

    began = time.monotonic()
    assert len(get(url)[1]) == size

    assert time.monotonic() - began >= 0.2


def test_an_index_that_is_down_refuses_and_comes_back_at_the_same_address(local_index: LocalIndex) -> None:
    url = local_index.url
    local_index.down()
    with pytest.raises(urllib.error.URLError, match="refused"):
        get(url)

    local_index.up()

    assert local_index.url == url
    assert get(url)[0] == 200


# --- workspaces


def test_lockfiles_are_what_uv_writes(workspace_kit: Kit) -> None:
    kit = workspace_kit({"alpha": ["gamma==2.0", "demo==1.0", "alpha"]})

    code, output = uv_call(
        "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--python-version", THIS_PYTHON,
        "--custom-compile-command", "invoke envs.lock alpha", "requirements/alpha.in",
        cwd=kit.root, env=kit.env,
    )  # fmt: skip

    assert code == 0, output
    assert output == kit.lockfile("alpha").read_text()


def test_a_pin_changes_requirements_and_lockfile(workspace_kit: Kit) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0", "alpha"]})

    kit.pin("alpha", "demo", "2.0")

    assert kit.requirements("alpha").read_text() == "alpha\ndemo==2.0\n"
    assert kit.pins("alpha") == {"alpha": "3.0", "demo": "2.0"}


def test_a_workspace_says_what_was_planned(workspace_kit: Kit) -> None:
    kit = workspace_kit(
        {
            "alpha": ["demo"],
            "client-backend": ProjectPlan(
                title="Client/Backend",
                path="projects/Client/Backend",
                editable=True,
                environment={"A": 'x"y'},
                test_requirements=["alpha"],
            ),
        },
        settings={"installer": "uv"},
    )
    kit.change("alpha", python="3.12")

    definition = tomllib.loads((kit.root / "workspace.toml").read_text())

    assert definition["workspace"] == {"name": "workspace", "python": THIS_PYTHON, "installer": "uv"}
    assert definition["projects"]["alpha"]["python"] == "3.12"
    assert definition["projects"]["client-backend"]["environment"] == {"A": 'x"y'}
    assert [project.title for project in load_workspace(kit.root).projects] == ["Alpha", "Client/Backend"]
    assert kit.pins("client-backend") == {"alpha": "3.0"}
    assert (kit.project("client-backend") / "src" / "client_backend" / "__init__.py").is_file()


def test_the_tests_of_a_project_pass_only_in_its_own_environment(workspace_kit: Kit) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"]})
    new_environment(kit.venv("alpha"))
    arguments = kit.plans["alpha"].test_command[1:]
    assert kit.run_python("alpha", *arguments).returncode != 0

    uv_call("pip", "install", "--python", kit.venv("alpha"), "demo==1.0", env=kit.env)

    done = kit.run_python("alpha", *arguments)
    assert done.returncode == 0, done.stderr


def test_envyard_runs_in_the_workspace(workspace_kit: Kit) -> None:
    kit = workspace_kit({"alpha": ["demo==1.0"]})

    done = kit.run("--help")

    assert done.args == [sys.executable, "-m", "envyard", "--help"]
    assert "envyard" in done.stdout + done.stderr


def test_what_was_started_ends_with_the_kit(workspace_kit: Kit) -> None:
    kit = workspace_kit({})
    process = kit.start("--help")

    kit.close()

    assert process.returncode is not None
    assert os.getpgid(0) != process.pid


# --- the audit


@pytest.fixture(scope="module")
def sound_environment(tmp_path_factory: pytest.TempPathFactory, wheel_folder: Path) -> Iterator[Path]:
    base = tmp_path_factory.mktemp("sound")
    new_environment(base / "environment")
    with LocalIndex(base / "index", wheel_folder) as index:
        code, output = uv_call(
            "pip", "install", "--python", base / "environment", "demo", "gamma", env=index_environment(index)
        )
    assert code == 0, output
    yield base / "environment"
    shutil.rmtree(base)


def _remove(name: str) -> Damage:
    def damage(site: Path) -> None:
        if (site / name).is_dir():
            shutil.rmtree(site / name)
        else:
            (site / name).unlink()

    return damage


def _rewrite(name: str, data: bytes) -> Damage:
    def damage(site: Path) -> None:
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).unlink(missing_ok=True)  # never write through a hard link
        (site / name).write_bytes(data)

    return damage


def _edit(site: Path) -> None:
    data = (site / "demo/__init__.py").read_bytes()
    _rewrite("demo/__init__.py", data.replace(b"2.0", b"9.9"))(site)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        pytest.param(_remove("demo/__init__.py"), "demo/__init__.py: missing", id="missing"),
        pytest.param(_rewrite("demo/__init__.py", b""), "demo/__init__.py: 0 bytes instead of 65", id="short"),
        pytest.param(_edit, "demo/__init__.py: content differs from its RECORD", id="edited"),
        pytest.param(_rewrite("demo/more.py", b""), "demo/more.py: belongs to no package", id="orphan"),
        pytest.param(
            _remove("beta-2.0.dist-info"), "beta/__init__.py: belongs to no package", id="files without dist-info"
        ),
        pytest.param(_remove("beta-2.0.dist-info/RECORD"), "beta-2.0.dist-info/RECORD: missing", id="no RECORD"),
        pytest.param(
            _rewrite("demo-1.0.dist-info/RECORD", b""),
            "demo-2.0.dist-info: second copy of demo, beside demo-1.0.dist-info",
            id="two versions",
        ),
        pytest.param(_remove("../../../bin/python"), "bin/python: missing or dangling", id="no interpreter"),
        pytest.param(
            _rewrite("../../../bin/old", b"#!/nowhere/python\n"),
            "old: its interpreter /nowhere/python is missing",
            id="script of a lost interpreter",
        ),
    ],
)
def test_the_audit_finds_what_is_wrong(damage: Damage, expected: str, sound_environment: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(sound_environment, tmp_path / "copy", symlinks=True)
    assert audit_environment(copy) == []

    damage(site_packages(copy))

    assert expected in audit_environment(copy)


def test_an_edit_of_the_same_size_needs_the_deep_audit(sound_environment: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(sound_environment, tmp_path / "copy", symlinks=True)
    _edit(site_packages(copy))

    assert audit_environment(copy, deep=False) == []
    assert audit_environment(copy, deep=True) != []


def test_the_audit_of_nothing_is_no_clean_bill(tmp_path: Path) -> None:
    assert audit_environment(tmp_path / "nothing") == [
        "pyvenv.cfg: missing",
        "bin/python: missing or dangling",
        "site-packages: missing",
    ]


# --- processes

FAMILY = """
import subprocess, sys
generations = int(sys.argv[1])
if generations:
    child = subprocess.Popen([sys.executable, "-c", sys.argv[2], str(generations - 1), sys.argv[2]])
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_whole_family_is_found_and_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY, "2", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        wait_for(lambda: len(children_of(process.pid)) == 2)
        family = children_of(process.pid)
        assert children_of(process.pid, recursive=False) == family[:1]
        assert command_of(family[1])[:2] == [sys.executable, "-c"]

        ended = kill_tree(process.pid)

        assert sorted(ended) == sorted([process.pid, *family])
        assert not any(alive(pid) for pid in ended)


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])

    wait_for(lambda: not alive(process.pid))

    assert Path(f"/proc/{process.pid}").exists()
    process.wait()


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(AssertionError, match=r"waited 0\.01 s in vain for the end of the world"):
        wait_for(lambda: False, 0.01, what="the end of the world")


def get(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)
