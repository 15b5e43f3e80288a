"""A relay on a simulated network: each client's connection is piped to one of our own to a server behind, and back.

What is behind echoes, in one of several ways, or is not there at all. So the library is on all sides here, connects,
fails to connect, and pipes. What an honest client sent comes back to it whole, and then the end.
"""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from reactor import CloseReport, Connection, Reason, Server, connect
from reactor.testing import Choices, Remote
from tests.contract.promises import PATTERN
from tests.stress.scripts import Script, draw_script
from tests.stress.worlds import HOST, PORT, World

BACK_PORT = 81
NOWHERE = "203.0.113.1"  # no answer comes from there
CONNECT_TIMEOUT = 15.0  # seconds
HELD = 65_536 + 65_536  # bytes: the mark, and what may be read at once (a simulated buffer holds no more)
UNHURRIED = 45.0  # seconds after the script of an honest client is over
BEHIND = ("echo", "echo", "echo by pipe", "half an answer", "reset", "nobody", "nowhere")


class Book:
    """What one connection of the library is told, and what the kernel has of it."""

    def __init__(self, world: Relays, conn: Connection) -> None:
        self.world, self.conn = world, conn
        self.told: list[str] = []
        self.endpoint: Any = None
        self.report: CloseReport | None = None
        self.asked_to_stop = False  # before it was closed
        for event in ("data", "drain", "hangup", "end", "finish", "timeout", "error"):
            conn.on(event, self._noter(event))
        conn.on("close", self._close)
        conn.on("connect", self.begin)
        if conn.fileno() >= 0:
            self.begin(conn)

    def begin(self, conn: Connection) -> None:
        self.endpoint = self.world.kernel.sockets[conn.fileno()].endpoint

    def hold(self, condition: object, text: str) -> None:
        if not condition:
            self.world.problems.append(f"{text}: {self.told[-8:]} {self.report}")

    def _noter(self, event: str) -> Any:
        def note(conn: Connection, *_: object) -> None:
            self.hold(self.report is None, f"{event} after close")
            self.hold("error" not in self.told, f"{event} after error")
            self.told.append(event)

        return note

    def _close(self, conn: Connection, report: CloseReport) -> None:
        self.hold(self.report is None, "close twice")
        self.report = report
        self.asked_to_stop = self.world.asked_to_stop
        self.hold((report.error is not None) == ("error" in self.told), "error told or not")
        if self.endpoint is None:
            self.hold(report.duration <= CONNECT_TIMEOUT + 1, "connecting for too long")
            self.hold(report.bytes_written == report.bytes_read == 0, "moved before it was connected")
            return
        here = self.endpoint
        self.hold((report.bytes_written, report.bytes_read) == (here.taken, here.copied), f"{here.taken} {here.copied}")
        self.hold(report.bytes_unacked == here.told_unacked, f"not acknowledged: {here.told_unacked}")
        if report.clean:
            self.hold(here.acked == here.taken, f"clean, and acknowledged: {here.acked}")
            self.hold(here.copied == here.received, f"clean, and {here.received} had come")


