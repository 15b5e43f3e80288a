"""A line server for a hostile network: it answers lines in capitals with every limit on, and counts who broke which.

python examples/hardened.py [port]        then: nc 127.0.0.1 8080
"""

import sys
from typing import Any

from reactor import Connection, Reason, Server, ShutdownReport, lines, serve

LIMITS: dict[str, Any] = {
    # Who is accepted. With `reset`, thousands of refused clients leave no TIME_WAIT sockets.
    "max_connections": 10_000,
    "max_per_address": 100,
    "accept_rate": (500, 1000),  # connections a second, and the burst after a quiet time
    "when_full": "reset",
    "give_up_idle": 60,  # when descriptors run out
    # Time. A line that has begun must arrive at 240 bytes a second, or whole within 5 s.
    "first_byte_timeout": 10,
    "idle_timeout": 120,
    "max_lifetime": 3600,
    "jitter": 30,
    "min_read_rate": (240, 5),
    # Memory. A client must take 1,000 bytes a second while output is pending, and not be 256 KiB behind for 30 s.
    "min_write_rate": (1000, 20),
    "slow_reader": (256 * 1024, 30),
    "buffer_limit": 1 << 20,
    "memory_limit": 64 << 20,
}


def hear(conn: Connection, line: bytes) -> None:
    if not conn.write(line.upper() + b"\n"):
        conn.pause()  # reads no more lines until the client has read the answers


def refuse(conn: Connection, reason: Reason) -> None:
    conn.write(reason.value.upper().encode() + b"\n")


def account(server: Server, report: ShutdownReport) -> None:
    seen = server.statistics()
    ended = {reason.value: count for reason, count in seen.ended.items()}
    print("ended:", ended, "refused:", seen.refused_by, flush=True)


def set_up(server: Server) -> None:
    server.on("listening", lambda server, address: print("listening on {}:{}".format(*address), flush=True))
    server.on("data", lines(hear, max_length=1000, on_error=refuse))
    server.on("drain", Connection.resume)
    server.on("stopped", account)


def main(port: int = 8080) -> None:
    serve(lambda conn: None, "127.0.0.1", port, grace=10, spread=2, on_server=set_up, **LIMITS)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
