"""Deadlines cost nothing while there is traffic: a message stamps its connection, and touches no timer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reactor import Reactor, Timer
from reactor.engine.loop import turns_of
from reactor.testing import ManualClock, pump


class CountingReactor(Reactor):
    """A reactor that counts the timers armed, by whomever."""

    armed = 0

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        turns = turns_of(self)
        arm = turns.arm

        def counted(*args: Any) -> Timer:
            self.armed += 1
            return arm(*args)

        turns.arm = counted  # type: ignore[method-assign]


@pytest.fixture
def counting(clock: ManualClock) -> Iterator[CountingReactor]:
    with CountingReactor(clock=clock) as made:
        yield made


def test_traffic_costs_no_timer_operation(harness: Any, counting: CountingReactor, clock: ManualClock) -> None:
    h = harness(loop=counting, idle_timeout=60, read_timeout=90)
    h.server.on("data", lambda conn, data: conn.write(data))
    peer, conn = h.connect()
    conn.set_timeout(120)
    pump(counting, lambda: counting.armed)
    before = counting.armed
    for said in range(1, 501):
        clock.advance(0.1)
        peer.send(b"x")
        pump(counting, lambda said=said: conn.bytes_read == said)
        assert peer.receive(1) == b"x"
    assert clock() == pytest.approx(1050)
    assert counting.armed == before
    assert conn.state == "open"


def test_a_busy_connection_is_looked_at_once_a_period(
    harness: Any, counting: CountingReactor, clock: ManualClock
) -> None:
    h = harness(loop=counting, idle_timeout=60)
    peer, conn = h.connect()
    pump(counting, lambda: counting.armed)
    before = counting.armed
    for said in range(1, 1001):
        clock.advance(0.6)
        peer.send(b"x")
        pump(counting, lambda said=said: conn.bytes_read == said)
    assert counting.armed - before <= 2 * 10  # ten periods; a look may be set for the second before


def test_all_connections_of_a_server_have_one_timer(harness: Any, counting: CountingReactor) -> None:
    h = harness(loop=counting, idle_timeout=60)
    for _ in range(200):
        h.connect()
    assert counting.statistics().timers == 1
