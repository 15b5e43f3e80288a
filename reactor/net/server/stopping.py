"""How a server stops: which connections it ends when, and what it reports in the end.

    close()      the acceptors are closed at once; connections live on
    shutdown()   in the next turn: take in the clients that wait in the backlog, close the acceptors, emit `draining`;
                 then end every connection (`endings.py`), all at once or spread over a time
    deadline     the grace of shutdown() is over: reset the connections that are left
    stopped      told in the turn after the last `close` of a connection, with a report

With `spread`, connections are ended one after the other, evenly until that time is over, the oldest first: clients that
all come back at once are a storm for the server that takes over (HAProxy's close-spread-time). A connection that is at
work when its time comes is ended as soon as it is idle.
"""

from __future__ import annotations

from collections import deque
from math import inf

from ... import arguments
from ...hints import TYPE_CHECKING
from ..connection.account import Reason
from .endings import FIN_WAIT, Endings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, Protocol

    from ...engine.timers import Timer
    from ...engine.turn import Turns
    from ..connection.connection import Connection
    from ..connection.listeners import Listener
    from .acceptor import Acceptor
    from .admission import Admission
    from .tally import Tally

    How = bool | Literal["half"]

    class Stopping(Protocol):
        """What a stop needs of its server."""

        _loop: Turns
        _admission: Admission
        _acceptors: list[Acceptor]
        _connections: dict[Connection, None]
        _own_listeners: dict[str, tuple[Listener, ...]]
        _stop: Stop | None
        _tally: Tally

        def close(self) -> None: ...
        def _close_acceptors(self) -> None: ...
        def _emit(self, event: str, *args: Any) -> None: ...


BACKLOG_BOUND = 65_536  # accepts at a shutdown: above any backlog (somaxconn: 4096), and no flood delays it for ever
TICK = 0.01  # seconds at least between endings that are spread; the endings of one tick come together


#: Of what `shutdown(end=)` may be; the stronger of two calls counts.
STRENGTH: dict[How, int] = {False: 0, "half": 1, True: 2}


def check_stop(grace: float, end: How, spread: float, fin_wait: float | None = FIN_WAIT) -> None:
    """Raises TypeError and ValueError for arguments of `shutdown` that mean nothing."""
    arguments.seconds("grace", grace, zero=True)
    if not isinstance(end, bool) and end != "half":
        raise TypeError(f'end must be True, False or "half", not {end!r}')
    arguments.seconds("spread", spread, zero=True)
    arguments.maybe_seconds("fin_wait", fin_wait, zero=True)
    if spread > grace:
        raise ValueError(f"spread must be at most grace ({grace!r}), since what is left then is reset, not {spread!r}")
    if spread and not end:
        raise ValueError(f"spread must be 0 with end=False, since nobody is ended by the server then, not {spread!r}")


class Spread:
    """Endings spread evenly over a time: how many are due, and when the next are. Pure: time comes as an argument."""

    __slots__ = ("_began", "_total", "_until")

    def __init__(self, total: int, began: float, until: float) -> None:
        self._total = total
        self._began = began
        self._until = until

    def due(self, left: int, now: float) -> int:
        """How many of the `left` connections to end now. The part of the connections that stays is the part of the time
        that is left; at least one ends at each call, and all when the time is over.
        """
        if now >= self._until:
            return left
        stay = int(self._total * (self._until - now) / (self._until - self._began))
        return min(left, max(left - stay, 1))

    @property
    def pause(self) -> float:
        """Seconds until the next are due."""
        return max((self._until - self._began) / self._total, TICK)


