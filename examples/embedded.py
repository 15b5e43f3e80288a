"""A program that works in its main thread, with an admin port in a second thread.

    python examples/embedded.py [port]        then: nc 127.0.0.1 8080, and type: status, slower, faster, stop

The reactor runs in the second thread, and only that thread may touch it. `call_soon_threadsafe` makes and stops the
server there; it returns a future with the result, or with the error if the port is in use.
"""

import sys
import threading

from reactor import Connection, Reactor, Server


class Search:
    def __init__(self) -> None:
        self.found, self.delay, self.stopping = [2], 0.01, threading.Event()

    def work(self) -> None:
        candidate = 3
        while not self.stopping.wait(self.delay):
            if all(candidate % prime for prime in self.found):
                self.found.append(candidate)
            candidate += 2

    def obey(self, conn: Connection, data: bytes) -> None:
        *commands, conn.context = ((conn.context or b"") + data).split(b"\n")
        for command in commands:
            if command in (b"slower", b"faster"):
                self.delay *= 2 if command == b"slower" else 0.5
            elif command == b"stop":
                self.stopping.set()
            conn.write(b"%d primes, a number in %g s\n" % (len(self.found), self.delay))
        if len(conn.context) > 1000:
            conn.reset()  # no command is that long


def open_admin_port(loop: Reactor, search: Search, port: int, stopped: threading.Event) -> Server:
    server = Server(loop, idle_timeout=600, max_connections=10)
    server.on("data", search.obey)
    server.on("listening", lambda server, address: print("listening on {}:{}".format(*address), flush=True))
    server.on("stopped", lambda server, report: stopped.set())
    server.listen("127.0.0.1", port)
    return server


def main(port: int = 8080) -> None:
    search, stopped = Search(), threading.Event()
    with Reactor().start_thread() as loop:
        server = loop.call_soon_threadsafe(open_admin_port, loop, search, port, stopped).result()
        search.work()
        loop.call_soon_threadsafe(server.shutdown, 2.0)
        stopped.wait()  # at most 2 s, the grace of the shutdown


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
