"""Which connections to give up when descriptors have run out, so that waiting clients can come in.

First the lingering ones: all their bytes were delivered, and only the peer's FIN is awaited. No other descriptor costs
so little. Then, if the program has set `give_up_idle`, the connections on which nothing has moved for that time, the
longest idle first, as nginx gives up its reusable connections. Of these only the ones that lose nothing by it: none of
our bytes is under way, none of the peer's is unread, no message is incomplete, and the program has not said
`conn.busy = True`. All end with the reason `GIVEN_UP`, and
their descriptors are free at the end of this turn.

Idle connections are searched for only in this case: one pass over all connections, a few milliseconds for ten thousand.
"""

from __future__ import annotations

from heapq import nsmallest
from itertools import islice

from ...hints import TYPE_CHECKING
from ..connection.account import Reason
from ..connection.idle import is_busy
from ..connection.states import DESTROY
from ..deadlines.gauges import NOT_YET
from ..deadlines.keeper import loses_nothing

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..connection.stream import Stream

LINGERING_BATCH = 64  # given up at a time
IDLE_BATCH = 32  # given up at a time; nginx drains up to 32


def give_up(connections: Collection[Stream], idle: float | None, now: float) -> int:
    """End some of them. Returns the number of descriptors that become free."""
    lingering = list(islice(filter(_lingers, connections), LINGERING_BATCH))
    for conn in lingering:
        conn._cut(Reason.GIVEN_UP)
    if lingering or idle is None:
        return len(lingering)
    still = (conn for conn in connections if _moved_at(conn) <= now - idle)
    longest = list(filter(_is_idle, nsmallest(IDLE_BATCH, still, key=_moved_at)))
    for conn in longest:
        conn._because(Reason.GIVEN_UP)
        conn._step(DESTROY)
    return len(longest)


def _lingers(conn: Stream) -> bool:
    """True if every byte of ours is delivered, and what the peer may still say is dropped."""
    # Of what was sent the FIN alone may still be unacknowledged; it counts one.
    return conn._life.discarding and conn._life.fin_sent and (conn._sock.unacknowledged() or 0) <= 1


def _moved_at(conn: Stream) -> float:
    """The last movement, as far as it has been noticed."""
    return max(conn._read_at, conn._wrote_at, conn._acked_at, conn._gauges.kept_at if conn._gauges else NOT_YET)


def _is_idle(conn: Stream) -> bool:
    """True if closing it now loses no byte and no half of a message."""
    return (
        conn._life.flowing
        and conn._life.open
        and not is_busy(conn)
        and loses_nothing(conn)
        and not (conn._intake is not None and conn._intake.unfinished)
    )
