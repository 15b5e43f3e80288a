"""trio: a task for each connection. It sets TCP_NODELAY by itself."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from bench.servers.common import (
    BACKLOG,
    BLOCK,
    GREETING,
    HOST,
    TIMERS_A_TURN,
    WELCOME,
    Stopwatch,
    announce,
    blocks,
    role_and_value,
)

Stream = trio.SocketStream
Handler = Callable[[Stream], Awaitable[None]]

streams: set[Stream] = set()


async def echo(stream: Stream) -> None:
    async for data in stream:
        await stream.send_all(data)


async def echo_timeout(seconds: float, stream: Stream) -> None:
    while True:
        with trio.move_on_after(seconds) as scope:
            data = await stream.receive_some()
        if scope.cancelled_caught or not data:
            return
        await stream.send_all(data)


async def lines(stream: Stream) -> None:
    rest = b""
    async for data in stream:
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            await stream.send_all(line + b"\n")


async def finish(stream: Stream) -> None:
    """FIN, and wait for the peer's."""
    await stream.send_eof()
    while await stream.receive_some():
        pass


async def greet(stream: Stream) -> None:
    await stream.send_all(GREETING)
    await finish(stream)


async def push(size: int, stream: Stream) -> None:
    for _ in range(size // len(BLOCK)):
        await stream.send_all(BLOCK)
    await finish(stream)


async def send_file(path: str, stream: Stream) -> None:
    async with await trio.open_file(path, "rb") as file:
        while block := file.wrapped.read(len(BLOCK)):  # it is in the page cache: a thread for each read is slower
            await stream.send_all(block)
    await finish(stream)


async def fanout(stream: Stream) -> None:
    streams.add(stream)
    await stream.send_all(WELCOME)
    async for data in stream:
        for other in list(streams):
            await other.send_all(data)
    streams.discard(stream)


async def pending(data: bytes, stream: Stream) -> None:
    await stream.send_all(data)
    await finish(stream)


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


async def serve(handler: Handler) -> None:
    """Until SIGTERM; then until every handler has returned."""

    async def handle_and_close(stream: Stream) -> None:
        async with stream:
            await handler(stream)

    async def listen(task_status: trio.TaskStatus[None]) -> None:
        with accepting:
            listeners = await trio.open_tcp_listeners(0, host=HOST, backlog=BACKLOG)
            announce(listeners[0].socket.getsockname()[1])
            task_status.started()
            await trio.serve_listeners(handle_and_close, listeners, handler_nursery=handlers)

    accepting = trio.CancelScope()
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as handlers:
            await handlers.start(listen)
            async for _ in signals:
                accepting.cancel()
                break


async def timers(count: int) -> None:
    """What a program arms: a cancel scope around an await; sleeping tasks, a tenth of the number."""
    watch = Stopwatch()
    for _ in range(0, count, TIMERS_A_TURN):
        for _ in range(TIMERS_A_TURN):
            with trio.move_on_after(60):
                pass
        await trio.lowlevel.checkpoint()
    watch.lap("cancel", count)
    async with trio.open_nursery() as nursery:
        for number in range(count // 10):
            nursery.start_soon(trio.sleep, number * 10 / count)
    watch.lap("fire", count // 10)
    watch.tell()


def main() -> None:
    role, value = role_and_value()
    if role == "timers":
        trio.run(timers, int(value))
    else:
        trio.run(serve, handler_for(role, value))


if __name__ == "__main__":
    main()
