"""What the tests of pipes send and read with, and how they look at both ends of a pipe.

An `End` is a connection and its raw peer, which never blocks: one thread plays every part, and the loop takes its turns
in between.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import termios
from collections.abc import Callable
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from reactor import CloseReport, Connection, Reactor
from reactor.testing import Peer, pump, settle
from reactor.testing.peer import NonblockingPeer
from tests.support.wire import kernel_count

KIB = 1024
MIB = 1024 * KIB
READ = 256 * KIB  # what a connection reads a turn, at most
PIECE = 64 * KIB
SLOW = {"receive_buffer": 4 * KIB}
BYTES = random.Random(12).randbytes(4 * MIB)  # in which no piece is like another
SECONDS = 20.0


class End(NonblockingPeer):
    """A connection, and the raw peer at the other end of it."""

    def __init__(self, loop: Reactor, peer: Peer, conn: Connection) -> None:
        super().__init__(peer.sock)
        self.loop = loop
        self.peer = peer
        self.conn = conn
        #: The harness that it is of.
        self.wire: Any = None

    def another(self, **options: Any) -> End:
        """One more connection of the same harness."""
        return opened(self.wire, **options)

    def until(self, condition: Callable[[], object]) -> None:
        """Take turns until a condition holds."""
        pump(self.loop, condition, SECONDS)

    # The peer sends.

    def send(self, data: bytes) -> None:
        """All of it, while the loop runs."""
        self.carry(data)

    def carry(self, data: bytes, *readers: End) -> None:
        """All of it, while others read."""
        left = memoryview(data)

        def sent() -> bool:
            nonlocal left
            left = left[self.send_some(left) :]
            for reader in readers:
                reader.read()
            return not left

        pump(self.loop, sent, SECONDS)

    def pour(self, data: bytes) -> int:
        """As much as is taken while nobody reads at the other side, or until a reset; how much that was."""
        taken = idle = 0
        while idle < 10 and taken < len(data):
            try:
                count = self.send_some(memoryview(data)[taken : taken + PIECE])
            except OSError:  # also where it has closed its own
                break
            taken += count
            idle = 0 if count else idle + 1
            self.loop.run_once(0 if count else 0.001)
        return taken

    # The peer reads.

    def receive(self, count: int) -> bytes:
        """Take turns until so much was read in all; all of it."""
        pump(self.loop, lambda: self.read() or len(self.received) >= count, SECONDS)
        return bytes(self.received)

    def receive_all(self) -> tuple[bytes, str | None]:
        """Take turns until the stream has ended: all that was read, and how it ended."""
        pump(self.loop, self.read, SECONDS)
        return bytes(self.received), self.outcome

    def nothing_comes(self) -> bool:
        """True if there is neither a byte nor an end to be read, a few turns later."""
        settle(self.loop)
        return super().nothing_comes()

    def was_reset(self) -> None:
        """Take turns until RST has come, also where FIN had come before: the kernel tells it as an error then."""

        def reset() -> bool:
            self.read()
            return self.outcome not in (None, "FIN") or bool(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

        pump(self.loop, reset, SECONDS)

    # The connection.

    def report(self) -> CloseReport:
        """Take turns until `close` came."""
        pump(self.loop, lambda: self.conn.report is not None, SECONDS)
        assert self.conn.report is not None
        return self.conn.report

    def is_throttled(self) -> bool:
        """True if it is not read from, though there is something to read."""
        pump(self.loop, lambda: unread(self.conn))
        before = self.conn.bytes_read
        settle(self.loop)
        return self.conn.bytes_read == before


def unread(conn: Connection) -> int:
    """Bytes that have arrived and that the library has not read."""
    return kernel_count(conn.fileno(), termios.FIONREAD)


def opened(wire: Any, **options: Any) -> End:
    """One more connection of the harness. The kernel takes little of it at a time: so what is pending is seen, and
    `drain` comes soon.
    """
    end = End(wire.loop, *wire.connect(**options))
    end.wire = wire
    end.peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * KIB)
    with socket.socket(fileno=os.dup(end.conn.fileno())) as twin:
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * KIB)
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * KIB)
    return end


def pair(wire: Any, *, slow: bool = False) -> tuple[End, End]:
    """Two connections; with `slow`, the peer of the second has little room for what it does not read."""
    return opened(wire), opened(wire, **(SLOW if slow else {}))


def pipe_and_unpipe(near: End, far: End) -> None:
    near.conn.pipe(far.conn)
    near.conn.unpipe()
    near.conn.resume()


SHAPES: dict[str, Callable[[End, End], object]] = {
    "pair": lambda near, far: None,
    "pipe": lambda near, far: near.conn.pipe(far.conn),
    "bytes only": lambda near, far: near.conn.pipe(far.conn, end=False),
    "relay": lambda near, far: near.conn.pipe(far.conn).pipe(near.conn),
    "relay of bytes only": lambda near, far: near.conn.pipe(far.conn, end=False).pipe(near.conn, end=False),
    "echo": lambda near, far: near.conn.pipe(near.conn),
    "unpiped": pipe_and_unpipe,
}


def joined(wire: Any, shape: str = "pipe", *, slow: bool = False) -> tuple[End, End]:
    """Two connections, and what pipes there are between them."""
    near, far = pair(wire, slow=slow)
    SHAPES[shape](near, far)
    return near, far


def fan(wire: Any, *, slow: bool, end: bool) -> tuple[End, End, End]:
    """A connection that is piped to two others; with `slow`, the peer of the first of them has little room."""
    near, one, two = opened(wire), opened(wire, **(SLOW if slow else {})), opened(wire)
    for destination in (one, two):
        near.conn.pipe(destination.conn, end=end)
    return near, one, two


def happens(near: End, far: End, what: str) -> None:
    """Call what is named, as "near.end" or "far.conn.reset", all of it in one turn but where it says "later"."""
    for name in what.split(", "):
        if name == "near.talk":
            near.send(b"dropped")
        elif name == "later":
            settle(near.loop)
        else:
            attrgetter(name)(SimpleNamespace(near=near, far=far))()


def dam_up(source: End, destination: End) -> int:
    """Let the source's peer send until the pipe makes it wait, and its connection is not read from; how much it has
    sent.
    """
    sent = source.pour(BYTES)
    assert destination.conn.pending_bytes > 0
    assert source.is_throttled()
    return sent


def receive_all_of(count: int, *ends: End) -> None:
    """Take turns until each has read so much in all."""

    def have_it() -> bool:
        for end in ends:
            end.read()
        return all(len(end.received) >= count for end in ends)

    pump(ends[0].loop, have_it, SECONDS)


def hang_up(*ends: End) -> None:
    """Take turns until all have closed: each peer reads what comes, and ends when it has read the end."""
    told: set[End] = set()

    def closed() -> bool:
        for end in ends:
            if end.read() and end not in told:
                told.add(end)
                with contextlib.suppress(OSError):
                    end.end()
        return all(end.conn.report is not None for end in ends)

    pump(ends[0].loop, closed, SECONDS)


def accounted(source: End, destination: End) -> bool:
    """True if all that the source has read is with the destination's kernel, counted as unsent, or as discarded."""
    came, went = source.report(), destination.report()
    return came.bytes_read == came.bytes_discarded + went.bytes_written + went.bytes_unsent
