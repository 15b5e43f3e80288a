"""Honest clients in a process of their own, with raw sockets and nothing of the library: each sends a message when it
is due and must have it back, whatever is done to the server by others.

`python -m tests.stress.raw_honest HOST PORT COUNT RATE` connects COUNT clients, which say `echo` and then RATE messages
a second in all, an open loop: a message is due when it is due, and its latency counts from there. `ready` is printed
when all are in. At the end of stdin they say good-bye, and the last line on stdout has the seconds that a message took
at most, and how many bytes were lost.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import deque

SIZE = 64  # bytes of a message
PATIENCE = 60.0  # seconds for the last messages to come back


class Client:
    """One of them: when what is under way was due."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.sock = socket.create_connection(address, timeout=PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(b"echo\n")
        self.sent = self.got = 0
        self.due: deque[float] = deque()
        self.worst = 0.0
        self.over = self.wrong = False

    def say(self, due: float) -> None:
        if not self.over:
            self.due.append(due)
            self.sock.sendall(content(self.sent))
            self.sent += SIZE

    def hear(self) -> None:
        try:
            data = self.sock.recv(65_536)
        except OSError:
            data = b""
        self.over = self.over or not data
        for byte in data:
            self.wrong |= byte != self.got // SIZE % 251
            self.got += 1
        while self.due and self.got >= self.sent - (len(self.due) - 1) * SIZE:
            self.worst = max(self.worst, time.monotonic() - self.due.popleft())

    def finish(self) -> int:
        """What is under way must come back, and FIN be answered by FIN; how many bytes were lost."""
        if not self.over:
            self.sock.shutdown(socket.SHUT_WR)
        while not self.over:
            self.hear()
        self.sock.close()
        return self.sent - self.got + self.wrong


def content(position: int) -> bytes:
    return bytes([position // SIZE % 251]) * SIZE


def talk(clients: list[Client], rate: float) -> None:
    """Until stdin ends."""
    poll, count = select.epoll(), 0
    known = {client.sock.fileno(): client for client in clients}
    for fd in (0, *known):
        poll.register(fd, select.EPOLLIN)
    begun = time.monotonic()
    while True:
        while (due := begun + count / rate) <= time.monotonic():
            clients[count % len(clients)].say(due)
            count += 1
        for fd, _ in poll.poll(max(due - time.monotonic(), 0)):
            if fd == 0:
                return
            known[fd].hear()
            if known[fd].over:
                poll.unregister(fd)


def main(host: str, port: str, count: str, rate: str) -> None:
    clients = [Client((host, int(port))) for _ in range(int(count))]
    print("ready", flush=True)
    talk(clients, float(rate))
    lost = sum(client.finish() for client in clients)
    print(json.dumps([max(client.worst for client in clients), lost]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
