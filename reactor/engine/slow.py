"""Slow callbacks, in debug mode: the function of the program that took long is named, and not the library's own that
has called it.

The loop times what it calls, which is mostly a method of a connection; `Timed` times a listener inside that. Time that
was told of a listener is taken off the time of its caller, so each slow stretch is told once, of the innermost function
that is known.
"""

from __future__ import annotations

import time

from ..foreign import shown
from ..hints import TYPE_CHECKING, Any
from ..log import log

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW_CALLBACK = 0.1  # seconds; as asyncio's slow_callback_duration


class Stopwatch:
    """Of one loop in debug mode."""

    __slots__ = ("_guarded", "_told")

    def __init__(self, guarded: Callable[..., None]) -> None:
        self._guarded = guarded  # calls a function, and keeps what it raises
        self._told = 0.0  # seconds that were told, since the loop was made

    def invoke(self, fn: Callable[..., object], *args: Any) -> None:
        """Call `fn(*args)` for the loop, guarded and timed."""
        self.call(self._guarded, fn, *args, named=fn)

    def timed(self, fn: Callable[..., Any]) -> Timed:
        """The function, timed at each call."""
        return Timed(self, fn)

    def call(self, fn: Callable[..., Any], *args: Any, named: object = None) -> Any:
        """What `fn(*args)` returns or raises. If it takes long, the log has a line that names `named`, or `fn`."""
        began, told = time.perf_counter(), self._told
        try:
            return fn(*args)
        finally:
            took = time.perf_counter() - began - (self._told - told)
            if took >= SLOW_CALLBACK:
                self._told += took
                name = shown(fn if named is None else named)
                log.warning("%s took %.0f ms", name, took * 1000, extra={"callback": name, "seconds": took})


class Timed:
    """A function of the program, timed at each call. It is equal to the function, so that `off` finds it."""

    __slots__ = ("_stopwatch", "fn")

    def __init__(self, stopwatch: Stopwatch, fn: Callable[..., Any]) -> None:
        self._stopwatch = stopwatch
        self.fn = fn

    def __call__(self, *args: Any) -> Any:
        return self._stopwatch.call(self.fn, *args)

    def __eq__(self, other: object) -> bool:
        return bool(self.fn == (other.fn if isinstance(other, Timed) else other))

    def __hash__(self) -> int:
        return hash(self.fn)

    def __repr__(self) -> str:
        return repr(self.fn)
