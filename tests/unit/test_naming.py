"""Keys and titles of projects that have only a path: always valid, always different."""

from __future__ import annotations

import pytest

from envyard.naming import name_projects


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param(["services/Client"], {"services/Client": ("client", "")}, id="the last part"),
        pytest.param(["x/ConfigLoad"], {"x/ConfigLoad": ("config-load", "")}, id="camel case"),
        pytest.param(["a b/c_d.e"], {"a b/c_d.e": ("c-d-e", "")}, id="signs"),
        pytest.param(["x/Größe"], {"x/Größe": ("grosse", "")}, id="letters with marks"),
        pytest.param(["模型"], {"模型": ("project", "")}, id="no letter that a key may have"),
        pytest.param(
            ["Client/Backend", "Server/Backend"],
            {
                "Client/Backend": ("client-backend", "Client/Backend"),
                "Server/Backend": ("server-backend", "Server/Backend"),
            },
            id="the same name twice",
        ),
        pytest.param(
            ["a/x/y", "b/x/y"], {"a/x/y": ("a-x-y", "a/x/y"), "b/x/y": ("b-x-y", "b/x/y")}, id="the same two parts"
        ),
        pytest.param(["a-b", "a/b", "a_b"], {"a-b": ("a-b", ""), "a/b": ("b", ""), "a_b": ("a-b-2", "")}, id="one key"),
        pytest.param(["tests"], {"tests": ("tests-project", "")}, id="a session of nox"),
        pytest.param(["x/lint"], {"x/lint": ("x-lint", "")}, id="a session of nox, deeper"),
        pytest.param(["x/con", "NUL"], {"x/con": ("x-con", ""), "NUL": ("nul-project", "")}, id="devices"),
    ],
)
def test_names(paths: list[str], expected: dict[str, tuple[str, str]]) -> None:
    assert name_projects(paths, {}) == expected


def test_names_that_are_taken_are_not_given_again() -> None:
    taken = {"client": "Client", "server": "Old/Server"}
    named = name_projects(["new/Client", "new/server"], taken)
    assert named == {"new/Client": ("new-client", "new/Client"), "new/server": ("new-server", "new/server")}


def test_a_title_that_is_the_key_of_another_project_is_not_used() -> None:
    named = name_projects(["a/client", "b/client", "x/a-client"], {})
    keys = [key for key, _title in named.values()]
    assert len(set(keys)) == 3
    titles = [title or path.rsplit("/", 1)[-1] for path, (_key, title) in named.items()]
    assert len(set(titles)) == 3


def test_a_very_long_name_becomes_a_key_of_at_most_64_letters() -> None:
    ((key, _title),) = name_projects(["x" * 200], {}).values()
    assert len(key) <= 64
