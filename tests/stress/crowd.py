"""A crowd on a simulated network: a server whose program does anything, clients that do anything, and trouble.

A world is drawn from a seed: the settings, the weather, each client's script and what each connection's program will
do. It is lived until everything has come to rest, in simulated time; `promises.Track` stands beside every connection
and holds the library to closing.md, and `ledger.py` compares its reports with the kernel's own books.
"""

from __future__ import annotations

import dataclasses
import errno
import gc
import logging
import weakref
from collections import Counter
from typing import Any

from acts import draw_plan
from ledger import Ledger
from promises import Boom
from scripts import Script, draw_script

from reactor import Connection, Reactor, Server, ShutdownReport
from reactor.net.lifecycle import Read
from reactor.net.listeners import CONNECTION_EVENTS
from reactor.testing import Choices, Kernel, Remote, Weather

PORT = 80
ENDS = ("shutdown", "late_close")
GRACES = (5.0, 0.0, 60.0)
LONGEST = 20_000.0  # seconds of simulated time that a world may take: above all deadlines together
SHUT_OUT = 12.0  # seconds that a client may wait though there is room: some accepts fail, and each costs a second
SPIN = 400  # turns without anything happening in the kernel
TROUBLE: dict[str, tuple[float, tuple[int, ...]]] = {
    "recv": (1.0, (errno.EAGAIN, errno.EINTR, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENOMEM)),
    "send": (1.0, (errno.EAGAIN, errno.EINTR, errno.EPIPE, errno.ECONNRESET, errno.ENOBUFS, errno.ENETDOWN)),
    "accept": (4.0, (errno.EAGAIN, errno.EINTR, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE, errno.ENOMEM)),
    "shutdown": (2.0, (errno.ENOTCONN, errno.ENOBUFS)),
    "setsockopt": (2.0, (errno.EINVAL, errno.ENOBUFS)),
    "getsockname": (5.0, (errno.EINVAL, errno.ENOTCONN)),
    "getsockopt": (2.0, (errno.ENOBUFS,)),
    "epoll_ctl": (0.5, (errno.ENOMEM, errno.ENOSPC)),
}  # SIOCOUTQ and FIONREAD do not fail on a socket that is connected (tcp_ioctl() in net/ipv4/tcp.c)
log = logging.getLogger("reactor")


