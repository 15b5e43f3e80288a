"""The reactor: what programs call on the loop. The turn itself is in `turn.py`.

One thread owns it: the one inside `run()`. Connections and servers use a little more of it than programs do:
`turn_now`, `in_turn`, `ask_clock`, `clock_time`, `stalls`, `poller`, `queue`, `flush_soon`, `teardown_soon`, `hold`,
`release`, `tenants`, `check_thread` and `job`.
"""

from __future__ import annotations

import os
import time
from _thread import get_ident
from collections.abc import Callable

from .. import arguments
from ..errors import ReactorError, WrongThread
from ..hints import TYPE_CHECKING, Any, NamedTuple, Protocol
from .jobs import Callback, Jobs, resolve
from .poller import READABLE, WRITABLE, to_mask
from .poller_choice import poller_for
from .timers import Timer, TimerHeap
from .turn import Turns

if TYPE_CHECKING:
    import threading
    from concurrent.futures import Future
    from selectors import BaseSelector

    from .signals import Signals
    from .watch import Watch

LAST_TURNS = 100  # given to listeners that queue more calls while the reactor closes


class ReactorStatistics(NamedTuple):
    """A look at a reactor: counts, except where a unit is named."""

    turns: int
    ready_calls: int
    timers: int
    held: int  # what keeps run() going: ref'd servers that listen, ref'd connections, watched descriptors
    jobs: int
    uptime: float  # seconds since the reactor was made


class Tenant(Protocol):
    """What has connections on a reactor."""

    def abandon(self) -> None: ...  # the reactor closes: end them all


