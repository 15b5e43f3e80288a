"""One turn of the loop, and what it works through.

The order of a turn is the order of the lines of `take_turn`: ready calls (those present at the start) · how
long may we sleep · poll · dispatch · due timers (a bounded batch) · flush what was written · tear down what
has ended. Closing is *decided* anywhere and *performed* in the last stage, so that no listener ever finds the
ground gone under it.

Nothing that a callback raises stops a turn. An `Exception` is logged on the logger `reactor`. What else is raised,
like `KeyboardInterrupt` and `SystemExit`, is kept: the turn finishes, and its last line raises the first error that was
kept. So nothing is lost, and `run()` may be called again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from ..hints import TYPE_CHECKING, Any, Protocol
from ..log import log
from .poller import READ
from .timers import TimerHeap
from .wakeup import Wakeup

if TYPE_CHECKING:
    from .poller import Poller, Readable

# So many are read for before the first of them is given what came, so that the kernel's code for receiving stays in the
# processor's caches, and then that for sending. What may be large goes at once: its bytes should stay there too.
READ_AHEAD = 32
READ_AHEAD_SIZE = 4096  # bytes
SENDS_PER_TURN = 16  # of much at a time, inside the call that writes it; then it waits for the end of the turn
TIMERS_PER_TURN = 256  # so that a million timers due at once leave room for sockets in between
LONGEST_SLEEP = 86_400.0  # seconds; epoll_wait(2) takes milliseconds in a C int, 24 days at most
SLOW_CALLBACK = 0.1  # seconds; the debug log's idea of slow, as asyncio's slow_callback_duration
STALL = 0.1  # seconds that a turn may take before what was stamped in it counts as of its end
STALLS_KEPT = 64  # the latest; an older one is long enough ago for nobody to be looked at because of it

Call = tuple[Callable[..., object], tuple[Any, ...]]


class Staged(Protocol):
    """What waits for a stage at the end of the turn: a connection."""

    def _on_flush(self) -> None: ...
    def _on_teardown(self) -> None: ...


class Turns:
    """The queues of a loop, and the turn that empties them."""

    def __init__(self, poller: Poller, clock: Callable[[], float], debug: bool) -> None:
        self._clock = clock
        self.poller = poller
        self.debug = debug
        #: The time of this turn: a new float object every turn, so that its identity tells turns apart.
        self.turn_now: float = clock() + 0.0
        self._ready: deque[Call] = deque()
        self._arrived: list[tuple[Readable, bytes]] = []  # read, and not handed over yet
        self._timers = TimerHeap()
        self._flushes: deque[Staged] = deque()
        self._teardowns: deque[Staged] = deque()
        self._turns = 0
        self._sends_left = SENDS_PER_TURN
        #: When turns that stood still began, by `turn_now`, and when they ended: a listener that blocked, or a process
        #: that was stopped. Whoever was stamped in one of them has not been silent since.
        self.stalls: dict[float, float] = {}
        #: Is it in a turn, and awake? Then it comes to what is queued by itself.
        self.in_turn = False
        self._taking_turn = False
        self._closing = False
        self._kept: BaseException | None = None
        self._invoke: Callable[..., None] = self._guarded_and_timed if debug else self._guarded
        self._wakeup = Wakeup()
        poller.add(self._wakeup.fileno(), READ, self._wakeup)

    def take_turn(self, timeout: float | None) -> None:
        """One turn, sleeping at most `timeout` seconds; None: until something happens."""
        self.in_turn = self._taking_turn = True
        try:
            # With few connections a turn is for few messages: what is empty is not called.
            if self._ready or self._arrived:
                self.ask_clock()
                self._run_ready()
                self._hand_over()  # left by a signal handler of the program that raised in the loop's own code
                self._note_stall()
                if self._must_return():
                    timeout = 0
            self.in_turn = False
            try:
                events = self.poller.poll(self._sleep(timeout))
            finally:  # also where a signal ends the sleep, which was no stall
                self.ask_clock()
            self.in_turn = True
            self._sends_left = SENDS_PER_TURN
            if events:
                self._dispatch(events)
            if self._timers.has_due(self.turn_now):
                self._run_timers()
            if self._flushes:
                self._run_flushes()
            if self._teardowns:
                self._run_teardowns()
        finally:
            self._note_stall()
            self._turns += 1
            self.in_turn = self._taking_turn = False
        if self._kept is not None and not self._closing:  # while closing, the last turns come first
            self._raise_kept()

    def _note_stall(self) -> None:
        ended = self._clock()
        if ended - self.turn_now >= STALL:
            self.stalls[self.turn_now] = ended
            if len(self.stalls) > STALLS_KEPT:
                del self.stalls[next(iter(self.stalls))]

    def _raise_kept(self) -> None:
        """Raise the error that was kept, if there is one."""
        error, self._kept = self._kept, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback holds this frame: no cycle is left

    def take_last_turn(self) -> None:
        """A turn that neither polls nor waits, and raises nothing: what is queued happens."""
        self.in_turn = self._taking_turn = True
        try:
            self._run_ready()
            self._hand_over()
            self._run_flushes()
            self._run_teardowns()
        finally:
            self.in_turn = self._taking_turn = False

    def ask_clock(self) -> float:
        """Set the time of the turn; also between turns, when a host calls, as of now and not of the last turn."""
        self.turn_now = self._clock() + 0.0
        return self.turn_now

    def clock_time(self) -> float:
        """The time now, however long this turn has taken so far: for what a call sets in motion."""
        return self._clock()

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
            except BaseException as error:
                self.keep(error)

    def _sleep(self, timeout: float | None) -> float:
        if timeout == 0 or self._kept is not None or self._queued():
            return 0
        wait = LONGEST_SLEEP if timeout is None else min(timeout, LONGEST_SLEEP)
        deadline = self._timers.next_deadline()
        return wait if deadline is None else min(wait, max(deadline - self._clock(), 0))

    def _dispatch(self, events: list[tuple[int, int]]) -> None:
        if len(events) <= READ_AHEAD:
            self._read(events)
            self._hand_over()
        else:
            for begin in range(0, len(events), READ_AHEAD):
                self._dispatch(events[begin : begin + READ_AHEAD])

    def _read(self, events: list[tuple[int, int]]) -> None:
        """The hot path: read for those who take what comes, and tell the others that they are ready."""
        handlers, removed, arrived = self.poller.handlers, self.poller.removed, self._arrived
        for fd, mask in events:
            if removed and fd in removed:  # in this turn, and the number may be somebody else's by now
                continue
            try:
                handler = handlers[fd]
            except KeyError:  # closed under us while another process holds a copy: it still reports (fact 3)
                continue
            if mask == READ and handler._flowing:
                size = handler._read_size
                try:
                    data = handler._sock.recv(size)
                except (OSError, MemoryError) as error:
                    self._invoke(handler._on_read_error, error)
                    continue
                if size <= READ_AHEAD_SIZE:
                    arrived.append((handler, data))
                else:
                    self._invoke(handler._on_data, data)
            else:
                if arrived:  # what came before this is heard before it: who is about to be judged has spoken
                    self._hand_over()
                    arrived = self._arrived
                self._invoke(handler._on_ready, mask)

    def _hand_over(self) -> None:
        """Give everybody what was read for them."""
        waiting, self._arrived = self._arrived, []
        for handler, data in waiting:
            if self.debug:
                self._invoke(handler._on_data, data)
                continue
            try:
                handler._on_data(data)
            except Exception:
                log.exception("%r raised", handler)
            except BaseException as error:
                self.keep(error)

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
                self._invoke(staged._on_flush)
                continue
            try:
                staged._on_flush()
            except Exception:
                log.exception("%r raised", staged)
            except BaseException as error:
                self.keep(error)

    def _run_teardowns(self) -> None:
        teardowns = self._teardowns
        for _ in range(len(teardowns)):
            self._guarded(teardowns.popleft()._on_teardown)

    def _guarded(self, fn: Callable[..., object], *args: Any) -> None:
        try:
            fn(*args)
        except Exception:
            log.exception("%r raised", fn)
        except BaseException as error:
            self.keep(error)

    def keep(self, error: BaseException) -> None:
        """Raise this error at the end of the turn. The first error of a turn counts."""
        if self._kept is None:
            self._kept = error

    def _guarded_and_timed(self, fn: Callable[..., object], *args: Any) -> None:
        started = time.perf_counter()
        self._guarded(fn, *args)
        took = time.perf_counter() - started
        if took >= SLOW_CALLBACK:
            log.warning("%r took %.0f ms", fn, took * 1000)

    def _queued(self) -> bool:
        """Does something wait for a stage of a turn?"""
        return bool(self._ready or self._arrived or self._flushes or self._teardowns)

    def _must_return(self) -> bool:
        """Is there a reason to end this turn without sleeping?"""
        raise NotImplementedError

    def queue(self, fn: Callable[[], object]) -> None:
        """Call `fn()` in the next turn: `call_soon` for the house itself, from inside a turn."""
        self._ready.append((fn, ()))

    def spend_send(self) -> bool:
        """May one who has sent in this turn send again? So often and no more: a reader that keeps up with its writer
        must not keep the others waiting.
        """
        self._sends_left -= 1
        return self._sends_left >= 0

    def flush_soon(self, staged: Staged) -> None:
        """Call `staged._on_flush()` at the end of this turn."""
        self._flushes.append(staged)
        if not self.in_turn:
            self._wakeup.wake()

    def teardown_soon(self, staged: Staged) -> None:
        """Call `staged._on_teardown()` as the last thing of this turn."""
        self._teardowns.append(staged)
        if not self.in_turn:
            self._wakeup.wake()
