"""Lines without a common version, held against the versions there could be."""

from __future__ import annotations

import itertools

import pytest
from packaging.requirements import Requirement

from envyard.clashes import clashing


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("demo==1.0", "demo==2.0", id="two pins"),
        pytest.param("demo==1.0", "Demo>=2", id="a pin outside of a range"),
        pytest.param("demo<2", "demo>=2", id="ranges that touch"),
        pytest.param("demo~=1.4", "demo>=2", id="compatible releases"),
        pytest.param("demo~=1.4.2", "demo>=1.5", id="compatible patches"),
        pytest.param("demo==1.*", "demo==2.1", id="a series and a pin"),
        pytest.param("demo==1.*", "demo==2.*", id="two series"),
        pytest.param("demo==1.0", "demo!=1.0", id="a pin that is left out"),
        pytest.param("demo==1.0", "demo[fast]==2.0", id="with an extra"),
        pytest.param("demo==1.0", "-c demo<1", id="a constraint"),
        pytest.param("torch==2.1+cu118", "torch==2.1+cu121", id="two builds"),
        pytest.param("demo==1!1.0", "demo<2", id="an epoch"),
    ],
)
def test_lines_without_a_common_version_clash(one: str, other: str) -> None:
    name = Requirement(one).name
    assert clashing([one, other]) == {name: [(one, other)]}
    assert clashing([other, one]) == {name: [(other, one)]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("demo==1.0", "demo>=1", id="a pin inside"),
        pytest.param("demo<=2", "demo>=2", id="one version in common"),
        pytest.param("demo", "demo==1.0", id="any version"),
        pytest.param("demo==1.0", "alpha==2.0", id="two packages"),
        pytest.param("demo==1.0", "demo==1.0.0", id="one version in two ways"),
        pytest.param("torch==2.1", "torch==2.1+cu121", id="a build of the version"),
        pytest.param("torch==2.1+cu121", "torch<=2.1", id="a build within a range"),
        pytest.param("demo==2.0rc1", "demo>=2.0rc1,<3", id="a release candidate"),
        pytest.param("demo==1.0 ; os_name == 'nt'", "demo==2.0", id="a marker: not everywhere"),
        pytest.param("demo @ https://example.org/demo-1.0.whl", "demo==2.0", id="a direct reference"),
        pytest.param("demo===1.0", "demo==2.0", id="an arbitrary equality"),
        pytest.param("-c demo<1", "-c demo>2", id="constraints alone ask for nothing"),
        pytest.param("-e file:///lib", "demo==2.0", id="no requirement"),
        pytest.param("demo=>1", "demo==2.0", id="not understood"),
    ],
)
def test_in_doubt_lines_do_not_clash(one: str, other: str) -> None:
    assert clashing([one, other]) == {}


VERSIONS = [
    "0.9",
    "1.0.dev1",
    "1.0a1",
    "1.0",
    "1.0+cu1",
    "1.0.post1",
    "1.0.1",
    "1.1",
    "1.9",
    "2.0a1",
    "2.0",
    "2.0.1",
    "3",
]
OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "~="]


def test_no_clash_is_claimed_where_a_version_satisfies_both() -> None:
    lines = [
        f"demo{operator}{version}"
        for operator in OPERATORS
        for version in VERSIONS
        if version != "3" or "~" not in operator
    ]
    lines = [line for line in lines if "+" not in line or "==" in line] + [
        "demo==1.*",
        "demo==1.0.*",
        "demo>=1,<2",
        "demo>1.0,!=1.1",
    ]
    ranges = {line: Requirement(line).specifier for line in lines}
    found = set(clashing(lines)["demo"])
    assert len(found) > 1000
    both = [
        pair
        for pair in itertools.combinations(lines, 2)
        if any(all(ranges[line].contains(version, prereleases=True) for line in pair) for version in VERSIONS)
    ]
    assert len(both) > 1000
    assert found.isdisjoint(both)
