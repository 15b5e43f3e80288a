"""The server under stress, in a process of its own: its clients tell it what to do, and it keeps the books.

A client's first line says what is wanted: `echo`, `take` (read and drop), `keep` (read and keep), `hold` (do not read),
`push COUNT WAY` (in pieces, as fast as they drain), `give COUNT WAY` (in one write), `call NAME` (one of the four
endings), `raise`, `block SECONDS`, `allocate COUNT`, `exit`, `interrupt`. WAY is an ending, or `stay`.

`python server_program.py JSON` prints where it listens, then answers each line on stdin, a command, by one line of
JSON. SIGTERM asks it to stop; its last line is the account. The JSON has `settings` of the server, and what `main`
takes besides.
"""

from __future__ import annotations

import ast  # noqa: F401 - the first traceback loads it, and leaves cycles
import gc
import json
import logging
import os
import resource
import signal
import sys
import time
import weakref
from collections import Counter
from typing import Any

from reactor import CloseReport, Connection, Reactor, Server, ShutdownReport
from reactor.engine.loop import turns_of

PIECE = bytes(range(256)) * 256  # what it sends, again and again
GREETING = b"goodbye\n"
EVENT_READ = 1


class Client:
    """What the program knows of a connection."""

    __slots__ = ("closes", "ending", "handed", "head", "kept", "left", "way")

    def __init__(self) -> None:
        self.head = b""  # of a line that has not come whole
        self.way = ""  # what the line asked for
        self.handed = self.left = 0  # bytes given to write(); still to be given
        self.ending = ""  # what follows then
        self.closes = 0
        self.kept: list[bytes] = []


