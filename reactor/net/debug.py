"""Connections of a reactor in debug mode: they cost more and catch mistakes at the call.

Calls from a thread that does not run the reactor raise `WrongThread`. After every call from the loop, and so
after every listener, the invariant of closing.md is checked: whatever deadline runs, somebody will look no
later than it expires; a connection that is closing, half-closed, or whose peer is known to be gone is
therefore never left without an armed timer. Assigning to an attribute that a connection does not have raises
`AttributeError` in any mode; here it names the one that was meant. (`__setattr__` would cost each message half a dozen
calls, so connections have none otherwise; Python 3.13 tells it by itself.)
"""

from __future__ import annotations

import functools

from .. import arguments
from ..hints import TYPE_CHECKING
from .connection.connection import Connection
from .connection.listeners import is_framer
from .deadlines.keeper import Keeper
from .deadlines.rules import ACK_LOOK

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CALLS = (
    "write", "writelines", "corked", "end", "destroy_soon", "destroy", "reset", "pause", "resume", "touch",
    "set_timeout", "on", "once", "off", "set_no_delay", "set_keep_alive", "set_user_timeout", "_change_setting",
    "ref", "unref", "pipe", "unpipe", "send_file", "set_encoding", "detach",
)  # fmt: skip


class CheckedConnection(Connection):
    """A connection that checks who calls, and itself."""

    __slots__ = ()

    _CHECKED = True

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name):
            raise arguments.no_attribute(self, name)
        super().__setattr__(name, value)

    def _on_data(self, data: bytes) -> None:
        framer = next(filter(is_framer, self._listeners.each("data")), None)
        if framer is None or self._loop.stopwatch is None:
            super()._on_data(data)
        else:  # the function of the program is inside a framer, whose `repr` names it
            self._loop.stopwatch.call(super()._on_data, data, named=framer)
        self._check()

    def _guarded(self, fn: Callable[..., object], *args: Any) -> None:
        super()._guarded(self._loop.timed(fn), *args)

    def _on_ready(self, mask: int) -> None:
        super()._on_ready(mask)
        self._check()

    def _on_flush(self) -> None:
        super()._on_flush()
        self._check()

    def _check(self) -> None:
        if self._life.over or self._flush_due:
            return
        fin_sent = self._life.fin_sent
        now = self._loop.turn_now
        moment, reason = self._owner._keeper.explain(self, now, fin_sent and bool(self._sock.unacknowledged()))
        late = ACK_LOOK if fin_sent else 0.0  # it may have been acknowledged since the last look
        if reason is not None and self._look_at > max(moment, now) + late:
            raise AssertionError(f"{self!r} ({self._life!r}) has no timer for {reason} at {moment}")


class CheckedKeeper(Keeper):
    """A keeper that lets each connection check itself after a look."""

    __slots__ = ()

    def look(self, stream: Any, now: float) -> None:
        super().look(stream, now)
        stream._check()


def _checked(name: str) -> Callable[..., Any]:
    unchecked = getattr(Connection, name)

    @functools.wraps(unchecked)
    def call(self: CheckedConnection, *args: Any, **options: Any) -> Any:
        self._loop.check_thread()
        return unchecked(self, *args, **options)

    return call


for _name in _CALLS:
    setattr(CheckedConnection, _name, _checked(_name))
