"""`envyard init` on monorepos as they are: what it writes, what it leaves alone, and that the tests run afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import monorepo
from kit.disks import small_disk
from kit.index import LocalIndex
from kit.monorepo import Monorepo, messy_files, outcomes
from kit.processes import wait_for

from envyard import carried, runner_files
from envyard.workspace import load_workspace


@pytest.fixture
def index(tmp_path: Path, wheel_folder: Path, wheels_of_pytest: Path) -> Iterator[LocalIndex]:
    with LocalIndex(tmp_path / "index", wheel_folder, wheels_of_pytest) as index:
        yield index


@pytest.fixture
def messy(tmp_path: Path, index: LocalIndex) -> Monorepo:
    return Monorepo(tmp_path / "monorepo", index, messy_files())


@pytest.fixture
def small(tmp_path: Path, index: LocalIndex) -> Monorepo:
    files = {f"{name}/requirements.txt": "demo==1.0\n" for name in ("one", "two", "deep/three")}
    return Monorepo(tmp_path / "monorepo", index, files)


def keys(repo: Monorepo) -> dict[str, str]:
    """Key -> path, as workspace.toml has them."""
    return {key: table["path"] for key, table in tomllib.loads(repo.read("workspace.toml"))["projects"].items()}


# --- a messy monorepo, from nothing to green and red tests


def test_a_messy_monorepo_works_as_it_does_in_environments_made_by_hand(messy: Monorepo) -> None:
    before = messy.snapshot()
    done = messy.envyard("init")
    assert done.returncode == 0, done.stderr
    assert "services/Client/Backend: belongs to `client`; `envyard projects.add services/Client/Backend`" in done.stdout
    after = messy.snapshot()
    assert {name: after[name] for name in before} == before, "nothing of theirs was changed"
    assert keys(messy) == {
        "apps-backend": "apps/Backend",
        "broken-con": "broken/con",
        "unknown": "broken/unknown",
        "utf16": "broken/utf16",
        "selfish": "libs/selfish",
        "sourced": "libs/sourced",
        "classifier": "ml/classifier",
        "outside": "ml/outside",
        "client": "services/Client",
        "server-backend": "services/Server/Backend",
        "multi": "tools/multi",
        "tools-tests": "tools/tests",
    }

    done = messy.envyard("envs.setup-all")
    assert done.returncode == 1
    rows = {line.split()[0]: line for line in done.stdout.split("\n\n")[0].splitlines()[1:]}
    broken = {"con", "unknown", "utf16"}
    assert {name for name, line in rows.items() if " failed " in line} == broken
    assert len(rows) == 12
    for words in ("broken/con/pyproject.toml is not valid TOML", "no-such-package", "is UTF-16, not UTF-8"):
        assert words in done.stdout + done.stderr

    for key, path, installs, tests in (
        ("client", "services/Client", ["-r", "requirements.txt", "pytest"], ()),
        ("server-backend", "services/Server/Backend", ["-r", "requirements.txt", "pytest"], ()),
        ("classifier", "ml/classifier", ["-r", "requirements.txt", "pytest"], ("_meta/tests",)),
        ("outside", "ml/outside", ["-r", "requirements.txt", "pytest"], ("../../_meta/tests/outside",)),
        ("selfish", "libs/selfish", ["-r", "requirements.txt", "pytest"], ()),
        ("sourced", "libs/sourced", ["-e", ".", "pytest"], ()),
        ("multi", "tools/multi", ["-r", "requirements/dev.txt"], ()),
        ("tools-tests", "tools/tests", ["demo==1.0", "pytest"], ()),
    ):
        by_hand = messy.hand_made(path, installs, *tests)
        session = messy.nox("-s", key, "--", "-rA")
        assert outcomes(session.stdout) == by_hand, key
        assert session.returncode == ("FAILED" in by_hand.values())
    assert {name: content for name, content in messy.snapshot().items() if name in before} == before


def test_the_environments_hold_what_environments_made_by_hand_hold(messy: Monorepo) -> None:
    messy.envyard("init")
    done = messy.envyard("envs.setup", "classifier")
    assert done.returncode == 0, done.stderr
    shown = json.loads(messy.envyard("envs.show", "classifier", "--json").stdout)
    packages = shown["environment"]["packages"]
    assert packages["beta"] == "1.0"
    assert packages["alpha"] == "1.0", "the constraint of the file counts"
    assert "pytest" in packages


def test_a_project_of_nothing_but_dependency_groups_can_be_locked(messy: Monorepo, index: LocalIndex) -> None:
    index.add("colorama", "0.4.6")  # what pytest asks for on Windows is locked as well
    messy.envyard("init")
    text = messy.read("workspace.toml").replace(
        "[projects.tools-tests]", '[projects.tools-tests]\nlockfile = "tools.lock.txt"'
    )
    messy.write({"workspace.toml": text})
    done = messy.envyard("envs.lock", "tools-tests")
    assert done.returncode == 0, done.stderr
    assert "demo==1.0" in messy.read("tools.lock.txt")


# --- looking before writing


def test_a_dry_run_shows_every_line_and_touches_nothing(messy: Monorepo) -> None:
    before = messy.snapshot()
    done = messy.envyard("init", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert '  +path = "services/Client"' in done.stdout
    assert "new      noxfile.py" in done.stdout
    assert "  +venv" in done.stdout
    assert messy.snapshot() == before
    assert not (messy.root / ".envs").exists()


def test_projects_are_listed_before_there_is_a_workspace(messy: Monorepo) -> None:
    done = messy.envyard("projects.list", "--json")
    assert done.returncode == 0, done.stderr
    found = {each["path"]: each for each in json.loads(done.stdout)["projects"]}
    assert {each["status"] for each in found.values()} == {"new"}
    assert found["ml/classifier"]["tests"] == ["_meta/tests"]
    assert found["ml/outside"]["tests"] == ["../../_meta/tests/outside"]
    assert found["services/Client"]["nested"] == ["services/Client/Backend"]
    assert found["libs/sourced"]["python"] == ">=3.9"
    assert found["libs/sourced"]["editable"] is True
    assert not (messy.root / "workspace.toml").exists()


def test_declared_projects_are_listed_as_workspace_toml_has_them(small: Monorepo) -> None:
    small.envyard("init")
    text = small.read("workspace.toml").replace('["one/requirements.txt"]', '["two/requirements.txt"]\npython = "3.9"')
    small.write({"workspace.toml": text})
    found = {each["key"]: each for each in json.loads(small.envyard("projects.list", "--json").stdout)["projects"]}
    assert (found["one"]["status"], found["one"]["python"]) == ("declared", "3.9")
    assert found["one"]["requirements"] == ["../two/requirements.txt"]
    assert found["two"]["requirements"] == ["requirements.txt"]


# --- the second time


def test_a_second_run_has_nothing_to_do(small: Monorepo) -> None:
    small.envyard("init")
    before = small.snapshot()
    done = small.envyard("init")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3 projects as before\n\nnothing to do: everything is as it should be\n"
    assert small.snapshot() == before


def test_new_moved_and_gone_projects_are_told_and_written_and_what_people_wrote_stays(small: Monorepo) -> None:
    small.envyard("init")
    text = small.read("workspace.toml")
    text = text.replace("# Run `envyard init`", "# OUR COMMENT\n# Run `envyard init`")
    text = text.replace(
        'path = "deep/three"\n',
        'path = "deep/three"  # the third\ntags = ["kept"]\ntest-folder = "."\n# above requirements\n',
    )
    text = text.replace("[projects.one]\n", '# about one\n[projects.one]\nenvironment = { A = "1" } # ours\n')
    small.write({"workspace.toml": text})
    shutil.copytree(small.root / "deep" / "three", small.root / "three")
    for folder in ("deep/three", "two"):  # as git leaves it
        (small.root / folder / "requirements.txt").unlink()
        small.write({f"{folder}/venv/pyvenv.cfg": ""})
    small.write({"four/requirements.txt": "demo\n"})

    planned = small.envyard("init", "--dry-run")
    assert "deep/three -> three" in planned.stdout
    assert small.read("workspace.toml") == text
    done = small.envyard("init")
    assert done.returncode == 0, done.stderr
    states = {
        line.split()[0]: line for line in done.stdout.splitlines() if " requirements.txt" in line or " gone" in line
    }
    assert "moved" in states["three"]
    assert "gone" in states["two"]
    assert "new" in states["four"]
    assert "one" not in states
    written = small.read("workspace.toml")
    expected = text.replace('path = "deep/three"', 'path = "three"').replace('"deep/three/req', '"three/req')
    start = expected.index("\n[projects.two]")
    end = expected.find("\n[projects.", start + 1)
    expected = expected[:start] + (expected[end:] if end > 0 else "\n")
    assert written.startswith(expected.rstrip("\n"))
    assert keys(small) == {"three": "three", "one": "one", "four": "four"}
    assert load_workspace(small.root).projects


def test_the_top_folder_does_not_become_a_project_of_a_workspace_that_has_others(small: Monorepo) -> None:
    for name in ("one", "two", "deep/three"):
        shutil.rmtree(small.root / name)
    table = '[projects.one]\npath = "one"\nrequirements = []\n'
    small.write({"one/tests/test_x.py": "", "pyproject.toml": '[project]\nname = "x"\n', "workspace.toml": table})
    assert small.envyard("init").returncode == 0
    assert small.read("workspace.toml") == table
    assert "requirements.txt" not in small.envyard("projects.list").stdout
    done = small.envyard("projects.add", ".")
    assert done.returncode == 0, done.stderr
    assert set(keys(small)) == {"one", "project"}


def test_folders_that_workspace_toml_excludes_are_left_out(small: Monorepo) -> None:
    small.envyard("init")
    text = small.read("workspace.toml").replace("exclude = []", 'exclude = ["archive/*"]')
    small.write({"workspace.toml": text, "archive/old/requirements.txt": "", "five/requirements.txt": ""})
    small.envyard("init")
    assert set(keys(small)) == {"one", "two", "three", "five"}


def test_a_project_inside_another_one_can_be_added(messy: Monorepo) -> None:
    messy.envyard("init")
    before = messy.read("workspace.toml")
    done = messy.envyard("projects.add", "Client/Backend", cwd=messy.root / "services")
    assert done.returncode == 0, done.stderr
    assert "added `services/Client/Backend` to workspace.toml as `backend`" in done.stdout
    assert messy.read("workspace.toml").startswith(before.rstrip("\n"))
    workspace = load_workspace(messy.root)
    (added,) = [project for project in workspace.projects if project.key == "backend"]
    assert added.requirements == (messy.root / "services/Client/Backend/requirements.txt",)
    again = messy.envyard("projects.add", "services/Client/Backend")
    assert again.returncode == 2
    assert "is the project `backend` already" in again.stderr
    listed = messy.envyard("projects.list")
    assert "services/Client/Backend" in listed.stdout
    assert messy.envyard("init").stdout.startswith("13 projects as before")


def test_projects_inside_others_are_projects_of_their_own_when_asked_for_and_stay_so(messy: Monorepo) -> None:
    """Tests of the inner project need what the outer environment lacks, so the outer session must not run them."""
    messy.write({"services/Client/Backend/tests/test_backend.py": monorepo.tests_of("demo", "2.0")})
    done = messy.envyard("init", "--nested")
    assert done.returncode == 0, done.stderr
    assert keys(messy)["client-backend"] == "services/Client/Backend"
    again = messy.envyard("init").stdout
    assert again.startswith("13 projects as before\n")
    assert again.endswith("nothing to do: everything is as it should be\n")
    for key, installed in (("client", "1.0"), ("client-backend", "2.0")):
        session = messy.nox("-s", key, "--", "-rA")
        assert len(outcomes(session.stdout)) == 2
        assert sorted(outcomes(session.stdout).values()) == ["FAILED", "PASSED"], session.stdout
        assert f"'{installed}' == '0.0'" in session.stdout
    messy.write({"services/Client/more/requirements.txt": "demo\n"})
    assert messy.envyard("init").returncode == 0
    assert keys(messy)["more"] == "services/Client/more"


def test_a_workspace_that_was_without_them_gets_projects_inside_others(messy: Monorepo) -> None:
    messy.write({"services/Client/Backend/test_backend.py": monorepo.tests_of("demo", "2.0")})
    messy.envyard("init")
    before = messy.read("workspace.toml")
    done = messy.envyard("init", "--nested")
    assert "`client` runs its tests too; to prevent that add `--ignore=Backend` to" in " ".join(done.stdout.split())
    kept = [line for line in messy.read("workspace.toml").splitlines() if not line.startswith("nested = true")]
    assert kept[: len(before.splitlines())] == before.splitlines()
    assert set(keys(messy)) - {"backend"} == {key for key in keys(messy) if f"[projects.{key}]" in before}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("nowhere", "`nowhere` cannot be a project: it is no folder", id="missing"),
        pytest.param("..", "leads out of the workspace", id="outside"),
        pytest.param("one/requirements.txt", "is no folder", id="a file"),
    ],
)
def test_what_cannot_be_a_project_is_not_added(small: Monorepo, path: str, said: str) -> None:
    small.envyard("init")
    before = small.snapshot()
    done = small.envyard("projects.add", path)
    assert done.returncode == 2
    assert said in done.stderr
    assert small.snapshot() == before


# --- what people have already


def test_runner_files_of_people_stay_and_the_lines_to_add_work(small: Monorepo) -> None:
    noxfile = "import nox\n\n\n@nox.session(venv_backend='none')\ndef mine(session):\n    session.log('mine')\n"
    tasks = "from invoke import task\n\n\n@task\ndef mine(context):\n    print('mine')\n"
    small.write({"noxfile.py": noxfile, "tasks.py": tasks, ".gitignore": "*.log\nvenv/"})
    done = small.envyard("init")
    assert done.returncode == 0, done.stderr
    assert small.read("noxfile.py") == noxfile
    assert small.read("tasks.py") == tasks
    assert "`noxfile.py` is your own and stays as it is; add these lines at its end:" in done.stdout
    assert small.read(".gitignore").startswith("*.log\nvenv/\n\n# envyard")
    assert "venv" in small.read(".gitignore").splitlines()
    shown = done.stdout.split("add these lines at its end:\n\n")
    blocks = [block.split("\n\n")[0].replace("\n    ", "\n").strip() for block in shown[1:]]
    small.write({"noxfile.py": f"{noxfile}\n{blocks[0]}\n", "tasks.py": f"{tasks}\n{blocks[1]}\n"})
    listed = small.nox("-l")
    assert "* mine" in listed.stdout
    assert "* one [projects] -> " in listed.stdout
    invoked = small._run([sys.executable, "-m", "invoke", "--list"], small.root)
    assert "mine" in invoked.stdout
    assert "envs.setup-all" in invoked.stdout
    assert "your own" not in small.envyard("init").stdout, "the lines are there now"


def test_written_runner_files_work_and_are_left_alone_once_changed(small: Monorepo) -> None:
    small.envyard("init")
    assert "* one" in small.nox("-l").stdout
    invoked = small._run([sys.executable, "-m", "invoke", "--list"], small.root)
    assert "envs.setup-all" in invoked.stdout
    changed = small.read("noxfile.py") + "# more\n"
    small.write({"noxfile.py": changed})
    done = small.envyard("init")
    assert small.read("noxfile.py") == changed
    assert done.stdout.endswith("nothing to do: everything is as it should be\n")


def test_scripts_of_people_stay_and_another_folder_can_be_named(small: Monorepo) -> None:
    small.write({"scripts/bootstrap.sh": "echo theirs\n"})
    done = small.envyard("init")
    assert done.returncode == 0, done.stderr
    assert "no scripts were written, because `scripts/bootstrap.sh` would be replaced" in done.stdout
    assert sorted(os.listdir(small.root / "scripts")) == ["bootstrap.sh"]
    done = small.envyard("init", "--scripts", "dev")
    assert done.returncode == 0, done.stderr
    assert os.access(small.root / "dev" / "setup_all_envs.sh", os.X_OK)
    assert "./dev/envyard-" in small.read("requirements/tools.txt")
    assert "`./dev/setup_all_envs.sh`" in small.read("noxfile.py")
    assert small.envyard("init").stdout.endswith("everything is as it should be\n"), "the folder is found again"


def test_what_an_older_envyard_wrote_is_brought_up_to_date(small: Monorepo) -> None:
    small.envyard("init")
    old = runner_files.marked("bootstrap.py", b"# of an older version\n")
    small.write({"scripts/bootstrap.py": old, "scripts/envyard-0.0.1-py3-none-any.whl": b"old"})
    done = small.envyard("init")
    assert done.returncode == 0, done.stderr
    assert "changed  scripts/bootstrap.py" in done.stdout
    assert "removed  scripts/envyard-0.0.1-py3-none-any.whl" in done.stdout
    assert (small.root / "scripts/bootstrap.py").read_bytes() == runner_files.marked(
        "bootstrap.py", carried.script("bootstrap.py")
    )
    assert not (small.root / "scripts/envyard-0.0.1-py3-none-any.whl").exists()


def test_a_link_in_place_of_a_file_stays_a_link(small: Monorepo) -> None:
    small.write({"shared/ignored": "*.tmp\n"})
    (small.root / ".gitignore").symlink_to("shared/ignored")
    small.envyard("init")
    assert (small.root / ".gitignore").is_symlink()
    assert "venv" in small.read("shared/ignored").splitlines()


# --- envyard for that workspace


def test_the_carried_wheel_installs_and_makes_the_same_wheel_again(small: Monorepo, tmp_path: Path) -> None:
    small.envyard("init")
    (wheel,) = (small.root / "scripts").glob("*.whl")
    target = tmp_path / "target"
    install = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(target),
        str(wheel),
    ]
    assert small._run(install, tmp_path).returncode == 0
    libraries = str(target)
    done = small.envyard("init", "--dry-run", env={"PYTHONPATH": libraries})
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("nothing to do\n"), done.stdout


def test_a_requirement_with_a_hash_takes_the_place_of_the_wheel_and_stays(small: Monorepo) -> None:
    requirement = f"envyard==9.9 --hash=sha256:{'a' * 64}"
    done = small.envyard("init", "--envyard", requirement)
    assert done.returncode == 0, done.stderr
    assert f"\n{requirement}\n" in small.read("requirements/tools.txt")
    assert not list((small.root / "scripts").glob("*.whl"))
    assert small.envyard("init").stdout.endswith("everything is as it should be\n")


def test_a_wheel_that_is_named_is_carried(small: Monorepo, tmp_path: Path) -> None:
    wheel = tmp_path / "envyard-7.0-py3-none-any.whl"
    wheel.write_bytes(carried.own_wheel())
    done = small.envyard("init", "--envyard", str(wheel))
    assert done.returncode == 0, done.stderr
    assert (small.root / "scripts" / wheel.name).read_bytes() == wheel.read_bytes()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert f"\n./scripts/{wheel.name} --hash=sha256:{digest}\n" in small.read("requirements/tools.txt")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--envyard", "envyard==1.0"], "has no hash", id="no hash"),
        pytest.param(["--envyard", "missing.whl"], "there is no wheel of envyard at `missing.whl`", id="no such wheel"),
        pytest.param(["--scripts", "a/b"], "is not the name of a folder", id="a path"),
        pytest.param(["nowhere"], "there is no folder", id="no folder"),
        pytest.param(["one", "two"], "takes one folder", id="two folders"),
    ],
)
def test_usage_errors_write_nothing(small: Monorepo, words: list[str], said: str) -> None:
    before = small.snapshot()
    done = small.envyard("init", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert small.snapshot() == before


def test_a_folder_without_projects_is_left_alone(small: Monorepo) -> None:
    (small.root / "empty").mkdir()
    done = small.envyard("init", "empty")
    assert done.returncode == 2
    assert "there is no project in" in done.stderr
    assert os.listdir(small.root / "empty") == []


def test_a_part_of_a_repository_is_told_to_be_one(small: Monorepo) -> None:
    (small.root / ".git").mkdir()
    done = small.envyard("init", "--dry-run", cwd=small.root / "deep")
    assert f"note: deep: is a part of the repository `{small.root}`" in done.stdout
    assert "note:" not in small.envyard("init", "--dry-run").stdout


@pytest.mark.network
def test_a_clone_with_nothing_but_python_sets_everything_up(small: Monorepo) -> None:
    small.envyard("init")
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    script = [str(small.root / "scripts" / "setup_all_envs.sh"), "--dry-run"]
    done = subprocess.run(script, env=variables, cwd="/", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "3 environments to build" in done.stdout
    program = small.root / ".envs" / "tools" / "bin" / "envyard"
    done = subprocess.run([program, "projects.list"], env=variables, cwd=small.root, capture_output=True, text=True)
    assert "declared" in done.stdout


# --- accidents


def test_mistakes_that_were_there_before_are_told_after_the_rest_is_done(small: Monorepo) -> None:
    small.envyard("init")
    text = small.read("workspace.toml").replace('path = "one"', 'path = "one"\ncolour = "red"')
    small.write({"workspace.toml": text, "four/requirements.txt": ""})
    done = small.envyard("init")
    assert done.returncode == 2
    assert "projects.one.colour: unknown key" in done.stderr
    assert "changed  workspace.toml" in done.stdout
    assert "four" in keys(small)


def test_a_workspace_file_that_is_no_toml_is_left_alone(small: Monorepo) -> None:
    small.write({"workspace.toml": "[workspace\n"})
    before = small.snapshot()
    done = small.envyard("init")
    assert done.returncode == 2
    assert "not valid TOML" in done.stderr
    assert small.snapshot() == before


def test_a_workspace_file_that_cannot_be_added_to_is_left_alone(small: Monorepo) -> None:
    small.write({"workspace.toml": 'projects = { one = { path = "one" } }\n'})
    before = small.snapshot()
    done = small.envyard("init")
    assert done.returncode == 2
    assert "written in a way that envyard cannot add to" in done.stderr
    assert small.snapshot() == before


@pytest.mark.parametrize("free", [0, 12_288, 200_000], ids=["at once", "soon", "at the wheel"])
def test_a_full_disk_leaves_each_file_old_or_new(small: Monorepo, free: int) -> None:
    small.write({".gitignore": "*.log\n"})
    with small_disk(small.root) as disk:
        wanted = small.envyard("init", "--dry-run").stdout
        disk.leave(free)
        done = small.envyard("init")
        assert done.returncode == 1
        assert "no space left on the device" in done.stderr
        assert small.read(".gitignore") in ("*.log\n", runner_files.with_ignored("*.log\n"))
        names = [name for name in small.snapshot() if not name.endswith("requirements.txt")]
        assert all(f" {name}" in wanted for name in names), "no half files under other names"
        disk.resize(200_000_000)
        assert small.envyard("init").returncode == 0
        assert small.envyard("init").stdout.endswith("everything is as it should be\n")


def test_ctrl_c_leaves_each_file_old_or_new(small: Monorepo, tmp_path: Path) -> None:
    """The process is stopped just before it replaces noxfile.py, the third file, and then gets Ctrl-C."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pathlib, signal, sys\n"
        "def hook(name, arguments):\n"
        "    if name == 'os.rename' and str(arguments[1]).endswith('noxfile.py'):\n"
        f"        pathlib.Path({str(tmp_path / 'there')!r}).touch()\n"
        "        signal.pause()\n"
        "sys.addaudithook(hook)\n"
    )
    env = small.env | {"PYTHONPATH": os.pathsep.join([str(tmp_path), small.env["PYTHONPATH"]])}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's children are deaf to it
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "envyard", "init"], cwd=small.root, env=env, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for((tmp_path / "there").exists, 60, what="the third file")
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert keys(small) == {"three": "deep/three", "one": "one", "two": "two"}, "written before, whole"
    assert not (small.root / "noxfile.py").exists()
    assert [name for name in os.listdir(small.root) if name.startswith(".noxfile")] == []
    assert small.envyard("init").returncode == 0
    assert "* one" in small.nox("-l").stdout