class Log(logging.Handler):
    """What was logged: how often at each level, and the last lines."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.counts[record.levelname] += 1
        if record.levelno >= logging.WARNING:
            self.lines = [*self.lines[-20:], record.getMessage()]


class Program:
    """The listeners, and the books."""

    def __init__(self, loop: Reactor, server: Server, log: Log) -> None:
        self.loop, self.server, self.log = loop, server, log
        self.live: weakref.WeakSet[Connection] = weakref.WeakSet()
        self.reports: list[dict[str, Any]] = []
        self.opened = self.closed_twice = self.garbage = 0
        self.shutdowns: list[ShutdownReport] = []
        self._commands = b""
        server.on("connection", self._open)
        server.on("data", self._hear_line)
        server.on("drain", self._go_on)
        server.on("close", self._close)
        server.on("stopped", self._stopped)

    # Connections.

    def _open(self, conn: Connection) -> None:
        self.opened += 1
        conn.context = Client()
        self.live.add(conn)

    def _hear_line(self, conn: Connection, data: bytes) -> None:
        """The server's listener: what comes after the line is for the one that the line has put in its place."""
        client = conn.context
        if client.way:
            self._after_line(conn, data)
            return
        line, found, rest = (client.head + data).partition(b"\n")
        client.head = b"" if found else line
        if found:
            client.way, *words = line.decode().split()
            getattr(self, "do_" + client.way)(conn, *words)
            if rest:
                self._after_line(conn, rest)

    def _after_line(self, conn: Connection, data: bytes) -> None:
        if conn.context.way == "keep":
            conn.context.kept.append(data)
        if conn.context.way != "echo":
            return
        conn.context.handed += len(data)
        if not conn.write(data):
            conn.pause()

    def _go_on(self, conn: Connection) -> None:
        """Drained."""
        if conn.context.way == "echo":
            conn.resume()
        elif conn.context.left:
            self._push(conn)

    def _push(self, conn: Connection) -> None:
        client = conn.context
        while client.left:
            piece = PIECE[: client.left]
            client.left -= len(piece)
            client.handed += len(piece)
            if not conn.write(piece):
                break
        if not client.left:
            self._end(conn)

    def _end(self, conn: Connection) -> None:
        if conn.context.ending != "stay":
            getattr(conn, conn.context.ending)()

    def _close(self, conn: Connection, report: CloseReport) -> None:
        client = conn.context
        client.closes += 1
        self.closed_twice += client.closes > 1
        told = {"port": conn.remote_address[1], "handed": client.handed, **report._asdict()}
        told["reason"] = report.reason.name
        told["error"] = type(report.error).__name__ if report.error is not None else None
        self.reports.append(told)

    # What clients ask for.

    def do_echo(self, conn: Connection) -> None: ...

    def do_take(self, conn: Connection) -> None: ...

    def do_keep(self, conn: Connection) -> None: ...

    def do_hold(self, conn: Connection) -> None:
        conn.pause()

    def do_push(self, conn: Connection, count: str, way: str) -> None:
        conn.context.left, conn.context.ending = int(count), way
        self._push(conn)

    def do_give(self, conn: Connection, count: str, way: str) -> None:
        whole, rest = divmod(int(count), len(PIECE))
        conn.context.handed, conn.context.ending = int(count), way
        conn.write(PIECE * whole + PIECE[:rest])
        self._end(conn)

    def do_call(self, conn: Connection, name: str) -> None:
        getattr(conn, name)()

    def do_raise(self, conn: Connection) -> None:
        raise RuntimeError("as the client has asked")

    def do_block(self, conn: Connection, seconds: str) -> None:
        time.sleep(float(seconds))
        conn.write(b"done\n")
        conn.context.handed = 5

    def do_allocate(self, conn: Connection, count: str) -> None:
        conn.write(b"%d\n" % len(bytearray(int(count))))

    def do_exit(self, conn: Connection) -> None:
        raise SystemExit(3)

    def do_interrupt(self, conn: Connection) -> None:
        raise KeyboardInterrupt

    # What the test asks for.

    def listen_to_commands(self) -> None:
        os.set_blocking(0, False)
        self.loop.watch(0, EVENT_READ, self._read_commands)

    def _read_commands(self, fd: int, events: int) -> None:
        data = os.read(fd, 65_536)
        if not data:
            self.loop.unwatch(0)
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            name, *words = line.decode().split()
            say(getattr(self, "tell_" + name)(*words))

    def tell_look(self) -> dict[str, Any]:
        """How things stand. The collector has been off all the time: what it finds now is in cycles."""
        self.garbage += gc.collect()
        told = self.server.statistics()
        inside = self.loop.statistics()
        # Without the timer for whoever is due next.
        return {
            "opened": self.opened, "accepted": told.accepted, "refused": told.refused, "open": told.open,
            "connections": len(self.server.connections),
            "ended": {reason.name: count for reason, count in told.ended.items()}, "live": len(self.live),
            "closed_twice": self.closed_twice, "held": inside.held,
            "timers": inside.timers - (self.server._keeper._timer is not None), "turns": inside.turns,
            "scheduled": len(self.server._keeper), "registrations": len(turns_of(self.loop).poller.handlers),
            "objects": len(gc.get_objects()), "garbage": self.garbage, "logged": dict(self.log.counts),
            "lines": self.log.lines,
        }  # fmt: skip

    def tell_states(self) -> dict[Any, list[Any]]:
        """Of each connection, by its client's port: state, pending bytes, bytes read."""
        known = self.server.connections
        return {conn.remote_address[1]: [conn.state, conn.pending_bytes, conn.bytes_read] for conn in known}

    def tell_reports(self) -> list[dict[str, Any]]:
        return self.reports

    def tell_books(self) -> dict[str, int]:
        """The reports in short, where there are too many of them; they are let go."""
        reports, self.reports = self.reports, []
        wrong = [told for told in reports if told["bytes_written"] + told["bytes_unsent"] != told["handed"]]
        wrong += [told for told in reports if told["clean"] and (told["bytes_unsent"] or told["bytes_unacked"])]
        return {"reports": len(reports), "wrong": len(wrong)}

    def tell_fork(self, seconds: str) -> int:
        """A child that holds copies of every descriptor for so long, and does nothing."""
        child = os.fork()
        if child == 0:
            time.sleep(float(seconds))
            os._exit(0)
        return child

    def tell_reap(self, child: str) -> int:
        """End it; its status."""
        os.kill(int(child), signal.SIGKILL)
        return os.waitpid(int(child), 0)[1]

    def tell_descriptors(self, limit: str) -> int:
        """From now on so many at most."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(limit), hard))
        return int(limit)

    def _stopped(self, server: Server, report: ShutdownReport) -> None:
        self.shutdowns.append(report)
        self.loop.unwatch(0)

    def account(self) -> dict[str, Any]:
        shutdowns = [
            {**report._asdict(), "by_reason": {reason.name: count for reason, count in report.by_reason.items()}}
            for report in self.shutdowns
        ]
        return {"shutdowns": shutdowns, "reports": self.reports, "closed_twice": self.closed_twice}


def say(what: Any) -> None:
    print(json.dumps(what), flush=True)


def limit_memory(headroom: int) -> None:
    """No more address space than now and so much besides."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    most = pages * resource.getpagesize() + headroom
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(
    settings: dict[str, Any], grace: float = 5, backlog: int = 4096, role: str = "told", memory: int | None = None,
    again: int = 0,
) -> None:  # fmt: skip
    """`role` "greet" says good-bye to everybody and keeps no books. `memory`: bytes of address space that are left.
    `again`: so often is run() called again after it was left by KeyboardInterrupt.
    """
    gc.disable()
    log = Log()
    logging.getLogger("reactor").addHandler(log)
    logging.getLogger("reactor").setLevel(logging.INFO)
    with Reactor() as loop:
        server = Server(loop, **settings)
        program = Program(loop, server, log)
        if role == "greet":
            server.off("data", program._hear_line)
            server.off("close", program._close)
            server.on("connection", lambda conn: conn.end(GREETING))
        loop.on_signal(signal.SIGTERM, lambda signum: server.shutdown(grace, fin_wait=None))
        say(server.listen("127.0.0.1", 0, backlog))
        program.listen_to_commands()
        if memory is not None:
            limit_memory(memory)
        for left in range(again, -1, -1):
            try:
                loop.run()
                break
            except KeyboardInterrupt:
                if not left:
                    raise
    say(program.account())


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
