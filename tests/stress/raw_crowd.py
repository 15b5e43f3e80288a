"""A crowd of clients in a process of its own, with raw sockets and nothing of the library. It is there to be killed,
stopped, or ignored: it can be in the middle of everything at once.

`python -m tests.stress.raw_crowd HOST PORT JSON` has a list of manners, each with the `count` of those who have it (see
`Manner`). `ready` is printed when all are connected and have spoken. At the end of stdin they take what is there and go
away as close(2) does, and the last line on stdout has what each of them saw.
"""

from __future__ import annotations

import errno
import heapq
import json
import select
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from tests.stress.raw_sockets import opened, reset

UPLOAD = bytes(65_536)
AT_A_TIME = 200  # connects between two looks at the others
STORM = 50  # sockets of a storm at a time


@dataclass(frozen=True)
class Manner:
    """What a client does."""

    count: int = 1
    line: str = ""  # its first word; "" says nothing
    uploads: bool = False  # sends as much as goes
    ends: bool = False  # FIN after its line
    trickle: float = 0  # seconds between two bytes that it sends
    pace: float = 0  # seconds between two reads
    piece: int = 65_536  # bytes of a read
    stops_at: int = -1  # stops reading when it has so many
    buffer: int = 0  # SO_RCVBUF
    storms: bool = False  # connects and is gone, all the time


class Client:
    def __init__(self, address: tuple[str, int], manner: Manner) -> None:
        self.manner = manner
        self.got = self.sent = 0
        self.outcome = ""
        self.stops_at = manner.stops_at
        self.left = manner.line.encode() + b"\n" if manner.line else b""
        self.sleeps = self.spoken = False
        self.sock = opened(manner.buffer)
        self.sock.connect_ex(address)
        self.port = 0

    def mask(self) -> int:
        reads = self.got != self.stops_at and not self.sleeps
        writes = not self.spoken or self.manner.uploads
        return (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if writes else 0)

    def go_on(self, mask: int) -> None:
        """Sets `outcome` when it is over."""
        try:
            if mask & select.EPOLLOUT:
                self._speak()
            if mask & (select.EPOLLERR | select.EPOLLHUP):
                self.stops_at = -1  # nothing more will come: take what is there
                while not self.outcome:
                    self._read(1 << 20)
            elif mask & select.EPOLLIN:
                self._read(self.manner.piece)
                self.sleeps = self.manner.pace > 0
        except BlockingIOError:
            pass
        except OSError as error:
            self.outcome = errno.errorcode.get(error.errno or 0, "?")

    def _speak(self) -> None:
        if not self.spoken:
            self.port = self.sock.getsockname()[1]
            self.sock.send(self.left)
            self.spoken = True
            if self.manner.ends:
                self.sock.shutdown(socket.SHUT_WR)
        if self.manner.uploads:
            self.sent += self.sock.send(UPLOAD)

    def _read(self, most: int) -> None:
        if self.stops_at >= 0:
            most = min(most, self.stops_at - self.got)
        data = self.sock.recv(most)
        self.got += len(data)
        if not data:
            self.outcome = "FIN"

    def trickle(self) -> None:
        try:
            self.sent += self.sock.send(b"x")
        except OSError as error:
            self.outcome = errno.errorcode.get(error.errno or 0, "?")


class Crowd:
    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.poll = select.epoll()
        self.live: dict[int, tuple[Client, int]] = {}
        self.due: list[tuple[float, int, Client]] = []
        self.everybody: list[Client] = []
        self.storms = False

    def come(self, manner: Manner) -> None:
        self.storms = self.storms or manner.storms
        for number in range(0 if manner.storms else manner.count):
            client = Client(self.address, manner)
            self.everybody.append(client)
            self.live[client.sock.fileno()] = (client, client.mask())
            self.poll.register(client.sock, client.mask())
            if manner.trickle:
                # Spread over the period, so that they do not come all at once.
                self._wake_at(time.monotonic() + manner.trickle * (1 + number / manner.count), client)
            while sum(not one.spoken and not one.outcome for one in self.everybody[-AT_A_TIME:]) == AT_A_TIME:
                self.turn(0.1)
        while any(not one.spoken and not one.outcome for one in self.everybody):
            self.turn(0.1)

    def turn(self, wait: float) -> bool:
        """False when stdin has ended."""
        now = time.monotonic()
        wait = min(wait, max(self.due[0][0] - now, 0)) if self.due else wait
        for fd, mask in self.poll.poll(0 if self.storms else wait):
            if fd == 0:
                return False
            if fd in self.live:
                self._go_on(self.live[fd][0], mask)
        self._wake(time.monotonic())
        if self.storms:
            self._storm()
        return True

    def _go_on(self, client: Client, mask: int) -> None:
        client.go_on(mask)
        if client.sleeps:
            self._wake_at(time.monotonic() + client.manner.pace, client)
        self._arrange(client)

    def _arrange(self, client: Client) -> None:
        fd = client.sock.fileno()
        if client.outcome:
            del self.live[fd]
            client.sock.close()
        elif self.live[fd][1] != client.mask():
            self.poll.modify(fd, client.mask())
            self.live[fd] = (client, client.mask())

    def _wake_at(self, when: float, client: Client) -> None:
        heapq.heappush(self.due, (when, id(client), client))

    def _wake(self, now: float) -> None:
        while self.due and self.due[0][0] <= now:
            client = heapq.heappop(self.due)[2]
            if client.outcome:
                continue
            if client.manner.trickle:
                client.trickle()
                self._wake_at(now + client.manner.trickle, client)
            client.sleeps = False
            self._arrange(client)

    def _storm(self) -> None:
        """Some are connected, some are not yet, when they go; every other goes with RST."""
        storm = []
        for _ in range(STORM):
            storm.append(opened())
            storm[-1].connect_ex(self.address)
        for number, sock in enumerate(storm):
            (reset if number % 2 else socket.socket.close)(sock)

    def saw(self) -> list[dict[str, Any]]:
        return [
            {"port": one.port, "line": one.manner.line, "got": one.got, "sent": one.sent, "outcome": one.outcome}
            for one in self.everybody
        ]


def main(host: str, port: str, manners: str) -> None:
    crowd = Crowd((host, int(port)))
    for words in json.loads(manners):
        crowd.come(Manner(**words))
    print("ready", flush=True)
    crowd.poll.register(0, select.EPOLLIN)
    while crowd.turn(60):
        pass
    for client, _ in crowd.live.values():
        client.go_on(select.EPOLLHUP)
        client.sock.close()
    print(json.dumps(crowd.saw()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
