"""Nothing is lost, and the report tells the truth to the byte.

A crowd of clients in a process of their own (`raw_clients.py`): fast and slow readers, some that stop reading, some
that upload meanwhile, some that end first. The server writes random amounts and ends at random moments, by `end` or
`destroy_soon`. Then both sides compare their books.
"""

from __future__ import annotations

import dataclasses
import os
import socket
from typing import Any

import pytest

from reactor import CloseReport, Connection, Reactor, Reason, Server
from tests.stress import raw_clients
from tests.stress.accounts import Account
from tests.stress.crowds import run_beside

AT_ONCE = 300  # descriptors on either side, a little more
HOSTS = [f"127.0.0.{host}" for host in range(1, 5)]  # so that ports in TIME_WAIT do not run out
STALL = 0.5  # seconds; the deadlines of those that stop reading. Those that read have the defaults


class Book:
    """The server's side: what the program wrote to each client, and what the library reported."""

    def __init__(self, loop: Reactor, seed: int, largest: int) -> None:
        self.reports: dict[int, CloseReport] = {}
        self.handed: dict[int, int] = {}  # bytes given to write()
        self._loop, self._seed, self._largest = loop, seed, largest
        self.server = Server(loop)
        self.server.on("data", self._greet)
        self.server.on("close", self._close)

    def _greet(self, conn: Connection, data: bytes) -> None:
        if conn.context is not None:
            return
        number = int.from_bytes(data[:4], "big")
        conn.context = number
        self.handed[number] = 0
        plan = raw_clients.plan(self._seed, number, self._largest)
        if plan.send_buffer:
            with socket.socket(fileno=os.dup(conn.fileno())) as twin:
                twin.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, plan.send_buffer)
        if plan.reader == "stalls":
            conn.write_timeout = conn.linger_timeout = STALL
        self._write(conn, plan, 0)

    def _write(self, conn: Connection, plan: raw_clients.Plan, begin: int) -> None:
        for index in range(begin, len(plan.chunks)):
            self.handed[conn.context] += plan.chunks[index]
            if not conn.write(bytes(plan.chunks[index])) and plan.waits and conn.state == "open":
                conn.once("drain", lambda conn: self._write(conn, plan, index + 1))  # noqa: B023  # it returns
                return
        if plan.delay is None:
            self._end(conn, plan)
        else:
            self._loop.call_later(plan.delay, self._end, conn, plan)

    def _end(self, conn: Connection, plan: raw_clients.Plan) -> None:
        getattr(conn, plan.way)()

    def _close(self, conn: Connection, report: CloseReport) -> None:
        self.reports[conn.context] = report


def _run(seed: int, total: int, largest: int, seconds: float) -> tuple[Book, dict[int, list[Any]]]:
    """Both sides, until all is over."""
    with Reactor() as loop:
        book = Book(loop, seed, largest)
        where = ["{}:{}".format(*book.server.listen(host, 0)) for host in HOSTS]
        got = run_beside(book.server, seconds, "raw_clients", seed, total, largest, AT_ONCE, *where)
    return book, {int(number): told for number, told in got.items()}


def _check(book: Book, results: dict[int, list[Any]], seed: int, total: int, largest: int) -> None:
    assert set(book.reports) == set(results) == set(range(total))
    wrong = []
    for number, (got, sent, outcome) in results.items():
        plan, report = raw_clients.plan(seed, number, largest), book.reports[number]
        if not _right(plan, report, got, sent, outcome, book.handed[number]):
            wrong.append((number, got, sent, outcome, report, dataclasses.replace(plan, chunks=[])))
    assert not wrong, f"{len(wrong)} of {total} do not add up, for example {wrong[:3]}"


def _right(plan: raw_clients.Plan, report: CloseReport, got: int, sent: int, outcome: str, handed: int) -> bool:
    """True if the two sides agree."""
    unacked = report.bytes_unacked or 0
    # One that was cut while it read, on a busy machine, may have got what it had not acknowledged yet.
    on_its_way = unacked if plan.reader == "stalls" and got < plan.reads else 0
    agree = [
        got <= report.bytes_written - unacked + on_its_way,
        report.bytes_written + report.bytes_unsent == handed,
        report.bytes_read <= sent,
    ]
    if report.clean:
        agree += [report.bytes_unsent == 0, unacked == 0, report.bytes_read == sent]
    if plan.reader != "stalls":
        agree += [outcome == "FIN", got == report.bytes_written, unacked == 0, report.error is None]
        agree += [report.clean == (report.bytes_unsent == 0), report.reason in (Reason.ENDED, Reason.PEER_ENDED)]
    return all(agree)


def test_both_sides_agree_to_the_byte() -> None:
    seed, total, largest = 1, 400, 300_000
    book, results = _run(seed, total, largest, 60)
    _check(book, results, seed, total, largest)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_both_sides_agree_to_the_byte_ten_thousand_times(seed: int, account: Account) -> None:
    total, largest = 10_000, 2_000_000
    book, results = _run(seed, total, largest, 600)
    _check(book, results, seed, total, largest)
    account.did("clients of all speeds, books compared", total)
