"""pip's configuration as uv's variables. That it is read as pip reads it: tests/integration/test_installers.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from envyard.installers.bridge import index_configuration, pip_options, uv_arguments, uv_variables

NONE = {"PIP_CONFIG_FILE": "/dev/null"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {}),
        ({"INDEX_URL": "http://a/simple"}, {"UV_DEFAULT_INDEX": "http://a/simple"}),
        ({"INDEX_URL": "  http://a/simple \n"}, {"UV_DEFAULT_INDEX": "http://a/simple"}),
        (
            {"EXTRA_INDEX_URL": "http://a\n  http://b"},
            {"UV_INDEX": "http://a http://b", "UV_INDEX_STRATEGY": "unsafe-best-match"},
        ),
        ({"FIND_LINKS": "/a /b"}, {"UV_FIND_LINKS": "/a,/b"}),
        ({"CERT": "/a.pem"}, {"SSL_CERT_FILE": "/a.pem"}),
        ({"TIMEOUT": "30"}, {"UV_HTTP_TIMEOUT": "30"}),
        ({"TIMEOUT": "2.5"}, {"UV_HTTP_TIMEOUT": "3"}),
        ({"TIMEOUT": "long"}, {}),
        ({"TIMEOUT": "inf"}, {}),
        ({"TRUSTED_HOST": "a b:8000"}, {"UV_INSECURE_HOST": "a b:8000"}),
        ({"NO_INDEX": "1"}, {}),
        ({"CACHE_DIR": "/a", "PROXY": "http://p", "QUIET": "3"}, {}),
    ],
    ids=[
        "nothing",
        "index",
        "space around",
        "extra indexes",
        "folders",
        "certificate",
        "timeout",
        "timeout with a fraction",
        "timeout that is none",
        "timeout without an end",
        "trusted hosts",
        "no index",
        "what is no index",
    ],
)
def test_an_option_of_pip_becomes_a_variable_of_uv(options: Mapping[str, str], expected: Mapping[str, str]) -> None:
    assert uv_variables({**NONE, **{f"PIP_{name}": value for name, value in options.items()}}) == expected


@pytest.mark.parametrize(
    ("user", "lost"),
    [
        ({"UV_DEFAULT_INDEX": "x"}, {"UV_DEFAULT_INDEX"}),
        ({"UV_INDEX_URL": "x"}, {"UV_DEFAULT_INDEX"}),
        ({"UV_INDEX": "x"}, {"UV_INDEX", "UV_INDEX_STRATEGY"}),
        ({"UV_EXTRA_INDEX_URL": "x"}, {"UV_INDEX", "UV_INDEX_STRATEGY"}),
        ({"UV_INDEX_STRATEGY": "x"}, {"UV_INDEX_STRATEGY"}),
        ({"UV_FIND_LINKS": "x"}, {"UV_FIND_LINKS"}),
        ({"UV_HTTP_TIMEOUT": "x"}, {"UV_HTTP_TIMEOUT"}),
        ({"UV_INSECURE_HOST": "x"}, {"UV_INSECURE_HOST"}),
        ({"SSL_CERT_FILE": "x"}, {"SSL_CERT_FILE"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_the_user_tells_uv_wins(user: Mapping[str, str], lost: set[str]) -> None:
    everything = {
        **NONE,
        "PIP_INDEX_URL": "i",
        "PIP_EXTRA_INDEX_URL": "e",
        "PIP_FIND_LINKS": "f",
        "PIP_CERT": "c",
        "PIP_TIMEOUT": "1",
        "PIP_TRUSTED_HOST": "h",
    }

    assert set(uv_variables(everything)) - set(uv_variables(everything | dict(user))) == lost
    assert not set(uv_variables(everything | dict(user))) & set(user), "overwritten"


@pytest.mark.parametrize("value", ["1", "true", "True", "yes", "on", "t", "y"])
def test_no_index_is_an_argument_because_uv_has_no_variable_for_it(value: str) -> None:
    assert uv_arguments({**NONE, "PIP_NO_INDEX": value}) == ["--no-index"]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"PIP_NO_INDEX": "0"},
        {"PIP_NO_INDEX": "false"},
        {"PIP_NO_INDEX": ""},
        {"PIP_NO_INDEX": "1", "UV_DEFAULT_INDEX": "x"},
        {"PIP_NO_INDEX": "1", "UV_INDEX": "x"},
    ],
    ids=str,
)
def test_an_index_is_used_unless_it_is_forbidden(variables: Mapping[str, str]) -> None:
    assert uv_arguments({**NONE, **variables}) == []


@pytest.mark.parametrize(
    "content",
    [b"index-url = a\n", b"[global]\nindex-url = a\nindex-url = b\n", b"\xff\xfe\x00", b"[global\n", b""],
    ids=["no section", "twice", "no text", "cut", "empty"],
)
def test_a_damaged_file_is_left_to_pip_to_complain_about(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pip.conf"
    path.write_bytes(content)

    assert "index-url" not in pip_options({"PIP_CONFIG_FILE": str(path)})


def test_a_folder_in_the_place_of_a_file_is_passed_over(home: Path) -> None:
    (home / ".config" / "pip" / "pip.conf").mkdir(parents=True)

    assert "index-url" not in pip_options({"XDG_CONFIG_HOME": str(home / ".config")})


def test_a_percent_sign_in_a_password_stays(tmp_path: Path) -> None:
    path = tmp_path / "pip.conf"
    path.write_text("[global]\nindex-url = http://me:p%40ss%word@host/simple\n", encoding="utf-8")

    assert pip_options({"PIP_CONFIG_FILE": str(path)})["index-url"] == "http://me:p%40ss%word@host/simple"


@pytest.mark.parametrize(
    ("name", "changes"),
    [("UV_DEFAULT_INDEX", True), ("UV_PRERELEASE", True), ("PIP_EXTRA_INDEX_URL", True), ("EDITOR", False)],
)
def test_variables_of_the_index_make_another_configuration(tmp_path: Path, name: str, changes: bool) -> None:
    before = index_configuration(NONE, tmp_path)
    assert (index_configuration({**NONE, name: "x"}, tmp_path) != before) == changes


@pytest.mark.parametrize("file", ["uv.toml", "pyproject.toml", "../uv.toml"])
def test_files_of_uv_make_another_configuration_unless_they_are_not_read(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    before, unread = index_configuration(NONE, folder), index_configuration({**NONE, "UV_NO_CONFIG": "1"}, folder)
    (folder / file).write_text('index-url = "x"', encoding="utf-8")
    assert index_configuration(NONE, folder) != before
    assert index_configuration({**NONE, "UV_NO_CONFIG": "1"}, folder) == unread
