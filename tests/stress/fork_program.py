"""The parent under forks: it serves, is a client of itself, works in threads, has timers, and forks again and again, at
random moments of all that. Each child does one thing to what it has inherited, and ends.

`python fork_program.py JSON` takes `forks` and `seed`. It has the dispositions of signals that the kernel gives a
process: Python's own are put back. Its last line is JSON: what its clients were told, and what is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from reactor import CloseReport, Connection, Reactor, ReactorError, Server, connect

CLIENTS = 8
AT_ONCE = 8  # children
MESSAGE = bytes(range(256)) * 8


class Parent:
    """Clients of its own ask for echoes without end, each in a new connection after a few; nothing may be lost."""

    def __init__(self, loop: Reactor, path: str, forks: int, seed: int) -> None:
        self.loop, self.forks = loop, forks
        self.random = random.Random(seed)
        self.pid = os.getpid()
        self.counts: Counter[str] = Counter()
        self.children: dict[int, str] = {}
        self.server = Server(loop)
        self.server.on("data", self.answer)
        self.server.on("close", self.closed)
        tcp: Any = self.server.listen("127.0.0.1", 0)
        unix = self.server.listen(path=path)
        self.places: list[dict[str, Any]] = [{"host": "localhost", "port": tcp[1]}, {"path": unix}]
        self.clients: dict[Connection, bytearray] = {}
        self.done = False

    # The work.

    def answer(self, conn: Connection, data: bytes) -> None:
        self.maybe_fork(conn)
        conn.write(data)

    def start(self) -> None:
        if self.done:
            return
        conn = connect(self.loop, **self.random.choice(self.places))
        self.clients[conn] = bytearray()
        conn.on("data", self.heard)
        conn.on("close", self.closed)
        conn.write(MESSAGE)

    def heard(self, conn: Connection, data: bytes) -> None:
        got = self.clients[conn]
        got += data
        self.maybe_fork(conn)
        if len(got) >= 4 * len(MESSAGE):
            self.counts["wrong"] += bytes(got) != 4 * MESSAGE
            conn.end()
        elif len(got) % len(MESSAGE) == 0:
            conn.write(MESSAGE)

    def closed(self, conn: Connection, report: CloseReport) -> None:
        self.counts["clean" if report.clean else "cut by the stop" if self.done else "not clean"] += 1
        if conn in self.clients:
            self.counts["short"] += len(self.clients.pop(conn)) != 4 * len(MESSAGE) and not self.done
            self.start()

    def tick(self) -> None:
        self.maybe_fork(None, 0.3)
        self.loop.run_in_thread(self.in_thread, callback=self.after_thread)
        if not self.done:
            self.loop.call_later(0.001, self.tick)

    def in_thread(self) -> None:
        self.maybe_fork(None, 0.2)

    def after_thread(self, result: object, error: BaseException | None) -> None:
        self.counts["errors in threads"] += error is not None
        self.maybe_fork(None, 0.05)

    # Forks.

    def maybe_fork(self, conn: Connection | None, chance: float = 0.02) -> None:
        if os.getpid() != self.pid or self.done or len(self.children) >= AT_ONCE or self.random.random() > chance:
            return
        act = self.random.choice(ACTS)
        pid = os.fork()
        if pid == 0:
            self.child(act, conn)
        self.children[pid] = act
        self.counts["forks"] += 1
        if act == "be terminated":
            os.kill(pid, signal.SIGTERM)
        if self.counts["forks"] >= self.forks:
            self.done = True
            self.loop.call_soon_threadsafe(self.stop)

    def child(self, act: str, conn: Connection | None) -> None:
        status = 9
        signal.alarm(60)
        try:
            perform(act, self, conn or next(iter(self.server.connections), None))
            status = 0
        except SystemExit:
            status = 0
        except BaseException as error:
            sys.stderr.write(f"{act}: {error!r}\n")
            sys.stderr.flush()
        finally:
            os._exit(status)

    def reap(self) -> None:
        if os.getpid() != self.pid:  # a child has copies of the timers
            return
        for pid in list(self.children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                act = self.children.pop(pid)
                code = os.waitstatus_to_exitcode(status)
                self.counts[f"{act}: {code}"] += code != (-signal.SIGTERM if act == "be terminated" else 0)
                self.counts[act] += 1
        if self.children or not self.done:
            self.loop.call_later(0.002, self.reap)

    def stop(self) -> None:
        self.server.shutdown(10)


ACTS = [
    "exit", "exit in with", "close the loop", "close the server", "reset", "destroy", "end", "write", "be terminated",
    "renew and serve", "renew and take over", "forget", "stop", "use a thread", "fork again",
]  # fmt: skip


def perform(act: str, parent: Parent, conn: Connection | None) -> None:
    """What a child does."""
    loop, server = parent.loop, parent.server
    match act:
        case "exit in with":
            with loop:
                sys.exit(0)
        case "close the loop":
            loop.close()
        case "close the server":
            server.close()
        case "reset" | "destroy" | "end":
            for one in list(server.connections):
                getattr(one, act)()
        case "write" if conn is not None:
            with contextlib.suppress(ReactorError):
                conn.write(b"of the child")
                raise AssertionError("it was written")
        case "be terminated":
            time.sleep(50)
        case "renew and serve":
            loop.renew_after_fork()
            server.close()
            serve_oneself(loop)
            loop.close()
        case "renew and take over":
            with contextlib.suppress(ReactorError):  # another thread has forked while the loop was at work
                loop.renew_after_fork(connections=True)
            for one in list(server.connections):
                one.context = "of the child"
            os._exit(0)
        case "forget":
            parent.loop = parent.server = parent.clients = None  # type: ignore[assignment]
        case "stop":
            loop.stop()
            loop.call_soon(print)
        case "use a thread":
            loop.call_soon_threadsafe(print).cancelled()
        case "fork again":
            if os.fork() == 0:
                loop.close()
                os._exit(0)
            os.wait()


def serve_oneself(loop: Reactor) -> None:
    """The loop works: one echo to a client of its own; inside a turn there is none."""
    server = Server(loop)
    server.on("data", lambda conn, data: conn.end(data))
    place: Any = server.listen("127.0.0.1", 0)
    heard: list[bytes] = []
    client = connect(loop, *place)
    client.on("data", lambda conn, data: heard.append(data))
    client.write(b"x")
    limit = time.monotonic() + 30
    try:
        while not heard:
            loop.run_once(0.01)
            assert time.monotonic() < limit
    except ReactorError as error:
        if "inside a turn" not in str(error):
            raise


def main(forks: int, seed: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12: the process has threads
    for signum in (signal.SIGPIPE, signal.SIGINT):
        signal.signal(signum, signal.SIG_DFL)
    path = Path(tempfile.mkdtemp()) / "socket"
    with Reactor() as loop:
        parent = Parent(loop, str(path), forks, seed)
        loop.on_signal(signal.SIGTERM, lambda signum: parent.counts.update(["SIGTERM"]))
        for _ in range(CLIENTS):
            parent.start()
        loop.call_soon(parent.tick)
        loop.call_soon(parent.reap)
        loop.run()
        left = len(parent.server.connections) + len(parent.clients)
    path.unlink(missing_ok=True)
    path.parent.rmdir()
    print(json.dumps({"counts": parent.counts, "left": left}), flush=True)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
