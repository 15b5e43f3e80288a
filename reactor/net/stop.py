"""A server's stop under way: since when, until when, what to count from, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable

from ..engine.loop import Reactor
from ..engine.timers import Timer
from ..hints import TYPE_CHECKING
from .report import Tally

if TYPE_CHECKING:
    from .server import Server

StopCallback = Callable[["Server", "Exception | None"], object]


class Stop:
    """Made by the first `close()` or `shutdown()`, gone with `stopped`."""

    __slots__ = ("_timer", "answers", "deadline", "end", "started_at", "tally_before", "told")

    def __init__(self, now: float, tally: Tally) -> None:
        self.started_at = now
        self.tally_before = tally
        self.deadline: float | None = None  # None: close() waits as long as the connections live
        self.end = False
        self.told = False
        self.answers: list[tuple[StopCallback, Exception | None]] = []
        self._timer: Timer | None = None

    def set_deadline(self, loop: Reactor, deadline: float, fn: Callable[[], object]) -> None:
        self.cancel()
        self.deadline = deadline
        self._timer = loop.call_at(deadline, fn)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
