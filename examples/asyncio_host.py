"""A reactor inside an asyncio loop: both in one thread, each calls the other directly.

    python examples/asyncio_host.py [port]        then: nc 127.0.0.1 8080, and type something

asyncio lets the reactor take one turn, without sleeping, when the reactor's descriptor is readable or its next
deadline has come. When a coroutine uses a connection between two turns, the descriptor becomes readable.
"""

import asyncio
import signal
import sys

from reactor import Connection, Reactor, Server


class Guest:
    """A reactor inside the running asyncio loop."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor, self.host = reactor, asyncio.get_running_loop()
        self.timer: asyncio.Handle = self.host.call_soon(self.turn)
        self.host.add_reader(reactor.fileno(), self.turn)

    def turn(self) -> None:
        self.timer.cancel()
        self.reactor.run_once(0)
        deadline = self.reactor.next_deadline()
        if deadline is not None:
            self.timer = self.host.call_later(max(deadline - self.reactor.now, 0), self.turn)


async def answer(conn: Connection, data: bytes) -> None:
    await asyncio.sleep(0.1)  # or a database, or another server
    conn.write(
        b"a coroutine says: " + data
    )  # returns False if the connection is ending, for example after the client's FIN


async def serve(port: int) -> None:
    stopped = asyncio.Event()
    with Reactor() as reactor:
        guest, server = Guest(reactor), Server(reactor, idle_timeout=120)
        async with asyncio.TaskGroup() as answers:
            server.on("data", lambda conn, data: answers.create_task(answer(conn, data)))
            server.on("stopped", lambda server, report: stopped.set())
            for signum in (signal.SIGINT, signal.SIGTERM):
                guest.host.add_signal_handler(signum, server.shutdown, 5)
            print("listening on {}:{}".format(*server.listen("127.0.0.1", port)), flush=True)
            await stopped.wait()
        guest.host.remove_reader(reactor.fileno())


def main(port: int = 8080) -> None:
    asyncio.run(serve(port))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
