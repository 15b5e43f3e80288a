"""`shutdown(grace, spread=s)`: clients are sent away one by one, so that they do not all come back at once.
How many are due at which time is in `tests/unit/test_stopping.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Reactor, Reason
from reactor.testing import ManualClock, Peer, pump, settle


class Crowd:
    """Connections of a server, and how many of them were sent away."""

    def __init__(self, h: Any, clock: ManualClock) -> None:
        self.h = h
        self._clock = clock
        self.peers: list[Peer] = []

    def connect(self, count: int) -> None:
        self.peers = [self.h.connect()[0] for _ in range(count)]

    def ended(self) -> int:
        return sum(conn.state != "open" for conn in self.h.record.connections)

    def course(self, seconds: float, steps: int) -> list[int]:
        """How many have been sent away after each step."""
        found = []
        for _ in range(steps):
            settle(self.h.loop)
            found.append(self.ended())
            self._clock.advance(seconds / steps)
        settle(self.h.loop)
        return found


@pytest.fixture
def crowd(h: Any, clock: ManualClock) -> Crowd:
    return Crowd(h, clock)


def test_endings_are_spread_evenly_over_the_time(crowd: Crowd) -> None:
    crowd.connect(20)
    crowd.h.server.shutdown(30, spread=10, fin_wait=None)
    counts = crowd.course(10, 10)
    assert counts[0] == 1
    assert all(2 * step - 1 <= count <= 2 * step + 3 for step, count in enumerate(counts)), counts
    assert [conn.state for conn in crowd.h.record.connections] == ["closing"] * 20


def test_a_client_that_was_not_sent_away_yet_is_served_and_the_oldest_go_first(crowd: Crowd, loop: Reactor) -> None:
    crowd.h.server.on("data", lambda conn, data: conn.write(data))
    crowd.connect(4)
    crowd.h.server.shutdown(30, spread=10)
    settle(loop)
    assert [conn.state for conn in crowd.h.record.connections] == ["closing"] + ["open"] * 3
    crowd.peers[3].send(b"still there?")
    pump(loop, lambda: crowd.h.record.connections[3].bytes_written)
    assert crowd.peers[3].receive(12) == b"still there?"


def test_each_gets_a_fin_in_its_turn_and_the_report_is_of_all(crowd: Crowd) -> None:
    crowd.connect(5)
    for peer in crowd.peers:
        peer.end()  # each follows at once
    crowd.h.server.shutdown(30, spread=10)
    crowd.h.server.allow_half_open = True
    crowd.course(10, 20)
    report = crowd.h.stopped()
    assert (report.connections, report.clean, report.cut) == (5, 5, 0)


@pytest.mark.parametrize(
    ("first", "second"), [(20, 2), (2, 25)], ids=["a second call shortens it", "a second call does not lengthen it"]
)
def test_of_two_spreads_the_one_that_ends_first_holds(crowd: Crowd, loop: Reactor, first: float, second: float) -> None:
    crowd.connect(10)
    crowd.h.server.shutdown(30, spread=first)
    settle(loop)
    crowd.h.server.shutdown(30, spread=second)
    crowd.course(2, 8)
    assert crowd.ended() == 10


def test_a_second_call_without_a_spread_ends_all(crowd: Crowd, loop: Reactor) -> None:
    crowd.connect(10)
    for spread, ended in ((20, 1), (0, 10)):
        crowd.h.server.shutdown(30, spread=spread)
        settle(loop)
        assert crowd.ended() == ended


def test_the_grace_cuts_who_is_left(crowd: Crowd, loop: Reactor) -> None:
    crowd.connect(3)
    crowd.h.server.shutdown(10, spread=10, fin_wait=None)
    crowd.course(10.1, 20)
    pump(loop, lambda: not crowd.h.server.connections)
    assert {conn.report.reason for conn in crowd.h.record.connections} == {Reason.SHUTDOWN_DEADLINE}


def test_without_a_spread_all_are_ended_in_the_first_turn(crowd: Crowd, loop: Reactor) -> None:
    crowd.connect(5)
    crowd.h.server.shutdown(30)
    loop.run_once(0)
    assert crowd.ended() == 5
