"""Modules, run configurations and interpreters of PyCharm in real workspaces: written, merged, checked and taken out.

PyCharm itself is not here; what its files should say is read back with another XML parser.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from kit.pycharm import SDK_TABLE
from kit.workspaces import ProjectPlan, WorkspaceKit

MakeWorkspace = Callable[..., WorkspaceKit]

# As PyCharm 2024.3 writes them for a folder that somebody opened, but for the comment.
MINE = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- by hand -->
<module type="PYTHON_MODULE" version="4">
  <component name="NewModuleRootManager">
    <content url="file://$MODULE_DIR$">
      <sourceFolder url="file://$MODULE_DIR$/lib" isTestSource="false" />
      <excludeFolder url="file://$MODULE_DIR$/build" />
    </content>
    <orderEntry type="jdk" jdkName="Python 3.12 (mono)" jdkType="Python SDK" />
    <orderEntry type="sourceFolder" forTests="false" />
  </component>
  <component name="PyDocumentationSettings">
    <option name="format" value="GOOGLE" />
    <option name="myDocStringFormat" value="Google" />
  </component>
</module>"""
MODULES = """\
<?xml version="1.0" encoding="UTF-8"?>
<project version="4">
  <component name="ProjectModuleManager">
    <modules>
      <module fileurl="file://$PROJECT_DIR$/{0}" filepath="$PROJECT_DIR$/{0}" />
    </modules>
  </component>
</project>"""
ATTACHED = """\
<?xml version="1.0" encoding="UTF-8"?>
<module type="PYTHON_MODULE" version="4">
  <component name="NewModuleRootManager">
    <content url="file://$MODULE_DIR$" />
    <orderEntry type="inheritedJdk" />
    <orderEntry type="sourceFolder" forTests="false" />
  </component>
</module>"""


@pytest.fixture
def kit(workspace_kit: MakeWorkspace) -> WorkspaceKit:
    return workspace_kit(
        {
            "alpha": ProjectPlan(
                title="Client/Alpha",
                path="projects/Client/Alpha",
                test_command=["python", "-m", "pytest", "-x", "-k", 'a "b"'],
                environment={"COLOUR": "<red> & blue", "BELL": "\x07"},
                files={"src/alpha/__init__.py": ""},
            ),
            "beta": ProjectPlan(),
        }
    )


def top(path: Path) -> ET.Element:
    return ET.fromstring(path.read_bytes())


def options(path: Path) -> dict[str, str | None]:
    return {one.attrib["name"]: one.get("value") for one in top(path).iter("option")}


def roots(path: Path) -> dict[str, list[tuple[str, str | None]]]:
    """Content -> what is marked in it: (folder, whether it is of tests, or None for excluded)."""
    return {
        content.attrib["url"]: [(one.attrib["url"], one.get("isTestSource")) for one in content]
        for content in top(path).iter("content")
    }


def interpreter(path: Path) -> str | None:
    (entry,) = [one for one in top(path).iter("orderEntry") if one.get("type") in ("jdk", "inheritedJdk")]
    return entry.get("jdkName")


def modules(kit: WorkspaceKit) -> list[str]:
    return [one.attrib["filepath"] for one in top(kit.root / ".idea/modules.xml").iter("module")]


def sdks(table: Path) -> dict[str, str]:
    def value(sdk: ET.Element, tag: str) -> str:
        (found,) = sdk.findall(tag)
        return found.attrib["value"]

    return {value(sdk, "name"): value(sdk, "homePath") for sdk in top(table).iter("jdk")}


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file but those of the store."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".envs" not in path.parts
    }


@pytest.fixture
def configuration(home: Path) -> Path:
    """That of a PyCharm which was started once."""
    folder = home / ".config/JetBrains/PyCharm2024.3"
    (folder / "options").mkdir(parents=True)
    (folder / "options/jdk.table.xml").write_text(SDK_TABLE, encoding="utf-8")
    return folder


# --- what is written


