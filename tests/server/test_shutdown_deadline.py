"""The deadline of `Server.shutdown(grace)`: every wait ends."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server, ShutdownReport
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.wire import acks_arrived, pass_time

BIG = 8 << 20


def _reports(server: Server) -> list[ShutdownReport]:
    found: list[ShutdownReport] = []
    server.on("stopped", lambda _, report: found.append(report))
    return found


def _stopped(loop: Reactor, reports: list[ShutdownReport]) -> ShutdownReport:
    pump(loop, lambda: reports)
    assert len(reports) == 1
    return reports[0]


def test_the_deadline_resets_the_rest(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(linger_timeout=None, write_timeout=None)
    reports = _reports(h.server)
    peer, conn = h.connect()
    conn.write(bytes(BIG))
    settle(loop)
    pump(loop, acks_arrived(conn, peer))
    h.server.shutdown(grace=10)
    settle(loop)
    clock.advance(9.75)
    settle(loop)
    assert conn.state == "closing"
    clock.advance(0.25)
    report = _stopped(loop, reports)
    assert conn.report is not None
    assert conn.report.reason is Reason.SHUTDOWN_DEADLINE
    assert report.by_reason == {Reason.SHUTDOWN_DEADLINE: 1}
    assert (report.cut, report.clean, report.seconds) == (1, 0, 10.0)
    assert report.bytes_unsent == conn.report.bytes_unsent == BIG - conn.report.bytes_written
    assert peer.outcome() == "ECONNRESET"


def test_a_peer_that_ends_lets_it_stop_before_the_deadline(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    reports = _reports(h.server)
    peer, _ = h.connect()
    h.server.shutdown(10)
    settle(loop)
    clock.advance(3)
    peer.close()
    assert _stopped(loop, reports).seconds == 3.0
    clock.advance(60)
    settle(loop)
    assert len(reports) == 1


def test_with_end_false_the_deadline_resets_the_rest(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    reports = _reports(h.server)
    peer, _ = h.connect()
    h.server.shutdown(10, end=False)
    settle(loop)
    clock.advance(10)
    assert _stopped(loop, reports).cut == 1
    assert peer.outcome() == "ECONNRESET"


def test_calling_it_again_shortens_the_deadline(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    reports = _reports(h.server)
    h.connect()
    h.server.shutdown(100)
    settle(loop)
    clock.advance(1)
    h.server.shutdown(2)
    clock.advance(2)
    assert _stopped(loop, reports).seconds == 3.0


def test_calling_it_again_never_lengthens_the_deadline(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    reports = _reports(h.server)
    h.connect()
    h.server.shutdown(2)
    settle(loop)
    h.server.shutdown(100)
    clock.advance(2)
    assert _stopped(loop, reports).seconds == 2.0


def test_shutdown_0_resets_everybody_those_in_the_backlog_too(harness: Any, loop: Reactor) -> None:
    h = harness()
    reports = _reports(h.server)
    peer, conn = h.connect()
    with Peer(h.address) as waiting:
        h.server.shutdown(0)
        assert conn.state == "open"
        report = _stopped(loop, reports)
        assert (report.connections, report.cut, report.seconds) == (2, 2, 0.0)
        assert (peer.outcome(), waiting.outcome()) == ("ECONNRESET", "ECONNRESET")


def test_a_vast_grace_does_not_keep_run_going_once_all_are_gone(harness: Any, loop: Reactor) -> None:
    h = harness()
    peer, _ = h.connect()
    h.server.shutdown(1_000_000)
    peer.close()
    loop.run()
    assert not h.server.connections


@pytest.mark.parametrize("grace", [-1, float("nan"), float("inf")])
def test_an_unusable_grace_is_refused(harness: Any, grace: float) -> None:
    h = harness()
    with pytest.raises(ValueError, match="grace must be 0 or more seconds and finite"):
        h.server.shutdown(grace)
    assert h.server.listening


def test_a_connection_still_lingering_is_reset_at_the_deadline(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    reports = _reports(h.server)
    _, conn = h.connect()
    conn.end(b"bye")
    settle(loop)
    h.server.shutdown(1)
    settle(loop)
    clock.advance(1)
    assert _stopped(loop, reports).cut == 1


def test_pass_of_time_alone_ends_every_wait(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=None, write_timeout=None, linger_timeout=None, half_open_timeout=None)
    reports = _reports(h.server)
    conns: list[Connection] = [h.connect()[1] for _ in range(4)]
    conns[0].pause()
    conns[1].end()
    conns[2].write(bytes(BIG))
    h.server.shutdown(10)
    pass_time(loop, clock, 11)
    assert len(reports) == 1
    assert reports[0].connections == 4
