"""`half_open_timeout`: half-closed or gone, and the program does nothing."""

from __future__ import annotations

import select
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.wire import all_acked, pass_time, read_to_the_end


def _half_closed_by_peer(h: Any, loop: Reactor) -> tuple[Peer, Connection]:
    peer, conn = h.connect()
    peer.end()
    pump(loop, lambda: h.record.names() == ["end"])
    settle(loop)
    return peer, conn


def _expires(h: Any, loop: Reactor, clock: ManualClock, conn: Connection, after: float = 600) -> None:
    """It is reset `after` seconds from now, and not before."""
    pass_time(loop, clock, after - 1, step=after - 1)
    assert conn.state != "closed"
    pass_time(loop, clock, 1)
    assert conn.state == "closed"
    report = h.closed(conn)
    assert (report.reason, report.clean) == (Reason.HALF_OPEN_TIMEOUT, False)


def test_after_the_peers_fin_a_program_that_does_nothing_has_600_seconds(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(allow_half_open=True)
    peer, conn = _half_closed_by_peer(h, loop)
    _expires(h, loop, clock, conn)
    assert conn.report is not None
    assert conn.report.phase == "half_open"
    assert peer.outcome() == "ECONNRESET"


def test_what_the_program_writes_starts_it_anew(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(allow_half_open=True)
    peer, conn = _half_closed_by_peer(h, loop)
    for _ in range(4):
        pass_time(loop, clock, 500, step=500)
        conn.write(b"news")
        pump(loop, all_acked(conn))
    assert conn.state == "write_only"
    assert peer.receive(16) == b"news" * 4
    _expires(h, loop, clock, conn)


def test_a_program_that_ends_in_time_closes_cleanly(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(allow_half_open=True)
    peer, conn = _half_closed_by_peer(h, loop)
    pass_time(loop, clock, 599, step=599)
    conn.end(b"last word")
    assert read_to_the_end(loop, peer) == b"last word"
    report = h.closed(conn)
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True)


def test_a_connection_paused_after_our_end_has_600_seconds(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    conn.end()
    pump(loop, lambda: h.record.names() == ["finish"])
    pump(loop, all_acked(conn))
    conn.pause()
    settle(loop)
    _expires(h, loop, clock, conn)


@pytest.mark.parametrize("unread", [b"", b"unread"], ids=["nothing", "something"])
def test_a_paused_connection_whose_peer_has_ended_has_600_seconds(
    harness: Any, loop: Reactor, clock: ManualClock, unread: bytes
) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.pause()
    settle(loop)
    if unread:
        peer.send(unread)
    peer.end()
    pump(loop, lambda: h.record.names() == ["hangup"])
    settle(loop)
    _expires(h, loop, clock, conn)


def test_resuming_in_time_delivers_what_the_peer_had_sent(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.pause()
    settle(loop)
    peer.send(b"last words")
    peer.end()
    pump(loop, lambda: h.record.names() == ["hangup"])
    pass_time(loop, clock, 599, step=599)
    conn.resume()
    report = h.closed(conn)
    assert h.record.data() == b"last words"
    assert report.clean


def test_a_paused_connection_whose_peer_is_there_is_not_cut(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    conn.pause()
    pass_time(loop, clock, 6000, step=500)
    assert conn.state == "open"


def test_none_turns_it_off(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(allow_half_open=True, half_open_timeout=None)
    _, conn = _half_closed_by_peer(h, loop)
    pass_time(loop, clock, 6000, step=500)
    assert conn.state == "write_only"


def test_a_half_closed_connection_that_waits_is_not_ready_for_anything(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(allow_half_open=True)
    _half_closed_by_peer(h, loop)
    assert not _wants_a_turn(loop)


@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_paused_connection_whose_peer_has_gone_is_not_ready_for_anything(
    harness: Any, loop: Reactor, clock: ManualClock, how: str
) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.pause()
    settle(loop)
    peer.send(b"unread")
    getattr(peer, how)()
    pump(loop, lambda: h.record.names() == ["hangup"])
    settle(loop)
    assert conn.state != "closed"
    assert not _wants_a_turn(loop)


def _wants_a_turn(loop: Reactor) -> bool:
    """Would the loop spin? Its descriptor is readable while a registration is ready."""
    return bool(select.select([loop.fileno()], [], [], 0)[0])
