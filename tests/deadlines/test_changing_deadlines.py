"""Deadlines may be changed on a live connection, and several may run at once."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import acks_arrived, all_acked, pass_time, pass_until, vanish

DEADLINES = ["idle_timeout", "read_timeout", "write_timeout", "linger_timeout", "half_open_timeout"]
BIG = 8 << 20


def _closes_at(loop: Reactor, clock: ManualClock, conn: Connection, moment: float) -> None:
    """It is closed when the clock shows `moment`, and a quarter of a second before it is not."""
    settle(loop)
    clock.advance(moment - 0.25 - clock())
    settle(loop)
    assert conn.state != "closed"
    clock.advance(0.25)
    settle(loop, 2)
    assert conn.state == "closed"


@pytest.mark.parametrize("name", ["idle_timeout", "read_timeout"])
def test_a_new_deadline_counts_from_the_last_byte_received(
    harness: Any, loop: Reactor, clock: ManualClock, name: str
) -> None:
    h = harness()
    peer, conn = h.connect()
    clock.advance(100)
    peer.send(b"x")
    pump(loop, lambda: conn.bytes_read == 1)  # at 1100
    clock.advance(50)
    setattr(conn, name, 60)
    _closes_at(loop, clock, conn, 1160)


@pytest.mark.parametrize("name", ["idle_timeout", "read_timeout"])
def test_a_deadline_that_has_passed_already_expires_at_once(
    harness: Any, loop: Reactor, clock: ManualClock, name: str
) -> None:
    h = harness()
    _, conn = h.connect()
    clock.advance(100)
    settle(loop)
    setattr(conn, name, 60)
    settle(loop, 3)
    assert conn.state == "closed"


@pytest.mark.parametrize("name", ["idle_timeout", "read_timeout"])
def test_a_deadline_may_be_put_off(harness: Any, loop: Reactor, clock: ManualClock, name: str) -> None:
    h = harness(**{name: 60})
    _, conn = h.connect()
    clock.advance(50)
    setattr(conn, name, 120)
    _closes_at(loop, clock, conn, 1120)


@pytest.mark.parametrize("name", ["idle_timeout", "read_timeout"])
def test_none_turns_a_deadline_off(harness: Any, loop: Reactor, clock: ManualClock, name: str) -> None:
    h = harness(**{name: 60})
    _, conn = h.connect()
    clock.advance(50)
    setattr(conn, name, None)
    pass_time(loop, clock, 6000, step=100)
    assert conn.state == "open"
    assert h.record.names() == []


def test_a_write_timeout_counts_from_the_last_byte_that_moved(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(write_timeout=1000)
    peer, conn = h.connect()
    conn.write(bytes(BIG))
    settle(loop)
    pump(loop, acks_arrived(conn, peer))
    pass_time(loop, clock, 300, step=10)
    conn.write_timeout = 600
    took = pass_until(loop, clock, lambda: conn.state == "closed", most=430, step=10)
    assert took >= 300
    assert h.closed(conn).reason is Reason.WRITE_TIMEOUT


def test_a_linger_timeout_counts_from_the_last_acknowledgement(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(linger_timeout=None)
    _, conn = h.connect()
    conn.end(b"bye")
    pump(loop, lambda: h.record.names() == ["finish"])
    pump(loop, all_acked(conn))
    pass_time(loop, clock, 100, step=10)
    conn.linger_timeout = 120
    pass_time(loop, clock, 19)
    assert conn.state == "read_only"
    pass_time(loop, clock, 2)
    assert h.closed(conn).reason is Reason.LINGER_TIMEOUT


def test_a_half_open_timeout_counts_from_the_peers_fin(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(allow_half_open=True)
    peer, conn = h.connect()
    clock.advance(1000)
    peer.end()
    pump(loop, lambda: h.record.names() == ["end"])  # at 2000
    clock.advance(50)
    conn.half_open_timeout = 60
    _closes_at(loop, clock, conn, 2060)
    assert h.closed(conn).reason is Reason.HALF_OPEN_TIMEOUT


@pytest.mark.parametrize(
    ("idle", "read", "expected"),
    [(60, 30, Reason.READ_TIMEOUT), (30, 60, Reason.IDLE), (None, 45, Reason.READ_TIMEOUT)],
)
def test_the_earliest_deadline_wins(
    harness: Any, loop: Reactor, clock: ManualClock, idle: float | None, read: float | None, expected: Reason
) -> None:
    h = harness(idle_timeout=idle, read_timeout=read)
    _, conn = h.connect()
    _closes_at(loop, clock, conn, 1000 + min(x for x in (idle, read) if x is not None))
    assert h.closed(conn).reason is expected


def test_what_an_ending_was_given_wins_over_a_later_linger_timeout(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(linger_timeout=30)
    _, conn = h.connect()
    conn.end(b"bye", timeout=5)
    settle(loop)
    _closes_at(loop, clock, conn, 1005)
    assert h.closed(conn).reason is Reason.END_TIMEOUT


def test_a_linger_timeout_wins_over_what_an_ending_was_given_for_longer(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(linger_timeout=30)
    _, conn = h.connect()
    conn.end(b"bye", timeout=500)
    pump(loop, lambda: h.record.names() == ["finish"])
    pump(loop, all_acked(conn))
    pass_until(loop, clock, lambda: conn.state == "closed", most=32)
    assert h.closed(conn).reason is Reason.LINGER_TIMEOUT


def test_a_deadline_changed_on_one_connection_is_its_own(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    _, first = h.connect()
    _, second = h.connect()
    first.idle_timeout = 600
    assert (first.idle_timeout, second.idle_timeout, h.server.idle_timeout) == (600, 60, 60)
    _closes_at(loop, clock, second, 1060)
    assert first.state == "open"


def test_a_deadline_changed_on_the_server_counts_for_later_connections(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    _, before = h.connect()
    h.server.idle_timeout = 90
    _, after = h.connect()
    _closes_at(loop, clock, before, 1060)
    _closes_at(loop, clock, after, 1090)


@pytest.mark.parametrize("name", DEADLINES)
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_zero_and_less_are_refused(harness: Any, name: str, value: float) -> None:
    h = harness()
    _, conn = h.connect()
    before = getattr(conn, name)
    with pytest.raises(ValueError, match=f"{name} must be more than 0 seconds"):
        setattr(conn, name, value)
    assert getattr(conn, name) == before


@pytest.mark.parametrize("name", DEADLINES)
def test_what_is_no_number_is_refused(harness: Any, name: str) -> None:
    h = harness()
    _, conn = h.connect()
    with pytest.raises(TypeError, match=f"{name} must be a number of seconds, not '5'"):
        setattr(conn, name, "5")


@pytest.mark.parametrize("name", DEADLINES)
def test_changing_a_deadline_after_the_close_is_harmless(harness: Any, loop: Reactor, name: str) -> None:
    h = harness()
    _, conn = h.connect()
    conn.destroy()
    h.closed(conn)
    setattr(conn, name, 5)
    settle(loop)
    assert h.record.names() == ["close"]


def test_a_vanished_client_is_found_by_the_deadline_set_on_it(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    vanish(peer)
    conn.write(b"are you there?")
    pass_time(loop, clock, 300, step=10)
    assert conn.state == "open"
    conn.read_timeout = 310
    pass_until(loop, clock, lambda: conn.state == "closing", most=12)
    peer.reset()
    assert h.closed(conn).reason is Reason.READ_TIMEOUT
