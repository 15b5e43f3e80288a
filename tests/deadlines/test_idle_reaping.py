"""`idle_timeout`: a connection on which nothing moves is reaped, on time, and no other."""

from __future__ import annotations

import os
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import all_acked, pass_time, read_to_the_end, unacked, vanish


def test_a_silent_connection_is_reaped_within_a_turn_of_its_timeout(
    each_loop: Reactor, harness: Any, clock: ManualClock
) -> None:
    h = harness(loop=each_loop, idle_timeout=60)
    peer, conn = h.connect()
    clock.advance(59.75)
    settle(each_loop)
    assert conn.state == "open"
    clock.advance(0.25)
    settle(each_loop, 2)
    assert conn.state == "closed"
    assert h.closed(conn).reason is Reason.IDLE
    assert peer.outcome() == "FIN"


def test_a_reaped_connection_gives_its_descriptor_back_in_the_same_turn(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    told: list[int] = []
    h.server.on("timeout", lambda conn, kind: told.append(conn.fileno()))
    peer, conn = h.connect()
    clock.advance(60)
    pump(loop, lambda: told)
    assert told[0] >= 0
    assert conn.fileno() == -1
    assert peer.outcome() == "FIN"


def test_a_reaped_client_gets_its_fin_though_another_process_holds_a_copy_of_the_socket(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    peer, conn = h.connect()
    copy = os.dup(conn.fileno())  # as fork(2) makes one
    clock.advance(60)
    report = h.closed(conn)
    assert peer.outcome() == "FIN"
    assert report.bytes_unacked == 0
    os.close(copy)


def test_the_report_of_a_reaped_connection_tells_how_long_it_lived(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    _, conn = h.connect()
    clock.advance(60)
    report = h.closed(conn)
    assert (report.phase, report.error, report.clean) == ("open", None, False)
    assert (report.opened_at, report.duration) == (1000.0, 60.0)


def test_a_client_that_talks_is_left_alone(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    peer, conn = h.connect()
    for said in range(1, 8):
        pass_time(loop, clock, 50)
        peer.send(b"x")
        pump(loop, lambda said=said: conn.bytes_read == said)
    assert conn.state == "open"
    clock.advance(60)
    assert h.closed(conn).reason is Reason.IDLE


def test_the_timeout_counts_from_the_last_byte_received(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    peer, conn = h.connect()
    pass_time(loop, clock, 59)
    peer.send(b"x")
    pump(loop, lambda: conn.bytes_read == 1)
    clock.advance(59.75)
    settle(loop)
    assert conn.state == "open"
    clock.advance(0.25)
    settle(loop, 2)
    assert conn.state == "closed"


def test_a_silent_client_that_acknowledges_what_it_is_sent_is_left_alone(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    _, conn = h.connect()
    for _ in range(7):
        pass_time(loop, clock, 50)
        conn.write(b"news")
        pump(loop, all_acked(conn))
    assert conn.state == "open"
    clock.advance(60)
    assert h.closed(conn).reason is Reason.IDLE


def test_pushing_to_a_client_that_vanished_does_not_keep_it(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60, write_timeout=None)
    peer, conn = h.connect()
    vanish(peer)
    for _ in range(6):
        assert conn.state == "open"
        conn.write(b"news")
        pass_time(loop, clock, 10)
    assert h.record.names() == ["timeout", "finish"]
    assert conn.state == "closing"  # what was written is not acknowledged: it gets its chance
    peer.reset()
    assert h.closed(conn).reason is Reason.IDLE


def test_touch_keeps_a_silent_connection_for_a_whole_timeout(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    _, conn = h.connect()
    clock.advance(59)
    conn.touch()
    clock.advance(59.75)
    settle(loop)
    assert conn.state == "open"
    clock.advance(0.25)
    settle(loop, 2)
    assert conn.state == "closed"


def test_the_timeout_event_comes_before_the_reaping_and_tells_the_kind(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    states: list[str] = []
    h.server.on("timeout", lambda conn, kind: states.append(conn.state))
    _, conn = h.connect()
    clock.advance(60)
    report = h.closed(conn)
    assert states == ["open"]
    assert h.record.events[conn] == [("timeout", Reason.IDLE), ("close", report)]


def test_a_timeout_listener_that_touches_the_connection_keeps_it(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    h.server.on("timeout", lambda conn, kind: conn.touch())
    _, conn = h.connect()
    for times in range(1, 4):
        clock.advance(60)
        settle(loop)
        assert h.record.events[conn] == [("timeout", Reason.IDLE)] * times
    assert conn.state == "open"


def test_input_that_comes_while_the_timeout_is_told_does_not_make_a_reset_of_the_end(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    peer, conn = h.connect()
    conn.on("timeout", lambda conn, kind: peer.send(b"too late"))
    clock.advance(60)
    pump(loop, lambda: "timeout" in h.record.names())
    settle(loop)
    assert peer.outcome() == "FIN"
    peer.send(b"and more")  # EPIPE after a reset
    peer.close()
    assert h.closed(conn).reason is Reason.IDLE


def test_a_last_word_of_the_timeout_listener_arrives(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    h.server.on("timeout", lambda conn, kind: conn.write(b"too slow\n"))
    peer, conn = h.connect()
    clock.advance(60)
    pump(loop, lambda: conn.state in ("closing", "closed"))
    assert peer.receive_all() == (b"too slow\n", "FIN")
    peer.close()
    assert h.closed(conn).bytes_unsent == 0


@pytest.mark.parametrize("way", ["end", "destroy_soon", "destroy", "reset"])
def test_a_timeout_listener_may_end_the_connection_its_own_way(
    harness: Any, loop: Reactor, clock: ManualClock, way: str
) -> None:
    h = harness(idle_timeout=60)
    h.server.on("timeout", lambda conn, kind: getattr(conn, way)())
    peer, conn = h.connect()
    clock.advance(60)
    pump(loop, lambda: conn.state != "open")
    assert peer.outcome() == ("ECONNRESET" if way == "reset" else "FIN")
    peer.close()
    expected = {"destroy": Reason.DESTROYED, "reset": Reason.RESET}.get(way, Reason.ENDED)
    assert h.closed(conn).reason is expected


def test_on_idle_reset_sends_rst(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60, on_idle="reset")
    peer, conn = h.connect()
    clock.advance(60)
    assert h.closed(conn).reason is Reason.IDLE
    assert peer.outcome() == "ECONNRESET"


def test_output_that_is_pending_is_delivered_before_a_reaped_connection_ends(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=10, write_timeout=None)
    peer, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(8 << 20))
    pass_time(loop, clock, 30)  # at the first look the kernel may still have taken something: 10 s, or 20
    assert conn.state == "closing"
    assert conn.pending_bytes > 0
    assert len(read_to_the_end(loop, peer)) == 8 << 20
    peer.close()
    report = h.closed(conn)
    assert (report.reason, report.bytes_unsent, report.bytes_unacked) == (Reason.IDLE, 0, 0)


def test_a_slow_reader_is_not_idle_while_it_reads(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    peer, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(8 << 20))
    settle(loop)
    for _ in range(10):
        before = unacked(conn)
        pump(loop, lambda before=before: peer.receive(4096) and unacked(conn) != before)
        pass_time(loop, clock, 40)
    assert conn.state == "open"


def test_input_that_waits_in_the_kernel_is_no_silence(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    peer, conn = h.connect()
    conn.pause()
    peer.send(b"x")
    pass_time(loop, clock, 180)
    assert conn.state == "open"
    assert h.record.names() == []
    conn.resume()
    pump(loop, lambda: h.record.data() == b"x")
    clock.advance(60)
    assert h.closed(conn).reason is Reason.IDLE


def test_a_stall_of_our_own_process_is_not_the_clients_silence(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    peer, conn = h.connect()
    peer.send(b"x")
    clock.advance(3600)  # nobody turned the loop for an hour
    pump(loop, lambda: h.record.data() == b"x")
    settle(loop)
    assert conn.state == "open"


def test_the_idle_timeout_stops_once_our_half_is_ending(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60, linger_timeout=None)
    _, conn = h.connect()
    conn.end()
    pump(loop, lambda: h.record.names() == ["finish"])
    pump(loop, all_acked(conn))
    pass_time(loop, clock, 600, step=60)
    assert conn.state == "read_only"
    assert h.record.names() == ["finish"]


def test_a_mass_expiry_is_spread_over_turns_and_live_clients_are_served_in_between(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    h.server.on("data", lambda conn, data: conn.write(data))
    silent = [h.connect()[1] for _ in range(300)]
    live, live_conn = h.connect()
    clock.advance(30)
    live_conn.touch()
    clock.advance(30)
    per_turn: list[int] = []
    answered = 0
    while sum(per_turn) < len(silent):
        live.send(b"ping")
        before = _count_closed(silent)
        loop.run_once(0)
        per_turn.append(_count_closed(silent) - before)
        answered += live.receive(4) == b"ping"
        assert len(per_turn) < 100
    assert max(per_turn) <= 100
    assert answered == len(per_turn)  # in each of these turns
    assert live_conn.state == "open"


def _count_closed(conns: list[Connection]) -> int:
    return sum(conn.state == "closed" for conn in conns)
