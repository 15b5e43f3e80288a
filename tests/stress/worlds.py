"""A simulated world to live in: its weather, its turns, and what must hold of any such world at its end.

`crowd.py` and `relays.py` say who lives there. A world takes its turns until everything has come to rest; a loop that
spins, a descriptor, a registration, a timer or a connection that is left, an error in the log: each of them fails it.
"""

from __future__ import annotations

import dataclasses
import errno
import gc
import logging
import weakref
from collections import Counter

from reactor import CloseReport, Connection, Reactor, Server, ShutdownReport
from reactor.testing import Choices, Kernel, Weather
from tests.contract.promises import Boom

HOST, PORT = "127.0.0.1", 80
LONGEST = 20_000.0  # seconds of simulated time that a world may take: above all deadlines together
SPIN = 400  # turns without anything happening in the kernel
TROUBLE: dict[str, tuple[float, tuple[int, ...]]] = {
    "recv": (1.0, (errno.EAGAIN, errno.EINTR, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENOMEM)),
    "send": (1.0, (errno.EAGAIN, errno.EINTR, errno.EPIPE, errno.ECONNRESET, errno.ENOBUFS, errno.ENETDOWN)),
    "accept": (4.0, (errno.EAGAIN, errno.EINTR, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE, errno.ENOMEM)),
    "shutdown": (2.0, (errno.ENOTCONN, errno.ENOBUFS)),
    "setsockopt": (2.0, (errno.EINVAL, errno.ENOBUFS)),
    "getsockname": (5.0, (errno.EINVAL, errno.ENOTCONN)),
    "getsockopt": (2.0, (errno.ENOBUFS,)),
    "getpeername": (3.0, (errno.ENOTCONN,)),
    "socket": (3.0, (errno.EMFILE, errno.ENFILE, errno.ENOBUFS)),
    "connect": (3.0, (errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.ECONNREFUSED)),
    "epoll_ctl": (0.5, (errno.ENOMEM, errno.ENOSPC)),
}  # SIOCOUTQ and FIONREAD do not fail on a socket that is connected (tcp_ioctl() in net/ipv4/tcp.c)
log = logging.getLogger("reactor")


