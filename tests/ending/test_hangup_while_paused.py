"""A paused connection reads nothing, and notices all the same that its peer has gone: by FIN, RST or a failed write."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.engine import selector_poller
from reactor.engine.loop import turns_of
from reactor.testing import ManualClock, Peer, pump, settle


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Selectors that cannot watch for a hang-up look for it now and then: here often, to save the wait."""
    monkeypatch.setattr(selector_poller, "HANGUP_PERIOD", 0.002)


def paused(wire: Any, sent: bytes = b"") -> tuple[Peer, Connection]:
    """A paused connection, for which `sent` waits in the kernel."""
    peer, conn = wire.connect()
    conn.pause()
    if sent:
        peer.send(sent)
    settle(wire.loop)
    assert wire.record.names(conn) == []
    return peer, conn


def heard(wire: Any, conn: Connection) -> bool:
    return "hangup" in wire.record.names(conn)


def silent(loop: Reactor) -> bool:
    """Does the poller report nothing, however often it is asked? A loop on it then sleeps instead of spinning."""
    for _ in range(3):
        loop.run_once(0.004)
    return [turns_of(loop).poller.poll(0.004) for _ in range(3)] == [[]] * 3


def test_fin_is_a_hangup_and_what_was_sent_is_delivered_after_resume(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire, b"held")
    assert conn.peer_gone is False
    peer.end()
    pump(each_loop, lambda: heard(wire, conn))
    settle(each_loop, 30)
    assert (wire.record.names(), conn.state, conn.peer_gone) == (["hangup"], "open", True)
    conn.resume()
    report = wire.closed(conn)
    assert wire.record.data() == b"held"
    assert wire.record.names() == ["hangup", "data", "end", "finish", "close"]
    assert (report.clean, report.reason) == (True, Reason.PEER_ENDED)


def test_fin_alone_ends_nothing_while_the_program_pauses(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire)
    peer.end()
    pump(each_loop, lambda: heard(wire, conn))
    conn.write(b"we still talk")
    settle(each_loop)
    assert peer.receive(13) == b"we still talk"
    assert (conn.state, conn.report) == ("open", None)


def test_rst_is_a_hangup_and_what_was_sent_before_it_is_delivered_after_resume(
    each_loop: Reactor, harness: Any
) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire, b"held")
    peer.reset()
    pump(each_loop, lambda: heard(wire, conn))
    settle(each_loop, 30)
    assert (wire.record.names(), conn.report, conn.peer_gone) == (["hangup"], None, True)
    conn.resume()
    report = wire.closed(conn)
    assert wire.record.data() == b"held"
    assert wire.record.names() == ["hangup", "data", "error", "close"]
    assert (report.reason, report.clean, report.bytes_read) == (Reason.PEER_RESET, False, 4)
    assert isinstance(report.error, ConnectionResetError)


def test_rst_with_nothing_waiting_ends_the_connection_at_once(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire)
    peer.reset()
    report = wire.closed(conn)
    assert wire.record.names() == ["hangup", "error", "close"]
    assert (report.reason, report.phase, report.clean) == (Reason.PEER_RESET, "open", False)


def test_fin_and_then_rst_while_paused_is_one_hangup_and_no_clean_end(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire, b"held")
    peer.end()
    pump(each_loop, lambda: heard(wire, conn))
    peer.reset()
    settle(each_loop)
    conn.write(b"so that the reset is known on every selector")
    settle(each_loop)
    conn.resume()
    report = wire.closed(conn)
    assert wire.record.names() == ["hangup", "data", "error", "close"]
    assert (wire.record.data(), report.reason, report.clean) == (b"held", Reason.PEER_RESET, False)


def test_rst_after_fin_with_nothing_waiting_ends_the_connection_at_once(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire)
    peer.end()
    pump(each_loop, lambda: heard(wire, conn))
    peer.reset()
    assert wire.closed(conn).reason is Reason.PEER_RESET
    assert wire.record.names() == ["hangup", "error", "close"]


def test_a_failed_write_of_ours_is_a_hangup_and_what_had_arrived_is_delivered(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire, b"held")
    peer.reset()
    assert conn.write(b"x") is False
    assert wire.record.names() == []
    settle(each_loop)
    assert (wire.record.names(), conn.report) == (["hangup"], None)
    conn.resume()
    report = wire.closed(conn)
    assert wire.record.names() == ["hangup", "data", "error", "close"]
    assert (wire.record.data(), report.bytes_unsent, report.reason) == (b"held", 1, Reason.PEER_RESET)


