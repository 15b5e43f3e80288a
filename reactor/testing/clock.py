"""Time for tests: a clock set by hand, and turns of a loop until something has happened."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..engine.loop import Reactor


class ManualClock:
    """A clock that stands still until told: `Reactor(clock=ManualClock())`."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = float(start)

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass (0 or more: time does not go back)."""
        if seconds < 0:
            raise ValueError(f"seconds must be 0 or more, not {seconds!r}")
        self._now += seconds


def pump(loop: Reactor, until: Callable[[], object], seconds: float = 5.0) -> None:
    """Take turns until `until()` is true; AssertionError when it is not within `seconds` of real time."""
    limit = time.monotonic() + seconds
    while not until():
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds} s: {until}")
        loop.run_once(0.005)


def settle(loop: Reactor, turns: int = 10) -> None:
    """Take a few turns without sleeping: what is ready happens, and nothing else."""
    for _ in range(turns):
        loop.run_once(0)
