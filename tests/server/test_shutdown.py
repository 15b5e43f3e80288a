"""`Server.shutdown(grace)`: the orderly stop. No client that was let in is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reactor import Reactor, Reason, ShutdownReport
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import read_to_the_end, refused

BIG = 8 << 20


def test_no_client_whose_connect_had_returned_is_lost(each_loop: Reactor, harness: Any) -> None:
    h = harness(loop=each_loop)
    h.server.on("connection", lambda conn: conn.write(b"welcome"))
    peers = h.queue(200)  # no turn was taken: all of them are in the backlog
    h.server.shutdown()
    pump(each_loop, lambda: not h.server.listening)
    settle(each_loop)
    outcomes = {peer.receive_all() for peer in peers}
    for peer in peers:
        peer.close()
    assert outcomes == {(b"welcome", "FIN")}
    assert h.stopped().clean == 200


def test_it_stops_accepting_in_the_next_turn(h: Any) -> None:
    h.server.shutdown()
    h.loop.run_once(0)
    assert not h.server.listening
    assert refused(*h.address)


def test_draining_tells_the_first_deadline_once_and_when_the_backlog_is_empty(h: Any, clock: ManualClock) -> None:
    told: list[tuple[Any, ...]] = []
    h.server.on("draining", lambda server, deadline: told.append((server, deadline, len(server.connections))))
    h.connect()
    h.queue(1)
    h.server.shutdown(7)
    assert told == []
    settle(h.loop)
    h.server.shutdown(5)
    settle(h.loop)
    assert told == [(h.server, clock() + 7, 2)]


@pytest.mark.parametrize("transport", ["tcp", "unix"])
def test_a_good_bye_said_while_draining_arrives(harness: Any, tmp_path: Path, transport: str) -> None:
    h = harness(path=tmp_path / "s" if transport == "unix" else None)
    h.server.on("draining", lambda server, deadline: [conn.write(b"good bye\n") for conn in server.connections])
    peer, _ = h.connect()
    h.server.shutdown()
    settle(h.loop)
    assert peer.receive_all() == (b"good bye\n", "FIN")
    peer.close()
    assert h.stopped().clean == 1


def test_pending_output_drains(h: Any) -> None:
    peer, conn = h.connect()
    conn.write(bytes(BIG))
    h.server.shutdown()
    assert len(read_to_the_end(h.loop, peer)) == BIG
    peer.close()
    report = h.stopped()
    assert (report.connections, report.clean, report.bytes_unsent) == (1, 1, 0)


def test_what_clients_still_send_is_dropped_and_they_see_a_clean_end(h: Any) -> None:
    peer, conn = h.connect()
    h.server.shutdown()
    settle(h.loop)
    peer.send(b"but I was not done")
    pump(h.loop, lambda: conn.bytes_read == 18)
    assert peer.outcome() == "FIN"
    peer.close()
    assert h.stopped().clean == 1
    assert h.record.data() == b""


def test_the_report_counts_every_way_of_ending(h: Any, clock: ManualClock) -> None:
    _, before = h.connect()
    before.destroy()
    h.closed(before)
    polite, _ = h.connect()
    rude, _ = h.connect()
    _, silent = h.connect()
    h.server.shutdown(20, fin_wait=None)
    settle(h.loop)
    assert polite.outcome() == "FIN"
    polite.close()
    rude.reset()
    pump(h.loop, lambda: len(h.server.connections) == 1)
    assert silent.state == "closing"
    clock.advance(20)
    report = h.stopped()
    assert (report.connections, report.clean, report.bytes_unsent, report.seconds) == (3, 1, 0, 20.0)
    assert report.by_reason == {Reason.ENDED: 1, Reason.PEER_RESET: 1, Reason.SHUTDOWN_DEADLINE: 1}


def test_with_end_false_the_program_ends_each_connection_itself(h: Any, clock: ManualClock) -> None:
    peer, conn = h.connect()
    h.server.shutdown(10, end=False)
    settle(h.loop)
    clock.advance(9)
    settle(h.loop)
    assert conn.state == "open"
    peer.send(b"request")
    pump(h.loop, lambda: h.record.data() == b"request")
    conn.end(b"answer")
    settle(h.loop)
    assert peer.receive_all() == (b"answer", "FIN")
    peer.close()
    assert h.stopped().by_reason == {Reason.ENDED: 1}


def test_a_later_call_may_ask_for_the_end_of_all_connections(h: Any) -> None:
    _, conn = h.connect()
    for end in (False, True):
        h.server.shutdown(10, end=end)
        settle(h.loop)
    assert conn.state == "closing"


@pytest.mark.parametrize("limit", ["max_connections", "max_per_address"])
def test_the_limits_hold_for_those_who_wait_in_the_backlog(harness: Any, limit: str) -> None:
    h = harness(**{limit: 3})
    h.server.on("connection", lambda conn: conn.write(b"welcome"))
    dropped = h.server_told("drop")
    peers = h.queue(5)
    h.server.shutdown()
    settle(h.loop)
    assert [peer.receive_all() for peer in peers] == [(b"welcome", "FIN")] * 3 + [(b"", "FIN")] * 2
    assert dropped == [(h.address, peer.address) for peer in peers[3:]]


def test_writing_to_a_connection_that_shutdown_has_ended_is_no_error(h: Any) -> None:
    peer, conn = h.connect()
    h.server.shutdown()
    settle(h.loop)
    answers: list[str] = []
    assert conn.write(b"late", lambda _, error: answers.append(type(error).__name__)) is False
    peer.close()
    report = h.closed(conn)
    assert answers == ["ConnectionClosed"]
    assert (report.bytes_unsent, report.clean) == (4, False)


def test_a_shutdown_after_close_ends_those_who_live_on_and_answers_the_close(h: Any, clock: ManualClock) -> None:
    order: list[str] = []
    h.server.on("stopped", lambda server, report: order.append(f"stopped, {report.cut} cut"))
    h.connect()
    h.server.close(lambda server, error: order.append(f"callback {error}"))
    settle(h.loop)
    h.server.shutdown(5, fin_wait=None)
    settle(h.loop)
    clock.advance(5)
    pump(h.loop, lambda: len(order) == 2)
    assert order == ["stopped, 1 cut", "callback None"]


def test_without_connections_it_stops_at_once(h: Any) -> None:
    h.server.shutdown(100)
    assert h.stops == []
    settle(h.loop)
    assert h.stopped() == ShutdownReport(0, 0, {}, 0, 0.0)


def test_listening_again_in_the_turn_of_the_stop_is_not_undone(h: Any) -> None:
    h.server.shutdown(5)
    h.loop.run_once(0)  # nobody was there: it has stopped, and `stopped` comes in the next turn
    h.server.listen("127.0.0.1", 0)
    settle(h.loop)
    assert h.server.listening
