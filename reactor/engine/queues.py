"""What waits for the loop, and the time: what connections, servers and clients call on their loop.

    ready      calls for the next turn, from the loop's thread and from others (`call_soon`, `queue_threadsafe`)
    arrived    what was read from connections, and not delivered yet
    timers     calls for later
    flushes    connections that send, or tell, at the end of this turn
    teardowns  connections whose descriptor is closed as the last thing of this turn

A turn (`turn.py`) works through them in this order; the last two are filled where they are emptied. What is queued from
outside a turn wakes the loop.
"""

from __future__ import annotations

from _thread import get_ident
from collections import deque

from ..errors import WrongThread
from ..hints import TYPE_CHECKING, Any
from .jobs import drop
from .timers import TimerHeap

if TYPE_CHECKING:
    from collections.abc import Callable

    from .interfaces import Readable, Staged
    from .timers import Timer
    from .wakeup import Wakeup

SENDS_PER_TURN = 16  # large writes that are sent inside the call; later ones wait for the end of the turn


class Queues:
    """The queues and the clock of one loop: the lower storey of `Turns`."""

    # A dict would be slower: CPython keeps up to 30 attributes of such an object fast.
    __slots__ = (
        "_arrived", "_delivering", "_flushes", "_owner", "_ready", "_sends_left", "_teardowns", "_timers", "_wakeup",
        "clock_time", "closed", "debug", "in_turn", "turn_now",
    )  # fmt: skip

    turn_now: float  # the time of this turn: a new float object every turn, so that its identity tells turns apart
    in_turn: bool  # True in a turn, except while it sleeps: what is queued now needs no wake-up
    _owner: int | None  # the thread inside run() or run_once()
    _wakeup: Wakeup

    def __init__(self, clock: Callable[[], float], debug: bool) -> None:
        #: The clock's time, later than `turn_now` by what this turn has taken: deadlines of new work begin here.
        self.clock_time = clock
        self.debug = debug
        self.in_turn = self.closed = False
        self._owner = None
        self.ask_clock()
        self._sends_left = SENDS_PER_TURN
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._arrived: list[tuple[Readable, bytes]] = []
        self._delivering: list[tuple[Readable, bytes]] = []  # the same, being delivered now (`ahead.py`)
        self._timers = TimerHeap()
        self._flushes: deque[Staged] = deque()
        self._teardowns: deque[Staged] = deque()

    # The time.

    @property
    def now(self) -> float:
        """The time in seconds: this turn's inside a turn, the clock's outside."""
        return self.turn_now if self.in_turn else self.ask_clock()

    def ask_clock(self) -> float:
        """Set `turn_now` to the clock's time."""
        self.turn_now = self.clock_time() + 0.0
        return self.turn_now

    # Calls and timers.

    def call_soon(self, fn: Callable[..., object], *args: Any) -> None:
        """Call `fn(*args)` in the next turn, after those queued before it."""
        if self.debug:
            self.check_thread()
        if not self.closed:
            self._ready.append((fn, args))
            if not self.in_turn:
                self._wakeup.wake()

    def queue(self, fn: Callable[[], object]) -> None:
        """Call `fn()` in the next turn. From inside a turn only: nothing is checked."""
        self._ready.append((fn, ()))

    def queue_threadsafe(self, fn: Callable[..., object], *args: Any) -> bool:
        """Call `fn(*args)` in the next turn; from any thread. False if the reactor is closed."""
        posted = not self.closed
        if posted:
            self._ready.append((fn, args))  # deque.append is atomic
            self._wakeup.wake()
        if self.closed:  # perhaps since the first line: then close() did not find it
            drop(self._ready)
        return posted

    def call_later(self, seconds: float, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn(*args)` in `seconds`, counted from now and not from the start of the turn."""
        now = self.clock_time()
        return self.arm(now + seconds, now, fn, args)

    def call_at(self, when: float, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn(*args)` at `when`; in the next turn if that is past."""
        return self.arm(when, self.clock_time(), fn, args)

    def arm(self, when: float, now: float, fn: Callable[..., object], args: tuple[Any, ...]) -> Timer:
        """A timer for `when`, at `now` of the clock; cancelled at once if the reactor is closed."""
        if self.debug:
            self.check_thread()
        timer = self._timers.arm(when, fn, args, now)
        if not self.in_turn:
            if self.closed:
                timer.cancel()
            else:
                self._wakeup.wake()
        return timer

    # Threads.

    def check_thread(self) -> None:
        """In debug mode, raise WrongThread when the calling thread is not the one inside `run()`."""
        if self.debug and self._owner is not None and self._owner != get_ident():
            raise WrongThread.here()
