"""A TCP relay: what comes to it goes on to another server, and the answers come back.

    python examples/relay.py 6380 127.0.0.1:6379        then: redis-cli -p 6380

Each pipe pauses its source when its destination is slow, carries a half-close over, and a reset as a reset. So
both sides of the relay end as if there were nobody in between.
"""

import sys

from reactor import Connection, Server, connect, serve

PORT, HOST, TARGET_PORT = int(sys.argv[1]), *sys.argv[2].rsplit(":", 1)


def relay(conn: Connection) -> None:
    target = connect(conn.server.loop, HOST, int(TARGET_PORT), connect_timeout=10)
    conn.pipe(target)
    target.pipe(conn)


def announce(server: Server) -> None:
    server.on("listening", lambda server, address: print("listening on {}:{}".format(*address), flush=True))


if __name__ == "__main__":
    print(serve(relay, "127.0.0.1", PORT, on_server=announce, end=False))
