"""Small stand-ins of the folders that the documents speak of: the reference workspace, and a monorepo without envyard.

The reference workspace is this repository's own `workspace.toml`, projects, lockfiles and profiles. Only the weight is
gone: every pinned package is a wheel of one module with the same name and version (pytest is the real one), and each
test of a project is an empty one of the same name.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from kit import hardware_profiles
from kit.gpus import install_nvidia_smi
from kit.index import LocalIndex
from kit.wheels import backend_files, make_wheel, repack_wheel, seed_wheels
from kit.workspaces import SOURCE, THIS_PYTHON

ROOT = SOURCE.parent
_REAL = ("iniconfig", "packaging", "pluggy", "pygments", "pytest")
_TORCH_BUILDS = {"2.0.0": "cu117", "2.1.0": "cu121"}  # what the real ones, of the general index for Linux, say they are
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)
_LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)(.*?)(?: \\)?\n((?:    --hash=.*\n)+)", re.MULTILINE)
AUTHOR = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "you"), ("EMAIL", "you@example.org"))
}

MONOREPO = {
    "services/Client/requirements.txt": "python-dotenv\npytest\n",
    "services/Client/tests/test_client.py": "def test_client():\n    pass\n",
    "services/Client/Backend/requirements.txt": "fastapi\npytest\n",
    "ml/Classification/requirements.txt": "torch==2.0.0\ntransformers==4.30.0\npytest\n",
    "ml/Classification/_meta/tests/test_classifier.py": "def test_classifier():\n    pass\n",
    **{f"libs/sourced/{name}": text for name, text in backend_files("sourced", "1.0", requires_python=">=3.9").items()},
    "libs/sourced/src/sourced/__init__.py": "",
    "libs/sourced/test_sourced.py": "import sourced\n\n\ndef test_sourced():\n    assert sourced\n",
}
"""Relative path -> content."""


def reference_wheels(folder: Path) -> None:
    """A wheel of every package that the lockfiles and profiles of the reference workspace name."""
    for path in (ROOT / "requirements").glob("*.txt"):
        if path.stem not in ("tools", "dev"):
            for name, version in _PIN.findall(path.read_text(encoding="utf-8")):
                if name not in _REAL:
                    make_wheel(folder, name, version)
    for path in (ROOT / "profiles").glob("*transformers.toml"):
        for name, version in re.findall(r'"([\w.-]+)==([^"]+)"', path.read_text(encoding="utf-8")):
            make_wheel(folder, name, version)
    for (name, version), requires in hardware_profiles.STACK.items():
        make_wheel(folder, name, version, requires=requires)
    for version, build in _TORCH_BUILDS.items():
        make_wheel(folder, "torch", version, files={"torch/__init__.py": f'__version__ = "{version}+{build}"\n'})
    for name in _REAL:
        repack_wheel(folder, name)
    seed_wheels(folder)


def make_reference(root: Path, index: LocalIndex) -> None:
    """The reference workspace at `root`, a git repository whose `origin/main` is what it holds."""
    root.mkdir(parents=True)
    definition = (ROOT / "workspace.toml").read_text(encoding="utf-8")
    (root / "workspace.toml").write_text(definition.replace('"3.11"', f'"{THIS_PYTHON}"'), encoding="utf-8")
    for name in ("noxfile.py", "tasks.py", "README.md", ".gitignore"):
        shutil.copyfile(ROOT / name, root / name)
    (root / "src").symlink_to(SOURCE)
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    _copy_projects(root)
    _copy_lockfiles(root / "requirements", index)
    _copy_profiles(root / "profiles")
    (root / "hardware").mkdir()
    hardware_profiles.write_profile(root / "hardware", hardware_profiles.OLD_TRANSFORMERS)
    for name in ("llama", "older"):
        model = root / "models" / name / "config.json"
        model.parent.mkdir(parents=True)
        model.write_text('{"model_type": "llama"}\n', encoding="utf-8")
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "All of it"]):
        subprocess.run(["git", *words], cwd=root, check=True, env=os.environ | AUTHOR)
    subprocess.run(["git", "update-ref", "refs/remotes/origin/main", "HEAD"], cwd=root, check=True)


def make_monorepo(root: Path, _index: LocalIndex) -> None:
    """A monorepo that has never heard of envyard."""
    for name, text in MONOREPO.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def make_programs(folder: Path) -> None:
    """`envyard`, `invoke`, `nox` and `python` as they are after an installation, and an `nvidia-smi` with a GPU.

    `make-old-environment MODEL` makes the old environment of a model, as an application would have done.
    """
    folder.mkdir(parents=True)
    old = folder / "make-old-environment"
    old.write_text(_OLD.format(python=sys.executable, paths=[str(SOURCE), str(ROOT / "tests")]), encoding="utf-8")
    old.chmod(0o755)
    for name, words in {"envyard": "-m envyard", "invoke": "-m invoke", "nox": "-m nox", "python": ""}.items():
        path = folder / name
        command = f"PYTHONPATH={shlex.quote(str(SOURCE))} exec {shlex.quote(sys.executable)} {words}"
        path.write_text(f'#!/bin/sh\n{command} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    gpu = {"name": "NVIDIA GeForce RTX 3060", "memory.total": "12288", "compute_cap": "8.6"}
    install_nvidia_smi(folder, [gpu], driver="550.54.15", cuda="12.4")


def provide_tools(root: Path, programs: Path) -> None:
    """Make the tool environment that `scripts/bootstrap.py` looks for, unless it is there.

    It borrows what is installed beside these tests; tests/scripts make real ones, which takes much longer.
    """
    code = _TOOLS.format(
        scripts=str(root / "scripts"),
        libraries=[sysconfig.get_path("purelib"), str(SOURCE)],
        programs=[str(programs / name) for name in ("envyard", "invoke", "nox")],
    )
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    done = subprocess.run([base, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


_OLD = """\
#!{python}
import os, pathlib, sys
sys.path[:0] = {paths!r}
from kit.models import old_environment
old_environment(pathlib.Path("environments"), os.path.realpath(sys.argv[1]))
"""

_TOOLS = """\
import os, subprocess, sys, sysconfig
sys.path.append({scripts!r})
import tool_environment as tools
from tool_lock import write_json
if tools.find_tools()[1]:
    folder = os.path.join(tools.GENERATIONS, "00000001")
    os.makedirs(folder)
    subprocess.run([tools.base_interpreter(), "-I", "-m", "venv", "--without-pip", folder], check=True)
    prefixes = {{"base": folder, "platbase": folder, "installed_base": folder, "installed_platbase": folder}}
    site_packages = sysconfig.get_path("purelib", "venv", prefixes)
    with open(os.path.join(site_packages, "borrowed.pth"), "w") as file:
        file.write("\\n".join({libraries!r}) + "\\n")
    for program in {programs!r}:
        os.symlink(program, os.path.join(folder, "bin", os.path.basename(program)))
    commit = tools.Commit(
        fingerprint=tools.fingerprint(tools.read_lockfile(), tools.VERSION, folder), version=tools.VERSION,
        base=tools.base_interpreter(), location=folder, site_packages=site_packages, distributions=[],
    )
    write_json(os.path.join(folder, tools.COMMIT_NAME), commit._asdict())
    write_json(tools.POINTER, {{"generation": os.path.basename(folder)}})
