"""`profiles.import` and `profiles.relax` as people type them, with a local index of the packages concerned."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWorkspace
from kit.hardware_profiles import ALL_WRONG, OLD_TRANSFORMERS, SOUND, WRONG_VISION, add_stack, write_profile
from kit.workspaces import WorkspaceKit

from envyard.definition import profile_definition
from envyard.platforms import this_platform
from envyard.profilefile import load_profile
from envyard.requirements import inputs_digest
from envyard.workspace import load_workspace

KEY = "torch-cu121-transformers"


@pytest.fixture
def kit(workspace_kit: MakeWorkspace) -> WorkspaceKit:
    """A workspace without projects, and the packages of hardware profiles on its index."""
    kit = workspace_kit({})
    add_stack(kit.index)
    return kit


def profile_file(kit: WorkspaceKit, key: str = KEY) -> Path:
    return kit.root / "profiles" / f"{key}.toml"


def requirements(file: Path) -> list[str]:
    found: list[str] = tomllib.loads(file.read_text(encoding="utf-8"))["packages"]["requirements"]
    return found


def write_toml(kit: WorkspaceKit, text: str, name: str = KEY) -> Path:
    file = profile_file(kit, name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


# --- import


def test_sound_profile_becomes_one_that_the_loader_accepts(kit: WorkspaceKit, tmp_path: Path) -> None:
    source = write_profile(tmp_path, SOUND)
    done = kit.run("profiles.import", str(source), check=True)
    assert "the requirements resolve" in done.stdout
    profile = load_profile(kit.root, KEY)
    assert profile.title == "Transformers (CUDA 12.1)"
    assert profile.requirements == tuple(f"{name}=={version}" for name, version in SOUND.items())
    assert (profile.python, profile.preferred_python) == (">=3.10,<3.13", "3.11")
    assert profile.serves.compute_capabilities == ((8, 0), (8, 6))
    assert (profile.tested, profile.tested_on) == (True, ("RTX 3090, Ubuntu 22.04",))
    assert profile.notes == "Flash attention is built by hand."
    assert profile.probe.cuda
    assert not kit.index.counts()


def test_contradicting_profile_is_refused_in_words_a_person_understands(kit: WorkspaceKit, tmp_path: Path) -> None:
    source = write_profile(tmp_path, OLD_TRANSFORMERS)
    done = kit.run("profiles.import", str(source))
    assert done.returncode == 1
    lines = source.read_text(encoding="utf-8").splitlines()
    where = 1 + next(number for number, line in enumerate(lines) if '"tokenizers"' in line)
    assert f"ampere.json:{where}: tokenizers==0.15.0" in done.stdout
    assert "because transformers 4.30.0 needs tokenizers >=0.11.1,<0.11.3 or tokenizers >0.11.3,<0.14" in done.stdout
    assert "tokenizers==0.15.0  ->  tokenizers==0.13.*   resolves to 0.13.3" in done.stdout
    assert "`--relax`" in done.stderr
    assert not profile_file(kit).exists()


def test_relaxed_import_says_in_the_file_what_was_changed_and_why(kit: WorkspaceKit, tmp_path: Path) -> None:
    source = write_profile(tmp_path, OLD_TRANSFORMERS)
    kit.run("profiles.import", str(source), "--relax", check=True)
    text = profile_file(kit).read_text(encoding="utf-8")
    reason = "was tokenizers==0.15.0, which contradicts transformers==4.30.0; resolved to 0.13.3"
    assert f'"tokenizers==0.13.*", # {reason}' in text
    profile = load_profile(kit.root, KEY)
    assert not profile.tested
    assert "Before: tested on RTX 3090, Ubuntu 22.04." in profile.notes


def test_json_says_all_of_it(kit: WorkspaceKit, tmp_path: Path) -> None:
    source = write_profile(tmp_path, ALL_WRONG)
    done = kit.run("profiles.import", str(source), "--relax", "--dry-run", "--json", check=True)
    data: dict[str, Any] = json.loads(done.stdout)
    assert data["key"] == f"{KEY}-bnb"
    assert (data["written"], data["refused"], data["resolves"]) == (False, False, False)
    assert [one["package"] for one in data["relaxation"]["changes"]] == ["torchvision", "tokenizers", "pandas"]
    assert len(data["contradictions"]) == 3
    assert data["targets"][0]["python"] == "3.11"
    assert done.stderr == ""
    assert not profile_file(kit, f"{KEY}-bnb").exists()


def test_existing_profile_is_replaced_only_on_demand(kit: WorkspaceKit, tmp_path: Path) -> None:
    source = write_profile(tmp_path, SOUND)
    file = write_toml(kit, "# mine\n")
    done = kit.run("profiles.import", str(source))
    assert done.returncode == 2
    assert "`--overwrite`" in done.stderr
    assert file.read_text(encoding="utf-8") == "# mine\n"
    kit.run("profiles.import", str(source), "--overwrite", check=True)
    assert requirements(file)[0] == "torch==2.1.0"


def test_env_key_can_be_chosen(kit: WorkspaceKit, tmp_path: Path) -> None:
    source = write_profile(tmp_path, SOUND)
    kit.run("profiles.import", str(source), "--key", f"{KEY}-awq", "--no-check", check=True)
    assert load_profile(kit.root, f"{KEY}-awq").serves.quantization == "awq"


@pytest.mark.parametrize("key", ["../x", "torch-cu121"])
def test_what_is_no_env_key_is_refused(kit: WorkspaceKit, tmp_path: Path, key: str) -> None:
    done = kit.run("profiles.import", str(write_profile(tmp_path, SOUND)), "--key", key, "--no-check")
    assert done.returncode in (1, 2)
    assert "is no env key" in done.stderr
    assert not (kit.root / "profiles").exists()


def test_without_an_index_a_profile_is_imported_unchecked_and_that_is_said(kit: WorkspaceKit, tmp_path: Path) -> None:
    kit.index.down()
    done = kit.run("profiles.import", str(write_profile(tmp_path, OLD_TRANSFORMERS)), check=True)
    assert "its requirements were not checked: the package index could not be reached" in done.stdout
    assert requirements(profile_file(kit))[2] == "tokenizers==0.15.0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "takes a JSON file", id="no file"),
        pytest.param(["none.json"], "cannot be read", id="missing file"),
        pytest.param(["workspace.toml"], "is no JSON", id="not JSON"),
        pytest.param(["x.json", "--platform", "amiga"], "is no platform", id="unknown platform"),
        pytest.param(["x.json", "--relax", "--no-check"], "forbids", id="relax without check"),
    ],
)
def test_mistake_of_a_person_is_told_without_a_traceback(kit: WorkspaceKit, arguments: list[str], said: str) -> None:
    done = kit.run("profiles.import", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# --- relax

BASE = """\
[serves]
backend = "transformers"
accelerator = "cu121"

