"""Many clients in a process of their own, with raw non-blocking sockets and nothing of the library.

`python -m tests.stress.raw_clients SEED COUNT LARGEST AT_ONCE OUT HOST:PORT...` connects COUNT clients, AT_ONCE at a
time, each with the plan that `plan(SEED, number, LARGEST)` gives for its number, and writes to the file OUT what each
of them got.
"""

from __future__ import annotations

import errno
import heapq
import json
import math
import random
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle

from tests.stress.raw_sockets import opened

STUCK = 60.0  # seconds without any event: give up, so that every wait ends


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
    size = _size(dice, largest)
    cuts = sorted(dice.randint(0, size) for _ in range(dice.choice([0, 0, 1, 5, 20])))
    reader = dice.choices(["fast", "slow", "stalls"], [5, 4, 1])[0]
    return Plan(
        chunks=[after - before for before, after in zip([0, *cuts], [*cuts, size], strict=True)],
        way=dice.choice(["end", "destroy_soon"]),
        delay=dice.choice([None, None, 0.0, dice.random() / 20]),
        waits=dice.random() < 0.5,
        reader=reader,
        reads=dice.randint(0, size) if reader == "stalls" else size,
        buffer=0 if reader == "fast" else dice.choice([0, 4096, 65536]),
        send_buffer=dice.choice([0, 8192, 65536]),
        upload=dice.choice([0, 0, _size(dice, largest)]),
        half_closes=dice.random() < 0.3,
    )


def _size(dice: random.Random, largest: int) -> int:
    if dice.random() < 0.3:
        return dice.randint(0, largest)
    return int(math.exp(dice.uniform(0, math.log(largest)))) - 1


class Client:
    """One of them. `mask` is what it waits for now, `wake_at` when it goes on by itself."""

    def __init__(self, number: int, mine: Plan, dice: random.Random) -> None:
        self.number, self.plan, self.dice = number, mine, dice
        self.got = self.sent = 0
        self.outcome = ""
        self.wake_at: float | None = None
        self._left = number.to_bytes(4, "big") + bytes(mine.upload)
        self.sock = opened(mine.buffer)

    @property
    def mask(self) -> int:
        """Stalled, and between two reads of a slow one, it hears of nothing but its reset (EPOLLERR, EPOLLHUP)."""
        reads = self.wake_at is None and not self._stalled
        return (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if self._left else 0)

    @property
    def _stalled(self) -> bool:
        return self.plan.reader == "stalls" and self.got >= self.plan.reads

    def is_over(self) -> bool:
        return bool(self.outcome)

    def on_ready(self, mask: int, now: float) -> None:
        """Sets `outcome` when it is over."""
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
            self.outcome = errno.errorcode.get(error.errno or 0, "?")

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
            self.wake_at = now + self.dice.random() / 200
        if self.plan.reader == "stalls":
            size = min(size, self.plan.reads - self.got)
        data = self.sock.recv(size)
        self.got += len(data)
        if not data and size:
            self.outcome = "FIN"


def run(clients: Iterator[Client], addresses: list[tuple[str, int]], at_once: int) -> list[Client]:
    """All of them, `at_once` at a time."""
    poll, live, done = select.epoll(), dict[int, tuple[Client, int]](), list[Client]()
    sleeping, order, where = list[tuple[float, int, Client]](), count(), cycle(addresses)
    while True:
        while len(live) < at_once and (client := next(clients, None)) is not None:
            client.sock.connect_ex(next(where))
            live[client.sock.fileno()] = (client, client.mask)
            poll.register(client.sock.fileno(), client.mask)
        if not live:
            return done
        wait = max(sleeping[0][0] - time.monotonic(), 0) if sleeping else STUCK
        events = poll.poll(wait)
        now = time.monotonic()
        if not events and not sleeping:
            raise TimeoutError(f"{len(live)} clients saw nothing for {STUCK} s")
        woken = [(live[fd][0], mask) for fd, mask in events]
        while sleeping and sleeping[0][0] <= now:
            client = heapq.heappop(sleeping)[2]
            client.wake_at = None
            woken.append((client, 0))
        for client, mask in woken:
            _turn(client, mask, now, poll, live, done)
            if client.wake_at is not None and not client.outcome and mask & ~select.EPOLLOUT:
                heapq.heappush(sleeping, (client.wake_at, next(order), client))


def _turn(
    client: Client,
    mask: int,
    now: float,
    poll: select.epoll,
    live: dict[int, tuple[Client, int]],
    done: list[Client],
) -> None:
    if client.is_over():
        return
    if mask:
        client.on_ready(mask, now)
    fd = client.sock.fileno()
    if client.is_over():
        del live[fd]
        client.sock.close()
        done.append(client)
    elif live[fd][1] != client.mask:
        poll.modify(fd, client.mask)
        live[fd] = (client, client.mask)


def main(seed: int, total: int, largest: int, at_once: int, out: str, *where: str) -> None:
    addresses = [(host, int(port)) for host, port in (one.rsplit(":", 1) for one in where)]
    dice = random.Random(seed)
    clients = (Client(number, plan(seed, number, largest), dice) for number in range(total))
    done = run(clients, addresses, at_once)
    with open(out, "w") as file:
        json.dump({client.number: [client.got, client.sent, client.outcome] for client in done}, file)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]), *sys.argv[5:])  # type: ignore[arg-type]
