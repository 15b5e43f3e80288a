"""The sockets of the raw clients in this folder: each file `raw_*.py` is a program, and uses nothing of the library.
`Members` are all of one program: one thread, and each goes on when something is ready for it, or due.
"""

from __future__ import annotations

import errno
import heapq
import math
import random
import select
import socket
import struct
import time
from collections.abc import Callable
from itertools import count
from typing import Generic, Protocol, TypeVar

STUCK = 60.0  # seconds without any event: give up, so that every wait ends


def opened(buffer: int = 0, host: str = "") -> socket.socket:
    """A socket that never blocks, bound to a host if one is given; `buffer` is its SO_RCVBUF, 0 the system's."""
    sock = socket.socket()
    if host:
        sock.bind((host, 0))
    return set_up(sock, buffer)


def set_up(sock: socket.socket, buffer: int) -> socket.socket:
    """Keep-alive, because a reset may never be heard: RST is one segment and is not sent again, and Linux drops it in
    silence if it lies beyond the receiver's window, which its sender allows. A receiver with a small buffer
    that has sent FIN and has nothing more to say would wait for ever.
    """
    sock.setblocking(False)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    for option, value in ((socket.TCP_KEEPIDLE, 2), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 5)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return sock


def reset_on_close(sock: socket.socket) -> None:
    """It goes away with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def any_size(dice: random.Random, largest: int, evenly: float) -> int:
    """Spread over all orders of magnitude, and with this probability over all sizes."""
    if dice.random() < evenly:
        return dice.randint(0, largest)
    return int(math.exp(dice.uniform(0, math.log(largest)))) - 1


def pieces(dice: random.Random, size: int, cuts: list[int]) -> list[int]:
    """The sizes of the pieces of so many bytes, which are cut so many times as one of these."""
    places = sorted(dice.randint(0, size) for _ in range(dice.choice(cuts)))
    return [after - before for before, after in zip([0, *places], [*places, size], strict=True)]


def name_of(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "?")


class Member(Protocol):
    """One socket, and what its client does."""

    sock: socket.socket

    @property
    def over(self) -> bool:
        """True if nothing is left to do."""

    def mask(self, now: float) -> int:
        """What it waits for, in words of epoll."""

    def wake_at(self, now: float) -> float:
        """The next moment at which it goes on without an event; infinite: there is none."""

    def go_on(self, mask: int, now: float) -> None:
        """Something is ready, or due."""


M = TypeVar("M", bound=Member)


class Members(Generic[M]):
    """All sockets of a program, which take their turns."""

    def __init__(self) -> None:
        self.live: dict[int, tuple[M, int, float]] = {}  # by descriptor, with its mask and the moment it wakes at
        self._poll = select.epoll()
        self._watched: dict[int, Callable[[], object]] = {}
        self._sleeping: list[tuple[float, int, M]] = []
        self._order = count()

    def watch(self, fd: int, fn: Callable[[], object]) -> None:
        """Call it whenever this descriptor is readable."""
        self._watched[fd] = fn
        self._poll.register(fd, select.EPOLLIN)

    def add(self, member: M) -> None:
        """It goes on in the next turn: something may be due already."""
        fd, now = member.sock.fileno(), time.monotonic()
        self._poll.register(fd, 0)
        self.live[fd] = (member, 0, math.inf)
        self._arrange(member, now)
        heapq.heappush(self._sleeping, (now, next(self._order), member))

    def turn(self, wait: float = STUCK) -> list[M]:
        """Wait until something is ready or due, for so many seconds at most; those that are over now, and closed."""
        due = self._sleeping[0][0] - time.monotonic() if self._sleeping else math.inf
        events = self._poll.poll(max(min(wait, due), 0))
        if not events and min(wait, due) >= STUCK:
            raise TimeoutError(f"{len(self.live)} clients saw nothing for {STUCK} s")
        now = time.monotonic()
        woken = [(self.live[fd][0], mask) for fd, mask in events if fd in self.live]
        while self._sleeping and self._sleeping[0][0] <= now:
            woken.append((heapq.heappop(self._sleeping)[2], 0))
        over = []
        for member, mask in woken:
            if not member.over:
                member.go_on(mask, now)
                if self._arrange(member, now):
                    over.append(member)
        for fd, _ in events:
            if fd in self._watched:
                self._watched[fd]()
        return over

    def _arrange(self, member: M, now: float) -> bool:
        """True if it is over."""
        fd = member.sock.fileno()
        if member.over:
            del self.live[fd]
            member.sock.close()
            return True
        _, mask, at = self.live[fd]
        wanted, wakes = member.mask(now), member.wake_at(now)
        self.live[fd] = (member, wanted, wakes)
        if wanted != mask:
            self._poll.modify(fd, wanted)
        if wakes not in (at, math.inf):
            heapq.heappush(self._sleeping, (wakes, next(self._order), member))
        return False
