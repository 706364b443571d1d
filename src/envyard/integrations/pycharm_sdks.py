"""PyCharm's own table of interpreters, `options/jdk.table.xml`: one for each version, in the person's configuration.

PyCharm reads it when it starts and writes it when it likes, so it must not run while somebody else writes. What it
needs of an entry is the name and the executable; it finds the rest out, and then the entry has more than was written.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.environment import python_of
from envyard.integrations import xmltext
from envyard.integrations.xmltext import Element, Node, NotXml
from envyard.process import environment_variable, process_alive
from envyard.project import Project

_VERSION = re.compile(r"PyCharm(?:CE|Edu)?(\d{4})\.(\d+)")
_COMPONENT = "ProjectJdkTable"
_HOME = "$USER_HOME$"
_IDE_WORDS = (b"pycharm", b"jetbrains", b"java")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A version of PyCharm that was started once. `configuration` holds the table, `system` its caches and socket."""

    name: str
    configuration: Path
    system: Path

    @property
    def table(self) -> Path:
        return self.configuration / "options" / "jdk.table.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdk:
    """The interpreter of a project. `version`: of Python, "" while there is no environment."""

    name: str
    project: Project
    version: str = ""

    @property
    def home(self) -> str:
        """The python that PyCharm runs, as the table names it: through the link, so that updates change nothing."""
        return collapsed(python_of(self.project.link))


def configuration_folder(system: str = sys.platform) -> Path:
    """Where the versions of PyCharm since 2020.1 have their configuration on a system, named as `sys.platform` does."""
    return _jetbrains(system, ("APPDATA", "Roaming"), "Application Support", ("XDG_CONFIG_HOME", ".config"))


def system_folder(system: str = sys.platform) -> Path:
    """Where they have their caches."""
    return _jetbrains(system, ("LOCALAPPDATA", "Local"), "Caches", ("XDG_CACHE_HOME", ".cache"))


def _jetbrains(system: str, windows: tuple[str, str], mac: str, xdg: tuple[str, str]) -> Path:
    """The folder of JetBrains; `windows` and `xdg` are a variable and the folder that counts without it."""
    home = os.path.expanduser("~")
    if system == "win32":
        return Path(environment_variable(windows[0]) or os.path.join(home, "AppData", windows[1]), "JetBrains")
    if system == "darwin":
        return Path(home, "Library", mac, "JetBrains")
    return Path(environment_variable(xdg[0]) or os.path.join(home, xdg[1]), "JetBrains")


def find_installations(system: str = sys.platform) -> tuple[Installation, ...]:
    """All that have a configuration folder, oldest first."""
    folder, caches = configuration_folder(system), system_folder(system)
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return ()
    versions = {name: found for name in names if (found := _VERSION.fullmatch(name))}
    ordered = sorted(versions, key=lambda name: (int(versions[name][1]), int(versions[name][2]), name))
    return tuple(Installation(name=name, configuration=folder / name, system=caches / name) for name in ordered)


def sign_of_life(installation: Installation) -> str:
    """How one can tell that this PyCharm runs; "" when it does not.

    A running one has its process id in `.lock` and listens at `.port`; both may be left over from one that was killed.
    """
    lock = installation.configuration / ".lock"
    pid = _process(lock)
    if pid and process_alive(pid) and _may_be_ide(pid):
        return f"process {pid}, by `{lock}`"
    for port in (installation.system / ".port", installation.system / "port"):
        if _listens(port):
            return f"it listens at `{port}`"
    return ""


# --- the table


def homes(text: str) -> dict[str, str]:
    """Name -> executable of every SDK in a table, as it names it. Raises `NotXml`."""
    return {name: _value(node, "homePath") for name, node in _sdks(text)}


def same_home(one: str, other: str) -> bool:
    """Whether two executables of tables are one."""
    return expanded(one) == expanded(other)


def expanded(home: str) -> str:
    """The path of an executable of a table."""
    path = home.replace(_HOME, os.path.expanduser("~")).replace("/", os.sep)
    return os.path.normcase(os.path.normpath(path))


def collapsed(path: Path) -> str:
    """A path as PyCharm writes it."""
    home = Path(os.path.expanduser("~"))
    if path != home and path.is_relative_to(home):
        return f"{_HOME}/{path.relative_to(home).as_posix()}"
    return path.as_posix()