def test_every_project_is_a_module_with_its_own_interpreter_sources_and_tests(kit: WorkspaceKit) -> None:
    kit.run("ide.pycharm", check=True)
    idea = kit.root / ".idea"
    assert modules(kit) == [f"$PROJECT_DIR$/.idea/{name}.iml" for name in ("alpha", "beta", "workspace")]
    alpha = "file://$MODULE_DIR$/projects/Client/Alpha"
    assert roots(idea / "alpha.iml") == {
        alpha: [(f"{alpha}/src", "false"), (f"{alpha}/tests", "true"), (f"{alpha}/venv", None)]
    }
    assert (interpreter(idea / "alpha.iml"), interpreter(idea / "beta.iml")) == (
        "alpha (workspace)",
        "beta (workspace)",
    )
    assert options(idea / "alpha.iml") == {"PROJECT_TEST_RUNNER": "py.test"}
    assert options(idea / "beta.iml") == {}  # unittest, which PyCharm finds out
    assert roots(idea / "workspace.iml") == {"file://$MODULE_DIR$": [("file://$MODULE_DIR$/.envs", None)]}
    assert interpreter(idea / "workspace.iml") is None


def test_the_files_are_written_as_pycharm_writes_them(kit: WorkspaceKit) -> None:
    kit.run("ide.pycharm", check=True)
    text = (kit.root / ".idea/beta.iml").read_bytes().decode()
    beta = "file://$MODULE_DIR$/projects/beta"
    assert text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<module type="PYTHON_MODULE" version="4">\n'
        '  <component name="NewModuleRootManager">\n'
        f'    <content url="{beta}">\n'
        f'      <sourceFolder url="{beta}/tests" isTestSource="true" />\n'
        f'      <excludeFolder url="{beta}/venv" />\n'
        "    </content>\n"
        '    <orderEntry type="jdk" jdkName="beta (workspace)" jdkType="Python SDK" />\n'
        '    <orderEntry type="sourceFolder" forTests="false" />\n'
        "  </component>\n"
        "</module>"
    )


def test_run_configurations_call_nox_and_debug_with_pytest(kit: WorkspaceKit) -> None:
    kit.run("ide.pycharm", check=True)
    folder = kit.root / ".idea/runConfigurations"
    assert sorted(path.name for path in folder.iterdir()) == [
        "envyard_debug_alpha.xml",
        "envyard_test_alpha.xml",
        "envyard_test_beta.xml",
    ]
    assert options(folder / "envyard_test_beta.xml")["SCRIPT_TEXT"] == "nox -s beta"
    (configuration,) = top(folder / "envyard_debug_alpha.xml").findall("configuration")
    assert (configuration.get("name"), configuration.get("factoryName")) == ("debug tests: Client/Alpha", "py.test")
    assert [one.attrib for one in configuration.findall("module")] == [{"name": "alpha"}]
    set_to = options(folder / "envyard_debug_alpha.xml")
    assert set_to["_new_additionalArguments"] == r'"-x -k \"a \\\"b\\\"\""'
    assert set_to["WORKING_DIRECTORY"] == "$PROJECT_DIR$/projects/Client/Alpha"
    assert [one.attrib for one in configuration.iter("env")] == [{"name": "COLOUR", "value": "<red> & blue"}]


def test_the_script_that_brings_nox_is_called_where_there_is_one(kit: WorkspaceKit) -> None:
    (kit.root / "scripts").mkdir()
    (kit.root / "scripts/run_tests.sh").touch()
    kit.run("ide.pycharm", check=True)
    text = options(kit.root / ".idea/runConfigurations/envyard_test_beta.xml")["SCRIPT_TEXT"]
    assert text == (r".\scripts\run_tests.bat -s beta" if os.name == "nt" else "./scripts/run_tests.sh -s beta")


