"""What the connections of a server hold in memory, all together, and who goes when it is too much.

A flush that leaves output pending notes here how much, and one that leaves none takes it back: so the sum is known
without asking anybody, and a `write` does no work for it. What a `write` adds to a buffer between two flushes is not
noted, but never lets a connection hold more than `Settings.room`; as long as all holders together would be within the
limit even then, nothing need be done. Otherwise they are asked, every RECOUNT seconds while it is so.

Over the limit, the one that holds most is reset first, and so on until the others are within it: it costs the fewest,
and who has let most pile up reads least. Redis evicts by the same rule (`maxmemory-clients`).

Rejected: adding up at each `write`, which every message would pay for; asking all connections each turn, which ten
thousand idle ones would pay for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...hints import TYPE_CHECKING, Protocol
from ..connection.account import Reason
from ..deadlines.agenda import Cancellable

if TYPE_CHECKING:
    from ..connection.connection import Connection

RECOUNT = 0.1  # seconds


class Clockwork(Protocol):
    """What is needed of a reactor."""

    def call_later(self, seconds: float, fn: Callable[..., object], /) -> Cancellable: ...


class MemoryLimit:
    """Of one server that has a `memory_limit`."""

    __slots__ = ("_held", "_loop", "_most", "_timer", "limit", "total")

    def __init__(self, loop: Clockwork, limit: int) -> None:
        self._loop = loop
        self.limit = limit
        self._held: dict[Connection, tuple[int, int]] = {}  # as noted, and what it may have become since
        self.total = 0  # bytes, as noted
        self._most = 0  # and as they may have become
        self._timer: Cancellable | None = None

    def note(self, conn: Connection) -> None:
        """A flush of this connection is over."""
        self._enter(conn)
        self._judge()

    def forget(self, conn: Connection) -> None:
        held, most = self._held.pop(conn, (0, 0))
        self.total -= held
        self._most -= most

    def recount(self) -> None:
        """Ask everybody who holds something."""
        self.close()
        for conn in list(self._held):
            self._enter(conn)
        self._judge()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _enter(self, conn: Connection) -> None:
        held = conn._held()
        if held or conn in self._held:
            self.forget(conn)
        if held:
            most = max(held, conn._settings.room)
            self._held[conn] = held, most
            self.total += held
            self._most += most

    def _judge(self) -> None:
        if self.total > self.limit:
            for conn in [conn for conn in self._held if conn.state == "closed"]:  # and not torn down yet
                self.forget(conn)
            for conn in sorted(self._held, key=lambda conn: self._held[conn], reverse=True):
                if self.total <= self.limit:
                    break
                self.forget(conn)
                conn.cut(Reason.BUFFER_LIMIT)
        if self._most > self.limit and self._timer is None:
            self._timer = self._loop.call_later(RECOUNT, self.recount)
            self._timer.unref()


def memory_limit_for(
    loop: Clockwork, limit: int | None, connections: Iterable[Connection], before: MemoryLimit | None
) -> MemoryLimit | None:
    """None where there is no limit. One that is as before goes on as it stands."""
    if before is not None and before.limit == limit:
        return before
    if before is not None:
        before.close()
    if limit is None:
        return None
    made = MemoryLimit(loop, limit)
    for conn in connections:
        made._enter(conn)
    made.recount()
    return made
