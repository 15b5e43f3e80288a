"""`set_timeout`: one timer of the reactor, looked at lazily. Traffic stamps the connection and never touches
it.
"""

from __future__ import annotations

from ... import arguments
from ...hints import TYPE_CHECKING
from ..deadlines.agenda import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...engine.timers import Timer
    from .stream import Stream


class Silence:
    """Tells a connection once per silence of `seconds`."""

    __slots__ = ("_conn", "_fired_at", "_seconds", "_started_at", "_timer")

    def __init__(self, conn: Stream, seconds: float) -> None:
        self._conn = conn
        self._seconds = seconds
        self._started_at = conn._loop.clock_time()
        self._fired_at = -NEVER
        self._timer = self._set(self._started_at + seconds)

    def cancel(self) -> None:
        self._timer.cancel()

    def _set(self, when: float) -> Timer:
        return self._conn._loop.call_at(when, self._look).unref()

    def _look(self) -> None:
        conn, now = self._conn, self._conn._loop.turn_now
        if conn._life.over:
            return
        ended = conn._loop.stalls.get
        moved = max(ended(conn._read_at, conn._read_at), ended(conn._wrote_at, conn._wrote_at))
        due = max(moved, self._started_at) + self._seconds
        if moved <= self._fired_at:  # this silence was told already
            due = now + self._seconds
        elif due <= now:
            self._fired_at = moved
            self._timer = self._set(now + self._seconds)  # before the listener, which may leave run(), or disarm
            conn._emit("timeout", None)
            return
        self._timer = self._set(due)


def set_silence(conn: Stream, seconds: float | None, listener: Callable[..., object] | None) -> None:
    """Begin to tell of silences of `seconds`, `listener` too of the first, and forget those from before. None or 0:
    tell of none.
    """
    if conn._gauges is not None:
        conn._gauges.end_silence()
    if seconds and not conn._life.over:
        conn._made_gauges().silence = Silence(conn, seconds)
        if listener is not None:
            conn._add_listener("timeout", arguments.listener("listener", listener), once=True)
