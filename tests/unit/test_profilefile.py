"""Files of profiles: what they say, what they extend, and every mistake in them with its line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from envyard.errors import ConfigurationInvalid, ProfileNotFound
from envyard.profile import Probe, Serves
from envyard.profilefile import load_profile, load_profiles

Write = Callable[..., Path]

BASE = """\
[serves]
backend = "transformers"
platforms = ["linux-x86_64", "windows-x86_64"]
[python]
requires = ">=3.10,<3.13"
[packages]
requirements = [
    "torch==2.5.1",
    "Transformers==4.57",
    "numpy<2 ; python_version < '3.12'",
    "numpy<3 ; python_version > '3.11'",
]
[health]
imports = ["torch", "transformers"]
code = "import torch"
[environment]
A = "base"
B = "base"
"""
WHOLE = """\
extends = "_base"
description = "For Ampere"
notes = "None"
tested = true
tested-on = ["RTX 3060, Debian 12"]
[serves]
quantization = "bnb"
accelerator = "cu121"
compute-capabilities = ["8.6", "8.0"]
minimum-driver = "525.60.13"
minimum-driver-windows = "528.33"
platforms = ["linux-x86_64"]
[python]
preferred = "3.11"
[packages]
requirements = ["numpy==1.26.4", "bitsandbytes>=0.44"]
torch-backend = "cu121"
indexes = ["https://wheels.example/whl/cu121"]
[packages.lockfiles]
linux-x86_64 = "requirements/ampere.txt"
[health]
imports = ["bitsandbytes", "torch"]
cuda = true
[environment]
B = "own"
"""
KEY = "torch-cu121-transformers-bnb"
SMALL = '[serves]\nbackend = "vllm"\naccelerator = "cu124"\n[packages]\nrequirements = ["vllm"]\n'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write profiles by name (without `.toml`) and return the root of the workspace."""

    def write(files: dict[str, str] | None = None, /, **more: str) -> Path:
        folder = tmp_path / "profiles"
        folder.mkdir(exist_ok=True)
        for name, text in {**(files or {}), **more}.items():
            (folder / f"{name}.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def mistakes(root: Path) -> list[str]:
    with pytest.raises(ConfigurationInvalid) as caught:
        load_profiles(root)
    assert "docs/profiles.md" in caught.value.hint
    return list(caught.value.details)


# --- what files say


def test_a_file_over_its_base_gives_a_whole_profile(write: Write) -> None:
    root = write({"_base": BASE, KEY: WHOLE})
    (profile,) = load_profiles(root)
    assert profile.key == KEY
    assert profile.title == "Transformers + bitsandbytes (CUDA 12.1)"
    assert profile.file == root / "profiles" / f"{KEY}.toml"
    assert profile.serves == Serves(
        backend="transformers",
        accelerator="cu121",
        quantization="bnb",
        compute_capabilities=((8, 0), (8, 6)),
        minimum_driver="525.60.13",
        minimum_driver_windows="528.33",
        platforms=("linux-x86_64",),
    )
    assert (profile.python, profile.preferred_python) == (">=3.10,<3.13", "3.11")
    assert profile.requirements == ("torch==2.5.1", "Transformers==4.57", "numpy==1.26.4", "bitsandbytes>=0.44")
    assert profile.probe == Probe(imports=("torch", "transformers", "bitsandbytes"), cuda=True, code="import torch")
    assert profile.environment == {"A": "base", "B": "own"}
    assert profile.lockfiles == {"linux-x86_64": root / "requirements" / "ampere.txt"}
    assert profile.indexes == ("https://wheels.example/whl/cu121",)
    assert (profile.tested, profile.tested_on) == (True, ("RTX 3060, Debian 12",))


def test_no_folder_and_an_empty_folder_have_no_profiles(tmp_path: Path) -> None:
    assert load_profiles(tmp_path) == ()
    (tmp_path / "profiles").mkdir()
    assert load_profiles(tmp_path) == ()


def test_what_is_said_of_one_set_of_packages_is_not_inherited(write: Write) -> None:
    text = f'extends = "{KEY}"\n[serves]\nquantization = "none"\n[packages]\nwithout = ["BitsAndBytes"]\n'
    root = write({"_base": BASE, KEY: WHOLE, "torch-cu121-transformers": text})
    profile = load_profile(root, "torch-cu121-transformers")
    assert profile.requirements == ("torch==2.5.1", "Transformers==4.57", "numpy==1.26.4")
    assert profile.serves.quantization == ""
    assert (profile.tested, profile.tested_on, profile.description, profile.notes) == (False, (), "", "")
    assert profile.lockfiles == {}
    assert profile.torch_backend == "cu121"


def test_a_false_of_a_file_goes_before_the_true_of_its_base(write: Write) -> None:
    root = write(_a=SMALL + "[health]\ncuda = true\n", **{"vllm-cu124": 'extends = "_a"\n[health]\ncuda = false\n'})
    assert load_profile(root, "vllm-cu124").probe.cuda is False


def test_profiles_come_by_key(write: Write) -> None:
    cpu = SMALL.replace("cu124", "cpu")
    assert [each.key for each in load_profiles(write({"vllm-cu124": SMALL, "vllm-cpu": cpu}))] == [
        "vllm-cpu",
        "vllm-cu124",
    ]


def test_files_of_others_are_left_alone(write: Write) -> None:
    root = write({"vllm-cu124": SMALL, ".hidden": "no toml", "README": SMALL})
    (root / "profiles" / "README.toml").rename(root / "profiles" / "README.md")
    (root / "profiles" / "vllm-cu124.toml~").write_text("no toml")
    (root / "profiles" / "ada.json").write_text("{}")
    assert [each.key for each in load_profiles(root)] == ["vllm-cu124"]


# --- one profile


def test_one_profile_can_be_had_while_another_has_a_mistake(write: Write) -> None:
    root = write({"vllm-cu124": SMALL, "vllm-cpu": "x = "})
    assert load_profile(root, "vllm-cu124").title == "vLLM (CUDA 12.4)"
    with pytest.raises(ConfigurationInvalid, match="1 mistake"):
        load_profile(root, "vllm-cpu")


@pytest.mark.parametrize("key", ["../vllm-cu124", "_base", "CON", "/etc/passwd", "", "x" * 300, "VLLM-CU124", "a\0b"])
def test_one_profile_is_asked_for_by_its_exact_key(write: Write, key: str) -> None:
    root = write({"vllm-cu124": SMALL, "_base": BASE})
    with pytest.raises(ProfileNotFound, match="no profile"):
        load_profile(root, key)


# --- mistakes


def test_all_mistakes_of_all_files_come_at_once_with_file_line_and_key(write: Write) -> None:
    root = write(
        {
            "_base": BASE.replace("transformers", "transfomers", 1),
            "vllm-cu124": SMALL.replace('"cu124"', '"cu12"') + "requirments = []\n",
            "vllm-cpu": "[serves\n",
            "llamacpp-cpu": SMALL,
        }
    )
    assert mistakes(root) == [
        (
            "profiles/_base.toml:2: serves.backend: `transfomers` is unknown; expected `transformers`, `diffusers`, "
            "`vllm`, `sglang`, `llamacpp`, `onnxruntime` or `mlx`; did you mean `transformers`?"
        ),
        (
            "profiles/llamacpp-cpu.toml:1: serves: the file is called `llamacpp-cpu.toml`, but serves what has another "
            "env key; did you mean `vllm-cu124.toml`?"
        ),
        "profiles/vllm-cpu.toml:1:8: not valid TOML: expected ']' at the end of a table declaration",
        (
            "profiles/vllm-cu124.toml:3: serves.accelerator: `cu12` is not valid; expected `cpu`, `mps`, a CUDA "
            "version such as `cu124` or a ROCm version such as `rocm6.2`"
        ),
        "profiles/vllm-cu124.toml:6: packages.requirments: unknown key; did you mean `requirements`?",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param("", ":1: serves.backend: is missing", id="no backend"),
        pytest.param(SMALL + "[extra]\n", ":6: extra: unknown key", id="unknown table"),
        pytest.param(
            SMALL.replace('["vllm"]', "[]"), ":5: packages.requirements: are missing", id="nothing to install"
        ),
        pytest.param(
            SMALL.replace('vllm"]', '-r x.txt"]'), ":5: packages.requirements[0]: `-r x.txt` is not", id="option"
        ),
        pytest.param(
            SMALL + "[python]\nrequires = 3.10\n", ":7: python.requires: is a number; write it in quotes", id="3.10"
        ),
        pytest.param(
            SMALL.replace("[packages]", "compute-capabilities = [8.9]\n[packages]"),
            ':4: serves.compute-capabilities[0]: is the number 8.9; expected text in quotes; did you mean `"8.9"`?',
            id="capability as a number",
        ),
        pytest.param(
            SMALL.replace("[packages]", 'compute-capabilities = ["sm_89"]\n[packages]'),
            ":4: serves.compute-capabilities[0]: `sm_89` is not valid; expected a compute capability such as `8.6`",
            id="capability by another name",
        ),
        pytest.param(
            SMALL.replace('"cu124"', '"cpu"\nminimum-driver = "525.60.13"'),
            ":4: serves.minimum-driver: has no meaning for `cpu`",
            id="driver without CUDA",
        ),
        pytest.param(
            SMALL.replace('"cu124"', '"cu124"\nplatforms = ["linux-x86_64", "macos-arm64"]'),
            ":4: serves.platforms[1]: `macos-arm64` has no CUDA",
            id="CUDA on a Mac",
        ),
        pytest.param(
            SMALL.replace('"cu124"', '"cu124"\nplatforms = ["linux"]'),
            ":4: serves.platforms[0]: `linux` is unknown",
            id="unknown platform",
        ),
        pytest.param(
            SMALL + 'torch-backend = "cu121"\n', ":6: packages.torch-backend: `cu121` is not the", id="backend"
        ),
        pytest.param(SMALL + 'torch-backend = "auto"\n', ":6: packages.torch-backend: `auto` is not valid", id="auto"),
        pytest.param(SMALL + 'indexes = ["https://me:secret@x/"]\n', ":6: packages.indexes[0]:", id="password"),
        pytest.param(SMALL + 'indexes = ["--index-url x"]\n', ":6: packages.indexes[0]:", id="option as index"),
        pytest.param(SMALL + '[health]\ncode = "import"\n', ":7: health.code: is no Python: line 1", id="code"),
        pytest.param(SMALL + '[health]\nimports = ["os; x"]\n', ":7: health.imports[0]:", id="import"),
        pytest.param(SMALL + '[environment]\n"A B" = ""\n', ':7: environment."A B": `A B` is not valid', id="variable"),
        pytest.param("tested = true\n" + SMALL, ":1: tested: says nothing without `tested-on`", id="tested on what"),
        pytest.param('tested-on = ["A"]\n' + SMALL, ":1: tested-on: means nothing without", id="not tested"),
        pytest.param(
            SMALL + 'without = ["numpy"]\n', ":6: packages.without: means nothing without `extends`", id="base"
        ),
        pytest.param(
            SMALL + '[packages.lockfiles]\nlinux = "a.txt"\nlinux-x86_64 = "../a.txt"\nmacos-arm64 = "/a.txt"\n',
            ":7: packages.lockfiles.linux: `linux` is no platform",
            id="lockfile of no platform",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(write: Write, text: str, mistake: str) -> None:
    found = mistakes(write({"vllm-cu124": text}))
    assert any(line.startswith(f"profiles/vllm-cu124.toml{mistake}") for line in found), found


def test_a_lockfile_stays_inside_the_workspace(write: Write) -> None:
    text = SMALL + '[packages.lockfiles]\nlinux-x86_64 = "../a.txt"\nwindows-x86_64 = "C:/a.txt"\n'
    assert [line.split("; ")[0] for line in mistakes(write({"vllm-cu124": text}))] == [
        "profiles/vllm-cu124.toml:7: packages.lockfiles.linux-x86_64: `../a.txt` leads out of the workspace",
        (
            "profiles/vllm-cu124.toml:8: packages.lockfiles.windows-x86_64: `C:/a.txt` is absolute, which fits only "
            "one machine"
        ),
    ]


# --- extends


@pytest.mark.parametrize(
    ("parent", "mistake"),
    [
        pytest.param("_bas", "there is no `_bas.toml`; did you mean `_base`?", id="typo"),
        pytest.param("zzz", "there is no `zzz.toml`; expected another file", id="nothing like it"),
        pytest.param("../_base", "`../_base` is not valid; expected the name of another file", id="outside"),
        pytest.param("_base.toml", "there is no `_base.toml.toml`; did you mean `_base`?", id="with suffix"),
        pytest.param("vllm-cu124", "goes round in a circle: `vllm-cu124` -> `vllm-cu124`", id="itself"),
        pytest.param("x" * 300, "is not valid; expected the name of another file", id="300 characters"),
        pytest.param("", "is empty; expected the name of another file", id="empty"),
    ],
)
def test_a_base_must_be_a_file_beside(write: Write, parent: str, mistake: str) -> None:
    (found,) = mistakes(write({"_base": BASE, "vllm-cu124": f'extends = "{parent}"\n{SMALL}'}))
    assert found.startswith("profiles/vllm-cu124.toml:1: extends: ")
    assert mistake in found


def test_a_circle_is_named_once_and_whole(write: Write) -> None:
    root = write(_a='extends = "_b"\n', _b='extends = "_c"\n', _c='extends = "_a"\n')
    assert mistakes(root) == ["profiles/_c.toml:1: extends: goes round in a circle: `_a` -> `_b` -> `_c` -> `_a`"]


def test_a_chain_has_an_end(write: Write) -> None:
    files = {f"_{number:02}": f'extends = "_{number + 1:02}"\n' for number in range(40)}
    found = mistakes(write({**files, "_40": SMALL}))
    assert any("of a chain; expected a shorter chain" in line for line in found)


def test_a_long_enough_chain_works(write: Write) -> None:
    files = {f"_{number}": f'extends = "_{number + 1}"\n[environment]\nV{number} = "x"\n' for number in range(5)}
    root = write({**files, "_5": SMALL, "vllm-cu124": 'extends = "_0"\n'})
    assert len(load_profile(root, "vllm-cu124").environment) == 5


def test_a_mistake_in_a_base_is_not_repeated_for_those_that_extend_it(write: Write) -> None:
    root = write({"_base": BASE + "x =", KEY: WHOLE, "vllm-cu124": 'extends = "_base"\n'})
    assert [line.partition(":")[0] for line in mistakes(root)] == ["profiles/_base.toml"]


def test_what_a_base_does_not_ask_for_cannot_be_left_out(write: Write) -> None:
    root = write(_a=SMALL, **{"vllm-cu124": 'extends = "_a"\n[packages]\nwithout = ["numpy"]\n'})
    assert mistakes(root) == ["profiles/vllm-cu124.toml:3: packages.without[0]: `_a` does not ask for `numpy`"]


# --- names of files


@pytest.mark.parametrize(
    "name",
    ["CON", "tools", "VLLM-cu124", "vllm cu124", "vllm-cu124 ", "x" * 200, "\u202egnp", "a\nb", "-rf", "vllm-cpu"],
)
def test_a_file_must_be_called_as_its_env_key(write: Write, name: str) -> None:
    (found,) = mistakes(write({name: SMALL}))
    assert "vllm-cu124.toml" in found or "which Windows does not allow" in found
    assert found.isprintable()
    assert len(found) < 400


def test_two_spellings_of_one_key_are_not_two_profiles(write: Write) -> None:
    root = write({"vllm-cu124": SMALL, "Vllm-cu124": SMALL})
    if len(os.listdir(root / "profiles")) == 1:
        pytest.skip("the file system does not tell them apart")
    assert [line.partition(":")[0] for line in mistakes(root)] == ["profiles/Vllm-cu124.toml"]


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_a_profile_is_not_read_through_a_link_out_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text("password = 'x'\n")
    folder = tmp_path / "workspace" / "profiles"
    folder.mkdir(parents=True)
    (folder / "vllm-cu124.toml").symlink_to(tmp_path / "secret.toml")
    (folder / "vllm-cpu.toml").symlink_to(folder / "nothing")
    found = mistakes(tmp_path / "workspace")
    assert "leads to nothing" in found[0]
    assert "leads out of the workspace through a link" in found[1]


def test_a_pipe_that_is_called_like_a_profile_is_told_and_not_waited_for(write: Write) -> None:
    root = write()
    os.mkfifo(root / "profiles" / "vllm-cu124.toml")
    (found,) = mistakes(root)
    assert found == "profiles/vllm-cu124.toml: cannot be read: is no regular file"


def test_a_folder_that_is_called_like_a_profile_is_told(write: Write) -> None:
    root = write()
    (root / "profiles" / "vllm-cu124.toml").mkdir()
    (found,) = mistakes(root)
    assert "cannot be read" in found


@pytest.mark.parametrize("text", ["\ufeff" + SMALL, SMALL.replace("\n", "\r\n")], ids=["byte order mark", "CRLF"])
def test_files_of_windows_editors_can_be_read(write: Write, text: str) -> None:
    assert load_profile(write({"vllm-cu124": text}), "vllm-cu124").requirements == ("vllm",)


# --- the page


TABLES = ("serves", "python", "packages", "health", "environment")


@pytest.mark.parametrize("table", ["", *TABLES[:-1]])
def test_the_page_describes_exactly_the_keys_that_exist(write: Write, table: str) -> None:
    text = f"[{table}]\nqqqqqq = 1\n" if table else "qqqqqq = 1\n"
    text = SMALL.replace(f"[{table}]\n", text) if f"[{table}]\n" in SMALL else text + SMALL
    (mistake,) = mistakes(write({"vllm-cu124": text}))
    known = set(re.findall(r"`([a-z-]+)`", mistake.partition("expected one of")[2]))

    page = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")
    sections = re.split(r"^`\[(\w+)\]`", page.partition("\n## Every key\n")[2], flags=re.MULTILINE)
    section = dict(zip(["", *sections[1::2]], sections[::2], strict=True))[table]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == known - set(TABLES)
