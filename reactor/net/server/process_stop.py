"""How a process that `serve` runs comes to its end: at the latest when the grace is over, whatever else is alive.

    first signal    `Server.shutdown()`; the grace begins
    stopped         the server has stopped, by a signal or by the program. What else is on the loop is ended too: other
                    servers are shut down, and clients of ours end as soon as they are idle. The loop goes on for them
                    and for jobs, within what is left of the grace; not for timers and watched descriptors: a timer
                    that arms itself again says nothing about work that is left to do
    grace over      the loop is closed: connections are reset, and threads of jobs do not keep the process alive
    second signal   resets what is left of the server, and closes the loop at once
    third signal    ends the process as if nobody had listened to signals, also while a listener blocks the loop

For the third, the handler of the second gives both signals back to the system. A listener that blocks in code that is
no Python lets no handler run, and so no signal of these is the second.
"""

from __future__ import annotations

import signal

from ...engine.alive import alive
from ...engine.loop import turns_of
from ...engine.urgent import Urgent
from ...hints import TYPE_CHECKING
from ...log import log
from .endings import Endings
from .server import Server

if TYPE_CHECKING:
    from typing import Any

    from .stopping import How
    from .tally import ShutdownReport

SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: What the process goes on for when its server has stopped.
WAITED_FOR = ("client of ours", "connection of another server", "job")


class ProcessStop(Urgent):
    """The end of one process: listens to both signals, and to `stopped` of the server."""

    __slots__ = (
        "_arrived", "_before", "_called", "_deadline", "_grace", "_how", "_loop", "_server", "_timer", "_winding_up",
        "reports",
    )  # fmt: skip

    def __init__(self, server: Server, grace: float, end: How, spread: float, fin_wait: float | None) -> None:
        self._server = server
        self._loop = turns_of(server.loop)
        self._grace = grace
        self._how = (end, spread, fin_wait)
        self._arrived = self._called = 0  # signals: those that the handler has seen, and those that the loop has
        self._before: dict[int, Any] = {}  # handlers
        self._deadline: float | None = None  # of the grace, in the reactor's time
        self._winding_up = False
        #: Of each stop of the server, as the program may let it listen again.
        self.reports: list[ShutdownReport] = []
        server.on("stopped", self._server_stopped)

    # Signals.

    def listen(self) -> None:
        """Listen to both signals."""
        for signum in SIGNALS:
            self._before[signum] = signal.getsignal(signum)
            self._server.loop.on_signal(signum, self)

    def restore(self) -> None:
        """Handle signals as before, when the loop is closed. It does that itself unless there was a second signal."""
        for signum, before in self._before.items():
            if signal.getsignal(signum) is signal.SIG_DFL and before is not None:
                signal.signal(signum, before)

    def at_once(self, signum: int) -> None:
        """Of two signals, the second makes the next one end the process."""
        self._arrived += 1
        if self._arrived == 2:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)

    def __call__(self, signum: int) -> None:
        """The first signal asks the server to stop, the second ends everything at once."""
        self._called += 1
        self._grace = self._grace if self._called == 1 else 0.0
        self._deadline = self._loop.clock_time() + self._grace
        if self._winding_up:
            self._bound()
        elif self._called == 1:
            self._server.shutdown(self._grace, *self._how)
        else:
            self._server.shutdown(0)

    # After the server.

    def _server_stopped(self, server: Server, report: ShutdownReport) -> None:
        self.reports.append(report)
        self._loop.call_soon(self._wind_up)  # after all listeners of `stopped`: one may let it listen again

    def _wind_up(self) -> None:
        if self._winding_up or self._server.listening:
            return
        self._winding_up = self._loop.winding_up = True
        now = self._loop.clock_time()
        if self._deadline is None:  # the program has stopped the server itself
            self._deadline = now + self._grace
        left = max(self._deadline - now, 0.0)
        fin_wait = self._how[2]
        endings = Endings(self._loop, half=False, fin_wait=left if fin_wait is None else fin_wait)
        for tenant in list(self._loop.tenants.values()):
            if isinstance(tenant, Server):
                tenant.shutdown(left, fin_wait=fin_wait)
            else:
                for conn in list(tenant._connections):
                    endings.end(conn)
        self._bound()
        self._loop.call_soon(self._say)  # in the next turn, when those that had nothing to do are gone

    def _bound(self) -> None:
        """Close the loop when the grace is over."""
        assert self._deadline is not None
        if self._deadline <= self._loop.clock_time():
            self._server.loop.close()
        else:
            self._loop.call_at(self._deadline, self._server.loop.close).unref()

    def _say(self) -> None:
        """Log what is alive, if the process waits for it."""
        counts = dict.fromkeys(("timer", *WAITED_FOR), 0) | alive(self._loop)
        for tenant in self._loop.tenants.values():
            kind = "connection of another server" if isinstance(tenant, Server) else "client of ours"
            counts[kind] += sum(conn._ref for conn in tenant._connections)
        if self._deadline is not None and any(counts[kind] for kind in WAITED_FOR):
            log.info(
                "the server has stopped, and still alive are: %s; what is left in %.3g s is given up",
                ", ".join(f"{count} {_plural(kind, count)}" for kind, count in counts.items() if count),
                max(self._deadline - self._loop.clock_time(), 0.0),
            )


def _plural(kind: str, count: int) -> str:
    """`client of ours` -> `clients of ours`."""
    noun, space, rest = kind.partition(" of ")
    return kind if count == 1 else f"{noun}s{space}{rest}"
