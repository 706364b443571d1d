"""The requirements in a `pyproject.toml`, each with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from envyard.errors import RequirementsUnreadable
from envyard.pyproject import group_requirements, is_static, project_dependencies

TEXT = """
[project]
name = "My.App"
dependencies = ["demo>=1"]

[project.optional-dependencies]
fast = ["alpha"]
all = ["my-app[fast, Plots]", "beta"]
plots = ["gamma", "my_app[all]"]

[dependency-groups]
Test_Kit = ["pytest"]
dev = [{ include-group = "test-kit" }, "demo<3"]
round = [{ include-group = "round" }]
"""
TABLES = tomllib.loads(TEXT)
FILE = Path("pyproject.toml")


def test_extras_bring_the_extras_that_they_ask_for_once() -> None:
    assert project_dependencies(TABLES, FILE, ["all"]) == (
        (("project", "dependencies", 0), "demo>=1"),
        (("project", "optional-dependencies", "all", 1), "beta"),
        (("project", "optional-dependencies", "fast", 0), "alpha"),
        (("project", "optional-dependencies", "plots", 0), "gamma"),
    )


def test_groups_include_groups_in_any_spelling() -> None:
    assert group_requirements(TABLES, FILE, ["dev"]) == (
        (("dependency-groups", "Test_Kit", 0), "pytest"),
        (("dependency-groups", "dev", 1), "demo<3"),
    )


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(RequirementsUnreadable, match="has no extra `slow`"):
        project_dependencies(TABLES, FILE, ["slow"])
    with pytest.raises(RequirementsUnreadable, match="has no dependency group `prod`"):
        group_requirements(TABLES, FILE, ["prod"])
    with pytest.raises(RequirementsUnreadable, match="includes itself"):
        group_requirements(TABLES, FILE, ["round"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('[project]\nname = "a"', True, id="no dependencies"),
        pytest.param('[project]\nname = "a"\ndynamic = ["version"]', True, id="another dynamic field"),
        pytest.param('[project]\nname = "a"\ndynamic = ["dependencies"]', False, id="dynamic dependencies"),
        pytest.param("dependency-groups = 1", False, id="no project"),
        pytest.param('[tool.poetry]\nname = "a"', False, id="another tool's own table"),
        pytest.param('[project]\nname = "a"\n[tool.uv.sources]\nb = { path = "b" }', False, id="sources elsewhere"),
    ],
)
def test_what_stands_in_the_file_alone_is_static(text: str, expected: bool) -> None:
    assert is_static(tomllib.loads(text)) is expected
