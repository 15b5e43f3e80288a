"""`linger_timeout`: everything of ours has arrived, and the peer's FIN does not come."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.wire import all_acked, pass_time, pass_until, unacked, vanish


def _end(loop: Reactor, conn: Connection, way: str, data: bytes = b"bye") -> None:
    """End, and wait until the peer's kernel has everything, FIN included."""
    conn.write(data)
    getattr(conn, way)()
    finished: list[Connection] = []
    conn.on("finish", finished.append)
    pump(loop, lambda: finished)
    pump(loop, all_acked(conn))
    settle(loop)


@pytest.mark.parametrize("way", ["end", "destroy_soon"])
def test_a_peer_that_never_ends_its_half_is_reset_after_30_seconds(
    harness: Any, loop: Reactor, clock: ManualClock, way: str
) -> None:
    h = harness()
    peer, conn = h.connect()
    _end(loop, conn, way)
    pass_time(loop, clock, 29)
    assert conn.state == {"end": "read_only", "destroy_soon": "closing"}[way]
    pass_time(loop, clock, 2)
    assert conn.state == "closed"
    report = h.closed(conn)
    assert (report.reason, report.phase, report.clean) == (Reason.LINGER_TIMEOUT, "lingering", False)
    assert (report.bytes_unsent, report.bytes_unacked) == (0, 0)
    assert peer.receive_all() == (b"bye", "FIN")  # the FIN was there long before the RST
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        peer.send(b"too late")


def test_after_end_every_received_byte_starts_it_anew(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    _end(loop, conn, "end")
    for said in range(1, 8):
        pass_time(loop, clock, 25)
        peer.send(b"x")
        pump(loop, lambda said=said: conn.bytes_read == said)
    assert conn.state == "read_only"
    pass_time(loop, clock, 29)
    assert conn.state == "read_only"
    pass_time(loop, clock, 2)
    assert h.closed(conn).reason is Reason.LINGER_TIMEOUT
    assert h.record.data() == b"x" * 7


def test_after_destroy_soon_it_is_the_total_time_whatever_comes_in(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness()
    peer, conn = h.connect()
    _end(loop, conn, "destroy_soon")
    for said in (1, 2):
        pass_time(loop, clock, 10)
        peer.send(b"x")
        pump(loop, lambda said=said: conn.bytes_read == said)
    pass_time(loop, clock, 9)
    assert conn.state == "closing"
    pass_time(loop, clock, 2)
    report = h.closed(conn)
    assert (report.reason, report.bytes_discarded) == (Reason.LINGER_TIMEOUT, 2)


def test_a_pause_by_the_program_stops_it(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(half_open_timeout=None)
    _, conn = h.connect()
    _end(loop, conn, "end")
    conn.pause()
    pass_time(loop, clock, 300, step=5)
    assert conn.state == "read_only"


def test_after_a_pause_it_starts_anew(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    _end(loop, conn, "end")
    conn.pause()
    pass_time(loop, clock, 300, step=5)
    conn.resume()
    pass_time(loop, clock, 29)
    assert conn.state == "read_only"
    pass_time(loop, clock, 2)
    assert h.closed(conn).reason is Reason.LINGER_TIMEOUT


def test_input_that_waits_in_the_kernel_is_no_silence(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    _end(loop, conn, "end")
    peer.send(b"x")
    clock.advance(3600)
    pump(loop, lambda: h.record.data() == b"x")
    settle(loop)
    assert conn.state == "read_only"


@pytest.mark.parametrize("way", ["end", "destroy_soon"])
def test_a_slow_reader_outlives_it(harness: Any, loop: Reactor, clock: ManualClock, way: str) -> None:
    h = harness(write_timeout=None)
    peer, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(300_000))  # taken by our kernel at once: the FIN is sent, and nothing is pending
    getattr(conn, way)()
    pump(loop, lambda: h.record.names() == ["finish"])
    assert conn.pending_bytes == 0
    for _ in range(6):
        before = unacked(conn)
        pump(loop, lambda before=before: peer.receive(1024) and unacked(conn) != before)
        pass_time(loop, clock, 25)
    assert unacked(conn) > 1
    assert conn.state != "closed"


def test_it_begins_when_everything_is_acknowledged(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(write_timeout=None)
    peer, conn = h.connect(receive_buffer=4096)
    conn.end(bytes(300_000))
    pass_time(loop, clock, 300, step=5)  # it reads nothing yet
    assert conn.state == "read_only"
    assert len(peer.receive(300_000)) == 300_000
    pump(loop, all_acked(conn))
    pass_time(loop, clock, 28)
    assert conn.state == "read_only"
    pass_time(loop, clock, 4)
    assert h.closed(conn).reason is Reason.LINGER_TIMEOUT


def test_when_both_have_ended_it_bounds_the_wait_for_acknowledgement(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(allow_half_open=True)
    peer, conn = h.connect()
    peer.end()
    pump(loop, lambda: h.record.names() == ["end"])
    vanish(peer)
    conn.end(b"bye")
    took = pass_until(loop, clock, lambda: conn.state == "closed", most=35)
    assert took >= 30
    report = h.closed(conn)
    assert (report.reason, report.phase) == (Reason.LINGER_TIMEOUT, "lingering")
    assert (report.bytes_unacked, report.clean) == (3, False)
    peer.reset()


def test_a_peer_that_ends_in_time_closes_cleanly(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    _end(loop, conn, "end")
    pass_time(loop, clock, 29)
    peer.end()
    report = h.closed(conn)
    assert (report.reason, report.clean) == (Reason.ENDED, True)


def test_none_turns_it_off(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(linger_timeout=None)
    peer, conn = h.connect()
    _end(loop, conn, "destroy_soon")
    pass_time(loop, clock, 3600, step=60)
    assert conn.state == "closing"
    _close(peer)
    assert h.closed(conn).clean


def _close(peer: Peer) -> None:
    assert peer.receive_all() == (b"bye", "FIN")
    peer.close()
