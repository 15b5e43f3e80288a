"""One turn of the loop.

The order of a turn is the order of the lines of `take_turn`: ready calls (those present at the start) · how long the
loop may sleep · poll · dispatch · due timers (a bounded batch) · flush what was written · tear down what has ended.
Closing is *decided* anywhere and *performed* in the last stage, so that a socket is never closed while one of its
listeners runs.

Nothing that a callback raises stops a turn. An `Exception` is logged. What else is raised, like `KeyboardInterrupt`, is
kept: the turn finishes, and its last line raises the first that was kept. Nothing is lost; `run()` may be called again.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING, Any
from . import forks
from .clocks import LONGEST_SLEEP, longest_sleep
from .jobs import Jobs, drop
from .poller import READ
from .queues import SENDS_PER_TURN, Queues
from .raised import RaisedLog
from .sigpipe import IGNORED
from .timers import TimerHeap
from .wakeup import registered

if TYPE_CHECKING:
    from collections.abc import Callable

    from .interfaces import Staged, Tenant
    from .lookups import Lookups
    from .poller import Poller
    from .slow import Stopwatch

# This many connections are read before the first one gets its data: the kernel's code for receiving, then that for
# sending, stays in the processor's caches. A read that may be large is delivered at once, so that its bytes do too.
READ_AHEAD = 32
READ_AHEAD_SIZE = 4096  # bytes
TIMERS_PER_TURN = 256  # a million timers due at once leave time for sockets in between
LAST_TURNS = 100  # given to listeners that queue more calls while the reactor closes
STALL = 0.1  # seconds; after a longer turn, what was stamped in it counts as of its end
STALLS_KEPT = 64  # the latest; no deadline that is still to come depends on an older one


class Turns(Queues):
    """The loop as connections, servers and clients hold and call it; programs have a `Reactor`, which has this."""

    __slots__ = (
        "__weakref__", "_closing", "_held", "_invoke", "_jobs", "_kept", "_longest_sleep", "_stopping", "_taking_turn",
        "_turns", "_until_idle", "_watched", "inheritance", "lookups", "poller", "preload", "raised", "reactor",
        "serves", "shortage", "signals", "sigpipe", "stalls", "stopwatch", "tenants", "winding_up",
    )  # fmt: skip

    _until_idle: bool  # run() returns when nothing is left to do
    _stopping: bool  # run() returns after this turn; so it does if `_closing`
    _kept: BaseException | None
    _held: int  # reasons for run() to go on: servers, connections
    winding_up: bool  # timers and watched descriptors (`_watched` of them) keep run() going no longer
    signals: Any  # a Signals, if there is one
    sigpipe: Any  # what the process did with SIGPIPE at the last look (`sigpipe.py`)
    inheritance: Any  # in a forked child an Inheritance, until the reactor is its own (`forks.py`)
    preload: bool  # the first `listen` or `connect` loads what is loaded late (net/preload.py)
    lookups: Lookups | None  # made for the first client that needs one
    serves: bool  # True once it has had a listening socket
    shortage: Any  # a Shortage of descriptors for clients, once there was one

    def __init__(self, reactor: Any, poller: Poller, clock: Callable[[], float], debug: bool) -> None:
        super().__init__(clock, debug)
        self.reactor = reactor  # what programs have: a Reactor, of which nothing is called here
        self.poller = poller
        self._longest_sleep = longest_sleep(clock, poller)
        self._taking_turn = self._until_idle = self._stopping = self._closing = False
        self._turns = self._held = self._watched = 0
        self._kept = self.signals = self.inheritance = self.lookups = self.shortage = None
        self.winding_up = self.serves = self.preload = False
        self.sigpipe = IGNORED
        #: `turn_now` of each turn that took long (a listener blocked, or the process was stopped), and when it ended. A
        #: connection that was stamped in such a turn was not silent before its end.
        self.stalls: dict[float, float] = {}
        #: The owners of connections that end with the reactor: servers that listen or stop, and all clients together.
        self.tenants: dict[object, Tenant] = {}
        self._jobs = Jobs(self.queue_threadsafe)
        self.raised = RaisedLog(self)
        self.stopwatch: Stopwatch | None = None
        self._invoke: Callable[..., None] = self._guarded
        if debug:
            from .slow import Stopwatch

            self.stopwatch = Stopwatch(self._guarded)
            self._invoke = self.stopwatch.invoke
        self._wakeup = registered(poller)
        forks.register(self)

    # The turn.

    def take_turn(self, timeout: float | None) -> None:
        """One turn, sleeping up to `timeout` seconds; None: until something happens."""
        self.in_turn = self._taking_turn = True
        try:
            # With few connections a turn is for few messages: no stage is called for an empty queue.
            if self._ready or self._arrived:
                self.turn_now = self.clock_time() + 0.0  # `ask_clock` in place, here and below
                self._run_ready()
                self._hand_over()  # left by a signal handler of the program that raised in the loop's own code
                self._note_stall()
                if self.must_return():
                    timeout = 0
            self.in_turn = False
            try:
                events = self.poller.poll(self._sleep(timeout))
            finally:  # also where a signal ends the sleep, which was no stall
                self.turn_now = self.clock_time() + 0.0
            self.in_turn = True
            self._sends_left = SENDS_PER_TURN
            if events:
                self._dispatch(events)
            if (heap := self._timers.heap) and heap[0][0] <= self.turn_now:
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
            self.raise_kept()

    def _sleep(self, timeout: float | None) -> float:
        if timeout == 0 or self._kept is not None or self._queued():
            return 0
        wait = LONGEST_SLEEP if timeout is None else min(timeout, LONGEST_SLEEP)
        deadline = self._timers.next_deadline()
        if deadline is None:
            return wait
        # Every turn comes here: comparisons cost less than calls of min() and max().
        left = deadline - self.clock_time()
        if left > self._longest_sleep:
            left = self._longest_sleep
        if left > wait:
            left = wait
        return left if left > 0 else 0

    def _note_stall(self) -> None:
        ended = self.clock_time()
        if ended - self.turn_now >= STALL:
            self.stalls[self.turn_now] = ended
            if len(self.stalls) > STALLS_KEPT:
                del self.stalls[next(iter(self.stalls))]

    def _run_ready(self) -> None:
        ready = self._ready
        for _ in range(len(ready)):
            fn, args = ready.popleft()
            if self.debug:
                self._invoke(fn, *args)
                continue
            try:  # `_guarded` in place, here and below: the speed of this loop is its number of frames for an event
                fn(*args)
            except Exception as error:
                self.raised.note(fn, error)
            except BaseException as error:
                self.keep(error)

    def _dispatch(self, events: list[tuple[int, int]]) -> None:
        if len(events) <= READ_AHEAD:
            self._read(events)
            self._hand_over()
        else:
            for begin in range(0, len(events), READ_AHEAD):
                self._dispatch(events[begin : begin + READ_AHEAD])

    def _read(self, events: list[tuple[int, int]]) -> None:
        """The hot path: read for handlers that flow, and tell the other handlers that they are ready."""
        handlers, removed, arrived = self.poller.handlers, self.poller.removed, self._arrived
        for fd, mask in events:
            if removed and fd in removed:  # in this turn: the number may belong to another registration by now
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
                if arrived:  # deliver earlier reads first: `_on_ready` may close the connection whose data waits here
                    self._hand_over()
                    arrived = self._arrived
                self._invoke(handler._on_ready, mask)

    def _hand_over(self) -> None:
        """Deliver what was read."""
        waiting, self._arrived = self._arrived, self._delivering
        self._delivering = waiting
        try:
            for handler, data in waiting:
                if self.debug:
                    self._invoke(handler._on_data, data)
                    continue
                try:
                    handler._on_data(data)
                except Exception as error:
                    self.raised.note(handler, error)
                except BaseException as error:
                    self.keep(error)
        finally:
            waiting.clear()

    def _run_timers(self) -> None:
        before = self._timers.order
        for _ in range(TIMERS_PER_TURN):
            if (timer := self._timers.pop_due(self.turn_now, before)) is None:
                return
            if (call := timer._take(self.turn_now)) is not None:
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
            except Exception as error:
                self.raised.note(staged, error)
            except BaseException as error:
                self.keep(error)

    def _run_teardowns(self) -> None:
        teardowns = self._teardowns
        for _ in range(len(teardowns)):
            self._guarded(teardowns.popleft()._on_teardown)

    # What connections ask for at the end of the turn.

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

    def spend_send(self) -> bool:
        """True for the first calls of a turn: a peer that reads as fast as we write must not keep others waiting."""
        self._sends_left -= 1
        return self._sends_left >= 0

    def _queued(self) -> bool:
        """True if something waits for a stage of a turn."""
        return bool(self._ready or self._arrived or self._flushes or self._teardowns)

    # What callbacks raise.

    def _guarded(self, fn: Callable[..., object], *args: Any) -> None:
        try:
            fn(*args)
        except Exception as error:
            self.raised.note(fn, error)
        except BaseException as error:
            self.keep(error)

    def timed(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the program that is to be called later: in debug mode it is timed at each call."""
        return fn if self.stopwatch is None else self.stopwatch.timed(fn)

    def keep(self, error: BaseException) -> None:
        """Raise this error at the end of the turn. The first error of a turn counts."""
        if self._kept is None:
            self._kept = error

    def raise_kept(self) -> None:
        """Raise the error that was kept, if there is one."""
        error, self._kept = self._kept, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback holds this frame: no cycle is left

    # When `run()` returns.

    def must_return(self) -> bool:
        """True if `run()` returns after this turn, which then does not sleep."""
        if self._stopping or self._closing or self.closed:
            return True
        if not self._until_idle or self._held or self._jobs.pending:
            return False
        if not self.winding_up and (self._timers.refs or self._watched):
            return False
        return self._kept is None and not self._queued()

    def hold(self) -> None:
        """Add one reason for `run()` to go on: a server that listens, a connection."""
        self._held += 1

    def release(self) -> None:
        """Remove one reason."""
        self._held -= 1

    def close(self) -> None:
        """Between turns: end all connections, tell the program, and close the poller. Raises nothing."""
        if self.inheritance is not None:
            self.inheritance.close()
        for _ in range(LAST_TURNS):
            for tenant in list(self.tenants.values()):  # again each turn: a listener may have called listen() again
                self._guarded(tenant._abandon)
            if not self._queued():
                break
            self._take_last_turn()
        self.closed, self._closing = True, False
        self._jobs.close()
        if self.lookups is not None:
            self.lookups.close()
        self.poller.close()
        (self.signals or self._wakeup).close()  # last: a signal that comes while it closes is still the reactor's
        drop(self._ready)
        self.tenants.clear()
        self.raised.close()
        self._timers = TimerHeap()

    def _take_last_turn(self) -> None:
        """A turn that neither polls nor sleeps: what is queued happens."""
        self.in_turn = self._taking_turn = True
        try:
            self._run_ready()
            self._hand_over()
            self._run_flushes()
            self._run_teardowns()
        finally:
            self.in_turn = self._taking_turn = False
