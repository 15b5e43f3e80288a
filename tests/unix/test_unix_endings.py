"""Connections over a Unix socket end as those over TCP do, but for what such a socket has not: no RST, and no
acknowledgements, since what was written is in the peer's queue already (closing.md, fact 4).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reactor import Reactor, Reason
from reactor.testing import ManualClock, pump, settle
from tests.support.refusing import ANSWER, MIB, UPLOAD, refused
from tests.support.wire import pass_until

RUNS = 20


@pytest.fixture
def unix(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`unix(**settings)` is a harness whose peers come by path."""

    def make(**settings: Any) -> Any:
        made = harness(**settings)
        made.address = made.server.listen(path=tmp_path_factory.mktemp("u") / "s")
        return made

    return make


# The four ways to end.


def test_end_delivers_everything_and_then_listens(each_loop: Reactor, unix: Any) -> None:
    h = unix(loop=each_loop)
    peer, conn = h.connect()
    conn.end(ANSWER)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(peer.receive_all)
        pump(each_loop, answer.done)
    assert answer.result() == (ANSWER, "FIN")
    peer.send(b"one more word")
    peer.end()
    report = h.closed(conn)
    assert h.record.names() == ["finish", "data", "end", "close"]
    assert h.record.data() == b"one more word"
    assert (report.reason, report.phase, report.clean) == (Reason.ENDED, "lingering", True)
    assert (report.bytes_written, report.bytes_unsent) == (MIB, 0)


def test_the_peers_end_is_answered(each_loop: Reactor, unix: Any) -> None:
    h = unix(loop=each_loop)
    peer, conn = h.connect()
    peer.send(b"hello")
    peer.end()
    report = h.closed(conn)
    assert peer.outcome() == "FIN"
    assert h.record.names() == ["data", "end", "finish", "close"]
    assert (report.reason, report.clean, report.bytes_read) == (Reason.PEER_ENDED, True, 5)


def test_destroy_soon_delivers_and_drops_what_comes(each_loop: Reactor, unix: Any) -> None:
    h = unix(loop=each_loop)
    peer, conn = h.connect()
    conn.write(b"good-bye")
    conn.destroy_soon()
    pump(each_loop, lambda: "finish" in h.record.names())
    peer.send(b"unheard")
    assert peer.receive_all() == (b"good-bye", "FIN")
    peer.end()
    report = h.closed(conn)
    assert (report.reason, report.clean, report.bytes_discarded) == (Reason.ENDED, True, 7)
    assert "data" not in h.record.names()


@pytest.mark.parametrize(("call", "reason"), [("destroy", Reason.DESTROYED), ("reset", Reason.RESET)])
def test_destroy_and_reset_are_a_plain_close(each_loop: Reactor, unix: Any, call: str, reason: Reason) -> None:
    h = unix(loop=each_loop)
    peer, conn = h.connect()
    getattr(conn, call)()
    report = h.closed(conn)
    assert peer.outcome() == "FIN"
    assert (report.reason, report.clean, report.error) == (reason, False, None)


def test_a_reset_drops_what_is_pending_and_counts_it(loop: Reactor, unix: Any) -> None:
    h = unix()
    peer, conn = h.connect()
    conn.write(UPLOAD)
    conn.reset()
    report = h.closed(conn)
    assert report.bytes_written + report.bytes_unsent == 8 * MIB
    assert report.bytes_unsent > 0
    got, outcome = peer.receive_all()  # what the kernel had taken is in the peer's queue, and stays there
    assert (len(got), outcome) == (report.bytes_written, "FIN")


def test_callbacks_tell_what_the_kernel_has_taken(loop: Reactor, unix: Any) -> None:
    h = unix()
    peer, conn = h.connect()
    told: list[Any] = []
    conn.write(b"hello", lambda conn, error: told.append(("write", error)))
    conn.end(callback=lambda conn, error: told.append(("end", error)))
    peer.end()
    h.closed(conn)
    assert told == [("write", None), ("end", None)]


# The early refusal.


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_an_early_refusal_arrives_whole(ending: str, unix: Any) -> None:
    h = unix(data=False)
    assert refused(h, ending, RUNS) == [(True, "FIN")] * RUNS
    reports = [conn.report for conn in h.record.connections]
    assert {(report.reason, report.clean, report.bytes_read) for report in reports} == {(Reason.ENDED, True, 8 * MIB)}


# What the report says.


@pytest.mark.parametrize("call", ["end", "destroy_soon", "destroy", "reset"])
def test_nobody_can_tell_what_is_unacknowledged(loop: Reactor, unix: Any, call: str) -> None:
    h = unix()
    peer, conn = h.connect()
    conn.write(b"hello")
    getattr(conn, call)()
    peer.end()
    assert h.closed(conn).bytes_unacked is None


