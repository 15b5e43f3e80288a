"""What callbacks raise, in the log: a traceback for the first time, and from then on a count, at most once a second.

A callback that fails once fails again and again: a timer each second, a watch in each turn. asyncio and Tornado log a
traceback each time, so the log grows by a gigabyte an hour, and what else is in it cannot be found; libuv and Node end
the process. Here the same exception class of the same function is one *kind*, which is forgotten when it has not been
raised for a minute: then it is news again. Closures of one function are one kind too.

What listeners of connections raise does not come here: each ends its connection, and is logged with it.
"""

from __future__ import annotations

from types import CodeType

from ..foreign import said, shown
from ..hints import TYPE_CHECKING, Any
from ..log import log

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from .timers import Timer

    class Clockwork(Protocol):
        """What this needs of the loop."""

        @property
        def clock_time(self) -> Callable[[], float]: ...
        def call_later(self, seconds: float, fn: Callable[..., object], *args: Any) -> Timer: ...


PAUSE = 1.0  # seconds between two lines about one kind
NEWS = 60.0  # seconds after which a kind that was not raised is forgotten
MOST = 64  # kinds that are remembered; beyond, the one that was raised longest ago is forgotten


class Kind:
    """One class of exception, raised by one function."""

    __slots__ = ("at", "count", "name", "said", "timer")

    def __init__(self, name: str) -> None:
        self.name = name
        self.said = ""
        self.at = 0.0  # when it was raised last
        self.count = 0  # times that the log has not told yet
        self.timer: Timer | None = None  # for the next line


class RaisedLog:
    """Of one loop."""

    __slots__ = ("_kinds", "_loop")

    def __init__(self, loop: Clockwork) -> None:
        self._loop = loop
        self._kinds: dict[object, Kind] = {}  # the one that was raised longest ago is first

    def note(self, fn: object, error: BaseException) -> None:
        """`fn` has raised this."""
        key = _source(fn), type(error)
        now = self._loop.clock_time()
        kind = self._kinds.pop(key, None)
        if kind is None or now - kind.at > NEWS:
            kind = Kind(shown(fn))
            log.error("%s raised", kind.name, exc_info=error, extra={"callback": kind.name})
            if len(self._kinds) >= MOST:
                self._tell(self._kinds.pop(next(iter(self._kinds))))
        else:
            kind.count += 1
            kind.said = f"{type(error).__name__}: {said(error)}"
            if kind.timer is None:
                kind.timer = self._loop.call_later(PAUSE, self._tell, kind).unref()
        kind.at = now
        self._kinds[key] = kind

    def _tell(self, kind: Kind) -> None:
        if kind.timer is not None:
            kind.timer.cancel()
            kind.timer = None
        if kind.count:
            log.error(
                "%s raised %d more times, the last: %s",
                kind.name,
                kind.count,
                kind.said,
                extra={"callback": kind.name, "times": kind.count},
            )
            kind.count = 0

    def close(self) -> None:
        """The loop ends: tell what was not told yet."""
        for kind in self._kinds.values():
            self._tell(kind)
        self._kinds.clear()


def _source(fn: Any) -> object:
    """What is the same for all closures, methods and partials of one function. It keeps no object of the program."""
    while (inner := getattr(fn, "func", None)) is not None:
        fn = inner  # of a partial
    code = getattr(fn, "__code__", None)
    return code if isinstance(code, CodeType) else (type(fn), getattr(fn, "__qualname__", None))
