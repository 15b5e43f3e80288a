"""Whether a connection is idle, and `conn.busy`, by which a program says that it is not.

A connection is idle if nothing of ours waits to be sent or acknowledged, nothing that came waits for a listener, and
the program is not at work for it. The first two the library sees; the third it cannot see: a job in a thread, or a
question to another server, whose result is going to be the response. Who asks: a stop (`server/stopping.py`), which
ends idle connections first, and `give_up_idle` (`server/pressure.py`).

The flag is kept among the gauges of the connection, so that an idle one that was never busy costs nothing.
"""

from __future__ import annotations

from ... import arguments
from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Self, overload

    from .stream import Stream


class Busy:
    """True while the program is at work for this connection: a stop then does not end it before its grace is over, and
    `give_up_idle` never. False at first.

    Set it to True when a request has come whose response takes time, and to False after the response was written.
    """

    if TYPE_CHECKING:

        @overload
        def __get__(self, conn: None, owner: type) -> Self: ...
        @overload
        def __get__(self, conn: Stream, owner: type) -> bool: ...

    def __get__(self, conn: Any, owner: type) -> Any:
        return self if conn is None else is_busy(conn)

    def __set__(self, conn: Stream, value: bool) -> None:
        conn._loop.check_thread()
        if arguments.flag("busy", value) is not is_busy(conn):
            conn._made_gauges().busy = value
            if not value:
                conn._owner._connection_at_rest(conn)


def is_busy(stream: Stream) -> bool:
    """True if the program says that it is at work for this connection."""
    return stream._gauges is not None and stream._gauges.busy


def waits_to_be_heard(stream: Stream) -> bool:
    """True if something that came waits for listeners that can still do something about it. A paused connection whose
    own half has ended, or is broken, can answer nothing: what its peer says now is not waited for.
    """
    life = stream._life
    return not life.over and (life.writable or not life.paused) and stream._input_waits()


def has_work(stream: Stream) -> bool:
    """True if the program is at work for this connection, or something that came waits to be heard."""
    return is_busy(stream) or waits_to_be_heard(stream)
