"""Connections over a Unix socket end as those over TCP do, but for what such a socket has not: no RST, and no
acknowledgements, since what was written is in the peer's queue already (closing.md, fact 4).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reactor import Reactor, Reason
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import Answers
from tests.support.refusing import ANSWER, MIB, UPLOAD, refused

RUNS = 20


# The four ways to end.


def test_end_delivers_everything_and_then_listens(each_loop: Reactor, unix: Any) -> None:
    h = unix(loop=each_loop)
    peer, conn = h.connect()
    answers = Answers()
    conn.write(ANSWER[:5], answers("write"))
    conn.end(ANSWER[5:], answers("end"))
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
    assert answers.told == [("write", None), ("end", None)]


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
def test_destroy_and_reset_are_a_plain_close_that_drops_and_counts_what_is_pending(
    each_loop: Reactor, unix: Any, call: str, reason: Reason
) -> None:
    h = unix(loop=each_loop)
    peer, conn = h.connect()
    conn.write(UPLOAD)
    getattr(conn, call)()
    report = h.closed(conn)
    assert (report.reason, report.clean, report.error) == (reason, False, None)
    assert report.bytes_written + report.bytes_unsent == 8 * MIB
    assert report.bytes_unsent > 0
    got, outcome = peer.receive_all()  # what the kernel had taken is in the peer's queue, and stays there
    assert (len(got), outcome) == (report.bytes_written, "FIN")


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_an_early_refusal_arrives_whole(ending: str, unix: Any) -> None:
    h = unix(data=False)
    assert refused(h, ending, RUNS) == [(True, "FIN")] * RUNS
    reports = [conn.report for conn in h.record.connections]
    assert {(report.reason, report.clean, report.bytes_read) for report in reports} == {(Reason.ENDED, True, 8 * MIB)}


@pytest.mark.parametrize("call", ["end", "destroy_soon", "destroy", "reset"])
def test_nobody_can_tell_what_is_unacknowledged(unix: Any, call: str) -> None:
    h = unix()
    peer, conn = h.connect()
    conn.write(b"hello")
    getattr(conn, call)()
    peer.end()
    assert h.closed(conn).bytes_unacked is None


def test_a_connection_is_clean_though_the_peer_has_not_read_everything(unix: Any) -> None:
    h = unix()
    peer, conn = h.connect()
    conn.end(b"unread")
    peer.end()
    assert h.closed(conn).clean
    assert peer.receive_all() == (b"unread", "FIN")


# When the peer goes.


def test_a_peer_that_leaves_with_unread_bytes_is_a_reset(unix: Any) -> None:
    h = unix()
    peer, conn = h.connect()
    conn.write(b"unread")
    peer.close()
    report = h.closed(conn)
    assert (report.reason, report.clean) == (Reason.PEER_RESET, False)
    assert str(report.error) == f"[Errno {report.error.errno}] read ECONNRESET"
    assert h.record.names() == ["error", "close"]


def test_what_a_peer_said_before_it_left_is_heard_after_a_failed_write(unix: Any) -> None:
    h = unix()
    peer, conn = h.connect()
    conn.pause()
    settle(h.loop)
    peer.send(b"last words")
    peer.close()
    conn.write(b"too late")
    conn.resume()
    report = h.closed(conn)
    assert h.record.data() == b"last words"
    assert (report.reason, report.bytes_unsent) == (Reason.PEER_RESET, 8)


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


def test_a_peer_that_reads_slowly_is_never_cut_by_the_write_timeout(clock: ManualClock, unix: Any) -> None:
    h = unix(write_timeout=10)
    peer, conn = h.connect()
    conn.write(bytes(MIB))
    for _ in range(16):
        clock.advance(6)
        peer.receive(64 * 1024)
        settle(h.loop)
    assert (conn.state, conn.bytes_written) == ("open", MIB)
