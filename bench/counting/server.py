"""The programs that are counted: `server.py ROLE RUN WARM_UP BATCHES BATCH`, under callgrind.

They use public names of the library only, so that they run with an older one and a newer one. BATCH is the size of a
batch, in bytes, lines, connections or timers. The first mark comes after WARM_UP batches, the second after BATCHES
more; then the process exits at once.

Each run of one library has its objects at other addresses, because a change of the library moves them too. What depends
on addresses, such as collisions in a dict of connections, belongs to the spread.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
from typing import Any

import reactor

ANSWER = b"goodbye\n"
TICK = 2.0**-16  # seconds that pass from one look at the clock to the next, about what a short turn takes


def mark() -> None:
    os.getppid()


class Batches:
    """Marks the beginning and the end of what is counted, and says when all of a batch is there."""

    def __init__(self, warm_up: int, batches: int, batch: int) -> None:
        self._left = self.batch = batch
        self._done, self._first, self._last = 0, warm_up, warm_up + batches

    def whole(self, amount: int) -> bool:
        """True if this much more makes a batch whole."""
        self._left -= amount
        if self._left > 0:
            return False
        self._left += self.batch
        return True

    def begin(self) -> None:
        """A batch begins, or all are done and the process exits."""
        if self._done == self._first:
            gc.collect()
            mark()
        elif self._done == self._last:
            mark()
            os._exit(0)
        self._done += 1


class Gate(Batches):
    """Where the server waits until the load has sent a whole batch."""

    def __init__(self, loop: reactor.Reactor, *numbers: int) -> None:
        super().__init__(*numbers)
        self.loop = loop

    def count(self, amount: int) -> None:
        if self.whole(amount):
            self.soon()

    def soon(self, *_: Any) -> None:
        """In the next turn, when what this one has written is sent."""
        self.loop.call_soon(self.enter)

    def enter(self) -> None:
        self.begin()
        self.wait()

    def wait(self) -> None:
        os.write(1, b"\n")
        os.read(0, 1)


def echo(server: reactor.Server, gate: Gate) -> None:
    def on_data(conn: reactor.Connection, data: bytes) -> None:
        conn.write(data)
        gate.count(len(data))

    server.on("data", on_data)


def lines(server: reactor.Server, gate: Gate) -> None:
    def on_line(conn: reactor.Connection, line: bytes) -> None:
        conn.write(line + b"\n")
        gate.count(1)

    server.on("data", reactor.lines(on_line))


def connections(server: reactor.Server, gate: Gate) -> None:
    """Two gates a batch: one when all are answered, one when all are closed, so that the clients' FINs come at once."""
    answered = Batches(0, 0, gate.batch)

    def on_data(conn: reactor.Connection, data: bytes) -> None:
        conn.end(ANSWER)
        if answered.whole(1):
            gate.loop.call_soon(gate.wait)

    server.on("data", on_data)
    server.on("close", lambda conn, report: gate.count(1))


def bulk(server: reactor.Server, gate: Gate) -> None:
    """The gate comes when the kernel has the whole answer: a server that waits there cannot send the rest."""

    def on_data(conn: reactor.Connection, data: bytes) -> None:
        if not conn.write(data, gate.soon if gate.whole(len(data)) else None):
            conn.pause()

    server.on("data", on_data)
    server.on("drain", reactor.Connection.resume)


def timers(loop: reactor.Reactor, batches: Batches) -> None:
    """No server: each turn cancels the timers of the last one and arms as many."""
    live: list[reactor.Timer] = []

    def turn() -> None:
        batches.begin()
        for timer in live:
            timer.cancel()
        live[:] = [loop.call_later(60, print) for _ in range(batches.batch)]
        loop.call_soon(turn)

    loop.call_soon(turn)


ROLES = {"echo": echo, "lines": lines, "connections": connections, "bulk": bulk}


def main() -> None:
    role, *words = sys.argv[1:]
    run, *numbers = [int(word) for word in words]
    _shift = [bytes(size) for size in range(16, 512, 16) for _ in range(run)]
    loop = reactor.Reactor(clock=itertools.count(1000.0, TICK).__next__)
    if role == "timers":
        timers(loop, Batches(*numbers))
    else:
        server, gate = reactor.Server(loop, lambda conn: None), Gate(loop, *numbers)
        ROLES[role](server, gate)
        print(server.listen("127.0.0.1", 0)[1], flush=True)
        gate.soon()
    loop.run()


if __name__ == "__main__":
    main()
