"""The early refusal: a client uploads and reads late, the server reads a little, answers and ends. Nothing is cut off.

`close(2)` with unread input sends RST and purges the answer from the kernel's queue (closing.md, fact 1); a
64 KiB answer on loopback would not show it, 1 MiB does.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reactor import Connection, Reason
from reactor.testing import pump
from tests.support.refusing import ANSWER, MIB, refused, upload_and_read_late

RUNS = 50


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_the_answer_is_whole_in_50_of_50(ending: str, harness: Any) -> None:
    wire = harness(data=False)
    assert refused(wire, ending, RUNS) == [(True, "FIN")] * RUNS
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
