"""The monorepo of docs/adopting.md: five projects as people have them, two of them with something in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kit.index import LocalIndex
from kit.reference import AUTHOR
from kit.wheels import backend_files, make_wheel

# What setuptools does with a setup.py and nothing else: it runs it.
_SETUPTOOLS = {
    "setuptools/__init__.py": "def setup(**_options):\n    pass\n",
    "setuptools/build_meta.py": (
        "class _Legacy:\n"
        "    def get_requires_for_build_editable(self, _settings=None):\n"
        "        with open('setup.py') as file:\n"
        "            exec(compile(file.read(), 'setup.py', 'exec'))\n"
        "        return []\n\n\n"
        "__legacy__ = _Legacy()\n"
    ),
}
_BY_HAND = ("markdown-it-py==4.3.0", "mdurl==0.1.2", "rich==13.7.0")
_FILES = {
    ".gitignore": "venv/\n__pycache__/\n",
    "ml/classifier/requirements.txt": "numpy==1.26.4\n",
    "ml/classifier/tests/test_classifier.py": "import numpy\n\n\ndef test_numpy():\n    assert numpy\n",
    "ml/ranker/requirements.txt": "numpy==2.0.0\n",
    "ml/ranker/test_ranker.py": "import numpy\n\n\ndef test_numpy():\n    assert numpy\n",
    **{
        f"services/api/{name}": text
        for name, text in backend_files("api", "1.0", requires=["pytest"], requires_python=">=3.10").items()
    },
    "services/api/src/api/__init__.py": "",
    "services/api/tests/test_api.py": "import api\n\n\ndef test_api():\n    assert api\n",
    "services/web/requirements.txt": "attrs\npytest\n",
    "services/web/.envrc": "export FLASK_DEBUG=1\n",
    "services/web/test_web.py": "import attrs\n\n\ndef test_attrs():\n    assert attrs\n",
    "tools/importer/setup.py": "import versioning\nfrom setuptools import setup\n\nsetup(name='importer')\n",
    "tools/importer/test_importer.py": "def test_importer():\n    pass\n",
}


def shop_wheels(folder: Path) -> None:
    """What the projects of the shop need besides the packages of the reference workspace."""
    make_wheel(folder, "setuptools", "999.0", files=_SETUPTOOLS)  # newer than what the lockfiles pin
    make_wheel(folder, "attrs", "26.1.0")
    for pin in _BY_HAND:
        name, _, version = pin.partition("==")
        make_wheel(folder, name, version)


def make_shop(root: Path, index: LocalIndex) -> None:
    """The monorepo at `root`, a git repository; `services/web/venv` holds more than anybody wrote down."""
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    venv = str(root / "services" / "web" / "venv")
    uv = [sys.executable, "-m", "uv"]
    install = [*uv, "pip", "install", "-q", "--python", venv, "pip", *_BY_HAND]
    commands = [
        [*uv, "venv", "-q", "--python", sys.executable, venv],
        [*install, "-r", str(root / "services" / "web" / "requirements.txt")],
        ["git", "init", "-q", "-b", "main"],
        ["git", "add", "-A"],
        ["git", "commit", "-q", "-m", "The shop"],
        ["git", "update-ref", "refs/remotes/origin/main", "HEAD"],
    ]
    env = os.environ | index.environment() | AUTHOR
    for command in commands:
        subprocess.run(command, cwd=root, env=env, check=True)
