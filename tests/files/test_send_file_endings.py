"""Every way a connection ends while it sends a file: what was not sent is counted, and the descriptor comes back."""

from __future__ import annotations

import gc
import io
import os
import socket
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, ConnectionClosed, NeverConnected, Reactor, Reason, Server, WriteAfterEnd, connect
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.sending import LARGE, MIB, SIZE, SOURCE, Reading, answers, fill, opened, receive_all
from tests.support.wire import acks_arrived, pass_time, pass_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of SOURCE."""
    made = tmp_path / "file"
    made.write_bytes(SOURCE)
    return made


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of LARGE zeros, which takes no room on the disk."""
    made = tmp_path / "large"
    made.touch()
    os.truncate(made, LARGE)
    return made


# Our orderly ends.


@pytest.mark.parametrize("ending", ["end", "destroy_soon", "shutdown", "half-open"])
def test_an_orderly_end_sends_the_whole_file_and_then_fin(each_loop: Reactor, harness: Any, ending: str) -> None:
    wire = harness(loop=each_loop, allow_half_open=ending == "half-open")
    peer, conn = wire.connect()
    conn.send_file(io.BytesIO(SOURCE))
    if ending == "shutdown":
        wire.server.shutdown(60)
    elif ending == "half-open":
        peer.end()
        pump(each_loop, lambda: "end" in wire.record.names())
        conn.end()
    else:
        getattr(conn, ending)()
    assert receive_all(each_loop, peer) == (SOURCE, "FIN")
    peer.close()
    report = wire.closed(conn)
    assert (report.clean, report.bytes_written, report.bytes_unsent) == (True, SIZE, 0)


def test_the_end_listeners_last_word_may_be_a_file(each_loop: Reactor, harness: Any, path: Path) -> None:
    wire = harness(loop=each_loop)
    wire.server.on("end", lambda conn: conn.send_file(path))
    peer, conn = wire.connect()
    peer.end()
    assert receive_all(each_loop, peer) == (SOURCE, "FIN")
    report = wire.closed(conn)
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True)


def test_the_peers_fin_in_the_middle_lets_the_file_go_out_whole(each_loop: Reactor, harness: Any, large: Path) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.send_file(large)
    fill(each_loop, conn)
    peer.end()
    pump(each_loop, lambda: "end" in wire.record.names())
    got, outcome = receive_all(each_loop, peer)
    assert (len(got), outcome) == (LARGE, "FIN")
    report = wire.closed(conn)
    assert (report.reason, report.clean, opened(large)) == (Reason.PEER_ENDED, True, 0)


# The peer goes.


@pytest.mark.parametrize("way", ["reset", "close"])
def test_a_peer_that_goes_in_the_middle_is_an_error_with_the_rest_counted(
    each_loop: Reactor, harness: Any, large: Path, way: str
) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    log: list[Any] = []
    conn.send_file(large, callback=answers(log, "file"))
    conn.write(b"tail", answers(log, "tail"))
    fill(each_loop, conn)
    getattr(peer, way)()
    report = wire.closed(conn)
    assert (report.reason, report.clean) == (Reason.PEER_RESET, False)
    assert report.bytes_written + report.bytes_unsent == LARGE + 4
    assert [name for name, _ in log] == ["file", "tail"]
    assert log[0][1] is log[1][1] is report.error
    assert opened(large) == 0


def test_a_paused_connection_whose_peer_resets_gives_the_file_back(
    each_loop: Reactor, harness: Any, large: Path
) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.pause()
    conn.send_file(large)
    fill(each_loop, conn)
    peer.reset()
    assert wire.closed(conn).reason is Reason.PEER_RESET
    assert opened(large) == 0


def test_a_sendfile_that_fails_is_a_failed_write_and_what_had_arrived_is_delivered(
    loop: Reactor, harness: Any, path: Path
) -> None:
    wire = harness()
    peer, conn = wire.connect()

    def after_the_poll() -> None:
        peer.send(b"last words")
        peer.reset()
        conn.send_file(path)

    loop.call_later(0, after_the_poll)
    report = wire.closed(conn)
    assert (report.reason, report.bytes_unsent) == (Reason.PEER_RESET, SIZE)
    assert (report.error.syscall, report.error.strerror) == ("write", "write ECONNRESET")
    assert wire.record.names() == ["data", "error", "close"]
    assert opened(path) == 0