class Relays(World):
    """One world."""

    ends = (200.0, 60.0, 2.0), ("end_by_shutdown", "end_at_once")

    def __init__(self, choices: Choices, size: int) -> None:
        super().__init__(choices, size)
        self.behind = self.draw.pick(BEHIND)
        self.back = Server(self.loop, self.echoes, allow_half_open=True)
        self.back.unref()
        if self.behind != "nobody":
            self.back.listen(HOST, BACK_PORT)
            self.back.on("stopped", lambda server, report: self.stopped.append(report))
            self.servers = 2
        self.kernel.unreachable.add(NOWHERE)
        self.books: list[Book] = []
        self.clients: list[tuple[Remote, Script, Any]] = []
        self.fronts: dict[Any, Book] = {}
        self.begun = self.kernel.clock()
        self.asked_to_stop = False

    def made_server(self) -> Server:
        draw = self.draw
        return Server(
            self.loop, self.relay, idle_timeout=draw.pick([None, 40.0]), write_timeout=20.0, linger_timeout=12.0,
            half_open_timeout=40.0, high_water=draw.pick([65_536, 0]),
        )  # fmt: skip

    def relay(self, front: Connection) -> None:
        host = NOWHERE if self.behind == "nowhere" else HOST
        back = connect(
            self.loop, host, BACK_PORT, connect_timeout=CONNECT_TIMEOUT, write_timeout=20.0, half_open_timeout=40.0
        )
        self.fronts[front.remote_address] = Book(self, front)
        self.books += [self.fronts[front.remote_address], Book(self, back)]
        front.pipe(back)
        back.pipe(front)

    def echoes(self, conn: Connection) -> None:
        self.books.append(Book(self, conn))
        if self.behind == "echo by pipe":
            conn.pipe(conn)
            return
        conn.on("data", self.answer)
        conn.on("end", lambda conn: conn.end())

    def answer(self, conn: Connection, data: bytes) -> None:
        if self.behind == "reset" and conn.bytes_read > 1000:
            conn.reset()
        elif self.behind == "half an answer" and conn.bytes_read > 1000:
            if conn.state == "open":
                conn.end(data[: len(data) // 2])
        else:
            conn.write(data)

    # The clients.

    def invite(self) -> None:
        for number in range(self.size // 2):  # each has three connections of the library
            script = draw_script(self.choices.stream(f"client {number}"))
            self.kernel.later(script.comes_at, self.come, script)

    def come(self, script: Script) -> None:
        remote = Remote(self.kernel, HOST, PORT)
        self.clients.append((remote, script, SimpleNamespace(happened=set())))
        self.came += 2
        script.begin(self.kernel, remote, self.clients[-1][2])

    def end_by_shutdown(self) -> None:
        self.ask_to_stop()
        self.server.shutdown(self.draw.pick([30.0, 0.0]))
        self.loop.call_later(31.0, self.back.shutdown, 30.0)

    def end_at_once(self) -> None:
        """All at once."""
        self.ask_to_stop()
        self.server.shutdown(0)
        self.back.shutdown(0)

    def ask_to_stop(self) -> None:
        """By now, who has been served long ago must be gone."""
        self.asked_to_stop = True
        for remote, script, _ in self.clients:
            book = self.fronts.get(remote.address)
            served = book is not None and book.report is not None
            if self.is_fair_to(script) and not served and self.loop.now > self.begun + script.over_by + UNHURRIED:
                self.problems.append(f"{script}: still there")

    # What must hold.

    def is_fair_to(self, script: Script) -> bool:
        """True if nothing but what is behind decides how it ends."""
        return script.honest and not self.troubled

    def check_rest(self) -> None:
        for book in self.books:
            piped = book.conn.server is not self.back or self.behind == "echo by pipe"  # else nothing holds it back
            book.hold(not piped or book.conn.pending_bytes <= HELD, f"the pipe holds {book.conn.pending_bytes} bytes")

    def check_books(self) -> None:
        for book in self.books:
            book.hold(book.report is not None, "no close")
        for remote, script, _ in self.clients:
            got = len(remote.received)
            if self.behind != "half an answer" and remote.received != PATTERN[:got]:
                self.problems.append(f"{script}: what came back is not what was sent")
            front = self.fronts.get(remote.address)
            if front is not None and self.is_fair_to(script) and not front.asked_to_stop:
                self.check_honest(remote, script, front)

    def check_honest(self, remote: Remote, script: Script, book: Book) -> None:
        sent, got, outcome = remote.endpoint.taken, len(remote.received), remote.outcome
        if self.behind.startswith("echo"):
            assert book.report is not None
            right = (got, outcome) == (sent, "FIN") and book.report.reason in (Reason.ENDED, Reason.PEER_ENDED)
        else:  # what was cut must not look complete
            right = outcome != "FIN" or self.behind == "half an answer" or (self.behind == "reset" and sent <= 1000)
        if not right:
            self.problems.append(f"{script}: {sent} sent, {got} back, {outcome}: {book.report}, behind: {self.behind}")

    def let_go(self) -> tuple[list[CloseReport], list[Connection]]:
        held = [book.conn for book in self.books]
        reports = [book.report for book in self.books if book.report is not None]
        self.books.clear()
        self.fronts.clear()
        return reports, held

    def tally(self) -> Counter[str]:
        done = super().tally()
        done[f"relays to: {self.behind}"] += len(self.clients)
        for _, script, _ in self.clients:
            done[f"clients: {script.kind}"] += 1
        return done
