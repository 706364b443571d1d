"""Options and hashes in requirement files, found for what is installed afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from envyard.definition import Definition, Kind
from envyard.fileoptions import demanded_hashes, has_further_index, option_lines, with_hashes


def _definition(root: Path, **files: str) -> Definition:
    for name, text in files.items():
        (root / f"{name}.txt").write_text(text, encoding="utf-8")
    first = root / "requirements.txt"
    return Definition(kind=Kind.PROJECT, key="app", title="App", root=root, python="", requirements=(first,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("demo\n# --no-index\n--pre\n-c x.txt\n--trusted-host h\n", [], id="nothing that matters here"),
        pytest.param("-i http://a/  # ours\n", ["--index-url http://a/"], id="short"),
        pytest.param("--index-url=http://a/\n", ["--index-url http://a/"], id="with a sign"),
        pytest.param("--extra-index-url  ${URL}/x\n", ["--extra-index-url ${URL}/x"], id="a variable stays one"),
        pytest.param("-f https://a/b.html\n-fhttps://a/b.html\n", ["--find-links https://a/b.html"], id="each once"),
        pytest.param("--no-index\n", ["--no-index"], id="alone"),
        pytest.param("--find-links nowhere\n", ["--find-links nowhere"], id="no such folder"),
        pytest.param("--only-binary demo\n", ["--only-binary demo"], id="binary"),
        pytest.param("--no-binary :all:\n", ["--no-binary :all:", "--only-binary pip"], id="pip itself is a wheel"),
        pytest.param("-r more.txt\n--no-index\n", ["--no-index", "-f"], id="of an included file"),
    ],
)
def test_options_that_matter_to_an_installation(tmp_path: Path, text: str, expected: list[str]) -> None:
    (tmp_path / "my wheels").mkdir()
    definition = _definition(tmp_path, requirements=text, more="-f 'my wheels'\n", x="")

    links = f"--find-links {(tmp_path / 'my wheels').as_uri()}"
    assert option_lines(definition) == [links if line == "-f" else line for line in expected]


def test_only_a_further_index_makes_several() -> None:
    assert has_further_index(["--no-index", "--extra-index-url http://a/"])
    assert not has_further_index(["--index-url http://a/"])


def test_hashes_follow_their_package(tmp_path: Path) -> None:
    text = "Demo_x==1.0 ; python_version > '3' --hash=sha256:aa \\\n  --hash sha256:bb\nalpha\n-r more.txt\n"
    definition = _definition(tmp_path, requirements=text, more="demo-x==1.0 --hash=sha256:cc\n./x --hash=sha256:dd\n")

    hashes = demanded_hashes(definition)

    assert hashes == {"demo-x": ("sha256:aa", "sha256:bb", "sha256:cc")}
    assert with_hashes("alpha==1\ndemo-x==1.0\n-e file:///x\n", hashes) == (
        "alpha==1\ndemo-x==1.0 --hash=sha256:aa --hash=sha256:bb --hash=sha256:cc\n-e file:///x\n"
    )