# Our endings that drop.


@pytest.mark.parametrize(
    "call",
    [
        "destroy", "reset", "loop.close", "shutdown(0)",
        pytest.param("a listener raises", marks=pytest.mark.expects_errors),
    ],
)  # fmt: skip
def test_a_dropped_file_is_given_back_in_the_same_turn_and_counted(
    harness: Any, loop: Reactor, large: Path, call: str
) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(large)
    conn.send_file(large, 10)
    fill(loop, conn)
    assert opened(large) == 2
    if call == "loop.close":
        loop.close()
    elif call == "shutdown(0)":
        wire.server.shutdown(0)
    elif call == "a listener raises":
        conn.on("data", lambda conn, data: 1 / 0)
        peer.send(b"x")
    else:
        getattr(conn, call)()
    pump(loop, lambda: conn.fileno() == -1)
    assert opened(large) == 0
    pump(loop, lambda: conn.report is not None)
    report = conn.report
    assert report is not None
    assert report.bytes_written + report.bytes_unsent == 2 * LARGE - 10
    assert Reading(peer).read() or peer.outcome() == "ECONNRESET"


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_the_callback_of_a_dropped_file_gets_connection_closed(harness: Any, path: Path, call: str) -> None:
    wire = harness()
    _, conn = wire.connect()
    log: list[Any] = []
    conn.send_file(path, callback=answers(log, "file"))
    getattr(conn, call)()
    assert (log, opened(path)) == ([], 0)
    report = wire.closed(conn)
    assert (type(log[0][1]), report.bytes_unsent) == (ConnectionClosed, SIZE)


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_the_timeout_of_an_ending_cuts_a_file_that_nobody_reads(
    harness: Any, clock: ManualClock, large: Path, ending: str
) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(large)
    getattr(conn, ending)(timeout=5)
    fill(wire.loop, conn)
    clock.advance(5)
    report = wire.closed(conn)
    assert (report.reason, report.phase, opened(large)) == (Reason.END_TIMEOUT, "draining", 0)
    assert report.bytes_written + report.bytes_unsent == LARGE
    assert receive_all(wire.loop, peer)[1] == "ECONNRESET"


@pytest.mark.parametrize("ending", [None, "end", "destroy_soon"])
def test_a_peer_that_stops_reading_in_the_middle_of_a_file_is_cut_by_the_write_timeout(
    harness: Any, clock: ManualClock, large: Path, ending: str | None
) -> None:
    wire = harness(write_timeout=10)
    peer, conn = wire.connect()
    conn.send_file(large)
    if ending:
        getattr(conn, ending)()
    fill(wire.loop, conn)
    pump(wire.loop, acks_arrived(conn, peer))
    fill(wire.loop, conn)
    took = pass_until(wire.loop, clock, lambda: conn.report is not None, 30)
    report = conn.report
    assert (report.reason, opened(large)) == (Reason.WRITE_TIMEOUT, 0)
    assert report.bytes_written + report.bytes_unsent == LARGE
    assert 9 <= took <= 12


def test_a_slow_reader_of_a_file_is_not_cut_while_it_reads(harness: Any, clock: ManualClock, large: Path) -> None:
    wire = harness(write_timeout=10, idle_timeout=10)
    peer, conn = wire.connect()
    conn.send_file(large)
    fill(wire.loop, conn)
    reading = Reading(peer)
    for _ in range(20):
        before = len(reading.got)
        reading.read(64 * 1024)
        pump(wire.loop, lambda: reading.read(0) or len(reading.got) > before)  # noqa: B023 - called at once
        pass_time(wire.loop, clock, 5)
    assert (conn.state, conn.report) == ("open", None)
    assert conn.pending_bytes


# After an end.


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("end", WriteAfterEnd),
        ("destroy_soon", WriteAfterEnd),
        ("destroy", ConnectionClosed),
        ("reset", ConnectionClosed),
    ],
)
def test_after_the_programs_own_end_it_raises(harness: Any, path: Path, call: str, error: type[Exception]) -> None:
    wire = harness()
    _, conn = wire.connect()
    getattr(conn, call)()
    with pytest.raises(error) as raised:
        conn.send_file(path)
    assert type(raised.value) is error
    with pytest.raises(error):
        conn.send_file(path, count=0)
    assert opened(path) == 0


