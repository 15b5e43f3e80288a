"""A server's stop under way: since when, until when, what to count from, whom to tell, and who is ended when.

With `spread`, connections are ended one after the other, evenly until that time is over, the oldest first: clients that
all come back at once are a storm for whoever takes over (HAProxy's close-spread-time).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from ... import arguments
from ...engine.timers import Timer
from ...hints import TYPE_CHECKING
from ..connection.account import Reason
from .tally import Tally

if TYPE_CHECKING:
    from ..connection.connection import Connection
    from .server import Server

StopCallback = Callable[["Server", "Exception | None"], object]

BACKLOG_BOUND = 65_536  # accepts at a shutdown: above any backlog (somaxconn: 4096), and no flood holds it up
TICK = 0.01  # seconds between endings that are spread; what is due by then is ended together


def check_stop(grace: float, end: bool, spread: float) -> None:
    """Raises TypeError and ValueError for what `shutdown` cannot mean."""
    arguments.seconds("grace", grace, zero=True)
    arguments.flag("end", end)
    arguments.seconds("spread", spread, zero=True)
    if spread > grace:
        raise ValueError(f"spread must be at most grace ({grace!r}), since what is left then is reset, not {spread!r}")
    if spread and not end:
        raise ValueError(f"spread must be 0 with end=False, since nobody is ended by the server then, not {spread!r}")


class Stop:
    """Made by the first `close()` or `shutdown()`, gone with `stopped`."""

    __slots__ = (
        "_deadline_timer", "_server", "_spread_timer", "_told", "_waiting", "answers", "deadline", "end",
        "spread_until", "started_at", "tally_before",
    )  # fmt: skip

    def __init__(self, server: Server, now: float, tally: Tally) -> None:
        self._server = server
        self.started_at = now
        self.tally_before = tally
        self.deadline: float | None = None  # None: close() waits as long as the connections live
        self.end = False
        self.spread_until = inf
        self.answers: list[tuple[StopCallback, Exception | None]] = []
        self._told = False
        self._waiting: deque[Connection] = deque()
        self._deadline_timer: Timer | None = None
        self._spread_timer: Timer | None = None

    def shorten(self, deadline: float, end: bool, spread_until: float) -> None:
        """`shutdown()` was called, perhaps again: what is sooner counts."""
        self.end = self.end or end
        if end:
            self.spread_until = min(self.spread_until, spread_until)
            self._stop_spreading()
        if self.deadline is None or deadline < self.deadline:
            self.deadline = deadline
            if self._deadline_timer is not None:
                self._deadline_timer.cancel()
            self._deadline_timer = self._server.loop.call_at(deadline, self._grace_over)
            if deadline < self.spread_until < inf:
                self.spread_until = deadline
                self._stop_spreading()
        self._server.loop.call_soon(self.drain)

    def drain(self) -> None:
        """The first turn of a shutdown. No client whose `connect()` had returned is lost (closing.md, fact
        10).
        """
        server = self._server
        if server._stop is not self:  # over, and perhaps it listens again
            return
        for listener in list(server._listeners):
            listener.hide()
            listener.accept(BACKLOG_BOUND)
        server._close_listeners()
        if server._stop is not self or self.deadline is None:
            return
        if not self._told:
            self._told = True
            server.loop.call_soon(self.drain)  # goes on should a listener leave run(); else it finds nothing to do
            server._emit("draining", self.deadline)
        if self.end and self._spread_timer is None:
            if not self._waiting:
                self._waiting = deque(conn for conn in server.connections if conn.state != "closing")
            self._end_some(server.loop.now, len(self._waiting))
        server._check_stopped()

    def _end_some(self, began: float, total: int) -> None:
        """End those whose turn has come: so many are to be left as is the share of the time that is left."""
        self._stop_spreading()
        waiting, now = self._waiting, self._server.loop.now
        left, span = self.spread_until - now, self.spread_until - began
        remain = int(total * left / span) if left > 0 else 0
        count = max(len(waiting) - remain, 1) if left > 0 else len(waiting)
        for _ in range(min(count, len(waiting))):
            waiting.popleft()._destroy_soon_by_us()
        if waiting:
            pause = max(span / total, TICK)
            self._spread_timer = self._server.loop.call_later(pause, self._end_some, began, total)

    def _stop_spreading(self) -> None:
        if self._spread_timer is not None:
            self._spread_timer.cancel()
            self._spread_timer = None

    def _grace_over(self) -> None:
        self.drain()
        for conn in list(self._server.connections):
            conn._cut(Reason.SHUTDOWN_DEADLINE)

    def cancel(self) -> None:
        self._waiting.clear()
        self._stop_spreading()
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
