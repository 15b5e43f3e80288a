"""`read_timeout`: a client from which nothing comes is reaped, whatever it is sent."""

from __future__ import annotations

from typing import Any

from reactor import Reactor, Reason
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import all_acked, pass_time, read_to_the_end


def test_a_client_that_says_nothing_is_reaped_within_a_turn_of_its_timeout(
    each_loop: Reactor, harness: Any, clock: ManualClock
) -> None:
    h = harness(loop=each_loop, read_timeout=60)
    peer, conn = h.connect()
    clock.advance(59.75)
    settle(each_loop)
    assert conn.state == "open"
    clock.advance(0.25)
    settle(each_loop, 2)
    assert conn.state == "closed"
    assert h.closed(conn).reason is Reason.READ_TIMEOUT
    assert peer.outcome() == "FIN"


def test_pushing_to_a_silent_client_does_not_keep_it(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(read_timeout=60)
    peer, conn = h.connect()
    for _ in range(5):
        conn.write(b"news")
        pump(loop, all_acked(conn))
        pass_time(loop, clock, 10)
    assert conn.state == "open"
    pass_time(loop, clock, 10)
    assert h.closed(conn).reason is Reason.READ_TIMEOUT
    assert peer.receive_all() == (b"news" * 5, "FIN")


def test_a_client_that_talks_is_left_alone(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(read_timeout=60)
    peer, conn = h.connect()
    for said in range(1, 8):
        pass_time(loop, clock, 50)
        peer.send(b"x")
        pump(loop, lambda said=said: conn.bytes_read == said)
    assert conn.state == "open"


def test_the_timeout_event_tells_the_kind_and_touch_keeps_the_connection(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(read_timeout=60)
    h.server.on("timeout", lambda conn, kind: conn.touch())
    _, conn = h.connect()
    for _ in range(2):
        clock.advance(60)
        settle(loop)
    assert h.record.events[conn] == [("timeout", Reason.READ_TIMEOUT)] * 2
    assert conn.state == "open"


def test_it_does_not_run_while_the_program_has_paused_the_connection(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(read_timeout=60)
    _, conn = h.connect()
    conn.pause()
    pass_time(loop, clock, 600, step=30)
    assert conn.state == "open"
    assert h.record.names() == []


def test_after_a_pause_the_client_gets_the_whole_time_again(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(read_timeout=60)
    _, conn = h.connect()
    conn.pause()
    pass_time(loop, clock, 600, step=30)
    conn.resume()
    settle(loop)
    clock.advance(59.75)
    settle(loop)
    assert conn.state == "open"
    clock.advance(0.25)
    settle(loop, 2)
    assert conn.state == "closed"


def test_a_stall_of_our_own_process_is_not_the_clients_silence(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(read_timeout=60)
    peer, conn = h.connect()
    peer.send(b"x")
    clock.advance(3600)
    pump(loop, lambda: h.record.data() == b"x")
    settle(loop)
    assert conn.state == "open"


def test_on_idle_reset_counts_for_read_timeout_too(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(read_timeout=60, on_idle="reset")
    peer, conn = h.connect()
    clock.advance(60)
    assert h.closed(conn).reason is Reason.READ_TIMEOUT
    assert peer.outcome() == "ECONNRESET"


def test_output_that_is_pending_is_delivered_before_the_end(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(read_timeout=20, write_timeout=None)
    peer, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(4 << 20))
    pass_time(loop, clock, 20)
    assert conn.state == "closing"
    assert len(read_to_the_end(loop, peer)) == 4 << 20
    peer.close()
    report = h.closed(conn)
    assert (report.reason, report.bytes_unsent, report.bytes_unacked) == (Reason.READ_TIMEOUT, 0, 0)


def test_it_stops_once_our_half_is_ending(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(read_timeout=10, linger_timeout=60)
    _, conn = h.connect()
    conn.end()
    pump(loop, lambda: h.record.names() == ["finish"])
    pump(loop, all_acked(conn))
    pass_time(loop, clock, 50)
    assert conn.state == "read_only"
    assert h.record.names() == ["finish"]
