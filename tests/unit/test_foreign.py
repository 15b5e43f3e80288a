"""Foreign text: one line of printable characters, whatever it was."""

from __future__ import annotations

import traceback

import hypothesis
import hypothesis.strategies as st
import pytest

from reactor.foreign import NAME, plain, plain_traceback, said, shown

#: One of each kind: C0, ESC, DEL, C1, line separators, bidi, zero width, a lone surrogate, a noncharacter.
UNFIT = "\n\r\t\0\x07\x1b\x7f\x85\x9b\u2028\u2029\u202e\u2066\u200b\ufeff\udcff\uffff"


@pytest.mark.parametrize("unfit", UNFIT, ids=ascii)
def test_a_character_that_is_not_printable_is_escaped_as_repr_does_it(unfit: str) -> None:
    assert plain(f"a{unfit}b") == repr(f"a{unfit}b")[1:-1]
    assert plain(f"a{unfit}b").isprintable()


@pytest.mark.parametrize("text", ["", "example.org", "grüße.example", "パス", "it's", "a\\nb", "x" * NAME])
def test_a_text_that_is_printable_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@hypothesis.given(st.text(st.characters()), st.integers(4, 40))
def test_any_text_is_one_printable_line_of_bounded_length_which_any_stream_can_encode(text: str, most: int) -> None:
    found = plain(text, most)
    assert found.isprintable()
    assert len(found) <= 10 * most
    found.encode("utf-8")


def test_a_long_text_is_cut() -> None:
    assert plain("x" * (NAME + 1)) == "x" * (NAME - 3) + "..."
    assert len(plain("\n" * 1_000_000)) == NAME


class Hostile:
    def __repr__(self) -> str:
        return "<hostile\n\x1b[2J>"


class Failing:
    def __repr__(self) -> str:
        raise LookupError("no text")


class Silent(Exception):
    def __str__(self) -> str:
        raise LookupError("no text")


def test_what_stands_for_a_value_is_one_line_though_its_class_says_otherwise() -> None:
    assert shown(Hostile()) == r"<hostile\n\x1b[2J>"
    assert shown(Failing()).startswith("<tests.unit.test_foreign.Failing object at 0x")
    assert shown("x" * 1000, 64) == "'" + "x" * 60 + "..."


def test_what_an_exception_says_is_one_line() -> None:
    assert said(ValueError("a\nb")) == r"a\nb"
    assert said(ValueError()) == "ValueError"
    assert said(Silent()) == "Silent"


def test_an_exception_in_a_traceback_begins_no_line_of_its_own() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("bad\nERROR root: gone\x1b[2J") from OSError("\u202e")
    except ValueError as error:
        parts = traceback.format_exception(error)
    lines = plain_traceback(parts).split("\n")
    assert [line for line in lines if line[:1] not in ("", " ", "T")] == [
        r"OSError: \u202e",
        r"ValueError: bad\nERROR root: gone\x1b[2J",
    ]


def test_a_traceback_without_foreign_characters_is_as_python_prints_it() -> None:
    try:
        raise ValueError("bad") from KeyError("inner")
    except ValueError as error:
        parts = traceback.format_exception(error)
    assert plain_traceback(parts) == "".join(parts).removesuffix("\n")
