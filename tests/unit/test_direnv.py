"""The `.envrc` of a project: its text as bash reads it, whose file it is, and what is done to it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from envyard.commands.direnv import EnvrcAction, EnvrcOutcome, direnv_status, setup_direnv
from envyard.errors import EnvyardError
from envyard.integrations.direnv import (
    ENVRC,
    Direnv,
    State,
    allow,
    envrc_lines,
    envrc_text,
    find_direnv,
    find_hook,
    read_state,
)
from envyard.project import Project, Workspace
from envyard.workspace import load_workspace

ROOT = Path(__file__).resolve().parents[2]

VALUES = {
    "plain": "0",
    "empty": "",
    "quotes": """it's "quoted" '''""",
    "dollar": "$HOME ${HOME} $(touch pwned) `touch pwned`",
    "backslashes": "\\ \\n \\' C:\\new\\",
    "line breaks": "one\ntwo\n\n",
    "white space": "  a\tb  ",
    "not ASCII": "größe 名前 🙂",
    "history and globs": "!! * ? ~ # ; & | > <",
    "an end of the script": "'; touch pwned; '",
}
RUN_BY_SHELLS = (
    "BASH_ENV",
    "ENV",
    "PROMPT_COMMAND",
    "PS1",
    "PS4",
    "RANDOM",
    "SECONDS",
    "UID",
    "SHELLOPTS",
    "IFS",
    "PATH",
)

# What direnv defines for an `.envrc`, as far as it changes nothing here.
STANDARD_LIBRARY = 'watch_file() { :; }; log_status() { echo "$*" >&2; }; PATH_add() { PATH=$PWD/$1:$PATH; }\n'


def project_of(folder: Path, environment: Mapping[str, str] | None = None) -> tuple[Workspace, Project]:
    path = folder / "projects" / "Model"
    path.mkdir(parents=True, exist_ok=True)
    project = Project(key="model", title="Model", path=path, environment=environment or {})
    file = folder / "workspace.toml"
    workspace = Workspace(
        root=folder,
        file=file,
        name="w",
        store=folder / ".envs",
        environments=folder / "environments",
        projects=(project,),
    )
    return workspace, project


def read_by_bash(workspace: Workspace, project: Project) -> tuple[dict[str, str], str]:
    """The variables after the `.envrc`, and what it said."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash on PATH")
    script = f"set -eu\n{STANDARD_LIBRARY}{envrc_text(workspace, project)}\nenv -0"
    done = subprocess.run([bash, "-c", script], cwd=project.path, capture_output=True, check=True)
    entries = done.stdout.decode().split("\0")[:-1]
    return dict(entry.split("=", 1) for entry in entries), done.stderr.decode()


def one(workspace: Workspace, **options: bool) -> EnvrcOutcome:
    (outcome,) = setup_direnv(workspace, workspace.projects, **options).outcomes
    return outcome


# --- the text


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_variable_gets_exactly_its_value_and_nothing_of_it_runs(tmp_path: Path, value: str) -> None:
    workspace, project = project_of(tmp_path, {"VALUE": value})
    variables, _ = read_by_bash(workspace, project)
    assert variables["VALUE"] == value
    assert sorted(os.listdir(project.path)) == []


def test_the_title_of_a_project_is_its_name_and_nothing_of_it_runs(tmp_path: Path) -> None:
    workspace, project = project_of(tmp_path)
    named = Project(key="model", title="a 'b' $(touch pwned)", path=project.path)
    variables, _ = read_by_bash(workspace, named)
    assert variables["PROJECT_NAME"] == "a 'b' $(touch pwned)"
    assert os.listdir(project.path) == []


@pytest.mark.parametrize("name", RUN_BY_SHELLS)
def test_variables_of_shells_themselves_are_left_out_and_told(tmp_path: Path, name: str) -> None:
    workspace, project = project_of(tmp_path, {name: "a[$(touch pwned)]", "OTHER": "1"})
    assert name not in "".join(line for line in envrc_lines(workspace, project) if line.startswith("export"))
    assert one(workspace, dry_run=True).skipped == (name,)
    assert read_by_bash(workspace, project)[0]["OTHER"] == "1"


