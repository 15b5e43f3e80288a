"""Many clients in a process of their own, with raw non-blocking sockets and nothing of the library.

`python -m tests.stress.raw_clients SEED COUNT LARGEST AT_ONCE HOST:PORT...` connects COUNT clients, AT_ONCE at a
time, each with the plan that `plan(SEED, number, LARGEST)` gives for its number, and prints as JSON what each of them
got.
"""

from __future__ import annotations

import json
import math
import random
import select
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from tests.stress.raw_sockets import Members, any_size, name_of, opened, pieces


@dataclass(frozen=True)
class Plan:
    """What one client does, and what the server does with it. Both sides know it."""

    chunks: list[int]  # what the server writes, bytes each
    way: str  # how it ends: "end" or "destroy_soon"
    delay: float | None  # seconds between its last write and its end; None: in the same turn
    waits: bool  # it writes the next chunk only after `drain` when told "not now"
    reader: str  # "fast", "slow", or "stalls"
    reads: int  # a stalling one reads so many bytes, and no more
    buffer: int  # SO_RCVBUF of the client; 0: the system's
    send_buffer: int  # SO_SNDBUF of the server's side; 0: the system's, which takes megabytes
    upload: int  # bytes that the client sends besides
    half_closes: bool  # the client sends FIN after its upload, and not at its end


def plan(seed: int, number: int, largest: int) -> Plan:
    """The plan of client `number`. Most sizes are spread over all orders of magnitude, some are large."""
    dice = random.Random(seed * 1_000_003 + number)
    size = any_size(dice, largest, 0.3)
    chunks = pieces(dice, size, [0, 0, 1, 5, 20])
    reader = dice.choices(["fast", "slow", "stalls"], [5, 4, 1])[0]
    return Plan(
        chunks=chunks,
        way=dice.choice(["end", "destroy_soon"]),
        delay=dice.choice([None, None, 0.0, dice.random() / 20]),
        waits=dice.random() < 0.5,
        reader=reader,
        reads=dice.randint(0, size) if reader == "stalls" else size,
        buffer=0 if reader == "fast" else dice.choice([0, 4096, 65536]),
        send_buffer=dice.choice([0, 8192, 65536]),
        upload=dice.choice([0, 0, any_size(dice, largest, 0.3)]),
        half_closes=dice.random() < 0.3,
    )


class Client:
    """One of them."""

    def __init__(self, number: int, mine: Plan, dice: random.Random) -> None:
        self.number, self.plan, self.dice = number, mine, dice
        self.got = self.sent = 0
        self.outcome = ""
        self._read_at = 0.0
        self._left = number.to_bytes(4, "big") + bytes(mine.upload)
        self.sock = opened(mine.buffer)

    @property
    def over(self) -> bool:
        return bool(self.outcome)

    def mask(self, now: float) -> int:
        """Stalled, and between two reads of a slow one, it hears of nothing but its reset (EPOLLERR, EPOLLHUP)."""
        reads = self._read_at <= now and not self._stalled
        return (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if self._left else 0)

    @property
    def _stalled(self) -> bool:
        return self.plan.reader == "stalls" and self.got >= self.plan.reads

    def wake_at(self, now: float) -> float:
        return self._read_at if self._read_at > now else math.inf

    def go_on(self, mask: int, now: float) -> None:
        try:
            if mask & select.EPOLLOUT and self._left:
                self._send()
            if mask & (select.EPOLLERR | select.EPOLLHUP) and self._stalled:
                self.outcome = "hung up"
            elif mask & ~select.EPOLLOUT:
                self._receive(now)
        except BlockingIOError:
            pass
        except OSError as error:
            self.outcome = name_of(error)

    def _send(self) -> None:
        sent = self.sock.send(memoryview(self._left)[:65536])
        self.sent += sent
        self._left = self._left[sent:]
        if not self._left and self.plan.half_closes:
            self.sock.shutdown(socket.SHUT_WR)

    def _receive(self, now: float) -> None:
        size = 262_144
        if self.plan.reader != "fast":
            size = self.dice.randint(1, 16_384)
            self._read_at = now + self.dice.random() / 200
        if self.plan.reader == "stalls":
            size = min(size, self.plan.reads - self.got)
        data = self.sock.recv(size)
        self.got += len(data)
        if not data and size:
            self.outcome = "FIN"


def run(clients: Iterator[Client], addresses: list[tuple[str, int]], at_once: int) -> list[Client]:
    """All of them, `at_once` at a time."""
    members, done, where = Members[Client](), list[Client](), cycle(addresses)
    while True:
        while len(members.live) < at_once and (client := next(clients, None)) is not None:
            client.sock.connect_ex(next(where))
            members.add(client)
        if not members.live:
            return done
        done += members.turn()


def main(seed: int, total: int, largest: int, at_once: int, *where: str) -> None:
    addresses = [(host, int(port)) for host, port in (one.rsplit(":", 1) for one in where)]
    dice = random.Random(seed)
    clients = (Client(number, plan(seed, number, largest), dice) for number in range(total))
    done = run(clients, addresses, at_once)
    print(json.dumps({client.number: [client.got, client.sent, client.outcome] for client in done}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]), *sys.argv[5:])  # type: ignore[arg-type]