def test_tests_elsewhere_belong_to_the_project_that_runs_them(workspace_kit: MakeWorkspace) -> None:
    pytest_there = ["python", "-m", "pytest", "../../_meta/tests/alpha", "-q"]
    kit = workspace_kit(
        {"alpha": ProjectPlan(test_command=pytest_there), "beta": ProjectPlan(test_command=pytest_there)}
    )
    (kit.root / "_meta/tests/alpha").mkdir(parents=True)
    kit.run("ide.pycharm", check=True)
    there = "file://$MODULE_DIR$/_meta/tests/alpha"
    assert roots(kit.root / ".idea/alpha.iml")[there] == [(there, "true")]
    assert there not in roots(kit.root / ".idea/beta.iml")  # no folder is of two modules


def test_a_project_that_is_the_whole_workspace_is_its_only_module(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"alpha": ProjectPlan(path=".")})
    kit.run("ide.pycharm", check=True)
    assert modules(kit) == ["$PROJECT_DIR$/.idea/alpha.iml"]
    (marked,) = roots(kit.root / ".idea/alpha.iml").values()
    assert [url for url, of_tests in marked if of_tests is None] == [
        "file://$MODULE_DIR$/venv",
        "file://$MODULE_DIR$/.envs",
    ]


# --- what is there


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("listed", [True, False], ids=["listed", "list not committed"])
def test_the_module_of_the_folder_stays_byte_for_byte_until_the_end(kit: WorkspaceKit, end: str, listed: bool) -> None:
    idea = kit.root / ".idea"
    idea.mkdir()
    (idea / "mono.iml").write_bytes(MINE.replace("\n", end).encode())
    if listed:
        (idea / "modules.xml").write_text(MODULES.format(".idea/mono.iml"), encoding="utf-8")
    (idea / "misc.xml").write_text("<project />", encoding="utf-8")
    before = snapshot(kit.root)
    done = kit.run("ide.pycharm", check=True)
    assert "yours stays" not in done.stdout  # that module may have any interpreter
    assert set(modules(kit)) == {f"$PROJECT_DIR$/.idea/{name}.iml" for name in ("alpha", "beta", "mono")}
    added = f'      <excludeFolder url="file://$MODULE_DIR$/.envs" />{end}    </content>'
    assert (idea / "mono.iml").read_bytes().decode() == MINE.replace("\n", end).replace("    </content>", added)
    kit.run("ide.pycharm", "--remove", check=True)
    assert snapshot(kit.root) == before


def test_the_module_that_somebody_attached_for_a_project_is_used_and_its_interpreter_stays(kit: WorkspaceKit) -> None:
    attached = kit.project("beta") / ".idea/beta-old.iml"
    attached.parent.mkdir()
    attached.write_text(ATTACHED, encoding="utf-8")
    (kit.root / ".idea").mkdir()
    name = "projects/beta/.idea/beta-old.iml"
    (kit.root / ".idea/modules.xml").write_text(MODULES.format(name), encoding="utf-8")
    before = snapshot(kit.root)
    done = kit.run("ide.pycharm", check=True)
    assert f"{name}: updated (yours stays: the interpreter)" in done.stdout
    assert f"$PROJECT_DIR$/{name}" in modules(kit)
    assert not (kit.root / ".idea/beta.iml").exists()
    assert roots(attached) == {
        "file://$MODULE_DIR$": [("file://$MODULE_DIR$/tests", "true"), ("file://$MODULE_DIR$/venv", None)]
    }
    kit.run("ide.pycharm", "--check", check=True)
    kit.run("ide.pycharm", "--remove", check=True)
    assert snapshot(kit.root) == before


def test_a_module_of_another_folder_keeps_its_name(workspace_kit: MakeWorkspace) -> None:
    kit = workspace_kit({"alpha": ProjectPlan()}, name="alpha")  # PyCharm calls the module of the folder `alpha` too
    (kit.root / ".idea").mkdir()
    (kit.root / ".idea/alpha.iml").write_text(MINE, encoding="utf-8")
    kit.run("ide.pycharm", check=True)
    assert modules(kit) == ["$PROJECT_DIR$/.idea/alpha-2.iml", "$PROJECT_DIR$/.idea/alpha.iml"]
    assert interpreter(kit.root / ".idea/alpha.iml") == "Python 3.12 (mono)"
    kit.run("ide.pycharm", "--check", check=True)