"""


def variables(index: LocalIndex, programs: Path, cache: Path) -> dict[str, str]:
    """The variables of a person who installed envyard: `PATH` begins with `programs`, `cache` is that of uv."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    paths = {"PATH": os.pathsep.join([str(programs), kept["PATH"]]), "UV_CACHE_DIR": str(cache)}
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9"}  # what a document prints must not depend on a network
    return {**kept, **index.environment(), **AUTHOR, **paths, **nowhere}


# --- parts of the reference workspace


def _copy_projects(root: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "projects"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if "/tests/" not in name:
            shutil.copyfile(ROOT / name, target)
        elif target.name.startswith("test_"):
            target.write_text(_empty_tests(ROOT / name), encoding="utf-8")


def _empty_tests(path: Path) -> str:
    names = [
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    return "\n\n".join(f"def {name}():\n    pass\n" for name in names)


def _copy_lockfiles(folder: Path, index: LocalIndex) -> None:
    folder.mkdir()
    hashes = {(one.name, str(one.version)): one.sha256 for one in index.distributions()}
    for path in sorted((ROOT / "requirements").iterdir()):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".txt" and path.stem not in ("tools", "dev"):
            text = _LOCKED.sub(
                lambda pin: f"{pin[1]}=={pin[2]}{pin[3]} \\\n    --hash=sha256:{hashes[pin[1], pin[2]]}\n", text
            )
        (folder / path.name).write_text(text, encoding="utf-8")


def _copy_profiles(folder: Path) -> None:
    """Without the index of PyTorch, and without the code that really computes something."""
    shutil.copytree(ROOT / "profiles", folder)
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        text = re.sub(r'^code = """.*?^"""\n', "", text, flags=re.MULTILINE | re.DOTALL)
        path.write_text(re.sub(r"^torch-backend = .*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
