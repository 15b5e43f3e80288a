"""One turn of the loop, and what it works through.

The order of a turn is the order of the lines of `take_turn`: ready calls (those present at the start) · how
long may we sleep · poll · dispatch · due timers (a bounded batch) · flush what was written · tear down what
has ended. Closing is *decided* anywhere and *performed* in the last stage, so that no listener ever finds the
ground gone under it.

Nothing that a callback raises stops a turn: it is logged on the logger `reactor`, and the next one runs. Only
`KeyboardInterrupt`, `SystemExit` and their kin leave it, and then nothing is lost: every queue is taken from
one by one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from ..hints import Any, Protocol
from ..log import log
from .poller import READ, Handler, Poller
from .timers import TimerHeap
from .wakeup import Wakeup

TIMERS_PER_TURN = 256  # so that a million timers due at once leave room for sockets in between
LONGEST_SLEEP = 86_400.0  # seconds; epoll_wait(2) takes milliseconds in a C int, 24 days at most
SLOW_CALLBACK = 0.1  # seconds; the debug log's idea of slow, as asyncio's slow_callback_duration

Call = tuple[Callable[..., object], tuple[Any, ...]]


class Staged(Protocol):
    """What waits for a stage at the end of the turn: a connection."""

    def on_flush(self) -> None: ...
    def on_teardown(self) -> None: ...


class Turns:
    """The queues of a loop, and the turn that empties them."""

    def __init__(self, poller: Poller, clock: Callable[[], float], debug: bool) -> None:
        self._clock = clock
        self.poller = poller
        self.debug = debug
        #: The time of this turn: a new float object every turn, so that its identity tells turns apart.
        self.turn_now: float = clock() + 0.0
        self._ready: deque[Call] = deque()
        self._timers = TimerHeap()
        self._flushes: deque[Staged] = deque()
        self._teardowns: deque[Staged] = deque()
        self._turns = 0
        self.in_turn = False
        self._invoke: Callable[..., None] = self._guarded_and_timed if debug else self._guarded
        self._wakeup = Wakeup()
        poller.add(self._wakeup.fileno(), READ, self._wakeup)

    def take_turn(self, timeout: float | None) -> None:
        """One turn, sleeping at most `timeout` seconds; None: until something happens."""
        self.in_turn = True
        try:
            self.ask_clock()
            self._run_ready()
            events = self.poller.poll(self._sleep(timeout))
            self.ask_clock()
            self._dispatch(events)
            self._run_timers()
            self._run_flushes()
            self._run_teardowns()
        finally:
            self._turns += 1
            self.in_turn = False

    def take_last_turn(self) -> None:
        """A turn that neither polls nor waits: what is queued happens."""
        self.in_turn = True
        try:
            self._run_ready()
            self._run_flushes()
            self._run_teardowns()
        finally:
            self.in_turn = False

    def ask_clock(self) -> float:
        """Set the time of the turn; also between turns, when a host calls, as of now and not of the last turn."""
        self.turn_now = self._clock() + 0.0
        return self.turn_now

    def _run_ready(self) -> None:
        ready = self._ready
        for _ in range(len(ready)):
            fn, args = ready.popleft()
            if self.debug:
                self._invoke(fn, *args)
                continue
            try:  # `_guarded` in place, here and below: a frame for each event is what this loop is measured by
                fn(*args)
            except Exception:
                log.exception("%r raised", fn)

    def _sleep(self, timeout: float | None) -> float:
        if self._queued() or self._must_return():
            return 0
        wait = LONGEST_SLEEP if timeout is None else min(timeout, LONGEST_SLEEP)
        deadline = self._timers.next_deadline()
        return wait if deadline is None else min(wait, max(deadline - self._clock(), 0))

    def _dispatch(self, events: list[tuple[Handler, int]]) -> None:
        if self.debug:
            for handler, mask in events:
                self._invoke(handler.on_ready, mask)
            return
        for handler, mask in events:
            try:
                handler.on_ready(mask)
            except Exception:
                log.exception("%r raised", handler)

    def _run_timers(self) -> None:
        before = self._timers.order
        for _ in range(TIMERS_PER_TURN):
            timer = self._timers.pop_due(self.turn_now, before)
            if timer is None:
                return
            call = timer.take()
            if call is not None:
                self._invoke(call[0], *call[1])

    def _run_flushes(self) -> None:
        flushes = self._flushes
        for _ in range(len(flushes)):
            staged = flushes.popleft()
            if self.debug:
                self._invoke(staged.on_flush)
                continue
            try:
                staged.on_flush()
            except Exception:
                log.exception("%r raised", staged)

    def _run_teardowns(self) -> None:
        teardowns = self._teardowns
        for _ in range(len(teardowns)):
            self._guarded(teardowns.popleft().on_teardown)

    def _guarded(self, fn: Callable[..., object], *args: Any) -> None:
        try:
            fn(*args)
        except Exception:
            log.exception("%r raised", fn)

    def _guarded_and_timed(self, fn: Callable[..., object], *args: Any) -> None:
        started = time.perf_counter()
        self._guarded(fn, *args)
        took = time.perf_counter() - started
        if took >= SLOW_CALLBACK:
            log.warning("%r took %.0f ms", fn, took * 1000)

    def _queued(self) -> bool:
        """Does something wait for a stage of a turn?"""
        return bool(self._ready or self._flushes or self._teardowns)

    def _must_return(self) -> bool:
        """Is there a reason to end this turn without sleeping?"""
        raise NotImplementedError

    def queue(self, fn: Callable[[], object]) -> None:
        """Call `fn()` in the next turn: `call_soon` for the house itself, from inside a turn."""
        self._ready.append((fn, ()))

    def flush_soon(self, staged: Staged) -> None:
        """Call `staged.on_flush()` at the end of this turn."""
        self._flushes.append(staged)
        if not self.in_turn:
            self._wakeup.wake()

    def teardown_soon(self, staged: Staged) -> None:
        """Call `staged.on_teardown()` as the last thing of this turn."""
        self._teardowns.append(staged)
        if not self.in_turn:
            self._wakeup.wake()