def test_one_module_with_two_folders_is_left_as_it_is(kit: WorkspaceKit) -> None:
    both = MINE.replace("    </content>\n", '    </content>\n    <content url="file://$MODULE_DIR$/projects/beta" />\n')
    (kit.root / ".idea").mkdir()
    (kit.root / ".idea/mono.iml").write_text(both, encoding="utf-8")
    done = kit.run("ide.pycharm", check=True)
    assert "note: `beta` is part of the module `mono`" in done.stderr
    assert set(modules(kit)) == {"$PROJECT_DIR$/.idea/alpha.iml", "$PROJECT_DIR$/.idea/mono.iml"}


def test_values_of_the_user_stay_and_are_named(kit: WorkspaceKit) -> None:
    kit.run("ide.pycharm", check=True)
    file = kit.root / ".idea/alpha.iml"
    text = file.read_text("utf-8").replace("alpha (workspace)", "Python 3.13").replace("py.test", "Unittests")
    file.write_text(text.replace('src" isTestSource="false"', 'src" isTestSource="true"'), encoding="utf-8")
    done = kit.run("ide.pycharm", check=True)
    src = "sourceFolder file://$MODULE_DIR$/projects/Client/Alpha/src"
    assert f"alpha.iml: as it should be (yours stays: {src}, the interpreter, the test runner)" in done.stdout
    kit.change("alpha", test_command=["python", "-m", "pytest", "-v"])
    kit.run("ide.pycharm", check=True)
    assert interpreter(file) == "Python 3.13"
    set_to = options(kit.root / ".idea/runConfigurations/envyard_debug_alpha.xml")
    assert set_to["_new_additionalArguments"] == '"-v"'


def test_what_pycharm_adds_and_sorts_is_no_difference(kit: WorkspaceKit) -> None:
    kit.run("ide.pycharm", check=True)
    file = kit.root / ".idea/alpha.iml"
    again = top(file)  # without comments, other quotes and order: as another program writes it
    again[:] = sorted(again, key=lambda one: one.attrib["name"], reverse=True)
    ET.SubElement(again, "component", name="PyDocumentationSettings")
    file.write_bytes(ET.tostring(again))
    kit.run("ide.pycharm", "--check", check=True)
    kit.run("ide.pycharm", "--remove", check=True)
    assert [one.attrib for one in top(file)] == [{"name": "PyDocumentationSettings"}]


def test_doing_it_twice_changes_nothing(kit: WorkspaceKit) -> None:
    unwritten = kit.run("ide.pycharm", "--check")
    assert unwritten.returncode == 1
    assert "hint: run `envyard ide.pycharm`" in unwritten.stderr
    assert not (kit.root / ".idea").exists()
    kit.run("ide.pycharm", check=True)
    before = snapshot(kit.root)
    again = kit.run("ide.pycharm", check=True)
    assert {line.split(": ")[1] for line in again.stdout.splitlines()} == {"as it should be"}
    assert snapshot(kit.root) == before
    kit.run("ide.pycharm", "--check", check=True)


def test_a_clone_without_the_record_is_as_it_should_be(kit: WorkspaceKit) -> None:
    kit.run("ide.pycharm", check=True)
    shutil.rmtree(kit.store)
    kit.run("ide.pycharm", "--check", check=True)
    kit.run("ide.pycharm", "--remove", check=True)
    assert modules(kit) != []  # somebody committed them


