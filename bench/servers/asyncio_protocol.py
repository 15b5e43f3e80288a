"""asyncio, with transports and protocols."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, BinaryIO

from bench.servers.common import (
    BACKLOG,
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

transports: set[asyncio.Transport] = set()


class Echo(asyncio.Protocol):
    __slots__ = ("transport",)

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


class EchoTimeout(Echo):
    """A timer that every message replaces."""

    __slots__ = ("call_later", "seconds", "timer")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.call_later = asyncio.get_running_loop().call_later

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.timer = self.call_later(self.seconds, transport.close)

    def data_received(self, data: bytes) -> None:
        self.timer.cancel()
        self.timer = self.call_later(self.seconds, self.transport.close)
        self.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.timer.cancel()


class EchoStamped(Echo):
    """A timer that finds out how long ago the last message was."""

    __slots__ = ("last", "loop", "seconds", "time", "timer")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.loop = asyncio.get_running_loop()
        self.time = self.loop.time

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.last = self.time()
        self.timer = self.loop.call_later(self.seconds, self.look)

    def data_received(self, data: bytes) -> None:
        self.last = self.time()
        self.transport.write(data)

    def look(self) -> None:
        left = self.last + self.seconds - self.time()
        if left > 0:
            self.timer = self.loop.call_later(left, self.look)
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.timer.cancel()


class Lines(Echo):
    __slots__ = ("rest",)

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        *whole, self.rest = (self.rest + data).split(b"\n")
        for line in whole:
            self.transport.write(line + b"\n")


class Greet(asyncio.Protocol):
    __slots__ = ()

    def connection_made(self, transport: asyncio.Transport) -> None:
        transport.write(GREETING)
        transport.write_eof()


class Push(asyncio.Protocol):
    __slots__ = ("left", "may_write", "transport")

    def __init__(self, count: int) -> None:
        self.left = count
        self.may_write = True

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.push()

    def block(self) -> bytes:
        return BLOCK

    def push(self) -> None:
        while self.left and self.may_write:
            self.left -= 1
            self.transport.write(self.block())
        if not self.left:
            self.transport.write_eof()

    def pause_writing(self) -> None:
        self.may_write = False

    def resume_writing(self) -> None:
        self.may_write = True
        if self.left:
            self.push()


class SendFile(asyncio.Protocol):
    def __init__(self, path: str) -> None:
        self.path = path

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.task = asyncio.ensure_future(self.send(transport, open(self.path, "rb")))

    async def send(self, transport: asyncio.Transport, file: BinaryIO) -> None:
        with file:
            await asyncio.get_running_loop().sendfile(transport, file)
        transport.write_eof()


class FanOut(asyncio.Protocol):
    __slots__ = ("transport",)

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transports.add(transport)
        transport.write(WELCOME)

    def data_received(self, data: bytes) -> None:
        for transport in transports:
            transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        transports.discard(self.transport)


class Pending(asyncio.Protocol):
    def __init__(self, pending: bytes, gone: Callable[[], object]) -> None:
        self.pending, self.gone = pending, gone

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transports.add(transport)
        transport.write(self.pending)

    def connection_lost(self, error: Exception | None) -> None:
        transports.discard(self.transport)
        self.gone()


Protocols = dict[str, Callable[[str], Callable[[], asyncio.Protocol]]]

PROTOCOLS: Protocols = {
    "echo": lambda value: Echo,
    "echo_timeout": lambda value: partial(EchoTimeout, float(value)),
    "echo_stamped": lambda value: partial(EchoStamped, float(value)),
    "lines": lambda value: Lines,
    "greet": lambda value: Greet,
    "push": lambda value: partial(Push, int(value) // len(BLOCK)),
    "file": lambda value: partial(SendFile, value),
    "fanout": lambda value: FanOut,
}


async def serve(make_protocol: Callable[[], asyncio.Protocol]) -> asyncio.Server:
    server = await asyncio.get_running_loop().create_server(make_protocol, HOST, 0, backlog=BACKLOG)
    announce(server.sockets[0].getsockname()[1])
    return server


async def serve_for_ever(make_protocol: Callable[[], asyncio.Protocol]) -> None:
    await (await serve(make_protocol)).serve_forever()


async def serve_until_stopped(value: str) -> None:
    stopping, stopped = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    pending = blocks(int(value))
    server = await serve(lambda: Pending(pending, lambda: transports or stopped.set()))
    await stopping.wait()
    server.close()
    for transport in transports:
        transport.write_eof()
    await stopped.wait()


async def timers(count: int) -> None:
    loop = asyncio.get_running_loop()
    watch = Stopwatch()
    live = deque(loop.call_later(60, print) for _ in range(LIVE_TIMERS))
    for _ in range(0, count, TIMERS_A_TURN):
        for _ in range(TIMERS_A_TURN):
            live.popleft().cancel()
            live.append(loop.call_later(60, print))
        await asyncio.sleep(0)
    watch.lap("cancel", count)
    for timer in live:
        timer.cancel()
    fired = asyncio.Event()
    for number in range(count):
        loop.call_later(number / count, int)
    loop.call_later(1, fired.set)
    await fired.wait()
    watch.lap("fire", count)
    watch.tell()


def main(run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run, protocols: Protocols = PROTOCOLS) -> None:
    role, value = role_and_value()
    if role == "timers":
        run(timers(int(value)))
    elif role == "stop":
        run(serve_until_stopped(value))
    else:
        run(serve_for_ever(protocols[role](value)))


if __name__ == "__main__":
    main()
