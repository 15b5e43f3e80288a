"""The report that comes with every `close`: reason, phase, error, clean, and the bytes, for each kind of ending."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from reactor import CloseReport, Connection, Reactor, Reason, Server
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.wire import all_acked, read_to_the_end, vanish

MIB = 1024 * 1024


def facts(report: CloseReport) -> tuple[Reason, str, bool, type | None]:
    return report.reason, report.phase, report.clean, report.error and type(report.error)


def test_close_listeners_get_the_report_which_stays_on_the_connection(harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    assert conn.report is None
    conn.destroy()
    assert conn.report is None
    report = wire.closed(conn)
    assert wire.record.events[conn] == [("close", report)]
    assert isinstance(report, CloseReport)
    with pytest.raises(AttributeError):
        report.reason = Reason.ENDED


def test_an_end_that_the_peer_followed(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.send(b"12345")
    conn.end(b"123")
    settle(wire.loop)
    peer.end()
    report = wire.closed(conn)
    assert facts(report) == (Reason.ENDED, "lingering", True, None)
    assert report[4:9] == (5, 0, 3, 0, 0)


def test_an_end_of_the_peers_that_we_followed(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.send(b"12345")
    peer.end()
    report = wire.closed(conn)
    assert facts(report) == (Reason.PEER_ENDED, "lingering", True, None)
    assert report[4:9] == (5, 0, 0, 0, 0)


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_a_hard_end_of_ours(call: str, harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.send(b"12345")
    pump(wire.loop, lambda: conn.bytes_read == 5)
    getattr(conn, call)()
    report = wire.closed(conn)
    assert facts(report) == (Reason[f"{call.upper()}{'ED' if call == 'destroy' else ''}"], "open", False, None)
    assert report[4:9] == (5, 0, 0, 0, 0)


@pytest.mark.parametrize("phase", ["open", "draining", "lingering", "half_open"])
def test_the_phase_is_what_it_was_doing_when_it_was_cut(phase: str, harness: Any) -> None:
    wire = harness(allow_half_open=True)
    peer, conn = wire.connect(receive_buffer=65536)
    if phase == "draining":
        conn.write(bytes(16 * MIB))
        conn.end()
    elif phase == "lingering":
        conn.end()
    elif phase == "half_open":
        peer.end()
        pump(wire.loop, lambda: conn.state == "write_only")
    settle(wire.loop)
    conn.reset()
    assert wire.closed(conn).phase == phase


@pytest.mark.parametrize("phase", ["open", "draining", "lingering", "half_open"])
def test_the_phase_is_what_it_was_doing_when_the_peer_reset(phase: str, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, allow_half_open=True)
    peer, conn = wire.connect(receive_buffer=65536)
    if phase == "draining":
        conn.write(bytes(16 * MIB))
        conn.end()
    elif phase == "lingering":
        conn.end()
    elif phase == "half_open":
        peer.end()
        pump(wire.loop, lambda: conn.state == "write_only")
    settle(wire.loop)
    peer.reset()
    report = wire.closed(conn)
    assert (report.reason, report.phase, report.clean) == (Reason.PEER_RESET, phase, False)
    assert isinstance(report.error, ConnectionResetError | BrokenPipeError)


def test_bytes_on_their_way_are_unacked_and_bytes_never_handed_over_are_unsent(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB))
    settle(wire.loop)
    got = len(peer.receive(10_000))
    conn.reset()
    report = wire.closed(conn)
    assert report.bytes_written + report.bytes_unsent == 16 * MIB
    assert 0 < report.bytes_unacked < report.bytes_written
    assert got <= report.bytes_written - report.bytes_unacked


def test_what_a_peer_that_vanished_has_not_acknowledged_is_counted_to_the_byte(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.write(b"acknowledged")
    pump(wire.loop, all_acked(conn))
    vanish(peer)
    conn.end(b"lost")
    settle(wire.loop)
    conn.destroy()
    report = wire.closed(conn)
    assert (report.bytes_written, report.bytes_unacked, report.phase) == (16, 4, "lingering")
    assert report.clean is False


def test_an_unacknowledged_fin_does_not_count_as_a_byte(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    vanish(peer)
    conn.end()
    settle(wire.loop)
    conn.reset()
    report = wire.closed(conn)
    assert (report.bytes_written, report.bytes_unacked) == (0, 0)


def test_everything_received_is_read_and_of_these_what_was_dropped_is_discarded(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.send(b"heard")
    pump(wire.loop, lambda: conn.bytes_read == 5)
    conn.destroy_soon()
    peer.send(b"dropped")
    peer.end()
    report = wire.closed(conn)
    assert (report.bytes_read, report.bytes_discarded) == (12, 7)


def test_bytes_that_were_never_read_do_not_count_as_received(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.pause()
    peer.send(b"never read")
    settle(wire.loop)
    conn.destroy()
    assert wire.closed(conn)[4:6] == (0, 0)


def test_it_tells_when_the_connection_opened_and_how_long_it_lived(harness: Any, clock: ManualClock) -> None:
    wire = harness()
    clock.advance(7)
    _, conn = wire.connect()
    clock.advance(12.5)
    conn.destroy()
    report = wire.closed(conn)
    assert (report.opened_at, report.duration) == (1007.0, 12.5)


def test_nobody_can_tell_what_is_unacknowledged_on_a_unix_socket(loop: Reactor) -> None:
    reports: list[CloseReport] = []
    with tempfile.TemporaryDirectory() as folder:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(Path(folder) / "socket"))
        listening.listen()
        server = Server(loop, lambda conn: conn.end(b"over"))
        server.on("close", lambda conn, report: reports.append(report))
        server.listen(sock=listening)
        with Peer(str(Path(folder) / "socket")) as peer:
            settle(loop)
            assert peer.receive_all() == (b"over", "FIN")
        pump(loop, lambda: reports)
    assert facts(reports[0]) == (Reason.ENDED, "lingering", True, None)
    assert (reports[0].bytes_written, reports[0].bytes_unacked) == (4, None)


# "The reason is the first cause other than ENDED/PEER_ENDED; what cut it short later shows in error, phase and clean."


def broken_and_paused(wire: Any) -> tuple[Peer, Connection]:
    """The peer has reset, we know it, and what it sent is still to be read."""
    peer, conn = wire.connect()
    conn.pause()
    peer.send(b"held")
    peer.reset()
    pump(wire.loop, lambda: "hangup" in wire.record.names(conn))
    return peer, conn


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_a_reset_by_the_peer_comes_before_our_own_hard_end(call: str, harness: Any) -> None:
    wire = harness()
    _, conn = broken_and_paused(wire)
    getattr(conn, call)()
    report = wire.closed(conn)
    assert facts(report) == (Reason.PEER_RESET, "open", False, ConnectionResetError)
    assert wire.record.names() == ["hangup", "error", "close"]


def test_a_reset_by_the_peer_comes_before_the_deadline_of_a_call(harness: Any) -> None:
    wire = harness()
    _, conn = broken_and_paused(wire)
    conn.end(timeout=0)
    assert facts(wire.closed(conn)) == (Reason.PEER_RESET, "open", False, ConnectionResetError)


def test_a_deadline_is_the_reason_of_an_orderly_end_that_it_cut_short(harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    conn.end(timeout=0)
    assert facts(wire.closed(conn)) == (Reason.END_TIMEOUT, "lingering", False, None)


def test_a_silence_comes_before_the_reset_that_the_peer_answers_with(harness: Any, clock: ManualClock) -> None:
    wire = harness(idle_timeout=30, write_timeout=None)
    peer, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB))
    settle(wire.loop)
    for _ in range(4):
        clock.advance(20)
        settle(wire.loop)
    assert conn.state == "closing"  # being reaped, with output to drain
    peer.reset()
    report = wire.closed(conn)
    assert (report.reason, report.phase, report.clean) == (Reason.IDLE, "draining", False)
    assert isinstance(report.error, ConnectionResetError)


def test_a_hard_end_of_ours_comes_before_a_deadline_passed_meanwhile(harness: Any, clock: ManualClock) -> None:
    wire = harness(idle_timeout=30)
    _, conn = wire.connect()
    conn.end()
    settle(wire.loop)
    clock.advance(100)
    conn.reset()
    assert wire.closed(conn).reason is Reason.RESET


def test_the_server_counts_its_endings_by_reason(harness: Any) -> None:
    wire = harness()
    for way in ("end", "end", "destroy", "reset"):
        peer, conn = wire.connect()
        getattr(conn, way)()
        settle(wire.loop)
        peer.close()
        wire.closed(conn)
    peer, conn = wire.connect()
    peer.reset()
    wire.closed(conn)
    wanted = {Reason.ENDED: 2, Reason.DESTROYED: 1, Reason.RESET: 1, Reason.PEER_RESET: 1}
    assert wire.server.statistics().ended == wanted


def test_a_large_delivery_is_accounted_for_to_the_byte(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.write(bytes(3 * MIB + 1))
    conn.end(b"x")
    got = read_to_the_end(wire.loop, peer)
    peer.end()
    report = wire.closed(conn)
    assert len(got) == report.bytes_written == 3 * MIB + 2
    assert report.clean
