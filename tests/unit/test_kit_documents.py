"""The readers of documents find every command line and every remark, and see when an output is another one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kit.documents import Block, parse
from kit.shell import Shell, difference

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the shell is bash")
DOCUMENT = """\
# A page

Type `nox -s model`, or `invoke envs.lock NAME`; `envyard` alone, `envs.list`, `uv sync`, `invoke x.y <key>` are none.

<!-- in: a new monorepo -->
<!-- before: export A=1 -->
<!-- before: mkdir b -->
<!-- ends with: 2 -->

    $ envyard init    # twice
    $ ls \\
        -l
    total 0

    drwxr-xr-x b

<!-- A comment for people -->

| what | how |
|---|---|
| all | `scripts/run_tests.sh -x \\| cat` |

<!-- not tested: needs
     Windows -->
```console
C:\\> dir
```

<!-- in: the reference workspace -->
<!-- needs: direnv --> It is `invoke direnv.setup --allow` that
<!-- output not tested: why not -->
allows.

    just = code

- In a list:

  ```console
  $ pwd
  /home/you
    deeper
  ```

```toml
$ no command
```
"""


@pytest.fixture
def blocks() -> list[Block]:
    return list(parse("page.md", DOCUMENT.replace("```toml\n$ no command\n```\n", "")))


def test_command_lines_are_found_in_sentences_tables_and_code(blocks: list[Block]) -> None:
    found = [(command.line, command.text) for block in blocks for command in block.commands]
    assert found == [
        (3, "nox -s model"),
        (10, "envyard init    # twice"),
        (11, "ls \\\n    -l"),
        (21, "scripts/run_tests.sh -x | cat"),
        (26, "dir"),
        (30, "invoke direnv.setup --allow"),
        (39, "pwd"),
    ]


def test_remarks_belong_to_the_next_block_and_a_place_stays(blocks: list[Block]) -> None:
    sentence, code, table, windows, last, _listed = blocks
    assert [block.place for block in blocks] == [sentence.place, *["a new monorepo"] * 3, *[sentence.place] * 2]
    assert sentence.place == "the reference workspace"
    assert (code.remarks.before, code.remarks.ends_with) == (["export A=1", "mkdir b"], 2)
    assert (sentence.remarks.before, table.remarks.before, table.remarks.ends_with) == ([], [], 0)
    assert windows.remarks.not_tested == "needs Windows"
    assert (last.remarks.needs, last.remarks.output_not_tested) == ("direnv", "why not")


def test_what_a_command_prints_goes_on_behind_an_empty_line(blocks: list[Block]) -> None:
    init, listing = blocks[1].commands
    assert init.output == ""
    assert init.bare.rstrip() == "envyard init"
    assert listing.output == "total 0\n\ndrwxr-xr-x b"
    assert blocks[-1].commands[0].output == "/home/you\n  deeper"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "    nox -l\n", "page.md:1: `nox -l` looks like a command; write `\\$ ` before it", id="no prompt"
        ),
        pytest.param("x\n```sh\nnox -l\n```\n", "page.md:2: write commands in a `console` block", id="sh"),
        pytest.param("<!-- in: nowhere -->\n", "page.md:1: there is no place `nowhere`", id="place"),
        pytest.param("<!-- not-tested: x -->\n", "page.md:1: there is no remark `not-tested`", id="remark"),
        pytest.param("<!-- needs: x -->\n\ntext\n", "remark above line 3 is about no command line", id="about text"),
        pytest.param("text\n\n<!-- ends with: 1 -->", "remark at the end is about no command line", id="at the end"),
        pytest.param("So:\n    $ x\n", "page.md:2: this is no code block; leave a line free", id="no line free"),
        pytest.param("```toml\n$ x\n```\n", "page.md:2: a command in a `toml` block", id="toml"),
    ],
)
def test_what_would_be_overlooked_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        list(parse("page.md", text))


# --- outputs

WANTED = """\
key      python  size     used
model    3.11.7  4.5 GB   3 min ago
...
scoring  3.11.7  ...

1 built in 8.6 s, at /home/you/monorepo/.envs/g/0123abcd; see /home/you/.bashrc
"""
PRINTED = """\
[model] install: uv
key        python   size    used
model      3.12.10  13 kB   just now
sources    3.12.10  13 kB   just now
scoring    3.12.10  13 kB   2 h ago
1 built in 25 ms, at {root}/.envs/g/fedcba98; see {home}/.bashrc
"""


@pytest.fixture
def printed(tmp_path: Path) -> str:
    return PRINTED.format(root=tmp_path / "root", home=tmp_path)


def test_what_differs_every_time_counts_as_equal(printed: str, tmp_path: Path) -> None:
    assert difference(WANTED, printed, root=tmp_path / "root", home=tmp_path) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("scoring", "scorer", id="a word"),
        pytest.param("1 built", "2 built", id="a number"),
        pytest.param("key ", "key kind ", id="a column"),
        pytest.param("1 built", "warning: no\n1 built", id="a line more"),
        pytest.param("model      3.12.10  13 kB   just now\n", "", id="a line less"),
        pytest.param("/.envs", "/envs", id="a path"),
    ],
)
def test_everything_else_is_a_difference(before: str, after: str, printed: str, tmp_path: Path) -> None:
    assert before in printed
    changed = printed.replace(before, after)
    found = difference(WANTED, changed, root=tmp_path / "root", home=tmp_path)
    assert "\n--- the document\n" in f"\n{found}\n"


def test_progress_counts_in_the_order_of_each_project(tmp_path: Path) -> None:
    wanted = "[a] create: python 3.11.7\n[b] create: python 3.11.7\n[a] verify\n[b] verify\ndone\n"
    printed = "[b] create: python 3.11.7\n[a] create: python 3.11.7\n[a] verify\n[b] verify\ndone\n"
    assert difference(wanted, printed, root=tmp_path, home=tmp_path) == ""
    swapped = "[b] verify\n[b] create: python 3.11.7\n[a] create: python 3.11.7\n[a] verify\ndone\n"
    assert "-[b] verify" in difference(wanted, swapped, root=tmp_path, home=tmp_path)


@POSIX
def test_a_shell_keeps_its_folder_and_variables_and_tells_exit_codes(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"PATH": "/usr/bin:/bin"})
    try:
        assert shell.run("mkdir sub && cd sub && export A='it is'") == (0, "")
        assert shell.run('echo "$A"; pwd; echo wrong >&2; printf unfinished') == (
            0,
            f"it is\n{tmp_path}/sub\nwrong\nunfinished",
        )
        assert shell.run("cat; exit_code() { return 3; }; exit_code") == (3, "")
        shell.run("PROMPT_COMMAND='B=prompt'")
        assert shell.run('echo "$B"') == (0, "prompt\n")
        assert shell.run("exit 4") == (4, "")
    finally:
        shell.close()


@POSIX
def test_a_command_that_does_not_end_is_killed(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"PATH": "/usr/bin:/bin"})
    try:
        code, printed = shell.run("echo begun; sleep 1000", limit=0.5)
        assert (code, printed) == (-9, "begun\n")
    finally:
        shell.close()
