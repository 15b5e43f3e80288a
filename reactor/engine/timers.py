"""Timers: a heap of deadlines that takes the time as an argument and so needs no clock.

A cancelled timer stays in the heap until it surfaces or until cancelled ones make up more than half of it,
when the heap is rebuilt without them. A rebuild of n entries is paid for by at least n/2 cancellations, so
cancelling is O(1) in the long run, and a heap in which all timers are cancelled is empty. (asyncio rebuilds only from
100 cancelled timers on; redis until 2026 crashed on a list in which all were cancelled.)

Timers with the same deadline fire in the order they were armed.
"""

from __future__ import annotations

import heapq
import math

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Timer:
    """One call at one time, made by `Reactor.call_later` and `call_at`; or a call again and again, by `call_every`."""

    __slots__ = {
        **dict.fromkeys(("_args", "_fn", "_heap", "_ref")),
        "when": "When the timer is due, in seconds of the reactor's time.",
    }

    def __init__(self, heap: TimerHeap, when: float, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when = when
        self._heap = heap
        self._fn: Callable[..., object] | None = fn
        self._args = args
        self._ref = True

    @property
    def active(self) -> bool:
        """True until the timer fires or is cancelled; one that repeats is active until it is cancelled."""
        return self._fn is not None

    def cancel(self) -> None:
        """Never call the function. Harmless when the timer has fired or was cancelled before."""
        if self._fn is not None:
            self._fn, self._args = None, ()
            self._heap.forget(self)

    def ref(self) -> Timer:
        """Make `run()` wait for this timer, as it does at first. Returns the timer."""
        return self._set_ref(True)

    def unref(self) -> Timer:
        """Do not make `run()` wait for this timer. It still fires while the loop runs. Returns the timer."""
        return self._set_ref(False)

    def _set_ref(self, wanted: bool) -> Timer:
        if self._fn is not None:
            self._heap.refs += wanted - self._ref
        self._ref = wanted
        return self

    def _take(self, now: float) -> tuple[Callable[..., object], tuple[Any, ...]] | None:
        """The function and its arguments; None if the timer was cancelled after it became due. It has fired then, at
        `now`.
        """
        if self._fn is None:
            return None
        call = self._fn, self._args
        self._fn, self._args = None, ()
        return call

    @property
    def refs(self) -> bool:
        """True if `run()` waits for this timer."""
        return self._ref

    def __repr__(self) -> str:
        return f"<Timer when={self.when:.3f} {'active' if self.active else 'done'}{'' if self._ref else ' unref'}>"


class RepeatingTimer(Timer):
    """A call every so many seconds. Its times stand on a grid from the first on, so it does not drift. Times that have
    passed while the loop was busy are left out.
    """

    __slots__ = ("_seconds",)

    def __init__(
        self, heap: TimerHeap, when: float, fn: Callable[..., object], args: tuple[Any, ...], seconds: float
    ) -> None:
        super().__init__(heap, when, fn, args)
        self._seconds = seconds

    def _take(self, now: float) -> tuple[Callable[..., object], tuple[Any, ...]] | None:
        """As that of a timer; it is armed for the next time already."""
        if self._fn is None:
            return None
        self.when += self._seconds * ((now - self.when) // self._seconds + 1)
        self._heap.push(self, max(self.when, math.nextafter(now, math.inf)))
        return self._fn, self._args


class TimerHeap:
    """All timers of one reactor, soonest first."""

    __slots__ = ("_cancelled", "heap", "order", "refs")

    order: int  #: The number of the next timer. `pop_due` takes it as `before`: what a turn arms fires in a later one.
    refs: int  #: The number of armed timers that `run()` waits for.

    def __init__(self) -> None:
        #: (due, number, timer), the soonest first, cancelled ones among them. The loop looks at the first in each turn.
        self.heap: list[tuple[float, int, Timer]] = []
        self.order = self.refs = self._cancelled = 0

    def __len__(self) -> int:
        return len(self.heap) - self._cancelled

    def arm(self, when: float, fn: Callable[..., object], args: tuple[Any, ...], now: float = -math.inf) -> Timer:
        """A timer for `when`. If that is past at `now`, the timer comes behind all that are due already: otherwise a
        callback that arms itself in the past again and again would keep the others from being called.
        """
        timer = Timer(self, when, fn, args)
        heapq.heappush(self.heap, (max(when, now), self.order, timer))  # `push` in place
        self.order += 1
        self.refs += 1
        return timer

    def push(self, timer: Timer, due: float) -> None:
        """Let a timer fire once `due` has come."""
        heapq.heappush(self.heap, (due, self.order, timer))
        self.order += 1
        self.refs += timer._ref

    def next_deadline(self) -> float | None:
        """When the soonest timer is due; None when there is none."""
        heap = self.heap
        while heap and not heap[0][2].active:
            heapq.heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def pop_due(self, now: float, before: int) -> Timer | None:
        """Remove and return the soonest timer that is due at `now` and has a number below `before`; None if there is
        none.
        """
        when = self.next_deadline()
        if when is None or when > now or self.heap[0][1] >= before:
            return None
        timer = heapq.heappop(self.heap)[2]
        self.refs -= timer._ref
        return timer

    def take_over(self, other: TimerHeap) -> None:
        """All timers of another heap are this one's from now on."""
        for when, _, timer in other.heap:
            if timer.active:
                timer._heap = self
                heapq.heappush(self.heap, (when, self.order, timer))
                self.order += 1
                self.refs += timer._ref

    def forget(self, timer: Timer) -> None:
        """Called by a timer that was cancelled while in the heap."""
        self.refs -= timer._ref
        self._cancelled += 1
        if self._cancelled * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2].active]
            heapq.heapify(self.heap)
            self._cancelled = 0
