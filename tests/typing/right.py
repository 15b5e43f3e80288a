"""What programs may do: `mypy --strict` must accept all of it (test_types.py). Nothing runs this file."""

from __future__ import annotations

import socket
from array import array
from pathlib import Path
from typing import Any

from reactor import (
    CloseReport,
    Connection,
    PeerCredentials,
    Reactor,
    Reason,
    Server,
    ShutdownReport,
    adopt,
    connect,
    length_prefixed,
    lines,
    serve,
)

loop = Reactor()
server = Server(loop, idle_timeout=5, accept_rate=(100, 200), block=["10.0.0.0/8"], keep_alive=30, on_idle="reset")


class Program:
    """Listeners may be methods."""

    def __init__(self) -> None:
        self.heard = 0

    def hear(self, conn: Connection, data: bytes) -> int:
        self.heard += len(data)
        return self.heard

    def gone(self, conn: Connection, report: CloseReport) -> None:
        if report.error is not None and report.phase == "lingering":
            print(report.reason.name, report.bytes_unacked or 0)


program = Program()

# Listeners of every kind: functions, methods, lambdas whose arguments are known, text after set_encoding, framers.
server.on("data", program.hear)
server.on("close", program.gone)
server.on("drain", Connection.resume)
server.on("end", lambda conn: conn.end(b"bye"))
server.on("timeout", lambda conn, kind: conn.touch() if kind is Reason.IDLE else None)
server.on("error", lambda conn, error: print(error.args))
server.on("data", lines(lambda conn, line: conn.write(line)))
server.on("data", length_prefixed(program.hear, width=2))
server.once("listening", lambda server, address: print(server.addresses, address))
server.once("stopped", lambda server, report: print(report.clean))
server.on("drop", lambda server, local, remote: print(local, remote))
server.on("connection", lambda conn: conn.on("data", lambda conn, data: conn.write(data)))
server.off("data", program.hear)


@server.on("connection")
def greet(conn: Connection) -> None:
    conn.set_encoding("utf-8")
    conn.on("data", hear_text)
    conn.context = {"lines": 0}
    conn.slow_reader = (1_000_000, 30)
    conn.min_read_rate = 240
    conn.min_read_rate = None
    limit: float | None = conn.idle_timeout
    conn.high_water = 1024 if limit is None else 2048


def hear_text(conn: Connection, data: str) -> None:
    conn.write(data.encode())


@server.once("draining")
def say_goodbye(server: Server, deadline: float) -> None:
    for conn in server.connections:
        conn.end(b"goodbye\n", timeout=deadline - server.loop.now)


def any_event(*args: Any) -> None:
    print(args)


for event in ("data", "drain", "close"):
    print(event)
server.on("hangup", any_event)

# What can be written.
conn = connect(loop, "127.0.0.1", 80, lambda conn: print(conn.state), attempt_delay=0.1, idle_timeout=60)
conn.write(b"bytes")
conn.write(bytearray(b"bytes"), lambda conn, error: print(error))
conn.write(memoryview(b"bytes"))
conn.write(array("i", [1, 2]))
conn.writelines([b"a", bytearray(b"b")])
conn.send_file(Path("/etc/hostname"), 0, 1)
with open("/etc/hostname", "rb") as file:
    conn.send_file(file)
conn.on("lookup", lambda conn, error, address, family, host: print(address or error))
conn.on("connection_attempt", lambda conn, address, port, family: print(port + 1))
conn.on("connection_attempt_failed", lambda conn, address, port, family, error: print(error.errno))
conn.pipe(connect(loop, path="/run/x.sock")).pipe(conn)
with conn.corked():
    conn.write(b"a")
adopted = adopt(conn.loop, socket.socket(), idle_timeout=60, oob_inline=True)
adopted = adopt(loop, *adopted.detach())
sock, rest = adopted.detach()
sock.sendall(rest)
who: PeerCredentials | None = adopted.peer_credentials
if adopted.writable and who is not None and who.uid == 0:
    adopted.end()
connect(loop, "fe80::1%eth0", 80, local_address=(None, 5000), before_connect=lambda sock: sock.setsockopt(6, 1, 1))
if conn.state == "write_only" and conn.report is None:
    conn.destroy(ValueError("enough"))


def main(**settings: Any) -> ShutdownReport:
    """Settings may come from elsewhere."""
    return serve(greet, "127.0.0.1", 8080, max_connections=10, **settings)