def test_everything_follows_the_workspace(kit: WorkspaceKit) -> None:
    kit.run("ide.pycharm", check=True)
    kit.remove("beta")
    kit.project("alpha").rename(kit.root / "moved")
    kit.change("alpha", path="moved", title="Alpha")
    assert kit.run("ide.pycharm", "--check").returncode == 1
    kit.run("ide.pycharm", check=True)
    assert modules(kit) == ["$PROJECT_DIR$/.idea/alpha.iml", "$PROJECT_DIR$/.idea/workspace.iml"]
    assert list(roots(kit.root / ".idea/alpha.iml")) == ["file://$MODULE_DIR$/moved"]
    text = "".join(path.read_text("utf-8") for path in (kit.root / ".idea").rglob("*.*ml"))
    assert "beta" not in text
    assert "Client" not in text
    kit.run("ide.pycharm", "--remove", check=True)
    assert not (kit.root / ".idea").exists()


# --- what cannot be understood or written


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<project>\n<component>", "line 2: no element found"),
        (b'<!DOCTYPE project [<!ENTITY a "b">]>\n<project />', "line 1: a document type is not accepted"),
        (b"<module />", "the top element is `<module>`, not `<project>`"),
        (b"\xff\xfe<", "can't decode"),
    ],
    ids=["broken", "with entities", "of another kind", "no UTF-8"],
)
def test_a_file_that_cannot_be_understood_is_left_alone_with_a_suggestion(
    kit: WorkspaceKit, content: bytes, problem: str
) -> None:
    file = kit.root / ".idea/modules.xml"
    file.parent.mkdir()
    file.write_bytes(content)
    done = kit.run("ide.pycharm")
    assert done.returncode == 1
    assert file.read_bytes() == content
    assert "`.idea/modules.xml` cannot be understood: " in done.stderr
    assert problem in done.stderr
    suggestion = done.stderr.partition("hint: it should hold\n")[2]
    assert [one.get("filepath") for one in ET.fromstring(suggestion.encode()).iter("module")] == [
        f"$PROJECT_DIR$/.idea/{name}.iml" for name in ("alpha", "beta", "workspace")
    ]
    assert (kit.root / ".idea/alpha.iml").exists()  # the others are written
    assert kit.run("ide.pycharm", "--check").returncode == 1


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder where nobody can make a file, not even root")
def test_a_file_that_cannot_be_written_is_said_and_the_others_are_written(kit: WorkspaceKit) -> None:
    folder = kit.root / ".idea/runConfigurations"
    (folder / "envyard_test_beta.xml").mkdir(parents=True)
    (folder / "envyard_test_alpha.xml").symlink_to("/proc/nowhere/file")
    done = kit.run("ide.pycharm")
    assert done.returncode == 1
    assert "error: `.idea/runConfigurations/envyard_test_alpha.xml` cannot be written: " in done.stderr
    assert "error: `.idea/runConfigurations/envyard_test_beta.xml` cannot be understood: " in done.stderr
    (folder / "envyard_test_alpha.xml").unlink()
    (folder / "envyard_test_beta.xml").rmdir()
    again = kit.run("ide.pycharm", check=True)
    assert [line for line in again.stdout.splitlines() if line.endswith(": written")] == [
        f".idea/runConfigurations/envyard_test_{name}.xml: written" for name in ("alpha", "beta")
    ]


# --- the table of interpreters


def test_the_sdks_name_the_pythons_of_the_environments(kit: WorkspaceKit, configuration: Path) -> None:
    kit.run("envs.setup", "beta", check=True)
    done = kit.run("ide.pycharm", "--write-sdks", check=True)
    table = configuration / "options/jdk.table.xml"
    assert "note: no environment yet: run `envyard envs.setup alpha`" in done.stderr
    found = sdks(table)
    assert list(found) == ["Python 3.12", "Gone", "corretto-21", "alpha (workspace)", "beta (workspace)"]
    python = Path(found["beta (workspace)"].replace("$USER_HOME$", str(Path.home())))
    assert python.samefile(kit.python("beta"))
    assert python.parent.parent == kit.venv("beta")  # through the link: an update changes nothing here
    asked = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
    assert Path(asked.stdout.strip()).samefile(kit.venv("beta"))
    assert interpreter(kit.root / ".idea/beta.iml") == "beta (workspace)"


