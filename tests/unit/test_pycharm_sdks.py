"""PyCharm's table of interpreters: found on every system, not touched while PyCharm runs, edited entry by entry."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.pycharm import SDK_TABLE

from envyard.integrations.pycharm_sdks import (
    Installation,
    Sdk,
    configuration_folder,
    find_installations,
    free_name,
    homes,
    same_home,
    sign_of_life,
    system_folder,
    with_sdk,
    without_sdk,
)
from envyard.integrations.xmltext import NotXml
from envyard.project import Project


@pytest.fixture
def sdk(home: Path) -> Sdk:
    return Sdk(
        name="alpha (mono)", project=Project(key="alpha", title="Alpha", path=home / "mono/alpha"), version="3.11.9"
    )


# --- where they are


@pytest.mark.parametrize(
    ("system", "variables", "configuration", "caches"),
    [
        ("linux", {}, ".config/JetBrains", ".cache/JetBrains"),
        ("linux", {"XDG_CONFIG_HOME": "/c", "XDG_CACHE_HOME": "/k"}, "/c/JetBrains", "/k/JetBrains"),
        ("darwin", {}, "Library/Application Support/JetBrains", "Library/Caches/JetBrains"),
        ("win32", {}, "AppData/Roaming/JetBrains", "AppData/Local/JetBrains"),
        ("win32", {"APPDATA": "/r", "LOCALAPPDATA": "/l"}, "/r/JetBrains", "/l/JetBrains"),
    ],
)
def test_every_system_has_its_own_folders(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    variables: dict[str, str],
    configuration: str,
    caches: str,
) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert configuration_folder(system) == home / configuration
    assert system_folder(system) == home / caches


def test_every_version_that_was_started_is_found_and_nothing_else(home: Path) -> None:
    folder = configuration_folder()
    assert find_installations() == ()
    for name in ("PyCharm2024.10", "PyCharm2024.3", "PyCharmCE2023.2", "PyCharm2024.3-backup", "IntelliJIdea2024.1"):
        (folder / name).mkdir(parents=True)
    (folder / "PyCharm2022.1").write_text("no folder", encoding="utf-8")
    found = find_installations()
    assert [one.name for one in found] == ["PyCharmCE2023.2", "PyCharm2024.3", "PyCharm2024.10"]
    assert found[0].table == folder / "PyCharmCE2023.2/options/jdk.table.xml"


# --- whether it runs


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    one = Installation(name="PyCharm2024.3", configuration=tmp_path / "configuration", system=tmp_path / "system")
    one.configuration.mkdir()
    one.system.mkdir()
    return one


@contextlib.contextmanager
def running(*command: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A process that says when it has begun, and then waits."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="starts a shell script")
def test_a_process_that_holds_the_lock_is_a_running_one_until_it_ends(
    installation: Installation, tmp_path: Path
) -> None:
    program = tmp_path / "pycharm"
    program.write_text("#!/bin/sh\necho ready\nread line\n", encoding="utf-8")
    program.chmod(0o755)
    assert sign_of_life(installation) == ""
    lock = installation.configuration / ".lock"
    with running(program) as ide:
        lock.write_text(str(ide.pid), encoding="utf-8")
        assert sign_of_life(installation) == f"process {ide.pid}, by `{lock}`"
    assert sign_of_life(installation) == ""


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="only there processes tell what they are")
def test_a_lock_of_a_process_that_is_no_editor_is_left_over(installation: Installation) -> None:
    with running("sh", "-c", "echo ready; read line") as other:
        (installation.configuration / ".lock").write_text(str(other.pid), encoding="utf-8")
        assert sign_of_life(installation) == ""


@pytest.mark.parametrize("content", ["---", "", "99999999999999999999"])
def test_a_lock_without_a_process_means_nothing(installation: Installation, content: str) -> None:
    (installation.configuration / ".lock").write_text(content, encoding="utf-8")
    (installation.system / ".port").write_text(content, encoding="utf-8")
    assert sign_of_life(installation) == ""


@pytest.mark.skipif(os.name == "nt", reason="Python has no such sockets there")
@pytest.mark.parametrize("redirected", [False, True], ids=["at the place itself", "at a place that is named there"])
def test_one_that_answers_at_its_socket_is_running(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory, redirected: bool
) -> None:
    short = Path(os.path.relpath(installation.system / ".port"))  # the paths of sockets have at most 107 bytes
    place = tmp_path_factory.mktemp("s") / "p" if redirected else short
    port = installation.system / ".port"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(place))
        server.listen()
        if redirected:
            port.write_text(str(place), encoding="utf-8")
        assert sign_of_life(installation) == f"it listens at `{port}`"
    assert sign_of_life(installation) == ""  # nobody answers at what is left over


def test_an_older_one_that_answers_at_its_port_is_running(installation: Installation) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        (installation.system / "port").write_text(str(server.getsockname()[1]), encoding="utf-8")
        assert sign_of_life(installation).startswith("it listens at")
    assert sign_of_life(installation) == ""


# --- the table


def test_an_sdk_is_added_behind_the_others_which_stay_as_they_are(sdk: Sdk) -> None:
    text = with_sdk(SDK_TABLE, sdk)
    assert text.startswith(SDK_TABLE[: SDK_TABLE.index("  </component>")])
    assert homes(text) == {
        "Python 3.12": "/usr/bin/python3.12",
        "Gone": "$USER_HOME$/x/bin/python",
        "corretto-21": "/usr/lib/jvm/java-21",
        "alpha (mono)": "$USER_HOME$/mono/alpha/venv/bin/python",
    }
    assert '<version value="Python 3.11.9" />' in text
    assert '<additional ASSOCIATED_PROJECT_PATH="$USER_HOME$/mono/alpha">' in text
    assert without_sdk(text, sdk.name) == SDK_TABLE


@pytest.mark.parametrize("text", ["", "<application />", '<application>\n  <component name="X" />\n</application>'])
def test_a_table_that_is_not_there_is_made(sdk: Sdk, text: str) -> None:
    assert list(homes(with_sdk(text, sdk))) == ["alpha (mono)"]


def test_an_sdk_of_the_same_name_is_replaced(sdk: Sdk) -> None:
    moved = Sdk(name="Python 3.12", project=sdk.project)
    text = with_sdk(SDK_TABLE, moved)
    assert homes(text)["Python 3.12"] == moved.home
    assert "5eb19f9d" not in text
    assert "<!-- the one of the system -->" in text


def test_what_is_no_table_is_refused(sdk: Sdk) -> None:
    with pytest.raises(NotXml, match="the top element is `<project>`, not `<application>`"):
        with_sdk("<project />", sdk)


def test_a_name_that_means_another_python_anywhere_gets_a_number(sdk: Sdk) -> None:
    mine, other = {"alpha (mono)": sdk.home}, {"alpha (mono)": "/other/python"}
    assert free_name("alpha (mono)", sdk, [mine, {}]) == "alpha (mono)"
    assert free_name("alpha (mono)", sdk, [mine, other]) == "alpha (mono) (2)"
    assert free_name("alpha (mono)", sdk, [other, {"alpha (mono) (2)": "/y"}]) == "alpha (mono) (3)"


def test_one_python_is_named_in_many_ways(home: Path) -> None:
    assert same_home("$USER_HOME$/a/python", f"{home}/b/../a/python")
    assert not same_home("$USER_HOME$/a/python", "/a/python")