def with_sdk(text: str, sdk: Sdk) -> str:
    """The table with this SDK, in place of one of its name. Raises `NotXml`."""
    text = without_sdk(text, sdk.name)  # with all that PyCharm found out about another python
    table = _table(text)
    if table is None:
        component = Element(tag="component", attributes={"name": _COMPONENT})
        top = Element(tag="application", children=(component,))
        text = xmltext.insert(text, _top(text), component) if text.strip() else xmltext.document(top, declared=False)
        table = _table(text)
        assert table is not None
    return xmltext.insert(text, table, _entry(sdk))


def without_sdk(text: str, name: str) -> str:
    """The table without the SDK of this name. Raises `NotXml`."""
    table, found = _table(text), dict(_sdks(text)).get(name)
    return text if table is None or found is None else xmltext.remove(text, found, table)


def free_name(wanted: str, sdk: Sdk, tables: Sequence[Mapping[str, str]]) -> str:
    """`wanted`, or `wanted (2)` and so on, as PyCharm does it: the first that means this executable or nothing in all
    tables (name -> executable)."""
    number = 1
    name = wanted
    while any(name in table and not same_home(table[name], sdk.home) for table in tables):
        number += 1
        name = f"{wanted} ({number})"
    return name


def _entry(sdk: Sdk) -> Element:
    def valued(tag: str, value: str) -> Element:
        return Element(tag=tag, attributes={"value": value})

    def roots(tag: str) -> Element:
        return Element(tag=tag, children=(Element(tag="root", attributes={"type": "composite"}),))

    flavor = {"FLAVOR_ID": "VirtualEnvSdkFlavor", "FLAVOR_DATA": "{}"}
    settings = [Element(tag="setting", attributes={"name": name, "value": value}) for name, value in flavor.items()]
    return Element(
        tag="jdk",
        attributes={"version": "2"},
        children=(
            valued("name", sdk.name),
            valued("type", "Python SDK"),
            *([valued("version", f"Python {sdk.version}")] if sdk.version else []),
            valued("homePath", sdk.home),
            Element(tag="roots", children=(roots("classPath"), roots("sourcePath"))),
            Element(
                tag="additional",
                attributes={"ASSOCIATED_PROJECT_PATH": collapsed(sdk.project.path)},
                children=tuple(settings),
            ),
        ),
    )


def _sdks(text: str) -> Iterator[tuple[str, Node]]:
    table = _table(text)
    for node in table.named("jdk") if table is not None else ():
        yield _value(node, "name"), node


def _table(text: str) -> Node | None:
    return next(_top(text).named("component", name=_COMPONENT), None) if text.strip() else None


def _top(text: str) -> Node:
    top = xmltext.parse(text)
    if top.tag != "application":
        raise NotXml(f"the top element is `<{top.tag}>`, not `<application>`")
    return top


def _value(node: Node, tag: str) -> str:
    return next((child.attributes.get("value", "") for child in node.named(tag)), "")


# --- running


def _process(file: Path) -> int:
    """The process id in a file; 0 when there is none."""
    try:
        number = int(file.read_bytes()[:20])
    except (OSError, ValueError):
        return 0
    return number if number < 2**31 else 0


def _may_be_ide(pid: int) -> bool:
    """False when the id went to another program since, as far as this system tells."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().lower()
    except OSError:
        return True
    return not command or any(word in command for word in _IDE_WORDS)


def _listens(port: Path) -> bool:
    """Whether somebody answers at a socket, or at the port or socket that is named in a file."""
    try:
        is_socket = stat.S_ISSOCK(os.stat(port).st_mode)
        text = "" if is_socket else port.read_bytes()[:200].decode("utf-8", "replace").strip()
    except OSError:
        return False
    if text.isdecimal():
        return _answers(socket.AF_INET, ("127.0.0.1", int(text)))
    if sys.platform != "win32" and (is_socket or os.path.isabs(text)):
        return _answers(socket.AF_UNIX, text or str(port))
    return False


def _answers(family: int, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(address)
        except TimeoutError:
            return True  # there is one, and it is busy
        except (OSError, OverflowError):
            return False
    return True
