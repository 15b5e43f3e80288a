"""Clocks that go on while the machine is suspended: what came due meanwhile fires within a second of the wake-up. The
suspend is played by the clock, which jumps while the loop sleeps.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from reactor import Reactor, Server
from reactor.engine.clocks import LONGEST_SLEEP, LOOK
from reactor.testing import Peer, ScriptedPoller, pump

HOUR = 3600.0


class Sleeping(ScriptedPoller):
    """Notes how long each sleep was to last; the machine is suspended in the first."""

    def __init__(self) -> None:
        super().__init__([])
        self.sleeps: list[float | None] = []
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.sleeps.append(timeout)
        self.now += HOUR if len(self.sleeps) == 1 else timeout or 0.0
        return []


def test_a_timer_that_came_due_in_a_suspend_fires_after_a_second_at_most() -> None:
    poller = Sleeping()
    fired: list[float] = []
    with Reactor(poller, clock=lambda: poller.now) as loop:
        loop.call_later(600, lambda: fired.append(poller.now))
        loop.run()
    assert poller.sleeps == [LOOK]
    assert fired == [HOUR]


def test_without_a_timer_the_clock_is_not_looked_at() -> None:
    poller = Sleeping()
    with Reactor(poller, clock=lambda: poller.now) as loop:
        loop.run_once()
    assert poller.sleeps == [LONGEST_SLEEP]


def test_the_clock_that_agrees_with_the_kernel_costs_no_wake_up() -> None:
    poller = Sleeping()
    with Reactor(poller) as loop:
        loop.call_later(600, print)
        loop.run_once()
    assert [round(sleep or 0) for sleep in poller.sleeps] == [600]


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no CLOCK_BOOTTIME")
def test_deadlines_count_a_suspend_on_a_clock_that_does() -> None:
    suspended = [0.0]
    with Reactor(clock=lambda: time.clock_gettime(time.CLOCK_BOOTTIME) + suspended[0]) as loop:
        server = Server(loop, idle_timeout=600)
        peer = Peer(server.listen("127.0.0.1", 0))
        pump(loop, lambda: len(server.connections) == 1)
        suspended[0] = HOUR
        pump(loop, lambda: not server.connections)
        assert peer.outcome() == "FIN"
        peer.close()
        server.close()
