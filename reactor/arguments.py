"""Checks of arguments: one function for each kind of argument, one sentence for each mistake.

Every check returns the value in the form the library uses, or raises ``TypeError`` or ``ValueError`` naming
the argument, its value and what was expected.
"""

from __future__ import annotations

import functools
import math
import os
import stat
import sys
from types import BuiltinFunctionType, FunctionType, MethodType

from .foreign import shown
from .hints import TYPE_CHECKING
from .signatures import fits, takes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

CO_COROUTINE = 0x80  # of a code object: made by `async def` (inspect.CO_COROUTINE)


def seconds(name: str, value: Any, *, zero: bool = False) -> float:
    """A finite duration in seconds: more than 0; 0 too where `zero` is True."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, not {shown(value)}")
    number = _float(value)
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ValueError(
            f"{name} must be {'0 or more' if zero else 'more than 0'} seconds and finite, not {shown(value)}"
        )
    return number


def moment(name: str, value: Any) -> float:
    """A finite point in time, in seconds; it may lie before the clock's zero."""
    if isinstance(value, (int, float)) and value < 0:
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite time in seconds, not {shown(value)}")
        return -seconds(name, -value)
    return seconds(name, value, zero=True)


def seconds_up_to(name: str, value: Any, most: float, *, zero: bool = False) -> float:
    """A duration as for `seconds`, up to `most`, the limit of the kernel."""
    number = seconds(name, value, zero=zero)
    if number > most:
        raise ValueError(f"{name} must be at most {most} seconds, which is all the kernel takes, not {shown(value)}")
    return number


def maybe_seconds(name: str, value: Any, *, zero: bool = False) -> float | None:
    """A duration as for `seconds`, or None for "never"."""
    return None if value is None else seconds(name, value, zero=zero)


def positive(expected: str, number: Any, value: Any) -> float:
    """A finite number above 0, which is `value` or a part of it."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise TypeError(f"{expected}, not {shown(value)}")
    found = _float(number)
    if not math.isfinite(found) or found <= 0:
        raise ValueError(f"{expected}, more than 0 and finite, not {shown(value)}")
    return found


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond what a float can hold
        return math.inf


def integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """A whole number from `low` to `high`, both included."""
    span = f"{low} or more" if high is None else f"from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number {span}, not {shown(value)}")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} must be {span}, not {shown(value)}")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """True or False; 0, 1 and the like are refused."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return value


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """One of the allowed words."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {shown(value)}")
    return str(value)


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """The end of a sentence that refuses `word`: " (did you mean 'x'?)" with the allowed word that is most like it, or
    "" if none is like it.
    """
    found = closest(word, allowed)
    return "" if found is None else f" (did you mean {found!r}?)"


def no_attribute(thing: object, name: str) -> AttributeError:
    """What assigning to an attribute that `thing` does not have raises, with the public one that was meant."""
    known = [known for known in dir(type(thing)) if not known.startswith("_")]
    return AttributeError(f"{type(thing).__name__!r} object has no attribute {name!r}{did_you_mean(name, known)}")


def closest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that is most like `word`; None if none is like it."""
    import difflib  # only where a word is refused: it takes longer to import than this module

    return next(iter(difflib.get_close_matches(word, allowed, n=1)), None)


def function(name: str, value: object) -> Callable[..., Any]:
    """A callable object."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {shown(value)}")
    return value


def listener(name: str, value: Any) -> Callable[..., Any]:
    """A callable object that is no coroutine function: calling one only makes a coroutine."""
    if _is_coroutine_function(value):
        raise TypeError(
            f"{name} must be a plain function, not the coroutine function {shown(value)}: nothing would await it"
        )
    return function(name, value)


def maybe_listener(name: str, value: Any) -> Callable[..., Any] | None:
    """A listener as for `listener`, or None."""
    return None if value is None else listener(name, value)


def _is_coroutine_function(value: Any) -> bool:
    """True if `inspect` says so. Only a function that was marked by `inspect` (3.12) needs it, and then it is loaded
    already; importing it takes longer than importing this library.
    """
    if "inspect" in sys.modules:
        return bool(sys.modules["inspect"].iscoroutinefunction(value))
    while isinstance(value, (MethodType, functools.partial)):
        value = value.__func__ if isinstance(value, MethodType) else value.func
    return bool(getattr(getattr(value, "__code__", None), "co_flags", 0) & CO_COROUTINE)


def maybe_function(name: str, value: Any) -> Callable[..., Any] | None:
    """A callable object, or None."""
    return None if value is None else function(name, value)


def callback(name: str, value: Any, told: str) -> Callable[..., Any]:
    """A callable object that takes the arguments that `told` lists, like "conn, data"."""
    takes(name, function(name, value), told)
    return function(name, value)


def maybe_callback(name: str, value: Any, told: str) -> Callable[..., Any] | None:
    """The same, or None."""
    return None if value is None else callback(name, value, told)


def call(value: Any, args: tuple[Any, ...]) -> Callable[..., Any]:
    """A callable object that takes these arguments."""
    # First those that nearly all are: calls may be as many as messages. Of a builtin nothing is known.
    found: Callable[..., Any] = value
    kind = type(value)
    if kind is FunctionType or kind is MethodType:
        code = value.__code__ if kind is FunctionType else getattr(value.__func__, "__code__", None)
        if code is not None and code.co_argcount == len(args) + (kind is MethodType) and not code.co_kwonlyargcount:
            return found
    elif kind is BuiltinFunctionType:
        return found
    if callable(value):
        fits("fn", value, args)
    return function("fn", value)


def descriptor(name: str, value: Any) -> int:
    """A file descriptor: a number, or an object with `fileno()`."""
    fileno = getattr(value, "fileno", None)
    number = fileno() if callable(fileno) else value
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} must be a file descriptor or have a fileno() method, not {shown(value)}")
    if number < 0:
        raise ValueError(f"{name} must be an open file descriptor, not {shown(value)} (descriptor {number})")
    return number


def no_tls(name: str, value: object, why: str) -> None:
    """Raise TypeError for an `ssl.SSLSocket`: its bytes are not those of its descriptor."""
    ssl = sys.modules.get("ssl")  # where it is not loaded, nobody has one
    if isinstance(value, getattr(ssl, "SSLSocket", ())):
        raise TypeError(f"{name} must be a plain socket, not {shown(value)}: {why}")


def kind_of_file(fd: int) -> str:
    """What an open descriptor is, in words: "a plain file", "a pipe", "a socket", ... Raises OSError for one that is
    not open.
    """
    kinds = {
        stat.S_IFREG: "a plain file",
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(os.fstat(fd).st_mode), "no file")  # epoll, eventfd and their like have no type
