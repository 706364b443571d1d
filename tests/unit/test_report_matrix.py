"""The table of `envs.matrix` in terminals of different widths."""

from __future__ import annotations

from envyard.commands.matrix import Matrix, MatrixRow
from envyard.report.matrix import matrix_text
from envyard.report.text import Style

MATRIX = Matrix(
    projects=("classification", "sources", "scoring"),
    rows=(
        MatrixRow(package="torch", versions={"classification": "2.0.0", "sources": "2.1.0", "scoring": "2.1.0"}),
        MatrixRow(package="numpy", versions={"classification": "1.26.4", "sources": "1.26.4"}),
    ),
)
WIDE = """\
package  classification  sources  scoring
torch    2.0.0           2.1.0    2.1.0    differs
numpy    1.26.4          1.26.4   -

2 packages, 1 with versions that differ"""
NARROW = """\
package           versions
torch    differs  2.0.0: classification;
                  2.1.0: sources, scoring
numpy             1.26.4: classification,
                  sources

2 packages, 1 with versions that differ"""


def test_a_column_a_project_where_that_fits() -> None:
    assert matrix_text(MATRIX, Style(), None) == WIDE
    assert matrix_text(MATRIX, Style(), 50) == WIDE


def test_the_projects_of_each_version_where_it_does_not() -> None:
    assert matrix_text(MATRIX, Style(), 42) == NARROW


def test_colour_takes_no_room() -> None:
    coloured = matrix_text(MATRIX, Style(on=True), 50)
    assert "classification  sources" in coloured
    assert "\x1b[" in coloured


def test_nothing_in_common_is_said() -> None:
    assert matrix_text(Matrix(projects=("one",), rows=()), Style(), 80) == ("no package is in two projects or more")