class Crowd(logging.Filter):
    """One world. `live()` raises AssertionError where a promise is broken."""

    def __init__(self, choices: Choices, size: int) -> None:
        super().__init__()
        self.choices = choices
        self.draw = choices.stream("world")
        self.problems: list[str] = []
        self.troubled = self.draw.chance(25)
        self.kernel = Kernel(choices, self.weather())
        self.plain = self.draw.chance(30)
        self.debug = self.draw.chance(30)
        self.loop = Reactor(self.kernel.selector(self.plain), clock=self.kernel.clock, debug=self.debug)
        self.server = Server(self.loop, **self.settings())
        self.ledgers: dict[Any, Ledger] = {}
        self.scripts: list[Script] = []
        self.stopped: list[ShutdownReport] = []
        self.size = size
        self.look_at = 0.0
        self.had_room, self.full_at = True, 0.0  # when was there no room for anybody?
        self.promised: list[Any] = []  # who waited when it was asked to stop
        self.acted_at = 0.0  # when the program last did something to all
        self.server.on("connection", self.opened)
        self.server.on("stopped", lambda server, report: self.stopped.append(report))
        for event in CONNECTION_EVENTS:
            if event != "data":
                self.server.on(event, self.hears(event))

    def weather(self) -> Weather:
        draw = self.draw
        calm = draw.pick([False, False, True])
        return Weather(
            latencies=(0.0,) if calm else draw.pick([(0.0, 0.0002, 0.03), (0.1,), (0.0, 0.6)]),
            jitter=0 if calm else 30,
            stalls=0 if calm else draw.pick([0, 0.5]),
            longest_stall=4.0,
            late_acks=draw.pick([0, 30]),
            parts=draw.pick([0, 15]),
            slow_calls=draw.pick([0, 5]),
            shuffled=draw.pick([0, 60]),
        )

    def settings(self) -> dict[str, Any]:
        draw = self.draw
        return {
            "idle_timeout": draw.pick([None, 10.0, 90.0]),
            "read_timeout": draw.pick([None, None, 15.0]),
            "write_timeout": draw.pick([60.0, 20.0]),
            "linger_timeout": draw.pick([30.0, 12.0]),
            "half_open_timeout": draw.pick([600.0, 40.0]),
            "on_idle": draw.pick(["close", "close", "reset"]),
            "allow_half_open": draw.chance(30),
            "pause_on_connect": draw.chance(10),
            "high_water": draw.pick([65_536, 1_000, 0]),
            "max_connections": draw.pick([None, None, 5]),
            "when_full": draw.pick(["wait", "drop", "reset"]),
        }

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if record.levelno >= logging.ERROR and not isinstance(error, Boom):
            self.problems.append(f"logged: {record.getMessage()} {error!r}")
        return False

    # The program.

    def opened(self, conn: Connection) -> None:
        ledger = self.ledgers[conn.remote_address]
        ledger.accepted_by(conn)
        ledger.opened(conn)

    def hears(self, event: str) -> Any:
        return lambda conn, *args: self.ledgers[conn.remote_address].on_event(event, *args)

    # The clients.

    def invite(self) -> None:
        """Draw everybody's script, and let them come at their time."""
        for number in range(self.size):
            script = draw_script(self.choices.stream(f"client {number}"))
            self.kernel.later(script.comes_at, self.come, number, script)

    def come(self, number: int, script: Script) -> None:
        remote = Remote(self.kernel, "127.0.0.1", PORT)
        ledger = Ledger(self, remote, script, draw_plan(self.choices.stream(f"program {number}")))
        self.ledgers[remote.address] = ledger
        script.begin(self.kernel, remote, ledger)
        self.scripts.append(script)

    # Life.

    def live(self) -> None:
        """Everything, to the end."""
        enabled = gc.isenabled()
        gc.disable()  # who is kept by a cycle must show
        log.addFilter(self)
        try:
            self.server.listen("127.0.0.1", PORT)
            if self.troubled and self.draw.chance(30):
                self.kernel.most_descriptors = self.draw.between(3, 12)
            if self.troubled:
                self.kernel.weather = dataclasses.replace(self.kernel.weather, faults=TROUBLE)
            self.invite()
            finale = self.draw.pick(ENDS)
            self.loop.call_later(self.draw.pick([300.0, 100.0, 20.0, 1.0]), getattr(self, f"end_by_{finale}"))
            self.take_turns()
            self.raise_problems()
            self.check_who_waited()
            for ledger in self.ledgers.values():
                ledger.check_books()
            self.raise_problems()
            self.check_nothing_is_left()
        finally:
            log.removeFilter(self)
            self.loop.close()
            if enabled:
                gc.enable()

    def end_by_shutdown(self) -> None:
        """Also with clients who have just come, and were not accepted yet."""
        self.acted_at = self.loop.now
        if self.server.listening:
            for number in range(self.size, self.size + self.draw.below(4)):
                self.come(number, draw_script(self.choices.stream(f"client {number}")))
            self.kernel.settle()
            self.promised += self.waiting
        self.server.shutdown(self.draw.pick(GRACES))

    def end_by_late_close(self) -> None:
        """The server only stops accepting; then the program ends what it has."""
        self.server.close()
        self.loop.call_later(50.0, self.end_by_shutdown)

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
            if self.stopped and not (seen.held or seen.ready_calls) and len(self.scripts) >= self.size:
                break
            if quiet > SPIN + 4 * len(self.ledgers):
                raise AssertionError(f"{quiet} turns, and nothing has happened: the loop spins")
            if clock() > limit:
                raise AssertionError(f"still there after {LONGEST} s: {list(self.server.connections)}")
            if self.problems:
                self.raise_problems()
        self.turns = turns
        looks = (clock() - limit + LONGEST) * 11 if self.plain else 0  # at who is paused, ten times a second
        most = 200 + 3 * kernel.events + 40 * len(self.ledgers) + looks
        if turns > most:
            raise AssertionError(f"{turns} turns for {kernel.events} events")

    def check_rest(self) -> None:
        now = self.kernel.clock()
        if not self.had_room:
            self.full_at = now  # until this turn
        self.had_room = self.has_room
        if now >= self.look_at:
            self.look_at = now + 1.0
            self.check_nobody_is_shut_out(now)
            for conn in self.server.connections:
                self.ledgers[conn.remote_address].check_overdue(now)
        for conn in self.server.connections:
            state = conn.state
            ending = state not in ("open", "closed") or (conn._gone and conn._life.read is Read.PAUSED)
            if ending and conn.look_at == float("inf") and not conn._flush_due:
                self.problems.append(f"ending or gone without a timer: {conn!r} {conn._life!r}")

    @property
    def waiting(self) -> list[Any]:
        """Who has connected, and was not accepted yet."""
        return [child for listening in self.kernel.listening.values() for child in listening.queue]

    @property
    def has_room(self) -> bool:
        most = self.kernel.most_descriptors
        limit = self.server.max_connections
        return (most is None or len(self.kernel.sockets) < most) and (limit is None or self.server._open < limit)

    def check_nobody_is_shut_out(self, now: float) -> None:
        for child in self.waiting:
            if now - max(child.opened_at, self.full_at) > SHUT_OUT:
                self.problems.append(f"there is room, and {child.peer_address} waits since {child.opened_at}")

    def check_who_waited(self) -> None:
        if self.troubled or self.server.max_connections is not None:
            return
        for child in self.promised:
            if self.ledgers[child.peer_address].conn is None:
                self.problems.append(f"{child.peer_address} waited when it was asked to stop, and was not let in")

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
        waiting = len(self.server.schedule)
        if waiting or self.server.connections:
            raise AssertionError(f"left: {waiting} deadlines, {list(self.server.connections)}")
        self.reports = [ledger.report for ledger in self.ledgers.values() if ledger.report is not None]
        seen = [weakref.ref(ledger.conn) for ledger in self.ledgers.values() if ledger.conn is not None]
        for ledger in self.ledgers.values():
            ledger.conn = None
        kept = [ref() for ref in seen if ref() is not None]
        if kept:
            raise AssertionError(f"kept by a cycle: {kept}")

    def tally(self) -> Counter[str]:
        """What was done here, for the table."""
        done: Counter[str] = Counter()
        done["connections"] = len(self.reports)
        done["worlds"] = 1
        done["turns of the loop"] = self.turns
        done["events on the network"] = self.kernel.events
        for script in self.scripts:
            done[f"clients: {script.kind}"] += 1
        for ledger in self.ledgers.values():
            done[f"programs: {ledger.plan.kind}"] += 1
        for report in self.reports:
            done[f"ended: {report.reason.value}"] += 1
            done["bytes read"] += report.bytes_read
            done["bytes written"] += report.bytes_written
            done["reported lost, bytes"] += report.bytes_unsent + (report.bytes_unacked or 0)
            done["clean endings"] += report.clean
        for name, count in self.kernel.calls.items():
            done[f"{'failed calls' if ' E' in name else 'calls'}: {name}"] += count
        return done
