"""`Server.shutdown()` and clients that are idle: they cost no grace. What is at work is ended when that is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, lines
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import acks_arrived, all_acked, pass_time, read_to_the_end

BIG = 8 << 20


@pytest.fixture(params=["tcp", "unix"])
def each(request: pytest.FixtureRequest, harness: Any, tmp_path: Path) -> Any:
    """A server on each transport."""
    return harness(path=tmp_path / "s" if request.param == "unix" else None)


def pass_a_moment(h: Any, clock: ManualClock, seconds: float) -> None:
    """Let time go by in small steps, each when the kernel has done its part: it may delay an acknowledgement by 40 ms,
    for which the manual clock does not wait.
    """
    for _ in range(round(seconds / 0.01)):
        settle(h.loop)
        if isinstance(h.address, tuple):
            pump(h.loop, lambda: all(conn.pending_bytes or all_acked(conn)() for conn in opened(h)))
        clock.advance(0.01)
    settle(h.loop)


def opened(h: Any) -> list[Connection]:
    return [conn for conn in h.server.connections if conn.fileno() >= 0]


# Idle ones.


def test_a_client_that_answers_no_fin_is_closed_after_a_fifth_of_a_second_and_loses_nothing(
    each: Any, clock: ManualClock
) -> None:
    peer, conn = each.connect()
    conn.write(b"response")
    settle(each.loop)
    each.server.shutdown(3600)
    settle(each.loop)
    assert conn.state == "closing"
    pass_a_moment(each, clock, 0.1)
    assert conn.state == "closing"
    pass_a_moment(each, clock, 0.3)
    report = each.stopped()
    assert report.seconds < 0.45
    assert (report.by_reason, report.cut, report.bytes_unsent) == ({Reason.SHUTDOWN_IDLE: 1}, 0, 0)
    assert conn.report.reason is Reason.SHUTDOWN_IDLE
    assert conn.report.phase == "lingering"
    assert not conn.report.bytes_unacked
    assert peer.receive_all() == (b"response", "FIN")


def test_a_client_that_follows_our_fin_in_time_is_clean(each: Any, clock: ManualClock) -> None:
    peer, _ = each.connect()
    each.server.shutdown(3600)
    pass_a_moment(each, clock, 0.1)
    peer.close()
    report = each.stopped()
    assert (report.clean, report.by_reason) == (1, {Reason.ENDED: 1})


@pytest.mark.parametrize(("fin_wait", "at_least", "at_most"), [(0, 0.0, 0.05), (2.0, 2.0, 4.1)])
def test_how_long_a_fin_is_awaited_is_an_argument(
    h: Any, clock: ManualClock, fin_wait: float, at_least: float, at_most: float
) -> None:
    h.connect()
    h.server.shutdown(3600, fin_wait=fin_wait)
    pass_a_moment(h, clock, at_most)
    assert at_least <= h.stopped().seconds <= at_most


def test_none_awaits_the_fin_for_the_whole_grace(h: Any, clock: ManualClock) -> None:
    h.connect()
    h.server.shutdown(10, fin_wait=None)
    pass_time(h.loop, clock, 9)
    assert h.stops == []
    pass_time(h.loop, clock, 1)
    assert h.stopped().by_reason == {Reason.SHUTDOWN_DEADLINE: 1}


def test_a_later_call_may_shorten_the_wait_for_a_fin_and_not_lengthen_it(h: Any, clock: ManualClock) -> None:
    h.connect()
    h.server.shutdown(100, fin_wait=None)
    settle(h.loop)
    h.server.shutdown(100, fin_wait=0.2)
    settle(h.loop)
    h.server.shutdown(100, fin_wait=50)
    pass_a_moment(h, clock, 0.5)
    assert h.stopped().by_reason == {Reason.SHUTDOWN_IDLE: 1}


def test_pending_output_is_delivered_first_however_long_that_takes_within_the_grace(h: Any, clock: ManualClock) -> None:
    peer, conn = h.connect()
    conn.write(bytes(BIG))
    settle(h.loop)
    pump(h.loop, acks_arrived(conn, peer))
    h.server.shutdown(60)
    pass_time(h.loop, clock, 5)
    assert conn.state == "closing"
    assert len(read_to_the_end(h.loop, peer)) == BIG
    pump(h.loop, all_acked(conn))
    pass_a_moment(h, clock, 0.6)
    report = h.stopped()
    assert (report.by_reason, report.bytes_unsent) == ({Reason.SHUTDOWN_IDLE: 1}, 0)


def test_a_connection_that_the_program_had_ended_before_waits_no_longer_for_its_fin(h: Any, clock: ManualClock) -> None:
    _, ended = h.connect()
    _, destroyed = h.connect()
    ended.end(b"bye")
    destroyed.destroy_soon()
    pass_time(h.loop, clock, 5)
    h.server.shutdown(60)
    pass_a_moment(h, clock, 0.5)
    assert h.stopped().by_reason == {Reason.SHUTDOWN_IDLE: 2}
    assert (ended.report.bytes_unsent, ended.report.bytes_unacked) == (0, 0)


def test_a_request_that_comes_after_our_fin_is_counted_as_discarded(h: Any, clock: ManualClock) -> None:
    peer, conn = h.connect()
    h.server.shutdown(60)
    settle(h.loop)
    peer.send(b"too late")
    pump(h.loop, lambda: conn.bytes_read == 8)
    pass_a_moment(h, clock, 0.5)
    report = h.stopped()
    assert report.bytes_discarded == 8
    assert str(report).endswith("0 bytes unsent, 8 bytes received and discarded")
    assert h.record.data() == b""
    assert peer.outcome() == "FIN"


def test_a_client_that_goes_on_sending_is_not_idle_and_has_the_whole_grace(h: Any, clock: ManualClock) -> None:
    peer, conn = h.connect()
    h.server.shutdown(2)
    for sent in range(1, 11):
        peer.send(b".")
        pump(h.loop, lambda sent=sent: conn.bytes_read == sent)  # type: ignore[misc]
        pass_a_moment(h, clock, 0.15)
    assert conn.state == "closing"
    assert peer.outcome() == "FIN"
    pass_a_moment(h, clock, 0.5)
    assert h.stopped().by_reason == {Reason.SHUTDOWN_IDLE: 1}


# What is left to do.


def answer(conn: Connection, data: bytes) -> None:
    conn.write(b"answer to " + data)


def test_what_had_come_before_the_stop_is_heard_and_answered(each: Any, clock: ManualClock) -> None:
    each.server.on("data", answer)
    peer, _ = each.connect()
    peer.send(b"request")  # it lies in the kernel; the turn of the stop comes first
    each.server.shutdown(60)
    pass_a_moment(each, clock, 0.5)
    assert peer.receive_all() == (b"answer to request", "FIN")
    assert each.stopped().cut == 0


def test_a_paused_connection_hears_what_had_come_once_it_is_resumed(h: Any, clock: ManualClock) -> None:
    h.server.on("data", answer)
    peer, conn = h.connect()
    conn.pause()
    peer.send(b"request")
    pass_a_moment(h, clock, 0.1)
    h.server.shutdown(60)
    pass_a_moment(h, clock, 1)
    assert conn.state == "open"
    conn.resume()
    pass_a_moment(h, clock, 0.5)
    assert peer.receive_all() == (b"answer to request", "FIN")
    assert h.stopped().cut == 0


def test_messages_that_a_framer_holds_back_are_heard_too(h: Any, clock: ManualClock) -> None:
    heard: list[bytes] = []

    def hear(conn: Connection, line: bytes) -> None:
        heard.append(line)
        conn.pause()

    h.server.on("data", lines(hear))
    peer, conn = h.connect()
    peer.send(b"one\ntwo\n")
    pump(h.loop, lambda: heard)
    h.server.shutdown(60)
    pass_a_moment(h, clock, 0.1)
    assert conn.state == "open"
    conn.resume()
    pass_a_moment(h, clock, 0.5)
    assert heard == [b"one", b"two"]
    assert h.stopped().cut == 0


def test_a_client_that_never_stops_sending_is_ended_when_what_had_come_was_heard(h: Any, clock: ManualClock) -> None:
    peer, conn = h.connect()
    peer.send(b"first")
    h.server.shutdown(60)
    for _ in range(10):
        peer.send(b".")
        pass_a_moment(h, clock, 0.02)
    assert conn.state == "closing"
    assert h.record.data().startswith(b"first")


# conn.busy


def test_a_busy_connection_is_ended_after_its_response_was_written(each: Any, clock: ManualClock) -> None:
    peer, conn = each.connect()
    conn.busy = True
    each.server.shutdown(60)
    pass_a_moment(each, clock, 5)
    assert conn.state == "open"
    conn.busy = False
    conn.write(b"response")  # written after it: the look comes in the next turn
    pass_a_moment(each, clock, 0.5)
    assert peer.receive_all() == (b"response", "FIN")
    assert each.stopped().by_reason == {Reason.SHUTDOWN_IDLE: 1}


def test_a_request_after_request_client_is_ended_between_two(h: Any, clock: ManualClock) -> None:
    """It asks again as soon as it has the answer: the moment between the two is found all the same."""

    def take(conn: Connection, data: bytes) -> None:
        conn.busy = True
        h.loop.call_later(0.05, respond, conn)

    def respond(conn: Connection) -> None:
        conn.write(b"response")
        conn.busy = False

    h.server.on("data", take)
    peer, conn = h.connect()
    peer.send(b"request")
    pump(h.loop, lambda: conn.busy)
    h.server.shutdown(60)
    pass_a_moment(h, clock, 0.1)
    assert conn.state == "closing"
    assert peer.receive_all() == (b"response", "FIN")


def test_a_connection_that_stays_busy_is_reset_when_the_grace_is_over(h: Any, clock: ManualClock) -> None:
    peer, conn = h.connect()
    conn.busy = True
    h.server.shutdown(5)
    pass_time(h.loop, clock, 5)
    assert h.stopped().by_reason == {Reason.SHUTDOWN_DEADLINE: 1}
    assert peer.outcome() == "ECONNRESET"


def test_a_busy_connection_that_its_program_or_its_peer_ends_holds_up_nothing(h: Any, clock: ManualClock) -> None:
    conns = [h.connect() for _ in range(3)]
    for _, conn in conns:
        conn.busy = True
    h.server.shutdown(60)
    pass_a_moment(h, clock, 0.1)
    conns[0][1].end(b"bye")
    conns[0][0].close()
    conns[1][0].close()
    conns[2][1].destroy()
    pass_a_moment(h, clock, 0.5)
    assert h.stopped().connections == 3


def test_busy_is_false_at_first_and_refuses_what_is_no_flag(h: Any) -> None:
    _, conn = h.connect()
    assert conn.busy is False
    conn.busy = False
    assert conn._gauges is None  # it costs nothing until it is used
    with pytest.raises(TypeError, match="busy must be True or False, not 1"):
        conn.busy = 1
    conn.busy = True
    assert conn.busy is True
    conn.destroy()
    h.closed(conn)
    conn.busy = False
    assert conn.busy is False


def test_a_busy_connection_is_not_given_up_for_its_descriptor(h: Any, clock: ManualClock) -> None:
    from reactor.net.server.pressure import give_up

    busy, idle = h.connect()[1], h.connect()[1]
    busy.busy = True
    clock.advance(100)
    h.loop.run_once(0)
    assert give_up([busy, idle], 10.0, h.loop.now) == 1
    assert (busy.state, idle.state) == ("open", "closed")


# Other ways to end them.


def test_half_says_no_more_and_still_listens(each: Any, clock: ManualClock) -> None:
    peer, conn = each.connect()
    each.server.shutdown(60, end="half")
    pass_a_moment(each, clock, 1)
    assert conn.state == "read_only"
    assert peer.outcome() == "FIN"
    peer.send(b"the rest")
    pump(each.loop, lambda: each.record.data() == b"the rest")
    assert conn.write(b"unheard") is False
    peer.close()
    report = each.stopped()
    assert report.by_reason == {Reason.ENDED: 1}
    assert report.bytes_unsent == len(b"unheard")


def test_half_is_bounded_by_the_grace(h: Any, clock: ManualClock) -> None:
    h.connect()
    h.server.shutdown(5, end="half")
    pass_time(h.loop, clock, 5)
    assert h.stopped().by_reason == {Reason.SHUTDOWN_DEADLINE: 1}


@pytest.mark.parametrize("first", [False, "half"])
def test_a_stronger_ending_overrides_a_weaker_one_and_not_the_reverse(h: Any, clock: ManualClock, first: Any) -> None:
    _, conn = h.connect()
    h.server.shutdown(60, end=first)
    settle(h.loop)
    h.server.shutdown(60)
    settle(h.loop)
    assert conn.state == "closing"
    h.server.shutdown(60, end=first)
    pass_a_moment(h, clock, 0.5)
    assert h.stopped().by_reason == {Reason.SHUTDOWN_IDLE: 1}


def test_with_a_spread_a_busy_connection_whose_time_has_come_is_ended_when_it_is_idle(
    h: Any, clock: ManualClock
) -> None:
    conns = [h.connect()[1] for _ in range(3)]
    conns[0].busy = True
    h.server.shutdown(60, spread=3)
    pass_a_moment(h, clock, 1.5)
    assert [conn.state for conn in conns] == ["open", "closed", "open"]
    conns[0].busy = False
    pass_a_moment(h, clock, 0.05)
    assert [conn.state for conn in conns] == ["closing", "closed", "open"]
    pass_a_moment(h, clock, 2.5)
    assert h.stopped().by_reason == {Reason.SHUTDOWN_IDLE: 3}


def test_many_idle_clients_are_closed_some_in_each_turn(h: Any, clock: ManualClock) -> None:
    from reactor.net.server.endings import LOOKS_PER_TURN

    for _ in range(LOOKS_PER_TURN + 10):
        h.connect()
    h.server.shutdown(60)
    settle(h.loop)
    pump(h.loop, lambda: all(all_acked(conn)() for conn in opened(h)))
    clock.advance(0.21)
    h.loop.run_once(0)
    open_still = [conn for conn in h.record.connections if conn.state == "closing"]
    assert len(open_still) == 10
    settle(h.loop)
    assert h.stopped().by_reason == {Reason.SHUTDOWN_IDLE: LOOKS_PER_TURN + 10}


def test_a_server_that_has_stopped_ends_nobody_when_it_listens_again(h: Any, loop: Reactor, clock: ManualClock) -> None:
    peer, conn = h.connect()
    conn.busy = True
    h.server.shutdown(60)
    settle(loop)
    peer.close()
    conn.destroy()
    h.stopped()
    h.address = h.server.listen("127.0.0.1", 0)
    _, later = h.connect()
    pass_a_moment(h, clock, 1)
    assert later.state == "open"