def test_a_failed_write_with_nothing_waiting_ends_the_connection_at_once(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire)
    peer.reset()
    conn.write(b"x")
    settle(each_loop)
    assert wire.record.names() == ["hangup", "error", "close"]
    assert conn.report.reason is Reason.PEER_RESET


@pytest.mark.parametrize("way", ["end", "reset"])
def test_a_connection_paused_from_the_beginning_hears_it_too(way: str, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, pause_on_connect=True)
    peer, conn = wire.connect()
    peer.send(b"held")
    getattr(peer, way)()
    pump(each_loop, lambda: heard(wire, conn))
    conn.resume()
    wire.closed(conn)
    assert wire.record.data() == b"held"


def test_a_hangup_listener_may_resume(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    wire.server.on("hangup", lambda conn: conn.resume())
    peer, conn = paused(wire, b"held")
    peer.end()
    assert wire.closed(conn).clean
    assert wire.record.data() == b"held"


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_a_hangup_listener_may_drop_the_connection(call: str, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    wire.server.on("hangup", lambda conn: getattr(conn, call)())
    peer, conn = paused(wire, b"held")
    peer.end()
    wire.closed(conn)
    assert wire.record.names() == ["hangup", "close"]


def test_destroy_soon_after_a_hangup_discards_what_waits_and_ends_cleanly(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire, b"held")
    peer.end()
    pump(each_loop, lambda: heard(wire, conn))
    conn.write(b"bye")
    conn.destroy_soon()
    report = wire.closed(conn)
    assert (report.clean, report.bytes_discarded, wire.record.data()) == (True, 4, b"")
    assert peer.receive_all() == (b"bye", "FIN")


def test_a_peer_that_ends_after_we_did_is_a_hangup_too(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire, b"held")
    conn.end(b"over")
    settle(each_loop)
    peer.end()
    pump(each_loop, lambda: heard(wire, conn))
    assert (wire.record.names(), conn.state) == (["finish", "hangup"], "read_only")
    conn.resume()
    report = wire.closed(conn)
    assert (wire.record.data(), report.clean, report.reason) == (b"held", True, Reason.ENDED)


def test_a_connection_that_reads_gets_no_hangup(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    peer.end()
    wire.closed(conn)
    assert "hangup" not in wire.record.names()


def test_pausing_again_after_a_hangup_gives_no_second_one(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire, b"held")
    peer.end()
    pump(each_loop, lambda: heard(wire, conn))
    conn.resume()
    conn.pause()
    settle(each_loop, 30)
    assert wire.record.names() == ["hangup"]
    conn.resume()
    assert wire.closed(conn).clean


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("open", "end"),
        ("open", "reset"),
        ("ended", "end"),
        ("ended", "reset"),
        ("broken", "reset"),
        ("draining", "end"),
        ("draining", "reset"),
    ],
)
def test_a_connection_that_is_paused_and_gone_costs_nothing(
    ours: str, theirs: str, each_loop: Reactor, harness: Any
) -> None:
    wire = harness(loop=each_loop)
    peer, conn = paused(wire, b"held")
    if ours == "ended":
        conn.end()
    elif ours == "draining":
        conn.write(bytes(16 * 1024 * 1024))
        conn.end()
    settle(each_loop)
    getattr(peer, theirs)()
    if ours == "broken":
        conn.write(b"x")
    pump(each_loop, lambda: heard(wire, conn))
    assert silent(each_loop), "the poller wakes the loop for nothing"
    assert conn.report is None
    conn.resume()
    pump(each_loop, lambda: wire.record.data() == b"held")


@pytest.mark.parametrize("theirs", ["end", "reset"])
def test_it_is_not_held_for_ever(theirs: str, each_loop: Reactor, harness: Any, clock: ManualClock) -> None:
    wire = harness(loop=each_loop, half_open_timeout=600)
    peer, conn = paused(wire, b"held")
    getattr(peer, theirs)()
    pump(each_loop, lambda: heard(wire, conn))
    clock.advance(599)
    settle(each_loop)
    assert conn.report is None
    clock.advance(1)
    report = wire.closed(conn)
    # The reason is the first cause: the RST, which the deadline only cut short.
    assert report.reason is (Reason.HALF_OPEN_TIMEOUT if theirs == "end" else Reason.PEER_RESET)
    assert not report.clean
