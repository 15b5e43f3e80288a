"""A TCP relay: it connects each client to another server and passes on all bytes in both directions.

    python examples/relay.py                            then: nc 127.0.0.1 8080
    python examples/relay.py 6380 127.0.0.1 6379        then: redis-cli -p 6380

Without a target it relays to an echo server of its own. A pipe pauses its source while its destination is slow, and
passes on a half-close as a half-close and a reset as a reset. So both sides end as if they were connected directly.
"""

import sys

from reactor import Connection, Server, connect, serve


def main(port: int = 8080, host: str = "127.0.0.1", target_port: int = 0) -> None:
    target = host, target_port

    def set_up(server: Server) -> None:
        nonlocal target
        if not target_port:
            echo = Server(server.loop, lambda conn: conn.pipe(conn))
            address = echo.listen("127.0.0.1", 0)
            assert isinstance(address, tuple)  # of a Unix socket it is a path
            target = address
        server.on("connection", relay)
        server.on(
            "listening",
            lambda server, address: print(
                "listening on {}:{}, relaying to {}:{}".format(*address, *target), flush=True
            ),
        )

    def relay(conn: Connection) -> None:
        assert conn.server is not None  # None only for a connection made by `connect`
        onward = connect(conn.server.loop, *target, connect_timeout=10)
        conn.pipe(onward)
        onward.pipe(conn)

    print(serve(None, "127.0.0.1", port, on_server=set_up, end=False))


if __name__ == "__main__":
    main(*(convert(word) for convert, word in zip((int, str, int), sys.argv[1:], strict=False)))
