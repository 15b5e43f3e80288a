"""Clients that break every rule, in a process of their own, with raw sockets and nothing of the library.

`python raw_offenders.py HOST PORT COUNT SECONDS` has COUNT offenders at work for SECONDS, from twenty addresses, each
of one kind below. Who is ended comes back. Then it prints, as JSON, how many connections were begun and how they ended.
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

    def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
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
            how = "FIN"
        except BlockingIOError:
            return
        except OSError as error:
            how = errno.errorcode.get(error.errno or 0, "?")
        kind = self.kinds.pop(fd)
        self.ended[f"{kind}: {how}"] += 1
        self.poller.unregister(fd)
        self.socks.pop(fd).close()
        self.later(time.monotonic() + AGAIN, kind, -1)


def main(host: str, port: str, many: str, seconds: str) -> None:
    offenders = Offenders((host, int(port)), int(many))
    print("ready", flush=True)
    offenders.run(float(seconds))
    print(json.dumps({"begun": offenders.begun, "ended": offenders.ended, "open": len(offenders.socks)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
