"""A server, its program and its clients, driven step by step: what the random sequences are played on.

Reactions are planned ahead: `plan("drain", "reset", ...)` makes the next `drain` listener of any connection
call `reset()`, on its own connection or on another one, be it closed or not. Each is played once, so that
every sequence comes to rest.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from reactor import Connection, Reactor, Reason, Server, ShutdownReport
from reactor.net.connection.listeners import CONNECTION_EVENTS
from reactor.testing import ManualClock
from tests.contract.promises import LIMIT, PATTERN, Boom, Track

REAL_TIME = 1.0  # seconds that a real kernel may take for its part; it takes milliseconds
LEAVING = {"end": {"peer ended"}, "close": {"peer ended", "peer left"}, "reset": {"peer left"}}
RESETTING = {
    Reason.RESET, Reason.WRITE_TIMEOUT, Reason.LINGER_TIMEOUT, Reason.HALF_OPEN_TIMEOUT, Reason.END_TIMEOUT,
    Reason.LISTENER_FAILED, Reason.SHUTDOWN_DEADLINE, Reason.BUFFER_LIMIT,
}  # fmt: skip
SMALL_BUFFER = 4096  # bytes asked of the kernel; it takes the double, and more


class Client:
    """A peer: a plain non-blocking socket that never waits."""

    def __init__(self, address: Any, small: bool) -> None:
        self.sock = socket.socket()
        if small:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self.sock.settimeout(REAL_TIME)
        self.sock.connect(address)
        self.acknowledge_at_once()
        self.sock.setblocking(False)
        self.address = self.sock.getsockname()
        self.sent = self.got = 0
        self.saw: str | None = None  # how the stream ended
        self.refused: str | None = None  # a send failed: from then on b"" is no FIN (closing.md, fact 7)
        self.ended = False

    @property
    def there(self) -> bool:
        return self.sock.fileno() >= 0

    def acknowledge_at_once(self) -> None:
        """No delayed acknowledgements, so that what the kernel does is done when the call returns."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def send(self, size: int) -> None:
        if self.ended:
            return
        try:
            self.sent += self.sock.send(PATTERN[self.sent : min(self.sent + size, LIMIT)])
        except BlockingIOError:
            pass
        except OSError as error:
            self.refused = str(error)
        self.acknowledge_at_once()

    def read(self, size: int, track: Track) -> None:
        """Read up to `size` bytes; they must be what the program wrote, in order."""
        while size > 0 and self.saw is None:
            try:
                data = self.sock.recv(min(size, 65_536))
            except BlockingIOError:
                return
            except OSError as error:
                self.saw = str(error)
                return
            if not data:
                self.saw = self.refused or "FIN"
                return
            track.hold(data == PATTERN[self.got : self.got + len(data)], "the peer got what was not written")
            self.got += len(data)
            size -= len(data)
            track.hold(self.got <= track.conn.bytes_written, f"the peer got {self.got} bytes")

    def end(self) -> None:
        self.ended = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class World(logging.Filter):
    """Everything of one sequence. Also keeps the library's log to itself: only `Boom` may be logged as an error."""

    def __init__(self, selector: type[selectors.BaseSelector] | None, small: bool, **settings: Any) -> None:
        super().__init__()
        self.descriptors = len(os.listdir("/proc/self/fd"))
        logging.getLogger("reactor").addFilter(self)
        self.problems: list[str] = []
        self.small = small
        self.clock = ManualClock()
        self.loop = Reactor(selector() if selector else None, clock=self.clock, debug=True)
        self.server = Server(self.loop, **settings)
        self.tracks: list[Track] = []
        self.clients: list[Client] = []
        self.by_address: dict[Any, Track] = {}
        self.plans: defaultdict[str, deque[tuple[Any, ...]]] = defaultdict(deque)
        self.refusing = False  # True once something was called that leaves clients outside
        self.reports: list[ShutdownReport] = []
        self.server.on("connection", self.opened)
        self.server.on("stopped", lambda server, report: self.reports.append(report))
        for event in CONNECTION_EVENTS:
            if event != "data":
                self.server.on(event, self.hears(event))
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        if small:
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self.address = self.server.listen(sock=self.listening)

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if record.levelno >= logging.ERROR and not isinstance(error, Boom):
            self.problems.append(f"logged: {record.getMessage()} {error!r}")
        return False

    # What the program does.

    def opened(self, conn: Connection) -> None:
        self.by_address[conn.remote_address].opened(conn)

    def hears(self, event: str) -> Any:
        return lambda conn, *args: self.by_address[conn.remote_address].on_event(event, *args)

    def act(self, target: int, call: tuple[Any, ...]) -> None:
        if self.tracks:
            self.tracks[target % len(self.tracks)].call(*call)

    def plan(self, event: str, target: int | None, call: tuple[Any, ...]) -> None:
        self.plans[event].append((target, call))

    def react(self, track: Track, event: str) -> None:
        if self.plans[event]:
            target, call = self.plans[event].popleft()
            who = track if target is None else self.tracks[target % len(self.tracks)]
            if call[0] == "raise":
                track.happened.add("raised")
                raise Boom(event)
            if call[0] == "interrupt":
                raise KeyboardInterrupt
            who.call(*call)

    def serve(self, what: str, value: Any) -> None:
        """What a program does to the server."""
        if what == "once":
            self.once(value)
        elif what == "shutdown":
            self.server.shutdown(*value)
        elif what == "close":
            self.refusing = True
            self.server.close()
        else:
            self.refusing = self.refusing or what == "max_connections"
            setattr(self.server, what, value)

    def once(self, event: Any) -> None:
        """A listener that may be called for one event of one connection only."""
        heard: list[str] = []

        def listener(conn: Connection, *args: object) -> None:
            heard.append(event)
            self.by_address[conn.remote_address].hold(len(heard) == 1, f"once({event!r}) of the server heard again")

        self.server.once(event, listener)

    # What clients do.

    def connect(self) -> None:
        if not self.server.listening:
            return
        client = Client(self.address, self.small)
        track = Track(self.problems, self.react, self.clock)
        self.clients.append(client)
        self.tracks.append(track)
        self.by_address[client.address] = track

    def client(self, target: int, what: str, size: int) -> None:
        if not self.clients:
            return
        client, track = self.clients[target % len(self.clients)], self.tracks[target % len(self.clients)]
        if not client.there:
            return
        if what == "send":
            client.send(size)
            track.sent = client.sent
        elif what == "read":
            if track.conn is not None:
                client.read(size, track)
        else:
            track.happened |= LEAVING[what]
            getattr(client, what)()

    # Time.

    def turn(self, turns: int = 1, sleep: float = 0) -> None:
        for _ in range(turns):
            try:
                self.loop.run_once(sleep)
            except KeyboardInterrupt:  # planned; it leaves the turn, and the program goes on
                continue
            wake = self.loop.next_deadline()
            if wake is None or wake > self.clock():  # nothing is queued
                for track in self.tracks:
                    track.check_at_rest()
            self.raise_problems()

    def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.turn(3)

    def raise_problems(self) -> None:
        if self.problems:
            raise AssertionError("\n".join(dict.fromkeys(self.problems)))

    # How it ends.

    @property
    def over(self) -> bool:
        return all(track.report is not None for track in self.tracks if track.conn is not None or not self.refusing)

    def end_in_silence(self) -> None:
        """The program ends what is open, once; then nobody does anything any more, and time passes."""
        for _ in range(60):
            self.turn(3)
            if self.over:
                return
            self.end_what_is_open()
            self.tick(1)
        raise AssertionError(f"still there after a minute: {[t.conn for t in self.tracks if t.report is None]}")

    def end_what_is_open(self) -> None:
        """Also who is let in late, because there was no room before."""
        for track in self.tracks:
            if track.conn is not None and track.conn.state in ("open", "write_only"):
                track.call("end")

    def end_well(self) -> None:
        """Both sides read what there is; then the program ends what is open, and clients read to the end. No time
        passes at all.
        """
        self.turn(3)
        self.plans.clear()
        if not self.refusing:
            self.read_until(lambda: all(map(self.has_arrived, self.tracks, self.clients)), "something does not arrive")
        self.read_until(lambda: self.end_what_is_open() or self.over, "somebody is still there")

    def read_until(self, arrived: Callable[[], bool], complaint: str) -> None:
        limit = time.monotonic() + REAL_TIME
        while not arrived():
            if time.monotonic() > limit:
                raise AssertionError(f"{complaint}: {[t.conn for t in self.tracks if t.report is None]}")
            for i, client in enumerate(self.clients):
                self.tracks[i].call("resume")
                self.client(i, "read", LIMIT)
                if client.saw is not None and not client.ended:
                    self.client(i, "end", 0)
            self.turn(sleep=0.001)

    def has_arrived(self, track: Track, client: Client) -> bool:
        """True if everything has come in that can, and gone out. Nothing is demanded of those who left and of those who
        are over.
        """
        conn = track.conn
        if conn is None or not client.there or conn.state == "closed":
            return conn is not None
        heard = conn.state not in ("open", "read_only") or conn.bytes_read == client.sent
        return heard and not conn.pending_bytes

    def end_by_shutdown(self) -> None:
        """The server stops, within two seconds."""
        self.server.shutdown(grace=2)
        self.turn(3)
        self.tick(2)
        self.turn(3)
        if not (self.over and len(self.reports) == 1):
            raise AssertionError(f"shutdown did not end: {self.tracks} {self.reports}")

    def end_by_close(self) -> None:
        """The reactor is closed."""
        self.plans.clear()
        self.refusing = True
        for track in self.tracks:
            track.happened.add("destroy")
        if self.small:
            self.loop.close()
        else:
            self.loop.call_soon(self.loop.close)
            self.loop.run_once(0)

    def check_over(self) -> None:
        """Everything is over: nothing is left, and the clients' accounts agree with ours."""
        self.raise_problems()
        for track, client in zip(self.tracks, self.clients, strict=True):
            report = track.report
            if track.conn is None and self.refusing:
                continue
            if report is None:
                raise AssertionError(f"no close: {track.conn!r} {track.events}")
            if client.there:
                client.read(LIMIT, track)
                # Between our FIN and `finish` callbacks come, and one of them may reset.
                fin = "finish" in track.events or report.phase == "lingering"
                cut = report.reason in RESETTING and not fin
                track.hold(not (cut and client.saw == "FIN"), f"reset, and the peer saw FIN: {report}")
                if client.saw == "FIN" or (report.clean and client.refused is None):
                    track.hold((client.saw, client.got) == ("FIN", report.bytes_written), f"{vars(client)} {report}")
        self.raise_problems()

    def check_nothing_left(self) -> None:
        if not self.loop.closed:
            self.server.close()
            self.turn(3)
            waiting = (len(self.server._keeper), self.loop.statistics().timers)
            if waiting > (0, 1):  # a timer for the next look at nobody
                raise AssertionError(f"deadlines and timers left: {waiting}")
            self.tick(100)
            seen = self.loop.statistics()
            if (seen.timers, seen.held, seen.ready_calls, len(self.server.connections)) != (0, 0, 0, 0):
                raise AssertionError(f"left: {seen} {list(self.server.connections)}")
        for track in self.tracks:
            track.hold(track.answered == track.asked, f"{track.asked} callbacks, {track.answered} answered")
        self.raise_problems()
        if not self.loop.closed:  # else its last second of deadlines may still name them
            self.check_nobody_is_kept()

    def check_nobody_is_kept(self) -> None:
        """No connection waits for the garbage collector."""
        seen = [weakref.ref(track.conn) for track in self.tracks if track.conn is not None]
        for track in self.tracks:
            track.conn = None
        if any(ref() is not None for ref in seen):
            raise AssertionError(f"kept: {[ref() for ref in seen]}")

    def close(self) -> None:
        """Give everything back, also after a failure."""
        Track.busy = False
        self.plans.clear()
        self.loop.close()
        for client in self.clients:
            client.close()
        logging.getLogger("reactor").removeFilter(self)

    def check_descriptors(self) -> None:
        left = len(os.listdir("/proc/self/fd")) - self.descriptors
        if left:
            raise AssertionError(f"{left} descriptors left")
