"""What a fork leaves in the child: nothing that the parent could feel.

The child has copies of every descriptor, and they are of the same sockets, the same epoll instance, the same wake-up
pair. What it says to them, the parent's kernel objects do: epoll_ctl(2) in the child makes the parent deaf, shutdown(2)
ends the parent's connections, SO_LINGER turns the parent's next close into a reset. Only close(2) is the child's own.

So every reactor of the process hears of a fork in the child, before the fork returns there (os.register_at_fork):

    signals        do again what they did before the reactor listened to them
    wake-up pair   closed
    poller         replaced by one that tells the kernel nothing (`Inherited`), and raises when it is to wait
    timers, calls  put aside
    jobs, look-ups, calls of other threads    forgotten: their threads are the parent's
    servers, connections    put aside by their owners (`Tenant._on_fork`); connections then do nothing but close(2)

No hot path asks whether the process has forked: what it works on was replaced. If the fork was in a callback, the turn
that the child is in finishes with empty hands. Then `close()` gives back descriptors, and nothing else; or `renew()`
makes the reactor the child's own, with a new poller and wake-up pair, the listening sockets, the watched descriptors,
the timers, the calls, the signals, and those connections that were asked for.

What others do, as of autumn 2026: libuv has uv_loop_fork, libev ev_loop_fork, libevent event_reinit, which the child
must call, and which keep everything, connections included; before that call the child damages its parent. asyncio has
nothing: a coroutine of the child that ends a transport ends the parent's. Node and Go do not fork.

Rejected: to compare os.getpid() in each call, which costs every message and misses the kernel's objects. To close all
descriptors of the child at once: a child that goes on with the listening sockets needs them.
"""

from __future__ import annotations

import os
from _thread import get_ident
from _weakref import ref
from collections import deque

from ..errors import ReactorError
from ..hints import TYPE_CHECKING, Any
from .jobs import Jobs, resolve
from .poller_choice import poller_for
from .timers import TimerHeap
from .wakeup import registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from selectors import BaseSelector

    from .interfaces import Handler

    Call = tuple[Callable[..., object], tuple[Any, ...]]

_living: dict[int, ref[Any]] = {}  # the turns of reactors that are not closed
_masks: dict[int, Any] = {}  # thread that forks -> the signals that it had blocked


def register(turns: Any) -> None:
    """From now on this reactor hears of forks."""
    key = id(turns)
    _living[key] = ref(turns, lambda gone: _living.pop(key, None))


def check(turns: Any, call: str) -> None:
    """Raise ReactorError in a forked child whose reactor is still its parent's."""
    if turns.inheritance is not None:
        raise refusal(call)


def renew(turns: Any, connections: bool | Iterable[Any], selector: BaseSelector | None) -> None:
    """`Reactor.renew_after_fork`."""
    if turns.closed or turns.inheritance is None:
        raise ReactorError("renew_after_fork() was called where there is nothing to renew: after close(), or no fork")
    turns.inheritance.renew(connections, selector)


def _all() -> list[Any]:
    return [turns for one in list(_living.values()) if (turns := one()) is not None]


def _before() -> None:
    """A signal that comes to the child at once must not meet our handlers there."""
    numbers = {number for turns in _all() if turns.signals is not None for number in turns.signals.numbers}
    if numbers:
        import signal

        _masks[get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)


def _unblock() -> None:
    mask = _masks.pop(get_ident(), None)
    if mask is not None:
        import signal

        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _in_child() -> None:
    mine = [turns for turns in _all() if turns.inheritance is None and not turns.closed]
    signals = [{} if turns.signals is None else turns.signals.forked() for turns in mine]
    for turns, listened in zip(mine, signals, strict=True):
        turns.inheritance = Inheritance(turns, listened)
    mask = _masks.get(get_ident())
    _masks.clear()  # of threads that are the parent's
    if mask is not None:
        _masks[get_ident()] = mask
        _unblock()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_before, after_in_parent=_unblock, after_in_child=_in_child)


