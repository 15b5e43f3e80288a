"""Every way a connection ends while it sends a file: what was not sent is counted, and the descriptor comes back."""

from __future__ import annotations

import gc
import io
import socket
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, ConnectionClosed, NeverConnected, Reactor, Reason, WriteAfterEnd, connect
from reactor.testing import Peer, pump
from tests.support.garbage import left_behind
from tests.support.scene import MIB, Scene, Scenes
from tests.support.sending import LARGE, SIZE, SOURCE, Log, fill, opened, receive_all
from tests.support.wire import acks_arrived

# Our orderly ends.


@pytest.mark.parametrize("ending", ["end", "destroy_soon", "shutdown", "half-open"])
def test_an_orderly_end_sends_the_whole_file_and_then_fin(each_scene: Scenes, ending: str) -> None:
    one = each_scene(allow_half_open=ending == "half-open")
    one.conn.send_file(io.BytesIO(SOURCE))
    if ending == "shutdown":
        one.server.shutdown(60)
    elif ending == "half-open":
        one.peer_ends()
        one.conn.end()
    else:
        getattr(one.conn, ending)()
    assert receive_all(one) == (SOURCE, "FIN")
    one.peer.close()
    report = one.closed()
    assert (report.clean, report.bytes_written, report.bytes_unsent) == (True, SIZE, 0)


@pytest.mark.parametrize("when", ["before it", "in its listener"])
def test_the_peers_fin_lets_the_file_go_out_whole(each_scene: Scenes, large: Path, when: str) -> None:
    one = each_scene()
    if when == "before it":
        one.conn.send_file(large)
        fill(one)
    else:  # as a last word
        one.conn.on("end", lambda conn: conn.send_file(large))
    one.peer_ends()
    got, outcome = receive_all(one)
    assert (len(got), outcome) == (LARGE, "FIN")
    report = one.closed()
    assert (report.reason, report.clean, opened(large)) == (Reason.PEER_ENDED, True, 0)


# The peer goes.


@pytest.mark.parametrize("way", ["reset", "close"])
@pytest.mark.parametrize("paused", [False, True])
def test_a_peer_that_goes_in_the_middle_is_an_error_with_the_rest_counted(
    each_scene: Scenes, large: Path, paused: bool, way: str
) -> None:
    one, log = each_scene(), Log()
    if paused:
        one.conn.pause()
    one.conn.send_file(large, callback=log.of("file"))
    one.conn.write(b"tail", log.of("tail"))
    fill(one)
    getattr(one.peer, way)()
    report = one.closed()
    assert (report.reason, report.clean) == (Reason.PEER_RESET, False)
    assert report.bytes_written + report.bytes_unsent == LARGE + 4
    assert log == [("file", report.error), ("tail", report.error)]
    assert opened(large) == 0


def test_a_sendfile_that_fails_is_a_failed_write_and_what_had_arrived_is_delivered(scene: Scenes, path: Path) -> None:
    one = scene()

    def after_the_poll() -> None:
        one.peer.send(b"last words")
        one.peer.reset()
        one.conn.send_file(path)

    one.loop.call_later(0, after_the_poll)
    report = one.closed()
    assert (report.reason, report.bytes_unsent) == (Reason.PEER_RESET, SIZE)
    assert (report.error.syscall, report.error.strerror) == ("write", "write ECONNRESET")
    assert one.names() == ["data", "error", "close"]
    assert opened(path) == 0


# Our endings that drop.


def raise_in_a_listener(one: Scene) -> None:
    one.conn.on("data", lambda conn, data: 1 / 0)
    one.peer.send(b"x")


@pytest.mark.parametrize(
    ("drop", "outcome"),
    [
        (lambda one: one.conn.destroy(), "FIN"),
        (lambda one: one.conn.reset(), "ECONNRESET"),
        (lambda one: one.loop.close(), "ECONNRESET"),
        (lambda one: one.server.shutdown(0), "ECONNRESET"),
        pytest.param(raise_in_a_listener, "ECONNRESET", marks=pytest.mark.expects_errors),
    ],
    ids=["destroy", "reset", "loop.close", "shutdown(0)", "a listener raises"],
)
def test_a_dropped_file_is_given_back_in_the_same_turn_and_counted(
    scene: Scenes, large: Path, drop: Callable[[Scene], object], outcome: str
) -> None:
    one, log = scene(), Log()
    one.conn.send_file(large, callback=log.of("first"))
    one.conn.send_file(large, 10, callback=log.of("second"))
    fill(one)
    assert (opened(large), log) == (2, [])
    drop(one)
    one.until(lambda: one.conn.fileno() == -1)
    assert opened(large) == 0
    report = one.closed()
    assert report.bytes_written + report.bytes_unsent == 2 * LARGE - 10
    assert log.kinds() == [("first", ConnectionClosed), ("second", ConnectionClosed)]
    assert one.peer.outcome() == outcome


