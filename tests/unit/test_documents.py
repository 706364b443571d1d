"""The documents tell the truth: links lead somewhere, commands exist, examples parse. No file names this machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from kit.documents import blocks_of, documents, name_of

from envyard.tasks import namespace
from envyard.workspace import load_workspace

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
OWN_SESSIONS = {"lint", "tests", "types"}

# In pieces, so that this file is not one of those it finds. Examples are from `you`.
REGISTRIES = ["pypi" + ".org", "files.python" + "hosted.org", "registry.npm" + "js", "download.py" + "torch"]
HOMES = [r"/ro" + r"ot/", r"/ho" + r"me/(?!you\b)\w", r"/Us" + r"ers/\w", r"[A-Za-z]:\\+Us" + r"ers\\"]


@cache
def text_files() -> dict[str, str]:
    """Everything that is or may be committed, and is text."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git repository")
    found = {}
    for name in done.stdout.split("\0"):
        path = ROOT / name
        if name and path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\0" not in data:
                found[name] = data.decode("utf-8", "replace")
    return found


@pytest.mark.parametrize("pattern", [*map(re.escape, REGISTRIES), *HOMES])
def test_no_file_names_a_package_registry_or_a_home(pattern: str) -> None:
    found = [
        f"{name}:{number}"
        for name, text in text_files().items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == []


# --- links


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, made as the common hosts make them."""
    headings = re.findall(r"^#+ +(.+?) *$", without_code(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(document: Path) -> str:
    return re.sub(r"^ *```.*?^ *```", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(document)):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (document.parent / target).resolve() if target else document
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert broken == []


# --- commands


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_command_lines_follow_the_rules(document: Path) -> None:
    """Those of `kit.documents`; `tests/integration/test_command_lines.py` runs them."""
    blocks = blocks_of(document)
    assert [block.commands[0].line for block in blocks if block.remarks.not_tested and block.remarks.before] == []


def test_sessions_and_tags_that_are_named_exist() -> None:
    """Also those of command lines that no test can run."""
    projects = load_workspace(ROOT).projects
    sessions = {project.key for project in projects} | OWN_SESSIONS
    tags = {tag for project in projects for tag in project.tags} | {"projects"}
    unknown = []
    for block in (block for document in documents() for block in blocks_of(document)):
        for command in block.commands:
            program, *words = command.bare.partition(" -- ")[0].split()
            known: set[str] | None = None
            for word in words if re.fullmatch(r"nox|\S*run_tests\.\w+", program) else ():
                if word.startswith("-"):
                    known = {"-s": sessions, "-t": tags}.get(word)
                elif known is not None and word not in known:
                    unknown.append(f"{block.document}:{command.line}: {word}")
    assert unknown == []


def test_tasks_that_are_named_exist() -> None:
    tasks = set(namespace.task_names)
    unknown = {
        f"{name}: {task}"
        for name, text in text_files().items()
        if name.endswith((".md", ".py", ".toml", ".in", ".sh", ".bat", ".ps1")) and not name.startswith("tests/")
        for task in re.findall(r"\b(?:invoke|envyard) (envs\.[a-z-]+)", text)
        if task not in tasks
    }
    assert unknown == set()


# --- examples


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_toml_examples_can_be_read(document: Path) -> None:
    for example in re.findall(r"^```toml\n(.*?)^```", document.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        tomllib.loads(example)
