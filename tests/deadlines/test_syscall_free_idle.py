"""Deadlines cost nothing while there is traffic: a message stamps its connection, and touches no timer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reactor import Reactor, Timer
from reactor.engine.turn import Turns
from reactor.testing import ManualClock
from tests.support.scene import Scenes


class CountingReactor(Reactor):
    """A reactor that counts the timers armed, by whomever."""

    armed = 0


@pytest.fixture
def counting(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingReactor]:
    arm = Turns.arm

    def counted(turns: Any, *args: Any) -> Timer:
        made.armed += 1
        return arm(turns, *args)

    with CountingReactor(clock=clock) as made:
        monkeypatch.setattr(Turns, "arm", counted)
        yield made


def test_traffic_costs_no_timer_operation(scene: Scenes, counting: CountingReactor) -> None:
    s = scene(loop=counting, idle_timeout=60, read_timeout=90)
    s.server.on("data", lambda conn, data: conn.write(data))
    s.conn.set_timeout(120)
    s.until(lambda: counting.armed)
    before = counting.armed
    for _ in range(500):
        s.clock.advance(0.1)
        s.peer_says(b"x")
        assert s.peer.receive(1) == b"x"
    assert s.clock() == pytest.approx(1050)
    assert counting.armed == before
    assert s.conn.state == "open"


def test_a_busy_connection_is_looked_at_once_a_period(scene: Scenes, counting: CountingReactor) -> None:
    s = scene(loop=counting, idle_timeout=60)
    s.until(lambda: counting.armed)
    before = counting.armed
    for _ in range(1000):
        s.clock.advance(0.6)
        s.peer_says(b"x")
    assert counting.armed - before <= 2 * 10  # ten periods; a look may be set for the second before


def test_all_connections_of_a_server_have_one_timer(scene: Scenes, counting: CountingReactor) -> None:
    s = scene(loop=counting, idle_timeout=60)
    for _ in range(200):
        s.connect()
    assert counting.statistics().timers == 1
