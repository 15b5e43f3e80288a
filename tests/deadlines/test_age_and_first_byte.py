"""`first_byte_timeout`, `max_lifetime` and `jitter`, met from raw clients."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Reactor, Reason, Server, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import all_acked, pass_time, pass_until, read_to_the_end


def told(h: Any) -> list[Any]:
    kinds: list[Any] = []
    h.server.on("timeout", lambda conn, kind: kinds.append(kind))
    return kinds


# first_byte_timeout


def test_who_says_nothing_is_reaped_and_who_has_said_a_byte_is_not(
    each_loop: Reactor, harness: Any, clock: ManualClock
) -> None:
    h = harness(loop=each_loop, first_byte_timeout=10)
    kinds = told(h)
    silent, silent_conn = h.connect()
    talker, talker_conn = h.connect()
    talker.send(b"x")
    pump(each_loop, lambda: talker_conn.bytes_read)
    took = pass_until(each_loop, clock, lambda: silent_conn.report, 12)
    assert 9.9 < took <= 11
    assert silent.outcome() == "FIN"
    assert silent_conn.report.reason is Reason.FIRST_BYTE_TIMEOUT
    assert kinds == [Reason.FIRST_BYTE_TIMEOUT]
    pass_time(each_loop, clock, 100, step=10)
    assert talker_conn.state == "open"
    assert h.server.statistics().ended == {Reason.FIRST_BYTE_TIMEOUT: 1}


def test_a_greeting_of_ours_is_no_byte_of_theirs(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(first_byte_timeout=10)
    h.server.on("connection", lambda conn: conn.write(b"welcome"))
    _, conn = h.connect()
    pass_until(loop, clock, lambda: conn.report, 12)
    assert conn.report.reason is Reason.FIRST_BYTE_TIMEOUT


def test_a_touch_is_no_byte_either(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(first_byte_timeout=10)
    h.server.on("timeout", lambda conn, kind: conn.touch())
    _, conn = h.connect()
    pass_until(loop, clock, lambda: conn.report, 12)


def test_a_listener_of_timeout_may_say_a_last_word(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(first_byte_timeout=10)
    h.server.on("timeout", lambda conn, kind: conn.write(b"408\n"))
    peer, conn = h.connect()
    pass_until(loop, clock, lambda: conn.state != "open", 12)
    assert read_to_the_end(loop, peer) == b"408\n"
    peer.close()
    assert h.closed(conn).reason is Reason.FIRST_BYTE_TIMEOUT


def test_a_byte_that_waits_in_the_kernel_when_time_is_up_counts(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(first_byte_timeout=10)
    peer, conn = h.connect()
    clock.advance(11)
    loop.call_soon(lambda: peer.send(b"x"))  # after the poll of the turn before, and before the look
    settle(loop)
    assert conn.state == "open"


def test_while_the_program_has_paused_it_it_does_not_run(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(first_byte_timeout=10, pause_on_connect=True)
    _, conn = h.connect()
    pass_time(loop, clock, 30, step=5)
    assert conn.state == "open"
    conn.resume()
    took = pass_until(loop, clock, lambda: conn.report, 12)
    assert took > 9.9


def test_a_reset_may_be_preferred(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(first_byte_timeout=10, on_idle="reset")
    peer, conn = h.connect()
    pass_until(loop, clock, lambda: conn.report, 12)
    assert peer.outcome() == "ECONNRESET"


def test_a_client_waits_for_the_first_byte_of_its_server(loop: Reactor, clock: ManualClock) -> None:
    server = Server(loop)
    conn = connect(loop, *server.listen("127.0.0.1", 0), first_byte_timeout=5)
    pump(loop, lambda: conn.state == "open")
    pass_until(loop, clock, lambda: conn.report, 7)
    assert conn.report is not None
    assert conn.report.reason is Reason.FIRST_BYTE_TIMEOUT
    server.close()
    settle(loop)


# max_lifetime


def test_a_busy_connection_is_ended_in_order_when_it_is_old(
    each_loop: Reactor, harness: Any, clock: ManualClock
) -> None:
    h = harness(loop=each_loop, max_lifetime=20, idle_timeout=5)
    kinds = told(h)
    h.server.on("data", lambda conn, data: conn.write(data))
    peer, conn = h.connect()
    for second in range(20):
        peer.send(b"tick")
        pump(each_loop, lambda: conn.bytes_read == 4 * (second + 1))  # noqa: B023
        assert conn.state == "open", second
        clock.advance(1)
    settle(each_loop)
    assert conn.state == "closing"
    assert kinds == [Reason.MAX_LIFETIME]
    assert peer.receive_all() == (b"tick" * 20, "FIN")
    peer.end()
    report = h.closed(conn)
    assert (report.reason, report.clean) == (Reason.MAX_LIFETIME, True)
    assert report.duration == pytest.approx(20, abs=0.1)


def test_what_is_pending_is_delivered_first(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(max_lifetime=10)
    peer, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(3_000_000))
    clock.advance(11)
    settle(loop)
    assert conn.state == "closing"
    assert len(read_to_the_end(loop, peer)) == 3_000_000


def test_an_old_connection_ends_within_linger_timeout_whatever_its_peer_does(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(max_lifetime=10, linger_timeout=3, write_timeout=60)
    peer, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(3_000_000))  # it reads a little all the time, and never to the end
    clock.advance(10)
    settle(loop)

    def trickle() -> Any:
        peer.receive(1000)
        return conn.report

    took = pass_until(loop, clock, trickle, 6)
    assert took <= 4
    assert conn.report.reason is Reason.MAX_LIFETIME
    assert conn.report.bytes_unsent > 0


def test_one_that_we_have_ended_and_that_goes_on_talking_is_too_old_too(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(max_lifetime=20, linger_timeout=5)
    peer, conn = h.connect()
    conn.end()
    settle(loop)

    def talk() -> Any:
        if conn.state != "closed":
            peer.send_some(b"and another thing")
        return conn.report

    assert 19 <= pass_until(loop, clock, talk, 40) <= 26
    assert h.closed(conn).reason is Reason.MAX_LIFETIME


def test_a_lifetime_may_be_given_to_one_connection(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    _, other = h.connect()
    conn.max_lifetime = 5
    pass_time(loop, clock, 10)
    assert (conn.state, other.state) == ("closing", "open")


def test_a_lifetime_lifted_in_its_own_timeout_listener_is_lifted(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(max_lifetime=5)
    h.server.on("timeout", lambda conn, kind: setattr(conn, "max_lifetime", None))
    _, conn = h.connect()
    pass_time(loop, clock, 30)
    assert conn.state == "open"


def test_a_pipe_ends_the_other_side_of_an_old_connection_in_order(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(max_lifetime=5)
    peer, conn = h.connect()
    other, destination = h.connect()
    destination.max_lifetime = None
    conn.pipe(destination)
    peer.send(b"hello")
    pump(loop, lambda: destination.bytes_written == 5)
    pump(loop, all_acked(destination))
    clock.advance(6)
    settle(loop)
    peer.end()
    assert read_to_the_end(loop, other) == b"hello"


# jitter


@pytest.mark.parametrize("name", ["idle_timeout", "read_timeout", "max_lifetime"])
def test_a_jitter_spreads_endings_and_none_comes_before_its_time(
    harness: Any, loop: Reactor, clock: ManualClock, name: str
) -> None:
    h = harness(**{name: 10, "jitter": 10, "linger_timeout": 1})
    for _ in range(40):
        h.connect()
    counts = []
    for _ in range(22):
        counts.append(sum(conn.state == "open" for conn in h.record.connections))
        clock.advance(1)
        settle(loop)
    assert counts[9] == 40, "one was ended before its time"
    assert counts[21] == 0
    assert 8 < counts[15] < 32, counts


def test_the_lot_of_a_connection_stays_the_same(harness: Any) -> None:
    h = harness(jitter=5)
    conns = [h.connect()[1] for _ in range(20)]
    lots = [conn._lot for conn in conns]
    assert lots == [conn._lot for conn in conns]
    assert len(set(lots)) == 20
    assert all(0 <= lot < 1 for lot in lots)


def test_without_a_jitter_all_have_the_same_time(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=10)
    conns = [h.connect()[1] for _ in range(10)]
    clock.advance(9.99)
    settle(loop)
    assert {conn.state for conn in conns} == {"open"}
    clock.advance(0.02)
    settle(loop)
    assert {conn.state for conn in conns} == {"closed"}


def test_a_connection_that_ended_has_none_of_these_timers_left(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(first_byte_timeout=5, max_lifetime=50, idle_timeout=20, jitter=3, min_read_rate=10)
    _, conn = h.connect()
    conn.reset()
    h.closed(conn)
    assert len(h.server._schedule) == 0