class Reactor(Turns):
    """A single-threaded event loop.

    `selector` is what it waits on: None for epoll (Linux) or the platform's best, or any
    `selectors.BaseSelector`, which the reactor then owns and closes. `clock` gives the time in seconds and
    must never go back. `debug` (also by `REACTOR_DEBUG=1` in the environment) catches calls from the wrong
    thread, checks invariants after listeners and logs callbacks slower than 100 ms.

    The owner is the thread inside `run()`; before that, whoever calls. From any other thread only
    `call_soon_threadsafe` and `stop` may be called, and `close` after `start_thread`. A reactor is a context
    manager that stops and closes itself.
    """

    def __init__(
        self,
        selector: BaseSelector | None = None,
        clock: Callable[[], float] = time.monotonic,
        debug: bool = False,
    ) -> None:
        debug = arguments.flag("debug", debug) or os.environ.get("REACTOR_DEBUG", "0") not in ("", "0")
        super().__init__(poller_for(selector), arguments.function("clock", clock), debug)
        self._born = self.turn_now
        self._held = 0  # reasons for run() to go on: servers that listen, connections
        self._running = self._stopping = self._forever = self._closed = False
        self._owner: int | None = None
        self._thread: threading.Thread | None = None
        #: Whose connections end with the reactor: servers that listen or stop, and the clients as a whole.
        self.tenants: dict[object, Tenant] = {}
        self._jobs = Jobs(self._queue_threadsafe)
        self._lookups = Jobs(self._queue_threadsafe)  # a slow resolver does not hold up the program's own
        self._signals: Signals | None = None
        self._watched: dict[int, Watch] = {}

    # Running.

    def run(self) -> None:
        """Take turns until nothing is left to do, or until `stop()`.

        Left to do: calls that are ready, ref'd timers, ref'd servers that listen, ref'd connections not
        closed yet, watched descriptors, thread jobs not answered. May be called again afterwards. Returns at
        once after `close()`. Raises `ReactorError` when it is running already.
        """
        if self._running or self._taking_turn:
            raise ReactorError("run() was called while the reactor is running")
        self._running, self._owner = True, get_ident()
        try:
            while not self._must_return():
                self.take_turn(None)
        finally:
            self._running, self._stopping, self._owner = False, False, None
            if self._closing:
                self._finish()

    def run_once(self, timeout: float | None = None) -> None:
        """Take one turn, sleeping at most `timeout` seconds: 0 not at all, None until something happens.

        This is how a host loop embeds this one: whenever `fileno()` is readable or `next_deadline()` has
        come, call `run_once(0)`.
        """
        timeout = arguments.maybe_seconds("timeout", timeout, zero=True)
        if self._taking_turn:
            raise ReactorError("run_once() was called from inside a turn of this reactor")
        self._check_thread()
        if self._closed:
            return
        try:
            self.take_turn(timeout)
        finally:
            if self._closing:
                self._finish()

    def _must_return(self) -> bool:
        if self._stopping or self._closing or self._closed:
            return True
        return self._running and not self._forever and not self._busy()

    def _busy(self) -> bool:
        """Is something left to do?"""
        waits = self._held or self._kept or self._timers.refs or self._watched or self._jobs.pending
        return bool(waits) or self._queued()

    # Stopping.

    def stop(self) -> None:
        """Make `run()` return after this turn, and leave all as it is. From any thread; harmless when not running."""
        if self._running:
            self._stopping = True
            self._wakeup.wake()

    def close(self) -> None:
        """Reset every connection (reason `DESTROYED`), deliver each `close`, close listeners, pool and
        poller.

        From inside a turn it happens when that turn is over. From another thread than the one of
        `start_thread()` it stops that thread first. Calls after it are harmless, but `listen` and `connect` raise.
        """
        if self._closed:
            return
        thread = self._thread
        if thread is not None and thread.ident != get_ident():
            self.stop()
            thread.join()
        elif self._running and self._owner != get_ident():
            raise WrongThread("close() was called from a thread that does not run the reactor; stop() it first")
        self._closing = True
        if not self._taking_turn and not self._running:
            self._finish()
        else:
            self._wakeup.wake()  # a signal handler may have called, and it sleeps, or is about to

    def _finish(self) -> None:
        """Performs `close()`, between turns."""
        for _ in range(LAST_TURNS):
            for tenant in list(self.tenants.values()):  # again each turn: a listener may have listened again
                self._guarded(tenant.abandon)
            if not self._queued():
                break
            self.take_last_turn()
        self._closed = True
        self._closing = False
        self._jobs.close()
        self._lookups.close()
        self.poller.close()
        self._wakeup.close()
        for fn, args in self._ready:  # queued by another thread in the last moment
            if fn is resolve:
                args[0].cancel()
        self._ready.clear()
        self._watched.clear()
        self.tenants.clear()
        self._timers = TimerHeap()
        if self._signals is not None:
            self._signals.close()  # last: a signal that comes while it closes is still the reactor's
        self._raise_kept()

    def __enter__(self) -> Reactor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_thread(self) -> Reactor:
        """Run in a daemon thread until stopped, also while there is nothing to do. Returns the reactor,
        running.
        """
        thread = self._thread
        if self._running and (thread is None or not self._stopping):
            raise ReactorError("start_thread() was called while the reactor is running")
        if thread is not None:
            thread.join()  # stopped, and about to end
        if self._closed:
            raise ReactorError("start_thread() was called on a closed reactor")
        import threading

        started = threading.Event()
        self._forever = True
        self.call_soon(started.set)
        self._thread = threading.Thread(target=self._run_in_own_thread, name="reactor", daemon=True)
        self._thread.start()
        started.wait()
        return self

    def _run_in_own_thread(self) -> None:
        try:
            self.run()
        finally:
            self._forever = False
            self._thread = None

    # Calls and timers.

    @property
    def now(self) -> float:
        """The reactor's time in seconds: this turn's inside a turn, the clock's outside."""
        return self.turn_now if self.in_turn else self.ask_clock()

    def call_soon(self, fn: Callable[..., object], *args: Any) -> None:
        """Call `fn(*args)` in the next turn, after those queued before it. Owner's thread only."""
        self._check_thread()
        if not self._closed:
            self._ready.append((arguments.function("fn", fn), args))
            if not self.in_turn:
                self._wakeup.wake()

    def call_later(self, seconds: float, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn(*args)` in `seconds` (0 or more), never early. The clock is asked now, not at the start of
        the turn.
        """
        now = self._clock()
        return self._arm(now + arguments.seconds("seconds", seconds, zero=True), now, fn, args)

    def call_at(self, when: float, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn(*args)` at `when` of the reactor's time; in the next turn if that is past."""
        return self._arm(arguments.moment("when", when), self._clock(), fn, args)

    def _arm(self, when: float, now: float, fn: Callable[..., object], args: tuple[Any, ...]) -> Timer:
        self._check_thread()
        timer = self._timers.arm(when, arguments.function("fn", fn), args, now)
        if self._closed:
            timer.cancel()
        elif not self.in_turn:
            self._wakeup.wake()
        return timer

    def call_soon_threadsafe(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call `fn(*args)` on the loop's thread; from any thread. The future holds what it returned or
        raised.

        `loop.call_soon_threadsafe(server.listen, "127.0.0.1", 0).result()` is how another thread listens and
        sees the error. On a closed reactor the future is cancelled.
        """
        from concurrent.futures import Future

        arguments.function("fn", fn)
        future: Future[Any] = Future()
        if not self._queue_threadsafe(resolve, future, fn, args):
            future.cancel()
        return future

    def _queue_threadsafe(self, fn: Callable[..., object], *args: Any) -> bool:
        if self._closed:
            return False
        self._ready.append((fn, args))  # deque.append is atomic
        self._wakeup.wake()
        return True

    def run_in_thread(self, fn: Callable[..., Any], *args: Any, callback: Callback | None = None) -> None:
        """Call `fn(*args)` in a thread pool and then `callback(result, error)` on the loop, one of the two
        being None.

        Without a callback, what `fn` raises is logged.
        """
        self._check_thread()
        arguments.function("fn", fn)
        arguments.maybe_function("callback", callback)
        if not self._closed:
            self._jobs.submit(fn, args, callback)

    # Foreign descriptors and signals.

    def watch(self, fd: Any, events: int, fn: Callable[[int, int], object]) -> None:
        """Call `fn(fd, events)` while the descriptor is ready, level-triggered.

        `fd` is a number or has `fileno()`; `events` is `selectors.EVENT_READ`, `EVENT_WRITE` or both.
        Watching a watched descriptor replaces what was asked before. `unwatch` before closing it. Raises
        OSError for what cannot be polled (a plain file).
        """
        from .watch import Watch

        self._check_thread()
        number = arguments.descriptor("fd", fd)
        if type(events) is not int or events not in (READABLE, WRITABLE, READABLE | WRITABLE):
            raise ValueError(f"events must be EVENT_READ (1), EVENT_WRITE (2) or both (3), not {events!r}")
        watch = Watch(number, events, arguments.function("fn", fn))
        if self._closed:
            return
        self.unwatch(number)
        self.poller.add(number, to_mask(events), watch)
        self._watched[number] = watch

    def unwatch(self, fd: Any) -> None:
        """No more calls for this descriptor, not even for an event already fetched. Harmless when it is not
        watched.
        """
        self._check_thread()
        number = arguments.descriptor("fd", fd)
        watch = self._watched.pop(number, None)
        if watch is not None:
            watch.fn = None
            self.poller.remove(number)

    def on_signal(self, signum: int, fn: Callable[[int], object] | None) -> None:
        """Call `fn(signum)` on the loop when the signal arrives; None puts back what was there before.

        Main thread only, as Python demands (ValueError). Listening to signals does not keep `run()` going.
        """
        from .signals import Signals, check_call

        check_call(signum, fn)
        if self._signals is None:
            self._signals = Signals(self._queue_threadsafe, self._wakeup.write_fileno())
        if fn is None:
            self._signals.forget(signum)
        elif not self._closed:
            self._signals.listen(signum, fn)

    # Embedding and looking in.

    def fileno(self) -> int:
        """The poller's descriptor: readable means "call `run_once(0)`". OSError where the selector has none."""
        return self.poller.fileno()

    def next_deadline(self) -> float | None:
        """When a host loop must call `run_once(0)` at the latest, in the reactor's time: now, while calls are
        ready; None: not needed.
        """
        if self._queued():
            return self._clock()
        deadline, patience = self._timers.next_deadline(), self.poller.patience
        if patience is None:
            return deadline
        look = self._clock() + patience
        return look if deadline is None else min(look, deadline)

    def statistics(self) -> ReactorStatistics:
        """Counts as of now."""
        return ReactorStatistics(
            turns=self._turns,
            ready_calls=len(self._ready),
            timers=len(self._timers),
            held=self._held + len(self._watched),
            jobs=self._jobs.pending,
            uptime=self._clock() - self._born,
        )

    def __repr__(self) -> str:
        state = "closed" if self._closed else "running" if self._running else "idle"
        return f"<Reactor {state} turns={self._turns} timers={len(self._timers)} held={self._held}>"

    # For connections and servers.

    @property
    def closed(self) -> bool:
        """True once `close()` is done."""
        return self._closed

    def hold(self) -> None:
        """One more reason for `run()` to go on."""
        self._held += 1

    def release(self) -> None:
        """One reason less."""
        self._held -= 1

    def job(self, fn: Callable[..., Any], *args: Any, callback: Callback) -> Future[Any] | None:
        """As `run_in_thread`, in threads apart, and `run()` does not wait for it. The future can be cancelled."""
        return None if self._closed else self._lookups.submit(fn, args, callback, waited_for=False)

    def check_thread(self) -> None:
        """Raise WrongThread when the calling thread is not the one inside `run()`."""
        if self._owner is not None and self._owner != get_ident():
            import threading

            raise WrongThread(
                f"called from thread {threading.current_thread().name!r}, which does not run the reactor: "
                "use call_soon_threadsafe"
            )

    def _check_thread(self) -> None:
        if self.debug:
            self.check_thread()
