"""Which module of PyCharm is which project: those that are there keep their names and places, others get new ones.

Two modules cannot have the same folder as content. So a module that PyCharm or a person made for the folder of a
project, wherever its `.iml` is, is that project's, and what is wanted goes there.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from envyard.integrations import xmltext
from envyard.integrations.editors import file_name, relative
from envyard.project import Workspace

_PROJECT, _MODULE, _FILE = "$PROJECT_DIR$", "$MODULE_DIR$", "file://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """`entry` is its file as `modules.xml` names it."""

    entry: str
    file: Path

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def folder(self) -> Path:
        """What `$MODULE_DIR$` means in it: its folder, and above `.idea` when it is in there."""
        return self.file.parent.parent if self.file.parent.name == ".idea" else self.file.parent

    def url(self, folder: Path) -> str:
        """A folder as the module names it."""
        path = relative(folder, self.folder)
        return f"{_FILE}{_MODULE}" if path == "." else f"{_FILE}{_MODULE}/{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """`of`: env key -> the module of the project; `top` is that of all the rest, None when a project is the workspace.

    `shared`: env key -> the name of a module that has the project's folder besides another: nothing is wanted there.
    """

    file: Path
    of: Mapping[str, Module]
    top: Module | None
    shared: Mapping[str, str]


def find_modules(workspace: Workspace, made: Collection[Path] = ()) -> Modules:
    """The modules in `.idea/modules.xml` and beside it, and new ones for what has none. `made`: the files that envyard
    made."""
    file = workspace.root / ".idea" / "modules.xml"
    by_content: dict[str, Module] = {}
    taken: set[str] = set()
    for module in _present(file, workspace.root):
        if module.file not in made:
            taken.add(module.name.casefold())
        for folder in _contents(module):
            by_content.setdefault(_key(folder), module)

    def new(name: str) -> Module:
        free = next(one for one in _numbered(name) if one.casefold() not in taken)
        taken.add(free.casefold())
        return Module(entry=f"{_PROJECT}/.idea/{free}.iml", file=workspace.root / ".idea" / f"{free}.iml")

    folders = {"": workspace.root} | {project.key: project.path for project in workspace.projects}
    if workspace.root in list(folders.values())[1:]:
        del folders[""]
    found = {key: by_content[_key(folder)] for key, folder in folders.items() if _key(folder) in by_content}
    first = {module.file: key for key, module in reversed(found.items())}
    shared = {key: module.name for key, module in found.items() if first[module.file] != key}
    taken |= {module.name.casefold() for module in found.values()}
    of = {key: found.get(key) or new(key) for key in folders if key and key not in shared}
    top = (found.get("") or new(file_name(workspace.name))) if "" in folders else None
    return Modules(file=file, of=of, top=top, shared=shared)


def _present(file: Path, root: Path) -> Iterator[Module]:
    """Those in the workspace that are listed, then those in `.idea` that are not: many do not commit the list."""
    seen: set[Path] = set()
    for entry in _entries(file):
        path = Path(os.path.normpath(entry.replace(_PROJECT, str(root))))
        if path.suffix == ".iml" and path.is_relative_to(root):
            seen.add(path)
            yield Module(entry=entry, file=path)
    for path in sorted(file.parent.glob("*.iml")):
        if path not in seen:
            yield Module(entry=f"{_PROJECT}/.idea/{path.name}", file=path)


def _entries(file: Path) -> Iterator[str]:
    """None when the file cannot be understood, which is said when it is to be written."""
    try:
        top = xmltext.parse(file.read_bytes().decode())
    except (OSError, UnicodeDecodeError, xmltext.NotXml):
        return
    for component in top.named("component", name="ProjectModuleManager"):
        for modules in component.named("modules"):
            for module in modules.named("module"):
                yield module.attributes.get("filepath", "")


def _contents(module: Module) -> Iterator[Path]:
    try:
        top = xmltext.parse(module.file.read_bytes().decode())
    except (OSError, UnicodeDecodeError, xmltext.NotXml):
        return
    for component in top.named("component", name="NewModuleRootManager"):
        for content in component.named("content"):
            url = content.attributes.get("url", "")
            if url.startswith(_FILE):
                yield Path(url.removeprefix(_FILE).replace(_MODULE, str(module.folder)))


def _key(folder: Path) -> str:
    return os.path.normcase(os.path.normpath(folder))


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1
