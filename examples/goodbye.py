"""The smallest server that loses nothing: it sends the line Goodbye and ends the connection.

    python examples/goodbye.py [port]        then: nc 127.0.0.1 8080

`end(data)` sends the data, then FIN, and goes on reading: input that nobody reads would make the kernel send a
reset, which destroys the answer. `linger_timeout` resets a client that never ends its own side.
Ctrl-C or SIGTERM stops the server in order; `serve` returns the report of that stop.
"""

import sys

from reactor import Connection, Server, serve


def say_goodbye(conn: Connection) -> None:
    conn.end(b"Goodbye\n")


def announce(server: Server) -> None:
    server.on("listening", lambda server, address: print("listening on {}:{}".format(*address), flush=True))


def main(port: int = 8080) -> None:
    report = serve(say_goodbye, "127.0.0.1", port, grace=5, on_server=announce, linger_timeout=10)
    print(report)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
