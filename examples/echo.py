"""Echo with backpressure: the server keeps at most `high_water` bytes and one read in memory for each client.

    python examples/echo.py [port]        then: nc 127.0.0.1 8080

`write` returns False when more than `high_water` bytes are pending for a client that does not read. Then the server
stops reading from that client, and TCP stops the client, until `drain` tells that the buffer is low again.
When the client ends its side, the library sends the pending output before our FIN.
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