@pytest.mark.parametrize("ending", [None, "end", "destroy_soon"])
@pytest.mark.parametrize("timeout", [None, 5])
def test_a_file_that_nobody_reads_on_is_cut_by_the_timeout_of_its_ending_or_by_the_write_timeout(
    scene: Scenes, large: Path, timeout: float | None, ending: str | None
) -> None:
    one = scene(write_timeout=10)
    one.conn.send_file(large)
    if ending:
        getattr(one.conn, ending)(timeout=timeout)
    fill(one)
    one.until(acks_arrived(one.conn, one.peer))
    fill(one)
    took = one.pass_until(lambda: one.conn.report is not None, 30)
    report = one.closed()
    by_ending = ending is not None and timeout is not None
    assert (report.reason, opened(large)) == (Reason.END_TIMEOUT if by_ending else Reason.WRITE_TIMEOUT, 0)
    assert report.phase == ("draining" if ending else "open")
    assert report.bytes_written + report.bytes_unsent == LARGE
    assert 5 <= took <= 6 if by_ending else 9 <= took <= 12
    assert receive_all(one)[1] == "ECONNRESET"


def test_a_slow_reader_of_a_file_is_not_cut_while_it_reads(scene: Scenes, large: Path) -> None:
    one = scene(write_timeout=10, idle_timeout=10, receive_buffer=256 * 1024)  # which does not grow while it reads
    one.conn.send_file(large)
    fill(one)
    for _ in range(20):
        one.peer_reads_a_little(64 * 1024)
        one.pass_time(5)
    assert (one.conn.state, one.conn.report) == ("open", None)
    assert one.conn.pending_bytes


# After an end.


@pytest.mark.parametrize("closed", [False, True], ids=["at once", "after the close"])
@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("end", WriteAfterEnd),
        ("destroy_soon", WriteAfterEnd),
        ("destroy", ConnectionClosed),
        ("reset", ConnectionClosed),
    ],
)
def test_after_the_programs_own_end_it_raises(
    scene: Scenes, path: Path, call: str, error: type[Exception], closed: bool
) -> None:
    one = scene()
    getattr(one.conn, call)()
    if closed:
        one.peer.close()
        one.closed()
    for count in (None, 0):
        with pytest.raises(error) as raised:
            one.conn.send_file(path, count=count)
        assert type(raised.value) is error
    assert opened(path) == 0


REFUSING: dict[str, Callable[[Scene], object]] = {
    "a failed write": lambda one: (one.peer.reset(), one.conn.write(b"x")),
    "our own end at the peer's FIN": lambda one: one.peer.end(),
    "shutdown": lambda one: one.server.shutdown(60),
    "a deadline": lambda one: one.clock.advance(6),
    "the close": lambda one: (one.peer.close(), one.closed()),
}


@pytest.mark.parametrize("how", REFUSING)
def test_after_any_other_end_it_returns_false_and_answers(scene: Scenes, path: Path, how: str) -> None:
    one, log = scene(idle_timeout=5), Log()
    answered: list[bool] = []

    def send(*_: object) -> None:
        answered.append(one.conn.send_file(path, 5, callback=log.of("file")))
        assert (log, opened(path)) == ([], 0)

    if how != "the close":
        one.conn.once("finish", send)
    one.turns()
    REFUSING[how](one)
    if how == "a deadline":  # nothing was pending: destroyed, and there is no `finish`
        one.until(lambda: one.conn.state == "closed")
    if how in ("a failed write", "a deadline", "the close"):
        send()
    one.until(lambda: log)
    one.peer.close()
    report = one.closed()
    assert answered == [False]
    assert log.kinds() == [("file", type(report.error or ConnectionClosed()))]
    if how != "the close":
        assert report.bytes_unsent == SIZE - 5 + (how == "a failed write")


@pytest.mark.parametrize("how", ["destroy", "reset", "refused"])
def test_a_client_that_never_connects_gives_the_file_back(loop: Reactor, path: Path, how: str) -> None:
    log = Log()
    with socket.socket() as deaf:  # has the port, and does not listen
        deaf.bind(("127.0.0.1", 0))
        conn: Any = connect(loop, *deaf.getsockname())
        conn.send_file(path, callback=log.of("file"))
        assert opened(path) == 1
        if how != "refused":
            getattr(conn, how)()
        assert opened(path) == (how == "refused")
        pump(loop, lambda: conn.report is not None)
    assert (conn.report.bytes_unsent, conn.report.bytes_written, opened(path)) == (SIZE, 0, 0)
    assert log.kinds() == [("file", NeverConnected)]


# What is left behind.


def test_a_connection_that_has_sent_a_file_is_garbage_without_a_collection(loop: Reactor, path: Path) -> None:
    def greet(conn: Connection) -> None:
        conn.send_file(path, callback=lambda conn, error: conn.end())

    def read(peer: Peer) -> None:
        pump(loop, peer.nonblocking().read)
        peer.close()

    assert left_behind(loop, greet, read) is None


def test_an_object_is_let_go_when_it_is_sent_and_stays_open(scene: Scenes) -> None:
    class Held(io.BytesIO):
        pass

    one = scene()
    file = Held(SOURCE)
    alive = weakref.ref(file)
    one.conn.send_file(file)
    reading = one.peer.nonblocking()
    one.until(lambda: reading.read(MIB) or not one.conn.pending_bytes)
    assert not file.closed
    gc.disable()
    try:
        del file
        assert alive() is None
    finally:
        gc.enable()
