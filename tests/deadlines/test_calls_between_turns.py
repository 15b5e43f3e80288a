"""A host calls between two turns, maybe long after the last one: deadlines count from the call all the same."""

from __future__ import annotations

from typing import Any

from reactor import Reactor
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import all_acked, vanish

HOUR = 3600.0  # in which the host's loop saw no reason for a turn


def test_output_written_after_a_quiet_hour_has_the_whole_write_timeout(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(write_timeout=60)
    peer, conn = h.connect()
    settle(loop)
    vanish(peer)  # so that nothing is acknowledged at once, as on any network but loopback
    clock.advance(HOUR)
    conn.write(bytes(8 << 20))
    settle(loop)
    clock.advance(59)
    settle(loop)
    assert conn.state == "open"
    peer.reset()


def test_a_connection_resumed_after_a_quiet_hour_has_the_whole_read_timeout(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(read_timeout=60)
    _, conn = h.connect()
    conn.pause()
    settle(loop)
    clock.advance(HOUR)
    conn.resume()
    settle(loop)
    clock.advance(59)
    settle(loop)
    assert conn.state == "open"


def test_a_connection_ended_after_a_quiet_hour_has_the_whole_linger_timeout(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(linger_timeout=30)
    _, conn = h.connect()
    settle(loop)
    clock.advance(HOUR)
    conn.end(b"bye")
    pump(loop, lambda: h.record.names() == ["finish"])
    pump(loop, all_acked(conn))
    clock.advance(29)
    settle(loop)
    assert conn.state == "read_only"


def test_a_half_closed_connection_written_to_after_a_quiet_time_is_not_left_alone(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(allow_half_open=True, half_open_timeout=600)
    peer, conn = h.connect()
    peer.end()
    pump(loop, lambda: h.record.names() == ["end"])
    settle(loop)
    clock.advance(500)
    conn.write(b"news")
    clock.advance(500)
    settle(loop)
    assert conn.state == "write_only"


def test_set_timeout_counts_a_write_of_the_host_as_traffic(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    conn.set_timeout(60)
    settle(loop)
    clock.advance(50)
    conn.write(b"news")
    clock.advance(50)
    settle(loop)
    assert h.record.names() == []


def test_a_paused_connection_whose_host_ends_it_after_a_quiet_hour_has_the_whole_half_open_timeout(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(half_open_timeout=600)
    _, conn = h.connect()
    conn.pause()
    settle(loop)
    clock.advance(HOUR)
    conn.end()
    pump(loop, lambda: h.record.names() == ["finish"])
    pump(loop, all_acked(conn))
    clock.advance(599)
    settle(loop)
    assert conn.state != "closed"


def test_pausing_an_ended_connection_after_a_quiet_time_starts_its_half_open_timeout(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(linger_timeout=None, half_open_timeout=600)
    _, conn = h.connect()
    conn.end()
    pump(loop, lambda: h.record.names() == ["finish"])
    pump(loop, all_acked(conn))
    settle(loop)
    clock.advance(HOUR)
    conn.pause()
    settle(loop)
    clock.advance(599)
    settle(loop)
    assert conn.state == "read_only"


def test_touch_counts_from_the_call(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    _, conn = h.connect()
    settle(loop)
    clock.advance(50)
    conn.touch()
    clock.advance(59)
    settle(loop)
    assert conn.state == "open"
