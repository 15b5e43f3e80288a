"""Tornado: IOStream, on asyncio's loop as it is since Tornado 5."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from tornado.gen import TimeoutError as GenTimeoutError
from tornado.gen import with_timeout
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_sockets
from tornado.tcpserver import TCPServer

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

Handler = Callable[[IOStream], Awaitable[None]]

streams: set[IOStream] = set()
no_streams = asyncio.Event()


async def echo(stream: IOStream) -> None:
    while True:
        await stream.write(await stream.read_bytes(READ_SIZE, partial=True))


async def echo_timeout(seconds: float, stream: IOStream) -> None:
    limit = timedelta(seconds=seconds)
    while True:
        try:
            data = await with_timeout(limit, stream.read_bytes(READ_SIZE, partial=True), StreamClosedError)
        except GenTimeoutError:
            return
        await stream.write(data)


async def lines(stream: IOStream) -> None:
    while True:
        await stream.write(await stream.read_until(b"\n"))


async def finish(stream: IOStream) -> None:
    """FIN, for which IOStream has no name, and wait for the peer's."""
    stream.socket.shutdown(socket.SHUT_WR)
    await stream.read_until_close()


async def greet(stream: IOStream) -> None:
    await stream.write(GREETING)
    await finish(stream)


async def push(size: int, stream: IOStream) -> None:
    for _ in range(size // len(BLOCK)):
        await stream.write(BLOCK)
    await finish(stream)


async def send_file(path: str, stream: IOStream) -> None:
    with open(path, "rb") as file:
        while block := file.read(len(BLOCK)):
            await stream.write(block)
    await finish(stream)


async def fanout(stream: IOStream) -> None:
    streams.add(stream)
    try:
        await stream.write(WELCOME)
        while True:
            data = await stream.read_bytes(READ_SIZE, partial=True)
            for other in streams:
                other.write(data)
    finally:
        streams.discard(stream)


async def pending(data: bytes, stream: IOStream) -> None:
    streams.add(stream)
    try:
        await stream.write(data)
        await finish(stream)
    finally:
        streams.discard(stream)
        if not streams:
            no_streams.set()


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


class Server(TCPServer):
    def __init__(self, handler: Handler) -> None:
        super().__init__()
        self.handler = handler

    async def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        stream.set_nodelay(True)
        try:
            await self.handler(stream)
        except StreamClosedError:
            pass
        stream.close()


async def serve(handler: Handler) -> None:
    """Until SIGTERM; then until every stream is closed."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    server = Server(handler)
    sockets = bind_sockets(0, HOST, backlog=BACKLOG)
    server.add_sockets(sockets)
    announce(sockets[0].getsockname()[1])
    await stopping.wait()
    server.stop()
    if streams:
        no_streams.clear()
        await no_streams.wait()


async def timers(count: int) -> None:
    loop = IOLoop.current()
    watch = Stopwatch()
    live = deque(loop.call_later(60, print) for _ in range(LIVE_TIMERS))
    for _ in range(0, count, TIMERS_A_TURN):
        for _ in range(TIMERS_A_TURN):
            loop.remove_timeout(live.popleft())
            live.append(loop.call_later(60, print))
        await asyncio.sleep(0)
    watch.lap("cancel", count)
    for timer in live:
        loop.remove_timeout(timer)
    fired = asyncio.Event()
    for number in range(count):
        loop.call_later(number / count, int)
    loop.call_later(1, fired.set)
    await fired.wait()
    watch.lap("fire", count)
    watch.tell()


def main() -> None:
    role, value = role_and_value()
    if role == "timers":
        asyncio.run(timers(int(value)))
    else:
        asyncio.run(serve(handler_for(role, value)))


if __name__ == "__main__":
    main()
