"""Both ends of many relayed connections in a process of their own, with raw non-blocking sockets and nothing of the
library.

`python -m tests.stress.raw_ends SEED COUNT LARGEST SPREAD AT_ONCE FD HOST PORT` connects COUNT clients, AT_ONCE at
a time, to a relay, and accepts on the listening socket FD what the relay connects to. Each end does what `plan(SEED,
number, LARGEST, SPREAD)` says; what it saw is printed, as JSON.

A client is bound to an address of its own (`address(number)`), and so is, by the relay, its connection to the target:
that is how each side knows which one it has, before and without a single byte.
"""

from __future__ import annotations

import errno
import json
import math
import random
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice

from tests.stress.raw_sockets import STUCK, Members, any_size, name_of, pieces, reset_on_close, set_up

SIZE = 65_536  # bytes of a send and of a read, at most
PATTERN = random.Random(0).randbytes(250_007) * 2  # a prime number of bytes, twice: any place of it can be sliced
CLIENT, TARGET = "client", "target"


def address(number: int) -> str:
    return f"127.{10 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def number_of(host: str) -> int:
    _, high, middle, low = map(int, host.split("."))
    return (high - 10) * 62_500 + middle * 250 + low - 1


def content(number: int, role: str, begin: int, size: int) -> bytes:
    """Bytes of the stream that this end sends. No two streams are alike."""
    start = (number * 7919 + (role == TARGET) * 100_003 + begin) % (len(PATTERN) // 2)
    return PATTERN[start : start + size]


@dataclass(frozen=True)
class Part:
    """What one end does."""

    pieces: list[int]  # what it sends, bytes each
    pauses: list[float]  # seconds before each of them, and before its FIN
    ends_first: bool  # FIN after its last piece; else after the other's FIN too
    reset_by: str  # it resets the connection when it has "sent", or "got", `reset_at` bytes, or after "time"; "": never
    reset_at: float
    reader: str  # "fast", "slow", or "late"
    buffer: int  # SO_RCVBUF; 0: the system's


def plan(seed: int, number: int, largest: int, spread: float) -> dict[str, Part]:
    """What both ends of a connection do. They begin within `spread` seconds, so that many are there at a time. One of
    them at least ends, or resets, without waiting for the other.
    """
    dice = random.Random(seed * 1_000_003 + number)
    first = dice.choice([CLIENT, TARGET])
    return {role: _part(dice, largest, spread, role == first or dice.random() < 0.3) for role in (CLIENT, TARGET)}


def _part(dice: random.Random, largest: int, spread: float, ends_first: bool) -> Part:
    size = any_size(dice, largest, 0.2)
    sizes = pieces(dice, size, [0, 0, 1, 3, 8])
    reset_by = dice.choices(["", "sent", "got", "time"], [17, 1, 1, 1])[0]
    reader = dice.choices(["fast", "slow", "late"], [5, 3, 2])[0]
    return Part(
        pieces=sizes,
        pauses=[dice.random() * spread, *(dice.choice([0.0, 0.0, dice.random() / 10]) for _ in sizes)],
        ends_first=ends_first,
        reset_by=reset_by,
        reset_at=dice.random() * spread * 1.5 if reset_by == "time" else dice.randint(0, any_size(dice, largest, 0.2)),
        reader=reader,
        buffer=0 if reader == "fast" else dice.choice([0, 4096, 32_768]),
    )


@dataclass
class Seen:
    """What one end has to tell when it is over."""

    sent: int = 0  # bytes that the kernel took
    got: int = 0
    right: bool = True  # each byte was what the other end had sent at that place
    ended: bool = False  # it has sent FIN
    outcome: str = ""  # how what it read has ended: "FIN", or the errno's name
    broken: str = ""  # the errno of a write that failed
    reset: bool = False  # it has reset the connection itself


class End:
    """One end."""

    def __init__(self, sock: socket.socket, number: int, role: str, part: Part, now: float) -> None:
        self.sock, self.number, self.role, self.part = sock, number, role, part
        self.seen = Seen()
        self.over = False
        self._dice = random.Random(number)
        self._steps = deque(zip([*part.pieces, 0], part.pauses, strict=True))
        self._left = 0  # of the piece that it sends now
        self._send_at = now
        self._read_at = now + (self._dice.random() / 5 if part.reader == "late" else 0)
        self._reset_at = now + part.reset_at if part.reset_by == "time" else math.inf
        self._next_piece(now)
        set_up(sock, part.buffer)

    def mask(self, now: float) -> int:
        reads = not self.seen.outcome and self._read_at <= now
        sends = self._left and self._send_at <= now and not self.seen.broken
        return (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if sends else 0)

    def wake_at(self, now: float) -> float:
        return min((at for at in (self._send_at, self._read_at, self._reset_at) if at > now), default=math.inf)

    def go_on(self, mask: int, now: float) -> None:
        seen = self.seen
        if self._must_reset(now):
            reset_on_close(self.sock)
            seen.reset = self.over = True
            return
        if mask & ~select.EPOLLOUT and not seen.outcome:  # also while it pauses: ERR and HUP would come again at once
            self._receive(now)
        elif mask & select.EPOLLERR and not seen.broken:  # RST after the FIN
            code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            seen.broken = errno.errorcode.get(code, "")
        if self._left and self._send_at <= now and not seen.broken:
            self._send(now)
        if not self._left and self._send_at <= now and not seen.broken:
            self._end()
        self.over = bool(seen.outcome) and (seen.outcome != "FIN" or seen.ended or bool(seen.broken))

    def _must_reset(self, now: float) -> bool:
        reached = {"sent": self.seen.sent, "got": self.seen.got}.get(self.part.reset_by, -1)
        return now >= self._reset_at or reached >= self.part.reset_at

    def _next_piece(self, now: float) -> None:
        while not self._left and self._steps:
            self._left, pause = self._steps.popleft()
            self._send_at = now + pause

    def _send(self, now: float) -> None:
        data = content(self.number, self.role, self.seen.sent, min(self._left, SIZE))
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            return
        except OSError as error:
            self.seen.broken = name_of(error)
            return
        self.seen.sent += sent
        self._left -= sent
        self._next_piece(now)

    def _end(self) -> None:
        if self.seen.ended or not (self.part.ends_first or self.seen.outcome):
            return
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.seen.ended = True
        except OSError as error:
            self.seen.broken = name_of(error)

    def _receive(self, now: float) -> None:
        size = SIZE
        if self.part.reader == "slow":
            size = self._dice.randint(1, 16_384)
            self._read_at = now + self._dice.random() / 200
        try:
            data = self.sock.recv(size)
        except BlockingIOError:
            return
        except OSError as error:
            self.seen.outcome = name_of(error)
            return
        if data:
            other = TARGET if self.role == CLIENT else CLIENT
            self.seen.right &= data == content(self.number, other, self.seen.got, len(data))
            self.seen.got += len(data)
        else:  # after an error that a write was told, it is no FIN
            self.seen.outcome = self.seen.broken or "FIN"


class Ends:
    """All of them."""

    def __init__(
        self, plan: Callable[[int], dict[str, Part]], listening: socket.socket, relay: tuple[str, int]
    ) -> None:
        self._plan = plan
        self._listening, self._relay = listening, relay
        self.done: dict[str, dict[int, Seen]] = {CLIENT: {}, TARGET: {}}
        self._members = Members[End]()
        listening.setblocking(False)
        self._members.watch(listening.fileno(), self._accept)

    def run(self, numbers: Iterator[int], at_once: int) -> None:
        """Connect one client for each number, and take turns until all ends are over. The first of them, as many as may
        be there at once, are all connected before one of them speaks.
        """
        room = at_once
        while True:
            for number, sock in [(number, self._connected(number)) for number in islice(numbers, room)]:
                self._add(sock, number, CLIENT)
            if not self._members.live:
                self._accept()  # who was let in at the very last
            if not self._members.live:
                return
            over = self._members.turn()
            for end in over:
                self.done[end.role][end.number] = end.seen
            room = sum(end.role == CLIENT for end in over)

    def _add(self, sock: socket.socket, number: int, role: str) -> None:
        self._members.add(End(sock, number, role, self._plan(number)[role], time.monotonic()))

    def _connected(self, number: int) -> socket.socket:
        sock = socket.socket()
        sock.settimeout(STUCK)
        sock.bind((address(number), 0))
        sock.connect(self._relay)
        self._accept()  # in time: a kernel whose backlog is full lets the relay take for connected what it then forgets
        return sock

    def _accept(self) -> None:
        while True:
            try:
                sock, (host, _) = self._listening.accept()
            except BlockingIOError:
                return
            self._add(sock, number_of(host), TARGET)


def main(seed: int, total: int, largest: int, spread: float, at_once: int, fd: int, host: str, port: int) -> None:
    with socket.socket(fileno=fd) as listening:
        ends = Ends(lambda number: plan(seed, number, largest, spread), listening, (host, port))
        ends.run(iter(range(total)), at_once)
    print(json.dumps({role: {n: asdict(seen) for n, seen in done.items()} for role, done in ends.done.items()}))


if __name__ == "__main__":
    kinds = (int, int, int, float, int, int, str, int)
    main(*(kind(word) for kind, word in zip(kinds, sys.argv[1:], strict=True)))
