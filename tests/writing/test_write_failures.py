"""When the write side dies first: what had arrived is still delivered, then `error`, then `close`."""

from __future__ import annotations

import array
import errno
import fcntl
import logging
import termios
from typing import Any

import pytest

from reactor import Connection, ConnectionClosed, Reactor, Reason
from reactor.testing import Peer, pump, settle

MIB = 1024 * 1024


def gone(wire: Any, kind: str, sent: bytes = b"last words") -> tuple[Peer, Connection]:
    """A peer that said `sent` and then reset, unread so far: our next write fails with `kind`.

    After a FIN the kernel reports an RST as EPIPE instead of ECONNRESET (tcp_reset in net/ipv4/tcp_input.c).
    """
    peer, conn = wire.connect()
    if sent:
        peer.send(sent)
    if kind == "EPIPE":
        peer.end()
    peer.reset()
    return peer, conn


@pytest.mark.parametrize("kind", ["ECONNRESET", "EPIPE"])
def test_what_had_arrived_is_delivered_then_error_then_close(kind: str, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    _, conn = gone(wire, kind)
    assert conn.write(b"x") is False
    report = wire.closed(conn)
    assert wire.record.data() == b"last words"
    assert wire.record.names() == ["data", "error", "close"]
    assert (report.reason, report.clean, report.bytes_read) == (Reason.PEER_RESET, False, 10)
    assert report.error.errno == getattr(errno, kind)
    assert wire.record.events[conn][-2] == ("error", report.error)


@pytest.mark.parametrize("kind", ["ECONNRESET", "EPIPE"])
def test_the_end_of_the_stream_after_a_failed_write_is_no_fin(kind: str, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, allow_half_open=True)
    _, conn = gone(wire, kind, b"")
    conn.write(b"x")
    report = wire.closed(conn)
    assert wire.record.names() == ["error", "close"]
    assert (report.reason, report.clean, report.phase) == (Reason.PEER_RESET, False, "open")


@pytest.mark.parametrize("kind", ["ECONNRESET", "EPIPE"])
def test_the_error_names_the_system_call_and_the_code(kind: str, harness: Any) -> None:
    wire = harness()
    _, conn = gone(wire, kind)
    conn.write(b"x")
    error = wire.closed(conn).error
    assert type(error) is {"ECONNRESET": ConnectionResetError, "EPIPE": BrokenPipeError}[kind]
    assert (error.strerror, error.syscall) == (f"write {kind}", "write")


def test_what_could_not_be_written_counts_as_unsent(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB))
    settle(wire.loop)
    peer.reset()
    report = wire.closed(conn)
    assert report.bytes_unsent > 0
    assert report.bytes_written + report.bytes_unsent == 16 * MIB
    assert report.bytes_unacked > 0


