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
from reactor.foreign import shown


class Number(enum.IntEnum):
    FIVE = 5


class File:
    """What has this for a descriptor."""

    def __init__(self, descriptor: object) -> None:
        self.descriptor = descriptor

    def fileno(self) -> object:
        return self.descriptor


CLOSED, ODD, OPEN = File(-1), File("3"), File(7)
NO_NUMBERS: list[Any] = [
    None, "5", b"5", [], (1,), {}, True, False, 1j, decimal.Decimal(5), fractions.Fraction(1, 2), object,
]  # fmt: skip
# The last two are more than a float can hold.
NO_SECONDS = [-1, -0.001, -math.inf, math.inf, math.nan, 10**400, -(10**400)]
NO_FUNCTIONS = [5, "print", b"", [], {}, ODD]
WORDS = ("close", "reset")

# What is asked, with what besides, of which values, and in which form they come back; None: as they are.
TAKEN: dict[str, tuple[Callable[..., Any], dict[str, Any], list[Any], type | None]] = {
    "seconds are floats": (arguments.seconds, {}, [0.001, 1, 1.5, 86_400, 1e9, Number.FIVE], float),
    "zero seconds where they mean something": (arguments.seconds, {"zero": True}, [0, 0.0, -0.0, 5], float),
    "no seconds at all mean never where that is allowed": (arguments.maybe_seconds, {}, [None], None),
    "nor with a zero": (arguments.maybe_seconds, {"zero": True}, [None], None),
    "seconds where they may be left out": (arguments.maybe_seconds, {"zero": True}, [0, 5], float),
    "integers within their span": (arguments.integer, {"low": 0, "high": 65_535}, [0, 1, 65_535, Number.FIVE], int),
    "integers without an upper end": (arguments.integer, {"low": 1}, [1, 10**30], int),
    "a flag": (arguments.flag, {}, [True, False], None),
    "one of a few words": (arguments.choice, {"allowed": WORDS}, ["close", "reset"], None),
    "what can be called": (arguments.function, {}, [print, len, abs, int, [].append], None),
    "what can be called, or nothing": (arguments.maybe_function, {}, [print, int, [].append, None], None),
    "a descriptor is a number": (arguments.descriptor, {}, [0, 1, 1000, Number.FIVE], None),
}


@pytest.mark.parametrize("promise", TAKEN)
def test_what_fits_comes_back_in_the_form_the_library_uses(promise: str) -> None:
    check, besides, values, form = TAKEN[promise]
    for value in values:
        found = check("thing", value, **besides)
        assert found is value if form is None else (found, type(found)) == (value, form)


def test_a_descriptor_is_what_fileno_says() -> None:
    assert arguments.descriptor("thing", OPEN) == 7


# What is asked, with what besides, of which values; what is raised, and which words of what was expected are in it.
REFUSED: dict[str, tuple[Callable[..., Any], dict[str, Any], list[Any], type[Exception], str]] = {
    "seconds are a number": (arguments.seconds, {}, NO_NUMBERS, TypeError, "number of seconds"),
    "also where zero means something": (arguments.seconds, {"zero": True}, NO_NUMBERS, TypeError, "number of seconds"),
    "seconds are positive and finite": (arguments.seconds, {}, [*NO_SECONDS, 0, 0.0, -0.0], ValueError, "more than 0"),
    "or zero": (arguments.seconds, {"zero": True}, NO_SECONDS, ValueError, "0 or more"),
    "or nothing": (arguments.maybe_seconds, {}, NO_NUMBERS[1:], TypeError, "number of seconds"),
    "an integer is a whole number": (
        arguments.integer, {"low": 0, "high": 65_535}, [*NO_NUMBERS, 5.0, 1.5, math.inf, math.nan], TypeError,
        "whole number from 0 to 65535",
    ),
    "an integer lies within its span": (
        arguments.integer, {"low": 0, "high": 65_535}, [-1, 65_536, 70_000, -(10**30), 10**30], ValueError,
        "from 0 to 65535",
    ),
    "or above its lower end": (arguments.integer, {"low": 1}, [0], ValueError, "1 or more"),
    "a flag is nothing that looks like one": (
        arguments.flag, {}, [0, 1, None, "", "yes", b"", [], 0.0, object], TypeError, "True or False",
    ),
    "a choice is told the words": (
        arguments.choice, {"allowed": WORDS}, ["Close", "", "clos", b"close", None, 0, [], {}, ("close",)], ValueError,
        "one of 'close', 'reset'",
    ),
    "a function can be called": (arguments.function, {}, [*NO_FUNCTIONS, None], TypeError, "callable"),
    "or is left out": (arguments.maybe_function, {}, NO_FUNCTIONS, TypeError, "callable"),
    "a descriptor has a number": (
        arguments.descriptor, {}, [None, "0", b"0", 1.0, True, [], ODD], TypeError, "file descriptor",
    ),
    "a descriptor is open": (arguments.descriptor, {}, [-1, -100, CLOSED], ValueError, "open file descriptor"),
}  # fmt: skip


@pytest.mark.parametrize("promise", REFUSED)
def test_what_does_not_is_refused_with_its_name_its_value_and_what_was_expected(promise: str) -> None:
    check, besides, values, kind, expected = REFUSED[promise]
    for value in values:
        with pytest.raises(kind) as caught:
            check("thing", value, **besides)
        text = str(caught.value)
        assert text.startswith("thing must be "), value
        assert shown(value) in text
        assert expected in text


# did_you_mean

SETTINGS = ("idle_timeout", "read_timeout", "high_water", "low_water")


@pytest.mark.parametrize(
    ("word", "meant"), [("idle_timeuot", "idle_timeout"), ("idletimeout", "idle_timeout"), ("highwater", "high_water")]
)
def test_a_misspelt_word_is_answered_with_the_one_most_like_it(word: str, meant: str) -> None:
    assert arguments.did_you_mean(word, SETTINGS) == f" (did you mean {meant!r}?)"


def test_a_word_like_no_other_is_answered_with_nothing() -> None:
    for word in ("", "x", "colour"):
        assert arguments.did_you_mean(word, SETTINGS) == arguments.did_you_mean(word, iter(())) == ""
