"""A crowd of clients in a process of its own, with raw sockets and nothing of the library. It is there to be killed,
stopped, or ignored: it can be in the middle of everything at once.

`python -m tests.stress.raw_crowd HOST PORT JSON` has a list of manners, each with the `count` of those who have it (see
`Manner`). `ready` is printed when all are connected and have spoken. At the end of stdin they take what is there and go
away as close(2) does, and the last line on stdout has what each of them saw.
"""

from __future__ import annotations

import json
import math
import select
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from tests.stress.raw_sockets import Members, name_of, opened, reset_on_close

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
    def __init__(self, address: tuple[str, int], manner: Manner, number: int) -> None:
        self.manner = manner
        self.got = self.sent = self.port = 0
        self.outcome = ""
        self.stops_at = manner.stops_at
        self.left = manner.line.encode() + b"\n" if manner.line else b""
        self.spoken = False
        self._read_at = 0.0
        # Spread over the period, so that they do not come all at once.
        first = time.monotonic() + manner.trickle * (1 + number / manner.count)
        self._trickle_at = first if manner.trickle else math.inf
        self.sock = opened(manner.buffer)
        self.sock.connect_ex(address)

    @property
    def over(self) -> bool:
        return bool(self.outcome)

    def mask(self, now: float) -> int:
        reads = self.got != self.stops_at and self._read_at <= now
        writes = not self.spoken or self.manner.uploads
        return (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if writes else 0)

    def wake_at(self, now: float) -> float:
        return min((at for at in (self._read_at, self._trickle_at) if at > now), default=math.inf)

    def go_on(self, mask: int, now: float) -> None:
        try:
            if mask & select.EPOLLOUT:
                self._speak()
            if mask & (select.EPOLLERR | select.EPOLLHUP):
                self.stops_at = -1  # nothing more will come: take what is there
                while not self.outcome:
                    self._read(1 << 20)
            elif mask & select.EPOLLIN:
                self._read(self.manner.piece)
                self._read_at = now + self.manner.pace
            if self._trickle_at <= now:
                self._trickle_at = now + self.manner.trickle
                self.sent += self.sock.send(b"x")
        except BlockingIOError:
            pass
        except OSError as error:
            self.outcome = name_of(error)

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


class Crowd:
    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.members = Members[Client]()
        self.everybody: list[Client] = []
        self.storms = self.stopped = False

    def come(self, manner: Manner) -> None:
        self.storms = self.storms or manner.storms
        for number in range(0 if manner.storms else manner.count):
            self.everybody.append(Client(self.address, manner, number))
            self.members.add(self.everybody[-1])
            while sum(not one.spoken and not one.over for one in self.everybody[-AT_A_TIME:]) == AT_A_TIME:
                self.turn(0.1)
        while any(not one.spoken and not one.over for one in self.everybody):
            self.turn(0.1)

    def turn(self, wait: float) -> None:
        self.members.turn(0 if self.storms else wait)
        if self.storms:
            self._storm()

    def stop(self) -> None:
        """Stdin has ended."""
        self.stopped = True

    def _storm(self) -> None:
        """Some are connected, some are not yet, when they go; every other goes with RST."""
        storm = []
        for _ in range(STORM):
            storm.append(opened())
            storm[-1].connect_ex(self.address)
        for number, sock in enumerate(storm):
            if number % 2:
                reset_on_close(sock)
            sock.close()

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
    crowd.members.watch(0, crowd.stop)
    while not crowd.stopped:
        crowd.turn(10)
    for client in crowd.everybody:
        if not client.over:
            client.go_on(select.EPOLLHUP, time.monotonic())
            client.sock.close()
    print(json.dumps(crowd.saw()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