def test_the_table_is_copied_before_and_stays_as_it_was_in_the_end(kit: WorkspaceKit, configuration: Path) -> None:
    table = configuration / "options/jdk.table.xml"
    kit.run("ide.pycharm", check=True)
    assert table.read_text("utf-8") == SDK_TABLE  # only when asked
    kit.run("ide.pycharm", "--write-sdks", check=True)
    (backup,) = table.parent.glob("*.bak")
    assert backup.read_text("utf-8") == SDK_TABLE
    text = table.read_text("utf-8")
    assert text.startswith(SDK_TABLE[: SDK_TABLE.index("  </component>")])
    again = kit.run("ide.pycharm", "--write-sdks", check=True)
    assert {line.split(": ")[1] for line in again.stdout.splitlines()} == {"as it should be"}
    assert list(table.parent.glob("*.bak")) == [backup]
    left = kit.run("ide.pycharm", "--remove", check=True)
    assert "`envyard ide.pycharm --remove --write-sdks` takes them out" in left.stderr
    assert table.read_text("utf-8") == text
    kit.run("ide.pycharm", "--remove", "--write-sdks", check=True)
    assert table.read_text("utf-8") == SDK_TABLE


def test_what_pycharm_found_out_about_an_sdk_is_no_difference(kit: WorkspaceKit, configuration: Path) -> None:
    kit.run("ide.pycharm", "--write-sdks", check=True)
    table = configuration / "options/jdk.table.xml"
    known = '<type value="Python SDK" />\n      <version value="Python 3.11.9" />\n      <homePath value="$USER'
    text = table.read_text("utf-8").replace('<type value="Python SDK" />\n      <homePath value="$USER', known)
    uuid = '<additional SDK_UUID="a1b2c3d4-e5f6-7890-abcd-ef1234567890" ASSOCIATED'
    text = text.replace("<additional ASSOCIATED", uuid)
    table.write_text(text, encoding="utf-8")
    kit.run("ide.pycharm", "--write-sdks", "--check", check=True)
    kit.run("ide.pycharm", "--remove", "--write-sdks", check=True)
    assert table.read_text("utf-8") == SDK_TABLE


def test_an_sdk_that_somebody_pointed_elsewhere_is_theirs(kit: WorkspaceKit, configuration: Path) -> None:
    kit.run("ide.pycharm", "--write-sdks", check=True)
    table = configuration / "options/jdk.table.xml"
    text = table.read_text("utf-8").replace(sdks(table)["beta (workspace)"], "/usr/bin/python3")
    table.write_text(text, encoding="utf-8")
    kit.run("ide.pycharm", "--write-sdks", check=True)
    assert sdks(table)["beta (workspace)"] == "/usr/bin/python3"
    assert interpreter(kit.root / ".idea/beta.iml") == "beta (workspace) (2)"
    kit.run("ide.pycharm", "--remove", "--write-sdks", check=True)
    assert list(sdks(table)) == ["Python 3.12", "Gone", "corretto-21", "beta (workspace)"]


def test_an_sdk_that_was_there_before_stays_also_when_it_is_the_same(kit: WorkspaceKit, configuration: Path) -> None:
    kit.run("ide.pycharm", "--write-sdks", check=True)
    table = configuration / "options/jdk.table.xml"
    text = table.read_text("utf-8")
    shutil.rmtree(kit.store)  # so nobody knows any more who wrote it
    done = kit.run("ide.pycharm", "--write-sdks", check=True)
    assert "jdk.table.xml: as it should be" in done.stdout
    kit.run("ide.pycharm", "--remove", "--write-sdks", check=True)
    assert table.read_text("utf-8") == text


