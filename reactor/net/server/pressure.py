"""Which connections to give up when descriptors have run out, so that waiting clients can come in.

First the lingering ones: all their bytes were delivered, and only the peer's FIN is awaited. No other descriptor costs
so little. Then, if the program has set `give_up_idle`, the connections on which nothing has moved for that time, the
longest idle first, as nginx gives up its reusable connections. Of these only the ones that lose nothing by it: none of
our bytes is under way, none of the peer's is unread, no message is incomplete. All end with the reason `GIVEN_UP`, and
their descriptors are free at the end of this turn.

Idle connections are searched for only in this case: one pass over all connections, a few milliseconds for ten thousand.
"""

from __future__ import annotations

from collections.abc import Collection
from heapq import nsmallest

from ...hints import TYPE_CHECKING
from ..connection.account import Reason

if TYPE_CHECKING:
    from ..connection.connection import Connection

LINGERING_BATCH = 64  # given up at a time
IDLE_BATCH = 32  # given up at a time; nginx drains up to 32


def give_up(connections: Collection[Connection], idle: float | None, now: float) -> int:
    """End some of them. Returns the number of descriptors that become free."""
    return _give_up_lingering(connections) or (0 if idle is None else _give_up_idle(connections, now - idle))


def _give_up_lingering(connections: Collection[Connection]) -> int:
    given_up = 0
    for conn in connections:
        if conn.lingers:
            conn.cut(Reason.GIVEN_UP)
            given_up += 1
            if given_up == LINGERING_BATCH:
                break
    return given_up


def _give_up_idle(connections: Collection[Connection], since: float) -> int:
    given_up = 0
    idle = (conn for conn in connections if conn.moved_at <= since)
    for conn in nsmallest(IDLE_BATCH, idle, key=lambda conn: conn.moved_at):
        given_up += conn.give_up()
    return given_up
