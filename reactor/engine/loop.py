"""The reactor: what programs call on the loop.

The turn itself, and what connections and servers call, is `Turns` in `turn.py`. A reactor has one; the rest of the
library gets at it by `turns_of`, so that programs see only what is for them. What programs do with every event
(`call_soon`, `call_later`, `call_at`, `run_once`) goes through one frame here.
"""

from __future__ import annotations

import os
import time
from _thread import get_ident
from functools import partial

from .. import arguments
from ..errors import ReactorError, WrongThread
from ..foreign import shown
from ..former import Former
from ..hints import TYPE_CHECKING, Any
from . import forks, sigpipe
from .jobs import resolve
from .poller import READABLE, WRITABLE
from .poller_choice import poller_for
from .turn import Turns

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from selectors import BaseSelector
    from typing import Self

    from .jobs import Callback
    from .statistics import ReactorStatistics
    from .timers import Timer
    from .watch import Watches


class Reactor:
    """A single-threaded event loop.

    `selector` is what it waits on: None for epoll (Linux) or the platform's best, or a `selectors.BaseSelector`,
    which the reactor then owns and closes. `clock` is a function that returns the time in seconds and never goes
    back. `debug` (also set by `REACTOR_DEBUG=1` in the environment) catches calls from the wrong thread, checks
    invariants after listeners and logs callbacks slower than 100 ms. With `preload`, the first `listen` or
    `connect` loads all of the library, so that its files may be replaced under the running program.

    Raises TypeError for arguments of another type.

    The owner is the thread inside `run()`; before that, any thread that calls. From any other thread only
    `call_soon_threadsafe` and `stop` may be called, and `close` after `start_thread`. A reactor is a context
    manager that closes itself.

    An exception of a callback is logged, and the loop goes on. `KeyboardInterrupt` and `SystemExit` leave `run()`
    when the turn is over, and `run()` may be called again.
    """

    hold = Former("_turns.hold", "a watched descriptor, a ref'd timer or a job in a thread keeps run() going")
    release = Former("_turns.release", "a watched descriptor, a ref'd timer or a job in a thread keeps run() going")
    check_thread = Former("_turns.check_thread", "a reactor in debug mode checks the thread of each call")

    _thread: threading.Thread | None  # of start_thread(): run() then goes on while nothing is to do

    def __init__(
        self,
        selector: BaseSelector | None = None,
        clock: Callable[[], float] = time.monotonic,
        debug: bool = False,
        preload: bool = True,
    ) -> None:
        debug = arguments.flag("debug", debug) or os.environ.get("REACTOR_DEBUG", "0") not in ("", "0")
        self._turns = Turns(self, poller_for(selector), arguments.function("clock", clock), debug)
        self._turns.preload = arguments.flag("preload", preload)
        self._born = self._turns.turn_now
        self._running = False
        self._thread = None
        self._watches: Watches | None = None

    # Running.

    def run(self) -> None:
        """Take turns until nothing is left to do, or until `stop()`. May be called again afterwards.

        Left to do: calls that are ready, ref'd timers, ref'd servers that listen, ref'd connections that are not
        closed yet, watched descriptors, jobs of `run_in_thread` whose callback was not called yet. Returns at once
        after `close()`. Raises `ReactorError` when the reactor is running already.
        """
        turns = self._turns
        if turns.inheritance is not None:
            raise forks.refusal("run()")
        if self._running or turns._taking_turn:
            raise ReactorError("run() was called while the reactor is running")
        self._running, turns._owner, turns._until_idle = True, get_ident(), self._thread is None
        try:
            if sigpipe.disposition() is not turns.sigpipe:
                sigpipe.look(turns)
            if turns._stopping and not turns.closed:  # by a stop() that came before
                turns.take_turn(0)
            while not turns.must_return():
                turns.take_turn(None)
        finally:
            self._running = turns._stopping = turns._until_idle = False
            turns._owner = None
            if turns._closing:
                self._finish()

    def run_once(self, timeout: float | None = None) -> None:
        """Take one turn, sleeping up to `timeout` seconds: 0 not at all, None until something happens.

        A host loop embeds this one so: whenever `fileno()` is readable or `next_deadline()` has come, call
        `run_once(0)`. Returns at once after `close()`. Raises `ReactorError` inside a turn, TypeError or ValueError
        for a `timeout` that is no number of seconds, 0 or more.
        """
        turns = self._turns
        timeout = arguments.maybe_seconds("timeout", timeout, zero=True)
        if turns._taking_turn:
            raise ReactorError("run_once() was called from inside a turn of this reactor")
        turns.check_thread()
        if turns.closed:
            return
        forks.check(turns, "run_once()")
        if sigpipe.disposition() is not turns.sigpipe:
            sigpipe.look(turns)
        owner, turns._owner = turns._owner, get_ident()
        try:
            turns.take_turn(timeout)
        finally:
            turns._owner = owner
            if turns._closing:
                self._finish()

    # Stopping.

    def stop(self) -> None:
        """Make `run()` return after this turn; when it is not running, the next `run()` after one turn. Servers,
        connections and timers stay. From any thread.
        """
        self._turns._stopping = True
        self._turns._wakeup.wake()

    def close(self) -> None:
        """Reset every connection (reason `DESTROYED`), deliver each `close` event, close servers, threads of jobs and
        the poller. The reactor is dead afterwards: further calls are harmless, but `listen` and `connect` raise.

        From inside a turn it happens when that turn is over. From another thread than the one of `start_thread()` it
        stops that thread first; raises `WrongThread` while another thread is inside `run()`.
        """
        turns = self._turns
        if turns.closed:
            return
        thread = self._thread
        if thread is not None and thread.ident != get_ident():
            self.stop()
            thread.join()
            if self.closed:  # by itself, since a listener wanted to leave it
                return
        elif self._running and turns._owner != get_ident():
            raise WrongThread("close() was called from a thread that does not run the reactor; stop() it first")
        turns._closing = True
        if not turns._taking_turn and not self._running:
            self._finish()
        else:
            turns._wakeup.wake()  # a signal handler may have called, while the loop sleeps or is about to

    def _finish(self) -> None:
        """Perform `close()`, between turns; raise what was kept at the end."""
        turns = self._turns
        turns.close()
        if self._watches is not None:
            self._watches.close()
        turns.raise_kept()

    def renew_after_fork(self, connections: bool | Iterable[Any] = False, selector: BaseSelector | None = None) -> None:
        """Make this reactor the forked child's own. In a child of fork it is its parent's until then: `run`,
        `run_once`, `listen` and `connect` raise ReactorError, `write` too, and `close()` gives back descriptors only.

        Servers go on accepting, beside the parent if it does; watched descriptors, signals, copies of timers and of
        ready calls go on too. Connections stay the parent's and are over here, without a `close`, but for
        `connections`: True for all that are connected, or some of them. These become the child's, and the parent must
        `destroy()` its copies before it takes another turn. `selector` is as in the constructor; None is another of the
        same kind. Raises ReactorError where there is nothing to renew.
        """
        forks.renew(self._turns, connections, selector)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_thread(self) -> Reactor:
        """Run in a daemon thread until `stop()` or `close()`, also while there is nothing to do. Returns the reactor,
        running. Raises `ReactorError` when it is running already or closed.
        """
        from . import own_thread

        own_thread.start(self)
        return self

    # Calls and timers.

    @property
    def now(self) -> float:
        """The reactor's time in seconds: the time at which the turn began inside a turn, the clock's outside."""
        turns = self._turns
        return turns.turn_now if turns.in_turn else turns.ask_clock()

    def call_soon(self, fn: Callable[..., object], *args: Any) -> None:
        """Call `fn(*args)` in the next turn, after those queued before it. Owner's thread only. Does nothing after
        `close()`. Raises TypeError if `fn` is not callable.
        """
        turns = self._turns
        if turns.debug:
            turns.check_thread()
        if not turns.closed:
            turns._ready.append((arguments.call(fn, args), args))
            if not turns.in_turn:
                turns._wakeup.wake()

    def call_later(self, seconds: float, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn(*args)` in `seconds` (0 or more), never early: the time counts from this call, not from the start
        of the turn. Returns the timer, which can be cancelled; it is cancelled already after `close()`. Raises
        TypeError or ValueError for `seconds` that are no finite number, 0 or more.
        """
        turns = self._turns
        now = turns.clock_time()
        return turns.arm(now + arguments.seconds("seconds", seconds, zero=True), now, arguments.call(fn, args), args)

    def call_at(self, when: float, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn(*args)` at `when`, in seconds of the reactor's time (`now`); in the next turn if that is past.
        Returns the timer and raises as `call_later`.
        """
        turns = self._turns
        return turns.arm(arguments.moment("when", when), turns.clock_time(), arguments.call(fn, args), args)

    def call_every(self, seconds: float, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn(*args)` every `seconds` (more than 0, finite), first in `seconds`, until the returned timer is
        cancelled. It does not drift; times that pass while the loop is busy are left out. If `fn` raises, that is
        logged, and the calls go on. Raises as `call_later`.
        """
        from .timers import RepeatingTimer

        turns = self._turns
        turns.check_thread()
        seconds = arguments.seconds("seconds", seconds)
        timer = RepeatingTimer(turns._timers, turns.clock_time() + seconds, arguments.call(fn, args), args, seconds)
        turns._timers.push(timer, timer.when)
        if turns.closed:
            timer.cancel()
        else:
            turns._wakeup.wake()
        return timer

    def call_soon_threadsafe(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call `fn(*args)` on the loop's thread; from any thread. Returns a `concurrent.futures.Future` with what `fn`
        returns or raises.

        `loop.call_soon_threadsafe(server.listen, "127.0.0.1", 0).result()` is how another thread listens and
        sees the error. On the loop's own thread, `result()` of a call that was not made yet raises `ReactorError`. On a
        closed reactor the future is cancelled.
        """
        from .answer import answer

        arguments.call(fn, args)
        turns = self._turns
        future = answer(turns)
        if turns.inheritance is not None or not turns.queue_threadsafe(resolve, future, turns.timed(fn), args):
            future.cancel()
        return future

    def run_in_thread(self, fn: Callable[..., Any], *args: Any, callback: Callback | None = None) -> None:
        """Call `fn(*args)` in a thread of a pool and then `callback(result, error)` on the loop, where one of the two
        is None. Without a callback, what `fn` raises is logged. Does nothing after `close()`.
        """
        turns = self._turns
        turns.check_thread()
        arguments.call(fn, args)
        arguments.maybe_callback("callback", callback, "result, error")
        if not turns.closed:
            # `_invoke` names the callback in the log, and not the method of `Jobs` that calls it.
            turns._jobs.submit(fn, args, None if callback is None else partial(turns._invoke, callback))

    # Foreign descriptors and signals.

    def watch(self, fd: Any, events: int, fn: Callable[[int, int], object]) -> None:
        """Call `fn(fd, events)` once a turn while the descriptor is ready (level-triggered).

        `fd` is a number or has `fileno()`; `events` is `selectors.EVENT_READ`, `EVENT_WRITE` or both. Watching a
        watched descriptor replaces the former watch. Call `unwatch` before closing the descriptor. Raises OSError for
        what cannot be waited for (a plain file, a directory, a closed descriptor), TypeError or ValueError for other
        arguments, an `ssl.SSLSocket` among them.
        """
        from .watch import Watches, check_watched

        turns = self._turns
        turns.check_thread()
        number = arguments.descriptor("fd", fd)
        check_watched(fd, number)
        if type(events) is not int or events not in (READABLE, WRITABLE, READABLE | WRITABLE):
            raise ValueError(f"events must be EVENT_READ (1), EVENT_WRITE (2) or both (3), not {shown(events)}")
        arguments.callback("fn", fn, "fd, events")
        if turns.closed:
            return
        if self._watches is None:
            self._watches = Watches(turns)
        self._watches.add(number, events, turns.timed(fn))

    def unwatch(self, fd: Any) -> None:
        """Make no more calls for this descriptor, not even for an event that was fetched already. Harmless when it is
        not watched.
        """
        turns = self._turns
        turns.check_thread()
        number = arguments.descriptor("fd", fd)
        if self._watches is not None:
            self._watches.remove(number)

    def on_signal(self, signum: int, fn: Callable[[int], object] | None) -> None:
        """Call `fn(signum)` on the loop when the signal arrives; None restores the handler from before.

        Main thread only, as Python demands: ValueError elsewhere; OSError for a signal that cannot be caught. Listening
        to signals does not keep `run()` going.
        """
        from .signals import Signals, check_call
        from .urgent import told_at_once

        turns = self._turns
        check_call(signum, fn)
        forks.check(turns, "on_signal()")
        if turns.closed:
            return
        if turns.signals is None:
            turns.signals = Signals(told_at_once(turns.queue_threadsafe), turns._wakeup)
        if fn is None:
            turns.signals.forget(signum)
        else:
            turns.signals.listen(signum, fn)

    # Embedding and looking in.

    def fileno(self) -> int:
        """The poller's descriptor: when it is readable, a host loop calls `run_once(0)`. Raises OSError where the
        selector has none.
        """
        return self._turns.poller.fileno()

    def next_deadline(self) -> float | None:
        """When a host loop must call `run_once(0)` at the latest, in seconds of the reactor's time: the present while
        calls are ready, None when there is no deadline.
        """
        turns = self._turns
        if turns._queued():
            return turns.clock_time()
        deadline, patience = turns._timers.next_deadline(), turns.poller.patience
        if patience is None:
            return deadline
        look = turns.clock_time() + patience
        return look if deadline is None else min(look, deadline)

    def statistics(self) -> ReactorStatistics:
        """The counts of this moment."""
        from .statistics import statistics

        return statistics(self._turns, self._born)

    @property
    def closed(self) -> bool:
        """True once `close()` is done."""
        return self._turns.closed

    @property
    def debug(self) -> bool:
        """True in debug mode."""
        return self._turns.debug

    def __repr__(self) -> str:
        turns = self._turns
        state = "closed" if turns.closed else "running" if self._running else "idle"
        return f"<Reactor {state} turns={turns._turns} timers={len(turns._timers)} held={turns._held + turns._watched}>"


def turns_of(reactor: object) -> Turns:
    """What connections, servers and clients call on a reactor; TypeError for anything else than a reactor."""
    if not isinstance(reactor, Reactor):
        raise TypeError(f"loop must be a Reactor, not {shown(reactor)}")
    return reactor._turns
