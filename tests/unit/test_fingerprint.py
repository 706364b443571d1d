"""What a build depends on, and the words for what changed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from kit.values import make_definition, make_environment

from envyard.definition import Definition
from envyard.environment import Environment
from envyard.errors import LockfileMissing, RequirementsUnreadable
from envyard.fingerprint import Fingerprint, explain_change, take_fingerprint


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "requirements").mkdir(parents=True)
    (folder / "alpha").mkdir()
    for name, text in {
        "requirements/alpha.in": "demo\n",
        "requirements/alpha.txt": "demo==1.0 --hash=sha256:00\n",
        "requirements/beta.txt": "demo==1.0 --hash=sha256:00\n",
        "alpha/pyproject.toml": "[project]\n",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _locked(root: Path, **changes: Any) -> Definition:
    values = {"requirements": (root / "requirements/alpha.in",), "lockfile": root / "requirements/alpha.txt"}
    return make_definition(root, **{**values, **changes})


def _unlocked(root: Path, **changes: Any) -> Definition:
    return make_definition(root, **{"requirements": (root / "requirements/alpha.in",), **changes})


def _digest(definition: Definition) -> str:
    return take_fingerprint(definition).digest


def test_the_same_definition_has_the_same_fingerprint_in_every_place(root: Path) -> None:
    here = _digest(_locked(root))

    assert _digest(_locked(root.rename(root.with_name("moved")))) == here


@pytest.mark.parametrize(
    "changes",
    [
        {"python": "3.99"},
        {"installer": "pip"},
        {"torch_backend": "cpu"},
        {"lockfile": "requirements/beta.txt"},
        {"editable": "alpha"},
    ],
    ids=str,
)
def test_what_counts_with_a_lockfile(root: Path, changes: dict[str, str]) -> None:
    paths = {name: root / value if name in ("lockfile", "editable") else value for name, value in changes.items()}

    assert _digest(_locked(root, **paths)) != _digest(_locked(root))


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Other"},
        {"publish": "copy"},
        {"environment": {"A": "1"}},
        {"lines": ("pytest",)},
        {"extras": ("fast",)},
        {"groups": ("fast",)},
        {"link": Path("/somewhere")},
    ],
    ids=str,
)
def test_what_does_not_count_with_a_lockfile(root: Path, changes: dict[str, Any]) -> None:
    assert _digest(_locked(root, **changes)) == _digest(_locked(root))


def test_with_a_lockfile_the_requirements_do_not_count_and_comments_never(root: Path) -> None:
    before = _digest(_locked(root))
    (root / "requirements/alpha.in").write_text("demo\nalpha\n", encoding="utf-8")
    lockfile = root / "requirements/alpha.txt"
    lockfile.write_text(f"# new\n{lockfile.read_text(encoding='utf-8')}", encoding="utf-8")

    assert _digest(_locked(root)) == before
    lockfile.write_text("demo==1.0 --hash=sha256:01\n", encoding="utf-8")
    assert _digest(_locked(root)) != before, "another hash is another file"


def test_options_of_the_requirement_files_count_with_a_lockfile_and_are_not_shown(root: Path, tmp_path: Path) -> None:
    """They hold for what is installed, and what is locked may be the same: built from source, from another index."""
    old = take_fingerprint(_locked(root))
    environment = make_environment(
        tmp_path / "01234567", fingerprint=old.digest, inputs=dict(old.inputs), pins=dict(old.pins)
    )
    (root / "requirements/alpha.in").write_text("-r more.in\ndemo\n", encoding="utf-8")
    (root / "requirements/more.in").write_text("--extra-index-url https://me:secret@example.org/\n", encoding="utf-8")

    new = take_fingerprint(_locked(root))

    assert explain_change(environment, new) == ("changed options of the requirement files",)
    assert "secret" not in str(new.inputs)


@pytest.mark.parametrize(
    "changes", [{"lines": ("pytest",)}, {"extras": ("fast",)}, {"groups": ("fast",)}, {"requirements": ()}], ids=str
)
def test_what_counts_without_a_lockfile(root: Path, changes: dict[str, Any]) -> None:
    assert _digest(_unlocked(root, **changes)) != _digest(_unlocked(root))


def test_without_a_lockfile_the_requirements_count(root: Path) -> None:
    before = _digest(_unlocked(root))
    (root / "requirements/alpha.in").write_text("demo>=2\n", encoding="utf-8")

    assert _digest(_unlocked(root)) != before


def test_parts_do_not_run_into_each_other(root: Path) -> None:
    assert _digest(_unlocked(root, extras=("a",), groups=())) != _digest(_unlocked(root, extras=(), groups=("a",)))


def test_the_packaging_of_an_editable_project_counts(root: Path) -> None:
    definition = _locked(root, editable=root / "alpha")
    before = _digest(definition)
    (root / "alpha" / "module.py").write_text("code does not count", encoding="utf-8")
    assert _digest(definition) == before
    (root / "alpha" / "pyproject.toml").write_text("[project]\nname='x'\n", encoding="utf-8")
    assert _digest(definition) != before


def test_a_missing_lockfile_and_a_missing_requirement_file_are_named(root: Path) -> None:
    with pytest.raises(LockfileMissing, match=r"requirements/gone.txt is missing") as caught:
        take_fingerprint(_locked(root, lockfile=root / "requirements/gone.txt"))
    assert caught.value.hint == "run `invoke envs.lock alpha`"
    with pytest.raises(RequirementsUnreadable, match=r"gone.in is missing"):
        take_fingerprint(_unlocked(root, requirements=(root / "gone.in",)))


# --- words


def _change(root: Path, tmp_path: Path, before: Definition, after: Definition) -> tuple[str, ...]:
    old = take_fingerprint(before)
    environment = make_environment(
        tmp_path / "01234567", fingerprint=old.digest, inputs=dict(old.inputs), pins=dict(old.pins)
    )
    return explain_change(environment, take_fingerprint(after))


def test_no_change_has_no_words(root: Path, tmp_path: Path) -> None:
    assert _change(root, tmp_path, _locked(root), _locked(root)) == ()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {"python": "3.99"}, ("python 3.11 -> 3.99",)),
        ({}, {"installer": "pip"}, ("installer auto -> pip",)),
        ({}, {"torch_backend": "cpu"}, ("torch-backend none -> cpu",)),
        ({"torch_backend": "cpu"}, {}, ("torch-backend cpu -> none",)),
        ({}, {"python": "3.99", "installer": "pip"}, ("python 3.11 -> 3.99", "installer auto -> pip")),
    ],
    ids=["python", "installer", "backend", "backend gone", "two"],
)
def test_a_changed_setting_is_told_from_and_to(
    root: Path, tmp_path: Path, before: dict[str, Any], after: dict[str, Any], words: tuple[str, ...]
) -> None:
    old = _locked(root, **{"python": "3.11", **before})
    new = _locked(root, **{"python": "3.11", **after})

    assert _change(root, tmp_path, old, new) == words


def test_changed_pins_are_told_by_package_before_anything_else(root: Path, tmp_path: Path) -> None:
    old = take_fingerprint(_locked(root))
    environment = make_environment(
        tmp_path / "01234567", fingerprint=old.digest, inputs=dict(old.inputs), pins={"demo": "0.9", "gone": "1"}
    )
    (root / "requirements/alpha.txt").write_text("demo==1.0\nnew==2\n", encoding="utf-8")

    changed = explain_change(environment, take_fingerprint(_locked(root, installer="pip")))

    assert changed == ("added new 2", "removed gone 1", "demo 0.9 -> 1.0", "installer auto -> pip")


def test_changed_requirements_are_told_as_they_are_written_without_hashes_and_comments(
    root: Path, tmp_path: Path
) -> None:
    old = take_fingerprint(_unlocked(root))
    environment = make_environment(
        tmp_path / "01234567", fingerprint=old.digest, inputs=dict(old.inputs), pins=dict(old.pins)
    )
    tool = "tool @ https://example.org/tool.zip#sha1=12"
    (root / "requirements/alpha.in").write_text(
        f"demo  # the old one\n{tool} # why\nnew==1 \\\n    --hash=sha256:01\n-c x.in\n", encoding="utf-8"
    )
    (root / "requirements/x.in").write_text("", encoding="utf-8")

    changed = explain_change(environment, take_fingerprint(_unlocked(root)))

    assert changed == ("added new==1", f"added {tool}")


def test_what_has_no_words_of_its_own_is_told_by_its_name(root: Path, tmp_path: Path) -> None:
    definition = _locked(root, editable=root / "alpha")
    old = take_fingerprint(definition)
    environment = make_environment(
        tmp_path / "01234567", fingerprint=old.digest, inputs=dict(old.inputs), pins=dict(old.pins)
    )
    (root / "alpha/pyproject.toml").write_text("[project]\nname='x'\n", encoding="utf-8")

    assert explain_change(environment, take_fingerprint(definition)) == ("changed metadata alpha/pyproject.toml",)


def _unlocked_environment(root: Path, tmp_path: Path, packages: dict[str, str], **changes: Any) -> Environment:
    old = take_fingerprint(_unlocked(root, **changes))
    return make_environment(
        tmp_path / "01234567", fingerprint=old.digest, inputs=dict(old.inputs), pins=dict(old.pins), packages=packages
    )


@pytest.mark.parametrize(
    ("installed", "lockfile", "words"),
    [
        ({"demo": "1.0"}, "demo==1.0", ("locked by requirements/alpha.txt now, in the same versions",)),
        ({"demo": "0.9"}, "demo==1.0", ("locked by requirements/alpha.txt now", "demo 0.9 -> 1.0")),
        (
            {"Demo": "1.0", "pip": "25.0", "needed_by.demo": "1"},
            "demo==1.0\nneeded-by-demo==1\nextra==2",
            ("locked by requirements/alpha.txt now", "added extra 2"),
        ),
        ({"demo": "1.0"}, "other==2", ("locked by requirements/alpha.txt now", "added other 2", "removed demo 1.0")),
        (
            {"demo": "1.0"},
            "demo==1.0 ; python_version < '3.12'\ndemo==2.0 ; python_version >= '3.12'\nwin==1 ; os_name == 'nt'",
            ("locked by requirements/alpha.txt now, in the same versions",),
        ),
    ],
    ids=["same", "other version", "more", "not locked", "for other platforms"],
)
def test_a_first_lockfile_is_told_by_what_it_changes_in_what_is_installed(
    root: Path, tmp_path: Path, installed: dict[str, str], lockfile: str, words: tuple[str, ...]
) -> None:
    environment = _unlocked_environment(root, tmp_path, installed, extras=("fast",), groups=("test",))
    (root / "requirements/alpha.txt").write_text(lockfile + "\n", encoding="utf-8")

    assert explain_change(environment, take_fingerprint(_locked(root, extras=("fast",), groups=("test",)))) == words


def test_a_lockfile_that_is_gone_is_told_by_its_name(root: Path, tmp_path: Path) -> None:
    before, after = _locked(root, extras=("fast",)), _unlocked(root, extras=("fast",))

    assert _change(root, tmp_path, before, after) == ("no longer locked by requirements/alpha.txt",)


def test_another_format_is_another_version_of_envyard(root: Path, tmp_path: Path) -> None:
    new = take_fingerprint(_locked(root))
    environment = make_environment(
        tmp_path / "01234567", fingerprint="x", inputs={**new.inputs, "format": "0"}, pins=dict(new.pins)
    )

    assert explain_change(environment, new) == ("made by another version of envyard",)


def test_a_fingerprint_is_a_value(root: Path) -> None:
    fingerprint = take_fingerprint(_locked(root))

    assert isinstance(fingerprint, Fingerprint)
    with pytest.raises(dataclasses.FrozenInstanceError):
        fingerprint.digest = "x"  # type: ignore[misc]