@pytest.mark.parametrize(
    ("python", "scripts"), [("venv/bin/python", "venv/bin"), ("venv/Scripts/python.exe", "venv/Scripts")]
)
def test_the_environment_is_activated_in_the_layout_of_either_system(tmp_path: Path, python: str, scripts: str) -> None:
    workspace, project = project_of(tmp_path)
    program = project.path / python
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    variables, said = read_by_bash(workspace, project)
    assert variables["PATH"].startswith(f"{project.path / scripts}:")
    assert variables["VIRTUAL_ENV"] == str(project.link)
    assert variables["VIRTUAL_ENV_PROMPT"] == "model"
    assert said == ""


@pytest.mark.parametrize("runner", ["invoke", "envyard"])
def test_without_an_environment_the_command_to_type_is_told(tmp_path: Path, runner: str) -> None:
    workspace, project = project_of(tmp_path)
    if runner == "invoke":
        (tmp_path / "tasks.py").touch()
    variables, said = read_by_bash(workspace, project)
    assert f"type: {runner} envs.setup model\n" in said
    assert "VIRTUAL_ENV" not in variables


def test_the_text_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    assert str(tmp_path) not in envrc_text(*project_of(tmp_path))


# --- whose it is


def test_a_second_time_nothing_is_written(tmp_path: Path) -> None:
    workspace, project = project_of(tmp_path)
    assert read_state(workspace, project) == State.MISSING
    assert one(workspace).action == EnvrcAction.WRITTEN
    assert read_state(workspace, project) == State.CURRENT
    before = (project.path / ENVRC).stat()
    assert one(workspace).action == EnvrcAction.KEPT
    assert (project.path / ENVRC).stat() == before


def test_a_change_of_the_workspace_makes_it_stale_and_it_is_written_anew(tmp_path: Path) -> None:
    one(project_of(tmp_path)[0])
    workspace, project = project_of(tmp_path, {"NEW": "1"})
    assert read_state(workspace, project) == State.STALE
    assert one(workspace).action == EnvrcAction.UPDATED
    assert "export NEW='1'" in (project.path / ENVRC).read_text("utf-8")


def test_one_that_came_with_windows_line_ends_is_written_anew(tmp_path: Path) -> None:
    workspace, project = project_of(tmp_path)
    text = envrc_text(workspace, project)
    (project.path / ENVRC).write_bytes(text.replace("\n", "\r\n").encode())
    assert one(workspace).action == EnvrcAction.UPDATED
    assert (project.path / ENVRC).read_bytes() == text.encode()


@pytest.mark.parametrize("text", ["use nix\n", "", "\x00\xff", "# Made by envyard for the project\n"])
def test_a_foreign_file_stays_and_the_lines_to_add_are_shown(tmp_path: Path, text: str) -> None:
    workspace, project = project_of(tmp_path)
    (project.path / ENVRC).write_bytes(text.encode("latin-1"))
    outcome = one(workspace)
    assert (outcome.state, outcome.action) == (State.FOREIGN, EnvrcAction.LEFT)
    assert outcome.lines == envrc_lines(workspace, project)
    assert (project.path / ENVRC).read_bytes() == text.encode("latin-1")


def test_a_foreign_file_with_the_lines_added_is_recognised(tmp_path: Path) -> None:
    workspace, project = project_of(tmp_path)
    added = "\n".join(["use nix", *envrc_lines(workspace, project), "export MINE=1", ""])
    (project.path / ENVRC).write_text(added, encoding="utf-8")
    outcome = one(workspace)
    assert (outcome.state, outcome.action, outcome.lines) == (State.ADDED, EnvrcAction.LEFT, ())


