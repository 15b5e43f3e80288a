"""Clients that break every rule, in a process of their own, with raw sockets and nothing of the library.

`python -m tests.stress.raw_offenders HOST PORT COUNT` has COUNT offenders at work, from twenty addresses, each of one
kind below. One that is ended comes back. They go when of each kind in `SOON` as many were ended as half of its clients.
Then it prints, as JSON, how many connections of each kind were begun, and how many were ended.
"""

from __future__ import annotations

import errno
import heapq
import json
import select
import socket
import sys
import time
from collections import Counter
from itertools import count

KINDS = ("silent", "trickles", "never reads", "endless line", "breaks off")
SOON = ("silent", "trickles", "endless line", "breaks off")  # are ended within some 10 s
STUCK = 120.0  # seconds: go, so that every wait ends
AGAIN = 1.0  # seconds before who was ended comes back
STEP = 0.5  # seconds between what one says and what it says next
LINE = b"y" * 899 + b"\n"
SAYS = {
    "silent": b"",
    "trickles": b"x",
    "never reads": LINE * 40,
    "endless line": b"z" * 2_000,
    "breaks off": b"one\ntw",
}


class Offenders:
    def __init__(self, address: tuple[str, int], many: int) -> None:
        self.address = address
        self.wanted = many / len(KINDS) / 2
        self.poller = select.epoll()
        self.kinds: dict[int, str] = {}
        self.socks: dict[int, socket.socket] = {}
        self.due: list[tuple[float, int, str, int]] = []  # (when, order, kind, descriptor or -1 to connect)
        self.order = count()
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        now = time.monotonic()
        for number in range(many):
            self.later(now + 2.0 * number / many, KINDS[number % len(KINDS)], -1)

    def later(self, when: float, kind: str, fd: int) -> None:
        heapq.heappush(self.due, (when, next(self.order), kind, fd))

    def run(self) -> None:
        until = time.monotonic() + STUCK
        while (now := time.monotonic()) < until and min(self.ended[kind] for kind in SOON) < self.wanted:
            while self.due and self.due[0][0] <= now:
                _, _, kind, fd = heapq.heappop(self.due)
                if fd < 0:
                    self.connect(kind)
                elif self.kinds.get(fd) == kind:
                    self.say(kind, fd)
            for fd, mask in self.poller.poll(min(0.05, max(self.due[0][0] - now, 0)) if self.due else 0.05):
                self.hear(fd, mask)

    def connect(self, kind: str) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        if kind == "never reads":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.bind((f"127.0.2.{1 + self.begun.total() % 20}", 0))
        self.begun[kind] += 1
        if sock.connect_ex(self.address) not in (0, errno.EINPROGRESS):
            sock.close()
            self.later(time.monotonic() + AGAIN, kind, -1)
            return
        fd = sock.fileno()
        self.socks[fd], self.kinds[fd] = sock, kind
        self.poller.register(fd, select.EPOLLRDHUP if kind == "never reads" else select.EPOLLIN)
        self.later(time.monotonic() + 0.05, kind, fd)

    def say(self, kind: str, fd: int) -> None:
        sock = self.socks[fd]
        try:
            sock.send(SAYS[kind])
            if kind == "breaks off":
                sock.shutdown(socket.SHUT_WR)
                return
        except BlockingIOError:
            pass
        except OSError:
            return  # `hear` is told
        self.later(time.monotonic() + STEP, kind, fd)

    def hear(self, fd: int, mask: int) -> None:
        try:
            if mask & select.EPOLLIN and self.socks[fd].recv(65_536):
                return
        except BlockingIOError:
            return
        except OSError:  # RST
            pass
        kind = self.kinds.pop(fd)
        self.ended[kind] += 1
        self.poller.unregister(fd)
        self.socks.pop(fd).close()
        self.later(time.monotonic() + AGAIN, kind, -1)


def main(host: str, port: str, many: str) -> None:
    offenders = Offenders((host, int(port)), int(many))
    print("ready", flush=True)
    offenders.run()
    print(json.dumps({"begun": offenders.begun, "ended": offenders.ended}))


if __name__ == "__main__":
    main(*sys.argv[1:])
