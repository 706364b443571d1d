"""uv's prose as sentences; what is not understood is shown as it is."""

from __future__ import annotations

import pytest

from envyard.reasons import mentioned, reasons

TOKENIZERS = """\
error: No solution found when resolving dependencies
  cause: Because transformers==4.30.0 depends on one of:
             tokenizers>=0.11.1,<0.11.3
             tokenizers>0.11.3,<0.14
         and you require transformers==4.30.0, we can conclude that you require one of:
             tokenizers>=0.11.1,<0.11.3
             tokenizers>0.11.3,<0.14

         And because you require tokenizers==0.15.0, we can conclude that your requirements are unsatisfiable.
"""
OLDER = """\
  \u00d7 No solution found when resolving dependencies:
  ╰─▶ Because torchvision==0.15.0 depends on torch==2.0.0 and you require torch==2.1.0, we can conclude that your
      requirements and torchvision==0.15.0 are incompatible.
      And because you require torchvision==0.15.0, we can conclude that your requirements are unsatisfiable.
"""
PYTHON = """\
error: No solution found when resolving dependencies
  cause: Because the requested Python version (>=3.10) does not satisfy Python>=3.11 and networkx==3.5 depends on \
Python>=3.11, we can conclude that networkx==3.5 cannot be used.
"""


@pytest.mark.parametrize(
    ("words", "packages", "expected"),
    [
        pytest.param(
            TOKENIZERS,
            {"transformers": "4.30.0", "tokenizers": "0.15.0"},
            "transformers 4.30.0 needs tokenizers >=0.11.1,<0.11.3 or tokenizers >0.11.3,<0.14",
            id="one of several ranges",
        ),
        pytest.param(
            OLDER,
            {"torch": "2.1.0", "torchvision": "0.15.0"},
            "torchvision 0.15.0 needs torch ==2.0.0",
            id="older uv, with a drawn tree",
        ),
        pytest.param(
            "cause: Because you require torch==2.0.0 and torch==2.1.0, we can conclude",
            {"torch": ""},
            "one environment holds one version of torch",
            id="one package twice",
        ),
        pytest.param(PYTHON, {"networkx": "3.5"}, "networkx 3.5 needs Python >=3.11", id="Python"),
        pytest.param(
            "cause: Because there is no version of torch==99 and you require torch==99",
            {"torch": "99"},
            "the index has no torch 99",
            id="no such version",
        ),
        pytest.param(
            "cause: Because nosuch was not found in the package registry and you require nosuch",
            {"nosuch": ""},
            "the index has no package `nosuch`",
            id="no such package",
        ),
        pytest.param(
            "cause: Because flash-attn==2.5.0 has no usable wheels and you require flash-attn==2.5.0",
            {"flash-attn": "2.5.0"},
            "flash-attn 2.5.0 has no wheel for this Python and platform",
            id="source only",
        ),
    ],
)
def test_reason_is_put_in_plain_words(words: str, packages: dict[str, str], expected: str) -> None:
    assert reasons(words, packages) == (expected,)


def test_range_that_uv_made_of_one_version_is_that_version() -> None:
    assert reasons("Because a<=1.0 depends on b<2 and", {"a": "1.0", "b": "2.0"}) == ("a 1.0 needs b <2",)


def test_words_that_are_not_understood_are_shown_as_they_are() -> None:
    words = "error: Something new\n  ╰─▶ it cannot be, because of the moon\n\n   [stderr]\n   no way\n"
    assert reasons(words, {"a": "1"}) == ("Something new", "it cannot be, because of the moon", "no way")


def test_no_words_are_no_reason() -> None:
    assert reasons("", {"a": "1"}) == ()


def test_lines_that_uv_mentions_are_found_by_whole_names() -> None:
    lines, names = ["torch==1", "torchvision==1", "Foo_Bar==1"], ["torch", "torchvision", "foo-bar"]
    assert mentioned("Because torchvision==1 depends on foo_bar>2", lines, names) == ("torchvision==1", "Foo_Bar==1")


def test_a_failing_build_says_what_was_raised_and_not_where() -> None:
    words = """\
error: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.get_requires_for_build_editable` failed (exit status: 1)

[stderr]
Traceback (most recent call last):
  File "<string>", line 14, in <module>
    self.run_setup()
  File "<string>", line 2, in <module>
ModuleNotFoundError: No module named 'versioning'
"""
    assert reasons(words, {}) == (
        "The build backend returned an error",
        "Call to `setuptools.build_meta:__legacy__.get_requires_for_build_editable` failed (exit status: 1)",
        "ModuleNotFoundError: No module named 'versioning'",
    )
