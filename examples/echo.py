"""Echo, with backpressure: no client can make the server hold more than `high_water` and one read for it.

    python examples/echo.py [port]        then: nc 127.0.0.1 8080

`write` answers False when more than `high_water` bytes wait for a client that does not read. Then the server
stops reading from that client, and TCP stops the client, until `drain` says that the buffer is low again.
When the client ends its side, what is still pending is sent before our FIN: the library does that by itself.
"""

import sys

from reactor import CloseReport, Connection, Server, serve


def echo(conn: Connection, data: bytes) -> None:
    if not conn.write(data):
        conn.pause()


def account(conn: Connection, report: CloseReport) -> None:
    how = "clean" if report.clean else f"{report.bytes_unsent} bytes unsent"
    print(f"{conn} {report.reason.value}, {how}, {report.duration:.3f} s", flush=True)


def set_up(server: Server) -> None:
    server.on("listening", lambda server, address: print("listening on {}:{}".format(*address), flush=True))
    server.on("data", echo)
    server.on("drain", Connection.resume)
    server.on("close", account)


def main(port: int = 8080) -> None:
    print(serve(lambda conn: None, "127.0.0.1", port, on_server=set_up, idle_timeout=300))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
