"""This library."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

from bench.servers.common import (
    BLOCK,
    GREETING,
    HOST,
    LIVE_TIMERS,
    TIMERS_A_TURN,
    WELCOME,
    Stopwatch,
    announce,
    blocks,
    role_and_value,
)
from reactor import Connection, Reactor, Server, serve


def echo(conn: Connection, data: bytes) -> None:
    if not conn.write(data):
        conn.pause()


def lines(conn: Connection, data: bytes) -> None:
    *whole, conn.context = ((conn.context or b"") + data).split(b"\n")
    more = True
    for line in whole:
        more = conn.write(line + b"\n")
    if not more:
        conn.pause()


def push(conn: Connection) -> None:
    while conn.context:
        conn.context -= 1
        if not conn.write(BLOCK):
            return  # until `drain`
    conn.end()


def begin_push(count: int, conn: Connection) -> None:
    conn.context = count
    push(conn)


def send_file(path: str, conn: Connection) -> None:
    conn.send_file(path)
    conn.end()


def tell_all(conn: Connection, data: bytes) -> None:
    for other in conn.server.connections:
        other.write(data)


def set_up(role: str, value: str, server: Server) -> None:
    server.on("listening", lambda server, address: announce(address[1]))
    match role:
        case "echo" | "echo_timeout" | "echo_stamped":  # the library stamps by itself
            server.on("data", echo)
            server.on("drain", Connection.resume)
        case "lines":
            server.on("data", lines)
            server.on("drain", Connection.resume)
        case "greet":
            server.on("connection", lambda conn: conn.end(GREETING))
        case "push":
            server.on("connection", partial(begin_push, int(value) // len(BLOCK)))
            server.on("drain", push)
        case "file":
            server.on("connection", partial(send_file, value))
        case "fanout":
            server.on("connection", lambda conn: conn.write(WELCOME))
            server.on("data", tell_all)
        case "stop":
            pending = blocks(int(value))
            server.on("connection", lambda conn: conn.write(pending))


class Timers:
    def __init__(self, loop: Reactor, count: int) -> None:
        self.loop = loop
        self.left = count
        self.live = deque(self.loop.call_later(60, print) for _ in range(LIVE_TIMERS))

    def some(self) -> None:
        for _ in range(TIMERS_A_TURN):
            self.live.popleft().cancel()
            self.live.append(self.loop.call_later(60, print))
        self.left -= TIMERS_A_TURN
        if self.left > 0:
            self.loop.call_soon(self.some)
        else:
            self.loop.stop()


def timers(count: int) -> None:
    watch = Stopwatch()
    with Reactor() as loop:
        loop.call_soon(Timers(loop, count).some)
        loop.run()
    watch.lap("cancel", count)
    with Reactor() as loop:
        for number in range(count):
            loop.call_later(number / count, int)
        loop.run()
    watch.lap("fire", count)
    watch.tell()


def main() -> None:
    role, value = role_and_value()
    if role == "timers":
        timers(int(value))
        return
    settings: dict[str, Any] = {"idle_timeout": float(value)} if role in ("echo_timeout", "echo_stamped") else {}
    serve(lambda conn: None, HOST, 0, grace=30, on_server=partial(set_up, role, value), **settings)


if __name__ == "__main__":
    main()
