"""The index that the hooks of shells read, and the hooks' own text."""

from __future__ import annotations

import importlib.resources
import shutil
import subprocess
from pathlib import Path

import pytest

from envyard.errors import UsageError
from envyard.integrations.shells import for_shells, hook_text, index_file, quoted, remember
from envyard.project import Project, Workspace

SHELL_CHECKERS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


def workspace_at(root: Path, *keys: str, **environment: str) -> Workspace:
    root.mkdir(parents=True, exist_ok=True)
    file = root / "workspace.toml"
    file.touch()
    projects = tuple(Project(key=key, title=key.title(), path=root / key, environment=environment) for key in keys)
    return Workspace(
        root=root, file=file, name="w", store=root / ".envs", environments=root / "environments", projects=projects
    )


def index() -> list[str]:
    return index_file().read_text("utf-8").splitlines()


# --- the index


def test_the_index_lists_each_project_with_its_variables(tmp_path: Path) -> None:
    assert remember(workspace_at(tmp_path, "alpha", TEXT="a\\b\nc\td=e"))
    assert index()[1:] == [
        f"project {tmp_path / 'alpha'}",
        f"root {tmp_path}",
        "key alpha",
        "name Alpha",
        "set TEXT=a\\\\b\\nc\\td=e",
    ]


def test_the_index_is_below_the_state_folder_of_the_person(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert index_file() == home / ".local" / "state" / "envyard" / "projects"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert index_file() == home / ".local" / "state" / "envyard" / "projects"


def test_a_workspace_replaces_what_the_index_said_about_it_and_keeps_the_others(tmp_path: Path) -> None:
    remember(workspace_at(tmp_path / "one", "alpha", "beta"))
    remember(workspace_at(tmp_path / "two", "gamma"))
    first = index()[0]
    remember(workspace_at(tmp_path / "one", "alpha"))
    assert [line for line in index() if line.startswith("key")] == ["key gamma", "key alpha"]
    assert index()[0] != first


def test_a_workspace_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    remember(workspace_at(tmp_path / "one", "alpha"))
    shutil.rmtree(tmp_path / "one")
    remember(workspace_at(tmp_path / "two", "gamma"))
    assert [line for line in index() if line.startswith("key")] == ["key gamma"]


def test_an_index_that_says_it_all_is_not_written_again(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path, "alpha")
    remember(workspace)
    before = index_file().stat()
    remember(workspace)
    assert index_file().stat() == before


def test_a_home_that_cannot_be_written_is_no_error(tmp_path: Path, home: Path) -> None:
    (home / ".local").mkdir()
    (home / ".local" / "state").write_text("a file")
    assert not remember(workspace_at(tmp_path / "one", "alpha"))


@pytest.mark.parametrize(
    "name", ["PROMPT_COMMAND", "UID", "path", "direnv", "DIRENV_DIFF", "_envyard_bin", "PS1", "_", "HISTFILE"]
)
def test_variables_of_shells_are_left_out(name: str) -> None:
    assert for_shells({name: "1"}) == {}


@pytest.mark.parametrize(
    "name", ["CUDA_VISIBLE_DEVICES", "http_proxy", "debug", "PATHS", "PYTHONPATH", "HF_HOME", "MY_PATH", "COMPOSE_FILE"]
)
def test_other_variables_stay(name: str) -> None:
    assert for_shells({name: "1"}) == {name: "1"}


# --- the hooks


def test_a_quote_in_a_word() -> None:
    assert quoted("it's") == "'it'\\''s'"


def test_an_unknown_shell_is_a_usage_error_that_names_the_others() -> None:
    with pytest.raises(UsageError, match="no hook for the shell `tcsh`") as caught:
        hook_text("tcsh")
    assert "bash, zsh, fish and pwsh" in caught.value.hint


@pytest.mark.parametrize("shell", SHELL_CHECKERS)
def test_the_shell_can_read_its_hook(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on PATH")
    (tmp_path / "hook").write_text(hook_text(shell), encoding="utf-8")
    done = subprocess.run([*SHELL_CHECKERS[shell], tmp_path / "hook"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["hook.sh", "register.bash"])
def test_the_hook_passes_shellcheck(name: str) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("there is no shellcheck on PATH")
    with importlib.resources.as_file(importlib.resources.files("envyard.integrations") / "hooks" / name) as path:
        done = subprocess.run(["shellcheck", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_powershell_hook_parses() -> None:
    tree_sitter = pytest.importorskip("tree_sitter", reason="the package `tree-sitter` is not installed")
    grammar = pytest.importorskip("tree_sitter_powershell", reason="`tree-sitter-powershell` is not installed")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    root = parser.parse(hook_text("pwsh").encode()).root_node
    assert not root.has_error, str(root)


def test_the_powershell_hook_keeps_to_5_1() -> None:
    text = hook_text("pwsh")
    assert text.isascii()
    for newer in ("&&", "||", "??", "?.", "-Parallel", "clean {", "-AsHashtable"):
        assert newer not in text


@pytest.mark.parametrize("shell", SHELL_CHECKERS)
def test_the_path_of_the_index_is_quoted(shell: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "it's $HOME"))
    expected = "it\\'s $HOME" if shell == "fish" else "it'\\''s $HOME"
    assert expected in hook_text(shell).splitlines()[0]
