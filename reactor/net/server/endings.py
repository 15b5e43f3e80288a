"""Ending many connections in order, each as soon as that costs nobody anything. A stop does it.

    at work    the program is busy with it, or something that had come waits for a listener: it is left open until that
               is over, and then ended like the others
    ended      `destroy_soon()`, or with `half` `end()`: what was written is sent, then FIN
    lingering  everything of ours, FIN included, is acknowledged, and only the FIN of the peer is missing: after
               `fin_wait` seconds in which nothing came, the socket is closed, reason `SHUTDOWN_IDLE`

A client that keeps connections in a pool looks at them when it needs one, and answers our FIN only then. To wait for
that for the whole grace would make every restart take the whole grace; Node, Go and nginx close such connections at
once. Closing loses nothing of ours: the peer's kernel has all bytes, and their end. What a client sends into that
moment is counted as discarded, and it meets our FIN, as with every server that keeps connections alive. A client that
goes on sending is not idle, and has the whole grace: RST would reach it in the middle of its message.

Both kinds are looked at from time to time, a bounded number in each turn. Nothing is done for each message.
"""

from __future__ import annotations

from collections import deque
from math import inf

from ...hints import TYPE_CHECKING
from ..connection.account import Reason
from ..connection.idle import has_work, is_busy, waits_to_be_heard
from ..connection.states import DESTROY, END

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...engine.timers import Timer
    from ...engine.turn import Turns
    from ..connection.connection import Connection

FIN_WAIT = 0.2  # seconds: the round trip to the other side of the earth, for a peer that follows our FIN by itself
PAUSE = 0.25  # seconds between two looks at a connection that is at work, beside those that something calls for
SHORTEST = 0.01  # seconds between two looks for a FIN
LOOKS_PER_TURN = 256  # a millisecond, so that the clients that are served meanwhile hardly notice


class Looks:
    """Connections to look at again and again, each `pause` seconds after the last look."""

    __slots__ = ("_look", "_loop", "_pause", "_queue", "_timer")

    _timer: Timer | None

    def __init__(self, loop: Turns, pause: float, look: Callable[[Connection], bool]) -> None:
        self._loop = loop
        self._pause = pause
        self._look = look  # True: look again
        self._queue: deque[tuple[float, Connection]] = deque()  # the soonest first
        self._timer = None

    def add(self, conn: Connection) -> None:
        """Look at this one too."""
        self._queue.append((self._loop.clock_time() + self._pause, conn))
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._queue:
            self._timer = self._loop.call_at(self._queue[0][0], self._look_at_due).unref()

    def _look_at_due(self) -> None:
        self._timer = None
        now, queue = self._loop.turn_now, self._queue
        for _ in range(LOOKS_PER_TURN):
            if not queue or queue[0][0] > now:
                break
            conn = queue.popleft()[1]
            if self._look(conn):
                queue.append((now + self._pause, conn))
        self._arm()

    def stop(self) -> None:
        """Look at nothing any more."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Endings:
    """The endings of one stop."""

    __slots__ = ("_at_work", "_fin_wait", "_fins", "_half", "_loop", "_work")

    def __init__(self, loop: Turns, half: bool, fin_wait: float) -> None:
        self._loop = loop
        self._half = half
        self._fin_wait = fin_wait  # seconds; inf: the FIN of a peer is awaited until the stop itself is over
        self._at_work: dict[Connection, int] = {}  # and how many bytes it has received when its listeners have heard
        self._work = Looks(loop, PAUSE, self._look_at_work)
        self._fins = Looks(loop, max(fin_wait, SHORTEST), self._look_for_fin)

    def end(self, conn: Connection) -> None:
        """End it now, or as soon as it is not at work any more."""
        if conn in self._at_work:
            return
        if conn.state != "closing" and has_work(conn):
            held = 0 if conn._intake is None else len(conn._intake.held)
            self._at_work[conn] = conn.bytes_read + held + conn._sock.unread()
            self._work.add(conn)
            self.at_rest(conn)  # perhaps: what waits in the kernel is read in this turn
        else:
            self._end_now(conn)

    def at_rest(self, conn: Connection) -> None:
        """It may be at rest, since the program has said that it is not busy any more: look in the next turn, when it
        has written what it wants.
        """
        if conn in self._at_work:
            self._loop.call_soon(self._look_at_work, conn)

    def _look_at_work(self, conn: Connection) -> bool:
        """True: it is still at work."""
        heard = self._at_work.get(conn)
        if heard is None:
            return False
        if not conn._life.over:
            if is_busy(conn):
                return True
            held_back = conn._intake is not None and conn._intake.waits(conn)
            if (held_back or conn.bytes_read < heard) and waits_to_be_heard(conn):
                return True
        del self._at_work[conn]
        self._end_now(conn)
        return False

    def _end_now(self, conn: Connection) -> None:
        if not conn._life.connected and not conn.pending_bytes:  # a client that has nothing to connect for
            conn._because(Reason.DESTROYED)
            conn._step(DESTROY)
            return
        if self._half:
            conn._step(END)
            return
        conn._destroy_soon_by_us()
        if self._fin_wait < inf:
            self._fins.add(conn)

    def _look_for_fin(self, conn: Connection) -> bool:
        """True: look again. Close it if only the peer's FIN is missing, and nothing has come for `fin_wait` seconds."""
        if conn._life.over:
            return False
        if not conn._life.fin_sent or conn._sock.unacknowledged() or conn._input_waits():
            return True
        if max(conn._since, conn._read_at) + self._fin_wait > self._loop.turn_now:
            return True
        conn._because(Reason.SHUTDOWN_IDLE)
        conn._step(DESTROY)
        return False

    def stop(self) -> None:
        """End nobody any more."""
        self._at_work.clear()
        self._work.stop()
        self._fins.stop()
