"""`shutdown(grace, spread=s)`: clients are sent away one by one, so that they do not all come back at once."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Reactor, Reason, ShutdownReport
from reactor.testing import ManualClock, Peer, pump, settle


def ended(h: Any) -> int:
    return sum(conn.state != "open" for conn in h.record.connections)


def course(h: Any, clock: ManualClock, seconds: float, steps: int) -> list[int]:
    """How many have been sent away after each step."""
    found = []
    for _ in range(steps):
        settle(h.loop)
        found.append(ended(h))
        clock.advance(seconds / steps)
    settle(h.loop)
    return found


def connected(h: Any, count: int) -> list[Peer]:
    return [h.connect()[0] for _ in range(count)]


def test_endings_are_spread_evenly_the_oldest_first(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    connected(h, 20)
    h.server.shutdown(30, spread=10)
    counts = course(h, clock, 10, 10)
    assert counts[0] == 1
    assert all(2 * step - 1 <= count <= 2 * step + 3 for step, count in enumerate(counts)), counts
    assert ended(h) == 20
    states = [conn.state for conn in h.record.connections]
    assert states == ["closing"] * 20


def test_who_has_not_been_sent_away_yet_is_served(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    h.server.on("data", lambda conn, data: conn.write(data))
    peers = connected(h, 4)
    h.server.shutdown(30, spread=10)
    settle(loop)
    peers[3].send(b"still there?")
    pump(loop, lambda: h.record.connections[3].bytes_written)
    assert peers[3].receive(12) == b"still there?"


def test_each_gets_a_fin_in_its_turn_and_the_report_is_of_all(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    reports: list[ShutdownReport] = []
    h.server.on("stopped", lambda server, report: reports.append(report))
    peers = connected(h, 5)
    for peer in peers:
        peer.end()  # each follows at once
    h.server.shutdown(30, spread=10)
    h.server.allow_half_open = True
    course(h, clock, 10, 20)
    pump(loop, lambda: reports)
    assert (reports[0].connections, reports[0].clean, reports[0].cut) == (5, 5, 0)


def test_a_second_call_shortens_the_spread(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    connected(h, 10)
    h.server.shutdown(30, spread=20)
    settle(loop)
    clock.advance(2)
    h.server.shutdown(30, spread=2)
    course(h, clock, 2, 4)
    assert ended(h) == 10


def test_a_second_call_without_a_spread_ends_all(harness: Any, loop: Reactor) -> None:
    h = harness()
    connected(h, 10)
    h.server.shutdown(30, spread=20)
    settle(loop)
    assert ended(h) < 10
    h.server.shutdown(30)
    settle(loop)
    assert ended(h) == 10


def test_a_second_call_does_not_lengthen_the_spread(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    connected(h, 10)
    h.server.shutdown(30, spread=2)
    settle(loop)
    h.server.shutdown(30, spread=25)
    course(h, clock, 2, 8)
    assert ended(h) == 10


def test_the_grace_cuts_who_is_left(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    connected(h, 3)
    h.server.shutdown(10, spread=10)
    course(h, clock, 10.1, 20)
    pump(loop, lambda: not h.server.connections)
    assert {conn.report.reason for conn in h.record.connections} == {Reason.SHUTDOWN_DEADLINE}


@pytest.mark.parametrize("spread", [0, 0.0])
def test_without_a_spread_all_are_ended_in_the_first_turn(harness: Any, loop: Reactor, spread: float) -> None:
    h = harness()
    connected(h, 5)
    h.server.shutdown(30, spread=spread)
    loop.run_once(0)
    assert ended(h) == 5


def test_thousands_are_spread_in_steps_of_ten_milliseconds(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    connected(h, 300)
    h.server.shutdown(30, spread=1)
    turns = 0
    while ended(h) < 300:
        clock.advance(0.01)
        loop.run_once(0)
        turns += 1
    assert 90 <= turns <= 110