def test_later_writes_return_false_and_count_as_unsent_and_neither_raise_nor_log(
    harness: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wire = harness()
    _, conn = gone(wire, "ECONNRESET")
    conn.write(b"lost")
    answers = [conn.write(b"1234") for _ in range(100)]
    pump(wire.loop, lambda: conn.state == "closed")
    answers += [conn.writelines([b"12", b"34"]) for _ in range(100)]
    report = wire.closed(conn)
    answers += [conn.write(b"1234") for _ in range(100)]
    assert answers == [False] * 300
    assert (report.bytes_written, report.bytes_unsent) == (0, 4 + 4 * 200)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_a_listener_that_answers_the_last_words_is_refused_quietly(harness: Any) -> None:
    wire = harness()
    answers = []
    wire.server.on("data", lambda conn, data: answers.append(conn.write(data)))
    _, conn = gone(wire, "EPIPE")
    conn.write(b"x")
    report = wire.closed(conn)
    assert (answers, report.bytes_unsent) == ([False], 11)


def test_everything_that_had_arrived_is_delivered_however_much(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.pause()
    peer.send_some(bytes(MIB))
    arrived = array.array("i", [0])
    fcntl.ioctl(conn.fileno(), termios.FIONREAD, arrived, True)
    peer.reset()
    conn.write(b"x")
    pump(each_loop, lambda: "hangup" in wire.record.names())
    conn.resume()
    wire.closed(conn)
    assert len(wire.record.data()) == arrived[0] > 65_536


def test_nothing_is_told_from_inside_the_write_that_failed(harness: Any) -> None:
    wire = harness()
    _, conn = gone(wire, "ECONNRESET", b"")
    conn.write(b"x")
    assert (wire.record.names(), conn.report) == ([], None)
    wire.closed(conn)


def test_the_state_after_a_failed_write_is_not_open(harness: Any) -> None:
    wire = harness()
    _, conn = gone(wire, "ECONNRESET")
    conn.write(b"x")
    assert (conn.state, conn.peer_gone) == ("read_only", True)
    wire.closed(conn)
    assert conn.state == "closed"


def broken_by_shutdown(wire: Any, sent: bytes) -> Connection:
    """A connection whose FIN fails: the RST arrives between the poll and the end of the turn in which it ends."""
    trigger, other = wire.connect()
    peer, conn = wire.connect()
    conn.pause()
    if sent:
        peer.send(sent)
    settle(wire.loop)

    def end_when_it_is_too_late(_: Connection, data: bytes) -> None:
        peer.reset()
        conn.end()

    other.on("data", end_when_it_is_too_late)
    trigger.send(b"now")
    pump(wire.loop, lambda: conn.state == "read_only" or conn.report is not None)
    conn.resume()
    return conn


def test_a_fin_that_cannot_be_sent_is_a_failed_write(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    conn = broken_by_shutdown(wire, b"last words")
    report = wire.closed(conn)
    assert wire.record.data(conn) == b"last words"
    names = [name for name in wire.record.names(conn) if name != "hangup"]
    assert names == ["data", "error", "close"]
    assert (report.reason, report.clean) == (Reason.PEER_RESET, False)
    assert report.error.strerror in ("shutdown ENOTCONN", "read ECONNRESET")


@pytest.mark.parametrize("kind", ["ECONNRESET", "EPIPE"])
def test_end_after_a_failed_write_sends_nothing_and_hears_the_rest(kind: str, harness: Any) -> None:
    wire = harness()
    _, conn = gone(wire, kind)
    conn.write(b"lost")
    conn.end()
    report = wire.closed(conn)
    assert wire.record.names() == ["data", "error", "close"]
    assert (wire.record.data(), report.reason) == (b"last words", Reason.PEER_RESET)


def test_destroy_soon_after_a_failed_write_discards_the_rest(harness: Any) -> None:
    wire = harness()
    _, conn = gone(wire, "ECONNRESET")
    conn.write(b"lost")
    conn.destroy_soon()
    assert conn.state == "closing"
    report = wire.closed(conn)
    assert wire.record.names() == ["error", "close"]
    assert (report.bytes_discarded, report.reason, report.phase) == (10, Reason.PEER_RESET, "open")


def test_a_reset_that_arrives_while_nobody_writes_delivers_what_came_before_it(
    each_loop: Reactor, harness: Any
) -> None:
    wire = harness(loop=each_loop)
    _, conn = gone(wire, "ECONNRESET")
    report = wire.closed(conn)
    assert wire.record.names() == ["data", "error", "close"]
    assert (wire.record.data(), report.reason) == (b"last words", Reason.PEER_RESET)
    assert (report.error.errno, report.error.syscall) == (errno.ECONNRESET, "read")


def test_a_reset_after_our_fin_is_an_error_and_no_clean_end(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.end(b"over")
    settle(each_loop)
    peer.receive_all()
    peer.reset()
    report = wire.closed(conn)
    assert wire.record.names() == ["finish", "error", "close"]
    assert (report.reason, report.phase, report.clean) == (Reason.PEER_RESET, "lingering", False)
    assert (report.bytes_written, report.bytes_unsent, report.bytes_unacked) == (4, 0, 0)


def test_a_reset_after_the_peers_fin_and_before_ours_was_sent_loses_our_answer_and_says_so(
    each_loop: Reactor, harness: Any
) -> None:
    wire = harness(loop=each_loop, allow_half_open=True)
    peer, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB))
    peer.end()
    pump(each_loop, lambda: conn.state == "write_only")
    peer.reset()
    report = wire.closed(conn)
    assert wire.record.names() == ["end", "error", "close"]
    assert (report.reason, report.phase, report.clean) == (Reason.PEER_RESET, "half_open", False)
    assert report.bytes_written + report.bytes_unsent == 16 * MIB


@pytest.mark.parametrize("ending", ["the peer's FIN", "the peer's RST", "shutdown"])
def test_a_write_of_nothing_to_a_connection_that_is_over_is_false_too(ending: str, harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    {"the peer's FIN": peer.end, "the peer's RST": peer.reset, "shutdown": lambda: wire.server.shutdown(0)}[ending]()
    wire.closed(conn)
    assert (conn.write(b"x"), conn.write(b"")) == (False, False)


@pytest.mark.parametrize("call", ["end", "destroy_soon", "destroy", "reset"])
def test_a_write_after_the_programs_own_end_raises_also_where_the_network_was_first(call: str, harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.reset()
    wire.closed(conn)
    assert conn.write(b"a race that no caller can avoid") is False
    getattr(conn, call)()
    with pytest.raises(ConnectionClosed):
        conn.write(b"a bug in the caller")