[python]
preferred = "3.11"

[packages]
requirements = ["torch==2.1.0", "torchvision==0.15.0"]
"""
OWN = """\
# by hand, since spring
tested = true
tested-on = ["RTX 3090"]

[serves]  # this one
backend = "transformers"
accelerator = "cu121"

[python]
preferred = "3.11"

[packages]
requirements = [
    # the base
    "torch==2.1.0",  # do not touch
    'torchvision==0.15.0',  # for images
    "numpy==1.24.4"
]

[health]
imports = [ "torch" ]
"""


def test_only_what_must_change_changes_and_comments_stay(kit: WorkspaceKit) -> None:
    file = write_toml(kit, OWN)
    done = kit.run("profiles.relax", KEY, check=True)
    assert f"profiles/{KEY}.toml changed" in done.stdout.replace("\\", "/")
    before, after = OWN.splitlines(), file.read_text(encoding="utf-8").splitlines()
    reason = "(was torchvision==0.15.0, which contradicts torch==2.1.0; resolved to 0.16.0)"
    assert [line for line in after if line not in before] == [
        f"    'torchvision==0.16.*',  # for images {reason}",
        "# Tested before its requirements were loosened, on: RTX 3090",
    ]
    assert [line for line in before if line not in after] == [
        "tested = true",
        'tested-on = ["RTX 3090"]',
        "    'torchvision==0.15.0',  # for images",
    ]
    assert requirements(file) == ["torch==2.1.0", "torchvision==0.16.*", "numpy==1.24.4"]
    assert "needs no change" in kit.run("profiles.relax", KEY, check=True).stdout


def test_dry_run_shows_the_change_and_where_the_lines_stand(kit: WorkspaceKit) -> None:
    file = write_toml(kit, OWN)
    done = kit.run("profiles.relax", KEY, "--dry-run", check=True)
    line = 1 + next(number for number, text in enumerate(OWN.splitlines()) if "torchvision" in text)
    assert f"profiles/{KEY}.toml:{line}: torchvision==0.15.0" in done.stdout
    assert "torchvision==0.15.0  ->  torchvision==0.16.*" in done.stdout
    assert file.read_text(encoding="utf-8") == OWN


def test_inherited_requirement_gets_a_line_in_the_file_that_inherits(kit: WorkspaceKit) -> None:
    base = write_toml(kit, BASE, "_base")
    file = write_toml(kit, 'extends = "_base"\n')
    done = kit.run("profiles.relax", KEY, check=True)
    assert "profiles/_base.toml:9: torchvision==0.15.0" in done.stdout
    assert base.read_text(encoding="utf-8") == BASE
    assert requirements(file) == ["torchvision==0.16.*"]
    assert load_profile(kit.root, KEY).requirements == ("torch==2.1.0", "torchvision==0.16.*")


def lockfiles(path: str) -> str:
    return f'\n[packages.lockfiles]\n{this_platform()} = "{path}"\n'


def test_lockfiles_that_a_relaxation_makes_older_are_told_with_the_next_command(kit: WorkspaceKit) -> None:
    other = "torch-cu118-transformers"
    write_toml(kit, OWN + lockfiles("requirements/own.txt"))
    write_toml(kit, f'extends = "{KEY}"\nserves.accelerator = "cu118"\n' + lockfiles("requirements/other.txt"), other)
    (kit.root / "requirements").mkdir(exist_ok=True)
    (kit.root / "requirements" / "own.txt").write_text("torch==2.1.0\n", encoding="utf-8")
    workspace = load_workspace(kit.root)
    inputs = inputs_digest(profile_definition(workspace, load_profile(kit.root, other), this_platform()))
    (kit.root / "requirements" / "other.txt").write_text(f"# envyard inputs: sha256 {inputs}\n", encoding="utf-8")
    assert "older" not in kit.run("profiles.relax", KEY, "--dry-run", check=True).stdout
    told = kit.run("profiles.relax", KEY, check=True).stdout
    for name, key in (("own", KEY), ("other", other)):
        assert f"requirements/{name}.txt is older than `{key}` now; run `envyard profiles.lock {key}`" in told
    assert "its environment" not in told


def test_replaced_profile_says_which_lockfile_it_does_not_name_any_more(kit: WorkspaceKit, tmp_path: Path) -> None:
    write_toml(kit, OWN + lockfiles("requirements/own.txt"))
    source = write_profile(tmp_path, SOUND)
    told = kit.run("profiles.import", str(source), "--overwrite", check=True).stdout
    assert "the profile before named the lockfile requirements/own.txt, and this one names none" in told
    assert f"`envyard profiles.lock {KEY}`" in told


def test_list_on_one_line_gets_lines_for_its_comments(kit: WorkspaceKit) -> None:
    file = write_toml(kit, BASE)
    kit.run("profiles.relax", KEY, check=True)
    assert '    "torchvision==0.16.*",  # was torchvision==0.15.0' in file.read_text(encoding="utf-8")


def test_windows_line_ends_stay(kit: WorkspaceKit) -> None:
    file = write_toml(kit, "")
    file.write_bytes(OWN.replace("\n", "\r\n").encode())
    kit.run("profiles.relax", KEY, check=True)
    data = file.read_bytes()
    assert data.count(b"\r\n") >= OWN.count("\n") - 2
    assert requirements(file)[1] == "torchvision==0.16.*"


def test_profile_that_no_version_can_help_is_told(kit: WorkspaceKit) -> None:
    file = write_toml(kit, BASE.replace("torchvision==0.15.0", "nosuch==1.0"))
    done = kit.run("profiles.relax", KEY)
    assert done.returncode == 1
    assert "loosening versions does not help" in done.stdout
    assert "nosuch==1.0" in file.read_text(encoding="utf-8")


def test_unknown_profile_is_told(kit: WorkspaceKit) -> None:
    done = kit.run("profiles.relax", "../x")
    assert done.returncode in (1, 2)
    assert "no profile" in done.stderr


def test_relaxing_needs_an_index(kit: WorkspaceKit) -> None:
    write_toml(kit, BASE)
    kit.index.down()
    done = kit.run("profiles.relax", KEY)
    assert done.returncode == 1
    assert "could not be reached" in done.stderr


def test_imported_and_relaxed_profile_is_what_relaxing_later_gives(kit: WorkspaceKit, tmp_path: Path) -> None:
    source = write_profile(tmp_path, WRONG_VISION)
    kit.run("profiles.import", str(source), "--no-check", check=True)
    kit.run("profiles.relax", KEY, check=True)
    later = requirements(profile_file(kit))
    kit.run("profiles.import", str(source), "--relax", "--overwrite", check=True)
    assert requirements(profile_file(kit)) == later