def test_a_connection_is_clean_though_the_peer_has_not_read_everything(loop: Reactor, unix: Any) -> None:
    h = unix()
    peer, conn = h.connect()
    conn.end(b"unread")
    peer.end()
    report = h.closed(conn)
    assert report.clean
    assert peer.receive_all() == (b"unread", "FIN")


# When the peer goes.


def test_a_peer_that_leaves_with_unread_bytes_is_a_reset(loop: Reactor, unix: Any) -> None:
    h = unix()
    peer, conn = h.connect()
    conn.write(b"unread")
    peer.close()
    report = h.closed(conn)
    assert (report.reason, report.clean) == (Reason.PEER_RESET, False)
    assert str(report.error) == f"[Errno {report.error.errno}] read ECONNRESET"
    assert h.record.names() == ["error", "close"]


def test_what_a_peer_said_before_it_left_is_heard_after_a_failed_write(loop: Reactor, unix: Any) -> None:
    h = unix()
    peer, conn = h.connect()
    conn.pause()
    settle(loop)
    peer.send(b"last words")
    peer.close()
    conn.write(b"too late")
    conn.resume()
    report = h.closed(conn)
    assert h.record.data() == b"last words"
    assert report.reason is Reason.PEER_RESET
    assert report.bytes_unsent == 8


def test_that_the_peer_of_a_paused_connection_leaves_is_noticed(each_loop: Reactor, unix: Any) -> None:
    h = unix(loop=each_loop)
    peer, conn = h.connect()
    conn.pause()
    peer.send(b"hello")
    peer.close()
    pump(each_loop, lambda: "hangup" in h.record.names())
    conn.resume()
    report = h.closed(conn)
    assert h.record.data() == b"hello"
    assert (report.reason, report.bytes_read) == (Reason.PEER_ENDED, 5)


# A peer that is slow, or does nothing.


def test_a_slow_reader_gets_everything_and_drain_comes(each_loop: Reactor, unix: Any) -> None:
    h = unix(loop=each_loop)
    peer, conn = h.connect()
    assert not conn.write(UPLOAD)
    with ThreadPoolExecutor(1) as pool:
        got = pool.submit(peer.receive, len(UPLOAD))
        pump(each_loop, got.done)
    assert got.result() == UPLOAD
    pump(each_loop, lambda: "drain" in h.record.names())
    assert (conn.pending_bytes, conn.bytes_written) == (0, 8 * MIB)


def test_a_peer_that_reads_nothing_is_cut_by_the_write_timeout(loop: Reactor, clock: ManualClock, unix: Any) -> None:
    h = unix(write_timeout=10)
    _, conn = h.connect()
    conn.write(UPLOAD)
    settle(loop)
    took = pass_until(loop, clock, lambda: conn.report, 20)
    assert 10 <= took <= 12
    assert conn.report.reason is Reason.WRITE_TIMEOUT
    assert conn.report.bytes_written + conn.report.bytes_unsent == 8 * MIB


def test_a_peer_that_reads_slowly_is_never_cut_by_the_write_timeout(
    loop: Reactor, clock: ManualClock, unix: Any
) -> None:
    h = unix(write_timeout=10)
    peer, conn = h.connect()
    conn.write(bytes(MIB))
    for _ in range(16):
        clock.advance(6)
        peer.receive(64 * 1024)
        settle(loop)
    assert conn.state == "open"
    assert conn.bytes_written == MIB


def test_a_peer_that_never_ends_is_cut_by_the_linger_timeout(loop: Reactor, clock: ManualClock, unix: Any) -> None:
    h = unix(linger_timeout=10)
    peer, conn = h.connect()
    conn.end(b"good-bye")
    settle(loop)
    took = pass_until(loop, clock, lambda: conn.report, 20)
    assert 10 <= took <= 11
    assert conn.report.reason is Reason.LINGER_TIMEOUT
    assert peer.receive_all() == (b"good-bye", "FIN")


def test_an_idle_connection_is_reaped(loop: Reactor, clock: ManualClock, unix: Any) -> None:
    h = unix(idle_timeout=10)
    peer, conn = h.connect()
    conn.write(b"hello")
    settle(loop)
    took = pass_until(loop, clock, lambda: conn.report, 20)
    assert 10 <= took <= 11
    assert conn.report.reason is Reason.IDLE
    assert peer.receive_all() == (b"hello", "FIN")


def test_shutdown_ends_connections_in_order(loop: Reactor, unix: Any) -> None:
    h = unix()
    peer, conn = h.connect()
    h.server.on("draining", lambda server, deadline: conn.write(b"good-bye"))
    h.server.shutdown(5)
    settle(loop)
    assert peer.receive_all() == (b"good-bye", "FIN")
    peer.end()
    assert h.closed(conn).clean
