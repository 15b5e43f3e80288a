"""`write_timeout`: a peer that takes none of our output is reset; one that takes it slowly is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.wire import acks_arrived, all_acked, pass_time, pass_until, unacked, vanish

BIG = 8 << 20  # more than both kernels' buffers hold
LATE = 70.0  # 60 s and an eighth of it: while output is stuck, that often is looked at what has moved

WAYS: list[Callable[[Connection], object]] = [
    lambda conn: conn.write(bytes(BIG)),
    lambda conn: conn.end(bytes(BIG)),
    lambda conn: (conn.write(bytes(BIG)), conn.destroy_soon()),
]


@pytest.mark.parametrize("way", WAYS, ids=["write", "end", "destroy_soon"])
def test_nothing_is_held_past_the_timeout_for_a_peer_that_never_reads(
    harness: Any, loop: Reactor, clock: ManualClock, way: Callable[[Connection], object]
) -> None:
    h = harness()  # 60 s by default
    peer, conn = h.connect()
    way(conn)
    settle(loop)
    pump(loop, acks_arrived(conn, peer))
    pass_time(loop, clock, 59)
    assert conn.state != "closed"
    pass_until(loop, clock, lambda: conn.state == "closed", most=LATE - 59)
    assert conn.fileno() == -1
    report = h.closed(conn)
    assert report.reason is Reason.WRITE_TIMEOUT
    assert not report.clean
    assert report.bytes_written + report.bytes_unsent == BIG
    assert report.bytes_unsent > 0
    data, outcome = peer.receive_all()
    assert outcome == "ECONNRESET"
    assert len(data) == report.bytes_written - report.bytes_unacked


def test_the_report_of_a_write_timeout_carries_no_error_and_emits_none(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness()
    _, conn = h.connect()
    conn.end(bytes(BIG))
    pass_until(loop, clock, lambda: conn.state == "closed", most=LATE)
    report = h.closed(conn)
    assert (report.error, report.phase) == (None, "draining")
    assert h.record.names() == ["close"]


def test_callbacks_of_what_never_left_are_told_that_we_closed(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    answers: list[BaseException | None] = []
    conn.write(bytes(BIG), lambda _, error: answers.append(error))
    pass_until(loop, clock, lambda: conn.state == "closed", most=LATE)
    h.closed(conn)
    assert [type(answer).__name__ for answer in answers] == ["ConnectionClosed"]


def test_a_peer_that_talks_but_never_reads_is_reset_all_the_same(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.write(bytes(BIG))
    for said in range(1, 8):
        pass_time(loop, clock, 10)
        if conn.state == "open":
            peer.send(b"x")
            pump(loop, lambda said=said: conn.bytes_read == said)
    pass_until(loop, clock, lambda: conn.state == "closed", most=LATE - 60)
    assert h.closed(conn).reason is Reason.WRITE_TIMEOUT


@pytest.mark.parametrize("way", WAYS, ids=["write", "end", "destroy_soon"])
def test_a_slow_reader_outlives_it(
    harness: Any, loop: Reactor, clock: ManualClock, way: Callable[[Connection], object]
) -> None:
    h = harness()
    peer, conn = h.connect(receive_buffer=4096)
    way(conn)
    settle(loop)
    for _ in range(8):
        _read_a_little(loop, peer, conn)
        pass_time(loop, clock, 55)
    assert clock() > 1000 + 7 * 60
    assert conn.state != "closed"
    assert conn.pending_bytes > 0


def _read_a_little(loop: Reactor, peer: Peer, conn: Connection) -> None:
    """So little that the server's socket does not become writable, but the peer's kernel acknowledges more."""
    before = unacked(conn)
    pump(loop, lambda: peer.receive(1024) and unacked(conn) != before)


def test_an_unacknowledged_end_is_reset_in_time(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    vanish(peer)
    conn.end(b"anybody there?")
    pass_until(loop, clock, lambda: conn.state == "closed", most=LATE)
    assert clock() >= 1060
    report = h.closed(conn)
    assert report.reason is Reason.WRITE_TIMEOUT
    assert (report.bytes_written, report.bytes_unacked, report.clean) == (14, 14, False)
    peer.reset()


def test_what_is_only_unacknowledged_is_no_stall_while_the_connection_is_open(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness()
    peer, conn = h.connect()
    vanish(peer)
    conn.write(b"taken by the kernel at once")
    pass_time(loop, clock, 600, step=10)
    assert conn.state == "open"
    peer.reset()
    h.closed(conn)


def test_it_counts_from_when_output_began_to_wait(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    pass_time(loop, clock, 3600, step=60)
    conn.write(bytes(BIG))
    pass_time(loop, clock, 59)
    assert conn.state == "open"
    pass_until(loop, clock, lambda: conn.state == "closed", most=LATE - 59)


def test_none_turns_it_off(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(write_timeout=None)
    _, conn = h.connect()
    conn.end(bytes(BIG))
    pass_time(loop, clock, 3600, step=60)
    assert conn.state == "read_only"
    assert conn.pending_bytes > 0


def test_a_paused_connection_is_not_spared(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    conn.pause()
    conn.write(bytes(BIG))
    pass_until(loop, clock, lambda: conn.state == "closed", most=LATE)
    assert h.closed(conn).reason is Reason.WRITE_TIMEOUT


def test_a_peer_that_reads_everything_late_loses_nothing(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.write(b"z" * 100_000)
    pump(loop, all_acked(conn))
    pass_time(loop, clock, 600, step=10)  # its kernel has everything: nothing is stalled
    assert peer.receive(100_000) == b"z" * 100_000
    assert conn.state == "open"
