"""Whether a function takes the arguments it will get: the same answer as calling it would give."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

from reactor.signatures import fits, takes


class Thing:
    def __init__(self, one: object = None) -> None:
        """Takes up to one argument."""

    def method(self, one: object) -> None: ...

    @classmethod
    def of_class(cls, one: object) -> None: ...

    @staticmethod
    def static(one: object) -> None: ...

    def __call__(self, one: object, two: object = None) -> None: ...


def exactly(one: object) -> None: ...
def none() -> None: ...
def optional(one: object = None, two: object = None) -> None: ...
def several(one: object, *more: object) -> None: ...
def keyword(one: object, *, named: object) -> None: ...
def optional_keyword(one: object, *, named: object = None) -> None: ...
def positional(one: object, /, two: object = None) -> None: ...
def everything(*args: object, **options: object) -> None: ...


@functools.wraps(exactly)
def wrapper(*args: object) -> None: ...


FUNCTIONS: list[Callable[..., Any]] = [
    exactly, none, optional, several, keyword, optional_keyword, positional, everything, wrapper, lambda one: None,
    Thing().method, Thing.of_class, Thing.static, Thing(), Thing, Thing.method, Mock(),
    functools.partial(exactly), functools.partial(exactly, 1), functools.partial(several, 1, 2),
    functools.partial(keyword, named=1), functools.partial(Thing().method), functools.partial(optional, one=1),
]  # fmt: skip


def works(fn: Callable[..., Any], count: int) -> bool:
    try:
        fn(*(None,) * count)
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("fn", FUNCTIONS, ids=map(str, range(len(FUNCTIONS))))
def test_a_function_is_refused_if_and_only_if_calling_it_would_fail(fn: Callable[..., Any], count: int) -> None:
    refused = False
    try:
        takes("fn", fn, ", ".join("abcdefg"[:count]))
    except TypeError:
        refused = True
    assert refused is not works(fn, count)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("fn", FUNCTIONS, ids=map(str, range(len(FUNCTIONS))))
def test_what_is_given_with_its_arguments_is_refused_only_if_calling_it_would_fail(
    fn: Callable[..., Any], count: int
) -> None:
    if works(fn, count):
        fits("fn", fn, (None,) * count)


@pytest.mark.parametrize("fn", [print, [].append, int, max, dict, "".join, type])
def test_a_builtin_that_could_be_called_is_taken(fn: Callable[..., Any]) -> None:
    takes("fn", fn, "one")


def test_a_builtin_that_says_what_it_takes_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^a listener must take 2 arguments \(conn, data\), which .* does not$"):
        takes("a listener", [].append, "conn, data")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), r"fn must take the 0 arguments given with it, which <function exactly at 0x\w+> does not"),
        ((1, 2), r"fn must take the 2 arguments given with it, which <function exactly at 0x\w+> does not"),
    ],
)
def test_the_sentence_names_the_function_and_what_was_expected(args: tuple[Any, ...], text: str) -> None:
    with pytest.raises(TypeError, match=f"^{text}$"):
        fits("fn", exactly, args)
