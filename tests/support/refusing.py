"""The early refusal: a client uploads 8 MiB and reads late; the server answers 1 MiB at the first byte, and ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from reactor import Connection
from reactor.testing import Peer, pump

MIB = 1024 * 1024
UPLOAD = bytes(8 * MIB)
ANSWER = bytes(range(256)) * 4096


def upload_and_read_late(address: tuple[str, int] | str) -> tuple[bool, str]:
    """A client like many: it reads only when it has sent everything. Returns whether it got the whole answer, and what
    came then.
    """
    with Peer(address, receive_buffer=64 * 1024) as peer:
        try:
            peer.send(UPLOAD)
        except OSError as error:
            return False, f"{type(error).__name__} while sending"
        answer, outcome = peer.receive_all()
        return answer == ANSWER, outcome


def refused(wire: Any, ending: str, times: int) -> list[tuple[bool, str]]:
    """What so many clients see of a server that refuses each and ends by that call; all of them are closed then."""

    def refuse(conn: Connection, data: bytes) -> None:
        conn.off("data", refuse)
        conn.write(ANSWER)
        getattr(conn, ending)()

    wire.server.on("connection", lambda conn: conn.on("data", refuse))
    outcomes = []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(times):
            client = pool.submit(upload_and_read_late, wire.address)
            pump(wire.loop, client.done)
            outcomes.append(client.result())
    pump(wire.loop, lambda: not wire.server.connections)
    return outcomes
