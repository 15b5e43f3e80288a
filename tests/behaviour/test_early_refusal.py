"""The early refusal: a client uploads and reads late, the server reads a little, answers and ends. Nothing is cut off.

`close(2)` with unread input sends RST and purges the answer from the kernel's queue (closing.md, fact 1); a
64 KiB answer on loopback would not show it, 1 MiB does.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reactor import Connection, Reason
from reactor.testing import Peer, pump

MIB = 1024 * 1024
UPLOAD = bytes(8 * MIB)
ANSWER = bytes(range(256)) * 4096
RUNS = 50


def upload_and_read_late(address: tuple[str, int]) -> tuple[bool, str]:
    """A client like many: it reads only when it has sent everything. Did it get the whole answer, and what then?"""
    with Peer(address, receive_buffer=64 * 1024) as peer:
        try:
            peer.send(UPLOAD)
        except OSError as error:
            return False, f"{type(error).__name__} while sending"
        answer, outcome = peer.receive_all()
        return answer == ANSWER, outcome


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_the_answer_is_whole_in_50_of_50(ending: str, harness: Any) -> None:
    wire = harness(data=False)

    def refuse(conn: Connection, data: bytes) -> None:
        conn.off("data", refuse)
        conn.write(ANSWER)
        getattr(conn, ending)()

    wire.server.on("connection", lambda conn: conn.on("data", refuse))
    outcomes = []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(RUNS):
            client = pool.submit(upload_and_read_late, wire.address)
            pump(wire.loop, client.done)
            outcomes.append(client.result())
    assert outcomes == [(True, "FIN")] * RUNS

    pump(wire.loop, lambda: not wire.server.connections)
    reports = [conn.report for conn in wire.record.connections]
    assert {(report.reason, report.clean) for report in reports} == {(Reason.ENDED, True)}
    assert {(report.bytes_written, report.bytes_read) for report in reports} == {(MIB, 8 * MIB)}


def test_destroy_shows_what_the_other_two_prevent(harness: Any) -> None:
    wire = harness()

    def refuse(conn: Connection, data: bytes) -> None:
        conn.write(ANSWER)
        conn.destroy()

    wire.server.on("connection", lambda conn: conn.once("data", refuse))
    with ThreadPoolExecutor(1) as pool:
        client = pool.submit(upload_and_read_late, wire.address)
        pump(wire.loop, client.done)
    assert client.result()[0] is False
