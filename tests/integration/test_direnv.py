"""People who walk through projects: real shells on a terminal, with direnv, and with the hook of envyard.

Every shell enters Classification, then Sources, then Client/Backend inside Client, then leaves, and tells each time
which python it finds and which variables it has.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from kit.index import LocalIndex
from kit.shells import OF_SHELLS, SHELLS, MakeShell, Shell, envyard_hook, need, without_shell
from kit.workspaces import ProjectPlan, WorkspaceKit, make_workspace

pytest.importorskip("pty", reason="Windows has no pseudo terminals of this kind")
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
TRICKY = 'it\'s "quoted" $HOME $(touch pwned) `touch pwned` \\n \\\\ 名前\nsecond line\n'
PROJECTS = {
    "classification": ProjectPlan(
        requirements=["demo==1.0"],
        title="Classification",
        path="projects/Classification",
        environment={"TRICKY": TRICKY, "MODE": "train", "RANDOM": "a[$(touch pwned)]"},
    ),
    "sources": ProjectPlan(
        requirements=["demo==2.0"], title="Sources", path="projects/Sources", environment={"MODE": "read"}
    ),
    "client": ProjectPlan(requirements=["alpha==1.0"], title="Client", path="projects/Client"),
    "client-backend": ProjectPlan(requirements=["alpha==2.0"], title="Client/Backend", path="projects/Client/Backend"),
}
# One name a project.
SET = {"PROJECT_NAME", "TRICKY", "MODE", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PATH"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, wheel_folder: Path) -> Iterator[WorkspaceKit]:
    """The four projects, built once, in a folder whose name has to be quoted (direnv itself fails at a `$` there)."""
    folder = tmp_path_factory.mktemp("direnv")
    with LocalIndex(folder / "index", wheel_folder) as index:
        kit = make_workspace(folder / "mono repo's é", index, PROJECTS)
        kit.run("envs.setup-all", "--no-direnv", check=True)
        yield kit
        kit.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def kit(built: WorkspaceKit, home: Path) -> Iterator[WorkspaceKit]:
    """The workspace without any `.envrc`, for a person who has just set it up."""
    before = built.env
    built.env = {
        **before,
        **{name: os.environ[name] for name in ("HOME", *(n for n in os.environ if n.startswith("XDG_")))},
    }
    built.run("envs.setup-all", "--no-direnv", check=True)
    yield built
    built.env = before
    for key in PROJECTS:
        for name in (".envrc", ".envrc.local", ".env"):
            (built.project(key) / name).unlink(missing_ok=True)


@pytest.fixture
def shells(kit: WorkspaceKit, home: Path) -> Iterator[MakeShell]:
    """Makes shells that end with the test: `shells("bash", hook, VARIABLE="value")`."""
    made: list[Shell] = []

    def make(name: str, hook: str = "", **more: str) -> Shell:
        need(name)
        made.append(Shell(name, home, kit.env | more, hook))
        return made[-1]

    yield make
    for shell in made:
        shell.close()


def assert_inside(kit: WorkspaceKit, key: str, found: Mapping[str, str], outside: Mapping[str, str]) -> None:
    """The variables of a shell are those of a project, and whatever else there was is as it was."""
    plan, venv = PROJECTS[key], kit.venv(key)
    expected = {
        "python": str(venv / "bin" / "python"),
        "PROJECT_NAME": plan.title,
        "VIRTUAL_ENV": str(venv),
        "VIRTUAL_ENV_PROMPT": key,
        "PATH": f"{venv / 'bin'}:{outside['PATH']}",
        **{name: value for name, value in plan.environment.items() if name != "RANDOM"},
    }
    assert {name: found.get(name) for name in SET | {"python"}} == {
        name: expected.get(name) for name in SET | {"python"}
    }
    foreign = {name for name in found if name.startswith(("DIRENV_", "_envyard_"))} | SET | OF_SHELLS | {"python"}
    assert {n: v for n, v in found.items() if n not in foreign} == {
        n: v for n, v in outside.items() if n not in foreign
    }
    version = [found["python"], "-c", "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"]
    package, _, wanted = plan.requirements[0].partition("==")
    done = subprocess.run([*version, package], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == wanted


def walk(kit: WorkspaceKit, shell: Shell) -> None:
    """Through the projects and out again."""
    outside = shell.report()
    assert "VIRTUAL_ENV" not in outside
    for key in ("classification", "sources", "client", "client-backend", "client"):
        assert_inside(kit, key, shell.go(kit.project(key)), outside)
    assert_inside(kit, "sources", shell.go(kit.project("sources") / "tests"), outside)
    assert without_shell(shell.go(Path("/"))) == without_shell(outside)
    assert not list(kit.root.rglob("pwned"))


# --- direnv


@pytest.mark.parametrize("name", SHELLS)
def test_direnv_follows_the_person_through_the_projects(kit: WorkspaceKit, shells: MakeShell, name: str) -> None:
    need("direnv")
    shell = shells(name, f"direnv hook {name}")
    outside = shell.report()
    kit.run("direnv.setup", check=True)
    blocked = shell.go(kit.project("sources"))
    assert blocked["python"] == outside["python"]
    assert "is blocked" in shell.screen
    shell.go(Path("/"))
    kit.run("direnv.setup", "--allow", check=True)
    walk(kit, shell)


def test_set_up_writes_the_files_where_direnv_is_installed(kit: WorkspaceKit) -> None:
    need("direnv")
    done = kit.run("envs.setup-all", "--json", check=True)
    assert {one["action"] for one in json.loads(done.stdout)["direnv"]["outcomes"]} == {"written"}
    again = kit.run("envs.setup-all", check=True)
    assert again.stderr == ""


def test_set_up_without_direnv_writes_no_file_unless_it_is_asked_to(kit: WorkspaceKit, tmp_path: Path) -> None:
    nowhere = {"PATH": str(tmp_path)}
    kit.run("envs.setup-all", env=nowhere, check=True)
    assert not (kit.project("sources") / ".envrc").exists()
    kit.run("envs.setup-all", "--direnv", env=nowhere, check=True)
    assert (kit.project("sources") / ".envrc").exists()


def test_direnv_and_no_direnv_exclude_each_other(kit: WorkspaceKit) -> None:
    done = kit.run("envs.setup-all", "--direnv", "--no-direnv")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def loaded(kit: WorkspaceKit, key: str) -> dict[str, str]:
    """What direnv sets in the folder of a project; nothing when it is blocked."""
    folder = kit.project(key)
    done = subprocess.run(["direnv", "export", "json"], cwd=folder, env=kit.env, capture_output=True, text=True)
    found: dict[str, str] = json.loads(done.stdout or "{}")
    return found if done.returncode == 0 else {}


def statuses(kit: WorkspaceKit) -> dict[str, tuple[str, str | None]]:
    rows = json.loads(kit.run("direnv.status", "--json", check=True).stdout)["projects"]
    return {row["key"]: (row["state"], row["permission"]) for row in rows}


def test_a_file_of_the_person_and_variables_of_theirs_are_loaded(kit: WorkspaceKit) -> None:
    need("direnv")
    kit.run("direnv.setup", "sources", "--allow", check=True)
    (kit.project("sources") / ".env").write_text("MODE=mine\nTOKEN=abc\n", encoding="utf-8")
    (kit.project("sources") / ".envrc.local").write_text('export LOCAL="$TOKEN-$MODE"\n', encoding="utf-8")
    found = loaded(kit, "sources")
    assert {name: found[name] for name in ("MODE", "TOKEN", "LOCAL")} == {
        "MODE": "mine",
        "TOKEN": "abc",
        "LOCAL": "abc-mine",
    }


def test_only_what_envyard_wrote_is_allowed_and_only_while_it_is_unchanged(kit: WorkspaceKit) -> None:
    need("direnv")
    (kit.project("client") / ".envrc").write_text("export FOREIGN=1\n", encoding="utf-8")
    kit.run("direnv.setup", "sources", check=True)
    with (kit.project("sources") / ".envrc").open("a", encoding="utf-8") as file:
        file.write("export MINE=1\n")
    done = kit.run("direnv.setup", "--allow", check=True)
    assert "to add to projects/Client/.envrc:" in done.stdout
    assert "export FOREIGN=1" in (kit.project("client") / ".envrc").read_text("utf-8")
    assert statuses(kit) == {
        "classification": ("current", "allowed"),
        "sources": ("edited", "blocked"),
        "client": ("foreign", "blocked"),
        "client-backend": ("current", "allowed"),
    }
    assert loaded(kit, "sources") == loaded(kit, "client") == {}
    (kit.project("classification") / ".envrc").write_text("export MINE=1\n", encoding="utf-8")
    assert loaded(kit, "classification") == {}


def test_the_lines_that_are_shown_are_those_to_add(kit: WorkspaceKit) -> None:
    """Also by the `envyard` command, which calls itself `envyard` in messages, where the lines say `invoke`."""
    file = kit.project("client") / ".envrc"
    file.write_text("use nix\n", encoding="utf-8")
    (kit.root / "tasks.py").touch()
    try:
        said = kit.run("direnv.setup", "client", check=True).stdout
        lines = [line.removeprefix("    ") for line in said.splitlines() if line.startswith("    ")]
        assert "    log_status 'no environment here yet, type: invoke envs.setup client'" in lines
        file.write_text("\n".join(["use nix", *lines, ""]), encoding="utf-8")
        assert statuses(kit)["client"][0] == "added by hand"
    finally:
        (kit.root / "tasks.py").unlink()


def test_a_project_without_a_file_is_missing_also_inside_one_that_has_it(kit: WorkspaceKit) -> None:
    need("direnv")
    kit.run("direnv.setup", "client", "--allow", check=True)
    assert statuses(kit)["client-backend"] == ("missing", None)
    kit.run("direnv.setup", "client-backend", "--allow", check=True)
    subprocess.run(["direnv", "deny"], cwd=kit.project("client-backend"), env=kit.env, check=True, capture_output=True)
    assert statuses(kit)["client-backend"][1] in ("blocked", "denied")
    text = kit.run("direnv.status", check=True).stdout
    assert "installed:  direnv " in text
    assert "`envyard direnv.setup client-backend --allow`" in text


# --- the hook of envyard


@pytest.mark.parametrize("name", SHELLS)
def test_the_hook_follows_the_person_through_the_projects(kit: WorkspaceKit, shells: MakeShell, name: str) -> None:
    walk(kit, shells(name, envyard_hook(name)))


@pytest.mark.parametrize("name", SHELLS)
def test_the_hook_restores_what_was_set_and_keeps_what_the_person_changed(
    kit: WorkspaceKit, shells: MakeShell, name: str
) -> None:
    shell = shells(name, envyard_hook(name), PROJECT_NAME="mine", MODE="theirs")
    shell.type("set -gx PYTHONHOME /somewhere" if name == "fish" else "export PYTHONHOME=/somewhere")
    outside = shell.report()
    inside = shell.go(kit.project("classification"))
    assert (inside["PROJECT_NAME"], inside["MODE"], "PYTHONHOME" in inside) == ("Classification", "train", False)
    shell.type("set -gx MODE changed; set -gx PATH /mine $PATH" if name == "fish" else "MODE=changed; PATH=/mine:$PATH")
    left = shell.go(Path("/"))
    assert (left["PROJECT_NAME"], left["PYTHONHOME"], left["MODE"]) == ("mine", "/somewhere", "changed")
    assert left["PATH"] == f"/mine:{outside['PATH']}"


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_that_starts_inside_a_project_can_leave_it_too(kit: WorkspaceKit, shells: MakeShell, name: str) -> None:
    shell = shells(name, envyard_hook(name))
    outside = shell.report()
    shell.go(kit.project("sources"))
    shell.type(name)
    assert_inside(kit, "sources", shell.report(), outside)
    assert without_shell(shell.go(Path("/"))) == without_shell(outside)


def test_the_hook_ignores_an_environment_that_nobody_set_up(
    kit: WorkspaceKit, shells: MakeShell, tmp_path: Path
) -> None:
    (tmp_path / "clone" / "venv").mkdir(parents=True)
    (tmp_path / "clone" / "venv" / "bin").symlink_to(kit.venv("sources") / "bin")
    (tmp_path / "clone" / "workspace.toml").touch()
    shell = shells("bash", envyard_hook("bash"))
    outside = shell.report()
    assert without_shell(shell.go(tmp_path / "clone")) == without_shell(outside)


def test_the_hook_leaves_everything_to_direnv_where_both_are_there(kit: WorkspaceKit, shells: MakeShell) -> None:
    need("direnv")
    kit.run("direnv.setup", "sources", "--allow", check=True)
    shell = shells("bash", f"direnv hook bash; {envyard_hook('bash')}")
    outside = shell.report()
    found = shell.go(kit.project("sources"))
    assert_inside(kit, "sources", found, outside)
    assert [name for name in found if name.startswith("_envyard_")] == []
    assert without_shell(shell.go(kit.project("client"))) == without_shell(outside)
    assert without_shell(shell.go(Path("/"))) == without_shell(outside)


def test_the_hook_notices_an_environment_that_comes_and_goes(kit: WorkspaceKit, shells: MakeShell) -> None:
    shell = shells("bash", envyard_hook("bash"))
    outside = shell.report()
    aside = kit.venv("client").with_name("aside")
    kit.venv("client").rename(aside)
    try:
        assert shell.go(kit.project("client"))["python"] == outside["python"]
        assert "no environment here, type: envyard envs.setup client" in shell.screen
    finally:
        aside.rename(kit.venv("client"))
    shell.type("")
    assert_inside(kit, "client", shell.report(), outside)


def test_an_unknown_shell_is_a_usage_error(kit: WorkspaceKit) -> None:
    done = kit.run("shell.hook", "tcsh")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the shells are bash, zsh, fish and pwsh" in done.stderr


# --- scripts/activate_env


@pytest.mark.parametrize("name", ["bash", "zsh"])
@pytest.mark.parametrize("argument", ["Client/Backend", "projects/Client/Backend", ""])
def test_the_script_activates_one_environment_by_hand(kit: WorkspaceKit, name: str, argument: str) -> None:
    need(name)
    scripts = kit.root / "scripts"
    scripts.mkdir(exist_ok=True)
    shutil.copy(SCRIPTS / "activate_env.sh", scripts)
    folder = kit.root if argument else kit.project("client-backend") / "tests"
    script = f'. "$SCRIPT" {argument}; command -v python; echo "$VIRTUAL_ENV"; deactivate; echo "${{VIRTUAL_ENV-none}}"'
    env = kit.env | {"SCRIPT": str(scripts / "activate_env.sh")}
    done = subprocess.run([name, "-c", script], cwd=folder, env=env, capture_output=True, text=True)
    assert done.stderr == ""
    python, prefix, afterwards = done.stdout.splitlines()
    assert os.path.samefile(Path(python).parent, kit.python("client-backend").parent)
    assert os.path.samefile(prefix, kit.venv("client-backend"))
    assert afterwards == "none"


def test_the_script_says_what_is_missing_and_how_it_is_meant(kit: WorkspaceKit, tmp_path: Path) -> None:
    script = tmp_path / "activate_env.sh"
    shutil.copy(SCRIPTS / "activate_env.sh", script)
    run = subprocess.run([script, "Model"], cwd=tmp_path, env=kit.env, capture_output=True, text=True)
    assert run.returncode == 1
    assert f"run it with a dot: . {script} Model" in run.stderr
    sourced = ["bash", "-c", '. "$1" Model', "bash", str(script)]
    done = subprocess.run(sourced, cwd=tmp_path, env=kit.env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "there is no environment in `Model`" in done.stderr
