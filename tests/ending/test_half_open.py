"""The peer ends its half first: by default we follow after the `end` listeners, with `allow_half_open` we do not."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.engine import selector_poller
from reactor.engine.loop import turns_of
from reactor.testing import Peer, pump, settle
from tests.support.wire import read_to_the_end

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Selectors that cannot watch for a hang-up look for it now and then: here often, to save the wait."""
    monkeypatch.setattr(selector_poller, "HANGUP_PERIOD", 0.002)


def half_closed(wire: Any) -> tuple[Peer, Connection]:
    """A connection whose peer has ended, and we have not."""
    peer, conn = wire.connect()
    peer.end()
    pump(wire.loop, lambda: "end" in wire.record.names())
    return peer, conn


def test_the_peers_fin_ends_our_half_too(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = half_closed(wire)
    report = wire.closed(conn)
    assert peer.receive_all() == (b"", "FIN")
    assert (report.reason, report.clean, report.error) == (Reason.PEER_ENDED, True, None)
    assert wire.record.names() == ["end", "finish", "close"]


def test_an_end_listener_may_still_write_a_last_word_which_goes_out_before_our_fin(harness: Any) -> None:
    wire = harness()
    wire.server.on("end", lambda conn: conn.write(b"farewell"))
    peer, conn = half_closed(wire)
    assert wire.closed(conn).clean
    assert peer.receive_all() == (b"farewell", "FIN")


def test_every_end_listener_may_write_before_the_automatic_end(harness: Any) -> None:
    wire = harness()
    wire.server.on("end", lambda conn: conn.write(b"one "))
    wire.server.on("end", lambda conn: conn.write(b"two "))
    wire.server.on("connection", lambda conn: conn.on("end", lambda conn: conn.write(b"three")))
    peer, conn = half_closed(wire)
    assert wire.closed(conn).clean
    assert peer.receive_all() == (b"one two three", "FIN")


def test_what_is_pending_when_the_peer_ends_is_drained_before_our_fin(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.write(bytes(8 * MIB))
    peer.end()
    pump(wire.loop, lambda: conn.state == "closing")
    assert conn.pending_bytes > 0
    assert len(read_to_the_end(wire.loop, peer)) == 8 * MIB
    report = wire.closed(conn)
    assert (report.clean, report.reason, report.bytes_written) == (True, Reason.PEER_ENDED, 8 * MIB)


@pytest.mark.parametrize("allow", [False, True])
def test_the_state_is_write_only_inside_the_end_listeners_already(allow: bool, harness: Any) -> None:
    wire = harness(allow_half_open=allow)
    seen = []
    wire.server.on("end", lambda conn: seen.append(conn.state))
    wire.server.on("finish", lambda conn: seen.append(conn.state))
    _, conn = half_closed(wire)
    if allow:
        settle(wire.loop)
        seen.append(conn.state)
        conn.end()
    wire.closed(conn)
    assert seen == (["write_only", "write_only", "closing"] if allow else ["write_only", "closing"])


def test_an_end_listener_may_end_by_its_own_words(harness: Any) -> None:
    wire = harness()
    seen = []

    def part(conn: Connection) -> None:
        conn.end(b"farewell")
        seen.append(conn.state)

    wire.server.on("end", part)
    peer, conn = half_closed(wire)
    assert seen == ["closing"]
    assert wire.closed(conn).clean
    assert peer.receive_all() == (b"farewell", "FIN")


def test_after_the_automatic_end_a_write_returns_false_and_counts_as_unsent_and_is_not_logged(
    harness: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wire = harness()
    wire.server.on("connection", lambda conn: conn.write(bytes(16 * MIB)))
    peer, conn = half_closed(wire)
    assert conn.state == "closing"
    assert conn.write(b"too late") is False
    assert conn.writelines([b"much ", b"too late"]) is False
    conn.end(b"!")
    peer.reset()
    report = wire.closed(conn)
    assert conn.bytes_written + report.bytes_unsent == 16 * MIB + 8 + 13 + 1
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_bytes_refused_after_the_automatic_end_spoil_a_clean_end(harness: Any) -> None:
    wire = harness()
    wire.server.on("finish", lambda conn: conn.write(b"too late"))
    _, conn = half_closed(wire)
    report = wire.closed(conn)
    assert (report.bytes_unsent, report.clean, report.reason) == (8, False, Reason.PEER_ENDED)


def test_with_allow_half_open_our_half_stays_open_until_the_program_ends_it(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, allow_half_open=True)
    peer, conn = half_closed(wire)
    settle(each_loop, 30)
    assert (conn.state, wire.record.names()) == ("write_only", ["end"])
    conn.write(b"still ")
    assert peer.receive(6) == b"still "
    conn.end(b"here")
    assert conn.state == "closing"
    settle(each_loop)
    assert peer.receive_all() == (b"here", "FIN")
    report = wire.closed(conn)
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True)
    assert wire.record.names() == ["end", "finish", "close"]


def test_allow_half_open_may_be_set_on_one_connection_at_any_time(harness: Any) -> None:
    wire = harness()
    wire.server.on("end", lambda conn: setattr(conn, "allow_half_open", True))
    _, conn = half_closed(wire)
    settle(wire.loop)
    assert conn.state == "write_only"
    conn.end()
    assert wire.closed(conn).clean


def test_a_large_answer_to_a_peer_that_has_ended_arrives_whole(harness: Any) -> None:
    wire = harness(allow_half_open=True)
    peer, conn = half_closed(wire)
    conn.write(bytes(4 * MIB))
    conn.end()
    assert len(read_to_the_end(wire.loop, peer)) == 4 * MIB
    assert wire.closed(conn).clean


@pytest.mark.parametrize("call", ["pause", "resume"])
def test_pause_and_resume_change_nothing_once_the_peer_has_ended(call: str, harness: Any) -> None:
    wire = harness(allow_half_open=True)
    peer, conn = half_closed(wire)
    getattr(conn, call)()
    settle(wire.loop)
    assert (conn.state, wire.record.names()) == ("write_only", ["end"])
    conn.end(b"x")
    assert wire.closed(conn).clean
    assert peer.receive_all() == (b"x", "FIN")


def test_a_reset_of_a_half_closed_connection_is_noticed_without_writing(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, allow_half_open=True)
    peer, conn = half_closed(wire)
    settle(each_loop)
    peer.reset()
    report = wire.closed(conn)
    assert (report.reason, report.phase, report.clean) == (Reason.PEER_RESET, "half_open", False)
    assert isinstance(report.error, OSError)
    assert wire.record.names() == ["end", "error", "close"]


def test_we_end_first_and_the_peer_goes_on_for_long(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end(b"your turn")
    assert conn.state == "read_only"
    for _ in range(20):
        peer.send(bytes(10_000))
        settle(wire.loop, 3)
    peer.end()
    report = wire.closed(conn)
    assert (report.reason, report.clean, report.bytes_read) == (Reason.ENDED, True, 200_000)
    assert len(wire.record.data()) == 200_000


@pytest.mark.parametrize("ended", ["by the peer", "by us"])
def test_a_half_closed_connection_that_is_idle_costs_nothing(ended: str, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, allow_half_open=True)
    if ended == "by the peer":
        half_closed(wire)
    else:
        _, conn = wire.connect()
        conn.end()
    for _ in range(3):
        each_loop.run_once(0.004)
    polled = [turns_of(each_loop).poller.poll(0.004) for _ in range(3)]
    assert polled == [[]] * 3, "the poller wakes the loop for nothing"
