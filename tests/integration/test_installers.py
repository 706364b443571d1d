"""uv and pip fill environments: complete, offline first, each wheel once, from the indexes pip is configured for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import MakeWorkspace
from kit.audit import audit_environment, installed, site_packages
from kit.engine import Engine, clear, texts
from kit.index import LocalIndex
from kit.isolation import DEAD_INDEX
from kit.workspaces import ProjectPlan

from envyard.errors import InstallFailed, InterpreterNotFound
from envyard.events import OutputLine, Warned
from envyard.installers.bridge import pip_options
from envyard.installers.uv import is_prepared
from envyard.provision import Action

PYPROJECT = """\
[project]
name = "alpha"
version = "1"
dependencies = ["demo==1.0"]

[project.optional-dependencies]
Fast_IO = ["alpha==2.0"]
unused = ["bulky"]

[dependency-groups]
test = ["beta==2.0", { include-group = "tools" }]
tools = ["gamma"]
"""


# Variables of the caller that would make an installer do something else.
POISON = {
    "PYTHONPATH": "/nowhere",
    "VIRTUAL_ENV": "/nowhere",
    "CONDA_PREFIX": "/nowhere",
    "UV_PYTHON": "2.7",
    "UV_SYSTEM_PYTHON": "1",
    "UV_PROJECT_ENVIRONMENT": "/nowhere",
    "PIP_TARGET": "/nowhere",
    "PIP_PREFIX": "/nowhere",
    "PIP_USER": "1",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_CONSTRAINT": "/nowhere",
    "VIRTUALENV_PIP": "1.0",
    "VIRTUALENV_PYTHON": "2.7",
}

# --- both installers


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_an_installer_makes_complete_environments_of_every_kind(
    workspace_kit: MakeWorkspace, wheel_folder: Path, installer: str
) -> None:
    """Locked and editable; and without a lockfile from all that may ask for something, a path beside it included.

    The name of the workspace is one that shells and requirement files have to be told about.
    """
    plans = {
        "locked": ProjectPlan(requirements=["gamma==2.0"], editable=True),
        "free": ProjectPlan(requirements=["alpha<3"], locked=False, editable=True),
        "unlocked": ProjectPlan(
            files={"pyproject.toml": PYPROJECT, "requirements.txt": "./wheels/bulky-1.0-py3-none-any.whl\n"},
            locked=False,
            test_requirements=["demo<2"],
            settings={
                "requirements": ["projects/unlocked/pyproject.toml", "projects/unlocked/requirements.txt"],
                "extras": ["fast-io"],
                "groups": ["test"],
            },
        ),
    }
    name = "a b, c & (d) %20 grün"
    engine = Engine(workspace_kit(plans, name=name, settings={"installer": installer}))
    engine.kit.env.update(POISON)
    wheels = engine.kit.project("unlocked") / "wheels"
    wheels.mkdir()
    shutil.copy(wheel_folder / "bulky-1.0-py3-none-any.whl", wheels)

    engine.build()

    for name in POISON:
        del engine.kit.env[name]
    assert not Path("/nowhere").exists()
    assert engine.sound("locked") == {"alpha": "2.0", "beta": "2.0", "gamma": "2.0", "locked": "0.1.0"}
    assert engine.sound("unlocked") == {
        "alpha": "2.0",
        "beta": "2.0",
        "bulky": "1.0",
        "demo": "1.0",
        "gamma": "2.0",
    }
    assert engine.sound("free") == {"alpha": "2.0", "free": "0.1.0"}
    assert engine.kit.run_python("free", "-c", "import free").returncode == 0
    assert engine.environment("locked").installer.split()[0] == installer
    done = engine.kit.run_python("locked", "-c", "import locked, gamma; print(locked.__file__)")
    assert done.stdout.strip() == str(engine.kit.project("locked") / "src" / "locked" / "__init__.py")
    pip = subprocess.run([engine.kit.venv("locked") / "bin" / "pip", "check"], capture_output=True, text=True)
    assert pip.returncode == 0, pip.stdout
    script = subprocess.run([engine.kit.venv("unlocked") / "bin" / "demo"], capture_output=True, text=True)
    assert script.stdout == "1.0\n"
    assert engine.doctor(deep=True).problems == ()
    assert engine.outcome("locked").action == Action.KEPT
    assert engine.leftovers() == []


def test_pip_fails_with_the_cause_and_leaves_nothing(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}, settings={"installer": "pip"}))
    local_index.on("demo-1.0*.whl").wrong_bytes()

    error = engine.failure("alpha")

    assert isinstance(error, InstallFailed)
    assert "does not have the hash" in error.message
    assert "demo==1.0" in texts(error.details)
    assert engine.leftovers() == []
    assert engine.generations() == set()


def test_pip_refuses_a_torch_backend_that_it_would_quietly_miss(workspace_kit: MakeWorkspace) -> None:
    plan = ProjectPlan(requirements=["demo==1.0"], locked=False, settings={"torch-backend": "cu121"})
    engine = Engine(workspace_kit({"alpha": plan}, settings={"installer": "pip"}))

    error = clear(engine.failure("alpha"))

    assert isinstance(error, InstallFailed)
    assert "does not know `torch-backend`, which asks for cu121" in error.message
    assert "`invoke envs.lock alpha`" in error.hint
    assert engine.leftovers() == []
    engine.kit.change("alpha", locked=True)
    assert not engine.build("alpha").failed, "a lockfile names its builds itself"


@pytest.mark.parametrize(
    ("backend", "variables", "text"),
    [
        ("auto", {}, ""),
        ("cu121", {"PIP_EXTRA_INDEX_URL": DEAD_INDEX}, ""),
        ("cu121", {}, f"--extra-index-url {DEAD_INDEX}\n"),
    ],
    ids=["any build will do", "pip has a further index", "the requirement file has one"],
)
def test_pip_warns_of_a_torch_backend_where_it_may_be_right(
    workspace_kit: MakeWorkspace, backend: str, variables: dict[str, str], text: str
) -> None:
    plan = ProjectPlan(requirements=[], locked=False, settings={"torch-backend": backend})
    engine = Engine(workspace_kit({"alpha": plan}, settings={"installer": "pip"}))
    engine.kit.env |= variables
    engine.kit.requirements("alpha").write_text(text, encoding="utf-8")

    engine.build("alpha")

    told = [event.message for event in engine.events if isinstance(event, Warned)]
    assert f"pip does not know `torch-backend`, so what `alpha` gets may be no build for {backend}" in told


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"groups": ["nosuch"]}, "has no dependency group `nosuch`"),
        ({"extras": ["nosuch"]}, "has no extra `nosuch`"),
        ({"groups": ["round"]}, "includes itself"),
    ],
    ids=["an unknown group", "an unknown extra", "a group that includes itself"],
)
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_groups_and_extras_that_are_not_there_are_named(
    workspace_kit: MakeWorkspace, installer: str, settings: Mapping[str, object], match: str
) -> None:
    text = f'{PYPROJECT}round = [{{ include-group = "round" }}]\n'
    plan = ProjectPlan(
        files={"pyproject.toml": text},
        locked=False,
        settings={"requirements": ["projects/alpha/pyproject.toml"], **settings},
    )
    engine = Engine(workspace_kit({"alpha": plan}, settings={"installer": installer}))

    error = engine.failure("alpha")

    assert "alpha" in str(error)
    if installer == "pip":  # uv has words of its own
        assert match in error.message


def test_changing_the_installer_is_a_reason_to_build(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": []}, settings={"installer": "uv"}))
    engine.build()
    engine.kit.settings["installer"] = "auto"
    engine.kit.write_definition()

    assert engine.outcome("alpha").reasons == ("installer uv -> auto",)


def test_pip_of_the_lockfile_takes_the_place_of_the_one_put_in(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0", "pip"]}))

    engine.build()

    assert engine.sound("alpha") == {"demo": "1.0"}
    assert installed(engine.kit.venv("alpha"))["pip"] == engine.kit.pins("alpha")["pip"]


def test_an_environment_of_another_python_is_as_good(workspace_kit: MakeWorkspace) -> None:
    plans = {f"p{minor}": ProjectPlan(requirements=["demo==1.0"], python=f"3.{minor}") for minor in (9, 13)}
    engine = Engine(workspace_kit(plans))

    outcomes = engine.setup().outcomes

    found = [outcome for outcome in outcomes if not isinstance(outcome.error, InterpreterNotFound)]
    if not found:
        pytest.skip("this machine has no other Python")
    for outcome in found:
        assert outcome.error is None, outcome.error
        assert engine.sound(outcome.key) == {"demo": "1.0"}
        assert outcome.environment is not None
        assert outcome.environment.interpreter.minor == f"3.{outcome.key.removeprefix('p')}"
        assert engine.doctor(outcome.key, deep=True).problems == ()


def test_a_python_that_virtualenv_dropped_fails_one_project(workspace_kit: MakeWorkspace) -> None:
    plans = {"old": ProjectPlan(requirements=["demo==1.0"], python="3.7"), "alpha": ProjectPlan(requirements=["demo"])}
    engine = Engine(workspace_kit(plans))

    old, alpha = engine.setup().outcomes

    assert isinstance(old.error, InterpreterNotFound)
    clear(old.error)
    assert alpha.action == Action.BUILT


# --- offline first, once


def test_with_a_warm_cache_and_no_index_everything_is_built_without_a_request(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    plans = {
        "alpha": ProjectPlan(requirements=["demo==1.0"]),
        "beta": ProjectPlan(requirements=["gamma==2.0"], editable=True),
        "free": ProjectPlan(requirements=["demo"], locked=False),
    }
    engine = Engine(workspace_kit(plans))
    engine.build()
    engine.clean()
    local_index.forget()
    local_index.down()

    result = engine.build()

    assert {outcome.action for outcome in result.outcomes} == {Action.BUILT}
    assert engine.sound("alpha") == {"demo": "1.0"}
    assert engine.sound("beta") == {"alpha": "2.0", "beta": "0.1.0", "gamma": "2.0"}
    assert engine.sound("free") == {"demo": "2.0"}
    local_index.up()
    assert local_index.requests == []


def test_with_a_warm_cache_a_locked_build_asks_nothing_of_an_index_that_is_there(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ["demo==2.0", "gamma==2.0"]}))
    engine.build()
    local_index.forget()

    engine.build(force=True)
    other = Engine(workspace_kit({"alpha": ["gamma==2.0"]}, name="another"))
    other.build()

    assert local_index.requests == []


def test_an_environment_without_a_lockfile_gets_what_the_index_has_today(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"alpha": ProjectPlan(requirements=["fresh"], locked=False)}))
    local_index.add("fresh", "1.0")
    engine.build()
    local_index.add("fresh", "2.0")

    assert engine.outcome("alpha").action == Action.KEPT
    engine.build(force=True)

    assert engine.sound("alpha") == {"fresh": "2.0"}


def test_every_distinct_wheel_is_fetched_once_for_the_whole_workspace(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    plans = {
        "one": ["demo==1.0", "gamma==1.0"],
        "two": ["demo==2.0", "gamma==2.0"],
        "three": ["demo==1.0", "bulky==1.0", "alpha==3.0"],
        "four": ["demo==2.0", "bulky==1.0"],
        "five": ProjectPlan(requirements=["gamma==2.0", "demo"], locked=False),
    }
    engine = Engine(workspace_kit(plans))

    engine.build()

    wanted = {
        f"{name}-{version}-py3-none-any.whl"
        for key in plans
        for name, version in engine.sound(key).items()
        if name != key
    }
    assert len(wanted) > 7
    assert local_index.counts() == dict.fromkeys(wanted, 1)
    # by these words the fetch knows that the wheels are in the cache, and links none of them into its scratch folder
    told = [event.line for event in engine.events if isinstance(event, OutputLine) and event.key == ""]
    assert any(map(is_prepared, told))
    files = [site_packages(engine.kit.venv(key)) / "bulky" / "__init__.py" for key in ("three", "four")]
    assert files[0].stat().st_ino == files[1].stat().st_ino


def test_a_wheel_of_two_lockfiles_that_cannot_be_had_spoils_only_those_two(
    workspace_kit: MakeWorkspace, local_index: LocalIndex
) -> None:
    engine = Engine(workspace_kit({"one": ["demo==1.0"], "two": ["demo==1.0", "alpha==1.0"], "three": ["alpha==1.0"]}))
    local_index.on("demo-1.0*.whl").fail_with(503)

    one, two, three = engine.setup().outcomes

    for outcome in (one, two):
        assert outcome.error is not None
        assert f"`{outcome.key}`" in clear(outcome.error).message
    assert three.action == Action.BUILT
    assert engine.sound("three") == {"alpha": "1.0"}


def test_pip_is_put_in_without_asking_the_index(workspace_kit: MakeWorkspace, local_index: LocalIndex) -> None:
    engine = Engine(workspace_kit({"alpha": []}))
    local_index.down()

    engine.build()

    assert engine.sound("alpha") == {}
    local_index.up()
    assert [request for request in local_index.requests if "pip" in request.path] == []


# --- the configuration of people


@pytest.fixture
def bare(workspace_kit: MakeWorkspace) -> Engine:
    """A workspace whose variables name no index at all."""
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"], "beta": ProjectPlan(requirements=["demo"], locked=False)}))
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_CONFIG_FILE"):
        del engine.kit.env[name]
    return engine


def _write(home: Path, name: str, text: str) -> Path:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".config/pip/pip.conf", "[global]\nindex-url = {url}\n"),
        (".config/pip/pip.conf", "[install]\nINDEX_URL: {url}\n[global]\nindex-url = {dead}\n"),
        (".config/pip/pip.conf", "[global]\nindex-url =\n    {url}\nextra-index-url =\n    {url}\n    {url}other/\n"),
        (".pip/pip.conf", "[global]\nindex-url = {url}\ntimeout = 12.5\ntrusted-host = localhost\n"),
        (".config-of-the-system/pip/pip.conf", "[global]\nindex-url = {url}\n"),
    ],
    ids=["the user's", "section and spelling", "with an extra index", "the old place", "the system's"],
)
def test_an_index_that_only_pip_is_configured_for_serves_uv_too(
    bare: Engine, local_index: LocalIndex, home: Path, name: str, text: str
) -> None:
    _write(home, name, text.replace("{url}", local_index.url).replace("{dead}", DEAD_INDEX))

    bare.build()

    assert bare.sound("alpha") == {"demo": "1.0"}
    assert bare.sound("beta") == {"demo": "2.0"}
    outcome = bare.lock_one("alpha", upgrade=True)
    assert outcome.error is None
    assert str(local_index.port) not in bare.kit.lockfile("alpha").read_text(encoding="utf-8")


def test_a_variable_of_pip_serves_uv_too(bare: Engine, local_index: LocalIndex, home: Path) -> None:
    _write(home, ".config/pip/pip.conf", f"[global]\nindex-url = {DEAD_INDEX}\n")
    bare.kit.env["PIP_INDEX_URL"] = local_index.url

    bare.build()

    assert bare.sound("alpha") == {"demo": "1.0"}


def test_a_variable_of_uv_wins_over_the_configuration_of_pip(bare: Engine, local_index: LocalIndex, home: Path) -> None:
    _write(home, ".config/pip/pip.conf", f"[global]\nindex-url = {DEAD_INDEX}\nno-index = true\n")
    bare.kit.env["UV_DEFAULT_INDEX"] = local_index.url

    bare.build()

    assert bare.sound("alpha") == {"demo": "1.0"}


def test_a_folder_of_wheels_in_the_configuration_of_pip_is_all_that_is_needed(
    bare: Engine, local_index: LocalIndex, home: Path, wheel_folder: Path
) -> None:
    _write(home, ".config/pip/pip.conf", f"[global]\nno-index = yes\nfind-links = {wheel_folder}\n")
    local_index.down()

    bare.build()

    assert bare.sound("alpha") == {"demo": "1.0"}
    assert bare.sound("beta") == {"demo": "2.0"}
    local_index.up()
    assert local_index.requests == []


CONFIGURATIONS: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "user": ({".config/pip/pip.conf": "[global]\nindex-url = u\n"}, {}),
    "user before legacy": ({".pip/pip.conf": "[global]\nindex-url = l\n", ".config/pip/pip.conf": "[global]\n"}, {}),
    "user over system": (
        {
            ".config-of-the-system/pip/pip.conf": "[global]\nindex-url = s\ntimeout = 3\n",
            ".config/pip/pip.conf": "[global]\nindex-url = u\n",
        },
        {},
    ),
    "install of the system over global of the user": (
        {
            ".config-of-the-system/pip/pip.conf": "[install]\nindex-url = s\n",
            ".config/pip/pip.conf": "[global]\nindex-url = u\n",
        },
        {},
    ),
    "variable over file": ({".config/pip/pip.conf": "[install]\nindex-url = u\n"}, {"PIP_INDEX_URL": "v"}),
    "empty variable": ({".config/pip/pip.conf": "[global]\nindex-url = u\n"}, {"PIP_INDEX_URL": ""}),
    "empty value": ({".config/pip/pip.conf": "[global]\nindex-url = u\n[install]\nindex-url =\n"}, {}),
    "named file instead of the user's": (
        {".config/pip/pip.conf": "[global]\nindex-url = u\ntimeout = 3\n", "own.conf": "[global]\nindex-url = o\n"},
        {"PIP_CONFIG_FILE": "own.conf"},
    ),
    "named file that is missing": (
        {".config/pip/pip.conf": "[global]\nindex-url = u\n"},
        {"PIP_CONFIG_FILE": "missing.conf"},
    ),
    "no file at all": ({".config/pip/pip.conf": "[global]\nindex-url = u\n"}, {"PIP_CONFIG_FILE": "/dev/null"}),
    "other spellings": (
        {".config/pip/pip.conf": "[global]\nINDEX_URL = u\n--find-links = a b\ntrusted_host: h\n"},
        {},
    ),
    "another section": ({".config/pip/pip.conf": "[download]\nindex-url = d\n"}, {}),
}


@pytest.mark.parametrize(("files", "variables"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_the_configuration_of_pip_is_read_as_pip_reads_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str], variables: Mapping[str, str]
) -> None:
    """Compared with pip's own reader, `pip._internal.configuration`, so that a change there is noticed."""
    for name, text in files.items():
        _write(home, name, text)
    monkeypatch.chdir(home)
    for name in ("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_RETRIES", "PIP_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code = (
        "import json; from pip._internal.cli.parser import ConfigOptionParser as P;"
        " p = P(usage='', prog='', name='install', isolated=False); p.config.load();"
        " print(json.dumps(list(p._get_ordered_configuration_items())))"
    )
    done = subprocess.run([_python_with_pip(), "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    bridged = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "timeout", "trusted-host")
    expected = {name: value for name, value in json.loads(done.stdout) if name in bridged}

    assert pip_options(os.environ) == expected


def _python_with_pip() -> str:
    if subprocess.run([sys.executable, "-c", "import pip"], capture_output=True).returncode != 0:
        pytest.skip("the python of these tests has no pip to compare with")
    return sys.executable


def test_an_environment_does_not_depend_on_the_cache_of_the_installer(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.kit.env["UV_LINK_MODE"] = "symlink"
    engine.build()

    shutil.rmtree(engine.kit.env["UV_CACHE_DIR"])

    assert engine.sound("alpha") == {"demo": "1.0"}
    assert engine.doctor(deep=True).problems == ()


def test_a_network_that_is_switched_off_is_named_as_the_cause(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    engine.kit.env["UV_OFFLINE"] = "1"

    error = engine.failure("alpha")

    assert "the network is switched off" in error.message
    assert "UV_OFFLINE" in error.hint


def test_the_configuration_of_uv_in_the_folder_of_the_caller_does_not_count(
    workspace_kit: MakeWorkspace, tmp_path: Path
) -> None:
    engine = Engine(workspace_kit({"alpha": ["demo==1.0"]}))
    folder = engine.kit.project("alpha")
    (folder / "uv.toml").write_text(f'[pip]\nindex-url = "{DEAD_INDEX}"\nno-deps = true\n', encoding="utf-8")
    del engine.kit.env["UV_NO_CONFIG"]

    engine.kit.run("envs.setup", "alpha", cwd=folder, check=True)

    assert engine.sound("alpha") == {"demo": "1.0"}


def test_audits_of_the_kit_and_of_envyard_agree(workspace_kit: MakeWorkspace) -> None:
    engine = Engine(workspace_kit({"alpha": ["gamma==2.0", "demo==1.0"]}))
    engine.build()
    environment = engine.environment("alpha")

    assert dict(environment.packages) == installed(environment.path)
    assert audit_environment(environment.path) == []
    files = [path for path in environment.path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert environment.files == len(files) - 2, "all but the two that are written afterwards"