class World(logging.Filter):
    """`live()` raises AssertionError where a promise is broken."""

    ends: tuple[tuple[float, ...], tuple[str, ...]]  # when it is asked to stop, and by which method

    def __init__(self, choices: Choices, size: int) -> None:
        super().__init__()
        self.choices = choices
        self.draw = choices.stream("world")
        self.size = size
        self.problems: list[str] = []
        self.troubled = self.draw.chance(25)
        self.kernel = Kernel(choices, self.weather())
        self.plain = self.draw.chance(30)
        self.debug = self.draw.chance(30)
        self.loop = Reactor(self.kernel.selector(self.plain), clock=self.kernel.clock, debug=self.debug)
        self.server = self.made_server()
        self.stopped: list[ShutdownReport] = []
        self.server.on("stopped", lambda server, report: self.stopped.append(report))
        self.servers = 1  # that have to stop
        self.came = 0  # clients
        self.turns = 0
        self.reports: list[CloseReport] = []

    def weather(self) -> Weather:
        draw = self.draw
        calm = draw.pick([False, False, True])
        return Weather(
            latencies=(0.0,) if calm else draw.pick([(0.0, 0.0002, 0.03), (0.1,), (0.0, 0.6)]),
            jitter=0 if calm else 30, stalls=0 if calm else draw.pick([0, 0.5]), longest_stall=4.0,
            late_acks=draw.pick([0, 30]), parts=draw.pick([0, 15]), slow_calls=draw.pick([0, 5]),
            shuffled=draw.pick([0, 60]), lost_resets=draw.pick([0, 0, 50]),
        )  # fmt: skip

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if record.levelno >= logging.ERROR and not isinstance(error, Boom):
            self.problems.append(f"logged: {record.getMessage()} {error!r}")
        return False

    # Who lives there.

    def made_server(self) -> Server:
        raise NotImplementedError

    def invite(self) -> None:
        """Let clients come at their time."""
        raise NotImplementedError

    def check_rest(self) -> None:
        """After every turn."""

    def check_books(self) -> None:
        """When everything has come to rest."""
        raise NotImplementedError

    def let_go(self) -> tuple[list[CloseReport], list[Connection]]:
        """All reports, and all connections that there have been: nobody else may hold these afterwards."""
        raise NotImplementedError

    # Life.

    def live(self) -> None:
        """Everything, to the end."""
        enabled = gc.isenabled()
        gc.disable()  # who is kept by a cycle must show
        log.addFilter(self)
        try:
            self.server.listen(HOST, PORT)
            if self.troubled:
                if self.draw.chance(30):
                    self.kernel.most_descriptors = self.draw.between(3, 12)
                self.kernel.weather = dataclasses.replace(self.kernel.weather, faults=TROUBLE)
            self.invite()
            times, ways = self.ends
            self.loop.call_later(self.draw.pick(times), getattr(self, self.draw.pick(ways)))
            self.take_turns()
            self.check_books()
            self.raise_problems()
            self.check_nothing_is_left()
        finally:
            log.removeFilter(self)
            self.loop.close()
            if enabled:
                gc.enable()

    def take_turns(self) -> None:
        """Until nothing is left to do. No turn for nothing."""
        loop, kernel, clock = self.loop, self.kernel, self.kernel.clock
        limit = clock() + LONGEST
        quiet, before, turns = 0, (0, 0.0), 0
        while True:
            loop.run_once(LONGEST / 4)
            turns += 1
            self.check_rest()
            now = (kernel.events, clock())
            quiet = quiet + 1 if now[0] == before[0] and now[1] - before[1] < 0.001 else 0
            before = now
            seen = loop.statistics()
            if len(self.stopped) == self.servers and not (seen.held or seen.ready_calls) and self.came >= self.size:
                break
            if quiet > SPIN + 4 * self.came:
                raise AssertionError(f"{quiet} turns, and nothing has happened: the loop spins")
            if clock() > limit:
                raise AssertionError(f"still there after {LONGEST} s: {list(self.server.connections)}")
            if self.problems:
                self.raise_problems()
        self.turns = turns
        looks = (clock() - limit + LONGEST) * 11 if self.plain else 0  # at who is paused, ten times a second
        most = 200 + 3 * kernel.events + 40 * self.came + looks
        if turns > most:
            raise AssertionError(f"{turns} turns for {kernel.events} events")

    def raise_problems(self) -> None:
        if self.problems:
            raise AssertionError("\n".join(dict.fromkeys(self.problems)))

    def check_nothing_is_left(self) -> None:
        kernel = self.kernel
        if kernel.sockets:
            raise AssertionError(f"descriptors left: {kernel.sockets}")
        for epoll in kernel.epolls:
            if epoll.watched or epoll.forgotten:
                raise AssertionError(f"registrations left: {epoll.watched}, closed while registered: {epoll.forgotten}")
        self.loop.call_later(200.0, int)  # the last look at nobody
        while self.loop.statistics().timers:
            self.loop.run_once(None)
        waiting = len(self.server._keeper)
        if waiting or self.server.connections:
            raise AssertionError(f"left: {waiting} deadlines, {list(self.server.connections)}")
        self.reports, held = self.let_go()
        seen = [weakref.ref(conn) for conn in held]
        del held
        kept = [ref() for ref in seen if ref() is not None]
        if kept:
            raise AssertionError(f"kept by a cycle: {kept}")

    def explained(self) -> str:
        """Who was concerned, for those who look for the cause of a failure."""
        return ""

    def tally(self) -> Counter[str]:
        """What was done here, for the table."""
        done: Counter[str] = Counter(worlds=1, connections=len(self.reports))
        done["turns of the loop"] = self.turns
        done["events on the network"] = self.kernel.events
        for report in self.reports:
            done[f"ended: {report.reason.value}"] += 1
            done["bytes read"] += report.bytes_read
            done["bytes written"] += report.bytes_written
            done["reported lost, bytes"] += report.bytes_unsent + (report.bytes_unacked or 0)
            done["clean endings"] += report.clean
        for name, count in self.kernel.calls.items():
            done[f"{'failed calls' if ' E' in name else 'calls'}: {name}"] += count
        return done