class Stop:
    """One stop of a server. Made by the first `close()` or `shutdown()`; it is over when `stopped` is told."""

    __slots__ = (
        "_begun", "_deadline_timer", "_draining_told", "_end", "_ended_otherwise", "_endings", "_fin_wait", "_server",
        "_spread_timer", "_spread_until", "_started_at", "_tally_before", "_waiting", "callbacks", "deadline",
        "discarded",
    )  # fmt: skip

    #: When the connections that are left are reset; None: never, since only close() was called.
    deadline: float | None
    _end: How  # how the server ends the connections
    _ended_otherwise: bool  # connections were ended in another way than is asked for now
    _deadline_timer: Timer | None
    _spread_timer: Timer | None

    def __init__(self, server: Stopping) -> None:
        self._server = server
        self._started_at = server._loop.now
        self._tally_before = server._tally.copy()
        self.deadline = self._deadline_timer = self._spread_timer = None
        self._end = self._draining_told = self._begun = self._ended_otherwise = False
        self._fin_wait = inf
        self.discarded = 0  #: Bytes of the connections that have ended, which were heard by nobody.
        self._endings = Endings(server._loop, half=False, fin_wait=inf)
        #: Those of close(), and the error each is given.
        self.callbacks: list[tuple[Callable[..., object], Exception | None]] = []
        self._spread_until = inf
        self._waiting: deque[Connection] = deque()  # to be ended, when their time comes

    def shorten(self, deadline: float, end: How, spread_until: float, fin_wait: float) -> None:
        """`shutdown()` was called, perhaps again: the earlier time counts, and the stronger ending."""
        if end:
            how = max(self._end, end, key=STRENGTH.__getitem__)
            fin_wait = min(self._fin_wait, fin_wait)
            if (how, fin_wait) != (self._end, self._fin_wait):
                self._end, self._fin_wait = how, fin_wait
                self._endings.stop()
                self._endings = Endings(self._server._loop, how == "half", fin_wait)
                self._ended_otherwise = self._begun
            self._spread_until = min(self._spread_until, spread_until)
            self._cancel_spread()
        if self.deadline is None or deadline < self.deadline:
            self.deadline = deadline
            if self._deadline_timer is not None:
                self._deadline_timer.cancel()
            self._deadline_timer = self._server._loop.call_at(deadline, self._reset_all)
            if deadline < self._spread_until < inf:
                self._spread_until = deadline
                self._cancel_spread()
        self._server._loop.call_soon(self._drain)

    def at_rest(self, conn: Connection) -> None:
        """The program has said that it is not busy with this connection any more."""
        self._endings.at_rest(conn)

    def _drain(self) -> None:
        """The turn after `shutdown()`. No client whose `connect()` had returned is lost (closing.md, fact 10)."""
        server = self._server
        if server._stop is not self:  # it is over, and perhaps the server listens again
            return
        server._admission.resume()  # also of a server whose program has paused accepting
        for acceptor in list(server._acceptors):
            acceptor.hide()
            acceptor.accept(BACKLOG_BOUND)
        server._close_acceptors()
        if not self._draining_told:
            self._draining_told = True
            server._emit("draining", self.deadline)
        if self._end and self._spread_timer is None:
            if not self._begun:
                self._begun = True
                self._waiting.extend(server._connections)
            elif self._ended_otherwise:
                self._ended_otherwise = False
                waiting = set(self._waiting)
                for conn in [conn for conn in server._connections if conn not in waiting]:
                    self._endings.end(conn)
            self._end_due(Spread(len(self._waiting), server._loop.now, self._spread_until))
        self.check()

    def _end_due(self, spread: Spread) -> None:
        """End the connections that are due, the oldest first."""
        self._cancel_spread()
        for _ in range(spread.due(len(self._waiting), self._server._loop.now)):
            self._endings.end(self._waiting.popleft())
        if self._waiting:
            self._spread_timer = self._server._loop.call_later(spread.pause, self._end_due, spread)

    def _reset_all(self) -> None:
        """The grace is over."""
        self._drain()
        for conn in list(self._server._connections):
            conn._cut(Reason.SHUTDOWN_DEADLINE)

    def check(self) -> None:
        """Stop, if no acceptor and no connection is left: tell the listeners of `stopped`, then the callbacks."""
        server = self._server
        if server._stop is not self or server._acceptors or server._connections:
            return
        server._stop = None
        self._waiting.clear()
        self._cancel_spread()
        self._endings.stop()
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
        server._admission.stopped()
        server._loop.tenants.pop(server, None)
        report = server._tally.since(self._tally_before, server._loop.now - self._started_at, self.discarded)
        for listener in server._own_listeners.get("stopped", ()):
            server._loop.call_soon(listener, server, report)
        for callback, error in self.callbacks:
            server._loop.call_soon(callback, server, error)

    def give_up(self) -> None:
        """In a forked child: it is the parent that stops. Nobody is told."""
        self._server._stop = None
        self._waiting.clear()
        self._cancel_spread()
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()

    def _cancel_spread(self) -> None:
        if self._spread_timer is not None:
            self._spread_timer.cancel()
            self._spread_timer = None