class Inheritance:
    """What the parent's reactor has left to the child's."""

    __slots__ = ("_calls", "_in_pieces", "_poller", "_signals", "_timers", "_turns")

    def __init__(self, turns: Any, signals: dict[int, Callable[[int], object]]) -> None:
        self._turns = turns
        self._signals = signals
        self._poller = turns.poller
        self._timers = turns._timers
        self._poller.handlers.clear()  # from which the turn may be reading
        turns.poller = Inherited(turns, self._poller.system)
        turns._wakeup.close()
        turns._timers = TimerHeap()
        theirs = turns._jobs, turns.lookups
        turns._jobs, turns.lookups, turns.shortage = Jobs(turns.queue_threadsafe), None, None
        self._calls = [call for call in turns._ready if not _for_a_thread(call[0], theirs)]
        for queue, nothing in (
            (turns._ready, (_nothing, ())),
            (turns._flushes, _NOTHING),
            (turns._teardowns, _NOTHING),
        ):
            for index in range(len(queue)):  # the turn may be taking as many from it as there were
                queue[index] = nothing
        turns._ready, turns._flushes, turns._teardowns = deque(), deque(), deque()
        aside = {id(conn) for tenant in turns.tenants.values() for conn in tenant._on_fork()}
        # What a connection has queued is bound to the class that it had, and would tell the program.
        self._calls = [call for call in self._calls if id(getattr(call[0], "__self__", None)) not in aside]
        #: The thread of the loop was at work, and what it had in its hands has gone with it.
        self._in_pieces = False
        if turns._owner != get_ident():
            self._in_pieces = turns.in_turn
            turns.in_turn = turns._taking_turn = turns._stopping = turns._until_idle = False
            turns._owner = turns._kept = None
            turns._arrived.clear()
            turns.reactor._running, turns.reactor._thread = False, None

    def close(self) -> None:
        """Give back the descriptors, and tell nobody."""
        turns = self._turns
        for tenant in turns.tenants.values():
            tenant._give_back()
        turns.tenants.clear()
        for queue in (turns._ready, turns._flushes, turns._teardowns, turns._arrived):
            queue.clear()
        self._poller.close()

    def renew(self, connections: bool | Iterable[Any], selector: BaseSelector | None) -> None:
        """Make the reactor the child's own. Raises OSError where there is no descriptor for that; then it can be tried
        again.
        """
        turns = self._turns
        wanted = connections if isinstance(connections, bool) else list(connections)
        if wanted and self._in_pieces:
            raise ReactorError(
                "connections must be False where another thread has forked while the loop was in a turn: "
                "what it had read has gone with its thread"
            )
        keep = [tenant._wanted(wanted) for tenant in turns.tenants.values()]
        known = {id(conn) for kept in keep for conn in kept}
        strange = [] if isinstance(wanted, bool) else [conn for conn in wanted if id(conn) not in known]
        if strange:
            raise ValueError(f"connections must be open connections of this reactor, not {strange[0]!r}")
        poller = self._poller.renewed() if selector is None else poller_for(selector)
        wakeup = registered(poller)
        self._poller.close()
        turns.poller, turns._wakeup, turns.inheritance, turns.signals = poller, wakeup, None, None
        self._timers.take_over(turns._timers)
        turns._timers = self._timers
        turns._ready.extendleft(reversed(self._calls))
        for tenant, kept in zip(list(turns.tenants.values()), keep, strict=True):
            tenant._renew(kept)
        if turns.reactor._watches is not None:
            turns.reactor._watches.renew()
        for signum, fn in self._signals.items():
            turns.reactor.on_signal(signum, fn)


class Inherited:
    """The poller of the child until then: it has no registrations, and tells the kernel nothing."""

    patience = None

    def __init__(self, turns: Any, system: Any) -> None:
        self._turns = turns
        self.system = system
        self.handlers: dict[int, Any] = {}
        self.removed: set[int] = set()

    def add(self, fd: int, mask: int, handler: Handler) -> None: ...

    def change(self, fd: int, mask: int) -> None: ...

    def remove(self, fd: int) -> None: ...

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        if self._turns._kept is None and not self._turns.must_return():
            raise refusal("a turn")
        return []

    def fileno(self) -> int:
        raise refusal("fileno()")

    def close(self) -> None: ...


def refusal(call: str) -> ReactorError:
    """What is raised in the child for a call that would be the parent's."""
    return ReactorError(f"{call} in a forked child: the reactor is its parent's until renew_after_fork()")


def _nothing() -> None: ...


class _Nothing:
    """Stands where something waited for the end of the parent's turn."""

    def _on_flush(self) -> None: ...

    def _on_teardown(self) -> None: ...


_NOTHING = _Nothing()


def _for_a_thread(fn: Callable[..., object], theirs: tuple[Any, ...]) -> bool:
    """True for a call whose answer a thread of the parent waits for, or whose job ran in one. A lock of such a future
    may be held for ever in the child.
    """
    return fn is resolve or getattr(fn, "__self__", None) in theirs
