"""asyncio, with streams."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from bench.servers.common import (
    BACKLOG,
    BLOCK,
    GREETING,
    HOST,
    READ_SIZE,
    TIMERS_A_TURN,
    WELCOME,
    Stopwatch,
    announce,
    blocks,
    role_and_value,
)

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Handler = Callable[[Reader, Writer], Awaitable[None]]

writers: set[Writer] = set()


async def echo(reader: Reader, writer: Writer) -> None:
    while data := await reader.read(READ_SIZE):
        writer.write(data)
        await writer.drain()
    writer.close()


def echo_timeout(seconds: float) -> Handler:
    async def handle(reader: Reader, writer: Writer) -> None:
        try:
            while True:
                async with asyncio.timeout(seconds):
                    data = await reader.read(READ_SIZE)
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        except TimeoutError:
            pass
        writer.close()

    return handle


async def lines(reader: Reader, writer: Writer) -> None:
    async for line in reader:
        writer.write(line)
        await writer.drain()
    writer.close()


async def finish(reader: Reader, writer: Writer) -> None:
    """FIN, and wait for the peer's."""
    writer.write_eof()
    await reader.read()
    writer.close()


async def greet(reader: Reader, writer: Writer) -> None:
    writer.write(GREETING)
    await finish(reader, writer)


def push(size: int) -> Handler:
    async def handle(reader: Reader, writer: Writer) -> None:
        for _ in range(size // len(BLOCK)):
            writer.write(BLOCK)
            await writer.drain()
        await finish(reader, writer)

    return handle


def send_file(path: str) -> Handler:
    async def handle(reader: Reader, writer: Writer) -> None:
        with open(path, "rb") as file:
            try:
                await asyncio.get_running_loop().sendfile(writer.transport, file)
            except NotImplementedError:  # uvloop
                while block := file.read(len(BLOCK)):
                    writer.write(block)
                    await writer.drain()
        await finish(reader, writer)

    return handle


async def fanout(reader: Reader, writer: Writer) -> None:
    writers.add(writer)
    writer.write(WELCOME)
    while data := await reader.read(READ_SIZE):
        for other in writers:
            other.write(data)
    writers.discard(writer)
    writer.close()


async def serve(handler: Handler) -> asyncio.Server:
    server = await asyncio.start_server(handler, HOST, 0, backlog=BACKLOG)
    announce(server.sockets[0].getsockname()[1])
    return server


async def serve_for_ever(handler: Handler) -> None:
    await (await serve(handler)).serve_forever()


async def serve_until_stopped(size: int) -> None:
    pending = blocks(size)
    stopping, stopped = asyncio.Event(), asyncio.Event()

    async def handle(reader: Reader, writer: Writer) -> None:
        writers.add(writer)
        writer.write(pending)
        await stopping.wait()
        await finish(reader, writer)
        writers.discard(writer)
        if not writers:
            stopped.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    server = await serve(handle)
    await stopping.wait()
    server.close()
    await stopped.wait()


async def timers(count: int) -> None:
    """What a program of streams arms: `asyncio.timeout` around an await; sleeping tasks, a tenth of the number."""
    watch = Stopwatch()
    for _ in range(0, count, TIMERS_A_TURN):
        for _ in range(TIMERS_A_TURN):
            async with asyncio.timeout(60):
                pass
        await asyncio.sleep(0)
    watch.lap("cancel", count)
    async with asyncio.TaskGroup() as group:
        for number in range(count // 10):
            group.create_task(asyncio.sleep(number * 10 / count))
    watch.lap("fire", count // 10)
    watch.tell()


ROLES: dict[str, Callable[[str], Handler]] = {
    "echo": lambda value: echo,
    "echo_timeout": lambda value: echo_timeout(float(value)),
    "lines": lambda value: lines,
    "greet": lambda value: greet,
    "push": lambda value: push(int(value)),
    "file": send_file,
    "fanout": lambda value: fanout,
}


def main(run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run) -> None:
    role, value = role_and_value()
    if role == "timers":
        run(timers(int(value)))
    elif role == "stop":
        run(serve_until_stopped(int(value)))
    else:
        run(serve_for_ever(ROLES[role](value)))


if __name__ == "__main__":
    main()