def test_every_version_gets_them_and_what_is_gone_goes(kit: WorkspaceKit, configuration: Path) -> None:
    other = configuration.with_name("PyCharmCE2023.2")
    other.mkdir()
    kit.run("ide.pycharm", "--write-sdks", check=True)
    tables = [configuration / "options/jdk.table.xml", other / "options/jdk.table.xml"]
    assert [list(sdks(table))[-2:] for table in tables] == [["alpha (workspace)", "beta (workspace)"]] * 2
    kit.remove("beta")
    kit.run("ide.pycharm", "--write-sdks", check=True)
    assert [list(sdks(table))[-1] for table in tables] == ["alpha (workspace)"] * 2


def test_a_second_clone_gets_names_of_its_own(kit: WorkspaceKit, configuration: Path) -> None:
    kit.run("envs.setup", "beta", check=True)
    kit.run("ide.pycharm", "--write-sdks", check=True)
    table = configuration / "options/jdk.table.xml"
    first = sdks(table)
    clone = kit.root.with_name("clone")
    shutil.copytree(kit.root, clone, symlinks=True)  # with the record of the first one
    kit.run("ide.pycharm", "--write-sdks", cwd=clone, check=True)
    both = sdks(table)
    assert {name: both[name] for name in first} == first | {"alpha (workspace)": both["alpha (workspace)"]}
    assert "/clone/projects/beta/" in both["beta (workspace) (2)"]
    assert interpreter(clone / ".idea/beta.iml") == "beta (workspace) (2)"
    assert interpreter(kit.root / ".idea/beta.iml") == "beta (workspace)"
    kit.run("ide.pycharm", cwd=clone, check=True)  # the name is remembered
    assert interpreter(clone / ".idea/beta.iml") == "beta (workspace) (2)"
    kit.run("ide.pycharm", "--remove", "--write-sdks", cwd=clone, check=True)
    assert sdks(table)["beta (workspace)"] == first["beta (workspace)"]


@pytest.mark.skipif(os.name == "nt", reason="copies the sleep of a POSIX system")
def test_a_running_pycharm_is_not_written_under(kit: WorkspaceKit, configuration: Path, tmp_path: Path) -> None:
    program = tmp_path / "pycharm"
    shutil.copy(shutil.which("sleep") or "", program)
    with subprocess.Popen([program, "60"]) as ide, contextlib.ExitStack() as end:
        end.callback(ide.kill)
        (configuration / ".lock").write_text(str(ide.pid), encoding="utf-8")
        refused = kit.run("ide.pycharm", "--write-sdks")
        assert refused.returncode == 1
        assert f"error: PyCharm2024.3 is running (process {ide.pid}" in refused.stderr
        assert "hint: close it" in refused.stderr
        assert not (kit.root / ".idea").exists()
        assert (configuration / "options/jdk.table.xml").read_text("utf-8") == SDK_TABLE
        assert kit.run("ide.pycharm", "--write-sdks", "--check").returncode == 1  # looking is no harm
        kit.run("ide.pycharm", check=True)
    kit.run("ide.pycharm", "--write-sdks", check=True)


def test_without_a_pycharm_there_is_no_table(kit: WorkspaceKit) -> None:
    done = kit.run("ide.pycharm", "--write-sdks")
    assert done.returncode == 1
    assert "error: no version of PyCharm has its configuration in" in done.stderr
    assert not (kit.root / ".idea").exists()


def test_a_table_that_cannot_be_understood_is_left_alone_with_a_suggestion(
    kit: WorkspaceKit, configuration: Path
) -> None:
    table = configuration / "options/jdk.table.xml"
    table.write_text("<application>", encoding="utf-8")
    done = kit.run("ide.pycharm", "--write-sdks")
    assert done.returncode == 1
    assert table.read_text("utf-8") == "<application>"
    suggestion = ET.fromstring(done.stderr.partition("hint: it should hold\n")[2].partition("\nnote:")[0])
    assert [one.get("value") for one in suggestion.iter("name")] == ["alpha (workspace)", "beta (workspace)"]
    assert (kit.root / ".idea/alpha.iml").exists()


def test_checking_and_removing_at_once_makes_no_sense(kit: WorkspaceKit) -> None:
    assert kit.run("ide.pycharm", "--check", "--remove").returncode == 2
