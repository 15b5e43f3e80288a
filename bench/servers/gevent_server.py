"""gevent: a greenlet for each connection."""

from __future__ import annotations

import signal
import socket as plain
from collections import deque
from collections.abc import Callable
from functools import partial

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gevent.socket import socket

from bench.servers.common import (
    BACKLOG,
    BLOCK,
    GREETING,
    HOST,
    LIVE_TIMERS,
    READ_SIZE,
    TIMERS_A_TURN,
    WELCOME,
    Stopwatch,
    announce,
    blocks,
    role_and_value,
)

Handler = Callable[[socket], None]

sockets: set[socket] = set()


def echo(sock: socket) -> None:
    while data := sock.recv(READ_SIZE):
        sock.sendall(data)


def echo_timeout(seconds: float, sock: socket) -> None:
    sock.settimeout(seconds)
    try:
        echo(sock)
    except TimeoutError:
        pass


def lines(sock: socket) -> None:
    with sock.makefile("rb") as file:
        for line in file:
            sock.sendall(line)


def finish(sock: socket) -> None:
    """FIN, and wait for the peer's."""
    sock.shutdown(plain.SHUT_WR)
    while sock.recv(READ_SIZE):
        pass


def greet(sock: socket) -> None:
    sock.sendall(GREETING)
    finish(sock)


def push(size: int, sock: socket) -> None:
    for _ in range(size // len(BLOCK)):
        sock.sendall(BLOCK)
    finish(sock)


def send_file(path: str, sock: socket) -> None:
    with open(path, "rb") as file:
        while block := file.read(len(BLOCK)):
            sock.sendall(block)
    finish(sock)


def fanout(sock: socket) -> None:
    sockets.add(sock)
    sock.sendall(WELCOME)
    while data := sock.recv(READ_SIZE):
        for other in list(sockets):
            other.sendall(data)
    sockets.discard(sock)


def pending(data: bytes, sock: socket) -> None:
    sock.sendall(data)
    finish(sock)


def handler_for(role: str, value: str) -> Handler:
    match role:
        case "echo_timeout":
            return partial(echo_timeout, float(value))
        case "push":
            return partial(push, int(value))
        case "file":
            return partial(send_file, value)
        case "stop":
            return partial(pending, blocks(int(value)))
        case _:
            return {"echo": echo, "lines": lines, "greet": greet, "fanout": fanout}[role]


def serve(handler: Handler) -> None:
    """Until SIGTERM; then until every handler has returned."""
    stopping = Event()

    def handle(sock: socket, address: tuple[str, int]) -> None:
        sock.setsockopt(plain.IPPROTO_TCP, plain.TCP_NODELAY, 1)
        handler(sock)  # the server closes it

    gevent.signal_handler(signal.SIGTERM, stopping.set)
    server = StreamServer((HOST, 0), handle, backlog=BACKLOG, spawn=Pool(100_000))
    server.start()
    announce(server.server_port)
    stopping.wait()
    server.stop(timeout=60)


def timers(count: int) -> None:
    watch = Stopwatch()
    live = deque(gevent.Timeout.start_new(60) for _ in range(LIVE_TIMERS))
    for _ in range(0, count, TIMERS_A_TURN):
        for _ in range(TIMERS_A_TURN):
            live.popleft().close()
            live.append(gevent.Timeout.start_new(60))
        gevent.sleep(0)
    watch.lap("cancel", count)
    for timer in live:
        timer.close()
    for number in range(count):
        gevent.spawn_later(number / count, int)
    gevent.sleep(1)
    gevent.wait()
    watch.lap("fire", count)
    watch.tell()


def main() -> None:
    role, value = role_and_value()
    if role == "timers":
        timers(int(value))
    else:
        serve(handler_for(role, value))


if __name__ == "__main__":
    main()
