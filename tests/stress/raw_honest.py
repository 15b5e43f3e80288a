"""Honest clients in a process of their own, with raw sockets and nothing of the library: each sends a message when it
is due and must have it back, whatever is done to the server by others.

`python raw_honest.py HOST PORT COUNT RATE` connects COUNT clients, which say `echo` and then RATE messages a second in
all, an open loop: a message is due when it is due, and its latency counts from there. `ready` is printed when all are
in. A line on stdin is the name of what happens from now on; at its end they say good-bye, and the last line on stdout
has for each name how many messages came back and how late, and how many bytes were lost.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections import deque

SIZE = 64  # bytes of a message
PATIENCE = 60.0  # seconds for the last messages to come back


class Client:
    """One of them: what is under way, as (when it was due, what happened then)."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.sock = socket.create_connection(address, timeout=PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(b"echo\n")
        self.sent = self.got = 0
        self.due: deque[tuple[float, str]] = deque()
        self.over = self.wrong = False

    def say(self, due: float, name: str) -> None:
        if not self.over:
            self.due.append((due, name))
            self.sock.sendall(content(self.sent))
            self.sent += SIZE

    def hear(self, now: float, found: dict[str, list[float]]) -> None:
        try:
            data = self.sock.recv(65_536)
        except OSError:
            data = b""
        self.over = self.over or not data
        for byte in data:
            self.wrong |= byte != self.got // SIZE % 251
            self.got += 1
        while self.due and self.got >= self.sent - (len(self.due) - 1) * SIZE:
            due, name = self.due.popleft()
            found.setdefault(name, []).append(now - due)


def content(position: int) -> bytes:
    return bytes([position // SIZE % 251]) * SIZE


def talk(clients: list[Client], rate: float) -> dict[str, list[float]]:
    """Until stdin ends. What came back, by the name of what happened when it was due."""
    poll, found, name, count = select.epoll(), dict[str, list[float]](), "at rest", 0
    known = {client.sock.fileno(): client for client in clients}
    for fd in (0, *known):
        poll.register(fd, select.EPOLLIN)
    begun, told = time.monotonic(), b""
    while True:
        while begun + count / rate <= time.monotonic():
            clients[count % len(clients)].say(begun + count / rate, name)
            count += 1
        due = begun + count / rate
        for fd, _ in poll.poll(max(due - time.monotonic(), 0)):
            if fd:
                known[fd].hear(time.monotonic(), found)
                if known[fd].over:
                    poll.unregister(fd)
                continue
            told += os.read(0, 65_536) or b"\0"
            *names, told = told.split(b"\n")
            name = names[-1].decode() if names else name
            if told.endswith(b"\0"):
                return found


def finish(clients: list[Client], found: dict[str, list[float]]) -> int:
    """What is under way must come back, and FIN be answered by FIN; how many bytes were lost."""
    lost = 0
    for client in clients:
        if not client.over:
            client.sock.shutdown(socket.SHUT_WR)
        while not client.over:
            client.hear(time.monotonic(), found)
        lost += client.sent - client.got + client.wrong
        client.sock.close()
    return lost


def at(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def main(host: str, port: str, count: str, rate: str) -> None:
    clients = [Client((host, int(port))) for _ in range(int(count))]
    print("ready", flush=True)
    found = talk(clients, float(rate))
    lost = finish(clients, found)
    late = {
        name: {"count": len(all_), "p50": at(all_, 0.5), "p99": at(all_, 0.99), "worst": max(all_)}
        for name, all_ in found.items()
    }
    print(json.dumps({"late": late, "lost": lost}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
