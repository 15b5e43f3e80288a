"""The limit on what all connections of a server hold in memory together, and which of them end when it is too much.

A flush that leaves output pending notes here how much, and a flush that leaves none takes it back: so the sum is known
without asking the connections, and a `write` does no work for it. What a `write` adds to a buffer between two flushes
is not noted, but it never lets a connection hold more than `Settings.room`. While all holders together would be within
the limit even if each held that much, there is nothing to do. Otherwise they are asked every RECOUNT seconds.

Over the limit, the connection that holds most is reset first, then the next, until the others are within the limit:
this ends the fewest connections, and the one with most output pending reads least. Redis evicts by the same rule
(`maxmemory-clients`).

Rejected: adding up at each `write`, which every message would pay for; asking all connections in each turn, which ten
thousand idle ones would pay for.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ..connection.account import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from ..connection.states import State
    from ..deadlines.agenda import Cancellable
    from ..settings import Settings

    class Clockwork(Protocol):
        """What the limit needs of a reactor."""

        def call_later(self, seconds: float, fn: Callable[..., object], /) -> Cancellable: ...

    class Holder(Protocol):
        """What the limit needs of a connection."""

        _life: State
        _settings: Settings

        def _held(self) -> int: ...  # bytes
        def _cut(self, reason: Reason) -> None: ...


RECOUNT = 0.1  # seconds


class MemoryLimit:
    """Of one server that has a `memory_limit`."""

    __slots__ = ("_holders", "_loop", "_most", "_timer", "limit", "total")

    def __init__(self, loop: Clockwork, limit: int) -> None:
        self._loop = loop
        #: Bytes.
        self.limit = limit
        self._holders: dict[Holder, tuple[int, int]] = {}  # bytes as noted, and the most that they may be by now
        #: The sum of the bytes that were noted, and of the most that they may be by now.
        self.total = self._most = 0
        self._timer: Cancellable | None = None

    def note(self, conn: Holder) -> None:
        """A flush of this connection is over."""
        self._enter(conn)
        self._judge()

    def forget(self, conn: Holder) -> None:
        """This connection holds nothing any more. Harmless when it held nothing."""
        noted, most = self._holders.pop(conn, (0, 0))
        self.total -= noted
        self._most -= most

    def recount(self) -> None:
        """Ask every holder how much it holds now."""
        self.close()
        for conn in list(self._holders):
            self._enter(conn)
        self._judge()

    def close(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _enter(self, conn: Holder) -> None:
        held = conn._held()
        if held or conn in self._holders:
            self.forget(conn)
        if held:
            most = max(held, conn._settings.room)
            self._holders[conn] = held, most
            self.total += held
            self._most += most

    def _judge(self) -> None:
        if self.total > self.limit:
            for conn in [conn for conn in self._holders if conn._life.over]:  # closed, and not torn down yet
                self.forget(conn)
            for conn in sorted(self._holders, key=self._holders.__getitem__, reverse=True):
                if self.total <= self.limit:
                    break
                self.forget(conn)
                conn._cut(Reason.BUFFER_LIMIT)
        if self._most > self.limit and self._timer is None:
            self._timer = self._loop.call_later(RECOUNT, self.recount).unref()


def memory_limit_for(
    loop: Clockwork, limit: int | None, connections: Iterable[Holder], before: MemoryLimit | None
) -> MemoryLimit | None:
    """What keeps this limit; None where there is none. If the limit is the same as before, `before` goes on."""
    if before is not None and before.limit == limit:
        return before
    if before is not None:
        before.close()
    if limit is None:
        return None
    memory = MemoryLimit(loop, limit)
    for conn in connections:
        memory._enter(conn)
    memory.recount()
    return memory