def test_one_that_was_edited_stays(tmp_path: Path) -> None:
    workspace, project = project_of(tmp_path)
    one(workspace)
    with (project.path / ENVRC).open("a", encoding="utf-8") as file:
        file.write("export MINE=1\n")
    outcome = one(workspace)
    assert (outcome.state, outcome.action) == (State.EDITED, EnvrcAction.LEFT)
    assert (project.path / ENVRC).read_text("utf-8").endswith("export MINE=1\n")


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    workspace, project = project_of(tmp_path)
    (tmp_path / "elsewhere").write_text(envrc_text(workspace, project), encoding="utf-8")
    (project.path / ENVRC).symlink_to(tmp_path / "elsewhere")
    assert one(workspace).action == EnvrcAction.LEFT


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    workspace, project = project_of(tmp_path)
    assert one(workspace, dry_run=True).action == EnvrcAction.WRITTEN
    assert os.listdir(project.path) == []


def test_one_folder_that_cannot_be_written_stops_no_other(tmp_path: Path) -> None:
    workspace, project = project_of(tmp_path)
    gone = Project(key="gone", title="Gone", path=tmp_path / "gone")
    result = setup_direnv(workspace, [gone, project])
    assert [outcome.action for outcome in result.outcomes] == [EnvrcAction.FAILED, EnvrcAction.WRITTEN]
    assert result.exit_code == 1


# --- direnv


def test_allowing_without_direnv_is_an_error_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    workspace, project = project_of(tmp_path)
    assert find_direnv() is None
    with pytest.raises(EnvyardError, match="there is no direnv") as caught:
        setup_direnv(workspace, [project], allowing=True)
    assert "install direnv" in caught.value.hint
    assert not (project.path / ENVRC).exists()


def test_status_without_direnv_and_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/zsh")
    workspace, _ = project_of(tmp_path)
    status = direnv_status(workspace, workspace.projects)
    assert (status.direnv, status.hook, status.own_hook, status.rows[0].state) == (None, "", "", State.MISSING)


def test_a_file_that_is_not_what_envyard_writes_is_never_allowed(tmp_path: Path) -> None:
    direnv = find_direnv()
    if direnv is None:
        pytest.skip("there is no direnv on PATH")
    workspace, project = project_of(tmp_path)
    (project.path / ENVRC).write_text("touch pwned\n", encoding="utf-8")
    with pytest.raises(EnvyardError, match="changed meanwhile"):
        allow(direnv, project.path / ENVRC, envrc_text(workspace, project))


def test_a_file_that_changes_while_direnv_allows_it_is_denied_again(tmp_path: Path) -> None:
    workspace, project = project_of(tmp_path)
    file = project.path / ENVRC
    file.write_text(envrc_text(workspace, project), encoding="utf-8")
    program = tmp_path / "direnv"  # stands for direnv and for whoever edits the file at that moment
    script = f'#!/bin/sh\necho "$1" >>\'{tmp_path}/calls\'\n[ "$1" = allow ] && echo export X=1 >>"$2"\nexit 0\n'
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(EnvyardError, match="changed meanwhile"):
        allow(Direnv(program=str(program), version="2"), file, envrc_text(workspace, project))
    assert (tmp_path / "calls").read_text("utf-8").split() == ["allow", "deny"]


@pytest.mark.parametrize(
    ("shell", "file", "line", "found"),
    [
        ("bash", ".bashrc", 'eval "$(direnv hook bash)"', True),
        ("bash", ".bashrc", '# eval "$(direnv hook bash)"', False),
        ("bash", ".zshrc", 'eval "$(direnv hook zsh)"', False),
        ("zsh", ".zshrc", "plugins=(git direnv)", True),
        ("fish", ".config/fish/conf.d/direnv.fish", "direnv hook fish | source", True),
    ],
)
def test_the_hook_is_looked_for_in_the_files_of_the_shell(
    home: Path, monkeypatch: pytest.MonkeyPatch, shell: str, file: str, line: str, found: bool
) -> None:
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    (home / file).parent.mkdir(parents=True, exist_ok=True)
    (home / file).write_text(f"{line}\n", encoding="utf-8")
    assert find_hook("direnv") == (str(home / file) if found else "")


# --- this repository


@pytest.mark.parametrize("project", load_workspace(ROOT).projects, ids=lambda project: project.key)
def test_the_files_of_the_reference_workspace_are_what_envyard_writes(project: Project) -> None:
    assert read_state(load_workspace(ROOT), project) == State.CURRENT
