"""The deadline of `Server.shutdown(grace)`: every wait ends."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reason
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import acks_arrived, pass_time

BIG = 8 << 20


def test_the_deadline_resets_the_rest(harness: Any, clock: ManualClock) -> None:
    h = harness(linger_timeout=None, write_timeout=None)
    peer, conn = h.connect()
    conn.write(bytes(BIG))
    settle(h.loop)
    pump(h.loop, acks_arrived(conn, peer))
    h.server.shutdown(grace=10)
    settle(h.loop)
    clock.advance(9.75)
    settle(h.loop)
    assert conn.state == "closing"
    clock.advance(0.25)
    report = h.stopped()
    assert conn.report.reason is Reason.SHUTDOWN_DEADLINE
    assert report.by_reason == {Reason.SHUTDOWN_DEADLINE: 1}
    assert (report.cut, report.clean, report.seconds) == (1, 0, 10.0)
    assert report.bytes_unsent == conn.report.bytes_unsent == BIG - conn.report.bytes_written
    assert peer.outcome() == "ECONNRESET"


def test_a_peer_that_ends_lets_it_stop_before_the_deadline(h: Any, clock: ManualClock) -> None:
    peer, _ = h.connect()
    h.server.shutdown(10, fin_wait=None)
    settle(h.loop)
    clock.advance(3)
    peer.close()
    assert h.stopped().seconds == 3.0
    clock.advance(60)
    settle(h.loop)
    assert len(h.stops) == 1


def test_with_end_false_the_deadline_resets_the_rest(h: Any, clock: ManualClock) -> None:
    peer, _ = h.connect()
    h.server.shutdown(10, end=False)
    settle(h.loop)
    clock.advance(10)
    assert h.stopped().cut == 1
    assert peer.outcome() == "ECONNRESET"


@pytest.mark.parametrize(
    ("first", "second", "seconds"), [(100, 2, 3.0), (3, 100, 3.0)], ids=["shortens it", "never lengthens it"]
)
def test_of_two_calls_the_earlier_deadline_holds(
    h: Any, clock: ManualClock, first: float, second: float, seconds: float
) -> None:
    h.connect()
    h.server.shutdown(first, fin_wait=None)
    settle(h.loop)
    clock.advance(1)
    h.server.shutdown(second, fin_wait=None)
    clock.advance(2)
    assert h.stopped().seconds == seconds


def test_shutdown_0_resets_all_clients_and_those_in_the_backlog_too(h: Any) -> None:
    peer, conn = h.connect()
    (late,) = h.queue(1)
    h.server.shutdown(0)
    assert conn.state == "open"
    report = h.stopped()
    assert (report.connections, report.cut, report.seconds) == (2, 2, 0.0)
    assert (peer.outcome(), late.outcome()) == ("ECONNRESET", "ECONNRESET")


def test_a_vast_grace_does_not_keep_run_going_once_all_are_gone(h: Any) -> None:
    peer, _ = h.connect()
    h.server.shutdown(1_000_000)
    peer.close()
    h.loop.run()
    assert not h.server.connections


def test_pass_of_time_alone_ends_every_wait(harness: Any, clock: ManualClock) -> None:
    h = harness(idle_timeout=None, write_timeout=None, linger_timeout=None, half_open_timeout=None)
    conns: list[Connection] = [h.connect()[1] for _ in range(4)]
    conns[0].pause()
    conns[1].end(b"bye")
    settle(h.loop)  # lingering
    conns[2].write(bytes(BIG))
    h.server.shutdown(10, fin_wait=None)
    pass_time(h.loop, clock, 11)
    report = h.stopped()
    assert (report.connections, report.cut) == (4, 4)
