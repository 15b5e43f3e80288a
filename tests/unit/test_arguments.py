"""What callers may pass: every wrong value raises at the call, naming the argument, its value and what was
expected; every right one comes back in the form the library uses.
"""

from __future__ import annotations

import decimal
import enum
import fractions
import math
from collections.abc import Callable
from typing import Any

import pytest

from reactor import arguments


class Number(enum.IntEnum):
    FIVE = 5


class Closed:
    def fileno(self) -> int:
        return -1

    def __repr__(self) -> str:
        return "Closed()"


class Odd:
    def fileno(self) -> str:
        return "3"

    def __repr__(self) -> str:
        return "Odd()"


def refusal(check: Callable[..., Any], *args: Any, **options: Any) -> str:
    """The text with which `check("thing", ...)` refuses."""
    with pytest.raises((TypeError, ValueError)) as caught:
        check("thing", *args, **options)
    return str(caught.value)


def refused(check: Callable[..., Any], value: Any, *rest: Any, kind: type[Exception], **options: Any) -> str:
    """The same, having checked that argument and value are named and that the fault is of the right kind."""
    with pytest.raises(kind) as caught:
        check("thing", value, *rest, **options)
    text = str(caught.value)
    assert text.startswith("thing must be ")
    assert repr(value) in text
    return text


NO_NUMBERS = [None, "5", b"5", [], (1,), {}, True, False, 1j, decimal.Decimal(5), fractions.Fraction(1, 2), object]
HUGE = 10**400  # more than a float can hold
NO_INTEGERS = [*NO_NUMBERS, 5.0, 1.5, math.inf, math.nan]

# seconds


@pytest.mark.parametrize("value", [0.001, 1, 1.5, 86_400, 1e9, Number.FIVE])
def test_seconds_are_floats(value: float) -> None:
    seconds = arguments.seconds("thing", value)
    assert (seconds, type(seconds)) == (float(value), float)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("zero", [False, True])
def test_seconds_must_be_a_number(value: Any, zero: bool) -> None:
    assert "number of seconds" in refused(arguments.seconds, value, kind=TypeError, zero=zero)


@pytest.mark.parametrize("value", [-1, -0.001, -math.inf, math.inf, math.nan, HUGE, -HUGE], ids="{!r:.12}".format)
@pytest.mark.parametrize(("zero", "expected"), [(False, "more than 0"), (True, "0 or more")])
def test_seconds_must_be_positive_and_finite(value: float, zero: bool, expected: str) -> None:
    assert expected in refused(arguments.seconds, value, kind=ValueError, zero=zero)


@pytest.mark.parametrize("value", [0, 0.0, -0.0])
def test_zero_seconds_are_refused_except_where_they_mean_something(value: float) -> None:
    assert "more than 0" in refused(arguments.seconds, value, kind=ValueError)
    assert arguments.seconds("thing", value, zero=True) == 0.0


@pytest.mark.parametrize("zero", [False, True])
def test_no_seconds_at_all_mean_never_where_that_is_allowed(zero: bool) -> None:
    assert arguments.maybe_seconds("thing", None, zero=zero) is None
    assert arguments.maybe_seconds("thing", 5, zero=zero) == 5.0


@pytest.mark.parametrize("value", [value for value in NO_NUMBERS if value is not None], ids=repr)
def test_maybe_seconds_refuses_what_seconds_refuses(value: Any) -> None:
    refused(arguments.maybe_seconds, value, kind=TypeError)


# integer


@pytest.mark.parametrize("value", [0, 1, 65_535, Number.FIVE])
def test_integers_within_their_span_are_taken(value: int) -> None:
    found = arguments.integer("thing", value, 0, 65_535)
    assert (found, type(found)) == (value, int)


@pytest.mark.parametrize("value", NO_INTEGERS, ids=repr)
def test_an_integer_must_be_a_whole_number(value: Any) -> None:
    assert "whole number from 0 to 65535" in refused(arguments.integer, value, 0, 65_535, kind=TypeError)


