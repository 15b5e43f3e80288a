"""Clients that break every rule, in a process of their own, with raw sockets and nothing of the library.

`python -m tests.stress.raw_offenders HOST PORT COUNT` has COUNT offenders at work, from twenty addresses, each of one
kind below. One that is ended comes back. They go when of each kind in `SOON` as many were ended as half of its clients.
Then it prints, as JSON, how many connections of each kind were begun, and how many were ended.
"""

from __future__ import annotations

import heapq
import json
import math
import select
import socket
import sys
import time
from collections import Counter

from tests.stress.raw_sockets import Members, opened

KINDS = ("silent", "trickles", "never reads", "endless line", "breaks off")
SOON = ("silent", "trickles", "endless line", "breaks off")  # are ended within some 10 s
MOST = 120.0  # seconds: go, so that every wait ends
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


class Offender:
    """One connection."""

    def __init__(self, kind: str, address: tuple[str, int], host: str) -> None:
        self.kind = kind
        self.over = False
        self._say_at = time.monotonic() + 0.05
        self.sock = opened(4096 if kind == "never reads" else 0, host)
        self.sock.connect_ex(address)

    def mask(self, now: float) -> int:
        return select.EPOLLRDHUP if self.kind == "never reads" else select.EPOLLIN

    def wake_at(self, now: float) -> float:
        return self._say_at

    def go_on(self, mask: int, now: float) -> None:
        try:
            if self._say_at <= now:
                self._say_at = math.inf if self.kind == "breaks off" else now + STEP
                self.sock.send(SAYS[self.kind])
                if self.kind == "breaks off":
                    self.sock.shutdown(socket.SHUT_WR)
            if mask & select.EPOLLIN:
                self.over = not self.sock.recv(65_536)
            elif mask:
                self.over = True
        except BlockingIOError:
            pass
        except OSError:
            self.over = True


def run(address: tuple[str, int], many: int) -> dict[str, Counter[str]]:
    """How many connections of each kind were begun, and how many were ended."""
    members, begun, ended = Members[Offender](), Counter[str](), Counter[str]()
    started = time.monotonic()
    due = [(started + 2.0 * number / many, KINDS[number % len(KINDS)]) for number in range(many)]
    while min(ended[kind] for kind in SOON) < many / len(KINDS) / 2 and time.monotonic() < started + MOST:
        while due and due[0][0] <= time.monotonic():
            _, kind = heapq.heappop(due)
            members.add(Offender(kind, address, f"127.0.2.{1 + begun.total() % 20}"))
            begun[kind] += 1
        for gone in members.turn(0.05):
            ended[gone.kind] += 1
            heapq.heappush(due, (time.monotonic() + AGAIN, gone.kind))
    return {"begun": begun, "ended": ended}


def main(host: str, port: str, many: str) -> None:
    print("ready", flush=True)
    print(json.dumps(run((host, int(port)), int(many))))


if __name__ == "__main__":
    main(*sys.argv[1:])
