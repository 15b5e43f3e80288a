"""`destroy_soon()`: "Deliver what I wrote; I no longer listen." Everything pending, FIN, then a lingering close."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, WriteAfterEnd
from reactor.testing import ManualClock, Peer, pump, settle

KIB = 1024
MIB = 1024 * 1024


class SlowReader:
    """Reads a piece whenever it is asked to, never waiting; and remembers how the stream ended."""

    def __init__(self, peer: Peer, piece: int = 64 * KIB) -> None:
        self._sock = peer.sock
        self._piece = piece
        self._sock.setblocking(False)
        self.got = bytearray()
        self.outcome = ""

    def read(self) -> bool:
        """Read one piece; has the stream ended?"""
        try:
            piece = self._sock.recv(self._piece)
        except BlockingIOError:
            return False
        except OSError as error:
            self.outcome = type(error).__name__
            return True
        self.got += piece
        self.outcome = "" if piece else "FIN"
        return not piece


def test_every_byte_reaches_a_slow_reader_and_then_fin_though_its_own_bytes_were_never_read(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect(receive_buffer=64 * KIB)
    conn.pause()
    peer.send(b"x" * 30_000)
    settle(wire.loop)
    data = bytes(range(256)) * (32 * KIB)
    conn.write(data)
    conn.destroy_soon()
    peer.send(b"y" * 30_000)
    reader = SlowReader(peer)
    pump(wire.loop, reader.read, seconds=20)
    assert reader.outcome == "FIN"
    assert reader.got == data
    peer.send(b"z" * 30_000)  # met by an open socket: an RST could still overtake nothing, but would be seen here
    peer.end()
    report = wire.closed(conn)
    assert (report.clean, report.reason, report.phase) == (True, Reason.ENDED, "lingering")
    assert (report.bytes_written, report.bytes_unsent, report.bytes_unacked) == (8 * MIB, 0, 0)
    assert (report.bytes_read, report.bytes_discarded) == (90_000, 90_000)
    assert "data" not in wire.record.names()


def test_what_comes_in_after_the_call_is_read_counted_and_dropped(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.send(b"heard")
    pump(wire.loop, lambda: wire.record.data() == b"heard")
    conn.destroy_soon()
    peer.send(b"not heard")
    pump(wire.loop, lambda: conn.bytes_read == 14)
    peer.end()
    report = wire.closed(conn)
    assert (wire.record.data(), report.bytes_discarded, report.clean) == (b"heard", 9, True)


def test_nothing_more_is_delivered_once_a_data_listener_has_called_it(harness: Any) -> None:
    wire = harness()
    wire.server.on("data", lambda conn, data: conn.destroy_soon())
    peer, conn = wire.connect()
    peer.send(b"first")
    pump(wire.loop, lambda: conn.state == "closing")
    peer.send(b"second")
    peer.end()
    assert wire.closed(conn).bytes_discarded == 6
    assert wire.record.data() == b"first"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_pause_does_not_stop_the_discarding(when: str, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    if when == "before":
        conn.pause()
        settle(each_loop)
    conn.destroy_soon()
    if when == "after":
        conn.pause()
    peer.send(b"dropped")
    peer.end()
    report = wire.closed(conn)
    assert (report.bytes_discarded, report.clean) == (7, True)


def test_with_nothing_pending_fin_goes_out_at_once_and_the_peers_fin_is_awaited(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.destroy_soon()
    assert conn.state == "closing"
    settle(wire.loop)
    assert peer.receive_all() == (b"", "FIN")
    settle(wire.loop, 50)
    assert (conn.state, conn.fileno() >= 0, wire.record.names()) == ("closing", True, ["finish"])
    peer.end()
    assert wire.closed(conn).clean
    assert wire.record.names() == ["finish", "end", "close"]


def test_a_peer_that_never_ends_is_reset_at_the_linger_deadline_however_much_it_sends(
    harness: Any, clock: ManualClock
) -> None:
    wire = harness(linger_timeout=30)
    peer, conn = wire.connect()
    conn.write(b"bye")
    conn.destroy_soon()
    settle(wire.loop)
    assert peer.receive_all() == (b"bye", "FIN")
    for _ in range(2):
        clock.advance(14)
        before = conn.bytes_read
        peer.send(b"more")
        pump(wire.loop, lambda before=before: conn.bytes_read > before)
    assert conn.report is None
    clock.advance(2)
    report = wire.closed(conn)
    assert (report.reason, report.phase, report.clean) == (Reason.LINGER_TIMEOUT, "lingering", False)
    assert (report.bytes_discarded, report.bytes_unacked) == (8, 0)


def test_its_timeout_bounds_the_whole_ending(harness: Any, clock: ManualClock) -> None:
    wire = harness()
    peer, conn = wire.connect(receive_buffer=64 * KIB)
    conn.write(bytes(16 * MIB))
    conn.destroy_soon(timeout=2.5)
    clock.advance(2.4)
    settle(wire.loop)
    assert conn.report is None
    clock.advance(0.1)
    report = wire.closed(conn)
    assert (report.reason, report.phase) == (Reason.END_TIMEOUT, "draining")
    assert peer.outcome() == "ECONNRESET"


def test_it_overrides_an_end_under_way(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end(b"over")
    settle(wire.loop)
    peer.send(b"heard")
    pump(wire.loop, lambda: wire.record.data() == b"heard")
    conn.destroy_soon()
    assert conn.state == "closing"
    peer.send(b"dropped")
    peer.end()
    report = wire.closed(conn)
    assert (wire.record.data(), report.bytes_discarded, report.clean) == (b"heard", 7, True)


@pytest.mark.parametrize("again", ["end", "destroy_soon"])
def test_end_or_destroy_soon_after_it_changes_nothing(again: str, harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.write(b"bye")
    conn.destroy_soon()
    getattr(conn, again)()
    assert conn.state == "closing"
    settle(wire.loop)
    getattr(conn, again)()
    peer.send(b"dropped")
    peer.end()
    assert wire.closed(conn).bytes_discarded == 7
    assert peer.receive_all() == (b"bye", "FIN")
    assert wire.record.names() == ["finish", "end", "close"]


def test_writing_after_it_raises(harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    conn.destroy_soon()
    for write in (lambda: conn.write(b"x"), lambda: conn.writelines([b"x"]), lambda: conn.end(b"x")):
        with pytest.raises(WriteAfterEnd, match=r"destroy_soon\(\)"):
            write()


def test_after_the_peers_fin_it_drains_and_closes(harness: Any) -> None:
    wire = harness(allow_half_open=True)
    peer, conn = wire.connect()
    peer.end()
    pump(wire.loop, lambda: conn.state == "write_only")
    conn.write(b"last word")
    conn.destroy_soon()
    assert conn.state == "closing"
    assert wire.closed(conn).reason is Reason.PEER_ENDED
    assert peer.receive_all() == (b"last word", "FIN")
    assert wire.record.names() == ["end", "finish", "close"]


def test_a_peer_that_resets_while_we_drain_is_reported_with_what_is_lost(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect(receive_buffer=64 * KIB)
    conn.write(bytes(16 * MIB))
    conn.destroy_soon()
    settle(each_loop)
    peer.reset()
    report = wire.closed(conn)
    assert (report.reason, report.phase, report.clean) == (Reason.PEER_RESET, "draining", False)
    assert isinstance(report.error, ConnectionResetError | BrokenPipeError)
    assert report.bytes_unsent > 0
    assert report.bytes_written + report.bytes_unsent == 16 * MIB
    assert wire.record.names() == ["error", "close"]


# "The socket is kept until everything is acknowledged": both FINs have passed, but the peer has not taken it all.


def both_ended_but_unread(wire: Any) -> tuple[Peer, Connection]:
    """The kernel has taken everything, the peer has sent its FIN, and its window is closed."""
    peer, conn = wire.connect(receive_buffer=16 * KIB)
    conn.write(bytes(400_000))
    conn.destroy_soon()
    peer.end()
    pump(wire.loop, lambda: wire.record.names() == ["finish", "end"] or wire.record.names() == ["end", "finish"])
    settle(wire.loop, 50)
    assert (conn.pending_bytes, conn.report, conn.state) == (0, None, "closing")
    return peer, conn


def test_the_close_waits_until_the_peers_kernel_has_acknowledged_everything(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = both_ended_but_unread(wire)
    assert conn.fileno() >= 0
    reader = SlowReader(peer)
    pump(each_loop, reader.read)
    assert (len(reader.got), reader.outcome) == (400_000, "FIN")
    report = wire.closed(conn)
    assert (report.clean, report.bytes_unacked, report.phase) == (True, 0, "lingering")


def test_a_reset_before_the_last_acknowledgement_is_no_clean_end(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = both_ended_but_unread(wire)
    peer.reset()
    report = wire.closed(conn)
    assert (report.clean, report.reason, report.phase) == (False, Reason.PEER_RESET, "lingering")
    assert (report.bytes_written, report.bytes_unsent) == (400_000, 0)
    assert 0 < report.bytes_unacked < 400_000
    assert wire.record.names()[-2:] == ["error", "close"]


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_a_hard_end_before_the_last_acknowledgement_is_no_clean_end_either(call: str, harness: Any) -> None:
    wire = harness()
    _, conn = both_ended_but_unread(wire)
    getattr(conn, call)()
    report = wire.closed(conn)
    assert (report.clean, report.phase) == (False, "lingering")
    assert 0 < report.bytes_unacked < 400_000