def test_after_the_close_it_raises_where_the_program_had_ended_it(harness: Any, path: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end()
    peer.close()
    wire.closed(conn)
    with pytest.raises(WriteAfterEnd):
        conn.send_file(path)


def fail_a_write(peer: Peer, conn: Connection, clock: ManualClock) -> None:
    peer.reset()
    conn.write(b"x")


REFUSING: dict[str, Callable[[Peer, Connection, ManualClock], object]] = {
    "a failed write": fail_a_write,
    "our own end at the peer's FIN": lambda peer, conn, clock: peer.end(),
    "shutdown": lambda peer, conn, clock: conn.server and conn.server.shutdown(60),
    "a deadline": lambda peer, conn, clock: clock.advance(6),
}


@pytest.mark.parametrize("how", REFUSING)
def test_after_any_other_end_it_returns_false_and_counts(
    harness: Any, clock: ManualClock, path: Path, how: str
) -> None:
    wire = harness(idle_timeout=5)
    peer, conn = wire.connect()
    log: list[Any] = []

    def send(*_: object) -> None:
        log.append(conn.send_file(path, 5, callback=answers(log, "file")))
        log.append(opened(path))

    conn.once("finish", send)
    settle(wire.loop)
    REFUSING[how](peer, conn, clock)
    if how == "a failed write":  # there will be no `finish`
        send()
    elif how == "a deadline":  # nothing was pending: destroyed, and no `finish` either
        pump(wire.loop, lambda: conn.state == "closed")
        send()
    pump(wire.loop, lambda: log)
    peer.close()
    report = wire.closed(conn)
    assert report.bytes_unsent == SIZE - 5 + (how == "a failed write")
    assert log[:2] == [False, 0]
    assert [type(error) for _, error in log[2:]] == [type(report.error or ConnectionClosed())]


def test_a_callback_given_after_close_still_comes(harness: Any, path: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.close()
    wire.closed(conn)
    log: list[Any] = []
    assert conn.send_file(path, callback=answers(log, "file")) is False
    assert log == []
    pump(wire.loop, lambda: log)
    assert (type(log[0][1]), opened(path)) == (ConnectionClosed, 0)


# Clients that never connect.


CANCELS: dict[str, Callable[[Any], object]] = {
    "destroy": lambda conn: conn.destroy(),
    "reset": lambda conn: conn.reset(),
    "refused": lambda conn: None,
}


@pytest.mark.parametrize("how", CANCELS)
def test_a_client_that_never_connects_gives_the_file_back(loop: Reactor, path: Path, how: str) -> None:
    log: list[Any] = []
    with socket.socket() as deaf:  # has the port, and does not listen
        deaf.bind(("127.0.0.1", 0))
        conn = connect(loop, *deaf.getsockname())
        conn.send_file(path, callback=answers(log, "file"))
        assert opened(path) == 1
        CANCELS[how](conn)
        assert opened(path) == (how == "refused")
        pump(loop, lambda: conn.report is not None)
    assert conn.report is not None
    assert (conn.report.bytes_unsent, conn.report.bytes_written, opened(path)) == (SIZE, 0, 0)
    assert type(log[0][1]) is NeverConnected


# What is left behind.


def test_a_connection_that_has_sent_a_file_is_garbage_without_a_collection(loop: Reactor, path: Path) -> None:
    server = Server(loop, lambda conn: conn.send_file(path, callback=lambda conn, error: conn.end()))
    address: Any = server.listen("127.0.0.1", 0)
    gc.collect()
    gc.disable()
    try:
        with Peer(address) as peer:
            pump(loop, lambda: server.connections)
            alive = weakref.ref(next(iter(server.connections)))
            receive_all(loop, peer)
        pump(loop, lambda: not server.connections)
        loop.run_once(0)
        assert alive() is None
    finally:
        gc.enable()


def test_an_object_is_let_go_when_it_is_sent_and_stays_open(harness: Any) -> None:
    class Held(io.BytesIO):
        pass

    wire = harness()
    peer, conn = wire.connect()
    file = Held(SOURCE)
    alive = weakref.ref(file)
    conn.send_file(file)
    reading = Reading(peer)
    pump(wire.loop, lambda: reading.read(MIB) or not conn.pending_bytes)
    assert not file.closed
    gc.disable()
    try:
        del file
        assert alive() is None
    finally:
        gc.enable()