@pytest.mark.parametrize("value", [-1, 65_536, 70_000, -(10**30), 10**30])
def test_an_integer_must_lie_within_its_span(value: int) -> None:
    assert "from 0 to 65535" in refused(arguments.integer, value, 0, 65_535, kind=ValueError)


def test_an_integer_without_an_upper_end_is_told_its_lower_end() -> None:
    assert arguments.integer("thing", 10**30, 1) == 10**30
    assert "1 or more" in refused(arguments.integer, 0, 1, kind=ValueError)


# flag


@pytest.mark.parametrize("value", [True, False])
def test_a_flag_is_true_or_false(value: bool) -> None:
    assert arguments.flag("thing", value) is value


@pytest.mark.parametrize("value", [0, 1, None, "", "yes", b"", [], 0.0, object], ids=repr)
def test_a_flag_is_nothing_that_merely_looks_like_it(value: Any) -> None:
    assert "True or False" in refused(arguments.flag, value, kind=TypeError)


# choice


@pytest.mark.parametrize("value", ["close", "reset"])
def test_a_choice_is_one_of_a_few_words(value: str) -> None:
    assert arguments.choice("thing", value, ("close", "reset")) == value


@pytest.mark.parametrize("value", ["Close", "", "clos", b"close", None, 0, [], {}, ("close",)], ids=repr)
def test_anything_else_is_told_the_words(value: Any) -> None:
    text = refusal(arguments.choice, value, ("close", "reset"))
    assert "thing must be one of 'close', 'reset'" in text
    assert repr(value) in text


# did_you_mean

SETTINGS = ("idle_timeout", "read_timeout", "high_water", "low_water")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("idle_timeuot", "idle_timeout"), ("idletimeout", "idle_timeout"), ("highwater", "high_water")],
)
def test_a_misspelt_word_is_answered_with_the_one_most_like_it(word: str, meant: str) -> None:
    assert arguments.did_you_mean(word, SETTINGS) == f" (did you mean {meant!r}?)"


@pytest.mark.parametrize("word", ["", "x", "colour"])
def test_a_word_like_no_other_is_answered_with_nothing(word: str) -> None:
    assert arguments.did_you_mean(word, SETTINGS) == ""
    assert arguments.did_you_mean(word, iter(())) == ""


# function


@pytest.mark.parametrize("value", [print, len, lambda: None, int, [].append])
def test_what_can_be_called_is_a_function(value: Any) -> None:
    assert arguments.function("thing", value) is value
    assert arguments.maybe_function("thing", value) is value


@pytest.mark.parametrize("value", [5, "print", b"", [], {}, Odd()], ids=repr)
@pytest.mark.parametrize("check", [arguments.function, arguments.maybe_function])
def test_what_cannot_be_called_is_no_function(check: Callable[..., Any], value: Any) -> None:
    assert "callable" in refused(check, value, kind=TypeError)


def test_no_function_at_all_is_allowed_only_where_it_may_be_left_out() -> None:
    assert arguments.maybe_function("thing", None) is None
    refused(arguments.function, None, kind=TypeError)


# descriptor


@pytest.mark.parametrize("value", [0, 1, 1000, Number.FIVE])
def test_a_descriptor_is_a_number(value: int) -> None:
    assert arguments.descriptor("thing", value) == value


def test_a_descriptor_is_what_fileno_says() -> None:
    class Open:
        def fileno(self) -> int:
            return 7

    assert arguments.descriptor("thing", Open()) == 7


@pytest.mark.parametrize("value", [None, "0", b"0", 1.0, True, [], Odd()], ids=repr)
def test_what_has_no_descriptor_is_refused(value: Any) -> None:
    assert "file descriptor" in refused(arguments.descriptor, value, kind=TypeError)


@pytest.mark.parametrize("value", [-1, -100, Closed()], ids=repr)
def test_a_closed_descriptor_is_refused(value: Any) -> None:
    assert "open file descriptor" in refused(arguments.descriptor, value, kind=ValueError)
