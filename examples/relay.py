"""A TCP relay: it connects each client to another server and passes on all bytes in both directions.

    python examples/relay.py 6380 127.0.0.1 6379        then: redis-cli -p 6380

A pipe pauses its source while its destination is slow, and passes on a half-close as a half-close and a reset as a
reset. So both sides end as if they were connected directly.
"""

import sys

from reactor import Connection, Server, connect, serve


def announce(server: Server) -> None:
    server.on("listening", lambda server, address: print("listening on {}:{}".format(*address), flush=True))


def main(port: int = 8080, host: str = "127.0.0.1", target_port: int = 80) -> None:
    def relay(conn: Connection) -> None:
        assert conn.server is not None  # None only for a connection made by `connect`
        target = connect(conn.server.loop, host, target_port, connect_timeout=10)
        conn.pipe(target)
        target.pipe(conn)

    print(serve(relay, "127.0.0.1", port, on_server=announce, end=False))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
